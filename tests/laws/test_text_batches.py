"""Batches: what a row alone gives, in any number of threads; what lies in offsets and rows is refused with its place."""

import gc
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkit._native import twin
from cloudkit.scope import Orbit, validate, validate_batch
from cloudkit.scope.tree import _read, check, parse, parse_batch
from cloudkit.tables import generator_text
from cloudkit.tokens import Tokenizer

from .scope_strings import mutated_texts, valid_texts

core = pytest.importorskip("cloudkit._native.core", reason="no compiled core in this installation")

ROCK_SALT = f"{generator_text(225)} | Na 4a Cl 4b"
any_texts = st.lists(st.one_of(valid_texts(), mutated_texts(), st.text(max_size=8)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(texts=any_texts, threads=st.integers(1, 6))
def test_core_and_twin_find_the_same_in_a_batch_whatever_the_threads(texts: list[str], threads: int) -> None:
    starts, issues = core.check_batch(texts, threads)
    assert starts.tolist() == twin.check_batch(texts)[0].tolist()
    assert issues.tolist() == twin.check_batch(texts)[1].tolist()


@settings(max_examples=60, deadline=None)
@given(texts=any_texts, threads=st.integers(1, 6))
def test_findings_of_a_batch_are_those_of_its_rows(texts: list[str], threads: int) -> None:
    findings = validate_batch(texts, threads)
    assert list(findings) == [validate(text) for text in texts]
    assert findings.valid.tolist() == [all(d.severity == "warning" for d in row) for row in findings]
    assert findings.rows.tolist() == [row for row, found in enumerate(findings) for _ in found]
    assert [f"{d.code[1:]}" for row in findings for d in row] == [str(code) for code in findings.codes]


@pytest.mark.parametrize("vocabulary", ["cloud", "compact"])
@settings(max_examples=60, deadline=None)
@given(texts=any_texts, threads=st.integers(1, 6))
def test_core_and_twin_encode_a_batch_alike_whatever_the_threads(
    vocabulary: str, texts: list[str], threads: int
) -> None:
    for ours, theirs in zip(
        core.encode_batch(texts, vocabulary, threads), twin.encode_batch(texts, vocabulary), strict=True
    ):
        assert np.array_equal(ours, theirs)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(valid_texts(), max_size=12), threads=st.integers(1, 6))
def test_a_decoded_batch_is_the_texts_in_core_and_twin(texts: list[str], threads: int) -> None:
    for vocabulary in ("cloud", "compact"):
        ids, offsets, refused = core.encode_batch(texts, vocabulary)
        assert refused == []
        assert (
            core.decode_batch(ids, offsets, vocabulary)
            == texts
            == twin.decode_batch(ids, offsets, vocabulary)
        )
        for native in (core, twin):
            text, ends = native.decode_packed(ids, offsets, vocabulary, threads)
            assert text.tobytes().decode("ascii") == "".join(texts)
            assert np.diff(ends).tolist() == list(map(len, texts))


@settings(max_examples=150, deadline=None)
@given(st.one_of(valid_texts(), mutated_texts()))
def test_core_and_twin_and_the_reader_of_text_make_the_same_tree(text: str) -> None:
    assert core.parse(text, Orbit) == twin.parse(text, Orbit)
    if twin.parse(text, Orbit) is not None:
        assert parse(text) == _read(text, check(text))


def test_a_long_string_is_parsed_like_a_short_one() -> None:
    text = f"{generator_text(1)} | " + " ".join(["Si 1a"] * 1000)
    assert parse(text) == _read(text, check(text))


def test_one_row_outside_ascii_leaves_the_others_to_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    slow = twin.encode_text
    monkeypatch.setattr(twin, "encode_text", lambda text, name: seen.append(text) or slow(text, name))
    texts = [ROCK_SALT, "é Na", ROCK_SALT, "a\x01b", "", "中4a"]
    ids, offsets, _ = core.encode_batch(texts, "cloud")
    assert seen == ["é Na", "a\x01b", "中4a"]
    for row, text in enumerate(texts):
        assert ids[offsets[row] : offsets[row + 1]].tolist() == slow(text, "cloud").tolist()


def test_invalid_rows_outside_ascii_are_refused_without_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin, "encode_text", None)
    assert core.encode_batch([ROCK_SALT, "é", "\ud800"], "compact")[2] == [1, 2]


