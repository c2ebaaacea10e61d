"""The table of elements."""

import math

import pytest

from cloudkit.tables import ELEMENT, ELEMENTS


def test_there_are_118_elements_in_order_of_number() -> None:
    assert [element.number for element in ELEMENTS] == list(range(1, 119))
    assert len(ELEMENT) == 118
    assert [ELEMENT[s].number for s in ("H", "C", "Fe", "Og")] == [1, 6, 26, 118]


def test_isotopes_are_no_elements() -> None:
    assert not {"D", "T", "X"} & set(ELEMENT)


def test_order_ranks_by_electronegativity_then_symbol_with_unknown_last() -> None:
    ranked = sorted(ELEMENTS, key=lambda e: e.order)
    assert [e.order for e in ranked] == list(range(118))
    keys = [(math.inf if math.isnan(e.electronegativity) else e.electronegativity, e.symbol) for e in ranked]
    assert keys == sorted(keys)


def test_order_is_that_of_pymatgen_formulas() -> None:
    pymatgen = pytest.importorskip("pymatgen.core", reason="pymatgen is not installed")
    formula = pymatgen.Composition("ClNaCsFOLiFe").formula
    symbols = ["".join(c for c in word if c.isalpha()) for word in formula.split()]
    assert sorted(symbols, key=lambda s: ELEMENT[s].order) == symbols


def test_well_known_values_are_right() -> None:
    iron = ELEMENT["Fe"]
    assert (iron.name, iron.period, iron.group, iron.block) == ("Iron", 4, 8, "d")
    assert iron.mass == pytest.approx(55.845)
    assert iron.electronegativity == pytest.approx(1.83)
    assert iron.covalent_radius == pytest.approx(1.32)
    assert math.isnan(ELEMENT["He"].electronegativity)
