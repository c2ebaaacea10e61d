"""Strings of files, in canonical order and in that of the input."""

from pathlib import Path

import pytest

from cloudkit.encoding import EncodeOptions, encode_files
from cloudkit.tables import generator_text

POSCAR = """rock salt
5.64
0 0.5 0.5
0.5 0 0.5
0.5 0.5 0
Cl Na
1 1
Direct
0 0 0
0.5 0.5 0.5
"""


@pytest.mark.parametrize(
    ("dialect", "order", "body"),
    [
        ("orbit", "canonical", "Na 4a Cl 4b"),
        ("orbit", "input", "Cl 4a Na 4b"),
        ("reduced", "input", "4a 4b | Cl 0.5 Na 0.5"),
        ("full", "input", "4a 4b | Cl Na"),
    ],
)
def test_a_file_has_its_string(tmp_path: Path, dialect: str, order: str, body: str) -> None:
    path = tmp_path / "POSCAR"
    path.write_text(POSCAR)
    (row,) = encode_files([path], EncodeOptions(dialect, order))
    assert row.error is None
    assert row.scope == f"{generator_text(225)} | {body}"
    assert row.engine is not None and row.engine.startswith("native" if order == "canonical" else "spglib")
    assert row.geometry is None


def test_geometry_comes_with_the_strings_of_files(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(POSCAR)
    (row,) = encode_files([tmp_path / "POSCAR"], EncodeOptions(geometry=True))
    assert row.geometry is not None and len(row.geometry.orbits) == 2
