"""Both engines find the orbits of the crystal, not of the cell it was given in."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from cloudkit import _native
from cloudkit.errors import StructureError
from cloudkit.io import as_crystal
from cloudkit.structure import ENGINES, Crystal, CrystalOrbit, Symmetry, find_symmetry

from .structure_examples import caesium_chloride, rock_salt_supercell

SODIUM, CHLORINE = (("Na", 1.0),), (("Cl", 1.0),)


def _content(symmetry: Symmetry) -> list[tuple[int, object]]:
    return sorted((orbit.multiplicity, orbit.species) for orbit in symmetry.orbits)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_supercell_has_the_orbits_of_its_crystal(engine: str, n: int) -> None:
    crystal = as_crystal(rock_salt_supercell(n))
    symmetry = find_symmetry(crystal, engine=engine)  # type: ignore[arg-type]
    assert symmetry.space_group == 225
    assert symmetry.orbits == (CrystalOrbit("a", 4, SODIUM), CrystalOrbit("b", 4, CHLORINE))
    assert symmetry.site_letters == "a" * (4 * n**3) + "b" * (4 * n**3)
    assert symmetry.site_orbits == (0,) * (4 * n**3) + (1,) * (4 * n**3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_primitive_cell_has_the_multiplicities_of_the_conventional_one(engine: str) -> None:
    lattice = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.82
    symmetry = find_symmetry(as_crystal((lattice, [[0, 0, 0], [0.5, 0.5, 0.5]], ["Na", "Cl"])), engine=engine)  # type: ignore[arg-type]
    assert _content(symmetry) == [(4, SODIUM), (4, CHLORINE)] or _content(symmetry) == [
        (4, CHLORINE),
        (4, SODIUM),
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_skewed_and_left_handed_cells_are_fine(engine: str) -> None:
    lattice, positions, numbers = caesium_chloride()
    skew = np.array([[1, 7, -3], [0, 1, 11], [0, 0, 1]])
    for cell, places in ((skew @ lattice, positions @ np.linalg.inv(skew)), (-lattice, positions)):
        assert find_symmetry(as_crystal((cell, places, numbers)), engine=engine).space_group == 221  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_mixed_sites_differ_from_full_ones(engine: str) -> None:
    positions = [[0, 0, 0], [0.5, 0.5, 0.5]]
    mixed = as_crystal((np.eye(3) * 3, positions, [{"Fe": 0.5, "Ni": 0.5}, {"Ni": 0.5, "Fe": 0.5}]))
    ordered = as_crystal((np.eye(3) * 3, positions, [{"Fe": 0.5, "Ni": 0.5}, {"Fe": 1}]))
    assert find_symmetry(mixed, engine=engine).orbits == (CrystalOrbit("a", 2, (("Fe", 0.5), ("Ni", 0.5))),)  # type: ignore[arg-type]
    assert find_symmetry(ordered, engine=engine).space_group == 221  # type: ignore[arg-type]


def test_oxidation_states_count_only_when_asked() -> None:
    positions = [[0, 0, 0], [0.5, 0.5, 0.5]]
    crystal = as_crystal((np.eye(3) * 3, positions, ["Fe2+", "Fe3+"]))
    assert find_symmetry(crystal).space_group == 229
    assert find_symmetry(crystal, by_written=True).space_group == 221


@pytest.mark.parametrize("engine", ENGINES)
def test_the_tolerance_is_a_length_in_angstrom(engine: str) -> None:
    distorted = as_crystal(([[4, 0, 0], [0, 4, 0], [0, 0, 4.03]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"]))
    assert find_symmetry(distorted, engine=engine, symprec=1e-3).space_group == 123  # type: ignore[arg-type]
    assert find_symmetry(distorted, engine=engine, symprec=0.1).space_group == 221  # type: ignore[arg-type]


def test_the_angle_tolerance_is_in_degrees_and_for_spglib_alone() -> None:
    angle = np.radians(90.5)
    lattice = [[40, 0, 0], [40 * np.cos(angle), 40 * np.sin(angle), 0], [0, 0, 30]]
    crystal = as_crystal((lattice, [[0, 0, 0]], ["Si"]))
    groups = {
        engine: [
            find_symmetry(crystal, engine=engine, symprec=1, angle_tolerance=x).space_group
            for x in (0.1, 5.0)
        ]
        for engine in ENGINES
    }
    assert groups == {
        "native": [123, 123],
        "moyo": [123, 123],
        "spglib": [65, 123],
    }  # moyo goes by symprec, as spglib without one


def test_the_engine_is_named_with_its_version() -> None:
    import moyopy
    import spglib

    crystal = as_crystal(caesium_chloride())
    assert find_symmetry(crystal).engine == f"native {_native.SYMMETRY_VERSION}"
    assert find_symmetry(crystal, engine="moyo").engine == f"moyo {moyopy.__version__}"
    assert find_symmetry(crystal, engine="spglib").engine == f"spglib {spglib.__version__}"


def test_a_failing_search_is_a_structure_error_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StructureError, match="spglib finds no space group at symprec 9 Å") as caught:
        find_symmetry(as_crystal(rock_salt_supercell(1)), engine="spglib", symprec=9.0)
    assert caught.value.code == "S301"
    assert capfd.readouterr() == ("", "")


class PanicException(BaseException):
    """Named and derived as the one that Rust panics raise."""


@pytest.mark.parametrize(("raised", "code"), [(ValueError("no"), "S301"), (PanicException("boom"), "S303")])
def test_errors_and_panics_of_moyo_are_structure_errors(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("moyopy.MoyoDataset", fail)
    with pytest.raises(StructureError) as caught:
        find_symmetry(as_crystal(caesium_chloride()), engine="moyo")
    assert caught.value.code == code


def test_an_interrupt_during_the_search_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("moyopy.MoyoDataset", interrupt)
    with pytest.raises(KeyboardInterrupt):
        find_symmetry(as_crystal(caesium_chloride()), engine="moyo")


def test_supercells_log_no_warnings(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        find_symmetry(as_crystal(rock_salt_supercell(3)), engine="moyo")
    assert not caplog.records


def test_wrong_options_are_refused() -> None:
    crystal: Crystal = as_crystal(caesium_chloride())
    with pytest.raises(ValueError, match="unknown engine 'magic'; choose native, moyo or spglib"):
        find_symmetry(crystal, engine="magic")  # type: ignore[arg-type]
    for symprec in (0.0, -1.0, float("nan"), 50.0):
        with pytest.raises(ValueError, match="symprec"):
            find_symmetry(crystal, symprec=symprec)


def test_without_a_compiler_the_readable_code_gives_the_same_answers() -> None:
    script = """
import sys
for name in ("contacts", "symspg") if {missing} else ():
    sys.modules[f"cloudkit.structure.{{name}}"] = None
import numpy as np
from cloudkit.io import as_crystal
from cloudkit.structure import find_symmetry
for spots in ([[0, 0, 0], [0.5, 0.5, 0.5]], [[0, 0, 0], [0, 0, 0.01]]):
    crystal = as_crystal((np.eye(3) * 4.12, spots, [55, 17]))
    for engine in ("moyo", "spglib"):
        try:
            print(find_symmetry(crystal, engine=engine))
        except ValueError as error:
            print(error)
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", script.format(missing=missing)], capture_output=True, text=True, check=True
        )
        for missing in (False, True)
    ]
    assert runs[0].stdout == runs[1].stdout != ""
    assert "holds the GIL" in runs[1].stderr
