"""Labels that are classes: as text, whole numbers, booleans or numbers with cuts; and folds with equal shares of them."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from cloudkit.data import Target, join_crystals, read_crystals, read_strata, repeated_labels
from cloudkit.data.folds import stratified_folds, take_part
from cloudkit.errors import DataError
from cloudkit.io import Table
from cloudkit.modelspec import Folds

TEXTS = ["0 0 0 | Si 1a", "0 0 0 | C 1a", "0 0 0 | Ge 1a", "0 0 0 | Sn 1a"]


def read(
    values: list[object], classes: tuple[str, ...], cuts: tuple[float, ...] = (), **more: object
) -> list[float]:
    table = Table("t.csv", {"scope": list(TEXTS[: len(values)]), "label": values})
    target = Target("label", "kind", classes=classes, cuts=cuts, **more)
    return read_crystals(table, targets=[target]).value.tolist()


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["no", " yes ", "no"], ("no", "yes")),
        ([0, 1, 0], ("0", "1")),
        (["0", "1.0", "0"], ("0", "1")),
        ([False, True, False], ("false", "true")),
        (["False", "TRUE", "false"], ("false", "true")),
        ([0.0, 1.0, 0.0], ("0", "1")),
    ],
)
def test_labels_name_classes_as_text_whole_numbers_or_booleans(values, classes) -> None:
    assert read(values, classes) == [0, 1, 0]


def test_a_number_up_to_and_with_a_cut_is_of_the_class_below() -> None:
    assert read([0, "0.1", 3.0, 3.1], ("metal", "semiconductor", "insulator"), (0.0, 3.0)) == [0, 1, 1, 2]


def test_rows_without_a_class_are_skipped_where_the_target_says_so() -> None:
    assert read(["no", "", None, "yes"], ("no", "yes"), missing="skip") == [0, 1]


@pytest.mark.parametrize(
    ("values", "cuts", "message"),
    [
        (["no", "maybe", "so"], (), r"t.csv: row 2, column 'label': expected one of the classes no, yes, found 'maybe' \(and 1 more rows\)$"),
        (["no", ""], (), "row 2, column 'label': expected one of the classes no, yes, found ''"),
        ([0.0, 1.5], (), r"expected one of the classes no, yes, found 0.0 \(and 1 more rows\); a column of numbers becomes classes with the target's key cuts, such as cuts: \[0\]"),
        (["0.5", "no"], (0.0,), "row 2, column 'label': expected a finite number, found 'no'"),
    ],
)  # fmt: skip
def test_a_label_that_is_not_a_class_is_named(values, cuts, message) -> None:
    with pytest.raises(DataError, match=message):
        read(values, ("no", "yes"), cuts)


def test_labels_of_text_for_a_head_of_numbers_point_to_classes() -> None:
    with pytest.raises(
        DataError, match=r"found 'yes' .*; labels of text are classes: use a head of kind classification"
    ):
        read(["yes", "no"], ())
    with pytest.raises(DataError, match=r"found 'much'$"):
        read(["1", "much"], ())


def test_classes_stay_with_the_crystals_through_files_and_joins(tmp_path) -> None:
    table = Table("t.csv", {"scope": TEXTS, "label": ["no", "yes", "yes", "no"]})
    one = read_crystals(table, targets=[Target("label", "kind", classes=("no", "yes"))])
    one.save(tmp_path)
    assert type(one).load(tmp_path).classes == join_crystals([one, one]).classes == {"kind": ("no", "yes")}
    assert one.strata().tolist() == [0, 1, 1, 0]


def test_contradicting_classes_bound_how_often_a_model_can_be_right() -> None:
    table = Table(
        "t.csv", {"scope": [TEXTS[0], TEXTS[0], TEXTS[0], TEXTS[1]], "label": ["no", "no", "yes", "no"]}
    )
    crystals = read_crystals(table, targets=[Target("label", "kind", classes=("no", "yes"))])
    (note,) = repeated_labels(crystals)
    assert note == (
        "2 of 4 labels of kind repeat a label of the same crystal; 1 crystals have several classes: no model can be right "
        "more often than 75 % on them"
    )


def test_stratified_folds_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    for rows, classes, count in ((40, 2, 5), (103, 3, 5), (500, 7, 4)):
        strata = draw.integers(0, classes, rows)
        found = stratified_folds("t", strata, count, 18012019)
        split = StratifiedKFold(count, shuffle=True, random_state=18012019).split(strata, strata)
        assert [np.flatnonzero(found == fold).tolist() for fold in range(count)] == [
            test.tolist() for _, test in split
        ]


def test_train_and_test_of_a_stratified_fold_share_no_row_and_have_all() -> None:
    table = Table("t.csv", {"label": ["a", "b", ""] * 6})
    folds = Folds(count=3, fold=1, stratified=True)
    strata = read_strata(table, "label", ("a", "b"), ())
    assert strata.tolist() == [0, 1, -1] * 6
    train, test = (take_part(table, part, folds, strata) for part in ("train", "test"))
    assert sorted([*train.numbers_in_file, *test.numbers_in_file]) == list(range(1, 19))
    assert sorted(test.column("label")) == ["", "", "a", "a", "b", "b"]
    with pytest.raises(DataError, match="2 rows cannot be split into 3 folds"):
        stratified_folds("t.csv", np.array([0, 1]), 3, 0)
