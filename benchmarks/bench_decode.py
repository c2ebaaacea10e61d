"""Ids of the published vocabulary to strings: cloudkit compared with `tokenizers` and transformers, one thread each.

    python -m pytest benchmarks/bench_decode.py --benchmark-only

All give the strings that the ids were made of, which is checked before anything is timed.
"""

import itertools

import numpy as np
import pytest
from baselines import hf_tokenizers, transformers_bert

from cloudkit.tokens import Tokenizer

GROUP = "published ids to strings"
Packed = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def packed(strings: list[str]) -> Packed:
    return Tokenizer("cloud").encode_batch(strings)


@pytest.fixture(scope="module")
def lists(packed: Packed) -> list[list[int]]:
    """The same ids as the rivals take them."""
    ids, offsets = packed
    return [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)]


@pytest.fixture(scope="module", autouse=True)
def same_strings(strings: list[str], packed: Packed, lists: list[list[int]]) -> None:
    text, offsets = Tokenizer("cloud").decode_packed(*packed)
    assert [text[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)] == strings
    assert Tokenizer("cloud").decode_batch(*packed) == strings
    assert hf_tokenizers.load_decoder()(lists) == strings
    assert transformers_bert.load_decoder()(lists) == strings


@pytest.mark.benchmark(group=GROUP)
def test_cloudkit_packed(benchmark, packed, strings) -> None:
    """ASCII bytes and offsets, as Arrow lays strings out."""
    benchmark.pedantic(Tokenizer("cloud").decode_packed, packed, rounds=30, warmup_rounds=3)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group=GROUP)
def test_cloudkit_list_of_str(benchmark, packed, strings) -> None:
    """What the rivals return."""
    benchmark.pedantic(Tokenizer("cloud").decode_batch, packed, rounds=30, warmup_rounds=3)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group=GROUP)
def test_tokenizers_decode_batch(benchmark, lists) -> None:
    benchmark.pedantic(hf_tokenizers.load_decoder(), (lists,), rounds=10, warmup_rounds=1)
    benchmark.extra_info.update(items=len(lists))


@pytest.mark.benchmark(group=GROUP)
def test_transformers_batch_decode(benchmark, lists) -> None:
    benchmark.pedantic(transformers_bert.load_decoder(), (lists,), rounds=3)
    benchmark.extra_info.update(items=len(lists))
