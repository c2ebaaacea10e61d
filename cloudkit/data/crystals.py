"""Strings and labels in memory and on disk: one entry per distinct SCOPE string, any number of labelled values for each.

A crystal with a heat capacity at forty temperatures is one string and forty observations.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloudkit.data.geometry import Shapes, pack, unknown


@dataclass(frozen=True, slots=True)
class Crystals:
    """Distinct strings and what is known about them; observations are sorted by crystal.

    texts, ids (crystals,): the string, and the identifier of its first row.
    crystal, quantity (observations,) int64: index into `texts` and into `quantities`.
    temperature (observations,): in K, NaN where it has no meaning. value (observations,): per atom, canonical units.
    notes: what was done to the data, for the build to say. geometry: of the structures, where it was read.
    sources: names of where labels come from; source (observations,): index into them; weight (observations,): how much a label
    counts in training. Without them all labels are of one source and weight.
    classes: the names of the classes of each quantity that has classes; the value of its label is the number of one, from 0.
    """

    texts: list[str]
    ids: list[str]
    quantities: tuple[str, ...]
    crystal: NDArray[np.int64]
    quantity: NDArray[np.int64]
    temperature: NDArray[np.float64]
    value: NDArray[np.float64]
    notes: tuple[str, ...] = ()
    geometry: Shapes | None = None
    sources: tuple[str, ...] = ("",)
    source: NDArray[np.int64] | None = None
    weight: NDArray[np.float64] | None = None
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def source_of(self) -> NDArray[np.int64]:
        """`source`, zeros where there is one source."""
        return np.zeros(len(self.crystal), np.int64) if self.source is None else self.source

    def weight_of(self) -> NDArray[np.float64]:
        """`weight`, ones where all labels count alike."""
        return np.ones(len(self.crystal)) if self.weight is None else self.weight

    def __len__(self) -> int:
        return len(self.texts)

    def save(self, folder: Path) -> None:
        """Write ``crystals.csv``, ``observations.npz`` and ``crystals.json``."""
        with (folder / "crystals.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "scope"), *zip(self.ids, self.texts, strict=True)])
        np.savez(
            folder / "observations.npz",
            crystal=self.crystal,
            quantity=self.quantity,
            temperature=self.temperature,
            value=self.value,
            source=self.source_of(),
            weight=self.weight_of(),
        )
        if self.geometry is not None:
            self.geometry.save(folder)
        head = {
            "quantities": self.quantities,
            "notes": self.notes,
            "sources": self.sources,
            "classes": dict(self.classes),
        }
        (folder / "crystals.json").write_text(json.dumps(head, indent=1), encoding="utf-8")

    def of(self, chosen: NDArray[np.int64]) -> "Crystals":
        """The same with the observations of the chosen crystals only."""
        keep = np.isin(self.crystal, chosen)
        return replace(
            self,
            crystal=self.crystal[keep],
            quantity=self.quantity[keep],
            temperature=self.temperature[keep],
            value=self.value[keep],
            source=self.source_of()[keep],
            weight=self.weight_of()[keep],
        )

    def strata(self) -> NDArray[np.int64] | None:
        """The class of each crystal (crystals,), the first where it has several, -1 without one; None unless all labels are classes."""
        if set(self.quantities) != set(self.classes):
            return None
        found = np.full(len(self), -1, np.int64)
        found[self.crystal[::-1]] = self.value[::-1].astype(np.int64)
        return found if self.classes else None

    def of_first_source(self) -> "Crystals":
        """The same with the observations of the first source only."""
        keep = self.source_of() == 0
        columns = {
            name: getattr(self, name)[keep] for name in ("crystal", "quantity", "temperature", "value")
        }
        return replace(
            self,
            **columns,
            sources=self.sources[:1],
            source=self.source_of()[keep],
            weight=self.weight_of()[keep],
        )

    def labels_at(self, temperature: float) -> dict[int, dict[str, float]]:
        """Return crystal -> quantity -> label, at a temperature in K (within 10 K) or without one, from the first source that
        has it.
        """
        away = np.nan_to_num(np.abs(self.temperature - temperature))
        found: dict[int, dict[str, float]] = {}
        for row in np.lexsort((away, self.source_of())).tolist():
            if away[row] <= 10:
                labels = found.setdefault(int(self.crystal[row]), {})
                labels.setdefault(self.quantities[self.quantity[row]], float(self.value[row]))
        return found

    def renumbered(self, outputs: Sequence[str]) -> "Crystals":
        """The same with `quantity` counting from another list of names, such as the outputs of a head."""
        places = np.array([outputs.index(name) for name in self.quantities], dtype=np.int64)
        return replace(self, quantities=tuple(outputs), quantity=places[self.quantity])

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
                arrays["crystal"],
                arrays["quantity"],
                arrays["temperature"],
                arrays["value"],
                tuple(head["notes"]),
                Shapes.load(folder),
                tuple(head["sources"]),
                arrays["source"],
                arrays["weight"],
                {name: tuple(classes) for name, classes in head["classes"].items()},
            )


def join_crystals(parts: Sequence[Crystals]) -> Crystals:
    """Several sets as one: equal strings are one crystal, named as in the first set that has it; quantities and sources are united."""
    texts = list(dict.fromkeys(text for part in parts for text in part.texts))
    place = {text: index for index, text in enumerate(texts)}
    names = {text: id for part in reversed(parts) for text, id in zip(part.texts, part.ids, strict=True)}
    quantities = tuple(dict.fromkeys(name for part in parts for name in part.quantities))
    numbered = [part.renumbered(quantities) for part in parts]
    sources = tuple(dict.fromkeys(name for part in parts for name in part.sources))
    source = [np.array([sources.index(name) for name in part.sources])[part.source_of()] for part in parts]
    crystal = np.concatenate(
        [np.array([place[text] for text in part.texts], dtype=np.int64)[part.crystal] for part in numbered]
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
        weight=np.concatenate([part.weight_of() for part in parts])[order],
        classes={name: classes for part in parts for name, classes in part.classes.items()},
        **columns,
    )


def _join_shapes(parts: Sequence[Crystals], texts: Sequence[str]) -> Shapes | None:
    """Geometry of all texts, from the first set that has it; None where no set has any."""
    known = {
        text: part.geometry.row(index)
        for part in reversed(parts)
        if part.geometry is not None
        for index, text in enumerate(part.texts)
    }
    return pack([known.get(text) or unknown(text) for text in texts]) if known else None
