"""From a preset and a table of structures to classes of new crystals, by commands alone."""

import json
from pathlib import Path

import pytest

from cloudkit.cli import main

ROCK_SALTS = [(a, b) for a in ("Li", "Na", "K", "Rb", "Cs") for b in ("F", "Cl", "Br", "I")]
METALS = [(a, b) for a in ("Cu", "Ag", "Au", "Ni", "Pd") for b in ("Zn", "Al", "Ti", "Fe")]


def row(pair: tuple[str, str], gap: float) -> str:
    """A crystal of the rock salt or the caesium chloride type, as JSON lines hold it."""
    places = [[0, 0, 0], [0.5, 0.5, 0.5]]
    lattice = [[0, 2.8, 2.8], [2.8, 0, 2.8], [2.8, 2.8, 0]] if gap else [[3, 0, 0], [0, 3, 0], [0, 0, 3]]
    structure = {"lattice": lattice, "species": list(pair), "frac": places}
    return json.dumps({"id": "".join(pair), "band_gap": gap, "structure": structure})


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code


def test_a_table_of_band_gaps_becomes_a_model_that_tells_metals_from_insulators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [row(pair, 5.0) for pair in ROCK_SALTS] + [row(pair, 0.0) for pair in METALS]
    (tmp_path / "gaps.jsonl").write_text("\n".join(lines) + "\n")
    run("new", "metal.yaml", "--preset", "is_metal")
    run(
        "build",
        "metal.yaml",
        "--set",
        "tasks.0.epochs=4",
        "--set",
        "tasks.0.batch=8",
        "--set",
        "tasks.1.baselines=[mean]",
    )
    printed = capsys.readouterr().out
    assert "ROC-AUC" in printed and "mean (majority)" in printed and "true class, predicted as" in printed
    run("predict", "runs/is_metal", "gaps.jsonl", "-o", "classes.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "classes.jsonl").read_text().splitlines()]
    classes = {one["id"].split("#")[-1]: one["class"] for one in rows if one["quantity"] == "conductor"}
    assert len(classes) == 40
    right = [classes["".join(pair)] == "insulator" for pair in ROCK_SALTS]
    right += [classes["".join(pair)] == "metal" for pair in METALS]
    assert sum(right) >= 36
