"""Real files as people reported them: read right, or said so. One row a file: its result, and words of its notes.

The files of the shared folder are examples of a kind; OWN of reported_kinds.py holds two more of each kind.
"""

from pathlib import Path

import pytest

from cloudkit.encoding import Encoded, EncodeOptions, encode_files, encode_records
from cloudkit.io import Record, read_structures
from cloudkit.structure import ENGINES, Engine

from .reported_kinds import CAESIUM, CSCL, KINDS, OWN, SHARED, named, poscar

CASES = [(kind, *case) for kind, cases in OWN.items() for case in cases]


def outcome(row: Encoded) -> str:
    """The result of a structure: its group and orbits, or the code."""
    return row.error.code if row.error else f"{row.space_group} {str(row.scope).partition(' | ')[2]}"


def check(rows: list[Encoded], wanted: str, words: str) -> None:
    """Hold the only row against what is right."""
    (row,) = rows
    said = " / ".join((*row.notes, str(row.error or "")))
    assert wanted in ("", outcome(row)), said
    assert words in said
    if not words and wanted[:1] != "S":
        assert not [note for note in row.notes if "formula" not in note], said


@pytest.mark.parametrize("name", SHARED)
def test_a_reported_file_is_read_right_or_refused(name: str, shared: Path) -> None:
    check(list(encode_files([shared / "data/structures/reports" / name])), *SHARED[name])


@pytest.mark.parametrize(
    ("kind", "name", "text", "wanted", "words"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
def test_each_kind_of_file_is_read_right_or_refused(
    kind: str, name: str, text: str, wanted: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    check(list(encode_files([tmp_path / name])), wanted, words)


def test_every_kind_has_two_inputs_of_our_own(shared: Path) -> None:
    reported = {path.name[:2] for path in (shared / "data/structures/reports").glob("[0-9][0-9]-*")}
    assert reported == set(KINDS)
    assert all(len(OWN[kind]) >= 2 for kinds in KINDS.values() for kind in kinds)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["36-POSCAR_bcc_cartesian", "a.vasp"])
def test_cartesian_poscars_are_read_with_every_engine(
    engine: Engine, name: str, shared: Path, tmp_path: Path
) -> None:
    own = {name: text for name, text, _, _ in OWN["Cartesian POSCARs"]}
    path = tmp_path / name if name in own else shared / "data/structures/reports" / name
    if name in own:
        path.write_text(own[name])
    wanted = CSCL if name in own else "229 Fe 2a"
    for order in ("canonical", "input"):
        options = EncodeOptions(order=order, engine=engine)
        (row,) = encode_files([path], options)
        assert row.error is None and str(row.scope).endswith(f"| {wanted.partition(' ')[2]}")


def test_all_forms_of_pbc_are_alike(shared: Path) -> None:
    records = list(read_structures([shared / "data/structures/reports/28-as2d_all_forms.extxyz"]))
    refused = {
        record.id.partition("#")[2] for record in records if record.error and record.error.code == "S113"
    }
    assert refused == {str(number) for number in range(1, 10)}


def test_a_wrapped_contcar_is_the_one_on_one_line(shared: Path) -> None:
    folder = shared / "data/structures/reports"
    wrapped, plain = (
        next(encode_files([folder / name])) for name in ("11-CONTCAR", "11-CONTCAR_on_one_line")
    )
    assert wrapped.scope == plain.scope and wrapped.error is None


def test_tables_of_the_trade_name_their_rows(shared: Path) -> None:
    folder = shared / "data/structures/reports"
    for name, ids in (
        ("27-matbench_x.json", ["mb-1", "mb-2"]),
        ("27-wbm_columns.json", ["wbm-1-1", "wbm-1-2"]),
    ):
        rows = list(encode_files([folder / name]))
        assert [row.id for row in rows] == [f"{name}#{number}" for number in ids]
        assert {outcome(row) for row in rows} == {"225 Na 4a Cl 4b"}


def test_an_error_that_no_reader_expects_is_the_failure_of_one_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(_: str) -> None:
        raise ZeroDivisionError("once")

    from cloudkit.io import read

    (tmp_path / "a.cif").write_text(named("P m -3 m", CAESIUM, 4.12))
    (tmp_path / "b.vasp").write_text(poscar())
    monkeypatch.setitem(read.READERS, "cif", burst)
    first, second = read_structures([tmp_path])
    assert (
        first.error is not None and first.error.code == "S103" and "ZeroDivisionError" in first.error.message
    )
    assert second.crystal is not None


def test_a_stated_group_that_is_found_at_no_tolerance_is_noted() -> None:
    text = named("I m -3 m", CAESIUM, 4.12, "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n")
    from cloudkit.io.cif import read_cif

    (record,) = read_cif(text)
    assert isinstance(record, Record) and record.stated is not None
    assert record.stated.number == 229 and record.stated.operations == 96
    (row,) = encode_records([record])
    assert row.notes[-1] == "the file states I m -3 m (229), found Pm-3m (221) at symprec 0.01"
