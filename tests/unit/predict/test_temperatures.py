import numpy as np
import pytest

from cloudkit.errors import CloudkitError
from cloudkit.predict import parse_temperatures


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("300", [300]),
        ("75,300", [75, 300]),
        ("0:50:10", [0, 10, 20, 30, 40, 50]),
        ("0:25:10", [0, 10, 20, 25]),
        ("5:5:1", [5]),
        ("0:20:10, 298.15", [0, 10, 20, 298.15]),
    ],
)
def test_texts_become_the_temperatures_they_say(text, values):
    assert parse_temperatures(text).tolist() == values


def test_a_range_with_a_step_that_no_float_holds_ends_exactly_at_its_end():
    grid = parse_temperatures("0:1:0.1")
    assert len(grid) == 11 and grid[-1] == 1.0
    assert np.allclose(np.diff(grid), 0.1)


@pytest.mark.parametrize(
    "text",
    ["-5", "nan", "inf", "0:inf:1", "100:0:10", "0:100:0", "0:100:-1", "0:100", "x", "", "0:1e300:1e-300"],
)
def test_wrong_temperatures_are_refused_by_name(text):
    with pytest.raises(CloudkitError, match="temperature"):
        parse_temperatures(text)
