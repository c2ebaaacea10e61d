"""`cloudkit explain`: engines, tolerances and letters of one structure."""

import json
import zipfile

import pytest

from cloudkit.cli.explain import LADDER
from cloudkit.structure import ENGINES

from .cli_examples import POSCAR, ROCK_SALT

SWAPPED = POSCAR.replace("0.0 0.0 0.0\n0.5 0.5 0.5", "0.5 0.5 0.5\n0.0 0.0 0.0")
BENT = """Cs Cl, the Cl 0.02 Å off the middle
1.0
4.1 0 0
0 4.1 0
0 0 4.1
Cs Cl
1 1
Direct
0 0 0
0.5 0.5 0.505
"""


def test_the_ladder_holds_all_engines_at_seven_tolerances(cloudkit, structures):
    document = json.loads(cloudkit("explain", structures / "salt.vasp", "--json").out)
    assert (document["id"], document["sites"]) == ("salt.vasp", 2)
    rungs = [(r["symprec"], r["engine"].split()[0]) for r in document["ladder"]]
    assert rungs == [(value, engine) for value in LADDER for engine in ENGINES]
    assert {(r["space_group"], r["scope"], r["error"]) for r in document["ladder"]} == {
        (225, ROCK_SALT, None)
    }


def test_the_native_engine_says_what_the_operations_leave(cloudkit, structures):
    (structures / "off.vasp").write_text(BENT)
    document = json.loads(cloudkit("explain", structures / "off.vasp", "--json").out)
    found = {rung["symprec"]: rung for rung in document["ladder"] if rung["engine"].startswith("native")}
    assert found[0.01]["space_group"] == 99
    assert found[0.1]["space_group"] == 221
    assert 0.005 < found[0.1]["distance"] <= found[0.1]["used"] == 0.1


def test_the_text_has_a_line_per_tolerance_and_the_letters(cloudkit, structures):
    answer = cloudkit("explain", structures / "salt.vasp")
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert [line.split()[0] for line in lines if line.endswith(ROCK_SALT)] == [f"{v:.5g}" for v in LADDER]
    head = next(line for line in lines if line.startswith("engine")).split()
    assert head == ["engine", "species", "multiplicity", "letter", "canonical", "orbits"]


def test_the_range_of_symprec_is_that_of_the_whole_ladder(cloudkit):
    assert "symprec 0 to 0.1 Å or more" in cloudkit("explain", "-", stdin=POSCAR).out
    assert "symprec 0 to 0.01 Å\n" in cloudkit("explain", "-", stdin=BENT).out
    assert "symprec 0.021 to 0.1 Å or more\n" in cloudkit("explain", "-", "--symprec", "0.1", stdin=BENT).out


@pytest.mark.parametrize("poscar", [POSCAR, SWAPPED])
def test_the_canonical_letters_are_those_of_the_string_whatever_the_engine_chose(cloudkit, poscar):
    letters = json.loads(cloudkit("explain", "-", "--json", stdin=poscar).out)["letters"]
    assert {(row["species"], row["canonical"]) for row in letters} == {("Na", "a"), ("Cl", "b")}
    assert {row["engine"].split()[0] for row in letters} == set(ENGINES)


def test_the_normalizer_swaps_the_letters_of_one_of_two_equal_crystals(cloudkit):
    pairs = set()
    for poscar in (POSCAR, SWAPPED):
        document = json.loads(cloudkit("explain", "-", "--json", stdin=poscar).out)
        pairs |= {(row["letter"], row["canonical"]) for row in document["letters"]}
    assert {("a", "a"), ("a", "b")} <= pairs


def test_a_bent_crystal_changes_its_space_group_on_the_ladder(cloudkit):
    document = json.loads(cloudkit("explain", "-", "--json", stdin=BENT).out)
    moyo = [r["space_group"] for r in document["ladder"] if r["engine"].startswith("moyo")]
    assert (moyo[0], moyo[-1]) == (99, 221)
    assert moyo == sorted(moyo)


def test_the_letters_are_those_at_the_given_tolerance(cloudkit):
    for symprec, letters in (("0.0001", {"a", "b"}), ("0.05", {"a", "b"})):
        document = json.loads(cloudkit("explain", "-", "--symprec", symprec, "--json", stdin=BENT).out)
        assert {row["canonical"] for row in document["letters"]} == letters
        assert float(symprec) in {rung["symprec"] for rung in document["ladder"]}


def test_a_row_of_a_parquet_file_is_explained(cloudkit, tmp_path):
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    cell = {"lattice": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]], "species": ["Na"], "positions": [[0.0, 0, 0]]}
    parquet.write_table(arrow.Table.from_pylist([cell]), tmp_path / "a.parquet")
    assert "| Na 1a" in cloudkit("explain", tmp_path / "a.parquet").out


def test_a_member_of_an_archive_is_named_like_a_block(cloudkit, structures, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("one.vasp", "deep/two.vasp"):
            archive.write(structures / "salt.vasp", name)
    answer = cloudkit("explain", tmp_path / "a.zip")
    assert answer.err.endswith("choose one with FILE#BLOCK: a.zip#one.vasp, a.zip#deep/two.vasp\n")
    document = json.loads(cloudkit("explain", f"{tmp_path / 'a.zip'}#deep/two.vasp", "--json").out)
    assert document["id"] == "a.zip/deep/two.vasp"


def test_one_of_several_structures_is_named_with_its_block(cloudkit, shared):
    file = shared / "data/structures/odd_cif"
    several = next(p for p in sorted(file.iterdir()) if p.read_bytes().count(b"_cell_length_a") > 1)
    answer = cloudkit("explain", several)
    assert (answer.code, "choose one with FILE#BLOCK" in answer.err) == (2, True)
    block = answer.err.rstrip().rpartition("#")[2]
    document = json.loads(cloudkit("explain", f"{several}#{block}", "--json").out)
    assert document["id"] == f"{several.name}#{block}"
    assert "no structure 'absent'" in cloudkit("explain", f"{several}#absent").err


def test_a_structure_that_cannot_be_read_is_an_error_with_its_code(cloudkit, structures):
    answer = cloudkit("explain", structures / "broken.cif")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: broken.cif: S")


def test_an_unphysical_structure_is_an_error_with_its_code(cloudkit):
    answer = cloudkit("explain", "-", stdin=POSCAR.replace("0.5 0.5 0.5", "0.0 0.0 0.0"))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: stdin: S206")
