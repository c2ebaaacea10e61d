"""A sweep: every point of the grid once, a law that finds back the one that made the numbers, and nothing done twice."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloudkit.cli.sweep import show
from cloudkit.data import take_fraction
from cloudkit.errors import CloudkitError, SpecError
from cloudkit.io import Table
from cloudkit.train import SweepResult, grid_points, sweep
from cloudkit.train.sweep import best_run, fit_law

SIZES = [a.ravel() for a in np.meshgrid([1e4, 3e4, 1e5, 3e5], [300.0, 1e3, 3e3, 1e4], indexing="ij")]


def law(parameters: Any, crystals: Any) -> Any:
    return 0.5 + 40 / parameters**0.4 + 6 / crystals**0.3


def test_a_law_is_found_back_and_lies_within_its_intervals() -> None:
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(16))
    found = fit_law(*SIZES, law(*SIZES) * noise)
    for name, value in {"floor": 0.5, "alpha": 0.4, "beta": 0.3}.items():
        assert found.lower[name] < value < found.upper[name]
        assert found.values[name] == pytest.approx(value, rel=0.25)
    larger = np.array([1e6]), np.array([1e5])
    assert found.predict(*larger) == pytest.approx(law(*larger), rel=0.05)
    assert found.residual < 0.004 and len(found.lines()) == 6


def test_more_noise_gives_wider_intervals() -> None:
    normal = np.random.default_rng(1).standard_normal(16)
    little, much = (fit_law(*SIZES, law(*SIZES) * np.exp(s * normal)) for s in (0.002, 0.02))
    assert much.upper["beta"] - much.lower["beta"] > little.upper["beta"] - little.lower["beta"] > 0


def test_a_size_that_does_not_vary_has_no_term() -> None:
    crystals = np.array([300.0, 1e3, 3e3, 1e4, 3e4])
    found = fit_law(np.full(5, 1e4), crystals, 0.2 + 6 / crystals**0.3)
    assert set(found.lower) == {"floor", "B", "beta"} and found.values["A"] == 0
    assert found.values["beta"] == pytest.approx(0.3, abs=0.01)


def test_too_few_runs_fit_no_law() -> None:
    with pytest.raises(CloudkitError, match="with 5 terms needs at least 6 runs of several sizes, found 4"):
        fit_law(np.array([1.0, 2, 1, 2]), np.array([1.0, 1, 2, 2]), np.ones(4))


def test_a_sweep_builds_each_point_and_again_does_nothing(project: Path) -> None:
    grid = "{encoder.width: [4, 8], tasks.1.data.fraction: [0.5, 1.0]}"
    path = project / "tiny.yaml"
    path.write_text(path.read_text() + f"sweep: {{grid: {grid}}}\n")
    changes = ["tasks.0.epochs=1", "tasks.1.epochs=1", "tasks.2.baselines=[]"]
    found = sweep(grid_points(str(path), changes), project / "swept")
    assert [(row["encoder.width"], row["tasks.1.data.fraction"], row["crystals"]) for row in found.rows] == [
        (4, 0.5, 8), (4, 1.0, 16), (8, 0.5, 8), (8, 1.0, 16),
    ]  # fmt: skip
    assert found.rows[0]["parameters"] < found.rows[2]["parameters"]
    assert found.measure == "mean absolute error of heat_capacity, J/mol_atom/K"
    assert found.law is None and "needs at least 6 runs" in found.why
    with (project / "swept/sweep.csv").open(newline="") as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == [row["loss"] for row in found.rows]
    assert (project / "swept/sweep.svg").read_text().count("parameters") >= 2
    assert found.validated and found.best == min(found.rows, key=lambda row: float(row["validation"]))
    lines: list[str] = []
    again = sweep(grid_points(str(path), changes), project / "swept", log=lines.append)
    assert again.rows == found.rows
    assert all("unchanged" in line for line in lines if not line.startswith("run "))


def test_the_best_run_is_chosen_by_validation_and_named_with_its_test_error_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"encoder.width": width, "parameters": width, "crystals": 9, "measure": "mean absolute error of K, GPa",
         "loss": loss, "validation": valid, "folder": f"encoder.width={width}"}
        for width, loss, valid in ((4, 1.25, 7.5), (8, 2.75, 6.5))
    ]  # fmt: skip
    show(
        SweepResult(project, "mean absolute error of K, GPa", rows, None, "too few runs", best_run(rows)),
        False,
    )
    said = capsys.readouterr().out
    assert f"best validation error: encoder.width = 8 ({project / 'encoder.width=8'})" in said
    assert "2.75" in said and "1.25" not in said and "7.5" in said
    for row in rows:
        row["validation"] = None
    show(
        SweepResult(project, "mean absolute error of K, GPa", rows, None, "too few runs", best_run(rows)),
        False,
    )
    said = capsys.readouterr().out
    assert "encoder.width = 4" in said and "the test rows chose this run" in said


def test_a_grid_that_is_wrong_is_refused_before_the_first_run(project: Path) -> None:
    path = project / "tiny.yaml"
    text = path.read_text()
    with pytest.raises(CloudkitError, match="has no key 'sweep'"):
        grid_points(str(path))
    path.write_text(text + "sweep: {grid: {encoder.width: [8, 7]}}\n")
    with pytest.raises(SpecError, match=r"encoder.heads = 2 does not divide encoder.width = 7"):
        grid_points(str(path))
    path.write_text(text + "sweep: {grid: {encoder.widht: [8]}}\n")
    with pytest.raises(SpecError, match="unknown key 'widht' in encoder; did you mean 'width'"):
        grid_points(str(path))
    path.write_text(text + "sweep: {grid: {encoder.width: [8, 8]}}\n")
    with pytest.raises(CloudkitError, match=r"duplicate point in sweep\.grid: encoder\.width=8"):
        grid_points(str(path))


def test_a_smaller_fraction_lies_within_a_larger_and_keeps_the_rows_of_a_crystal_together() -> None:
    table = Table("t", {"scope": [f"crystal {row // 3}" for row in range(300)], "row": list(range(300))})
    shares = [take_fraction(table, "scope", share) for share in (0.2, 0.5, 1.0)]
    assert [len(share) for share in shares] == [60, 150, 300]
    small, middle, whole = (set(share.columns["scope"]) for share in shares)
    assert small < middle < whole and len(take_fraction(table, "scope", 0.001)) == 3
