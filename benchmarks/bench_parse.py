"""Strings to trees: cloudkit compared with Lark on the grammar of the standard.

    python -m pytest benchmarks/bench_parse.py --benchmark-only

Both trees hold the tokens of the text, which is checked before anything is timed. Lark reads the first of the strings only:
the rate is what counts.
"""

import itertools

import pytest
from baselines import lark_grammar

from cloudkit.scope import parse, parse_batch, to_tree

FEW = 200


@pytest.fixture(scope="module", autouse=True)
def same_tokens(strings: list[str]) -> None:
    read = lark_grammar.load()
    assert [str(scope) for scope in parse_batch(strings)] == strings
    assert ["".join(read(text)) for text in strings[:FEW]] == strings[:FEW]


def fresh(texts: list[str]):
    return lambda: (([text.encode().decode() for text in texts],), {})


@pytest.mark.benchmark(group="strings to trees")
def test_cloudkit_parse_batch(benchmark, strings) -> None:
    benchmark.pedantic(parse_batch, setup=fresh(strings), rounds=10)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group="strings to trees")
def test_cloudkit_decode(benchmark, strings) -> None:
    """The JSON form, what `cloudkit decode --format json` prints."""
    benchmark.pedantic(lambda texts: [to_tree(parse(text)) for text in texts], setup=fresh(strings), rounds=5)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group="strings to trees")
def test_lark(benchmark, strings) -> None:
    read = lark_grammar.load()
    benchmark.pedantic(lambda texts: [read(text) for text in texts], setup=fresh(strings[:FEW]), rounds=3)
    benchmark.extra_info.update(items=FEW)


@pytest.mark.benchmark(group="one string to its tree")
def test_cloudkit_parse(benchmark, strings) -> None:
    texts = itertools.cycle(strings)
    benchmark.pedantic(lambda: parse(next(texts)), rounds=200, iterations=100, warmup_rounds=5)
    benchmark.extra_info.update(items=1)
