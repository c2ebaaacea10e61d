"""The page's modules, run by node, answer as the package does: strings of structures; findings, dialects and tokens of strings."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import operations

import cloudkit
from cloudkit.errors import StructureError
from cloudkit.scope import canonical_text, parse, project, render, validate
from cloudkit.tokens import Tokenizer

from .written import written

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = sorted((ROOT / "docs/examples/crystals").glob("*.cif"))
VECTORS = sorted((ROOT / "spec/vectors").glob("*/*.jsonl"))
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def by_node(texts: list[str], script: str = "encode.mjs") -> list[Any]:
    """The answers of a script: by encode.mjs the strings of structures, or "code: message"."""
    done = subprocess.run(
        [str(NODE), HERE / script, ROOT / "docs/playground/scope.wasm"],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def by_command(path: Path) -> str:
    try:
        return cloudkit.encode(path)
    except StructureError as error:
        return f"{error.code}: {error.message}"


def test_crystals_of_all_space_groups_have_the_strings_of_the_command(tmp_path: Path) -> None:
    names, texts = zip(*written(), strict=True)
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).write_text(text)
    expected = [cloudkit.encode(tmp_path / name) for name in names]
    assert len(expected) == 230
    assert dict(zip(names, by_node(list(texts)), strict=True)) == dict(zip(names, expected, strict=True))


def test_the_example_crystals_have_the_strings_of_the_command() -> None:
    assert len(EXAMPLES) == 7
    texts = [path.read_text() for path in EXAMPLES]
    assert by_node(texts) == [by_command(path) for path in EXAMPLES]


def test_real_files_have_the_strings_of_the_command_or_are_refused(shared: Path) -> None:
    """A refusal may be of a form that only the command reads; a string is never another one."""
    folders = ("poscar", "cod_cif", "odd_cif", "reports")
    files = [path for folder in folders for path in sorted((shared / "data/structures" / folder).iterdir())]
    files = [path for path in files if path.suffix in (".cif", ".vasp") and path.name != "MultiStructure.cif"]
    found = by_node([path.read_text(encoding="utf-8", errors="replace") for path in files])
    strings = {path.name: text for path, text in zip(files, found, strict=True) if " | " in text}
    assert strings == {path.name: by_command(path) for path in files if path.name in strings}
    assert len(strings) > 160


def cif(changes: dict[str, str]) -> str:
    """Caesium chloride with some lines written otherwise."""
    lines = {
        "group": "_symmetry_space_group_name_H-M 'P m -3 m'",
        "cell": "_cell_length_a 4.12\n_cell_length_b 4.12\n_cell_length_c 4.12",
        "more": "",
        "columns": "label fract_x fract_y fract_z",
        "sites": "Cs1 0 0 0\nCl1 0.5 0.5 0.5",
    } | changes
    columns = "\n".join(f"_atom_site_{name}" for name in lines["columns"].split())
    return f"data_x\n{lines['group']}\n{lines['cell']}\n{lines['more']}\nloop_\n{columns}\n{lines['sites']}\n"


IDENTITY = "loop_\n_space_group_symop_operation_xyz\nx,y,z"
UNCLEAR = "S109: the file lists no symmetry operations, and the setting that"
REFUSED = {
    "two origins": (cif({"group": "_symmetry_space_group_name_H-M 'P n -3 n'"}), f"{UNCLEAR} 'P n -3 n' means is not clear"),
    "number only": (cif({"group": "_space_group_IT_number 221"}), f"{UNCLEAR} number 221 means is not clear"),
    "unique axis": (cif({"group": "_symmetry_space_group_name_H-M 'P 2/m'"}), f"{UNCLEAR} 'P 2/m' means is not clear"),
    "wrong cell": (cif({"group": "_symmetry_space_group_name_H-M 'R -3 m'"}), f"{UNCLEAR} 'R -3 m' means is not clear"),
    "identity alone": (cif({"more": IDENTITY}), "S117: the file names the space group P m -3 m, but lists the identity alone"),
    "some operations": (
        cif({"more": f"{IDENTITY}\n-x,-y,-z"}),
        "S117: the file names the space group P m -3 m, but lists only 2 operations",
    ),
    "no group": (cif({"more": f"{IDENTITY}\n-y,x,z"}), "S110: the 2 symmetry operations listed in the file do not form a group"),
    "typo": (cif({"more": f"{IDENTITY}\n-x,-q,z"}), "S109: the symmetry operation '-x,-q,z' cannot be understood: unexpected '-q'"),
    "not of the cell": (
        cif({"more": f"{IDENTITY}\n-y,x-y,z\ny-x,-x,z"}),
        "S117: the operations listed are not symmetries of the cell, since they change its lengths and angles",
    ),
    "Cartesian": (cif({"columns": "label Cartn_x Cartn_y Cartn_z"}), "S106: the file gives Cartesian coordinates only"),
    "no place": (cif({"sites": "Cs1 0 0 0\nCl1 ? ? ?"}), "S106: atom Cl1 has no complete coordinates (?, ?, ?)"),
    "no cell": (cif({"cell": "_cell_length_a 4.12"}), "S105: the unit cell is incomplete: _cell_length_b is missing"),
    "flat cell": (
        cif({"more": "_cell_angle_alpha 150\n_cell_angle_beta 20"}),
        "S105: no cell has the lengths 4.12, 4.12, 4.12 Å and the angles 150, 20, 90°: it would have no volume",
    ),
    "too full": (
        cif({"sites": "Cs1 0 0 0\nCl1 0 0 0"}),
        "S108: atoms Cs1 and Cl1 share one site, and their occupancies add up to 2",
    ),
    "occupancy": (
        cif({"columns": "label fract_x fract_y fract_z occupancy", "sites": "Cs1 0 0 0 1.5"}),
        "S108: the occupancy of atom Cs1 is '1.5'; it must lie between 0 and 1",
    ),
    "label": (cif({"sites": "CO1 0 0 0"}), "S107: the element of atom 'CO1' is not clear"),
    "type symbol": (
        cif({"columns": "type_symbol fract_x fract_y fract_z", "sites": "Fe/Mn 0 0 0"}),
        "S107: 'Fe/Mn' names more than an element",
    ),
    "dummy": (
        cif({"columns": "label fract_x fract_y fract_z calc_flag", "sites": "Cs1 0 0 0 dum"}),
        "S106: the list of atoms has a column calc_flag, which is not read here",
    ),
    "modulated": (
        cif({"more": "_cell_modulation_dimension 1"}),
        "S114: the structure is modulated (_cell_modulation_dimension): no space group describes it",
    ),
    "magnetic": (
        cif({"more": "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1"}),
        "S109: magnetic structures are not read here",
    ),
    "CIF 2.0": ("#\\#CIF_2.0\n" + cif({}), "S103: CIF 2.0 is not read here"),
    "field": (cif({"more": "_a\n;text"}), "S103: not valid CIF at line 7: a text field that begins here does not end"),
    "quote": (cif({"more": "_a 'text"}), "S103: not valid CIF at line 6: the quote in 'text does not end on its line"),
    "columns": (
        cif({"sites": "Cs1 0 0"}),
        "S103: not valid CIF at line 8: the loop of _atom_site_label has 4 columns and 3 values",
    ),
    "JSON": ('{"lattice": 1}\n', "S103: this looks like JSON, which is not read here"),
    "extended XYZ": ('2\nLattice="1 0 0 0 1 0 0 0 1"\n', "S103: this looks like extended XYZ, which is not read here"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_covered_is_refused_in_words(name: str) -> None:
    text, expected = REFUSED[name]
    assert by_node([text]) == [expected]


def test_the_file_that_the_refused_ones_are_made_from_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.cif").write_text(cif({}))
    assert by_node([cif({})]) == [cloudkit.encode(tmp_path / "x.cif")]


def test_generators_give_the_operations_of_the_standard_settings() -> None:
    """But for 222, whose label has another origin (clause 3.3 of the standard); the page does not use it."""
    done = subprocess.run([str(NODE), HERE / "groups.mjs"], capture_output=True, text=True, check=True)
    for number, found in enumerate(json.loads(done.stdout), 1):
        rotations, shifts = operations(number)
        units = np.rint(shifts * 24).astype(int) % 24
        expected = np.hstack([rotations.reshape(-1, 9), units])
        assert (sorted(found) == sorted(expected.tolist())) == (number != 222), number


POSCAR = ["title", "1.0", "4 0 0", "0 4 0", "0 0 4", "Na Cl", "1 1", "Direct", "0 0 0", "0.5 0.5 0.5"]
DAMAGED = {
    "short": POSCAR[:5],
    "scale": [*POSCAR[:1], "0", *POSCAR[2:]],
    "two scales": [*POSCAR[:1], "1 2", *POSCAR[2:]],
    "vector": [*POSCAR[:3], "0 x 4", *POSCAR[4:]],
    "counts": [*POSCAR[:6], "none", *POSCAR[7:]],
    "more counts": [*POSCAR[:6], "1 1 1", *POSCAR[7:]],
    "mode": [*POSCAR[:7], *POSCAR[8:]],
    "positions": POSCAR[:9],
    "element": [*POSCAR[:5], "Na Qq", *POSCAR[6:]],
    "huge": [*POSCAR[:8], "1e30 0 0", *POSCAR[9:]],
    "plane": [*POSCAR[:1], "-64", "4 0 0", "4 0 0", *POSCAR[4:]],
}
ODD = {
    "volume": [*POSCAR[:1], "-64", *POSCAR[2:]],
    "three scales": [*POSCAR[:1], "1 1 1.5", *POSCAR[2:]],
    "Cartesian": [*POSCAR[:7], "Kartesisch", "0 0 0", "2 2 2"],
    "selective": [*POSCAR[:7], "Selective dynamics", "Direct", "0 0 0 T T T", "0.5 0.5 0.5 F F F"],
    "VASP 4": [*POSCAR[:5], *POSCAR[6:]],
    "VASP 4, title": ["Na Cl", *POSCAR[1:5], *POSCAR[6:]],
    "VASP 4, ends": [*POSCAR[:5], *POSCAR[6:8], "0 0 0 Na", "0.5 0.5 0.5 Cl"],
    "names of potentials": [*POSCAR[:5], "Na_pv Cl/0a1b2c", *POSCAR[6:]],
    "Fortran": [*POSCAR[:2], "4.0D0 0 0", "0 4d0 0", "0 0 .4E+1 # long", *POSCAR[5:]],
    "Windows": ["\r\n".join(POSCAR)],
}


@pytest.mark.parametrize("name", DAMAGED | ODD)
def test_poscars_are_read_or_refused_as_by_the_command(name: str, tmp_path: Path) -> None:
    text = "\n".join((DAMAGED | ODD)[name]) + "\n"
    (tmp_path / "POSCAR").write_text(text, newline="")
    expected = by_command(tmp_path / "POSCAR")
    assert (" | " in expected) == (name in ODD)
    assert by_node([text]) == [expected]


@pytest.fixture(scope="module")
def strings() -> list[str]:
    """The texts of all vectors."""
    texts = [json.loads(line)["text"] for file in VECTORS for line in file.read_text("utf-8").splitlines()]
    assert len(texts) > 1200
    return texts


@pytest.fixture(scope="module")
def answers(strings: list[str]) -> list[dict[str, Any]]:
    return by_node(strings, "strings.mjs")


def test_findings_have_the_messages_and_hints_of_the_package(
    strings: list[str], answers: list[dict[str, Any]]
) -> None:
    for text, answer in zip(strings, answers, strict=True):
        assert answer["findings"] == [one._asdict() for one in validate(text)], text


def test_carets_are_those_of_the_package(strings: list[str], answers: list[dict[str, Any]]) -> None:
    for text, answer in zip(strings, answers, strict=True):
        for found, (line, carets) in zip(validate(text), answer["carets"], strict=True):
            if text.isprintable():
                assert render(text, found).splitlines()[1:3] == [f"  {line}", f"  {carets}"]


def test_tokens_are_those_of_the_package(strings: list[str], answers: list[dict[str, Any]]) -> None:
    tokenizers = {name: Tokenizer(name) for name in ("cloud", "compact")}
    compared = 0
    for text, answer in zip(strings, answers, strict=True):
        for name, tokenizer in tokenizers.items():
            if not isinstance(answer.get(name), list):
                continue
            ids = tokenizer.encode(text).tolist()
            assert answer[name] == [{"id": i, "text": tokenizer.vocabulary[i]} for i in ids]
            compared += 1
    assert compared > 1500


def test_dialects_and_canonical_forms_are_those_of_the_package(
    strings: list[str], answers: list[dict[str, Any]]
) -> None:
    valid = [(text, answer) for text, answer in zip(strings, answers, strict=True) if "dialect" in answer]
    assert len(valid) > 500
    for text, answer in valid:
        scope = parse(text)
        assert (answer["dialect"], answer["group"]) == (scope.dialect, scope.space_group)
        assert answer["dialects"] == {name: project(text, name) for name in answer["dialects"]}
        assert answer["canonical"] == (canonical_text(text) if scope.dialect == "orbit" else None)
