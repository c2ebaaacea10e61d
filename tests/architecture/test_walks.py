"""The walks that CONTRIBUTING.md lists: each file is entered by the command, in the order of the list."""

import re
from pathlib import Path

import pytest

from cloudkit.cli.app import main

from ..unit.train.train_examples import SPEC, labels, write_csv
from .walks import files_entered

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
PLAIN_CIF = """data_CsCl
_cell_length_a 4.12
_cell_length_b 4.12
_cell_length_c 4.12
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 1
loop_
_atom_site_type_symbol
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cs Cs0 0 0 0 1
Cl Cl1 0.5 0.5 0.5 1
"""


def listed(walk: str) -> list[str]:
    """The first file of each line of a walk."""
    section = (
        CONTRIBUTING.read_text("utf-8").partition(f"*{walk}*")[2].partition("\n\n")[2].partition("\n\n")[0]
    )
    return re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)


def entered(*command: str) -> list[str]:
    """The walk of a command, once all modules are imported and what happens once has happened."""
    for _ in range(2):
        found = files_entered(lambda: main(list(command)))
    return found


def test_the_walk_from_a_cif_to_its_string(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plain.cif").write_text(PLAIN_CIF)
    found = entered("encode", str(tmp_path / "plain.cif"))
    assert "Cs 1a Cl 1b" in capsys.readouterr().out
    in_order(listed("CIF to SCOPE"), found)


def test_the_walk_from_a_string_to_its_heat_capacity(capsys: pytest.CaptureFixture[str]) -> None:
    found = entered("predict", "thermal", ROCK_SALT, "-t", "0:600:100")
    assert "heat_capacity" in capsys.readouterr().out
    in_order(listed("String to Cv"), found)


def test_the_walk_from_yaml_to_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(SPEC)
    for part, crystals in (("train", 12), ("test", 4)):
        write_csv(tmp_path / f"{part}.csv", labels(part, crystals))
    found = files_entered(lambda: main(["build", "tiny.yaml"]))
    assert (tmp_path / "runs/tiny/report.html").exists()
    in_order(listed("YAML to model"), found)


def in_order(walk: list[str], found: list[str]) -> None:
    assert len(walk) >= 10
    assert [file for file in found if file in walk] == walk