@pytest.mark.parametrize("native", [core, twin], ids=["core", "twin"])
@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([], "shape"),
        ([[0, 7]], "shape"),
        ([0, 8], r"offsets\[1\] = 8"),
        ([-1, 7], r"offsets\[0\] = -1"),
        ([0, 5, 4, 7], r"offsets\[2\] = 4"),
        ([0, 2**62], r"offsets\[1\]"),
    ],
)
def test_offsets_that_lie_are_refused_with_their_place(
    native: object, offsets: list[int], message: str
) -> None:
    ids = Tokenizer("compact").encode(ROCK_SALT)
    for decode in (native.decode_batch, native.decode_packed):  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match=message):
            decode(ids, np.array(offsets, np.int64), "compact")


@pytest.mark.parametrize("native", [core, twin], ids=["core", "twin"])
@pytest.mark.parametrize("vocabulary", ["cloud", "compact"])
def test_a_row_without_a_text_is_named(native: object, vocabulary: str) -> None:
    ids, offsets, _ = core.encode_batch([ROCK_SALT] * 3, vocabulary)
    ids[offsets[1] + 2] = 60000
    for decode in (native.decode_batch, native.decode_packed):  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="row 1: "):
            decode(ids, offsets, vocabulary)


@pytest.mark.parametrize("native", [core, twin], ids=["core", "twin"])
@pytest.mark.parametrize("ids", [np.zeros((2, 2), np.uint16), np.zeros(3, np.int64)], ids=["shape", "dtype"])
def test_ids_of_another_shape_or_kind_are_refused(native: object, ids: np.ndarray) -> None:
    with pytest.raises(ValueError, match="ids: expected"):
        native.decode_text(ids, "cloud")  # type: ignore[attr-defined]


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None])
def test_threads_are_a_number_of_one_or_more(threads: object) -> None:
    for native in (core, twin):
        with pytest.raises(ValueError, match="threads"):
            native.encode_batch([ROCK_SALT], "cloud", threads)
        with pytest.raises(ValueError, match="threads"):
            native.check_batch([ROCK_SALT], threads)


def test_ids_of_any_integer_kind_are_decoded_and_none_is_wrapped() -> None:
    tokenizer = Tokenizer("cloud")
    ids = tokenizer.encode(ROCK_SALT)
    assert tokenizer.decode(ids.astype(np.int64)) == tokenizer.decode(ids[::-1][::-1]) == ROCK_SALT
    for wrong in (ids.astype(np.int64) + 65536, ids.astype(np.int64) - 600, ids.astype(np.float64)):
        with pytest.raises(ValueError, match="expected integers"):
            tokenizer.decode(wrong)


def test_threads_of_python_encode_at_the_same_time_as_one_another() -> None:
    texts = [ROCK_SALT, "é", "1 2 3"] * 200
    expected = core.encode_batch(texts, "cloud")[0].tolist()
    found: list[list[int]] = []
    workers = [
        threading.Thread(target=lambda: found.append(core.encode_batch(texts, "cloud", 3)[0].tolist()))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected] * 8


def test_neither_sound_nor_bad_input_leaves_memory_behind() -> None:
    texts = [ROCK_SALT, f"{generator_text(225)} | 4a 4b | Na 0.5 Cl 0.5", "é", "", "1 2 3", "\ud800"]
    ids, offsets, _ = core.encode_batch(texts, "cloud")

    def work() -> None:
        for threads in (1, 3):
            core.check_batch(texts, threads)
            core.encode_batch(texts, "compact", threads)
            core.encode_batch(texts, "cloud", threads)
            core.decode_packed(ids, offsets, "cloud", threads)
            with pytest.raises(ValueError, match="row 0"):
                core.decode_packed(ids, offsets, "compact", threads)
        with pytest.raises(TypeError, match="row 1"):
            core.check_batch([ROCK_SALT, 5])
        with pytest.raises(ValueError, match="row 0"):
            core.decode_batch(ids, offsets, "compact")
        for text in texts:
            core.parse(text, Orbit)
            core.encode_text(text, "compact")
            core.check(text * 40)

    def growth() -> int:
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(200):
            work()
        gc.collect()
        return sys.getallocatedblocks() - before

    # caches and the interpreter's own stores fill at their own times; what is left behind grows in every window
    assert min(growth() for _ in range(5)) < 100


def test_a_batch_of_trees_names_the_row_that_has_none() -> None:
    assert parse_batch([ROCK_SALT] * 2) == [parse(ROCK_SALT)] * 2
    with pytest.raises(ValueError) as caught:
        parse_batch([ROCK_SALT, "x"])
    assert caught.value.__notes__ == ["in row 1"]
