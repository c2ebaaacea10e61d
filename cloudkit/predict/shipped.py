"""What is known of the models that ship with cloudkit: errors, data, licences and hashes."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from cloudkit.models.runtime.runtime import SHIPPED, read_spec, shipped
from cloudkit.predict.materials import FIXED
from cloudkit.units import canonical_unit

ABOUT: Final = SHIPPED / "materials" / "about.json"


class Quantity(NamedTuple):
    """What a model predicts. Errors are of crystals that it has not seen; None where none were held out.

    mae: mean absolute error, in `unit`; trees_mae, mean_mae: of extra trees and of the mean label of the same training rows.
    coverage: share of the labels within 80 % intervals.
    """

    quantity: str
    unit: str
    mae: float | None = None
    trees_mae: float | None = None
    mean_mae: float | None = None
    coverage: float | None = None


class About(NamedTuple):
    """A shipped model. data: sources with licences and citations; card: its card.md."""

    quantities: list[Quantity]
    data: list[str]
    bytes: int
    sha256: str
    card: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict() | {"quantities": [one._asdict() for one in self.quantities]}


def about_shipped() -> dict[str, About]:
    """The shipped models by name."""
    measured = _about()
    found = {}
    for name, folder in shipped().items():
        weights = (folder / "model.safetensors").read_bytes()
        card = (folder / "card.md").read_text(encoding="utf-8")
        if name in measured:
            quantities = [_quantity(one) for one in measured[name]["quantities"]]
            data = measured[name]["data"]
        else:
            quantities, data = _declared(read_spec(folder / "spec.yaml")), _data_of(card)
        found[name] = About(quantities, data, len(weights), hashlib.sha256(weights).hexdigest(), card)
    return found


def pretraining_data(init_from: str | None) -> list[tuple[str, str]]:
    """(model, source) for the data of the model that `init_from` of a spec names, and of those that it started from in turn.

    A source has licence and citation where the card of the model has them.
    """
    found: list[tuple[str, str]] = []
    names: list[str] = []
    while init_from is not None and init_from not in names:
        names.append(init_from)
        folder = Path(init_from) if Path(init_from).is_dir() else shipped().get(init_from)
        if folder is None or not (folder / "card.md").is_file():
            found.append((init_from, "unknown: its folder has no card.md"))
            break
        measured = _about().get(init_from, {}) if folder == shipped().get(init_from) else {}
        sources = measured.get("data") or _data_of((folder / "card.md").read_text(encoding="utf-8"))
        found += [(init_from, source) for source in sources]
        init_from = read_spec(folder / "spec.yaml").get("init_from")
    return found


def _about() -> dict[str, Any]:
    """What was measured of the shipped models, by name."""
    found: dict[str, Any] = json.loads(ABOUT.read_text(encoding="utf-8"))["models"]
    return found


def _quantity(entry: dict[str, Any]) -> Quantity:
    name = entry["quantity"]
    errors = entry["mae"], entry["trees_mae"], entry["mean_mae"], entry["coverage_of_80"]
    return Quantity(name, _unit(name), *errors)


def _declared(spec: dict[str, Any]) -> list[Quantity]:
    """The properties that the heads of a spec predict."""
    names = [name for head in spec["heads"].values() for name in head.get("outputs", [])]
    return [Quantity(name, _unit(name)) for name in names]


def _unit(name: str) -> str:
    return canonical_unit(name) or FIXED.get(name, "")


def _data_of(card: str) -> list[str]:
    """The section on data of a card, as lines without markup."""
    section = re.search(r"^## Data\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    text = section.group(1) if section else ""
    if "|" in text:
        rows = [
            [cell.strip(" `") for cell in line.strip("| \n").split("|")]
            for line in text.splitlines()
            if line.startswith("|")
        ]
        return [": ".join(row[2:]) for row in rows[2:]]
    return [" ".join(text.split())]
