"""`cloudkit explain`: the symmetry of one structure by engine and tolerance, before and after the normalizer."""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from cloudkit.cli.encode import LEDGER, check_length
from cloudkit.cli.files import STANDARD_INPUT, check_named
from cloudkit.cli.terminal import emit, emit_json, emit_table, say
from cloudkit.errors import CloudkitError, StructureError

if TYPE_CHECKING:
    from cloudkit.io import Record
    from cloudkit.structure import Crystal, Engine, Symmetry

LADDER: Final = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # Å
LETTER_COLUMNS: Final = ("engine", "species", "multiplicity", "letter", "canonical", "orbits")
MAX_NAMED: Final = 5


class Attempt(NamedTuple):
    """Symmetry and canonical string by one engine at one tolerance, or the error."""

    symprec: float
    engine: str
    symmetry: "Symmetry | None"
    scope: str | None
    error: StructureError | None


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Structure file; FILE#BLOCK for one of several structures; - for standard input.")],
    symprec: Annotated[float, typer.Option(callback=check_length, help="Tolerance in Å for the table of Wyckoff letters.")] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Show how one structure becomes a string.

    The first table has the space group by each engine, and the string, from the tightest tolerance to the loosest. For the native
    engine, a line gives the largest distance by which an atom misses its symmetric position, and the range of symprec with the
    same string. The last table has the Wyckoff letters by each engine and those of the canonical string.

    \b
    Example:
      cloudkit explain crystal.cif
    """
    record, crystal = _read(file)
    from cloudkit.structure.symmetry import installed_engines

    tolerances = sorted({*LADDER, symprec})
    attempts = [_climb(crystal, engine, value) for value in tolerances for engine in installed_engines()]
    if not any(attempt.symmetry for attempt in attempts):
        raise CloudkitError(f"{record.id}: {attempts[0].error or 'no engine finds a symmetry'}")
    chosen = [attempt for attempt in attempts if attempt.symprec == symprec]
    if as_json:
        _emit_document(record, len(crystal.labels), attempts, chosen)
        return
    emit(f"{record.id}: {len(crystal.labels):,} sites\n")
    for note in record.notes:
        say(f"note: {note}")
    _show_ladder(attempts)
    for attempt in chosen:
        if attempt.symmetry and attempt.symmetry.distance is not None:
            low, high = _range(attempt, attempts)
            emit(
                f"\n{attempt.engine}: atoms are at most {round(attempt.symmetry.distance, 9):.2g} Å off; the string is the same for symprec "
                f"{low:.2g} to {high:.2g} Å{' or more' if high == max(tolerances) else ''}"
            )
    emit(f"\nletters at symprec {symprec:g}")
    rows = [list(entry.values()) for attempt in chosen for entry in _letters(attempt)]
    if rows:
        emit_table(LETTER_COLUMNS, rows)
    for attempt in attempts:
        if attempt.error:
            say(f"{attempt.engine} at symprec {attempt.symprec:g}: {attempt.error}")


def _range(attempt: Attempt, attempts: list[Attempt]) -> tuple[float, float]:
    """Return the range of symprec, in Å, over which an engine finds the string of an attempt without a gap."""
    certain = sorted(
        (round(one.symmetry.distance, 9), one.symmetry.used)
        for one in attempts
        if one.symmetry
        and one.engine == attempt.engine
        and one.scope == attempt.scope
        and one.symmetry.distance is not None
        and one.symmetry.used is not None
    )
    low, high = certain[0]
    for start, end in certain[1:]:
        if start > high and high < attempt.symprec:
            low = start
        elif start > high:
            break
        high = max(high, end)
    return low, high


def _read(file: str) -> "tuple[Record, Crystal]":
    """Return the structure that FILE or FILE#BLOCK names. Raises StructureError or CloudkitError."""
    from cloudkit.io import read_structures

    check_named([file])
    path, _, block = (file, "", "") if Path(file).exists() else file.partition("#")
    if Path(path).is_dir():
        raise CloudkitError(f"{path} is a folder; name one file")
    if path != STANDARD_INPUT and not Path(path).exists():
        from cloudkit.io.paths import missing_hint

        hint = missing_hint(str(path))
        raise CloudkitError(f"no such file: {path}" + (f"; {hint}" if hint else ""))
    records = list(read_structures([path]))
    whole = Path(path).name
    # members of archives
    names = [re.sub(f"^{re.escape(whole)}/", f"{whole}#", record.id) for record in records]
    if block:
        records = [record for record, name in zip(records, names, strict=True) if name.endswith(f"#{block}")]
    if len(records) != 1:
        what = f"no structure '{block}'" if block else f"{len(names)} structures"
        more = ", …" if len(names) > MAX_NAMED else ""
        listed = f": {', '.join(names[:MAX_NAMED])}{more}" if names else ""
        raise CloudkitError(f"{path} has {what}; choose one with FILE#BLOCK{listed}")
    record = records[0]
    if record.crystal is None:
        raise CloudkitError(f"{record.id}: {record.reason}")
    return record, record.crystal


