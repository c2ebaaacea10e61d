"""The committed table of what each kernel needs: every configuration that may be launched is in it and clean."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("triton")

from . import compile_kernels
from .compile_kernels import SHARED_LIMITS, TARGETS, Row

TABLE = Path(__file__).parents[2] / "benchmarks" / "results" / "kernels.txt"
VERSION, COLUMNS, *LINES = TABLE.read_text(encoding="utf-8").splitlines()


def rows() -> Iterator[Row]:
    for line in LINES:
        case, target, *numbers, tensor = line.split()
        yield Row(case, target, *map(int, numbers), tensor=tensor)


ROWS = {(row.case, row.target): row for row in rows()}


def test_the_table_has_the_columns_it_says_and_one_row_per_configuration_and_chip() -> None:
    assert COLUMNS.split()[1:] == list(Row.__annotations__)
    expected = {(case.name, target) for target in TARGETS for case in compile_kernels.cases(target)}
    assert set(ROWS) == expected and len(LINES) == len(expected)


@pytest.mark.parametrize("target", TARGETS)
def test_no_configuration_touches_stack_or_local_memory_or_spills(target: str) -> None:
    unclean = [r for r in ROWS.values() if r.target == target and (r.stack or r.local or r.spills)]
    assert unclean == []
    assert max(row.shared for row in ROWS.values() if row.target == target) <= SHARED_LIMITS[target]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("element", ["fp16", "bf16"])
def test_attention_of_two_byte_elements_uses_tensor_cores_in_every_kernel(target: str, element: str) -> None:
    chosen = [row for row in ROWS.values() if row.target == target and f"({element}),QUERIES" in row.case]
    assert len({row.case.partition("(")[0] for row in chosen}) == 5
    assert all(row.tensor != "-" for row in chosen)


@pytest.mark.parametrize("target", TARGETS)
def test_one_configuration_compiled_anew_needs_what_the_table_says(target: str) -> None:
    import triton

    case = next(
        c
        for c in compile_kernels.cases(target)
        if c.name.startswith("whole_backward(fp16)") and "DIM=64" in c.name
    )
    found, known = compile_kernels.compile_case(case, target), ROWS[case.name, target]
    assert not (found.stack or found.local or found.spills) and found.tensor != "-"
    if f"triton {triton.__version__};" in VERSION:
        assert found == known
