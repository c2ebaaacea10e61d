"""The family `materials`: all shipped models together, one table of properties for each crystal.

Some properties are computed from those of several models: Young's modulus and Poisson's ratio from bulk and shear modulus,
Cp from Cv, thermal expansion, bulk modulus and volume.
"""

from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cloudkit.data import Tokens
from cloudkit.encoding import Encoded
from cloudkit.errors import ModelError, suggest
from cloudkit.models.runtime import Runtime, read_runtime, shipped
from cloudkit.models.runtime.heads import GeometryHead
from cloudkit.models.widths import Interval
from cloudkit.predict.about import SCALAR_QUANTITIES, measured_error, unit_of
from cloudkit.predict.inputs import Failure, ModelInput, raise_failures
from cloudkit.predict.model import ROOM_TEMPERATURE, Model, Predictor
from cloudkit.predict.sheet import CURVE_TEMPERATURES, DOS_FREQUENCIES, Sheet, trim_density
from cloudkit.predict.tables import Columns, Values, long_columns
from cloudkit.predict.training_crystals import TrainingCrystals, read_training_crystals
from cloudkit.scope import parse, project, reduced_formula
from cloudkit.units import Per

Array = npt.NDArray[np.float64]
NAME: Final = "materials"
MEMBERS: Final = ("thermal", "lattice", "elastic", "electronic", "optical")
THERMAL: Final = ("heat_capacity", "heat_capacity_p", "entropy", "internal_energy", "free_energy")
CAVEATS: Final = {
    "thermal_expansion": "thermal expansion is as computed (AFLOW), about 1.7 times the measured one",
    "band_gap": "band gaps are as computed (PBE), about 40 % below measured ones",
    "formation_energy": "formation energies are as computed (PBE)",
}
TOO_LONG: Final = "the string is too long for the thermal model"
METAL: Final = "conductor_metal"  # what the electronic model calls metal_probability
# metal probability above which the band gap is 0 and the refractive index is NaN
METAL_THRESHOLD: Final = 0.5
EXPANSION_TEMPERATURE: Final = 300.0  # K, of the labels of thermal expansion
# AFLOW's thermal expansion (AGL) is too large: over the 17 solids in docs/howto/materials.md the median of measured / predicted
# is 0.59; Cp - Cv is proportional to its square
MEASURED_EXPANSION: Final = 0.59
JOULE_PER_MOL: Final = 602.214076  # 1 GPa Å³ per atom


def errors_of(quantity: str) -> tuple[float | None, float | None]:
    """Return the mean absolute errors of the shipped models and of trees on held-out crystals, None if unknown."""
    entry = measured_error(quantity)
    return (entry.mae, entry.trees_mae) if entry else (None, None)


