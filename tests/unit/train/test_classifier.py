"""CloudClassifier in scikit-learn's terms."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

import cloudkit
from cloudkit.errors import CloudkitError, DataError

from .class_examples import HALIDE, KIND, TEXTS

QUICK = {
    "epochs": 12,
    "learning_rate": 1e-2,
    "validation_fraction": 0,
    "init_from": None,
    "changes": ["encoder.layers=1", "encoder.width=16", "tasks.0.batch=8"],
}


@pytest.fixture(scope="module")
def fitted() -> Any:
    return cloudkit.CloudClassifier(**QUICK).fit(TEXTS[:48], KIND[:48])


@parametrize_with_checks([cloudkit.CloudClassifier()])
def test_scikit_learns_own_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


# The list above is short: scikit-learn leaves out all checks of an estimator that does not read tables of numbers. These need no
# table; of the others each makes one of numbers, which is refused by name (docs/howto/python.md).
WITHOUT_A_TABLE = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("check", WITHOUT_A_TABLE)
@pytest.mark.parametrize(
    "kind", [cloudkit.CloudClassifier, cloudkit.CloudRegressor, cloudkit.CloudFeaturizer]
)
def test_checks_that_need_no_table_of_numbers_hold(kind: Any, check: str) -> None:
    getattr(estimator_checks, check)(kind.__name__, kind())


def test_it_is_a_classifier_of_sorted_classes_with_probabilities_that_add_up(fitted: Any) -> None:
    found = fitted.predict_proba(TEXTS[48:])
    assert fitted.classes_.tolist() == ["chalcogenide", "halide", "oxide"]
    assert found.shape == (12, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    decided = fitted.predict(TEXTS[48:])
    assert (fitted.classes_[found.argmax(axis=1)] == decided).all()
    assert fitted.score(TEXTS[48:], KIND[48:]) == accuracy_score(KIND[48:], decided) > 0.8


def test_a_pickle_predicts_the_same_and_the_same_seed_gives_the_same_model(fitted: Any) -> None:
    found = fitted.predict_proba(TEXTS)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(TEXTS), found)
    assert np.array_equal(clone(fitted).fit(TEXTS[:48], KIND[:48]).predict_proba(TEXTS), found)


@pytest.mark.parametrize(
    "kind", [lambda yes: int(yes), lambda yes: bool(yes), lambda yes: 2 * int(yes) - 1, lambda yes: " " * yes]
)
def test_classes_may_be_integers_booleans_or_text_of_any_kind(kind: Any) -> None:
    labels = np.array([kind(label == "yes") for label in HALIDE])
    quick = {**QUICK, "epochs": 1}
    model = cloudkit.CloudClassifier(**quick).fit(TEXTS, labels)
    assert model.classes_.tolist() == sorted(set(labels.tolist()))
    assert model.predict(TEXTS[:3]).dtype == labels.dtype
    assert set(model.predict(TEXTS).tolist()) <= set(labels.tolist())


def test_threshold_weights_and_members_are_parameters() -> None:
    changes = [*QUICK["changes"], "tasks.0.ensemble={members: 2}"]
    more = {
        "validation_fraction": 0.3,
        "threshold": "f1",
        "class_weight": {"no": 1, "yes": 3},
        "changes": changes,
    }
    model = cloudkit.CloudClassifier(**{**QUICK, **more, "epochs": 2}).fit(TEXTS, HALIDE)
    head = model.model_.network.heads["value"]
    assert head.weighting == {"no": 1, "yes": 3} and len(model.model_.network.networks("value")) == 2
    decided = model.predict(TEXTS) == "yes"
    assert np.array_equal(decided, model.predict_proba(TEXTS)[:, 1] >= float(head.threshold))
    balanced = cloudkit.CloudClassifier(**{**QUICK, "class_weight": "balanced", "epochs": 1}).fit(
        TEXTS, HALIDE
    )
    assert balanced.model_.network.heads["value"].weighting == "balanced"


def test_it_goes_through_cross_validation() -> None:
    scores = cross_val_score(
        cloudkit.CloudClassifier(**QUICK), np.array(TEXTS), HALIDE, cv=2, scoring="roc_auc"
    )
    assert scores.mean() > 0.8


def test_what_cannot_be_learned_is_one_clear_message() -> None:
    model = cloudkit.CloudClassifier(**QUICK)
    with pytest.raises(CloudkitError, match="y has 1 classes; from 2 to 100 can be learned"):
        model.fit(TEXTS[:3], ["a", "a", "a"])
    with pytest.raises(CloudkitError, match="y has 120 classes; from 2 to 100 can be learned"):
        model.fit(TEXTS * 2, list(range(120)))
    with pytest.raises(DataError, match="class 'lonely' of class occurs once among 60 labels"):
        model.fit(TEXTS, [*KIND[:59], "lonely"])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        model.fit(TEXTS[:2], [0.5, 1.5])
    with pytest.raises(CloudkitError, match="2 crystals and y 3 labels"):
        model.fit(TEXTS[:2], ["a", "b", "a"])
    with pytest.raises(CloudkitError, match=r"1 of 2 inputs cannot be read; input 1: E"):
        model.fit([TEXTS[0], "1 6 | Na 4a"], ["a", "b"])


def test_no_crystals_have_no_classes(fitted: Any) -> None:
    assert fitted.predict([]).shape == (0,)
    assert fitted.predict_proba([]).shape == (0, 3)
