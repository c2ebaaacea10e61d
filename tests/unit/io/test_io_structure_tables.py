"""Tables of structures are distinguished from tables of strings, and what is written read again."""

import gzip
from pathlib import Path

import pytest

from cloudkit.errors import StructureError
from cloudkit.io import (
    holds_structures,
    read_structure_rows,
    structure_ids,
    structure_metadata,
    write_structures,
)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("id,cif", True), ("id,scope,cif", False), ("scope,n", False), ("structure,n", False), ("", False)],
)
def test_a_csv_file_holds_structures_where_it_has_a_cif_and_no_string(
    tmp_path: Path, header: str, wanted: bool
) -> None:
    (tmp_path / "x.csv").write_text(f"{header}\n1,2\n")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(f"{header}\n1,2\n".encode()))
    assert holds_structures(tmp_path / "x.csv") == holds_structures(tmp_path / "x.csv.gz") == wanted
    assert not holds_structures(tmp_path / "absent.csv")


def test_a_mark_of_utf_8_or_damage_does_not_hide_what_a_gzipped_table_holds(tmp_path: Path) -> None:
    packed = gzip.compress("cif,µ\n1,2\n".encode("utf-8-sig"))
    (tmp_path / "x.csv.gz").write_bytes(packed)
    (tmp_path / "torn.csv.gz").write_bytes(packed[:12] + b"\xff\xff" + packed[14:])
    assert holds_structures(tmp_path / "x.csv.gz")
    assert not holds_structures(tmp_path / "torn.csv.gz")


def test_what_fetch_writes_is_read_again_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = [
        {"id": "a", "lattice_vectors": [[1.0, 0.0, 0.0]], "species_at_sites": ["Na"]},
        {"id": "b", "error": "bad"},
    ]
    with path.open("wb") as file:
        write_structures(file, rows, {"key": "value"})
    assert holds_structures(path)
    assert (structure_metadata(path), structure_ids(path)) == ({"key": "value"}, ["a", "b"])
    first, second = read_structure_rows(path)
    assert first["lattice_vectors"] == [[1.0, 0.0, 0.0]]
    assert (second["species_at_sites"], second["error"]) == (None, "bad")
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)
    for read in (structure_ids, lambda damaged: list(read_structure_rows(damaged))):
        with pytest.raises(StructureError, match=r"S101.*not a readable Parquet file"):
            read(path)
