"""Whatever a spec holds, it is read or refused with problems inside the file; nothing else is ever raised."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudkit.errors import SpecError
from cloudkit.modelspec import parse_spec

from .spec_examples import RICH

Place = tuple[str | int, ...]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = st.sampled_from(
    ["thermal", "regression", "heat_capacity", "finetune", "path", "kind", "minerals", "cloud"]
)
JUNK = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def places(data: Any, place: Place = ()) -> Iterator[Place]:
    for key, value in (
        data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    ):
        yield (*place, key)
        yield from places(value, (*place, key))


PLACES = list(places(yaml.safe_load(RICH)))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
def test_junk_anywhere_is_refused_inside_the_file_or_read(
    folder: Path, changes: list[tuple[Place, Any]]
) -> None:
    data = yaml.safe_load(RICH)
    for place, junk in changes:
        owner = data
        for part in place[:-1]:
            inside = (
                owner
                if isinstance(owner, dict)
                else dict(enumerate(owner))
                if isinstance(owner, list)
                else {}
            )
            owner = inside.get(part, {})
        if isinstance(owner, dict | list) and place[-1] in (
            owner if isinstance(owner, dict) else range(len(owner))
        ):
            owner[place[-1]] = junk
    text = yaml.safe_dump(data, allow_unicode=True)
    try:
        parse_spec(text, "m.yaml", folder)
    except SpecError as error:
        lines = text.splitlines()
        assert error.problems
        for problem in error.problems:
            assert problem.file == "m.yaml"
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
