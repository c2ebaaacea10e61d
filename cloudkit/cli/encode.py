"""`cloudkit encode`: structures to SCOPE strings; every structure becomes a row of the output or of the failure file."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cloudkit.cli.files import Write, check_apart, check_inputs, check_target, table_suffixes, table_writer
from cloudkit.cli.terminal import MAX_SHOWN, Notes, counting, emit, emit_json, say, say_failure
from cloudkit.errors import CloudkitError

if TYPE_CHECKING:
    from cloudkit.encoding import Encoded, EncodeOptions
    from cloudkit.structure.geometry import Geometry

COLUMNS = {"id": str, "scope": str, "space_group": int, "engine": str, "symprec": float}
MAX_SITES = 20_000  # as in cloudkit.encoding, which is imported on first use
LOOKED_AT = 1000  # rows that decide which columns of the input tables are kept
SHARD_SIZE = 10_000  # as in cloudkit.corpus
NOTES = ("id", "note")
LEDGER = ("id", "code", "message", "hint")

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT...", help="Files (CIF, POSCAR, extxyz, JSON, CSV with structures, Parquet, ASE database; .gz too), .zip and .tar.gz archives, folders, glob patterns; - for standard input.")]  # fmt: skip
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="A .csv, .jsonl or .parquet file; any other name is a folder of Parquet shards, and an interrupted run resumes there. [default: one string per line on standard output]")]  # fmt: skip
Failures = Annotated[Path | None, typer.Option("--failures", metavar="FILE", help="JSON lines with id, code, message and hint of each failure. [default: standard error]")]  # fmt: skip

NoteFile = Annotated[Path | None, typer.Option("--notes", metavar="FILE", help="JSON lines with id and note, for all notes. [default: the first note of each kind on standard error]")]  # fmt: skip


def check_length(value: float) -> float:
    """Return the value of --symprec; raise BadParameter unless it is a length between 0 and 10 Å."""
    if not 0 < value < 10 or math.isnan(value):
        raise typer.BadParameter(f"{value} is not a length in Å between 0 and 10")
    return value


def command(
    inputs: Inputs,
    output: Output = None,
    dialect: Annotated[Literal["orbit", "reduced", "full"], typer.Option(help="Dialect of the strings.")] = "orbit",
    order: Annotated[Literal["canonical", "input"], typer.Option(help="canonical: one string per crystal; input: the strings of the published script.")] = "canonical",
    engine: Annotated[Literal["native", "moyo", "spglib"] | None, typer.Option(help="Symmetry engine. [default: native, or spglib with --order input]", show_default=False)] = None,
    symprec: Annotated[float, typer.Option(callback=check_length, help="Symmetry tolerance in Å.")] = 0.01,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Threads of the native engine.")] = 1,
    max_sites: Annotated[int, typer.Option(min=1, metavar="N", help="Reject cells with more sites than this.")] = MAX_SITES,
    shard_size: Annotated[int, typer.Option(min=1, metavar="N", help="For a folder: structures per shard; Parquet row groups are not split.")] = SHARD_SIZE,
    engine_pool: Annotated[Literal["local", "ray"], typer.Option(help="For a folder: ray encodes on the nodes of a Ray cluster that share the folder.")] = "local",
    geometry: Annotated[bool, typer.Option("--geometry", help="Add columns with the geometry of each structure, for geometry pretraining.")] = False,
    column: Annotated[str | None, typer.Option("--column", "-c", metavar="NAME", help="CSV column with structures or file names. [default: cif, poscar, structure, file, ...]", show_default=False)] = None,
    failures: Failures = None,
    notes: NoteFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on standard output: one per string or failure; with -o, only the counts.")] = False,
) -> None:  # fmt: skip
    """Turn structures into SCOPE strings.

    The output has the columns id, scope, space_group, engine and symprec, followed by the other columns of an input table, such as
    labels. --geometry adds distances and neighbours of each orbit, in the order of the string, and volume, shortest distance and
    stiffness of the crystal.

    \b
    Example:
      cloudkit encode structures/ more/*.cif.gz -o strings.csv --failures failed.jsonl
      cloudkit encode labels.csv -o strings.csv    # structures in the column cif, structure or file
      cloudkit encode structures/*.parquet -o strings/ --jobs 8
    """
    output = None if output == Path("-") else output
    folder = output if output and output.suffix not in table_suffixes() else None
    _check(inputs, output, failures, notes, folder is not None)
    if column and folder:
        raise CloudkitError("--column cannot write a folder of shards; use -o FILE.csv, .jsonl or .parquet")
    if engine_pool == "ray" and not folder:
        raise CloudkitError("--engine-pool ray writes shards; use -o FOLDER")
    if geometry and folder:
        raise CloudkitError("--geometry cannot write a folder of shards; use -o FILE.csv, .jsonl or .parquet")
    if geometry and not (output or as_json):
        raise CloudkitError("--geometry writes columns; use -o OUT or --json")
    from cloudkit.encoding import EncodeOptions, encode_files
    from cloudkit.io import is_table

    options = EncodeOptions(dialect, order, engine, symprec, max_sites, geometry)
    if folder:
        done, failed = _shards(inputs, folder, options, jobs, shard_size, engine_pool, failures, notes)
    else:
        rows = encode_files(inputs, options, jobs, column)
        keeps = any(is_table(one) for one in inputs)
        done, failed = _write(rows, output, failures, notes, as_json, geometry, keeps)
    if as_json and output:
        emit_json(
            {"encoded": done, "failed": failed, "output": str(output), "failures": failures and str(failures)}
        )
    ledger = f"; failures in {failures}" if failed and failures else ""
    say(f"{done:,} encoded, {failed:,} failed{ledger}")
    raise typer.Exit(1 if failed else 0)


def _check(
    inputs: list[str], output: Path | None, failures: Path | None, notes: Path | None, folder: bool
) -> None:
    """Raise CloudkitError for options that cannot work, before reading anything."""
    if output and folder and output.suffix and not output.is_dir():
        raise CloudkitError(
            f"{output}: cannot write '{output.suffix}' files; use {' or '.join(table_suffixes())}, or a folder: a name without a suffix"
        )
    if output and folder and output.exists() and not output.is_dir():
        raise CloudkitError(
            f"{output} is not a folder; name a folder, or a {', '.join(table_suffixes())} file"
        )
    if output and not folder:
        check_target(output)
    named = [("-o", output), ("--failures", failures), ("--notes", notes)]
    for option, path in named[1:]:
        if path:
            check_target(path)
            same = next((o for o, p in named if p and o != option and p.resolve() == path.resolve()), None)
            if same:
                raise CloudkitError(f"{same} and {option} are the same file: {path}")
    check_inputs(inputs)
    check_apart(inputs, output, failures, notes)


def _write(
    rows: "Iterator[Encoded]",
    output: Path | None,
    failures: Path | None,
    noted: Path | None,
    as_json: bool,
    geometry: bool,
    keeps: bool,
) -> tuple[int, int]:
    """Write each result; return the numbers of encoded and failed. keeps: whether to copy other columns of input tables."""
    from cloudkit.encoding.table_rows import find_kept_columns

    done, failed, own = 0, 0, attrgetter(*COLUMNS)
    lost: set[str] = set()
    columns = {**COLUMNS, **(_geometry_columns() if geometry else {})}
    keeps = keeps and output is not None
    rows, others = find_kept_columns(rows, columns, LOOKED_AT) if keeps else (rows, {})
    columns |= dict(others.values())
    with ExitStack() as stack:
        keep = stack.enter_context(table_writer(output, columns)) if output else _on_stdout(as_json)
        ledger = stack.enter_context(table_writer(failures, LEDGER)) if failures else None
        notes = Notes(stack.enter_context(table_writer(noted, NOTES)) if noted else None)
        bar = stack.enter_context(counting("structures"))
        for row in rows:
            if row.notes:
                notes.add(row)
            if row.error is None:
                values = dict(zip(COLUMNS, own(row), strict=True))
                if row.geometry is not None:
                    values |= _shape(row.geometry)
                if keeps and row.kept:
                    lost |= row.kept.keys() - others.keys()
                    values |= {others[name][0]: value for name, value in row.kept.items() if name in others}
                keep(values)
                done += 1
            else:
                entry = {"id": row.id} | {name: getattr(row.error, name) for name in LEDGER[1:]}
                if ledger:
                    ledger(entry)
                else:
                    say_failure(row.id, row.error)
                if as_json and not output:
                    emit_json(entry)
                failed += 1
            bar.advance()
        notes.report()
        if lost:
            names = ", ".join(sorted(lost))
            say(
                f"not written: columns that appear only after the first {LOOKED_AT:,} rows ({names}); encode those tables separately"
            )
        if not done + failed:
            raise CloudkitError("nothing to encode: the folders contain no files")
    return done, failed


def _shards(
    inputs: list[str],
    folder: Path,
    options: "EncodeOptions",
    jobs: int,
    size: int,
    pool: str,
    failures: Path | None,
    noted: Path | None,
) -> tuple[int, int]:
    """Encode into a folder of shards; return the numbers of encoded and failed in the folder."""
    from cloudkit.corpus import encode_corpus, read_failures

    with counting("structures") as bar, ExitStack() as kept:
        notes = Notes(kept.enter_context(table_writer(noted, NOTES)) if noted else None)
        report = encode_corpus(
            inputs, folder, options, jobs=jobs, size=size, pool=pool, step=bar.advance, note=notes.add
        )
        notes.report()
    if report.kept:
        say(f"{report.kept} shards were already finished; {report.made} written now")
    for name in report.damaged:
        say(f"{folder / name}: damaged or missing; written again")
    if report.gone:
        say(f"{report.gone} shards removed because their input is gone")
    with ExitStack() as stack:
        ledger = stack.enter_context(table_writer(failures, LEDGER)) if failures else None
        for number, entry in enumerate(read_failures(folder)):
            if ledger:
                ledger(entry)
            elif number < MAX_SHOWN:
                hint = f" ({entry['hint']})" if entry["hint"] else ""
                say(f"{entry['id']}: {entry['code']}: {entry['message']}{hint}")
    failed = report.counts["failed"]
    if failed > MAX_SHOWN and not failures:
        say(f"... and {failed - MAX_SHOWN:,} more, in {folder}/*.failures.jsonl")
    return report.counts["rows"], failed


def _geometry_columns() -> dict[str, type]:
    from cloudkit.structure import OF_CRYSTALS, OF_ORBITS

    return dict.fromkeys(OF_ORBITS, str) | dict.fromkeys(OF_CRYSTALS, float)


def _shape(geometry: "Geometry") -> dict[str, object]:
    """Return geometry as columns; numbers of orbits are text, separated by spaces."""
    from cloudkit.structure import OF_CRYSTALS, OF_ORBITS

    orbits = zip(OF_ORBITS, geometry.orbits.T.tolist(), strict=True)
    texts: dict[str, object] = {name: " ".join(f"{x:.6g}" for x in values) for name, values in orbits}
    return texts | dict(zip(OF_CRYSTALS, geometry.crystal.tolist(), strict=True))


def _on_stdout(as_json: bool) -> Write:
    return emit_json if as_json else lambda row: emit(str(row["scope"]))
