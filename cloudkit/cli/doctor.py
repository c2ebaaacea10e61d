"""`cloudkit doctor`: what is installed, what is missing or broken, the command that fixes it, and with --fix what is safe of it."""

import platform
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Annotated, Final

import typer

from cloudkit.cli import checks
from cloudkit.cli.checks import Finding
from cloudkit.cli.terminal import emit, emit_json, say
from cloudkit.errors import DISTRIBUTION

CORE: Final = ("numpy", "spglib", "gemmi", "pydantic", "PyYAML", "jsonschema", "jinja2", "typer", "rich")
TRAIN: Final = (
    "torch",
    "lightning",
    "safetensors",
    "scikit-learn",
    "scipy",
    "matplotlib",
    "pandas",
    "pyarrow",
)
OPTIONAL: Final = (
    ("moyopy", "engines"),
    ("triton", "gpu"),
    ("urllib3", "fetch"),
    ("duckdb", "corpus"),
    ("ray", "cluster"),
    ("pymatgen", "interop"),
    ("ase", "interop"),
)


def command(
    fix: Annotated[bool, typer.Option("--fix", help="Do what is safe: rebuild a core that is older than its sources, remove drafts of killed commands. Packages are never installed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as a JSON list.")] = False,
) -> None:  # fmt: skip
    """Show versions, engines and devices, what is missing or broken and how to fix it. Exit code 1 where something is left to fix.

    \b
    Example:
      cloudkit doctor --fix
    """
    findings = list(_findings())
    if fix:
        findings = [_repaired(finding) for finding in findings]
    if as_json:
        shown = ("name", "value", "fix", "needed")
        emit_json([{key: getattr(finding, key) for key in shown} for finding in findings], indent=1)
    else:
        for finding in findings:
            hint = f"  ->  {finding.fix}" if finding.fix else ""
            emit(f"{finding.name:<14}{finding.value}{hint}")
    left = [finding for finding in findings if finding.fix and finding.needed]
    if any(finding.repair for finding in left):
        say("cloudkit doctor --fix does what is safe of this")
    raise typer.Exit(1 if left else 0)


def _findings() -> Iterator[Finding]:
    yield Finding("cloudkit", metadata.version(DISTRIBUTION))
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield checks.core()
    yield checks.files()
    yield from _packages()
    yield from checks.machine(Path())
    yield from _gpu()
    yield checks.leftovers(Path())


def _repaired(finding: Finding) -> Finding:
    if finding.repair is None:
        return finding
    finding.repair()
    return Finding(finding.name, f"fixed: {finding.value}")


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


def _gpu() -> Iterator[Finding]:
    if not util.find_spec("torch"):
        return
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(count))
    if not names and Path("/dev/nvidia0").exists():
        fix = "install a torch built for CUDA (pytorch.org), or a driver that it knows"
        yield Finding("gpu", "there is one, and torch does not see it", fix, needed=False)
    else:
        yield Finding("gpu", names or "none; models run on the CPU")
