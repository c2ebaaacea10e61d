"""Compiles every kernel in every configuration that a launcher can choose, for chips that are not here, and says what it needs.

    python tests/kernels/compile_kernels.py > benchmarks/results/kernels.txt        (make kernels-table)

One row each: registers of a thread, bytes of shared memory, stack and local memory (scratch on AMD), spills (loads and
stores of local memory; spilled registers on AMD), and instructions of the tensor cores. test_kernel_table.py reads it.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from cloudkit.kernels import attention_launch, attention_triton, solids_triton

TARGETS: Final = {
    **{f"sm_{number}": GPUTarget("cuda", number, 32) for number in (80, 90, 100)},
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
SIZES: Final = {"fp16": 2, "bf16": 2, "fp32": 4, "fp64": 8}
# bytes of a program
SHARED_LIMITS: Final = {"sm_80": 166912, "sm_90": 232448, "sm_100": 232448, "gfx942": 65536}
TOOLS: Final = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
TENSOR_CORES: Final = re.compile(r"\b(HMMA|HGMMA|UTCHMMA|v_mfma_f32)")
ELEMENTS: Final = ("theta", "temperature", "u", "cv", "s", "f", "by_theta", "by_temperature", "q", "k", "v", "out", "grad", "dq", "dk", "dv")  # fmt: skip
# other pointers are float32
FIXED: Final = {"sequence": "i32", "tiles": "i32", "blocks": "i32", "seed": "i64"}


class Case(NamedTuple):
    """A kernel, the type of its elements, its constants and its number of warps."""

    kernel: Any
    element: str
    constants: dict[str, Any]
    warps: int

    @property
    def name(self) -> str:
        """Kernel and constants, without blanks."""
        numbers = (f"{key}={value}" for key, value in self.constants.items() if isinstance(value, int))
        return ",".join([f"{self.kernel.__name__}({self.element})", *numbers, f"warps={self.warps}"])


@dataclass(frozen=True)
class Row:
    """What one case needs on one target."""

    case: str
    target: str
    registers: int
    shared: int
    stack: int
    local: int
    spills: int
    tensor: str


def cases(target: str) -> Iterator[Case]:
    """All that may be launched on a target."""
    vendor = "amd" if TARGETS[target].backend == "hip" else "nvidia"
    for element in ("fp16", "bf16", "fp32"):
        for head_size in (16, 32, 64, 128):
            for plan in (attention_launch.plan_forward, attention_launch.plan_backward):
                whole, stream = plan(SIZES[element], head_size, vendor)
                yield from (attention_case(chosen, element) for chosen in (*whole, *stream))
    for kernel in (solids_triton.solid_forward, solids_triton.solid_backward):
        for debye in (True, False):
            constants = {"DEBYE": debye, "BLOCK": solids_triton.BLOCK}
            yield from (Case(kernel, element, constants, 4) for element in SIZES)


def attention_case(chosen: attention_launch.Configuration, element: str) -> Case:
    constants = {"QUERIES": chosen.queries, "KEYS": chosen.keys, "DIM": chosen.dim}
    kernel = getattr(attention_triton, chosen.kernel)
    return Case(kernel, element, constants | {"PRECISION": attention_launch.PRECISION}, chosen.warps)


def compile_case(case: Case, target: str) -> Row:
    """Compile as the launcher would and take the code apart."""
    names = case.kernel.arg_names
    signature = {name: argument_type(name, case.element) for name in names}
    aligned = [["tt.divisibility", 16]] + [["tt.pointer_range", 32]] * (TARGETS[target].backend == "hip")
    attributes = {(place,): aligned for place, name in enumerate(names) if name.endswith("_ptr")}
    constants = {(names.index(name),): value for name, value in case.constants.items()}
    source = ASTSource(case.kernel, signature, constants, attributes)
    options = attention_launch.OPTIONS | {"num_warps": case.warps}
    compiled = triton.compile(source, target=TARGETS[target], options=options)
    read = read_cubin if TARGETS[target].backend == "cuda" else read_amdgcn
    code = compiled.asm["cubin" if TARGETS[target].backend == "cuda" else "amdgcn"]
    return Row(case.name, target, shared=compiled.metadata.shared, **read(code))


def argument_type(name: str, element: str) -> str:
    if name.isupper():
        return "constexpr"
    if name.endswith("_ptr"):
        stem = name.removesuffix("_ptr")
        return "*" + (element if stem in ELEMENTS else FIXED.get(stem, "fp32"))
    return "fp32" if name in ("scale", "dropout") else "i32"


def read_cubin(code: bytes) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        usage = run("cuobjdump", "-res-usage", file.name)
        text = run("nvdisasm", "-c", file.name)
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", usage)
    assert found, usage
    spills = len(re.findall(r"\b(?:STL|LDL)\b", text))
    numbers = dict(zip(("registers", "stack", "local"), map(int, found.groups()), strict=True))
    return {**numbers, "spills": spills, "tensor": tensor_cores(text)}


def read_amdgcn(text: str) -> dict[str, Any]:
    def number(key: str) -> int:
        found = re.search(rf"\.{key}:\s*(\d+)", text)
        assert found, key
        return int(found[1])

    spills = number("vgpr_spill_count") + number("sgpr_spill_count")
    scratch = number("private_segment_fixed_size")
    numbers = {"registers": number("vgpr_count"), "stack": scratch, "local": 0, "spills": spills}
    return {**numbers, "tensor": tensor_cores(text)}


def tensor_cores(text: str) -> str:
    found = TENSOR_CORES.findall(text)
    return ",".join(f"{name}:{found.count(name)}" for name in sorted(set(found))) or "-"


def run(tool: str, *arguments: str) -> str:
    return subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description="Resources of every kernel on chips that are not here.")
    parser.add_argument(
        "targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=", ".join(TARGETS)
    )
    work = [(case, target) for target in parser.parse_args().targets for case in cases(target)]
    print(f"# triton {triton.__version__}; written by make kernels-table (tests/kernels/compile_kernels.py)")
    print("#", *Row.__annotations__)
    for number, (case, target) in enumerate(work):
        print(f"\r{number} of {len(work)} compiled", end="", file=sys.stderr)
        print(*asdict(compile_case(case, target)).values(), flush=True)
    print(f"\r{len(work)} compiled         ", file=sys.stderr)


if __name__ == "__main__":
    main()
