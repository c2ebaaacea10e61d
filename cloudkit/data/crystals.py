"""Strings and labels in memory and on disk: one entry per distinct SCOPE string, with any number of labels.

A crystal with heat capacities at forty temperatures is one string with forty observations.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.geometry import PackedGeometry, missing_geometry, pack_geometry


@dataclass(frozen=True, slots=True)
class Crystals:
    """Distinct strings with their observations (labels), which are sorted by crystal.

    Attributes
    ----------
    texts, ids : list of str
        (crystals,), the string, and the id of its first row.
    quantities : tuple of str
        Names of the quantities.
    crystal, quantity : ndarray of int64
        (observations,), indices into `texts` and `quantities`.
    temperature : ndarray of float64
        (observations,), in K; frequency in K for a density; NaN for quantities without one.
    value : ndarray of float64
        (observations,), per atom, in canonical units; the index of a class for quantities with classes.
    notes : tuple of str
        Changes to the data, reported by a build.
    geometry : PackedGeometry, optional
        Geometry of the structures.
    sources : tuple of str
        Names of the sources of the labels.
    source, weight : ndarray, optional
        (observations,), index into `sources` and weight in the loss; default one source, equal weights.
    classes : mapping
        Quantity -> names of its classes.

    Examples
    --------
    >>> one, kelvin, cv = np.zeros(2, np.int64), np.array([100.0, 300.0]), np.array([11.0, 23.0])
    >>> crystals = Crystals(["0 0 0 | Si 1a"], ["a"], ("heat_capacity",), one, one, kelvin, cv)
    >>> len(crystals), crystals.labels_at(300)
    (1, {0: {'heat_capacity': 23.0}})
    """

    texts: list[str]
    ids: list[str]
    quantities: tuple[str, ...]
    crystal: NDArray[np.int64]
    quantity: NDArray[np.int64]
    temperature: NDArray[np.float64]
    value: NDArray[np.float64]
    notes: tuple[str, ...] = ()
    geometry: PackedGeometry | None = None
    sources: tuple[str, ...] = ("",)
    source: NDArray[np.int64] | None = None
    weight: NDArray[np.float64] | None = None
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def source_index(self) -> NDArray[np.int64]:
        """Return the source of each label (observations,); zeros if there is one source."""
        return np.zeros(len(self.crystal), np.int64) if self.source is None else self.source

    def label_weight(self) -> NDArray[np.float64]:
        """Return the weight of each label (observations,); ones by default."""
        return np.ones(len(self.crystal)) if self.weight is None else self.weight

    def __len__(self) -> int:
        return len(self.texts)

    def _observations(self) -> dict[str, Any]:
        """Return the columns of the labels, each (observations,)."""
        columns = {name: getattr(self, name) for name in ("crystal", "quantity", "temperature", "value")}
        return columns | {"source": self.source_index(), "weight": self.label_weight()}

    def _where(self, keep: NDArray[np.bool_]) -> "Crystals":
        return replace(self, **{name: column[keep] for name, column in self._observations().items()})

    def save(self, folder: Path) -> None:
        """Write ``crystals.csv``, ``observations.npz`` and ``crystals.json``."""
        with (folder / "crystals.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "scope"), *zip(self.ids, self.texts, strict=True)])
        np.savez(folder / "observations.npz", **self._observations())
        if self.geometry is not None:
            self.geometry.save(folder)
        head = {
            "quantities": self.quantities,
            "notes": self.notes,
            "sources": self.sources,
            "classes": dict(self.classes),
        }
        (folder / "crystals.json").write_text(json.dumps(head, indent=1), encoding="utf-8")

    def select(self, chosen: NDArray[np.int64]) -> "Crystals":
        """Keep the observations of some crystals only."""
        return self._where(np.isin(self.crystal, chosen))

    def strata(self) -> NDArray[np.int64] | None:
        """Return the class of each crystal (crystals,), the first of several, -1 without one; None unless all labels are classes."""
        if set(self.quantities) != set(self.classes):
            return None
        label = np.full(len(self), -1, np.int64)
        label[self.crystal[::-1]] = self.value[::-1].astype(np.int64)
        return label if self.classes else None

    def first_source(self) -> "Crystals":
        """Keep the observations of the first source only."""
        return replace(self._where(self.source_index() == 0), sources=self.sources[:1])

    def labels_at(self, temperature: float) -> dict[int, dict[str, float]]:
        """Return crystal -> quantity -> label within 10 K of a temperature in K, or without one; the first source wins."""
        distance = np.nan_to_num(np.abs(self.temperature - temperature))
        labels: dict[int, dict[str, float]] = {}
        for row in np.lexsort((distance, self.source_index())).tolist():
            if distance[row] <= 10:
                of_crystal = labels.setdefault(int(self.crystal[row]), {})
                of_crystal.setdefault(self.quantities[self.quantity[row]], float(self.value[row]))
        return labels

    def renumbered(self, outputs: Sequence[str]) -> "Crystals":
        """Let `quantity` index another list of names, such as the outputs of a head."""
        index = np.array([outputs.index(name) for name in self.quantities], dtype=np.int64)
        return replace(self, quantities=tuple(outputs), quantity=index[self.quantity])

    @classmethod
    def load(cls, folder: Path) -> "Crystals":
        """Read what `save` wrote."""
        with (folder / "crystals.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        head = json.loads((folder / "crystals.json").read_text(encoding="utf-8"))
        with np.load(folder / "observations.npz", allow_pickle=False) as arrays:
            return cls(
                [row[1] for row in rows],
                [row[0] for row in rows],
                tuple(head["quantities"]),
                notes=tuple(head["notes"]),
                geometry=PackedGeometry.load(folder),
                sources=tuple(head["sources"]),
                classes={name: tuple(classes) for name, classes in head["classes"].items()},
                **arrays,
            )


def join_crystals(parts: Sequence[Crystals]) -> Crystals:
    """Merge several sets; equal strings become one crystal with the id of the first set.

    Parameters
    ----------
    parts : sequence of Crystals
        At least one.

    Returns
    -------
    Crystals
        All observations, with the union of quantities and sources.

    Examples
    --------
    >>> none, empty = np.empty(0, np.int64), np.empty(0)
    >>> parts = [Crystals([text], [text], (), none, none, empty, empty) for text in ("0 0 0 | Si 1a", "0 0 0 | C 1a")]
    >>> join_crystals([*parts, parts[0]]).ids
    ['0 0 0 | Si 1a', '0 0 0 | C 1a']
    """
    texts = list(dict.fromkeys(text for part in parts for text in part.texts))
    position = {text: index for index, text in enumerate(texts)}
    names = {text: id for part in reversed(parts) for text, id in zip(part.texts, part.ids, strict=True)}
    quantities = tuple(dict.fromkeys(name for part in parts for name in part.quantities))
    numbered = [part.renumbered(quantities) for part in parts]
    sources = tuple(dict.fromkeys(name for part in parts for name in part.sources))
    source = [np.array([sources.index(name) for name in part.sources])[part.source_index()] for part in parts]
    crystal = np.concatenate(
        [np.array([position[text] for text in part.texts], dtype=np.int64)[part.crystal] for part in numbered]
    )
    order = np.argsort(crystal, kind="stable")
    columns = {
        name: np.concatenate([getattr(part, name) for part in numbered])[order]
        for name in ("quantity", "temperature", "value")
    }
    notes = tuple(note for part in parts for note in part.notes)
    return Crystals(
        texts,
        [names[text] for text in texts],
        quantities,
        crystal[order],
        notes=notes,
        geometry=_join_shapes(parts, texts),
        sources=sources,
        source=np.concatenate(source)[order],
        weight=np.concatenate([part.label_weight() for part in parts])[order],
        classes={name: classes for part in parts for name, classes in part.classes.items()},
        **columns,
    )


def _join_shapes(parts: Sequence[Crystals], texts: Sequence[str]) -> PackedGeometry | None:
    """Collect the geometry of all texts from the first set that has it; None if no set has any."""
    rows = {
        text: part.geometry.row(index)
        for part in reversed(parts)
        if part.geometry is not None
        for index, text in enumerate(part.texts)
    }
    return pack_geometry([rows.get(text) or missing_geometry(text) for text in texts]) if rows else None
