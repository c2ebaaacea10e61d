"""A set where only the pairing of elements and sites decides: orbit strings learn it, reduced strings stop at their floor."""

import runpy
from pathlib import Path

import pytest

PAIRING = runpy.run_path(str(Path(__file__).resolve().parents[3] / "benchmarks/studies/pairing.py"))
SMALL = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Ti", "Zr", "Nb", "Fe", "Ge", "Sn")
QUICK = ("tasks.0.epochs=20", "tasks.0.batch=32", "tasks.1.baselines=[mean]")


@pytest.mark.parametrize(("dialect", "solved"), [("orbit", True), ("reduced", False)])
def test_only_orbit_strings_say_which_metal_has_the_twelve_oxygens(
    dialect: str, solved: bool, tmp_path: Path
) -> None:
    train, test = PAIRING["pairing_set"](SMALL)
    PAIRING["write"](tmp_path / "train.csv", train)
    PAIRING["write"](tmp_path / "test.csv", test)
    errors = PAIRING["learn"](tmp_path, dialect, "one_setting", QUICK).errors
    for family in ("perovskite", "spinel"):
        floor, model = errors[family]["floor"], errors[family]["model"]
        assert floor == 0 if solved else floor > 0.05
        assert model < 0.04 if solved else model >= floor
