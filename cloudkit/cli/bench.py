"""`cloudkit bench`: compare cloudkit's speed with that of other tools on this machine; needs a checkout."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata, util
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from cloudkit.cli.terminal import counting, emit, emit_json, emit_table, say
from cloudkit.errors import DISTRIBUTION, CloudkitError

FOLDER: Final = Path(__file__).resolve().parents[2] / "benchmarks"
VERSIONS: Final = ("cloudkit-scope", "numpy", "spglib", "moyopy", "gemmi", "tokenizers", "transformers", "lark", "jsonschema", "pymatgen")  # fmt: skip
COUNTED: Final = {  # subjects that are scripts and print their own tables
    "kernels": "kernel_counts.py",
    "pretrain": "bench_pretrain.py",
}
HEADER: Final = ("contender", "best", "median", "items/s", "ratio")


class Row(NamedTuple):
    """One contender: seconds per item (string, structure, file), and its speed relative to the fastest rival."""

    group: str
    contender: str
    items: int
    best: float
    median: float
    rounds: int
    ratio: float | None


def command(
    subject: Annotated[list[str] | None, typer.Argument(metavar="SUBJECT", help="Benchmarks to run: tokenize, decode, validate, parse, ... [default: all]", show_default=False)] = None,
    wall: Annotated[bool, typer.Option("--wall", help="Measure wall-clock time, for several threads or jobs on an idle machine.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print rows, machine and versions as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Compare cloudkit's speed with that of other tools: same input, same output, one thread, CPU time.

    Best and median are times per item; the ratio compares best rounds with those of the fastest other tool. `kernels` counts
    operations and bytes of packed attention on three chips instead. `pretrain` compares training and inference at 12 x 768 with
    transformers, which takes ten minutes.

    \b
    Example:
      cloudkit bench tokenize validate
    """
    for name in [name for name in subject or [] if name in COUNTED]:
        _print_counts(name)
    timed = [name for name in subject or [] if name not in COUNTED]
    if subject and not timed:
        return
    files = _files(timed)
    before = os.getloadavg()[0]
    with counting("benchmarks") as bar:
        rows = []
        for file in files:
            rows += _run(file, wall)
            bar.advance()
    machine = _machine(before, wall)
    if as_json:
        emit_json({**machine, "rows": [row._asdict() for row in rows]}, indent=1)
        return
    for group in dict.fromkeys(row.group for row in rows):
        emit(f"\n{group}")
        emit_table(HEADER, [_cells(row) for row in rows if row.group == group])
    say("\n" + "\n".join(f"{name}: {value}" for name, value in machine.items()))


def _print_counts(name: str) -> None:
    """Print the table of a benchmark that is a script."""
    _timed_files()  # raises without a checkout
    command = [sys.executable, str(FOLDER / COUNTED[name])]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CloudkitError(f"{COUNTED[name]} failed:\n{done.stderr[-2000:]}")
    emit(done.stdout.rstrip("\n"))


def _timed_files() -> dict[str, Path]:
    """Return the benchmark files by subject."""
    names = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    known = {name: path for name, path in names.items() if name not in COUNTED}
    if not known:
        raise CloudkitError(
            f"benchmarks need a checkout of cloudkit, and {Path(__file__).resolve().parents[1]} is not in one; "
            "clone it and run `make bench` there"
        )
    return known


def _files(subjects: list[str]) -> list[Path]:
    known = _timed_files()
    missing = [name for name in ("pytest", "pytest_benchmark") if util.find_spec(name) is None]
    if missing:
        raise CloudkitError(f"benchmarks need {' and '.join(missing)}: pip install '{DISTRIBUTION}[test]'")
    for name in subjects:
        if name not in known:
            raise CloudkitError(f"no benchmark '{name}'; choose from {', '.join([*known, *COUNTED])}")
    return [known[name] for name in subjects] or list(known.values())


def _run(file: Path, wall: bool) -> list[Row]:
    """Run one benchmark file in its own process."""
    timer = [] if wall else ["--benchmark-timer=time.process_time"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = [
            "-q",
            "-o",
            "python_files=bench_*.py",
            "--import-mode=prepend",  # its helpers lie in the folder of the file
            "--benchmark-only",
            f"--benchmark-json={report}",
            *timer,
        ]
        command = [sys.executable, "-m", "pytest", str(file), *options]
        done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CloudkitError(f"{file.name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = json.loads(report.read_text("utf-8"))["benchmarks"]
    if not found:
        say(f"{file.name}: nothing was timed ({done.stdout.strip().splitlines()[-1]})")
    return _rows(found)


def _rows(found: list[dict[str, Any]]) -> list[Row]:
    rows = []
    for entry in found:
        group, extra, stats = entry["group"] or entry["name"], entry["extra_info"], entry["stats"]
        items = int(extra.get("items") or extra.get("structures") or 1)
        best, median = stats["min"] / items, stats["median"] / items
        rows.append(
            Row(group, entry["name"].removeprefix("test_"), items, best, median, stats["rounds"], None)
        )
    rivals: dict[str, float] = {}
    for row in rows:
        if not row.contender.startswith("cloudkit"):
            rivals[row.group] = min(row.best, rivals.get(row.group, row.best))
    return [row._replace(ratio=rivals[row.group] / row.best if row.group in rivals else None) for row in rows]


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row.contender,
        _time(row.best),
        _time(row.median),
        f"{1 / row.best:,.0f}",
        row.ratio and round(row.ratio, 2),
    )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _machine(load: float, wall: bool) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in VERSIONS:
        if util.find_spec(name.replace("-scope", "")):
            versions[name] = metadata.version(name)
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": f"{load:.2f} before, {os.getloadavg()[0]:.2f} after",
        "time": "wall clock" if wall else "CPU time of one process, one thread",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()
