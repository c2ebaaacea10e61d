"""The family `materials`: all shipped models together, one table of properties for each crystal.

Reads orbit strings. What follows from two models is computed here: Young's modulus and Poisson's ratio from bulk and shear
modulus, Cp from Cv, thermal expansion, bulk modulus and volume.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit import html
from cloudkit.data import Tokens
from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError
from cloudkit.models.runtime import Runtime, read_runtime, shipped
from cloudkit.models.runtime.heads import GeometryHead
from cloudkit.predict.inputs import Failure, ModelInput, gather, prepare, refuse
from cloudkit.predict.known import FIXED, Neighbor, read_known
from cloudkit.predict.model import COLUMNS, ROOM_TEMPERATURE, Columns, Model, Predictor, load_model
from cloudkit.scope import parse, project, reduced_formula
from cloudkit.units import MOLAR_QUANTITIES, Per, canonical_unit

Array = npt.NDArray[np.float64]
NAME: Final = "materials"
MEMBERS: Final = ("thermal", "lattice", "elastic", "electronic", "optical")
THERMAL: Final = ("heat_capacity", "heat_capacity_p", "entropy", "internal_energy", "free_energy")
CAVEAT: Final = (
    "values are as computed (PBE), not as measured: band gaps are about 40 % too small, thermal expansion (AFLOW) is about 1.7 times "
    "the measured one"
)
TOO_LONG: Final = "the string is too long for the thermal model"
METAL: Final = 0.5  # probability above which no refractive index is given
CURVE: Final = np.arange(0.0, 1001.0, 10.0)  # K, of the curves of a data sheet
THZ: Final = np.arange(0.0, 130.0, 0.1)  # of its density of states
AT: Final = 300.0  # K, where the labels of thermal expansion were computed
# AFLOW's thermal expansion (AGL) is larger than measured: of the 17 solids in docs/howto/materials.md the median of measured
# to predicted is 0.59; Cp - Cv goes as its square
MEASURED_EXPANSION: Final = 0.59
JOULE_PER_MOL: Final = 602.214076  # one GPa Å³ for each atom


class Ends(NamedTuple):
    """Values and the ends of their 80 % intervals, all (n,) or (n, temperatures); NaN where there is none."""

    value: Array
    lower: Array
    upper: Array

    def clipped(self, low: float, high: float = np.inf) -> "Ends":
        """All between two bounds."""
        return Ends(*(part.clip(low, high) for part in self))


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that the shipped models say of one crystal.

    text: its orbit string. at, table: the properties at one temperature in K, quantity -> (value, lower, upper) per mole of
    atoms. kelvin, curves: thermal quantities over temperature. thz, density: phonon density of states in modes/THz/atom.
    unlike: why the values may be wrong. nearest: known crystals.
    """

    id: str
    text: str
    formula: str
    space_group: int
    at: float
    table: dict[str, tuple[float, float, float]]
    kelvin: Array
    curves: dict[str, Ends]
    thz: Array
    density: Array
    unlike: list[str]
    nearest: list[Neighbor]

    def _repr_html_(self) -> str:
        rows = [
            (name.replace("_", " "), *(f"{part:.4g}" for part in self.table[name]), unit_of(name))
            for name in self.table
        ]
        parts = [html.paragraph(self.text), html.table(("quantity", "value", "from", "to", "unit"), rows)]
        parts += [html.paragraph(f"Do not trust: {reason}") for reason in self.unlike]
        return html.titled(f"{self.formula}, space group {self.space_group}", *parts)


def unit_of(quantity: str) -> str:
    """The unit of a quantity of a sheet."""
    return canonical_unit(quantity) or FIXED.get(quantity, "")


