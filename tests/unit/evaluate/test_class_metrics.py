"""Metrics of classes against scikit-learn's, and the choice of a threshold against a search of all."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from cloudkit.errors import CloudkitError, DataError
from cloudkit.evaluate.class_evaluation import predict_baseline
from cloudkit.evaluate.class_metrics import (
    choose_threshold,
    confusion,
    reliability,
    roc_auc,
    roc_curve,
    summarize_classes,
)
from cloudkit.predict.classes import decide


def sample(classes: int, rows: int = 300, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities that know something of them, rounded so that some are equal."""
    draw = np.random.default_rng(classes)
    label = draw.integers(0, classes, rows)
    odds = draw.gamma(1.0, size=(rows, classes)) + 0.7 * np.eye(classes)[label]
    rounded = np.round(odds / odds.sum(axis=1, keepdims=True), digits) + 1e-3
    return label, rounded / rounded.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("positive", [0, 1])
def test_metrics_of_two_classes_are_those_of_scikit_learn(positive: int) -> None:
    label, probability = sample(2)
    score, is_positive = probability[:, positive], label == positive
    found = summarize_classes(label, probability, positive=positive, threshold=0.4)
    decided = score >= 0.4
    want = {
        "roc_auc": metrics.roc_auc_score(is_positive, score),
        "balanced_accuracy": metrics.balanced_accuracy_score(is_positive, decided),
        "f1": metrics.f1_score(is_positive, decided),
        "accuracy": metrics.accuracy_score(is_positive, decided),
        "log_loss": metrics.log_loss(is_positive, score),
        "brier": metrics.brier_score_loss(is_positive, score),
    }
    assert {name: found[name] for name in want} == pytest.approx(want, abs=1e-12)
    assert found["confusion"] == metrics.confusion_matrix(label, decide(probability, positive, 0.4)).tolist()


def test_metrics_of_four_classes_are_those_of_scikit_learn() -> None:
    label, probability = sample(4)
    found, decided = (
        summarize_classes(label, probability, positive=3, threshold=0.5),
        probability.argmax(axis=1),
    )
    want = {
        "roc_auc": metrics.roc_auc_score(label, probability, multi_class="ovr"),
        "balanced_accuracy": metrics.balanced_accuracy_score(label, decided),
        "f1": metrics.f1_score(label, decided, average="macro"),
        "log_loss": metrics.log_loss(label, probability),
        "brier": np.square(probability - np.eye(4)[label]).sum(axis=1).mean(),
    }
    assert {name: found[name] for name in want} == pytest.approx(want, abs=1e-12)


def test_the_roc_curve_treats_equal_scores_as_one_threshold() -> None:
    across, up = roc_curve(np.array([True, False, True, False]), np.array([0.9, 0.9, 0.4, 0.1]))
    assert across.tolist() == [0, 0.5, 0.5, 1]
    assert up.tolist() == [0, 0.5, 1, 1]


def test_reliability_is_the_curve_of_scikit_learn_and_its_error_the_mean_distance() -> None:
    label, probability = sample(2, digits=6)
    found = reliability(label, probability, positive=1)
    observed, predicted = calibration_curve(label, probability[:, 1], n_bins=10)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)
    error = summarize_classes(label, probability, positive=1, threshold=0.5)["calibration_error"]
    assert error == pytest.approx(np.average(abs(observed - predicted), weights=found.rows))
    sure = np.eye(2)[label]
    assert summarize_classes(label, sure, positive=1, threshold=0.5)["calibration_error"] == 0


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1", "accuracy"])
def test_no_threshold_is_better_than_the_chosen_one(metric: str, positive: int) -> None:
    label, probability = sample(2, rows=120)
    threshold, value = choose_threshold(label, probability[:, positive], positive, metric)

    def score(at: float) -> float:
        return float(summarize_classes(label, probability, positive=positive, threshold=at)[metric])

    assert score(threshold) == pytest.approx(value)
    assert value >= max(score(at) for at in np.linspace(0, 1, 501)) - 1e-12


def test_without_a_better_one_the_threshold_stays_at_a_half() -> None:
    assert choose_threshold(np.array([0, 1]), np.array([0.2, 0.9]), 1, "accuracy") == (0.5, 1.0)


def test_what_a_class_without_rows_leaves_undefined_is_left_out() -> None:
    label, probability = np.zeros(3, np.int64), np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])
    assert roc_auc(label, probability, 1) is None
    found = summarize_classes(label, probability, positive=1, threshold=0.5)
    assert "roc_auc" not in found and found["balanced_accuracy"] == pytest.approx(2 / 3)


def test_metrics_refuse_no_rows_and_what_is_no_probability() -> None:
    with pytest.raises(DataError, match="metrics need rows"):
        summarize_classes(np.empty(0, np.int64), np.empty((0, 2)), positive=1, threshold=0.5)
    with pytest.raises(DataError, match="not a finite number"):
        summarize_classes(np.array([0]), np.array([[np.nan, 1.0]]), positive=1, threshold=0.5)


def test_confusion_has_the_true_class_first() -> None:
    assert confusion(np.array([0, 0, 1]), np.array([1, 1, 1]), 3).tolist() == [
        [0, 2, 0],
        [0, 1, 0],
        [0, 0, 0],
    ]


ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0"
TEXTS = [
    f"{ROCK_SALT} | {a} 4a {b} 4b" for a in ("Li", "Na", "K", "Mg", "Ca", "Sr") for b in ("F", "Cl", "O", "S")
]
OXIDE = np.array([int(text.split()[-2] in ("O", "S")) for text in TEXTS])


@pytest.mark.parametrize("name", ["mean", "ridge", "extra_trees", "boosted_trees"])
def test_baselines_give_probabilities_and_all_but_the_majority_tell_halides_from_oxides(name: str) -> None:
    found = predict_baseline(name, TEXTS[:16], OXIDE[:16], TEXTS[16:], 3)
    assert found.shape == (8, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert not found[:, 2].any()  # no training row has the third class
    right = (found.argmax(axis=1) == OXIDE[16:]).mean()
    assert right == 0.5 if name in ("mean", "boosted_trees") else right > 0.9  # boosted leaves need 20 rows
    assert np.array_equal(found, predict_baseline(name, TEXTS[:16], OXIDE[:16], TEXTS[16:], 3))


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(CloudkitError, match="unknown baseline 'extra_tree'; did you mean 'extra_trees'"):
        predict_baseline("extra_tree", TEXTS, OXIDE, TEXTS, 2)
