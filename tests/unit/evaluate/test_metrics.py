import numpy as np
import pytest

from cloudkit.errors import DataError
from cloudkit.evaluate.metrics import mae, paired_gain, rmse, summarize


def test_hand_computed_errors():
    found = summarize([1.0, 2.0, 6.0], [2.0, 2.0, 2.0], quantity="heat_capacity", train_mean=2.0)
    assert found["mae"] == pytest.approx(5 / 3)
    assert found["rmse"] == pytest.approx((17 / 3) ** 0.5)
    assert found["mae_over_mad"] == pytest.approx(1.0)
    assert found["share_of_3R"] == pytest.approx(5 / 3 / 24.9433878, rel=1e-7)


def test_only_heat_capacities_are_measured_in_shares_of_3r():
    assert "share_of_3R" not in summarize([1.0], [2.0], quantity="internal_energy", train_mean=0.0)


def test_labels_that_do_not_vary_have_no_mae_over_mad():
    assert "mae_over_mad" not in summarize([3.0, 3.0], [1.0, 5.0], quantity="x", train_mean=3.0)


@pytest.mark.parametrize(
    ("target", "prediction"), [([1.0], [1.0, 2.0]), ([], []), ([1.0, np.nan], [1.0, 2.0]), ([1.0], [np.inf])]
)
def test_columns_without_a_meaningful_error_are_refused(target, prediction):
    for measure in (mae, rmse):
        with pytest.raises(DataError):
            measure(target, prediction)


def test_the_interval_of_a_paired_gain_holds_the_true_gain_in_95_of_100_samples() -> None:
    rng, inside = np.random.default_rng(0), 0
    crystals = [f"crystal {row // 5}" for row in range(200)]  # five rows each, whose errors are alike
    for _ in range(400):
        own, rival = (
            np.abs(np.repeat(rng.normal(size=40), 5) + 0.1 * rng.normal(size=200)) for _ in range(2)
        )
        gain, half_width = paired_gain(np.zeros(200), own, 1.5 + rival, crystals)
        inside += abs(gain - 1.5) <= half_width
    assert 0.9 < inside / 400 < 0.98
