"""`cloudkit doctor`: what is installed, what is missing, and the command that fixes it."""

import platform
from collections.abc import Iterator
from importlib import metadata, util
from typing import Annotated, Final, NamedTuple

import typer

from cloudkit.cli.terminal import emit, emit_json
from cloudkit.errors import DISTRIBUTION

CORE: Final = ("numpy", "spglib", "moyopy", "gemmi", "pydantic", "PyYAML", "jsonschema", "typer", "rich")
TRAIN: Final = ("torch", "lightning", "safetensors", "scikit-learn", "matplotlib", "pandas", "pyarrow")
OPTIONAL: Final = (("triton", "gpu"), ("urllib3", "fetch"), ("pymatgen", "interop"), ("ase", "interop"))


class Finding(NamedTuple):
    """One line of the answer; `fix` is the command that helps, empty where all is well or nothing is needed."""

    name: str
    value: str
    fix: str = ""
    needed: bool = True


def command(
    as_json: Annotated[bool, typer.Option("--json", help="The findings as a JSON list.")] = False,
) -> None:
    """Show versions, engines and devices, what is missing and how to get it. Exit code 1 where something is missing.

    \b
    Example:
      cloudkit doctor
    """
    findings = [*_runtime(), *_packages(), *_devices()]
    if as_json:
        emit_json([finding._asdict() for finding in findings], indent=1)
    else:
        for finding in findings:
            fix = f"  ->  {finding.fix}" if finding.fix else ""
            emit(f"{finding.name:<14}{finding.value}{fix}")
    raise typer.Exit(1 if any(finding.fix and finding.needed for finding in findings) else 0)


def _runtime() -> Iterator[Finding]:
    from cloudkit import _native

    yield Finding("cloudkit", metadata.version(DISTRIBUTION))
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    if _native.COMPILED:
        yield Finding("core", "compiled")
    else:
        fix = f"install a C compiler, then pip install --force-reinstall --no-deps {DISTRIBUTION}"
        yield Finding("core", "readable twin (right, but slow)", fix)


def _packages() -> Iterator[Finding]:
    for name in CORE:
        yield _package(name, f"pip install {DISTRIBUTION}")
    for name in TRAIN:
        yield _package(name, f"pip install '{DISTRIBUTION}[train]'")
    for name, extra in OPTIONAL:
        yield _package(name, f"pip install '{DISTRIBUTION}[{extra}]'", needed=False)


def _package(name: str, fix: str, needed: bool = True) -> Finding:
    try:
        return Finding(name, metadata.version(name), needed=needed)
    except metadata.PackageNotFoundError:
        return Finding(name, "missing" if needed else "not installed (optional)", fix, needed)


def _devices() -> Iterator[Finding]:
    import os

    yield Finding("cpu", f"{os.cpu_count()} cores")
    if not util.find_spec("torch"):
        return
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(count))
    yield Finding("gpu", names or "none; models run on the CPU")
