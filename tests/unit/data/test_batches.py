"""Packed ids and batches: nothing padded, nothing lost, the same for the same seed and epoch."""

from pathlib import Path

import numpy as np
import pytest

from cloudkit.data import (
    Target,
    Tokens,
    epoch_batches,
    make_batch,
    read_builtin,
    read_crystals,
    split_crystals,
    tokenize,
)
from cloudkit.errors import DataError
from cloudkit.tokens import Tokenizer

TARGETS = [Target(name, name, "temperature", "J/mol_atom/K") for name in ("heat_capacity", "entropy")]
CRYSTALS = read_crystals(read_builtin("thermal", "test"), targets=TARGETS)
TOKENS = tokenize(CRYSTALS.texts, Tokenizer("compact"), 64)


def test_packed_ids_are_those_of_each_string(tmp_path: Path) -> None:
    TOKENS.save(tmp_path / "ids.npy")
    again = Tokens.load(tmp_path / "ids.npy")
    for index, text in enumerate(CRYSTALS.texts):
        expected = Tokenizer("compact").encode(text)
        assert np.array_equal(again.ids[again.offsets[index] : again.offsets[index + 1]], expected)


def test_a_batch_holds_each_chosen_string_whole_and_shortest_first() -> None:
    chosen = np.array([7, 0, 3, 12])
    batch = make_batch(TOKENS, chosen)
    lengths = np.diff(batch.offsets)
    assert sorted(batch.crystals) == sorted(chosen)
    assert (np.diff(lengths) >= 0).all()
    for place, index in enumerate(batch.crystals):
        expected = Tokenizer("compact").encode(CRYSTALS.texts[index])
        assert np.array_equal(batch.ids[batch.offsets[place] : batch.offsets[place + 1]], expected)
    assert len(batch.value) == 0


def test_a_batch_holds_all_observations_of_its_crystals_and_no_others() -> None:
    chosen = np.array([5, 2, 9])
    batch = make_batch(TOKENS, chosen, CRYSTALS)
    rows = {
        (int(batch.crystals[s]), int(q), float(t), float(v))
        for s, q, t, v in zip(batch.sequence, batch.quantity, batch.temperature, batch.value, strict=True)
    }
    keep = np.isin(CRYSTALS.crystal, chosen)
    columns = (CRYSTALS.crystal, CRYSTALS.quantity, CRYSTALS.temperature, CRYSTALS.value)
    expected = set(zip(*(column[keep].tolist() for column in columns), strict=True))
    assert rows == expected
    assert len(rows) == len(batch.value) == 3 * 2 * 30


def test_batches_of_an_epoch_hold_every_crystal_once_and_depend_on_seed_and_epoch() -> None:
    chosen = np.arange(10, 31)
    batches = epoch_batches(chosen, 4, seed=3, epoch=5)
    assert [len(batch) for batch in batches] == [4, 4, 4, 4, 4, 1]
    assert sorted(np.concatenate(batches)) == chosen.tolist()
    again, later, other = (
        np.concatenate(epoch_batches(chosen, 4, s, e)) for s, e in ((3, 5), (3, 6), (4, 5))
    )
    assert np.array_equal(again, np.concatenate(batches))
    assert not np.array_equal(again, later) and not np.array_equal(again, other)


@pytest.mark.parametrize(
    ("count", "fraction", "held_out"), [(100, 0.1, 10), (5, 0.01, 1), (1, 0.5, 0), (7, 0.0, 0), (2, 0.99, 1)]
)
def test_a_split_holds_out_its_share_and_always_leaves_something_to_train_on(
    count: int, fraction: float, held_out: int
) -> None:
    train, valid = split_crystals(count, fraction, seed=1)
    assert len(valid) == held_out
    assert sorted([*train, *valid]) == list(range(count))


def test_a_string_longer_than_the_limit_is_an_error_that_shows_it() -> None:
    longest = int(TOKENS.lengths.max())
    text = CRYSTALS.texts[int(TOKENS.lengths.argmax())]
    with pytest.raises(
        DataError, match=f"id {CRYSTALS.ids[int(TOKENS.lengths.argmax())]} has {longest} tokens"
    ) as error:
        tokenize(CRYSTALS.texts, Tokenizer("compact"), longest - 1, "cv.csv", CRYSTALS.ids)
    assert text in str(error.value) and f"raise it to {longest}" in str(error.value)
