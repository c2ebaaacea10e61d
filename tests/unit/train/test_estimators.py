"""cloudkit in scikit-learn's terms: what its own checks ask, and what a user of pipelines and folds expects."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import cloudkit
from cloudkit.errors import CloudkitError
from cloudkit.tables import ELEMENT

ROCK_SALT = cloudkit.parse("1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b").generators
PAIRS = [(a, b) for a in ("Li", "Na", "K", "Mg", "Ca", "Sr") for b in ("F", "Cl", "Br", "O", "S")]
TEXTS = [f"{ROCK_SALT} | {a} 4a {b} 4b" for a, b in PAIRS]
MASS = np.array([np.log(ELEMENT[a].mass * ELEMENT[b].mass) for a, b in PAIRS])
QUICK = {
    "epochs": 40,
    "validation_fraction": 0,
    "init_from": None,
    "changes": ["encoder.layers=1", "encoder.width=32"],
}


@pytest.fixture(scope="module")
def fitted() -> Any:
    return cloudkit.CloudRegressor(**QUICK).fit(TEXTS[:24], MASS[:24])


@parametrize_with_checks([cloudkit.CloudRegressor(), cloudkit.CloudFeaturizer()])
def test_scikit_learns_own_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_learns_and_a_pickle_predicts_the_same(fitted: Any) -> None:
    found = fitted.predict(TEXTS[24:])
    assert np.abs(found - MASS[24:]).mean() < 0.5 * np.abs(MASS[24:] - MASS[:24].mean()).mean()
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(TEXTS[24:]), found)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(fitted: Any) -> None:
    again = clone(fitted).fit(TEXTS[:24], MASS[:24]).predict(TEXTS[24:])
    assert np.array_equal(again, fitted.predict(TEXTS[24:]))
    other = clone(fitted).set_params(random_state=1).fit(TEXTS[:24], MASS[:24])
    assert not np.array_equal(other.predict(TEXTS[24:]), again)


def test_columns_of_pandas_polars_and_arrow_are_as_good_as_lists(fitted: Any) -> None:
    want = fitted.predict(TEXTS[:3])
    for column in (pd.Series(TEXTS[:3]), polars.Series(TEXTS[:3]), pa.array(TEXTS[:3]), np.array(TEXTS[:3])):
        assert np.array_equal(fitted.predict(column), want)
    table = polars.DataFrame(fitted.model_.predict(TEXTS[:3]))  # results go on through the Arrow interface
    assert table["value"].to_list() == want.tolist()
    with pytest.raises(CloudkitError, match="pass a column"):
        fitted.predict(pd.DataFrame({"scope": TEXTS}))


def test_several_labels_with_intervals_start_from_the_shipped_model() -> None:
    model = cloudkit.CloudRegressor(epochs=2, validation_fraction=0.3).fit(
        TEXTS, np.stack([MASS, -MASS], axis=1)
    )
    low, high = model.predict_interval(TEXTS)
    value = model.predict(TEXTS)
    assert value.shape == (len(TEXTS), 2) and (low < value).all() and (value < high).all()


def test_what_has_no_string_is_named() -> None:
    with pytest.raises(CloudkitError, match=r"1 of 2 inputs cannot be read; input 1: E"):
        cloudkit.CloudRegressor(**QUICK).fit([TEXTS[0], "1 6 | Na 4a"], [1.0, 2.0])
    with pytest.raises(CloudkitError, match="2 crystals and y 3 labels"):
        cloudkit.CloudRegressor(**QUICK).fit(TEXTS[:2], [1.0, 2.0, 3.0])


def test_no_crystals_have_no_values(fitted: Any) -> None:
    assert fitted.predict([]).shape == (0,)


def test_one_change_needs_no_list() -> None:
    changed = cloudkit.CloudRegressor(
        epochs=1, validation_fraction=0, init_from=None, changes="encoder.layers=1"
    )
    assert changed.fit(TEXTS[:4], MASS[:4]).model_.spec.encoder.layers == 1


def test_features_of_the_shipped_model_carry_what_a_ridge_needs() -> None:
    pipeline = make_pipeline(cloudkit.CloudFeaturizer(), Ridge(1.0))
    scores = cross_val_score(pipeline, np.array(TEXTS), MASS, cv=3, scoring="r2")
    assert scores.mean() > 0.5
    featurizer = cloudkit.CloudFeaturizer().fit()
    assert featurizer.transform(TEXTS[:2]).shape == (2, len(featurizer.get_feature_names_out()))