class Materials(Predictor):
    """All shipped models as one predictor.

    Attributes
    ----------
    members : dict of str to Model
        The shipped models by name.

    Examples
    --------
    >>> ((table, failures),) = Materials().predict_columns([Encoded("CsCl", "1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b")])
    >>> table["quantity"][5], table["unit"][5]
    ('debye_temperature', 'K')
    """

    name, heads, thermal = NAME, (NAME,), True
    thermal_count = len(THERMAL)
    caveats = CAVEATS
    quantities = (*THERMAL, *SCALAR_QUANTITIES)

    def __init__(self) -> None:
        self.members: dict[str, Model] = {name: Model(name) for name in MEMBERS}

    def __repr__(self) -> str:
        return f"<Materials: predicts {', '.join(self.quantities)}>"

    @cached_property
    def training_crystals(self) -> TrainingCrystals:
        """The crystals that the shipped models learned from."""
        return read_training_crystals()

    @cached_property
    def _geometry(self) -> tuple[Runtime, GeometryHead]:
        runtime = read_runtime(shipped()["geometry"])
        return runtime, next(iter(runtime.geometry_heads.values()))

    def _check_length(self, one: ModelInput) -> ModelInput | Failure:
        """Return a failure for a string that is too long for every model."""
        longest = max(model.max_length for model in self.members.values())
        length = len(self.members["lattice"].tokenizer.encode(one.text))
        if length <= longest:
            return one
        return Failure(
            one.id, "P101", f"the string has {length} tokens, and the models read at most {longest}"
        )

    def _table(self, inputs: list[ModelInput], kelvin: Array, per: Per) -> tuple[Columns, list[Failure]]:
        checked = [self._check_length(item) for item in inputs]
        failures = [item for item in checked if isinstance(item, Failure)]
        kept = [item for item in checked if isinstance(item, ModelInput)]
        found = self.properties([item.text for item in kept], kelvin)
        fits = np.isfinite(found["heat_capacity"].value[:, 0]).tolist()
        notes = [
            "; ".join([*self.training_crystals.unlike(parse(item.text)), *([] if fit else [TOO_LONG])])
            for item, fit in zip(kept, fits, strict=True)
        ]
        thermal = Interval(*(np.stack(parts, axis=2) for parts in zip(*map(found.get, THERMAL), strict=True)))
        scalars = Interval(
            *(
                np.stack(parts, axis=1)[:, None]
                for parts in zip(*map(found.get, SCALAR_QUANTITIES), strict=True)
            )
        )
        values = (
            Values(THERMAL, tuple(map(unit_of, THERMAL)), kelvin, thermal),
            Values(
                tuple(SCALAR_QUANTITIES), tuple(map(unit_of, SCALAR_QUANTITIES)), np.array([np.nan]), scalars
            ),
        )
        return long_columns(kept, notes, values, per, self.columns), failures

    def _sheet(self, ready: ModelInput, record: Encoded, at: float) -> Sheet:
        checked = self._check_length(ready)
        if isinstance(checked, Failure):
            raise_failures([checked], 1)
        scope = parse(ready.text)
        found = self.properties([ready.text], np.concatenate([[at], CURVE_TEMPERATURES]))
        table = {
            name: tuple(float(part[0, 0] if name in THERMAL else part[0]) for part in found[name])
            for name in (*THERMAL, *SCALAR_QUANTITIES)
        }
        model = self.members["thermal"]
        tokens = Tokens(*model.tokenizer.encode_batch([ready.text]))
        density = np.full(len(DOS_FREQUENCIES), np.nan)
        if tokens.lengths[0] <= model.max_length:
            density = model.density(model.heads[0], tokens, DOS_FREQUENCIES)[0]
        trained_on = self.training_crystals
        return Sheet(
            NAME, record.id, ready.text, reduced_formula(scope), scope.space_group, at, table,  # type: ignore[arg-type]
            {name: unit_of(name) for name in table}, {name: errors_of(name) for name in table}, {},
            CURVE_TEMPERATURES, {name: Interval(*(part[0, 1:] for part in found[name])) for name in THERMAL},
            *trim_density(density), trained_on.unlike(scope), trained_on.nearest(scope), trained_on.other_forms(scope), record.notes,
        )  # fmt: skip

    def properties(self, texts: list[str], kelvin: Array) -> dict[str, Interval]:
        """Predict all quantities of orbit strings: thermal ones (n, temperatures) per mole of atoms, all others (n,).

        NaN if the string is too long for the model of the quantity.
        """
        thermal = self._member("thermal", texts, kelvin)
        found = {name: ends for name, ends in thermal.items() if name in THERMAL}
        for name in MEMBERS[1:]:
            of_member = self._member(name, texts, np.array([ROOM_TEMPERATURE]))
            found |= {
                quantity: Interval(*(part[:, 0] for part in ends)) for quantity, ends in of_member.items()
            }
        found |= derived_moduli(found["bulk_modulus"], found["shear_modulus"])
        found["metal_probability"] = found.pop(METAL)
        metal = found["metal_probability"].value > METAL_THRESHOLD
        value, lower, upper = found["band_gap"].clipped(0.0)  # of an insulator
        found["band_gap"] = Interval(
            np.where(metal, 0.0, value), *(np.where(metal, np.nan, end) for end in (lower, upper))
        )
        index = found["refractive_index"].clipped(1.0)
        found["refractive_index"] = Interval(*(np.where(metal, np.nan, part) for part in index))
        found["heat_capacity_p"] = self._constant_pressure(texts, found, kelvin)
        return found

    def _constant_pressure(self, texts: list[str], found: dict[str, Interval], kelvin: Array) -> Interval:
        """Cp = Cv + A Cv² T (Nernst and Lindemann 1911), with A from Cp - Cv = α² K V T at 300 K; intervals follow from Cv."""
        room = self._member("thermal", texts, np.array([EXPANSION_TEMPERATURE]))["heat_capacity"].value[:, 0]
        stiff = (MEASURED_EXPANSION * found["thermal_expansion"].value) ** 2 * found["bulk_modulus"].value
        factor = (stiff * self.volumes(texts) * JOULE_PER_MOL / room**2)[:, None]
        cv = found["heat_capacity"]
        return Interval(*(part + factor * part**2 * kelvin for part in cv))

    def volumes(self, texts: list[str]) -> Array:
        """Predict volumes per atom (n,) in Å³ with the geometry model."""
        runtime, head = self._geometry
        pooled = runtime.network.pool(*runtime.tokenizer.encode_batch(texts))
        return np.exp(head.crystals(pooled, "log_volume_per_atom"))

    def _member(self, name: str, texts: list[str], kelvin: Array) -> dict[str, Interval]:
        """Predict (n, temperatures) of orbit strings with one model; NaN for strings that are too long for it."""
        model = self.members[name]
        if model.dialect != "orbit":
            texts = [project(text, model.dialect) for text in texts]
        tokens = Tokens(*model.tokenizer.encode_batch(texts))
        fits = tokens.lengths <= model.max_length
        kept = [text for text, fit in zip(texts, fits.tolist(), strict=True) if fit]
        if not all(fits):
            tokens = Tokens(*model.tokenizer.encode_batch(kept))
        found: dict[str, Interval] = {}
        for head in model.heads:
            values = model.values(head, tokens, kelvin)
            for place, quantity in enumerate(values.quantities):
                padded = np.full((3, len(texts), len(values.temperature)), np.nan)
                padded[:, fits] = [part[:, :, place] for part in values.ends]
                found[quantity] = Interval(*padded)
        return found


