"""The data sheet of a crystal: all predictions of a model on one page."""

from typing import Final

import numpy as np
from markupsafe import Markup, escape

from cloudkit.evaluate.display import quantity_name
from cloudkit.html import format_number
from cloudkit.predict.materials import METAL_THRESHOLD, NAME
from cloudkit.predict.sheet import Array, Sheet
from cloudkit.predict.training_crystals import Neighbor
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import Figure, formula_html, render
from cloudkit.tables import ELEMENT, SPACE_GROUPS
from cloudkit.units import DULONG_PETIT

LABELS: Final = {  # quantities of the table of nearest crystals, and names of its rows
    "bulk_modulus": "bulk modulus (GPa)",
    "shear_modulus": "shear modulus (GPa)",
    "debye_temperature": "Debye temperature (K)",
    "thermal_conductivity": "thermal conductivity (W/m/K)",
    "formation_energy": "formation energy (eV/atom)",
    "band_gap": "band gap (eV)",
    "refractive_index": "refractive index",
}
MAX_LABELS: Final = 7  # columns of labels in the table of nearest crystals
STRING_ALONE: Final = "The model reads the string alone: two crystals with the same string get the same values, whatever their volume."
INTERVALS: Final = "Intervals hold 80 % of the labels of compositions that training has not seen, of easy and of hard crystals; one value in five lies outside."
ERRORS: Final = "Errors are means over such crystals (command: cloudkit models)."
LEARNED: Final = (
    "Training has seen a crystal with this formula, space group and Wyckoff positions. The table has its labels; a prediction need "
    "not agree with the label, and quantities without a label are predicted as for any other crystal."
)
ELEMENT_ENERGY: Final = (
    "The formation energy of an element is relative to its most stable form, for which it is 0; most predictions "
    "for elements are within 0.15 eV/atom of that, those for carbon 0.5 too high."
)
COMPUTED: Final = (
    "Labels were computed (PBE), not measured: gaps are about 40 % below measured ones; thermal conductivity and expansion "
    "are those of a quasi-harmonic Debye model (AFLOW), expansion about 1.7 times the measured one, and up to 5 times in silicon "
    "and other covalent crystals."
)
HARMONIC: Final = "Thermal values are harmonic: no magnetism, electrons, melting or other phase transitions. U and F include zero-point energy."
Row = tuple[str, ...]


def sheet_page(sheet: Sheet) -> str:
    """Render the data sheet of a crystal as a page.

    Parameters
    ----------
    sheet
        Result of `cloudkit.predict.Model.sheet`.

    Returns
    -------
    str
        Self-contained HTML.

    Examples
    --------
    >>> from cloudkit.predict import load
    >>> page = sheet_page(load("materials").sheet("1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"))
    >>> "<title>CsCl" in page, page.count("<figure")
    (True, 3)
    """
    return render(
        "sheet.html",
        title=sheet.formula,
        kind="data sheet",
        sheet=sheet,
        group=SPACE_GROUPS[sheet.space_group - 1],
        sentence=_sentence(sheet) if sheet.model == NAME else "",
        rows=_rows(sheet),
        figures_over_temperature=_figures(sheet),
        nearest=_neighbor_table(sheet, sheet.nearest, with_distance=True),
        other_forms=_neighbor_table(sheet, sheet.other_forms, with_distance=False),
        doubts=[*_doubts(sheet), *_limits(sheet)],
    )


def _sentence(sheet: Sheet) -> str:
    metal = sheet.table["metal_probability"][0]
    gap, energy = sheet.table["band_gap"][0], sheet.table["formation_energy"][0]
    kind = (
        "a metal"
        if metal > METAL_THRESHOLD
        else f"an insulator or semiconductor with a gap of {gap:.1f} eV (PBE)"
    )
    formation = "" if _is_element(sheet) else f"formation energy {format_number(energy)} eV/atom, "
    return f"Probably {kind}; {formation}bulk modulus {sheet.table['bulk_modulus'][0]:.0f} GPa."


def _is_element(sheet: Sheet) -> bool:
    return sheet.formula in ELEMENT


def _rows(sheet: Sheet) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name, (value, low, high) in sheet.table.items():
        ends = escape("–" if np.isnan(low) else f"{format_number(low)} to {format_number(high)}")
        if name in sheet.labels:
            ends += Markup('<br><span class="dim">label in training: {}</span>').format(
                _label(sheet, name, sheet.labels[name])
            )
        shown = sheet.classes[name].name if name in sheet.classes else None if np.isnan(value) else value
        errors = sheet.errors.get(name, (None, None))
        rows.append((quantity_name(name), shown, _unit(sheet.units[name]), ends, *errors))
    return rows


