"""The data sheet of a crystal: everything that the shipped models predict for it, on one page."""

from typing import Final

import numpy as np

from cloudkit.html import format_number
from cloudkit.predict.known import SCALAR_QUANTITIES, measured_error
from cloudkit.predict.materials import METAL_THRESHOLD, THERMAL, Sheet, unit_of
from cloudkit.predict.model import Array
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import Figure, render
from cloudkit.tables import SPACE_GROUPS
from cloudkit.units import DULONG_PETIT

WORDS: Final = {
    "heat_capacity": "heat capacity Cv",
    "heat_capacity_p": "heat capacity Cp",
    "internal_energy": "internal energy U",
    "free_energy": "free energy F",
    "entropy": "entropy S",
    "debye_temperature": "Debye temperature",
    "youngs_modulus": "Young's modulus",
    "poisson_ratio": "Poisson's ratio",
    "metal_probability": "probability of a metal",
    "formation_energy": "formation energy",
}
LABELS: Final = {  # quantities of the table of known crystals, and their heads
    "bulk_modulus": "K (GPa)",
    "shear_modulus": "G (GPa)",
    "debye_temperature": "Debye (K)",
    "thermal_conductivity": "conductivity (W/m/K)",
    "formation_energy": "formation (eV/atom)",
    "band_gap": "gap (eV)",
    "refractive_index": "index",
}
LIMITS: Final = (
    "The models read the string alone: two crystals with the same string get the same values, whatever their volume.",
    "Intervals hold 80 % of the labels of compositions that training has not seen, of easy and of hard crystals; one value in five lies outside. "
    "Errors are means over such crystals (command: cloudkit models).",
    "Labels were computed (PBE), not measured: gaps are about 40 % below measured ones; thermal conductivity and expansion "
    "are those of a quasi-harmonic Debye model (AFLOW), expansion about 1.7 times the measured one.",
    "Thermal values are harmonic: no magnetism, electrons, melting or change of phase. U and F include zero-point energy.",
)


def sheet_page(sheet: Sheet) -> str:
    """Return the data sheet of a crystal as a self-contained page."""
    return render(
        "sheet.html",
        title=sheet.formula,
        kind="data sheet",
        sheet=sheet,
        group=SPACE_GROUPS[sheet.space_group - 1],
        sentence=_sentence(sheet),
        rows=_rows(sheet),
        figures_over_temperature=_figures(sheet),
        known_heads=("formula", "group", "same sites", "distance", *LABELS.values()),
        known=_known(sheet),
        doubts=[*_doubts(sheet), *LIMITS],
    )


def _sentence(sheet: Sheet) -> str:
    metal = sheet.table["metal_probability"][0]
    gap, energy = sheet.table["band_gap"][0], sheet.table["formation_energy"][0]
    kind = (
        "a metal"
        if metal > METAL_THRESHOLD
        else f"an insulator or semiconductor with a gap of {gap:.1f} eV (PBE)"
    )
    return f"Probably {kind}; formation energy {format_number(energy)} eV/atom, bulk modulus {sheet.table['bulk_modulus'][0]:.0f} GPa."


def _rows(sheet: Sheet) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name in (*THERMAL, *SCALAR_QUANTITIES):
        value, low, high = sheet.table[name]
        ends = "–" if np.isnan(low) else f"{format_number(low)} to {format_number(high)}"
        word = WORDS.get(name, name.replace("_", " "))
        rows.append((word, None if np.isnan(value) else value, unit_of(name), ends, *_errors(name)))
    return rows


def _errors(name: str) -> tuple[object, object]:
    """Mean absolute errors of the model and of trees on unseen crystals, None where they are not known."""
    known = measured_error(name)
    return (known.mae, known.trees_mae) if known else (None, None)


def _known(sheet: Sheet) -> list[tuple[object, ...]]:
    return [
        (
            one.formula,
            one.space_group,
            "yes" if one.same_sites else "no",
            f"{one.distance:.2f}",
            *(format_number(one.labels.get(name)) for name in LABELS),
        )
        for one in sheet.nearest
    ]


def _doubts(sheet: Sheet) -> list[str]:
    """What is uncertain of this crystal."""
    found = [f"Unlike the training crystals: {text}." for text in sheet.unlike]
    if any(one.same_sites and one.distance == 0 for one in sheet.nearest):
        found.append(
            "This crystal is among those that the models learned from: for it they recall values instead of predicting them."
        )
    metal = sheet.table["metal_probability"][0]
    if 0.2 < metal < 0.8:
        found.append(f"It may or may not be a metal: probability {metal:.2f}.")
    if metal > METAL_THRESHOLD:
        found.append(
            "No refractive index is given for what is probably a metal; its heat capacity lacks the electrons."
        )
    if np.isnan(sheet.table["heat_capacity"][0]):
        found.append("The string is too long for the thermal model.")
    if sheet.table["formation_energy"][0] > 0:
        found.append("A formation energy above 0: the elements are more stable than this crystal.")
    return found


def _figures(sheet: Sheet) -> list[Figure]:
    kelvin = Axis("temperature (K)", 0, 1.03 * float(sheet.kelvin[-1]))  # room for the last label
    names = {"heat_capacity": "Cv", "heat_capacity_p": "Cp", "entropy": "S"}
    out = []
    for title, drawn in (("Heat capacity", ("heat_capacity", "heat_capacity_p")), ("Entropy", ("entropy",))):
        series = []
        for look, name in zip("ab", drawn, strict=False):
            ends = sheet.curves[name]
            if np.isnan(ends.value).all():
                continue
            if look == "a":
                series.append(_band(sheet.kelvin, ends.lower, ends.upper))
            series.append(Series(sheet.kelvin, ends.value, names[name], look))
        rules = (("3R", DULONG_PETIT),) if "heat_capacity" in drawn else ()
        if series:
            svg = chart(series, kelvin, Axis("J/mol_atom/K", 0), title=title, rules=rules)
            out.append(Figure(title, "per mole of atoms; shaded: 80 % of new crystals", svg))
    if not np.isnan(sheet.density).all():
        outline = np.concatenate([[0.0], sheet.density, [0.0]])
        at = np.concatenate([sheet.thz[:1], sheet.thz, sheet.thz[-1:]])
        density = [Series(at, outline, "", "a", "area"), Series(sheet.thz, sheet.density, "", "a")]
        svg = chart(
            density, Axis("frequency (THz)", 0), Axis("modes/THz/atom", 0), title="Phonon density of states"
        )
        out.append(Figure("Phonon density of states", "as steps that hold given shares of the modes", svg))
    return out


def _band(x: Array, low: Array, high: Array) -> Series:
    return Series(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]), "", "a", "area")
