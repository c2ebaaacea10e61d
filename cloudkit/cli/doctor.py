"""`cloudkit doctor`: check the installation, name the command that fixes each problem, and run safe fixes with --fix."""

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from cloudkit.cli.files import writer_of
from cloudkit.cli.terminal import emit, emit_json, say
from cloudkit.errors import DISTRIBUTION, CloudkitError

PACKAGE: Final = Path(__file__).parents[1]
CHECKOUT: Final = PACKAGE.parent
LEAST_ROOM: Final = 1 << 30  # free bytes on the disk
QUIET: Final = 60.0  # seconds since a temporary file was written


class Finding(NamedTuple):
    """One line of the report; `fix` is the command that helps, empty if nothing has to be fixed.

    repair: runs the fix, if that is safe.
    """

    name: str
    value: str
    fix: str = ""
    needed: bool = True
    repair: Callable[[], None] | None = None


def core() -> Finding:
    """Check that the core is compiled, and from the sources next to it."""
    import subprocess
    import sysconfig

    from cloudkit import _native

    from_checkout = (CHECKOUT / "setup.py").is_file() and (CHECKOUT / "csrc").is_dir()
    build = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "-e", str(CHECKOUT)]
    words = " ".join(["python", *build[1:]])

    def rebuild() -> None:
        say(words)
        pip = subprocess.run(
            build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
        )
        if pip.returncode:
            say(pip.stdout.rstrip())
            raise CloudkitError(f"cannot rebuild the core; see the output of pip above ({words})")

    if not _native.COMPILED:
        again = words if from_checkout else f"pip install --force-reinstall --no-deps {DISTRIBUTION}"
        fix = f"install a C compiler, then {again}"
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        repair = rebuild if from_checkout and shutil.which(compiler) else None
        return Finding(
            "core", "not compiled; the Python core runs instead (correct, but slow)", fix, repair=repair
        )
    newer = _newer_sources() if from_checkout else []
    if newer:
        return Finding("core", f"older than {newer[0]}", words, repair=rebuild)
    return Finding("core", "compiled")


def _newer_sources() -> list[str]:
    """Return the sources of a checkout that are newer than their compiled module."""
    found: list[str] = []
    for module in (*PACKAGE.glob("*/*.so"), *PACKAGE.glob("*/*.pyd")):
        name = module.name.partition(".")[0]
        patterns = [str(module.parent.relative_to(CHECKOUT) / f"{name}.pyx")]
        if name == "core":
            patterns += ["csrc/*.[ch]", "csrc/include/cloudkit/*.h", "cloudkit/_native/*.pxi"]
            patterns += ["cloudkit/_native/*.h", "cloudkit/scope/*.pxd"]
        sources = [path for pattern in patterns for path in sorted(CHECKOUT.glob(pattern))]
        built = module.stat().st_mtime
        found += [str(path.relative_to(CHECKOUT)) for path in sources if path.stat().st_mtime > built]
    return found


def files() -> Finding:
    """Check the hashes of the installed files."""
    import base64
    import hashlib

    wrong = []
    for file in metadata.files(DISTRIBUTION) or ():
        if file.hash is None or file.hash.mode != "sha256":
            continue
        path = Path(str(file.locate()))
        digest = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            wrong.append(str(file))
    if wrong:
        fix = f"pip install --force-reinstall --no-deps {DISTRIBUTION}"
        return Finding(
            "files", f"{len(wrong)} changed or missing since installation; the first is {wrong[0]}", fix
        )
    return Finding("files", "as installed")


def machine(folder: Path) -> Iterator[Finding]:
    """Check processors, disk space, write access and text encoding."""
    import locale

    yield Finding("cpu", f"{os.cpu_count()} cores")
    room = shutil.disk_usage(folder).free
    fix = "" if room >= LEAST_ROOM else "free some space, or use another disk"
    yield Finding("disk", f"{room / 1e9:,.1f} GB free in {folder}", fix)
    if not os.access(folder, os.W_OK):
        yield Finding("folder", f"{folder} is not writable", f"chmod u+w {folder}, or use another folder")
    encoding = locale.getpreferredencoding(False)
    utf8 = encoding.lower().replace("-", "") == "utf8"
    fix = "" if utf8 else "export PYTHONUTF8=1"
    yield Finding("text", f"{encoding}{'' if utf8 else '; names and tables are still read as UTF-8'}", fix, needed=False)  # fmt: skip


def leftovers(folder: Path) -> Finding:
    """Find temporary files of killed commands in a folder and its subfolders; what a command can resume from stays."""
    drafts = [path for pattern in (".*.tmp", "*/.*.tmp") for path in folder.glob(pattern) if _is_dead(path)]

    def remove() -> None:
        for path in drafts:
            path.unlink(missing_ok=True)

    if drafts:
        names = " ".join(f"'{path}'" for path in drafts[:5])
        return Finding(
            "leftovers",
            f"{len(drafts)} temporary file{'s' if len(drafts) > 1 else ''} of killed commands",
            f"rm {names}",
            repair=remove,
        )
    return Finding("leftovers", "none")


def _is_dead(path: Path) -> bool:
    """Whether a temporary file belongs to no running process and is not recent (its process may run on another machine)."""
    writer = writer_of(path)
    if writer is None or not path.is_file() or time.time() - path.stat().st_mtime < QUIET:
        return False
    try:
        os.kill(writer, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False


CORE: Final = (
    "numpy",
    "spglib",
    "gemmi",
    "pydantic",
    "PyYAML",
    "jsonschema",
    "jinja2",
    "threadpoolctl",
    "typer",
    "rich",
)
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
    fix: Annotated[bool, typer.Option("--fix", help="Rebuild an outdated core and remove temporary files of killed commands. Installs no packages.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as a JSON list.")] = False,
) -> None:  # fmt: skip
    """Check versions, packages, engines and devices, and suggest fixes.

    The exit code is 1 if anything needs fixing.

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
        say("run `cloudkit doctor --fix` to apply the safe fixes")
    raise typer.Exit(1 if left else 0)


def _findings() -> Iterator[Finding]:
    yield Finding("cloudkit", metadata.version(DISTRIBUTION))
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield core()
    yield files()
    yield from _packages()
    yield from machine(Path())
    yield from _gpu()
    yield leftovers(Path())


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
        fix = "install torch with CUDA (pytorch.org), or a driver that it supports"
        yield Finding("gpu", "found, but not visible to torch", fix, needed=False)
    else:
        yield Finding("gpu", names or "none; models run on the CPU")
