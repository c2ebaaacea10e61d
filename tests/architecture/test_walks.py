"""The walks that CONTRIBUTING.md lists: each file is entered by the command, in the order of the list."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from cloudkit.cli.app import main

from ..unit.train.train_examples import SPEC, labels, write_csv
from .walks import Return, Walk, follow

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
HELPERS = (
    "cli/app.py",
    "cli/terminal.py",
    "errors.py",
    "html.py",
    "scope/",
    "tables/",
    "tokens/",
    "units.py",
)
ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
PLAIN_CIF = """data_CsCl
_symmetry_space_group_name_H-M   'P 1'
_cell_length_a   4.12
_cell_length_b   4.12
_cell_length_c   4.12
_cell_angle_alpha   90
_cell_angle_beta   90
_cell_angle_gamma   90
_symmetry_Int_Tables_number   1
_chemical_formula_structural   CsCl
_chemical_formula_sum   'Cs1 Cl1'
_cell_volume   69.934528
_cell_formula_units_Z   1
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
  1  'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  Cs  Cs0  1  0.0 0.0 0.0  1
  Cl  Cl1  1  0.5 0.5 0.5  1
"""


class Step(NamedTuple):
    """A line of a walk. file: its first file; details: the others that it names, where the reader may stay out."""

    file: str
    details: tuple[str, ...]


def listed(walk: str) -> list[Step]:
    """The lines of a walk; names of files without a folder are in that of the first file of the line."""
    section = (
        CONTRIBUTING.read_text("utf-8").partition(f"*{walk}*")[2].partition("\n\n")[2].partition("\n\n")[0]
    )
    steps = []
    for line in re.findall(r"^\d+\. .*(?:\n   .*)*", section, re.MULTILINE):
        first, *others = re.findall(r"`([\w/]+\.py)`", line)
        folder = first.rpartition("/")[0]
        steps.append(Step(first, tuple(one if "/" in one else f"{folder}/{one}" for one in others)))
    return steps


def walked(*command: str) -> Walk:
    """The walk of a command, once all modules are imported and what happens once has happened."""
    for _ in range(2):
        found = follow(lambda: main(list(command)), HELPERS)
    return found


def check_walk(walk: str, found: Walk, most: int) -> list[Return]:
    """The files entered are those listed, in that order and no others; the returns to them."""
    steps = [step.file for step in listed(walk)]
    details = {file for step in listed(walk) for file in step.details if file not in steps}
    assert [file for file in found.files if file not in details] == steps
    assert len(steps) <= most
    return [one for one in found.returns if one.file in steps]


def test_the_walk_from_a_cif_to_its_string(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plain.cif").write_text(PLAIN_CIF)
    found = walked("encode", str(tmp_path / "plain.cif"))
    assert "Cs 1a Cl 1b" in capsys.readouterr().out
    assert not check_walk("CIF to SCOPE", found, 10)


def test_the_walk_from_a_string_to_its_heat_capacity(capsys: pytest.CaptureFixture[str]) -> None:
    found = walked("predict", "thermal", ROCK_SALT, "-t", "0:600:100")
    assert "heat_capacity" in capsys.readouterr().out
    assert not check_walk("String to Cv", found, 9)


def test_the_walk_from_yaml_to_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(SPEC)
    for part, crystals in (("train", 12), ("test", 4)):
        write_csv(tmp_path / f"{part}.csv", labels(part, crystals))
    found = follow(lambda: main(["build", "tiny.yaml"]), HELPERS)
    assert (tmp_path / "runs/tiny/report.html").exists()
    found.files = [file for file in found.files if file.startswith(("modelspec/", "train/"))]
    returns = check_walk("YAML to model", found, 14)
    story = {"train/build.py", "train/steps.py"}
    assert len([one for one in returns if not {one.file, one.caller} & story]) <= 6
