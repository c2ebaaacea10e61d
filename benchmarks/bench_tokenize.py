"""Strings to ids of the published vocabulary: cloudkit compared with `tokenizers` and transformers, one thread each.

    python -m pytest benchmarks/bench_tokenize.py --benchmark-only

All give the same ids, which is checked before anything is timed.
"""

import itertools
from collections.abc import Callable

import pytest
from baselines import hf_tokenizers, transformers_bert

from cloudkit.tokens import Tokenizer

Split = Callable[[list[str]], list[list[int]]]


def ours() -> Split:
    tokenizer = Tokenizer("cloud")

    def split(texts: list[str]) -> list[list[int]]:
        ids, offsets = tokenizer.encode_batch(texts)
        return [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)]

    return split


@pytest.fixture(scope="module")
def expected(strings: list[str]) -> list[list[int]]:
    """Ids of the sample, once every contender is seen to give them."""
    ids = ours()(strings)
    assert hf_tokenizers.load()(strings) == ids
    assert transformers_bert.load()(strings) == ids
    return ids


def fresh(strings: list[str]) -> Callable[[], tuple[tuple[list[str]], dict[str, object]]]:
    """Each round gets new string objects, so that no cache of an earlier round can answer."""
    return lambda: (([text.encode().decode() for text in strings],), {})


def report(benchmark: pytest.FixtureRequest, strings: list[str], expected: list[list[int]]) -> None:
    """Size of the sample, kept with the times."""
    benchmark.extra_info.update(items=len(strings), tokens=sum(map(len, expected)))  # type: ignore[attr-defined]


@pytest.mark.benchmark(group="strings to published ids")
def test_cloudkit_packed(benchmark, strings, expected) -> None:
    """What training uses: packed ids and offsets."""
    benchmark.pedantic(Tokenizer("cloud").encode_batch, setup=fresh(strings), rounds=15)
    report(benchmark, strings, expected)


@pytest.mark.benchmark(group="strings to published ids")
def test_cloudkit_lists(benchmark, strings, expected) -> None:
    """The same made into lists of Python integers, as the rivals return them."""
    benchmark.pedantic(ours(), setup=fresh(strings), rounds=15)
    report(benchmark, strings, expected)


@pytest.mark.benchmark(group="strings to published ids")
def test_tokenizers_encode_batch_fast(benchmark, strings, expected) -> None:
    benchmark.pedantic(hf_tokenizers.load(), setup=fresh(strings), rounds=5)
    report(benchmark, strings, expected)


@pytest.mark.benchmark(group="strings to published ids")
def test_transformers_bert(benchmark, strings, expected) -> None:
    benchmark.pedantic(transformers_bert.load(), setup=fresh(strings), rounds=3)
    report(benchmark, strings, expected)


@pytest.mark.benchmark(group="strings to compact ids")
def test_cloudkit_compact(benchmark, strings) -> None:
    """Validated and tokenized at once."""
    benchmark.pedantic(Tokenizer("compact").encode_batch, setup=fresh(strings), rounds=15)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group="one string to published ids")
def test_cloudkit_encode(benchmark, strings) -> None:
    texts, encode = itertools.cycle(strings), Tokenizer("cloud").encode
    benchmark.pedantic(lambda: encode(next(texts)), rounds=200, iterations=100, warmup_rounds=5)
    benchmark.extra_info.update(items=1)


@pytest.mark.benchmark(group="one string to published ids")
def test_tokenizers_encode(benchmark, strings) -> None:
    texts, encode = itertools.cycle(strings), hf_tokenizers.load_one()
    benchmark.pedantic(lambda: encode(next(texts)), rounds=100, iterations=20, warmup_rounds=5)
    benchmark.extra_info.update(items=1)
