"""Predicted curves over temperature as a picture file, with intervals and measured points. Drawn by matplotlib, which writes PNG and PDF."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cloudkit.errors import CloudkitError, DataError, require
from cloudkit.evaluate.display import QUANTITIES, quantity_name
from cloudkit.io import Table, atomic_write, read_table
from cloudkit.units import DULONG_PETIT, Per, UnitError, canonical_unit, to_per_atom

if TYPE_CHECKING:
    import pandas as pd

MAX_CURVES: Final = 8  # crystals in one picture; more cannot be distinguished
COLORS: Final = ("#1d5fd1", "#b4500b", "#1b7f4b", "#8a3fb0", "#c2185b", "#00838f", "#6b5b00", "#6b7482")
DASHES: Final = ("-", (0, (7, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)), (0, (1, 1)))
DRAWN: Final = (
    *QUANTITIES,
    "heat_capacity_p",
)  # quantities that a curve is drawn for; measured Cp is laid over Cv
Points = dict[tuple[str, str], list[tuple[float, float]]]  # (id, quantity) -> (T in K, value)


def read_points(path: Path, per: Per = "atom") -> Points:
    """Read measured points: columns id, temperature, value, and optionally quantity (heat_capacity), unit, n_atoms.

    The unit is that of the prediction (J/mol_atom/K) unless given; another is converted, with n_atoms where it is per cell or formula.
    Raises DataError naming file, row and column.
    """
    table = read_table(path)
    quantities, units = (_texts(table, name) for name in ("quantity", "unit"))
    ids = [str(one) for one in table.column("id")]
    kelvin = table.numbers("temperature", lambda value: 0 <= value < np.inf, "a temperature in K, 0 or above")
    values = table.numbers("value")
    out: Points = {}
    for row, (name, value) in enumerate(zip(ids, values.tolist(), strict=True)):
        quantity = quantities[row] or "heat_capacity"
        if quantity not in DRAWN:
            known = ", ".join(DRAWN)
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
    """A column of text, "" in all rows where there is none."""
    return table.text(name) if name in table.columns else [""] * len(table)


def _atoms(table: Table, row: int) -> float | None:
    """Number of atoms of the cell or formula of one row, None if the table does not say."""
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
    """Collects the first crystals of a stream of tables, and draws them. temperatures: their number for each crystal."""

    def __init__(self, temperatures: int, points: Points | None = None) -> None:
        self.temperatures, self.points = temperatures, points or {}
        self._tables: list[pd.DataFrame] = []
        self._ids: list[str] = []
        self._left_out = 0

    def add(self, table: "pd.DataFrame") -> None:
        """Take one table of `Model.predict`; crystals beyond the first few are counted, not drawn."""
        crystals = table.groupby("quantity").cumcount() // self.temperatures  # ids need not be unique
        for _, rows in table.groupby(crystals):
            if len(self._ids) < MAX_CURVES:
                self._ids.append(str(rows["id"].iloc[0]))
                self._tables.append(rows)
            else:
                self._left_out += 1

    def save(self, path: Path) -> None:
        """Draw to a .png, .svg or .pdf. Raises CloudkitError without crystals, and for points of a crystal that is not drawn."""
        if not self._tables:
            raise CloudkitError("nothing to plot: no crystal has values")
        strangers = {name for name, _ in self.points} - set(self._ids)
        if strangers:
            names = ", ".join(sorted(strangers))
            raise CloudkitError(
                f"measured points of {names}, which is not drawn; drawn: {', '.join(self._ids)}"
            )
        shown = ["heat_capacity", *sorted({quantity for _, quantity in self.points} - {"heat_capacity"})]
        require("matplotlib", "train")
        figure_of = require("matplotlib.figure", "train").Figure
        figure = figure_of(figsize=(7.2, 4.6 * len(shown)), dpi=150, layout="constrained")
        for axes, quantity in zip(np.atleast_1d(figure.subplots(len(shown), 1)), shown, strict=True):
            self._draw(axes, quantity)
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:])

    def _draw(self, axes: Any, quantity: str) -> None:
        unit = ""
        base = "heat_capacity" if quantity == "heat_capacity_p" else quantity
        for index, (name, table) in enumerate(zip(self._ids, self._tables, strict=True)):
            rows = table[table["quantity"] == base].sort_values("temperature")
            color, dash = COLORS[index % len(COLORS)], DASHES[index % len(DASHES)]
            kelvin = rows["temperature"].to_numpy()
            axes.plot(kelvin, rows["value"], color=color, linestyle=dash, linewidth=1.8, label=_short(name))
            if rows["lower"].notna().any():
                axes.fill_between(kelvin, rows["lower"], rows["upper"], color=color, alpha=0.13, linewidth=0)
            points = self.points.get((name, quantity), [])
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(
                    x,
                    y,
                    "o",
                    color=color,
                    markersize=4.5,
                    markeredgecolor="white",
                    markeredgewidth=0.6,
                    clip_on=False,
                )
            unit = str(rows["unit"].iloc[0])
        if unit == "J/mol_atom/K" and base == "heat_capacity":
            axes.axhline(DULONG_PETIT, color="#5b6675", linewidth=0.8, linestyle=":")
            axes.annotate("3R", (1, DULONG_PETIT), xycoords=("axes fraction", "data"), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=9, color="#5b6675")  # fmt: skip
        axes.set_xlabel("temperature (K)")
        axes.set_ylabel(f"{quantity_name(quantity)} ({unit})")
        axes.margins(x=0)
        axes.grid(color="#e3e7ed", linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.legend(frameon=False, fontsize=8, title=self._note(quantity), title_fontsize=8, handlelength=4.5)

    def _note(self, quantity: str) -> str | None:
        notes: Sequence[str] = [
            f"the first {len(self._ids)} of {len(self._ids) + self._left_out} crystals"
            if self._left_out
            else "",
            "points: measured" if any(name == quantity for _, name in self.points) else "",
            "shaded: 80 % band" if self._tables[0]["lower"].notna().any() else "",
        ]
        return "; ".join(note for note in notes if note) or None


def _short(name: str, most: int = 34) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
