"""Tables: three kinds of file, and a sentence for each that cannot be read."""

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from cloudkit.data import BUILTIN, read_builtin
from cloudkit.errors import DataError
from cloudkit.io import Table, read_table


@pytest.fixture
def rows() -> dict[str, list[object]]:
    return {"scope": ["a, b", "c"], "cv": [24.5, 7.0]}


def test_csv_jsonl_parquet_and_their_gzipped_forms_hold_the_same_table(
    tmp_path: Path, rows: dict[str, list[object]]
) -> None:
    csv_text = 'scope,cv\n"a, b",24.5\nc,7.0\n\n'
    jsonl = "".join(
        json.dumps({"scope": s, "cv": v}) + "\n" for s, v in zip(rows["scope"], rows["cv"], strict=True)
    )
    (tmp_path / "t.csv").write_text("\ufeff" + csv_text)
    (tmp_path / "t.jsonl").write_text(jsonl)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(csv_text.encode()))
    (tmp_path / "v1.0.jsonl.gz").write_bytes(gzip.compress(jsonl.encode()))
    (tmp_path / "SHOUTED.CSV.GZ").write_bytes(gzip.compress(csv_text.encode()))
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "t.parquet")
    for path in tmp_path.iterdir():
        table = read_table(path)
        assert table.text("scope") == rows["scope"], path.name
        assert table.numbers("cv").tolist() == rows["cv"], path.name


def test_a_csv_file_may_mix_line_ends(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'scope,cv\r\n"a, b",24.5\rc,7.0\n')
    assert read_table(tmp_path / "t.csv").columns == {"scope": ["a, b", "c"], "cv": ["24.5", "7.0"]}


def test_half_a_surrogate_pair_is_written_out_so_that_every_table_can_hold_it(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id": "\\ud800", "a\\udfff": "\\u00e9"}\n')
    (tmp_path / "t.json").write_text('{"columns": ["id", "a\\udfff"], "data": [["\\ud800", "\\u00e9"]]}')
    for name in ("t.jsonl", "t.json"):
        assert read_table(tmp_path / name).columns == {"id": [r"\ud800"], r"a\udfff": ["é"]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "empty"),
        ("t.csv", b"scope,cv\n", "no rows"),
        ("t.csv", b"a,b\n1,2\n3\n", "row 2 has 1 fields"),
        ("t.csv", b"a,a\n1,2\n", "'a' occurs more than once"),
        ("t.csv", b'a\n"open\n', "line"),
        ("t.csv", b"a\n\xff\n", "not UTF-8"),
        ("t.csv.gz", b"not gzip", "gzip"),
        ("t.csv.gz", gzip.compress(b"a\n1\n" * 99, mtime=0)[:-9], "gzip"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("t.jsonl", b"[1]\n", "line 1 is not an object"),
        ("t.parquet", b"PAR1 nothing", "not a readable Parquet"),
        ("t.xlsx", b"x", "cannot tell"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_name_and_reason(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read_table(tmp_path / name)
    assert name in str(error.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, message in (("gone.csv", "no such file"), ("folder.csv", "not a folder of shards")):
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / name)


def test_an_unknown_column_names_the_nearest_one() -> None:
    with pytest.raises(DataError, match="no column 'heat_capacty'; did you mean 'heat_capacity'"):
        Table("t.csv", {"heat_capacity": ["1"]}).column("heat_capacty")


@pytest.mark.parametrize("bad", ["", "abc", "nan", "inf", None, True, [1], 10**400])
def test_a_value_that_is_no_finite_number_is_named_with_row_and_column(bad: object) -> None:
    table = Table("t.csv", {"cv": ["1.5", bad, "2", bad]})
    with pytest.raises(DataError, match=r"t.csv: row 2, column 'cv': expected a finite number.*1 more"):
        table.numbers("cv")


def test_the_column_of_strings_is_scope_or_the_only_text() -> None:
    assert Table("t", {"name": ["x"], "scope": ["y"]}).text_column() == "scope"
    assert Table("t", {"cv": ["1.0"], "cloud": ["a b"]}).text_column() == "cloud"
    with pytest.raises(DataError, match="a, b"):
        Table("t", {"a": ["x"], "b": ["y"]}).text_column()


@pytest.mark.parametrize("name", BUILTIN)
def test_every_builtin_table_has_strings_and_identifiers(name: str) -> None:
    table = read_builtin(name)
    assert len(set(table.text("id"))) > 50
    assert all(" | " in text for text in table.text("scope"))


def test_train_and_test_of_the_builtin_thermal_data_share_no_formula() -> None:
    train, test = (set(read_builtin("thermal", part).text("formula")) for part in ("train", "test"))
    assert train and test and not train & test


def test_an_unknown_builtin_or_part_is_refused() -> None:
    with pytest.raises(DataError, match="choose from thermal, minerals, prototypes, phonons"):
        read_builtin("thermals")
    with pytest.raises(DataError, match="no part 'train'; choose from all"):
        read_builtin("minerals", "train")
