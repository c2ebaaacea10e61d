"""What is recorded about the shipped models: errors, data sources, licences and hashes."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from cloudkit.errors import ModelError
from cloudkit.models.runtime.runtime import SHIPPED, read_spec, shipped
from cloudkit.units import canonical_unit

SCALAR_QUANTITIES: Final = {  # quantity -> unit, in the order of the tables of `materials`
    "debye_temperature": "K",
    "thermal_expansion": "1/K",
    "thermal_conductivity": "W/m/K",
    "bulk_modulus": "GPa",
    "shear_modulus": "GPa",
    "youngs_modulus": "GPa",
    "poisson_ratio": "",
    "formation_energy": "eV/atom",
    "band_gap": "eV",
    "metal_probability": "",
    "refractive_index": "",
}
FAMILY: Final = "materials"


def unit_of(quantity: str) -> str:
    """Return the unit of a quantity of a data sheet, "" if it has none."""
    return canonical_unit(quantity) or SCALAR_QUANTITIES.get(quantity, "")


class Quantity(NamedTuple):
    """A quantity that a model predicts, with its errors on held-out crystals; None if there are none.

    mae: mean absolute error in `unit`, over `crystals` crystals; trees_mae, mean_mae: that of trees and of the mean label, from
    the same training rows. coverage: fraction of labels within 80 % intervals; thirds: the same for the crystals with the
    narrowest, middle and widest intervals; ratio: error of the widest third over that of the narrowest.
    """

    quantity: str
    unit: str
    mae: float | None = None
    trees_mae: float | None = None
    mean_mae: float | None = None
    coverage: float | None = None
    crystals: int | None = None
    thirds: tuple[float, ...] = ()
    ratio: float | None = None


class About(NamedTuple):
    """A shipped model, or the family `materials`, which has no weights.

    data: sources with licences and citations; bytes, sha256: of the weights; card: its model card in Markdown.
    """

    quantities: list[Quantity]
    data: list[str]
    bytes: int
    sha256: str
    card: str

    def as_dict(self) -> dict[str, Any]:
        """Convert to a dict for JSON."""
        return self._asdict() | {"quantities": [one._asdict() for one in self.quantities]}


@cache
def about_shipped() -> dict[str, About]:
    """Describe the shipped models by name, then `materials`: the quantities computed from several of them."""
    found = {name: _about(folder) for name, folder in shipped().items()}
    return found | {FAMILY: _about(SHIPPED / FAMILY)}


def measured_error(quantity: str) -> Quantity | None:
    """Return the errors of a quantity on held-out crystals."""
    entries = (entry for about in about_shipped().values() for entry in about.quantities)
    return next((entry for entry in entries if entry.quantity == quantity), None)


def run_errors(folder: Path) -> dict[str, tuple[float | None, float | None]]:
    """Mean absolute errors on held-out crystals by quantity, of the model in a folder and of the better trees.

    From the evaluate tasks of a build, or from what is recorded about a shipped model.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        shipped_quantities = _about(folder).quantities if folder.parent == SHIPPED else []
        return {entry.quantity: (entry.mae, entry.trees_mae) for entry in shipped_quantities}
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
        return {
            task["quantity"]: (task["mae"], _trees_error(task["baselines"]))
            for task in tasks
            if "mae" in task
        }
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}); build the model again") from None


def _trees_error(baselines: Mapping[str, Any]) -> float | None:
    return min(
        (float(scores["mae"]) for name, scores in baselines.items() if name.endswith("trees")), default=None
    )


def _about(folder: Path) -> About:
    about = _read_about(folder)
    quantities = [_quantity(entry) for entry in about.get("quantities", [])]
    if not (folder / "model.safetensors").is_file():
        return About(quantities, about["data"], 0, "", "")
    weights = (folder / "model.safetensors").read_bytes()
    card = (folder / "card.md").read_text(encoding="utf-8")
    data = about.get("data") or _data_of(card)
    return About(quantities, data, len(weights), hashlib.sha256(weights).hexdigest(), card)


def _read_about(folder: Path) -> dict[str, Any]:
    """Read about.json; {} without one."""
    path = folder / "about.json"
    about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return about


def pretraining_data(init_from: str | None) -> list[tuple[str, str]]:
    """List (model, source) for the training data of the model in `init_from` of a spec, and of its own `init_from` in turn.

    Sources come with licence and citation if the model card has them.
    """
    found: list[tuple[str, str]] = []
    names: list[str] = []
    while init_from is not None and init_from not in names:
        names.append(init_from)
        folder = Path(init_from) if Path(init_from).is_dir() else shipped().get(init_from)
        if folder is None or not (folder / "card.md").is_file():
            found.append((init_from, "unknown: its folder has no card.md"))
            break
        sources = _read_about(folder).get("data") or _data_of(
            (folder / "card.md").read_text(encoding="utf-8")
        )
        found += [(init_from, source) for source in sources]
        init_from = read_spec(folder / "spec.yaml").get("init_from")
    return found


def _quantity(entry: dict[str, Any]) -> Quantity:
    name = entry["quantity"]
    errors = entry["mae"], entry["trees_mae"], entry["mean_mae"], entry["coverage_of_80"]
    thirds = entry.get("intervals", {}).get("thirds", [])
    inside = tuple(float(one["coverage"]) for one in thirds)
    ratio = float(thirds[-1]["mae"] / thirds[0]["mae"]) if thirds else None
    return Quantity(name, unit_of(name), *errors, entry["rows"], inside, ratio)


def _data_of(card: str) -> list[str]:
    """Return the section on data of a model card, as lines without markup."""
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
