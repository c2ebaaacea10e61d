"""Columnar batches: the strings of the crystals in them, and an error in the row of each that is wrong."""

import gc
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cloudkit
from cloudkit import Columns
from cloudkit.errors import StructureError
from cloudkit.structure import ENGINES

CUBE = np.eye(3) * 4.12
SITES = [[0, 0, 0], [0.5, 0.5, 0.5]]
CAESIUM_CHLORIDE = "Cs 1a Cl 1b"


def columns(*crystals: tuple[Any, Any, Any], species: Any = None) -> Columns:
    """Columns of (lattice, positions, numbers) triples."""
    lattices, positions, numbers = zip(*crystals, strict=True)
    return Columns(
        np.array(lattices),
        np.concatenate([np.reshape(p, (-1, 3)) for p in positions]),
        np.concatenate([np.array(n, int) for n in numbers]),
        np.cumsum([0, *map(len, numbers)]),
        species,
    )


GOOD = (CUBE, SITES, [55, 17])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("jobs", [1, 2])
def test_columns_give_the_strings_of_their_crystals_in_order(engine: str, jobs: int) -> None:
    crystals = [(np.diag([4, 4, 4 + i % 9]), SITES, [55, 17 if i % 3 else 55]) for i in range(100)]
    batch = cloudkit.encode_batch(columns(*crystals), engine=engine, jobs=jobs)
    assert batch.errors == [None] * 100
    assert batch.texts == cloudkit.encode_batch(crystals).texts
    assert batch.space_groups == [229 if i % 9 == 0 else 123 if i % 3 else 139 for i in range(100)]


def test_species_may_be_symbols_charges_and_mixtures() -> None:
    species = ["Fe2+", {"Fe": 0.5, "Ni": 0.5}, 8]
    text = cloudkit.encode_batch(columns((CUBE, SITES, [0, 2]), (CUBE, SITES, [1, 1]), species=species)).texts
    assert [one.split(" | ")[1] for one in text if one] == ["Fe 1a O 1b", "Fe 0.5 Ni 0.5 2a"]


