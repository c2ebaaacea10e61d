"""Strings checked against grammar, tables and semantics: cloudkit compared with Lark (grammar only) and jsonschema (tree only).

    python -m pytest benchmarks/bench_validate.py --benchmark-only

All accept all of the strings and refuse damaged ones, which is checked before anything is timed. The rivals read the first
of the strings only: the rate is what counts.
"""

import pytest
from baselines import json_schema, lark_grammar

from cloudkit.scope import parse, to_tree, validate, validate_batch

GROUP = "strings validated"
FEW = 200


def accepts(read, text: str) -> bool:
    from lark.exceptions import LarkError

    try:
        read(text)
    except LarkError:
        return False
    return True


@pytest.fixture(scope="module", autouse=True)
def same_verdicts(strings: list[str]) -> None:
    read, is_valid = lark_grammar.load(), json_schema.load()
    damaged = [text.replace(" | ", " ", 1) for text in strings[:FEW]]
    assert validate_batch(strings).valid.all()
    assert not validate_batch(damaged).valid.any()
    assert all(accepts(read, text) for text in strings[:FEW])
    assert not any(accepts(read, text) for text in damaged)
    assert all(is_valid(to_tree(parse(text))) for text in strings[:20])
    assert not is_valid(to_tree(parse(strings[0])) | {"space_group": 0})


def fresh(texts: list[str]):
    return lambda: (([text.encode().decode() for text in texts],), {})


@pytest.mark.benchmark(group=GROUP)
def test_cloudkit_batch(benchmark, strings) -> None:
    benchmark.pedantic(validate_batch, setup=fresh(strings), rounds=30)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group=GROUP)
def test_cloudkit_one_by_one(benchmark, strings) -> None:
    benchmark.pedantic(lambda texts: [validate(text) for text in texts], setup=fresh(strings), rounds=10)
    benchmark.extra_info.update(items=len(strings))


@pytest.mark.benchmark(group=GROUP)
def test_lark(benchmark, strings) -> None:
    read = lark_grammar.load()
    benchmark.pedantic(lambda texts: [read(text) for text in texts], setup=fresh(strings[:FEW]), rounds=3)
    benchmark.extra_info.update(items=FEW)


@pytest.mark.benchmark(group=GROUP)
def test_jsonschema(benchmark, strings) -> None:
    """The tree is at hand; only its check is timed."""
    is_valid, trees = json_schema.load(), [to_tree(parse(text)) for text in strings[:FEW]]
    benchmark.pedantic(lambda: [is_valid(tree) for tree in trees], rounds=3)
    benchmark.extra_info.update(items=FEW)