def _unit(unit: str) -> Markup:
    """Return a unit that may be broken after each of its parts, for narrow screens."""
    return Markup(str(escape(unit)).replace("/", "/<wbr>").replace("_", "_<wbr>"))


def _labels(sheet: Sheet) -> dict[str, str]:
    """Return the quantities of the table of nearest crystals, and the names of its rows."""
    if sheet.model == NAME:
        return LABELS
    near = [*sheet.nearest, *sheet.other_forms]
    names = [name for name in sheet.table if any(name in one.labels for one in near)][:MAX_LABELS]
    return {
        name: f"{quantity_name(name)} ({sheet.units[name]})" if sheet.units[name] else quantity_name(name)
        for name in names
    }


def _neighbor_table(
    sheet: Sheet, near: list[Neighbor], *, with_distance: bool
) -> tuple[list[str], list[Row]]:
    """Return heads and rows of a table with a column for each training crystal."""
    names = [f"{one.formula} ({one.space_group})" for one in near]
    marks = [chr(ord("a") + names[:place].count(name)) for place, name in enumerate(names)]
    heads = [
        formula_html(one.formula) + f" ({one.space_group}{mark if names.count(name) > 1 else ''})"
        for one, name, mark in zip(near, names, marks, strict=True)
    ]
    rows: list[Row] = []
    if with_distance:
        rows += [
            ("same sites", *("yes" if one.same_sites else "no" for one in near)),
            ("distance of composition", *(f"{one.distance:.2f}" for one in near)),
        ]
    rows += [
        (head, *(_label(sheet, name, one.labels.get(name)) for one in near))
        for name, head in _labels(sheet).items()
    ]
    return ["", *heads], rows


def _label(sheet: Sheet, name: str, label: float | None) -> str:
    predicted = sheet.classes.get(name)
    return format_number(label) if predicted is None or label is None else predicted.classes[int(label)]


def _limits(sheet: Sheet) -> list[str]:
    """Return the limits that all crystals of the model have."""
    limits = [STRING_ALONE]
    if sheet.model == NAME:
        limits += [f"{INTERVALS} {ERRORS}", COMPUTED]
    elif not all(np.isnan(low) for _, low, _ in sheet.table.values()):
        limits.append(INTERVALS)
    return limits + ([HARMONIC] if sheet.curves else [])


def _doubts(sheet: Sheet) -> list[str]:
    """Return reasons to doubt the values of this crystal."""
    found = [f"Unlike the training crystals: {text}." for text in sheet.unlike]
    if sheet.labels:
        found.append(LEARNED)
    return found + (_family_doubts(sheet) if sheet.model == NAME else [])


def _family_doubts(sheet: Sheet) -> list[str]:
    """Return doubts that follow from the values of the shipped models together."""
    found = []
    metal = sheet.table["metal_probability"][0]
    if 0.2 < metal < 0.8:
        found.append(f"It may or may not be a metal: probability {metal:.2f}.")
    if metal > METAL_THRESHOLD:
        found.append(
            "Probably a metal: no refractive index, and no interval of the gap; the heat capacity lacks the electronic part."
        )
    if np.isnan(sheet.table["heat_capacity"][0]):
        found.append("The string is too long for the thermal model.")
    if _is_element(sheet):
        found.append(ELEMENT_ENERGY)
    elif sheet.table["formation_energy"][0] > 0:
        found.append("A formation energy above 0: the elements are more stable than this crystal.")
    return found


def _figures(sheet: Sheet) -> list[Figure]:
    kelvin = Axis("temperature (K)", 0, 1.03 * float(sheet.kelvin[-1]))  # room for the last label
    names = {"heat_capacity": "Cv", "heat_capacity_p": "Cp", "entropy": "S"}
    out = []
    for title, drawn in (("Heat capacity", ("heat_capacity", "heat_capacity_p")), ("Entropy", ("entropy",))):
        series = []
        for look, name in zip("ab", drawn, strict=False):
            ends = sheet.curves.get(name)
            if ends is None or np.isnan(ends.value).all():
                continue
            if look == "a" and not np.isnan(ends.lower).all():
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
        out.append(Figure("Phonon density of states", "each step holds a fixed share of the modes", svg))
    return out


def _band(x: Array, low: Array, high: Array) -> Series:
    return Series(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]), "", "a", "area")
