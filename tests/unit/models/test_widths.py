"""Widths of intervals: they grow with the error, hold what they promise for easy and hard crystals, and know when there is too little to say."""

import numpy as np
import pytest

from cloudkit.models.widths import PREDICTORS, Labels, WidthInputs, Widths, conformal_quantile, fit_widths

HIDDEN = 6


def crystals(count: int, seed: int) -> tuple[WidthInputs, np.ndarray]:
    """WidthInputs, and errors (count,) that grow eightfold along one of the hidden columns."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(count, HIDDEN))
    states = WidthInputs(
        hidden, random.normal(size=(count, 1)), random.integers(5, 50, count), np.zeros((count, 1))
    )
    return states, np.abs(random.laplace(size=count)) * np.exp(0.7 * hidden[:, 2])


def fitted(count: int, seed: int = 0) -> Widths:
    states, error = crystals(count, seed)
    labels = Labels(np.arange(count), error, np.ones(count, dtype=bool))
    return fit_widths(crystals(500, seed + 1)[0].hidden, states, {0: labels})


def test_intervals_hold_four_fifths_of_easy_and_of_hard_crystals_and_are_wider_for_these() -> None:
    states, error = crystals(6000, 7)
    half = fitted(600).half(states)[:, 0]
    thirds = np.array_split(np.argsort(half), 3)
    inside = [float((error <= half)[rows].mean()) for rows in thirds]
    assert min(inside) > 0.7 and np.mean(inside) == pytest.approx(0.8, abs=0.04)
    assert error[thirds[2]].mean() > 2 * error[thirds[0]].mean()


def test_each_third_holds_four_fifths_where_most_errors_are_tiny_and_some_large() -> None:
    """Like errors of band gaps: most crystals are metals, whose gap is known to be 0, and few have a gap of some eV."""

    def draw(count: int, seed: int) -> tuple[WidthInputs, np.ndarray]:
        states, error = crystals(count, seed)
        return states, error * np.where(states.hidden[:, 0] > 0.4, 1.0, 0.01)

    labels = draw(2400, 0)
    fit = fit_widths(
        draw(500, 1)[0].hidden, labels[0], {0: Labels(np.arange(2400), labels[1], np.ones(2400, dtype=bool))}
    )
    states, error = draw(20000, 7)
    half = fit.half(states)[:, 0]
    thirds = np.array_split(np.argsort(half, kind="stable"), 3)
    assert [float((error <= half)[rows].mean()) for rows in thirds] == pytest.approx([0.8] * 3, abs=0.035)


@pytest.mark.parametrize(("labels", "inside"), [(3, 0.0), (4, 0.8), (12, 0.8), (40, 0.8)])
def test_few_labels_give_one_width_and_too_few_none(labels: int, inside: float) -> None:
    states, error = crystals(3000, 7)
    held = [(error <= fitted(labels, seed).half(states)[:, 0]).mean() for seed in range(0, 60, 2)]
    assert np.mean(held) == pytest.approx(inside, abs=0.07)
    widths = fitted(labels)
    assert np.isnan(widths.half(states)).all() == (labels == 3)
    if labels == 12:
        assert not widths.line[0, 1:].any()


def test_a_crystal_far_from_all_others_is_no_wider_than_twice_the_widest_held_out() -> None:
    states, _ = crystals(600, 0)
    widths, far = (
        fitted(600),
        WidthInputs(1e6 * np.ones((1, HIDDEN)), np.ones((1, 1)), np.array([20]), np.zeros((1, 1))),
    )
    assert np.isfinite(widths.half(far)).all()
    assert widths.half(far)[0, 0] <= 2.6 * widths.half(states).max()


def test_the_distance_is_that_of_mahalanobis_and_decides_where_the_error_follows_it() -> None:
    random = np.random.default_rng(3)
    trained = random.normal(size=(800, HIDDEN)) @ random.normal(size=(HIDDEN, HIDDEN))
    scale = np.exp(random.normal(size=400))
    hidden = random.normal(size=(400, HIDDEN)) @ np.linalg.cholesky(np.cov(trained.T)).T * scale[:, None]
    states = WidthInputs(hidden, np.zeros((400, 1)), np.full(400, 20), np.zeros((400, 1)))
    error = np.abs(random.normal(size=400)) * scale
    half = fit_widths(trained, states, {0: Labels(np.arange(400), error, np.ones(400, dtype=bool))}).half(
        states
    )
    assert np.corrcoef(np.log(half[:, 0]), np.log(scale))[0, 1] > 0.8


def test_the_band_counts_the_first_source_only() -> None:
    states, error = crystals(300, 0)
    first = np.arange(300) < 100
    labels = Labels(np.arange(300), np.where(first, error, 10 * error), first)
    half = fit_widths(states.hidden, states, {0: labels}).half(states)[:, 0]
    assert (error <= half)[first].mean() == pytest.approx(0.8, abs=0.05)


def test_labels_that_are_met_exactly_and_outputs_without_labels_are_no_trouble() -> None:
    states, _ = crystals(50, 0)
    two = states._replace(value=np.zeros((50, 2)), spread=np.zeros((50, 2)))
    labels = Labels(np.arange(50), np.zeros(50), np.ones(50, dtype=bool))
    half = fit_widths(states.hidden, two, {0: labels}).half(two)
    assert (half[:, 0] < 1e-9).all() and np.isnan(half[:, 1]).all()


def test_the_rank_of_a_conformal_interval() -> None:
    assert conformal_quantile(np.array([3.0, 1.0, 4.0, 2.0])) == 4.0
    assert conformal_quantile(np.array([3.0, 1.0, 4.0])) is None
    assert len(PREDICTORS) == 5