def load(path: str | Path) -> Model | Materials:
    """Load a model: a shipped one by name, or a folder that `cloudkit build` wrote. No code in a folder is executed.

    Parameters
    ----------
    path : str or Path
        Folder, or a name that `cloudkit models` lists; a folder of that name wins.

    Returns
    -------
    Materials or Model
        Materials, all shipped models together, for the name ``materials``; else Model.

    Raises
    ------
    ModelError
        If a file is missing or damaged.
    MissingExtra
        If the model needs torch and torch is not installed.

    Examples
    --------
    >>> table = load("thermal").predict(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"], temperatures=[300])
    >>> table.loc[0, ["quantity", "unit"]].tolist()
    ['heat_capacity', 'J/mol_atom/K']
    """
    folder = Path(path)
    if str(path) == NAME and not folder.exists():
        return Materials()
    if folder.is_file():
        raise ModelError(
            f"{path} is a file, not a model; name a folder that `cloudkit build` wrote, or a shipped model"
        )
    if not folder.exists() and str(path) not in shipped():
        raise ModelError(f"{path}: no such model folder{suggest(path, (NAME, *shipped()))}")
    return Model(path)


def derived_moduli(bulk: Interval, shear: Interval) -> dict[str, Interval]:
    """Compute Young's modulus, in the unit of the moduli, and Poisson's ratio of isotropic solids; intervals add in quadrature."""
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
        "youngs_modulus": Interval(young, young * np.exp(-down), young * np.exp(up)),
        "poisson_ratio": Interval(ratio(k / g), ratio(k / g * softer), ratio(k / g * stiffer)),
    }