class Materials(Predictor):
    """The shipped models as one. Its tables have the columns of `Model.predict` and `note`: why a crystal is unlike those
    that the models learned from.
    """

    name, heads, thermal = NAME, (NAME,), True
    columns = (*COLUMNS, "note")
    thermal_count = len(THERMAL)
    caveat = CAVEAT

    def __init__(self) -> None:
        self.members: dict[str, Model] = {name: load_model(name) for name in MEMBERS}

    def __repr__(self) -> str:
        return f"<Materials: predicts {', '.join((*THERMAL, *FIXED))}>"

    @cached_property
    def _geometry(self) -> tuple[Runtime, GeometryHead]:
        runtime = read_runtime(shipped()["geometry"])
        return runtime, next(iter(runtime.shapes.values()))

    def _check_length(self, one: ModelInput) -> ModelInput | Failure:
        """A failure for a string that no model can read whole."""
        longest = max(model.max_length for model in self.members.values())
        length = len(self.members["lattice"].tokenizer.encode(one.text))
        if length <= longest:
            return one
        return Failure(
            one.id, "P101", f"the string has {length} tokens, and the models read at most {longest}"
        )

    def _table(self, given: list[ModelInput], kelvin: Array, per: Per) -> tuple[Columns, list[Failure]]:
        checked = [self._check_length(one) for one in given]
        failures = [one for one in checked if isinstance(one, Failure)]
        ready = [one for one in checked if isinstance(one, ModelInput)]
        return self._columns(ready, kelvin, per), failures

    def _columns(self, ready: list[ModelInput], kelvin: Array, per: Per) -> Columns:
        texts = [one.text for one in ready]
        found = self.properties(texts, kelvin)
        quantities = [*(name for _ in kelvin for name in THERMAL), *FIXED]
        temperature = np.concatenate([np.repeat(kelvin, len(THERMAL)), np.full(len(FIXED), np.nan)])
        units = [canonical_unit(name, per) or FIXED.get(name, "") for name in quantities]
        count, width = len(ready), len(quantities)
        atoms = np.array([one.atoms for one in ready])[:, None]
        factor = np.where([name in MOLAR_QUANTITIES for name in quantities], atoms, 1.0)
        thermal = [np.stack([found[name][place] for name in THERMAL], axis=2) for place in range(3)]
        fixed = [np.stack([found[name][place] for name in FIXED], axis=1) for place in range(3)]
        value, lower, upper = (
            np.concatenate([of_kelvin.reshape(count, kelvin.size * len(THERMAL)), rest], axis=1) * factor
            for of_kelvin, rest in zip(thermal, fixed, strict=True)
        )
        fits = np.isfinite(found["heat_capacity"].value[:, :1]).ravel()
        notes = [
            "; ".join([*read_known().unlike(parse(text)), *([] if fit else [TOO_LONG])])
            for text, fit in zip(texts, fits.tolist(), strict=True)
        ]
        row = np.repeat(np.arange(count), width)
        return {
            "id": np.array([one.id for one in ready], dtype=object)[row],
            "temperature": np.tile(temperature, count),
            "quantity": np.tile(np.array(quantities, dtype=object), count),
            "value": value.ravel(),
            "unit": np.tile(np.array(units, dtype=object), count),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
            "note": np.array(notes, dtype=object)[row],
        }

    def sheet(self, structure: Any, at: float = ROOM_TEMPERATURE) -> Sheet:
        """The data sheet of one structure or orbit string; at: the temperature in K of its table.

        ``cloudkit.report.sheet_page`` makes a page of it. Raises CloudkitError for what has no string.
        """
        records = list(gather(structure))
        if len(records) != 1:
            raise CloudkitError(f"a data sheet is of one crystal; got {len(records)}")
        return self.sheet_of(records[0], at)

    def sheet_of(self, record: Encoded, at: float = ROOM_TEMPERATURE) -> Sheet:
        """As `sheet`, of a string or error."""
        ready = prepare(record, "orbit", "atom")
        if isinstance(ready, Failure):
            refuse([ready], 1)
            raise AssertionError
        checked = self._check_length(ready)
        if isinstance(checked, Failure):
            refuse([checked], 1)
        scope = parse(ready.text)
        kelvin = np.concatenate([[at], CURVE])
        found = self.properties([ready.text], kelvin)
        table = {
            name: tuple(float(part[0, 0] if name in THERMAL else part[0]) for part in found[name])
            for name in (*THERMAL, *FIXED)
        }
        model = self.members["thermal"]
        tokens = Tokens(*model.tokenizer.encode_batch([ready.text]))
        density = np.full(len(THZ), np.nan)
        if tokens.lengths[0] <= model.max_length:
            density = model.density(model.heads[0], tokens, THZ)[0]
        last = int(np.flatnonzero(density > 0)[-1]) if (density > 0).any() else len(THZ) - 1
        shown = slice(0, last + 2)
        known = read_known()
        return Sheet(
            record.id, ready.text, reduced_formula(scope), scope.space_group, at, table,  # type: ignore[arg-type]
            CURVE, {name: Ends(*(part[0, 1:] for part in found[name])) for name in THERMAL},
            THZ[shown], density[shown], known.unlike(scope), known.nearest(scope),
        )  # fmt: skip

    def properties(self, texts: list[str], kelvin: Array) -> dict[str, Ends]:
        """Every quantity of orbit strings per atom; thermal ones (n, temperatures), all others (n,).

        A model that cannot read a string (too long) has NaN for it.
        """
        thermal = self._member("thermal", texts, kelvin)
        found = {name: ends for name, ends in thermal.items() if name in THERMAL}
        for name in MEMBERS[1:]:
            of_member = self._member(name, texts, np.array([ROOM_TEMPERATURE]))
            found |= {quantity: Ends(*(part[:, 0] for part in ends)) for quantity, ends in of_member.items()}
        found |= derived_moduli(found["bulk_modulus"], found["shear_modulus"])
        for quantity, bounds in (("band_gap", (0.0, np.inf)), ("metal_probability", (0.0, 1.0)), ("refractive_index", (1.0, np.inf))):  # fmt: skip
            found[quantity] = found[quantity].clipped(*bounds)
        none = np.full(len(texts), np.nan)  # 80 % of labels that are 0 or 1 make no interval
        found["metal_probability"] = Ends(found["metal_probability"].value, none, none)
        metal = found["metal_probability"].value > METAL
        found["refractive_index"] = Ends(
            *(np.where(metal, np.nan, part) for part in found["refractive_index"])
        )
        found["heat_capacity_p"] = self._constant_pressure(texts, found, kelvin)
        return found

    def _constant_pressure(self, texts: list[str], found: dict[str, Ends], kelvin: Array) -> Ends:
        """Cp = Cv + A Cv² T (Nernst and Lindemann 1911), A such that Cp - Cv = alpha² K V T at 300 K; ends as those of Cv."""
        room = self._member("thermal", texts, np.array([AT]))["heat_capacity"].value[:, 0]
        stiff = (MEASURED_EXPANSION * found["thermal_expansion"].value) ** 2 * found["bulk_modulus"].value
        factor = (stiff * self.volumes(texts) * JOULE_PER_MOL / room**2)[:, None]
        cv = found["heat_capacity"]
        return Ends(*(part + factor * part**2 * kelvin for part in cv))

    def volumes(self, texts: list[str]) -> Array:
        """Volume per atom (n,) in Å³ as the geometry model expects it."""
        runtime, head = self._geometry
        pooled = runtime.pool(*runtime.tokenizer.encode_batch(texts))
        return np.exp(head.crystals(pooled, "log_volume_per_atom"))

    def _member(self, name: str, texts: list[str], kelvin: Array) -> dict[str, Ends]:
        """What a model says (n, temperatures) of orbit strings; NaN for those that are too long for it."""
        model = self.members[name]
        if model.dialect != "orbit":
            texts = [project(text, model.dialect) for text in texts]
        tokens = Tokens(*model.tokenizer.encode_batch(texts))
        fits = tokens.lengths <= model.max_length
        kept = [text for text, fit in zip(texts, fits.tolist(), strict=True) if fit]
        if not all(fits):
            tokens = Tokens(*model.tokenizer.encode_batch(kept))
        found: dict[str, Ends] = {}
        for head in model.heads:
            values = model.values(head, tokens, kelvin)
            for place, quantity in enumerate(values.quantities):
                parts = []
                for part in (values.value, values.lower, values.upper):
                    whole = np.full((len(texts), values.value.shape[1]), np.nan)
                    if part is not None:
                        whole[fits] = part[:, :, place]
                    parts.append(whole)
                found[quantity] = Ends(*parts)
        return found