def _climb(crystal: "Crystal", engine: "Engine", symprec: float) -> Attempt:
    from cloudkit.encoding.text import scope_text
    from cloudkit.structure import find_symmetry
    from cloudkit.structure.symmetry import load_engine

    name = load_engine(engine)[1]
    try:
        found = find_symmetry(crystal, engine=engine, symprec=symprec)
    except StructureError as error:
        return Attempt(symprec, name, None, None, error)
    return Attempt(symprec, name, found, scope_text(crystal, found, "orbit", "canonical"), None)


def _letters(attempt: Attempt) -> list[dict[str, object]]:
    """Return the orbits by letter and species, with the letter by the engine, the canonical letter and the count."""
    if attempt.symmetry is None:
        return []
    from cloudkit.encoding.text import scope_orbits
    from cloudkit.scope import canonical_letters
    from cloudkit.tables import LETTERS

    orbits = scope_orbits(attempt.symmetry)
    renamed = canonical_letters(attempt.symmetry.space_group, orbits)
    rows = Counter(
        (str(o).rpartition(" ")[0], o.multiplicity, o.letter, renamed[o.letter])
        for o in sorted(orbits, key=lambda o: (LETTERS.index(o.letter), str(o)))
    )
    return [dict(zip(LETTER_COLUMNS, (attempt.engine, *row, n), strict=True)) for row, n in rows.items()]


def _show_ladder(attempts: list[Attempt]) -> None:
    """Print a line per tolerance with the string by the first engine, and other strings below it."""
    engines = list(dict.fromkeys(attempt.engine for attempt in attempts))
    rows: list[list[object]] = []
    for symprec in dict.fromkeys(attempt.symprec for attempt in attempts):
        here = [attempt for attempt in attempts if attempt.symprec == symprec]
        groups = [attempt.symmetry and attempt.symmetry.space_group for attempt in here]
        strings = list(dict.fromkeys(attempt.scope for attempt in here if attempt.scope))
        rows.append([symprec, *groups, strings[0] if strings else None])
        rows += [[None, *(None for _ in groups), other] for other in strings[1:]]
    emit_table(["symprec", *engines, "string"], rows)


def _emit_document(record: "Record", sites: int, attempts: list[Attempt], chosen: list[Attempt]) -> None:
    ladder = [
        {
            "symprec": attempt.symprec,
            "engine": attempt.engine,
            "space_group": attempt.symmetry and attempt.symmetry.space_group,
            "scope": attempt.scope,
            "used": attempt.symmetry and attempt.symmetry.used,
            "distance": attempt.symmetry and attempt.symmetry.distance,
            "error": attempt.error and {name: getattr(attempt.error, name) for name in LEDGER[1:]},
        }
        for attempt in attempts
    ]
    letters = [entry for attempt in chosen for entry in _letters(attempt)]
    emit_json(
        {"id": record.id, "sites": sites, "notes": record.notes, "ladder": ladder, "letters": letters},
        indent=1,
    )
