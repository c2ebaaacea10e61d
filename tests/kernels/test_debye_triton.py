"""The Triton path of thermodynamics without a GPU: run by the interpreter, compiled for real chips."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")


def test_the_interpreted_kernels_equal_the_float64_torch_path() -> None:
    script = Path(__file__).with_name("interpret_debye.py")
    run = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for found in json.loads(run.stdout).values():
        assert found["errors"]["torch.float64"] < 1e-12  # F changes sign: its last bits count for more there
        assert found["errors"]["torch.float32"] < 2e-7
        assert found["errors"]["torch.float16"] < 2e-3
        assert found["second"]


TARGETS = {
    "sm_80": ("cuda", 80, 32),
    "sm_90": ("cuda", 90, 32),
    "sm_100": ("cuda", 100, 32),
    "gfx942": ("hip", "gfx942", 64),
}


@pytest.mark.parametrize("element", ["*fp32", "*fp64", "*bf16"])
@pytest.mark.parametrize("law", ["debye", "einstein"])
@pytest.mark.parametrize("kernel", ["solid_forward", "solid_backward"])
def test_the_kernels_compile_for_hopper_with_float64_coefficients(
    kernel: str, law: str, element: str
) -> None:
    from cloudkit.kernels import solids_triton

    compiled = compile_kernel(kernel, law, element, "sm_90")
    assert compiled.metadata.shared == 0
    ptx = compiled.asm["ptx"].lower()
    wanted = solids_triton.of_debye.BULGE if law == "debye" else solids_triton.of_einstein.CURVATURE
    missing = [c for c in wanted if struct.pack(">d", c).hex() not in ptx]
    assert not missing or (law, kernel) == ("einstein", "solid_forward"), f"not float64 constants: {missing}"


@pytest.mark.parametrize("target", ["sm_80", "sm_100", "gfx942"])
@pytest.mark.parametrize("law", ["debye", "einstein"])
@pytest.mark.parametrize("kernel", ["solid_forward", "solid_backward"])
def test_the_kernels_compile_for_the_other_targets(kernel: str, law: str, target: str) -> None:
    compile_kernel(kernel, law, "*fp32", target)


def compile_kernel(kernel: str, law: str, element: str, target: str):  # type: ignore[no-untyped-def]
    """The kernel for pointers to `element`, as machine code; needs no GPU."""
    from triton.backends.compiler import GPUTarget

    from cloudkit.kernels import solids_triton

    function = getattr(solids_triton, kernel)
    *pointers, size, debye, block = function.arg_names
    signature = dict.fromkeys(pointers, element) | {size: "i32", debye: "constexpr", block: "constexpr"}
    count = len(pointers)
    constants = {(count + 1,): law == "debye", (count + 2,): solids_triton.BLOCK}
    source = triton.compiler.ASTSource(function, signature, constants)
    options = {"enable_fp_fusion": True}
    compiled = triton.compile(source, target=GPUTarget(*TARGETS[target]), options=options)
    assert compiled.asm["hsaco" if target == "gfx942" else "cubin"]
    return compiled
