import numpy as np
import pytest

from cloudkit.data import read_builtin
from cloudkit.errors import ScopeError
from cloudkit.predict.features import feature_names, features, point_group_order
from cloudkit.tables import SPACE_GROUPS, generator_text

from .predict_examples import ROCK_SALT, ROCK_SALT_REDUCED


def named(text):
    return dict(zip(feature_names(), features([text])[0].tolist(), strict=True))


def test_rock_salt_has_the_features_that_a_textbook_says():
    row = named(ROCK_SALT)
    assert row["number mean"] == 14 and row["number range"] == 6 and row["number spread"] == 3
    assert row["space_group"] == 225 and row["point_group_order"] == 48 and row["centrosymmetric"] == 1
    assert row["orbits"] == 2 and row["elements"] == 2 and row["fixed_share"] == 1
    assert row["s-block share"] == 0.5 and row["p-block share"] == 0.5


def test_orbit_and_reduced_strings_of_an_ordered_crystal_have_the_same_features():
    assert features([ROCK_SALT]).tolist() == features([ROCK_SALT_REDUCED]).tolist()


def test_swapping_the_elements_of_an_orbit_string_changes_no_composition_feature():
    text = ROCK_SALT.replace("Na 4a Cl 4b", "Cl 4a Na 4b")
    assert np.allclose(features([text]), features([ROCK_SALT]))


def test_every_built_in_crystal_has_finite_features_and_no_column_is_constant():
    texts = [
        *dict.fromkeys(read_builtin("minerals").text("scope")),
        f"{generator_text(47)} | Na 8A",
        f"{generator_text(225)} | Xe 4a",
    ]
    table = features(texts)
    assert table.shape == (len(texts), len(feature_names())) and np.isfinite(table).all()
    constant = [
        name for name, spread in zip(feature_names(), np.ptp(table, axis=0), strict=True) if spread == 0
    ]
    assert constant == ["mixed_orbits"]  # minerals are ordered


def test_mixed_orbits_and_the_noble_gases_are_counted():
    assert named(f"{generator_text(225)} | Fe 0.5 Ni 0.5 4a")["mixed_orbits"] == 1


@pytest.mark.parametrize(
    ("symbol", "order"),
    [("P1", 1), ("P2/m", 4), ("R-3c", 12), ("P6_3/mmc", 24), ("Fd-3m", 48), ("I-43m", 24)],
)
def test_point_group_orders(symbol, order):
    assert point_group_order(next(group for group in SPACE_GROUPS if group.symbol == symbol)) == order


def test_text_that_is_not_scope_is_refused():
    with pytest.raises(ScopeError):
        features(["rock salt"])


def test_no_texts_give_an_empty_table():
    assert features([]).shape == (0, len(feature_names()))
