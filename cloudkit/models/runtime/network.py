"""Packed ids to pooled states: embedding, layers, pooling and statistics, as cloudkit.models has them in torch.

What a token alone decides is looked up: tables of the vocabulary are made once, when the model is read.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.models.features import ELEMENT_KIND, FRACTION, SPACE_GROUP, WYCKOFF, places, site_table
from cloudkit.models.layout import Layout
from cloudkit.models.runtime.layers import Array, Layer, Linear, Norm, Weights

Indices = NDArray[np.int64]
LEAST: Final = 1e-6  # a sum that is divided by counts as no less


class Network:
    """An encoder over compact tokens and the statistics of its strings."""

    def __init__(
        self, encoder: Mapping[str, Any], vocabulary: tuple[str, ...], weights: Weights, prefix: str
    ) -> None:
        name = f"{prefix}encoder.embedding."
        self.pooling, self.width, self.merge = encoder["pooling"], encoder["width"], encoder["merge"]
        self.kind, self.amount = weights[name + "kind"], weights[name + "amount"]
        self.known = weights[name + "known"]
        self.table, self.contrast = weights[name + "table.weight"], None
        of_elements = _columns(self.known[self.kind == ELEMENT_KIND])
        if encoder["features"]:
            self.table = self.table + self.known @ weights[name + "features.weight"].T
            self.contrast = self.known[:, of_elements] @ weights[name + "contrast.weight"].T
        self.share = Linear(weights, name + "share")
        self.site, self.pair = None, None
        if self.merge:
            self.group, self.letter = places(vocabulary, self.kind.astype(np.uint8))
            self.count = weights[name + "count.weight"][:, 0]
            if encoder["features"]:
                self.sites, self.site = site_table().astype(np.float32), Linear(weights, name + "site")
        else:
            self.pair = Linear(weights, name + "pair")
        self.layers = [
            Layer(encoder, weights, f"{prefix}encoder.layers.{index}") for index in range(encoder["layers"])
        ]
        self.norm = Norm(encoder["norm"], weights, f"{prefix}encoder.norm")
        self.score = Linear(weights, f"{prefix}encoder.score") if self.pooling == "attention" else None
        self.of_elements = of_elements
        self.of_groups = _columns(self.known[self.kind == SPACE_GROUP])
        self.of_sites = _columns(self.known[self.kind == WYCKOFF])
        parts = {"cls": 1, "mean": 2, "cls_mean": 3, "attention": 3}[self.pooling]
        self.pooled_width: int = parts * self.width + sum(
            times * (columns.stop - columns.start)
            for times, columns in ((4, of_elements), (1, self.of_groups), (2, self.of_sites))
        ) + 3  # fmt: skip
        self.kinds = self.kind.astype(np.uint8)

    def pooled(self, layout: Layout) -> Array:
        """What heads read of each string: (strings, pooled width and statistics)."""
        share = self._shares(layout)
        embedded, row_share = self._embed(layout, share)
        orbits, bias = layout.orbits, None
        offsets = layout.offsets
        if orbits is not None:
            offsets = orbits.offsets
            bias = np.log(np.where(row_share > 0, row_share, 1)).astype(np.float32)
        x = embedded
        for layer in self.layers:
            x = layer(x, offsets, bias)
        states = self.norm(x)
        first = layout.offsets[:-1] if orbits is None else orbits.first
        # strings in the order of their rows, which with merged orbits is by number of rows
        order = np.argsort(first, kind="stable") if orbits is not None else None
        parts = []
        if self.pooling != "mean":
            parts.append(states[first])
        if self.pooling != "cls":
            parts.append(_mean(states, row_share, offsets, order))
        if self.score is not None:
            weight = row_share * np.exp(np.clip(self.score(states)[:, 0], -9, 9))
            parts.append(_mean(states, weight, offsets, order))
        elif self.pooling != "cls":
            parts.append(_mean(embedded, row_share, offsets, order))
        found: Array = np.concatenate([*parts, self._statistics(layout, share)], axis=1)
        return found

    def _shares(self, layout: Layout) -> Array:
        """Each element token's share of the atoms of its crystal (tokens,); 0 for other tokens."""
        kind, amount = self.kind[layout.ids], self.amount[layout.ids]
        starts = np.flatnonzero(np.diff(layout.segment, prepend=-1))
        sites = np.add.reduceat(amount * (kind == WYCKOFF), starts)[layout.segment]
        after = np.roll(np.where(kind == FRACTION, amount, np.float32(1)), -1)
        atoms: Array = np.where(sites > 0, sites, np.float32(1)) * after * (kind == ELEMENT_KIND)
        total = np.add.reduceat(atoms, layout.offsets[:-1])
        shares: Array = np.divide(atoms, np.maximum(total, LEAST)[layout.sequence], dtype=np.float32)
        return shares

    def _embed(self, layout: Layout, share: Array) -> tuple[Array, Array]:
        """Vectors (rows, width) and the share of the atoms of each row (rows,)."""
        orbits = layout.orbits
        if orbits is None:
            vectors = self._symbols(layout, share, np.arange(len(layout.ids)))
            assert self.pair is not None
            starts = np.flatnonzero(np.diff(layout.segment, prepend=-1))
            sums: Array = np.add.reduceat(vectors, starts, axis=0)
            return vectors + self.pair(sums)[layout.segment], share
        rows = len(orbits.sequence)
        # equal segments have equal vectors, so the mean over twins is that of the first of them
        starts = np.flatnonzero(np.diff(layout.segment, prepend=-1))
        of_segment = orbits.row[starts]
        _, first = np.unique(of_segment, return_index=True)
        outside = np.isin(of_segment, orbits.first)
        chosen = outside.copy()
        chosen[first] = True
        tokens = np.flatnonzero(chosen[layout.segment])
        tokens = tokens[np.argsort(orbits.row[tokens], kind="stable")]
        vectors = self._symbols(layout, share, tokens)
        if self.site is not None:
            of_group = self.group[layout.ids] * (layout.place == 1)
            group = np.add.reduceat(of_group, layout.offsets[:-1])[layout.sequence[tokens]]
            vectors += self.site(self.sites[group, self.letter[layout.ids[tokens]]])
        starts = np.flatnonzero(np.diff(orbits.row[tokens], prepend=-1))
        summed: Array = np.add.reduceat(vectors, starts, axis=0)
        summed += np.log(orbits.twins.astype(np.float32))[:, None] * self.count
        row_share = np.bincount(orbits.row, weights=share, minlength=rows).astype(np.float32)
        return summed, row_share

    def _symbols(self, layout: Layout, share: Array, tokens: Indices) -> Array:
        """Vectors (n, width) of some tokens by themselves: learned and known, contrast with the crystal, share of the atoms."""
        ids = layout.ids[tokens]
        vectors: Array = self.table[ids]
        elements = np.flatnonzero(share > 0)
        own = np.flatnonzero(self.kind[ids] == ELEMENT_KIND)
        if self.contrast is not None:
            mean = _sums(
                self.contrast[layout.ids[elements]] * share[elements, None],
                layout.sequence[elements],
                layout.count,
            )
            vectors[own] += self.contrast[ids[own]] - mean[layout.sequence[tokens[own]]]
        amount = share[tokens]
        there = np.flatnonzero(amount > 0)
        vectors[there] += self.share(np.log(np.maximum(amount[there], np.float32(1e-3)))[:, None])
        return vectors

    def _statistics(self, layout: Layout, share: Array) -> Array:
        """What is known of each crystal (strings, statistics); see cloudkit.models.embedding."""
        kind, count = self.kind[layout.ids], layout.count
        elements, sites = np.flatnonzero(kind == ELEMENT_KIND), np.flatnonzero(kind == WYCKOFF)
        at, weight = layout.sequence[elements], share[elements, None]
        known = self.known[:, self.of_elements][layout.ids[elements]]
        mean = _sums(known * weight, at, count)
        spread = _sums(np.abs(known - mean[at]) * weight, at, count)
        at_site = layout.sequence[sites]
        amount: Array = self.amount[layout.ids[sites]]
        of_site = self.known[:, self.of_sites][layout.ids[sites]]
        atoms = np.bincount(at_site, weights=amount, minlength=count).astype(np.float32)
        portion = np.divide(amount, np.maximum(atoms, LEAST)[at_site], dtype=np.float32)[:, None]
        groups = np.flatnonzero(kind == SPACE_GROUP)
        of_group = self.known[:, self.of_groups][layout.ids[groups]]
        counts = np.stack(
            [atoms, np.bincount(at_site, minlength=count), np.bincount(at, minlength=count)], axis=1
        )
        parts = [
            mean, spread, _extreme(np.minimum, known, at, count), _extreme(np.maximum, known, at, count),
            _sums(of_site * portion, at_site, count), _extreme(np.maximum, of_site, at_site, count),
            _sums(of_group, layout.sequence[groups], count),
            np.log(np.maximum(counts, 1)).astype(np.float32),
        ]  # fmt: skip
        return np.concatenate(parts, axis=1)


