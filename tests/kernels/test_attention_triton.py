"""The Triton path of packed attention without a GPU: run by the interpreter, in a fresh process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("triton")

TOLERANCE = {"torch.float32": 2e-6, "torch.float16": 2e-3}
HERE = Path(__file__).parent
BENCHMARKS = HERE.parents[1] / "benchmarks"


def interpret(script: Path, *arguments: str) -> str:
    """What a script prints under the interpreter."""
    run = subprocess.run(
        [sys.executable, str(script), *arguments],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Worst errors over all shapes; a minute or two of the interpreter."""
    found: dict[str, Any] = json.loads(interpret(HERE / "interpret_attention.py"))
    return found


def test_kernels_equal_the_float64_twin_forward_and_in_every_gradient_over_200_shapes(
    report: dict[str, Any],
) -> None:
    assert report["shapes"] >= 200
    for dtype, tolerance in TOLERANCE.items():
        for kernels in (report["errors"], report["amd"]):
            assert set(kernels[dtype]) == {"out", "q", "k", "v", "bias"}
            assert all(error < tolerance for error in kernels[dtype].values()), (dtype, kernels[dtype])


def test_torch_accepts_the_operator_and_the_compiler_its_callers(report: dict[str, Any]) -> None:
    assert len(report["opcheck"]) == 12
    assert set(report["opcheck"].values()) == {"SUCCESS"}
    assert report["compiled"] == 0


def test_the_operator_refuses_bad_rows_and_offsets_before_it_launches(report: dict[str, Any]) -> None:
    rule = (
        "its rows must start at multiples of 16 bytes, and their stride must be a multiple of 8 below 2**24"
    )
    assert [message.partition(" for impl=")[0] for message in report["refused"]] == [
        f"q: {rule}",
        f"q: {rule}",
        "offsets must end at the number of tokens, 6, found 7",
        "offsets must ascend, found 3 after 4 at index 2",
    ]


def test_the_encoder_gives_the_same_states_through_the_kernels(report: dict[str, Any]) -> None:
    assert 0 < report["encoder"] < 2e-6


def test_the_forward_kernel_moves_at_most_1_08_times_the_least_bytes() -> None:
    script = "import kernel_counts, json; print(json.dumps(kernel_counts.main(lambda line: None, batch=24)))"
    runner = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); {script}"
    run = subprocess.run([sys.executable, "-c", runner], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    ratios = json.loads(run.stdout)
    assert len(ratios) == 2
    assert all(1 <= ratio <= 1.08 for ratio in ratios)


def test_the_gpu_benchmark_runs_small_in_the_interpreter() -> None:
    printed = interpret(BENCHMARKS / "bench_kernels.py", "--small")
    assert printed.count("cloudkit, fused QKV") == 4
    assert "SDPA, padded" in printed and "FlexAttention" in printed and "Debye" in printed
