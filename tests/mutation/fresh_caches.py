"""A pytest plugin: mutmut tries each mutant in a fork of a process that has run the tests, whose caches would answer for it."""

import gc
from functools import cache


def pytest_sessionstart() -> None:
    """Empty every cache of functools."""
    for kept in gc.get_objects():
        if isinstance(kept, type(cache(len))):
            kept.cache_clear()