def load(path: str | Path) -> Model | Materials:
    """Read a model, by the name of a shipped one or from a folder that `cloudkit build` wrote. Nothing in a folder is run.

    Parameters
    ----------
    path : str or Path
        The folder, or a name that `cloudkit models` lists; a folder of that name wins.

    Returns
    -------
    Materials or Model
        Materials, all shipped models together, for the name ``materials``; else Model.

    Raises
    ------
    ModelError
        If a file is missing or damaged.
    MissingExtra
        For a model that needs torch where it is not installed.

    Examples
    --------
    >>> table = load("thermal").predict(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"], temperatures=[300])
    >>> table.loc[0, ["quantity", "unit"]].tolist()
    ['heat_capacity', 'J/mol_atom/K']
    """
    if str(path) == NAME and not Path(path).exists():
        return Materials()
    return load_model(path)


def derived_moduli(bulk: Ends, shear: Ends) -> dict[str, Ends]:
    """Young's modulus and Poisson's ratio of isotropic solids; the intervals of both moduli add up in quadrature."""
    k, g = bulk.value, shear.value
    widths = [
        (np.log(middle / ends.lower), np.log(ends.upper / middle)) for middle, ends in ((k, bulk), (g, shear))
    ]
    young = 9 * k * g / (3 * k + g)
    slopes = g / (3 * k + g), 3 * k / (3 * k + g)
    down, up = (np.hypot(slopes[0] * widths[0][side], slopes[1] * widths[1][side]) for side in (0, 1))

    def ratio(r: Array) -> Array:
        return (3 * r - 2) / (6 * r + 2)

    stiffer = np.exp(np.hypot(widths[0][1], widths[1][0]))
    softer = np.exp(-np.hypot(widths[0][0], widths[1][1]))
    return {
        "youngs_modulus": Ends(young, young * np.exp(-down), young * np.exp(up)),
        "poisson_ratio": Ends(ratio(k / g), ratio(k / g * softer), ratio(k / g * stiffer)),
    }
