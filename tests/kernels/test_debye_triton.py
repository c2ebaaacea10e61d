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
    found = json.loads(run.stdout)
    assert found["errors"]["torch.float64"] < 1e-12  # F changes sign: its last bits count for more there
    assert found["errors"]["torch.float32"] < 2e-7
    assert found["errors"]["torch.float16"] < 2e-3
    assert found["second"]


@pytest.mark.parametrize("element", ["*fp32", "*fp64", "*bf16"])
@pytest.mark.parametrize("kernel", ["debye_forward", "debye_backward"])
def test_the_kernels_compile_for_hopper_with_float64_coefficients(kernel: str, element: str) -> None:
    from triton.backends.compiler import GPUTarget

    from cloudkit.kernels import debye_triton

    function = getattr(debye_triton, kernel)
    *pointers, size, block = function.arg_names
    signature = dict.fromkeys(pointers, element) | {size: "i32", block: "constexpr"}
    source = triton.compiler.ASTSource(function, signature, {(len(pointers) + 1,): debye_triton.BLOCK})
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": True})
    assert compiled.asm["cubin"]
    assert compiled.metadata.shared == 0
    ptx = compiled.asm["ptx"].lower()
    missing = [c for c in debye_triton.BULGE if struct.pack(">d", c).hex() not in ptx]
    assert not missing, f"coefficients that are not float64 constants: {missing}"