FAR = np.array([[0, 0, 0], [0.5, 0.5, 1e300]])
MANY = np.random.default_rng(0).random((20_001, 3))
BAD: dict[str, tuple[tuple[Any, Any, Any], str]] = {
    "NaN coordinate": ((CUBE, [[0, 0, 0], [np.nan, 0, 0]], [55, 17]), "S202"),
    "infinite coordinate": ((CUBE, [[0, 0, 0], [-np.inf, 0, 0]], [55, 17]), "S202"),
    "coordinate of 1e300": ((CUBE, FAR, [55, 17]), "S202"),
    "NaN in the cell": ((np.full((3, 3), np.nan), SITES, [55, 17]), "S202"),
    "infinite cell": ((np.full((3, 3), np.inf), SITES, [55, 17]), "S202"),
    "no volume": ((np.ones((3, 3)), SITES, [55, 17]), "S203"),
    "zero cell": ((np.zeros((3, 3)), SITES, [55, 17]), "S203"),
    "flat cell": ((np.diag([4, 4, 1e-3]), SITES, [55, 17]), "S203"),
    "coincident atoms": ((CUBE, [[0, 0, 0], [1, 0, 2]], [55, 17]), "S206"),
    "0.0004 Å apart": ((CUBE, [[0, 0, 0], [1e-4, 0, 0]], [55, 17]), "S206"),
    "thin cell": ((np.diag([0.2, 9, 9]), [[0, 0, 0]], [55]), "S206"),
    "empty cell": ((CUBE, [], []), "S201"),
    "20,001 sites": ((np.eye(3) * 90, MANY, [6] * 20_001), "S207"),
    "unknown species": ((CUBE, SITES, [55, 119]), "S107"),
    "species 0": ((CUBE, SITES, [0, 55]), "S107"),
    "negative species": ((CUBE, SITES, [-1, 55]), "S107"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("jobs", [1, 2])
def test_each_bad_crystal_is_an_error_in_its_row_and_the_others_go_on(
    engine: str, jobs: int, capfd: pytest.CaptureFixture[str]
) -> None:
    crystals = [crystal for bad, _ in BAD.values() for crystal in (bad, GOOD)]
    batch = cloudkit.encode_batch(columns(*crystals), engine=engine, jobs=jobs)
    codes = [error.code if error else None for error in batch.errors]
    assert dict(zip(BAD, codes[::2], strict=True)) == {name: code for name, (_, code) in BAD.items()}
    assert codes[1::2] == [None] * len(BAD)
    assert all(text is not None and text.endswith(CAESIUM_CHLORIDE) for text in batch.texts[1::2])
    assert capfd.readouterr() == ("", "")


def test_a_left_handed_cell_is_no_error() -> None:
    (text,) = cloudkit.encode_batch(columns((-CUBE, SITES, [55, 17]))).texts
    assert text is not None
    assert text.endswith(CAESIUM_CHLORIDE)


@pytest.mark.parametrize(
    ("species", "code"),
    [
        ("Xx", "S107"),
        ({"Fe": 0.8, "Ni": 0.4}, "S205"),
        ({"Fe": -0.5}, "S205"),
        (200, "S107"),
        (None, "S112"),
        (float("inf"), "S112"),
    ],
)
def test_a_bad_entry_of_species_fails_the_rows_that_use_it(species: Any, code: str) -> None:
    batch = cloudkit.encode_batch(
        columns((CUBE, SITES, [0, 1]), (CUBE, SITES, [0, 0]), species=["Cs", species])
    )
    assert [error and error.code for error in batch.errors] == [code, None]


def test_offsets_that_lie_are_errors_in_their_rows() -> None:
    positions, numbers = np.array(SITES * 3), np.array([55, 17] * 3)
    for offsets, codes in (
        ([0, 2, 4, 6], [None, None, None]),
        ([0, 2, 4, 7], [None, None, "S112"]),
        ([0, 4, 2, 6], ["S206", "S112", "S206"]),
        ([-2, 2, 4, 6], ["S112", None, None]),
        ([0, 2, 2, 10**18], [None, "S201", "S112"]),
    ):
        batch = cloudkit.encode_batch(Columns(np.array([CUBE] * 3), positions, numbers, np.array(offsets)))
        assert [error and error.code for error in batch.errors] == codes


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        (([CUBE], SITES, [55], [0, 2]), "numbers has the shape"),
        (([CUBE], SITES, [55, 17], [0]), "offsets has the shape"),
        ((CUBE, SITES, [55, 17], [0, 2]), "lattices has the shape"),
        (([CUBE], [0.0, 0.5], [55, 17], [0, 2]), "positions has the shape"),
        (([CUBE], SITES, [55.0, 17.0], [0, 2]), "numbers must hold integers"),
        (([CUBE], SITES, [55, 17], [0.0, 2.0]), "offsets must hold integers"),
        (([CUBE], [["a"] * 3] * 2, [55, 17], [0, 2]), "not arrays of numbers"),
        (([CUBE], [[10**400, 0, 0]] * 2, [55, 17], [0, 2]), "not arrays of numbers"),
        (([CUBE], [[0, 0, 0], [0]], [55, 17], [0, 2]), "not arrays of numbers"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused_as_a_whole(arrays: Any, named: str) -> None:
    with pytest.raises(StructureError, match=named):
        Columns(*arrays)


def test_a_buffer_cut_short_is_refused_before_anything_is_read() -> None:
    library = pytest.importorskip("cloudkit.structure.engine_spglib").find_library()
    if library is None:
        pytest.skip("spglib's C functions are not used here")
    positions, types = np.array(SITES, float), np.array([55, 17], np.int32)
    for offsets in ([0, 3], [0, 1], [1, 2], [0, 2, 2], [0, -1, 2]):
        lattices = np.array([CUBE] * (len(offsets) - 1))
        with pytest.raises(ValueError, match=r"fit together|must rise"):
            library.search(lattices, positions, types, np.array(offsets, np.int64), 0.01, -1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.parametrize("engine", ENGINES)
def test_batches_good_and_bad_do_not_leak(engine: str) -> None:
    bad = [crystal for crystal, code in BAD.values() if code != "S207"]
    batch = columns(*[GOOD, *bad] * 4)

    def run() -> int:
        for _ in range(15):
            cloudkit.encode_batch(batch, engine=engine)
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    run()
    before = run()
    assert run() - before < 2**20
