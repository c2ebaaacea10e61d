"""Many structures: order kept, nothing dropped, whatever the engine, the number of jobs and the form of the input."""

from collections.abc import Iterator

import numpy as np
import pytest

import cloudkit
from cloudkit.encoding import EncodeOptions, encode_batch, encode_records
from cloudkit.encoding.encoder import BATCH
from cloudkit.errors import OptionError, StructureError
from cloudkit.io import Columns, Record, as_crystal
from cloudkit.structure import ENGINES

LATTICE, PLACES = np.eye(3) * 4.12, [[0, 0, 0], [0.5, 0.5, 0.5]]


def mixed(n: int) -> Iterator[Record]:
    """Tetragonal cells with one or two kinds of atom, every seventh a failed record, another with coinciding atoms."""
    for i in range(n):
        if i % 7 == 3:
            yield Record(f"r{i}", None, StructureError("S104", "nothing here"))
        elif i % 7 == 5:
            yield Record(f"r{i}", as_crystal((LATTICE, [[0, 0, 0], [0, 0, 0]], ["H", "H"])))
        else:
            numbers = [55, 17] if i % 2 else [55, 55]
            yield Record(f"r{i}", as_crystal((np.diag([4, 4, 5 + i / 100]), PLACES, numbers)))


def summary(options: EncodeOptions, jobs: int, n: int) -> list[tuple[object, ...]]:
    rows = encode_records(mixed(n), options, jobs)
    return [(row.id, row.scope, row.space_group, row.error and row.error.code) for row in rows]


@pytest.mark.parametrize("dialect", ["orbit", "reduced", "full"])
def test_every_engine_and_number_of_jobs_gives_the_same_rows_in_order(dialect: str) -> None:
    n = 2 * BATCH + 3
    expected = summary(EncodeOptions(dialect, engine="moyo"), 1, n)
    assert [row[0] for row in expected] == [f"r{i}" for i in range(n)]
    assert {row[2] for row in expected} == {None, 123, 139}
    assert {row[3] for row in expected} == {None, "S104", "S206"}
    for jobs in (1, 3):
        assert summary(EncodeOptions(dialect), jobs, n) == expected


def test_the_input_is_read_as_the_results_are_taken() -> None:
    taken = 0

    def counted() -> Iterator[Record]:
        nonlocal taken
        for record in mixed(20 * BATCH):
            taken += 1
            yield record

    rows = encode_records(counted(), jobs=2)
    next(rows)
    assert taken <= 2 * BATCH + 1


def test_columns_give_the_strings_of_their_crystals() -> None:
    columns = Columns(
        np.array([LATTICE] * 4), PLACES * 4, [55, 17, 55, 55, 55, 0, 55, 999], np.array([0, 2, 4, 6, 8])
    )
    batch, alone = encode_batch(columns, jobs=2), list(columns.records())
    assert batch.texts[:2] == [
        cloudkit.encode((LATTICE, PLACES, numbers)) for numbers in ([55, 17], [55, 55])
    ]
    assert [error.code if error else None for error in batch.errors] == [None, None, "S107", "S107"]
    assert [record.error.code if record.error else None for record in alone] == [None, None, "S107", "S107"]


def test_columns_with_mixed_species_count_no_oxidation_states() -> None:
    species = ["Fe2+", "Fe3+", {"Fe": 0.5, "Ni": 0.5}]
    columns = Columns([LATTICE, LATTICE], PLACES * 2, [0, 1, 2, 2], [0, 2, 4], species)
    assert [text.partition(" | ")[2] for text in encode_batch(columns).texts if text] == [
        "Fe 2a",
        "Fe 0.5 Ni 0.5 2a",
    ]


@pytest.mark.parametrize("offsets", [[0, 3, 2], [0, 1, 9], [-1, 1, 2]])
def test_columns_with_wrong_offsets_fail_row_by_row(offsets: list[int]) -> None:
    batch = encode_batch(Columns([LATTICE] * 2, PLACES, [55, 17], offsets))
    assert any(error is not None and error.code == "S112" for error in batch.errors)
    assert all(
        (text is None) != (error is None) for text, error in zip(batch.texts, batch.errors, strict=True)
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "arrays",
    [np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a.astype(">f8"), lambda a: a.astype("f4")],
    ids=["fortran", "strided", "big-endian", "float32"],
)  # fmt: skip
def test_arrays_of_any_layout_are_read(engine: str, arrays) -> None:  # type: ignore[no-untyped-def]
    lattice = arrays(np.array([[0, 2.87, 2.87], [2.87, 0, 2.87], [2.87, 2.87, 0]]))
    text = cloudkit.encode((lattice, arrays(np.array(PLACES, float)), [11, 17]), engine=engine)  # type: ignore[arg-type]
    assert text.endswith("| Na 4a Cl 4b")


def test_a_cell_past_the_limit_of_atoms_is_refused() -> None:
    batch = encode_batch([(LATTICE, PLACES, [55, 17])], max_sites=1)
    assert batch.errors[0] is not None and batch.errors[0].code == "S207"


def test_alternatives_may_be_closer_than_full_sites() -> None:
    near = [[0, 0, 0], [0, 0, 0.07 / 4.12]]
    halves = encode_batch([(LATTICE, near, [{"Fe": 0.5}, {"Ni": 0.5}]), (LATTICE, near, ["Fe", "Ni"])])
    assert halves.texts[0] is not None
    assert halves.errors[1] is not None and halves.errors[1].code == "S206"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dialect": "x"}, "unknown dialect 'x'"),
        ({"order": "x"}, "unknown order 'x'"),
        ({"engine": "x"}, "unknown engine 'x'"),
        ({"symprec": 0}, "symprec must be a length"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        EncodeOptions(**options)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="jobs must be at least 1"):
        encode_records([], jobs=0)
