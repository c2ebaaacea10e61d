"""Packed ids to pooled states: embedding, layers, pooling and statistics, the NumPy twin of cloudkit.models.

Everything that depends on a single token is a table over the vocabulary, computed when the model is read.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloudkit.models.features import ELEMENT_KIND, FRACTION, SPACE_GROUP, WYCKOFF, site_indices, site_table
from cloudkit.models.layout import Layout, lay_out
from cloudkit.models.runtime.layers import Array, Layer, Linear, Norm, Weights

Indices = NDArray[np.int64]
BATCH_TOKENS: Final = 4096  # so that activations stay in the cache of a core
MIN_DENOMINATOR: Final = 1e-6


class OrbitStates(NamedTuple):
    """Orbits of a batch: states (n, width), index of the string (n,), ascending, and share (n,) of its atoms."""

    states: Array
    string: Indices
    share: Array

    def summary(self, values: Array, count: int) -> Array:
        """Return mean over atoms, minimum and maximum of values (n, columns) in each string: (count, 3 columns)."""
        total = np.bincount(self.string, weights=self.share, minlength=count)
        weight = (self.share / np.maximum(total, MIN_DENOMINATOR)[self.string]).astype(np.float32)[:, None]
        ends = (_reduce(how, values, self.string, count) for how in (np.minimum, np.maximum))
        return np.concatenate([_sums(values * weight, self.string, count), *ends], axis=1)


class Rows(NamedTuple):
    """Output of the layers for a batch: a row for each token, or with merged orbits for each distinct orbit.

    embedded, states (rows, width); row_share (rows,), share (tokens,): of the atoms of the crystal; offsets (strings + 1,): where
    the rows of a string begin; first (strings,): row of its first token; order (strings,): the strings in the order of their rows.
    """

    embedded: Array
    states: Array
    row_share: Array
    share: Array
    offsets: Indices
    first: Indices
    order: Indices

    def mean(self, values: Array, weight: Array) -> Array:
        """Return weighted means (strings, columns) of values (rows, columns) with weight (rows,)."""
        starts = self.offsets[:-1]
        total = np.maximum(np.add.reduceat(weight, starts), MIN_DENOMINATOR)
        share = weight / np.repeat(total, np.diff(self.offsets))
        out = np.empty((len(starts), values.shape[1]), dtype=np.float32)
        out[self.order] = np.add.reduceat(values * share[:, None], starts, axis=0)
        return out

    def orbits(self) -> "OrbitStates":
        """Return the rows that are orbits, ordered by string."""
        string = np.repeat(self.order, np.diff(self.offsets))
        chosen = np.flatnonzero(self.row_share > 0)
        chosen = chosen[np.argsort(string[chosen], kind="stable")]
        return OrbitStates(self.states[chosen], string[chosen], self.row_share[chosen])


class Network:
    """An encoder over compact tokens, and the statistics of its strings."""

    def __init__(
        self, spec: Mapping[str, Any], vocabulary: tuple[str, ...], weights: Weights, prefix: str
    ) -> None:
        encoder, self.dialect = spec["encoder"], str(spec["tokens"]["dialect"])
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
            self.group, self.letter = site_indices(vocabulary, self.kind.astype(np.uint8))
            self.count = weights[name + "count.weight"][:, 0]
            self.role = weights[name + "roles.weight"][ELEMENT_KIND]
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

    def pool(self, ids: NDArray[Any], offsets: Indices) -> Array:
        """Return the inputs of value heads (strings, pooled_width) for packed ids: pooled states followed by statistics.

        Equal strings are computed once, so that their values do not depend on their position in a batch.
        """
        return self._map(ids, offsets, lambda layout: self._pooled(layout, self._rows(layout)))

    def read_orbits(
        self, ids: NDArray[Any], offsets: Indices, read: Callable[[Array, OrbitStates], NDArray[Any]]
    ) -> NDArray[Any]:
        """Apply `read` to the inputs of value heads and the states of the orbits: (strings, columns) for packed ids."""

        def of_batch(layout: Layout) -> NDArray[Any]:
            rows = self._rows(layout)
            orbits = rows.orbits()
            if self.merge:
                orbits = orbits._replace(states=orbits.states + self.role)
            return read(self._pooled(layout, rows), orbits)

        return self._map(ids, offsets, of_batch)

    def _map(
        self, ids: NDArray[Any], offsets: Indices, of_batch: Callable[[Layout], NDArray[Any]]
    ) -> NDArray[Any]:
        """Apply a function (layout) -> (strings, columns) to the distinct strings in batches, and repeat its rows for equal strings."""
        data, ends = np.ascontiguousarray(ids), offsets.tolist()
        numbers: dict[bytes, int] = {}
        indices = [
            numbers.setdefault(data[start:end].tobytes(), len(numbers)) for start, end in pairwise(ends)
        ]
        unique = np.array(indices, dtype=np.int64)
        first = np.unique(unique, return_index=True)[1]
        chosen, values = [], []
        for place, part, bounds in _batches(data, offsets, first):
            chosen.append(place)
            values.append(of_batch(lay_out(part, bounds, self.kinds, self.dialect, self.merge)))
        if not chosen:
            return np.empty((0, self.pooled_width), dtype=np.float32)
        return np.concatenate(values)[np.argsort(np.concatenate(chosen))][unique]

    def _rows(self, layout: Layout) -> Rows:
        """Run the layers on one batch."""
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
        first = layout.offsets[:-1] if orbits is None else orbits.first
        # order of the strings in the rows: with merged orbits, by number of rows
        order = np.arange(layout.count) if orbits is None else np.argsort(first, kind="stable")
        return Rows(embedded, self.norm(x), row_share, share, offsets, first, order)

    def _pooled(self, layout: Layout, rows: Rows) -> Array:
        parts = []
        if self.pooling != "mean":
            parts.append(rows.states[rows.first])
        if self.pooling != "cls":
            parts.append(rows.mean(rows.states, rows.row_share))
        if self.score is not None:
            weight = rows.row_share * np.exp(np.clip(self.score(rows.states)[:, 0], -9, 9))
            parts.append(rows.mean(rows.states, weight))
        elif self.pooling != "cls":
            parts.append(rows.mean(rows.embedded, rows.row_share))
        found: Array = np.concatenate([*parts, self._statistics(layout, rows.share)], axis=1)
        return found

    def _shares(self, layout: Layout) -> Array:
        """Return the atomic fraction of each element token in its crystal (tokens,); 0 for other tokens."""
        kind, amount = self.kind[layout.ids], self.amount[layout.ids]
        starts = np.flatnonzero(np.diff(layout.segment, prepend=-1))
        sites = np.add.reduceat(amount * (kind == WYCKOFF), starts)[layout.segment]
        after = np.roll(np.where(kind == FRACTION, amount, np.float32(1)), -1)
        atoms: Array = np.where(sites > 0, sites, np.float32(1)) * after * (kind == ELEMENT_KIND)
        total = np.add.reduceat(atoms, layout.offsets[:-1])
        shares: Array = np.divide(
            atoms, np.maximum(total, MIN_DENOMINATOR)[layout.sequence], dtype=np.float32
        )
        return shares

    def _embed(self, layout: Layout, share: Array) -> tuple[Array, Array]:
        """Return vectors (rows, width), and the atomic fraction of each row (rows,)."""
        orbits = layout.orbits
        if orbits is None:
            vectors = self._symbols(layout, share, np.arange(len(layout.ids)))
            assert self.pair is not None
            starts = np.flatnonzero(np.diff(layout.segment, prepend=-1))
            sums: Array = np.add.reduceat(vectors, starts, axis=0)
            return vectors + self.pair(sums)[layout.segment], share
        rows = len(orbits.sequence)
        # equal segments have equal vectors, so the first of them is their mean
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
            of_group = self.group[layout.ids] * (layout.position == 1)
            group = np.add.reduceat(of_group, layout.offsets[:-1])[layout.sequence[tokens]]
            vectors += self.site(self.sites[group, self.letter[layout.ids[tokens]]])
        starts = np.flatnonzero(np.diff(orbits.row[tokens], prepend=-1))
        summed: Array = np.add.reduceat(vectors, starts, axis=0)
        summed += np.log(orbits.repeats.astype(np.float32))[:, None] * self.count
        row_share = np.bincount(orbits.row, weights=share, minlength=rows).astype(np.float32)
        return summed, row_share

    def _symbols(self, layout: Layout, share: Array, tokens: Indices) -> Array:
        """Return vectors (n, width) of single tokens: learned and features, contrast to the crystal, atomic fraction."""
        ids = layout.ids[tokens]
        vectors: Array = self.table[ids]
        elements = np.flatnonzero(share > 0)
        is_element = np.flatnonzero(self.kind[ids] == ELEMENT_KIND)
        if self.contrast is not None:
            mean = _sums(
                self.contrast[layout.ids[elements]] * share[elements, None],
                layout.sequence[elements],
                layout.count,
            )
            vectors[is_element] += self.contrast[ids[is_element]] - mean[layout.sequence[tokens[is_element]]]
        fraction = share[tokens]
        present = np.flatnonzero(fraction > 0)
        vectors[present] += self.share(np.log(np.maximum(fraction[present], np.float32(1e-3)))[:, None])
        return vectors

    def _statistics(self, layout: Layout, share: Array) -> Array:
        """Return the statistics of each string (strings, statistics); see cloudkit.models.embedding.Statistics."""
        kind, count = self.kind[layout.ids], layout.count
        elements, sites = np.flatnonzero(kind == ELEMENT_KIND), np.flatnonzero(kind == WYCKOFF)
        at, weight = layout.sequence[elements], share[elements, None]
        of_element = self.known[:, self.of_elements][layout.ids[elements]]
        mean = _sums(of_element * weight, at, count)
        spread = _sums(np.abs(of_element - mean[at]) * weight, at, count)
        at_site = layout.sequence[sites]
        amount: Array = self.amount[layout.ids[sites]]
        of_site = self.known[:, self.of_sites][layout.ids[sites]]
        atoms = np.bincount(at_site, weights=amount, minlength=count).astype(np.float32)
        portion = np.divide(amount, np.maximum(atoms, MIN_DENOMINATOR)[at_site], dtype=np.float32)[:, None]
        groups = np.flatnonzero(kind == SPACE_GROUP)
        of_group = self.known[:, self.of_groups][layout.ids[groups]]
        counts = np.stack(
            [atoms, np.bincount(at_site, minlength=count), np.bincount(at, minlength=count)], axis=1
        )
        parts = [
            mean, spread, _reduce(np.minimum, of_element, at, count), _reduce(np.maximum, of_element, at, count),
            _sums(of_site * portion, at_site, count), _reduce(np.maximum, of_site, at_site, count),
            _sums(of_group, layout.sequence[groups], count),
            np.log(np.maximum(counts, 1)).astype(np.float32),
        ]  # fmt: skip
        return np.concatenate(parts, axis=1)


def _batches(
    ids: NDArray[Any], offsets: Indices, strings: Indices
) -> Iterator[tuple[Indices, Indices, Indices]]:
    """Yield strings sorted by length, BATCH_TOKENS at a time: indices into `strings`, packed ids and offsets."""
    starts, lengths = offsets[:-1][strings], np.diff(offsets)[strings]
    order = np.argsort(lengths, kind="stable")
    batch = np.cumsum(lengths[order]) // BATCH_TOKENS
    for chosen in np.split(order, np.flatnonzero(np.diff(batch)) + 1):
        if len(chosen):
            ends = np.concatenate([[0], np.cumsum(lengths[chosen])])
            tokens = np.arange(ends[-1]) + np.repeat(starts[chosen] - ends[:-1], lengths[chosen])
            yield chosen, ids[tokens].astype(np.int64), ends


def _columns(features: Array) -> slice:
    """Return the range of columns that the tokens of one kind use."""
    used = np.flatnonzero((features != 0).any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)


def _sums(values: Array, index: Indices, count: int) -> Array:
    """Sum rows of values by ascending index, to (count, columns)."""
    return _reduce(np.add, values, index, count)


def _reduce(how: np.ufunc, values: Array, index: Indices, count: int) -> Array:
    """Reduce rows of values by ascending index, to (count, columns); 0 for indices without rows."""
    out = np.zeros((count, values.shape[1]), dtype=np.float32)
    if len(index):
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        out[index[starts]] = how.reduceat(values, starts, axis=0)
    return out
