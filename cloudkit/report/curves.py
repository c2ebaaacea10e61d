"""Plots of predicted curves over temperature and phonon densities, with intervals and measured points; by matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cloudkit.errors import CloudkitError, DataError, require
from cloudkit.evaluate.display import quantity_name
from cloudkit.io import Table, atomic_write, read_table
from cloudkit.predict.materials import THERMAL
from cloudkit.units import DULONG_PETIT, Per, UnitError, canonical_unit, to_per_atom

if TYPE_CHECKING:
    import pandas as pd

MAX_CURVES: Final = 8  # crystals in one picture; more cannot be distinguished
COLORS: Final = ("#1d5fd1", "#b4500b", "#1b7f4b", "#8a3fb0", "#c2185b", "#00838f", "#6b5b00", "#6b7482")
DASHES: Final = ("-", (0, (7, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)), (0, (1, 1)))
CV, CP, DENSITY = "heat_capacity", "heat_capacity_p", "phonon_density"
Array = npt.NDArray[np.float64]
Points = dict[tuple[str, str], list[tuple[float, float]]]  # (id, quantity) -> (T in K, value)


def read_points(path: Path, per: Per = "atom") -> Points:
    """Read measured points of curves.

    Parameters
    ----------
    path
        Table with the columns id, temperature (K), value, and optionally quantity (by default heat_capacity), unit, and
        n_atoms if a unit is per cell or formula.
    per
        What the curves are per; values in other units are converted if it is "atom".

    Returns
    -------
    dict
        (id, quantity) -> list of (temperature, value).

    Raises
    ------
    DataError
        Naming file, row and column.

    Examples
    --------
    >>> _ = Path("points.csv").write_text("id,temperature,value\\nsalt,300,24.9\\n")
    >>> read_points(Path("points.csv"))
    {('salt', 'heat_capacity'): [(300.0, 24.9)]}
    """
    table = read_table(path)
    quantities, units = (_texts(table, name) for name in ("quantity", "unit"))
    ids = [str(one) for one in table.column("id")]
    kelvin = table.numbers("temperature", lambda value: 0 <= value < np.inf, "a temperature in K, 0 or above")
    values = table.numbers("value")
    out: Points = {}
    for row, (name, value) in enumerate(zip(ids, values.tolist(), strict=True)):
        quantity = quantities[row] or CV
        if quantity not in THERMAL:
            known = ", ".join(THERMAL)
            raise DataError(
                f"{path}: row {row + 1}, column 'quantity': no curve of '{quantity}'; known: {known}"
            )
        wanted = canonical_unit(quantity, per)
        unit = units[row] or wanted
        if unit != wanted:
            try:
                value = _converted(value, unit, quantity, per, _atoms(table, row))
            except UnitError as error:
                raise DataError(f"{path}: row {row + 1}, column 'unit': {error}") from None
        out.setdefault((name, quantity), []).append((float(kelvin[row]), value))
    return out


def _texts(table: Table, name: str) -> list[str]:
    """Return a column of text; "" in all rows if it is missing."""
    return table.text(name) if name in table.columns else [""] * len(table)


def _atoms(table: Table, row: int) -> float | None:
    """Return the number of atoms per cell or formula of one row; None without such a column."""
    if "n_atoms" not in table.columns:
        return None
    found = table.column("n_atoms")[row]
    try:
        return float(str(found))
    except ValueError:
        where = f"{table.name}: row {row + 1}, column 'n_atoms'"
        raise DataError(f"{where}: expected a number above 0, found {found!r}") from None


def _converted(value: float, unit: str, quantity: str, per: Per, atoms: float | None) -> float:
    if per != "atom":
        raise UnitError(f"points in '{unit}' need curves per atom; remove --per")
    return to_per_atom(value, unit, quantity, atoms)


class CurvePlot:
    """Collects the first MAX_CURVES crystals of a stream of tables, and draws them.

    Parameters
    ----------
    temperatures
        Number of temperatures of each crystal.
    points
        Measured points, from `read_points`.
    quantities
        One panel each; by default those of the points that are predicted, or else the heat capacity. Points are drawn in the panel
        of their quantity; measured Cp is drawn over Cv if Cp is not predicted.

    Examples
    --------
    >>> from cloudkit.predict import load
    >>> plot = CurvePlot(temperatures=2)
    >>> plot.add(load("thermal").predict("1 0 0 | Si 1a", temperatures=[100, 300]))
    >>> plot.save(Path("cv.svg"))
    """

    def __init__(
        self, temperatures: int, points: Points | None = None, quantities: Sequence[str] = ()
    ) -> None:
        self.temperatures, self.points, self.quantities = temperatures, points or {}, quantities
        self._tables: list[pd.DataFrame] = []
        self._ids: list[str] = []
        self._densities: list[tuple[str, Array, Array]] = []
        self._left_out = 0

    def add(self, table: "pd.DataFrame") -> None:
        """Add one table of `Model.predict`; crystals beyond the first MAX_CURVES are counted, not drawn."""
        crystals = table.groupby("quantity").cumcount() // self.temperatures  # ids need not be unique
        for _, rows in table.groupby(crystals):
            if len(self._ids) < MAX_CURVES:
                self._ids.append(str(rows["id"].iloc[0]))
                self._tables.append(rows)
            else:
                self._left_out += 1

    def save(self, path: Path) -> None:
        """Write a .png, .svg or .pdf; raise CloudkitError without crystals, and for points of a crystal that is not drawn."""
        if not self._tables and not self._densities:
            raise CloudkitError("nothing to plot: no crystal has values")
        shown = self._panels()
        self._check_points(shown)
        require("matplotlib", "train")
        figure_of = require("matplotlib.figure", "train").Figure
        columns = min(len(shown), 2)
        lines = -(-len(shown) // columns)
        figure = figure_of(figsize=(6.4 * columns + 0.8, 4.6 * lines), dpi=150, layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes, quantity in zip(panels, shown, strict=False):
            if quantity == DENSITY:
                self._draw_density(axes)
            else:
                self._draw(axes, quantity)
        for axes in panels[len(shown) :]:
            axes.remove()
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:])

    def add_density(self, name: str, thz: Array, density: Array) -> None:
        """Add the phonon density of states of a crystal (frequencies,) in modes/THz/atom; NaN is ignored."""
        if not np.isnan(density).all():
            self._densities.append((name, thz, density))

    def _draw_density(self, axes: Any) -> None:
        for index, (name, thz, density) in enumerate(self._densities):
            axes.plot(thz, density, label=_short(name), **_look(index))
        _finish(axes, "frequency (THz)", "phonon density of states (modes/THz/atom)", self._note(""))
        axes.set_ylim(bottom=0)

    def _predicted(self) -> set[str]:
        return set().union(*(table["quantity"] for table in self._tables))

    def _panels(self) -> list[str]:
        """Return the quantities to draw."""
        measured, predicted = {quantity for _, quantity in self.points}, self._predicted()
        default = [quantity for quantity in THERMAL if quantity in measured & predicted]
        return list(dict.fromkeys(self.quantities or default or [CV]))

    def _check_points(self, shown: Sequence[str]) -> None:
        """Raise CloudkitError for points of a crystal that is not drawn, and if no point belongs to a panel."""
        unknown = {name for name, _ in self.points} - set(self._ids)
        if unknown:
            names = ", ".join(sorted(unknown))
            raise CloudkitError(
                f"measured points of {names}, which is not drawn; drawn: {', '.join(self._ids)}"
            )
        measured = sorted({quantity for _, quantity in self.points})
        if measured and not any(self._measured(quantity) for quantity in shown):
            known = ", ".join(quantity for quantity in THERMAL if quantity in self._predicted())
            raise CloudkitError(
                f"the measured points are {', '.join(measured)}, and the plot shows {', '.join(shown)}; curves of this model: {known}"
            )

    def _measured(self, quantity: str) -> list[str]:
        """Return the quantities of the points in the panel of a quantity; Cp is drawn over Cv if Cp is not predicted."""
        over = [CP] if quantity == CV and CP not in self._predicted() else []
        return [name for name in (quantity, *over) if any(of == name for _, of in self.points)]

    def _draw(self, axes: Any, quantity: str) -> None:
        unit = ""
        for index, (name, table) in enumerate(zip(self._ids, self._tables, strict=True)):
            rows = table[table["quantity"] == quantity].sort_values("temperature")
            kelvin, color = rows["temperature"].to_numpy(), COLORS[index % len(COLORS)]
            axes.plot(kelvin, rows["value"], label=_short(name), **_look(index))
            if rows["lower"].notna().any():
                axes.fill_between(kelvin, rows["lower"], rows["upper"], color=color, alpha=0.13, linewidth=0)
            for measured in self._measured(quantity):
                points = self.points.get((name, measured), [])
                look = {"markeredgecolor": "white", "markeredgewidth": 0.6, "clip_on": False}
                axes.plot(
                    [kelvin for kelvin, _ in points], [value for _, value in points], "o", color=color, markersize=4.5, **look
                )  # fmt: skip
            unit = str(rows["unit"].iloc[0])
        if unit == "J/mol_atom/K" and quantity == CV:
            axes.axhline(DULONG_PETIT, color="#5b6675", linewidth=0.8, linestyle=":")
            axes.annotate("3R", (1, DULONG_PETIT), xycoords=("axes fraction", "data"), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=9, color="#5b6675")  # fmt: skip
        _finish(axes, "temperature (K)", f"{quantity_name(quantity)} ({unit})", self._note(quantity))

    def _note(self, quantity: str) -> str | None:
        measured = [quantity_name(name).split()[-1] for name in self._measured(quantity)]  # the symbol
        notes: Sequence[str] = [
            f"the first {len(self._ids)} of {len(self._ids) + self._left_out} crystals"
            if self._left_out
            else "",
            f"points: measured {' and '.join(measured)}" if measured else "",
            "shaded: 80 % intervals"
            if quantity and self._tables and self._tables[0]["lower"].notna().any()
            else "",
        ]
        return "; ".join(note for note in notes if note) or None


def _look(index: int) -> dict[str, Any]:
    """Return color and dashes of a curve."""
    return {
        "color": COLORS[index % len(COLORS)],
        "linestyle": DASHES[index % len(DASHES)],
        "linewidth": 1.8,
    }


def _finish(axes: Any, x: str, y: str, note: str | None) -> None:
    """Add labels, grid and legend to a panel."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.margins(x=0)
    axes.grid(color="#e3e7ed", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=8, title=note, title_fontsize=8, handlelength=4.5)


def _short(name: str, most: int = 34) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
