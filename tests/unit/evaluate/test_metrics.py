import numpy as np
import pytest

from cloudkit.errors import DataError
from cloudkit.evaluate.metrics import mae, rmse, summarize


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
