"""The content of a data sheet: all predictions of a model for one crystal, and how far to trust them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit import html
from cloudkit.models.widths import Interval
from cloudkit.predict.training_crystals import Neighbor

Array = npt.NDArray[np.float64]
CURVE_TEMPERATURES: Final = np.arange(0.0, 1001.0, 10.0)  # K
DOS_FREQUENCIES: Final = np.arange(0.0, 130.0, 0.1)  # THz, of the phonon density of states


class PredictedClass(NamedTuple):
    """The predicted class of a quantity, and the names of all its classes."""

    name: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Sheet:
    """The data sheet of one crystal: all predictions of a model.

    Attributes
    ----------
    model : str
        Name of the model.
    id, text, formula, space_group : str, str, str, int
        The crystal; text is its string in the dialect of the model.
    at : float
        Temperature of `table` in K; NaN if no quantity depends on temperature.
    table : dict
        quantity -> (value, lower, upper), thermal quantities per mole of atoms; for classes the probability of the predicted class.
    units, errors : dict
        quantity -> unit, and -> mean absolute error of the model and of trees on held-out crystals, None if unknown.
    classes : dict of str to PredictedClass
        Quantities with classes.
    kelvin, curves : ndarray, dict
        Temperatures (t,) in K, and thermal quantities over them: quantity -> value, lower, upper, each (t,).
    thz, density : ndarray
        Phonon density of states (f,) in modes/THz/atom at frequencies (f,) in THz; NaN without one.
    unlike : list of str
        How the crystal differs from all training crystals, so that the values may be wrong.
    nearest, other_forms : list of Neighbor
        Nearest training crystals, and those of the same composition with other sites.
    notes : tuple of str
        What the reader of the structure left out or assumed, and what contradicts the file.

    Examples
    --------
    >>> from cloudkit.predict import load
    >>> sheet = load("materials").sheet("1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b")
    >>> sheet.formula, sheet.space_group, sheet.nearest[0].formula
    ('CsCl', 221, 'CsCl')
    """

    model: str
    id: str
    text: str
    formula: str
    space_group: int
    at: float
    table: dict[str, tuple[float, float, float]]
    units: dict[str, str]
    errors: dict[str, tuple[float | None, float | None]]
    classes: dict[str, PredictedClass]
    kelvin: Array
    curves: dict[str, Interval]
    thz: Array
    density: Array
    unlike: list[str]
    nearest: list[Neighbor]
    other_forms: list[Neighbor]
    notes: tuple[str, ...]

    @property
    def labels(self) -> Mapping[str, float]:
        """Labels of the training crystal with this composition, space group and Wyckoff positions; {} if there is none."""
        return next((one.labels for one in self.nearest if one.is_same), {})

    def __repr__(self) -> str:
        lines = [f"{self.formula}, space group {self.space_group}, model {self.model}"]
        width = max(map(len, self.table))
        for name, (value, lower, upper) in self.table.items():
            shown = self.classes[name].name if name in self.classes else f"{value:.4g}"
            ends = "" if np.isnan(lower) else f"{lower:.4g} to {upper:.4g}"
            lines.append(f"{name:{width}}  {shown:>10}  {self.units[name]:12}  {ends}".rstrip())
        lines += [f"unlike the training crystals: {reason}" for reason in self.unlike]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        rows = [
            (name.replace("_", " "), *(f"{part:.4g}" for part in ends), self.units[name])
            for name, ends in self.table.items()
        ]
        parts = [html.paragraph(self.text), html.table(("quantity", "value", "from", "to", "unit"), rows)]
        parts += [html.paragraph(f"Unlike the training crystals: {reason}") for reason in self.unlike]
        parts += [html.paragraph(f"Note: {note}") for note in self.notes]
        return html.titled(f"{self.formula}, space group {self.space_group}", *parts)


def trim_density(density: Array) -> tuple[Array, Array]:
    """Return DOS_FREQUENCIES and a density of states on them up to the highest frequency that has modes."""
    last = int(np.flatnonzero(density > 0)[-1]) if (density > 0).any() else len(DOS_FREQUENCIES) - 1
    return DOS_FREQUENCIES[: last + 2], density[: last + 2]
