"""Known features of compact tokens: finite, standardized, in the right rows."""

import numpy as np

from cloudkit.models.features import feature_table, token_amounts
from cloudkit.tokens import Tokenizer

TOKENIZER = Tokenizer("compact")
TABLE, ELEMENT_COLUMNS = feature_table(TOKENIZER.vocabulary, TOKENIZER.kinds)


def test_features_are_finite_and_standardized_within_each_kind() -> None:
    assert np.isfinite(TABLE).all()
    for column in TABLE.T:
        rows = np.flatnonzero(column)
        kind = TOKENIZER.kinds[rows[0]]
        assert (TOKENIZER.kinds[rows] == kind).all()
        values = column[TOKENIZER.kinds == kind]
        assert abs(values.mean()) < 1e-9 and abs(values.std() - 1) < 1e-9


def test_only_elements_fill_the_columns_of_elements() -> None:
    block = TABLE[:, slice(*ELEMENT_COLUMNS)]
    assert (np.abs(block).sum(axis=1) > 0).tolist() == (TOKENIZER.kinds == 4).tolist()


def test_no_two_elements_and_hardly_any_two_groups_look_alike() -> None:
    for kind, least in ((4, 118), (2, 60)):
        rows = TABLE[TOKENIZER.kinds == kind]
        assert len(np.unique(rows.round(6), axis=0)) >= least


def test_amounts_are_multiplicities_and_fractions() -> None:
    found = dict(zip(TOKENIZER.vocabulary, token_amounts(TOKENIZER.vocabulary, TOKENIZER.kinds), strict=True))
    assert [found[token] for token in ("192j", "8A", "0.25", "1.0", "Na", "sg:225", "|", "[CLS]")] == [
        192,
        8,
        0.25,
        1,
        0,
        0,
        0,
        0,
    ]
