"""Units: every key leads to the canonical unit per atom and nowhere else."""

import pytest

from cloudkit.units import (
    QUANTA,
    QUANTITIES,
    UnitError,
    canonical_unit,
    per_of,
    to_kelvin,
    to_per_atom,
    units_of,
)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_canonical_unit_is_among_those_of_its_quantity_and_changes_nothing(quantity: str) -> None:
    assert canonical_unit(quantity) in units_of(quantity)
    assert to_per_atom(3.7, canonical_unit(quantity), quantity) == pytest.approx(3.7, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "unit", "quantity", "atoms", "expected"),
    [
        (50.0, "J/mol_cell/K", "heat_capacity", 2, 25.0),
        (6.0, "cal/mol_atom/K", "entropy", None, 25.104),
        (1.0, "eV/formula", "enthalpy_increment", 4, 24121.333),
        (0.1, "meV/atom/K", "heat_capacity_p", None, 9.6485332),
        (1.0, "meV", "debye_temperature", None, 11.604518),
        (100.0, "1/cm", "debye_temperature", None, 143.87769),
        (33.35641, "cm-1", "highest_frequency", None, 1.0),
        (479.92430734, "K", "highest_frequency", None, 10.0),
        (1.380649e-23, "J", "debye_temperature", None, 1.0),
        (1.0, "modes/meV/cell", "phonon_density", 2, 2.0678338),
    ],
)  # fmt: skip
def test_labels_become_values_per_atom_in_canonical_units(
    value: float, unit: str, quantity: str, atoms: int | None, expected: float
) -> None:
    assert to_per_atom(value, unit, quantity, atoms) == pytest.approx(expected, rel=1e-7)


def test_a_unit_of_another_quantity_is_refused_with_one_that_fits() -> None:
    for unit, quantity, near in (
        ("J/mol_cell", "heat_capacity", "J/mol_cell/K"),
        ("J/mol_atom", "debye_temperature", "use e.g. 'K'"),
        ("THz", "phonon_density", "modes/THz/atom"),
    ):
        with pytest.raises(UnitError, match=near):
            to_per_atom(1.0, unit, quantity, 1)


def test_what_a_unit_counts_is_read_off_its_end() -> None:
    found = [per_of(unit) for unit in ("J/mol_cell/K", "meV/formula", "modes/K/cell", "1/cm", "")]
    assert found == ["cell", "formula", "cell", "atom", "atom"]


def test_a_frequency_in_an_unknown_unit_names_the_known_ones() -> None:
    assert to_kelvin(1.0, "THz") == pytest.approx(47.99243073)
    with pytest.raises(UnitError, match="known: " + ", ".join(QUANTA).replace("/", "/")):
        to_kelvin(1.0, "GHz")