def _columns(known: Array) -> slice:
    """The columns that are used by the tokens of one kind."""
    used = np.flatnonzero((known != 0).any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)


def _sums(values: Array, index: Indices, count: int) -> Array:
    """Sums (count, columns) of the rows of values that share an index, which ascends."""
    return _reduce(np.add, values, index, count)


def _extreme(how: np.ufunc, values: Array, index: Indices, count: int) -> Array:
    """Least or greatest (count, columns) of the rows of values that share an index, which ascends; 0 where there are none."""
    return _reduce(how, values, index, count)


def _reduce(how: np.ufunc, values: Array, index: Indices, count: int) -> Array:
    out = np.zeros((count, values.shape[1]), dtype=np.float32)
    if len(index):
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        out[index[starts]] = how.reduceat(values, starts, axis=0)
    return out


def _mean(values: Array, weight: Array, offsets: Indices, order: Indices | None) -> Array:
    """Means (strings, width) of values (rows, width), by weight (rows,); order: which string each run of rows is of."""
    starts = offsets[:-1]
    total = np.maximum(np.add.reduceat(weight, starts), LEAST)
    share = weight / np.repeat(total, np.diff(offsets))
    found: Array = np.add.reduceat(values * share[:, None], starts, axis=0)
    if order is None:
        return found
    out = np.empty_like(found)
    out[order] = found
    return out
