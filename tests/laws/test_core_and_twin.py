"""Law 2: the compiled core and its Python twin agree on every string, in codes, offsets and ids."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkit._native import twin
from cloudkit.scope import Orbit

from .scope_strings import mutated_texts, valid_texts

core = pytest.importorskip("cloudkit._native.core", reason="no compiled core in this installation")


@settings(max_examples=250, deadline=None)
@given(st.one_of(mutated_texts(), st.text()))
def test_core_and_twin_find_the_same_codes_at_the_same_places(text: str) -> None:
    assert core.check(text) == twin.check(text)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.binary(), mutated_texts().map(lambda text: text.encode("utf-16", "surrogatepass"))))
def test_core_and_twin_agree_on_bytes_that_are_no_text(data: bytes) -> None:
    assert core.check(data) == twin.check(data)


@settings(max_examples=40, deadline=None)
@given(st.one_of(valid_texts(), mutated_texts(), st.text()))
def test_text_of_a_subclass_is_text_in_core_and_twin(text: str) -> None:
    class Text(str):
        __slots__ = ()

    for one in (core, twin):
        assert one.check(Text(text)) == core.check(text)
        assert one.parse(Text(text), Orbit) == core.parse(text, Orbit)
        for vocabulary in ("cloud", "compact"):
            assert np.array_equal(one.encode_text(Text(text), vocabulary), core.encode_text(text, vocabulary))


@pytest.mark.parametrize("wrong", [None, 5, 0.5, ["1 0 0 | H 1a"]])
def test_what_is_no_text_is_named_in_core_and_twin(wrong: object) -> None:
    for one in (core, twin):
        calls = ((one.check,), (one.parse, Orbit), (one.encode_text, "compact"), (one.encode_text, "cloud"))
        for call, *more in calls:
            with pytest.raises(TypeError, match=f"expected str, found {type(wrong).__name__}"):
                call(wrong, *more)


@settings(max_examples=80, deadline=None)
@given(valid_texts())
def test_valid_text_has_no_issue_in_core_and_twin(text: str) -> None:
    group, issues = core.check(text)
    assert issues == [] == twin.check(text)[1]
    assert group == twin.check(text)[0] > 0


@pytest.mark.parametrize("vocabulary", ["cloud", "compact"])
@settings(max_examples=150, deadline=None)
@given(text=st.one_of(valid_texts(), mutated_texts(), st.text()))
def test_core_and_twin_give_the_same_ids(vocabulary: str, text: str) -> None:
    fast, slow = core.encode_text(text, vocabulary), twin.encode_text(text, vocabulary)
    assert (fast is None) == (slow is None)
    if fast is not None:
        assert fast.dtype == np.uint16
        assert fast.tolist() == slow.tolist()


@pytest.mark.parametrize("vocabulary", ["cloud", "compact"])
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.one_of(valid_texts(), mutated_texts()), max_size=5))
def test_a_batch_holds_the_ids_of_its_rows_in_core_and_twin(vocabulary: str, texts: list[str]) -> None:
    ids, offsets, refused = core.encode_batch(texts, vocabulary)
    slow_ids, slow_offsets, slow_refused = twin.encode_batch(texts, vocabulary)
    assert ids.tolist() == slow_ids.tolist()
    assert offsets.tolist() == slow_offsets.tolist()
    assert refused == slow_refused
    for row, text in enumerate(texts):
        single = core.encode_text(text, vocabulary)
        assert ids[offsets[row] : offsets[row + 1]].tolist() == ([] if single is None else single.tolist())


def outcome(native: ModuleType, ids: list[int], vocabulary: str) -> str:
    try:
        return native.decode_text(np.array(ids, np.uint16), vocabulary)
    except ValueError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("vocabulary", ["cloud", "compact"])
@settings(max_examples=120, deadline=None)
@given(
    ids=st.lists(
        st.one_of(st.integers(0, 700), st.sampled_from([0, 2, 6, 236, 422, 540, 640, 65535])), max_size=12
    )
)
def test_core_and_twin_decode_any_ids_alike(vocabulary: str, ids: list[int]) -> None:
    for whole in (ids, [0, 17, *ids, 2]):
        assert outcome(core, whole, vocabulary) == outcome(twin, whole, vocabulary)
