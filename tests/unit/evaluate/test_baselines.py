import numpy as np
import pytest

from cloudkit.data import read_builtin
from cloudkit.errors import CloudkitError, DataError
from cloudkit.evaluate.baselines import BASELINES, Rows, as_curves, fit_predict
from cloudkit.evaluate.metrics import mae


@pytest.fixture(scope="module")
def rows():
    """Strings, temperatures and Cv of the built-in training and test parts, at every fifth temperature."""

    def read(part):
        table = read_builtin("thermal", part)
        kelvin, value = table.numbers("temperature"), table.numbers("heat_capacity")
        keep = np.isin(kelvin, np.unique(kelvin)[::5])
        return [t for t, k in zip(table.text("scope"), keep, strict=True) if k], kelvin[keep], value[keep]

    return read("train"), read("test")


def predict(name, train, test):
    return fit_predict(name, train[0], train[1], train[2], test[0], test[1])


@pytest.fixture(scope="module")
def errors(rows):
    train, test = rows
    return {name: mae(test[2], predict(name, train, test)) for name in BASELINES}


def test_every_baseline_that_looks_at_the_crystal_beats_the_mean_curve(errors):
    assert all(errors[name] < 0.6 * errors["mean"] for name in BASELINES if name != "mean")


def test_trees_on_curves_are_as_good_as_when_their_settings_were_chosen(errors):
    assert errors["extra_trees"] < 0.040 * 24.94
    assert errors["boosted_trees"] < 0.045 * 24.94


@pytest.mark.parametrize("name", BASELINES)
def test_a_common_grid_is_not_needed(name, rows, errors):
    train, test = rows
    keep = np.random.default_rng(0).random(len(train[1])) < 0.5
    assert as_curves(Rows(train[0], train[1]), train[2]) is not None
    half = [text for text, kept in zip(train[0], keep, strict=True) if kept], train[1][keep], train[2][keep]
    assert as_curves(Rows(half[0], half[1]), half[2]) is None
    assert mae(test[2], predict(name, half, test)) < 2.0 * errors[name]


@pytest.mark.parametrize("name", BASELINES)
def test_labels_without_temperature_are_learned_too(name, rows):
    train, test = rows
    at = [
        np.flatnonzero(part[1] == 300.0) if 300.0 in part[1] else np.flatnonzero(part[1] == part[1][10])
        for part in rows
    ]
    texts, value = [train[0][i] for i in at[0]], train[2][at[0]]
    found = fit_predict(name, texts, None, value, [test[0][i] for i in at[1]], None)
    assert found.shape == (len(at[1]),)
    if name == "mean":
        assert np.allclose(found, value.mean())
    else:
        assert mae(test[2][at[1]], found) < mae(test[2][at[1]], np.full(found.shape, value.mean()))


@pytest.mark.parametrize("name", ["ridge", "extra_trees", "boosted_trees"])
@pytest.mark.parametrize(("factor", "shift"), [(1e-13, 0.0), (1e-3, -1e6)])
def test_labels_are_learned_in_every_unit(name, factor, shift, rows):
    (texts, kelvin, value), test = rows
    plain = predict(name, (texts, kelvin, value), test)
    other = predict(name, (texts, kelvin, factor * value + shift), test)
    assert np.corrcoef(plain, other)[0, 1] > 0.999
    assert other.std() == pytest.approx(factor * plain.std(), rel=0.01)


def test_the_mean_baseline_is_the_mean_over_crystals_at_each_temperature():
    texts = ["a", "a", "b", "b"]
    found = fit_predict(
        "mean", texts, [0.0, 100.0, 0.0, 100.0], [0.0, 10.0, 2.0, 20.0], ["c"] * 4, [0.0, 50.0, 100.0, 900.0]
    )
    assert found.tolist() == [1.0, 8.0, 15.0, 15.0]


def test_curves_are_read_off_between_their_grid_points(rows):
    train, test = rows
    grid = np.unique(train[1])
    middle = (grid[3] + grid[4]) / 2
    low, high, between = (
        fit_predict("ridge", *train, test[0][:1], [kelvin])[0] for kelvin in (grid[3], grid[4], middle)
    )
    assert between == pytest.approx((low + high) / 2)


@pytest.mark.parametrize("name", ["extra_trees", "boosted_trees"])
def test_the_same_seed_gives_the_same_predictions(name, rows):
    train, test = (tuple(column[:100] for column in part) for part in rows)
    first, second = predict(name, train, test), predict(name, train, test)
    assert np.array_equal(first, second)
    other = fit_predict(name, *train, test[0], test[1], seed=1)
    assert name == "boosted_trees" or not np.array_equal(first, other)


def test_wrong_input_is_refused(rows):
    texts, kelvin, value = rows[1]
    with pytest.raises(CloudkitError, match="known: mean, ridge"):
        fit_predict("forest", texts, kelvin, value, texts, kelvin)
    with pytest.raises(DataError, match="one finite label"):
        fit_predict("mean", texts, kelvin, value[:-1], texts, kelvin)
    with pytest.raises(DataError, match="have no temperature"):
        fit_predict("mean", texts, np.where(kelvin > 100, np.nan, kelvin), value, texts, kelvin)
