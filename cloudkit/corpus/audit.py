"""Audit of files of strings or structures: duplicates, conflicting labels, coverage, overlaps and leaking splits."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cloudkit.corpus import queries
from cloudkit.corpus.facts import ColumnNames, Source, gather_facts
from cloudkit.corpus.queries import quote
from cloudkit.errors import CloudkitError, require
from cloudkit.io import atomic_path, locked

MAX_MEDIANS: Final = 1_000_000  # labels whose medians are computed together
FORMATS: Final = {
    ".parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000",
    ".csv": "FORMAT csv, HEADER",
    ".jsonl": "FORMAT json",
}


def audit(
    inputs: Sequence[str],
    *,
    text: str | None = None,
    labels: Sequence[str] | None = None,
    part: str | None = None,
    dedupe: Path | None = None,
    report: bool = True,
    step: Callable[[int], object] = lambda rows: None,
) -> dict[str, Any]:
    """Audit files of strings (tables, folders of shards) or structures.

    Parameters
    ----------
    inputs
        Files and folders, in memory that does not grow with their size.
    text
        Column of the strings; found by name or content by default.
    labels
        Columns of labels; by default all other columns of numbers.
    part
        Column of the parts of a split; by default "split" or "part".
    dedupe
        .parquet, .csv or .jsonl file for the first row of each distinct string, with the number of its copies and the medians
        of its labels.
    report
        False: only `dedupe`.
    step
        Called with the number of further rows that were read.

    Returns
    -------
    dict
        Plain values, ready for JSON and for `cloudkit.report.audit_page`.

    Raises
    ------
    CloudkitError
        If an input cannot be read or has no valid string.
    MissingExtra
        Without DuckDB (extra `corpus`).

    Examples
    --------
    >>> report = audit(["strings.csv"])
    >>> report["files"][0]["rows"], report["elements"]
    (1, {'Cl': 1, 'Na': 1})
    """
    require("duckdb", "corpus")
    with _work_folder(dedupe) as folder:
        sources = gather_facts(inputs, folder, ColumnNames(text, labels, part), report, step)
        if not any(source.rows > source.invalid for source in sources):
            shown = [f"; the first, {name}: {why}" for source in sources for name, why in source.shown]
            raise CloudkitError(f"no valid string in {', '.join(inputs)}{shown[0] if shown else ''}")
        with queries.open_facts(folder) as connection:
            found: dict[str, Any] = {"files": _files(connection, sources)}
            if report:
                found |= _report(connection, sources)
            if dedupe:
                found["dedupe"] = {
                    "file": str(dedupe),
                    "strings": _write_distinct(connection, sources, dedupe, folder),
                }
    return found


def _report(connection: Any, sources: list[Source]) -> dict[str, Any]:
    names = {number: source.name for number, source in enumerate(sources)}
    conflicts = queries.find_conflicts(connection)
    pairs = queries.overlaps(connection)
    for pair in pairs:
        pair["first"], pair["second"] = names[pair["first"]], names[pair["second"]]
    splits = queries.overlaps(connection, "part")
    return {
        "same_crystal": f"space group and {queries.crystal_key(connection)}",
        "duplicates": queries.duplicates(connection),
        "labels": [_named(entry, names) for entry in conflicts],
        "overlaps": [{key: value for key, value in pair.items() if key != "source"} for pair in pairs],
        "splits": [_named(entry, names) for entry in splits],
        **queries.coverage(connection),
    }


def _named(entry: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    return {"file": names[entry["source"]]} | {key: value for key, value in entry.items() if key != "source"}


def _files(connection: Any, sources: list[Source]) -> list[dict[str, Any]]:
    known = {row["source"]: row for row in queries.sources(connection)}
    empty = {"valid": 0, "strings": 0, "dialects": ""}
    return [
        {"file": source.name, "rows": source.rows, "invalid": source.invalid}
        | {key: known.get(number, empty)[key] for key in empty}
        | {"labels": source.labels, "label_notes": source.label_notes()}
        | {"first_invalid": [list(one) for one in source.shown]}
        for number, source in enumerate(sources)
    ]


def _write_distinct(connection: Any, sources: list[Source], target: Path, folder: Path) -> int:
    """Write the first row of each string, in the order of the input; return their number."""
    names = list(dict.fromkeys(name for source in sources for name in source.labels))
    columns = ['"' + name.replace('"', '""') + '"' for name in names]
    medians = "".join(
        f", median(value) FILTER (name = {quote(name)}) AS {column}"
        for name, column in zip(names, columns, strict=True)
    )
    values = ""
    if names:
        _write_medians(connection, medians, folder)
        values = f"LEFT JOIN read_parquet({quote(folder / 'medians-*.parquet')}) m USING (scope)"
    query = (
        f"SELECT f.id, c.scope, f.space_group, c.copies{''.join(f', m.{column}' for column in columns)} "
        f"FROM ({queries.COPIES}) c JOIN (SELECT place, id, space_group FROM facts) f USING (place) "
        f"{values} ORDER BY c.place"
    )
    with atomic_path(target, folder / f"distinct{target.suffix}") as draft:
        (written,) = connection.execute(
            f"COPY ({query}) TO {quote(draft)} ({FORMATS[target.suffix]})"
        ).fetchone()
    return int(written)


def _write_medians(connection: Any, medians: str, folder: Path) -> None:
    """Write medians of the labels of each string, in parts, because DuckDB keeps all values of a median in memory."""
    (count,) = connection.execute("SELECT count(*) FROM labels").fetchone()
    parts = 1 + count // MAX_MEDIANS
    for part in range(parts):
        query = (
            f"SELECT f.scope{medians} FROM labels JOIN facts f USING (place) "
            f"WHERE hash(f.scope) % {parts} = {part} GROUP BY f.scope"
        )
        connection.execute(f"COPY ({query}) TO {quote(folder / f'medians-{part}.parquet')} (FORMAT parquet)")


@contextmanager
def _work_folder(target: Path | None) -> Iterator[Path]:
    """Make a folder for intermediate files; next to the output, so that the next audit removes what a killed one left."""
    if target is None:
        with tempfile.TemporaryDirectory(prefix="cloudkit-audit-") as name:
            yield Path(name)
        return
    folder = target.resolve().parent / f".{target.name}.work"
    with locked(folder):
        for left in folder.iterdir():
            if left.name != ".lock":
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
