"""Structures to strings: one, many in memory, and those of files, in order and in bounded memory."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from cloudkit import _native
from cloudkit.encoding.options import EncodeOptions
from cloudkit.encoding.text import geometry_of, group_notes, scope_text, species_table
from cloudkit.errors import OptionError, StructureError, check_many
from cloudkit.io import Columns, Record, as_crystal, as_record, read_structures
from cloudkit.io.record import NO_COLUMNS
from cloudkit.scope.project import project
from cloudkit.structure import Crystal, Geometry
from cloudkit.structure.engine_native import fault
from cloudkit.structure.guards import MAX_SITES, validate_crystal
from cloudkit.structure.symmetry import Engine, find_symmetries

BATCH: Final = 256  # structures handed to the core at once, for each job
BATCH_SITES: Final = 20_000  # atoms after which a batch is full, for each job


class Encoded(NamedTuple):
    """One crystal as a string, or the error that says why there is none.

    Attributes
    ----------
    id : str
        That of its record.
    scope : str or None
        The string.
    space_group, engine, symprec : int, str, float or None
        1 to 230, name and version, Å; None for a string that was not made here.
    error : StructureError or None
        Why there is no string.
    geometry : Geometry or None
        What the structure looks like from its orbits, if asked for.
    notes : tuple of str
        What was left out or assumed, and what contradicts what the file states.
    kept : mapping
        The other columns of the row of a table that it comes from.

    Examples
    --------
    >>> (row,) = encode_files(["salt.vasp"])
    >>> row.space_group, row.scope.partition(" | ")[2]
    (225, 'Na 4a Cl 4b')
    """

    id: str
    scope: str | None
    space_group: int | None = None
    engine: str | None = None
    symprec: float | None = None
    error: StructureError | None = None
    geometry: Geometry | None = None
    notes: tuple[str, ...] = ()
    kept: Mapping[str, object] = NO_COLUMNS


class Batch(NamedTuple):
    """Results for many structures in input order: each row has a text or an error, and notes on what was assumed.

    Attributes
    ----------
    texts : list of str or None
        The strings.
    errors : list of StructureError or None
        Why a row has no string.
    space_groups : list of int or None
        1 to 230.
    notes : list of tuple of str
        See `Encoded`.

    Examples
    --------
    >>> batch = encode_batch(["salt.vasp", 7])
    >>> batch.space_groups, batch.errors[1].code
    ([225, None], 'S112')
    """

    texts: list[str | None]
    errors: list[StructureError | None]
    space_groups: list[int | None]
    notes: list[tuple[str, ...]]


def encode(
    structure: object,
    dialect: str = "orbit",
    order: str = "canonical",
    engine: Engine | None = None,
    symprec: float = 1e-2,
) -> str:
    """Encode one structure as a SCOPE string.

    Parameters
    ----------
    structure : object
        A pymatgen Structure, ASE Atoms, the path of a file with one structure, a dict, or a tuple
        (lattice, positions, numbers): `lattice` (3, 3), rows in Å; `positions` (n, 3), fractional.
    dialect, order, engine, symprec
        See `EncodeOptions`.

    Returns
    -------
    str
        The string.

    Raises
    ------
    StructureError
        With a code, if the structure cannot be read or is not a crystal.
    OptionError
        For an option that is not allowed.

    Examples
    --------
    >>> lattice = [[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]]
    >>> encode((lattice, [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"]))
    '1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b'
    """
    (row,) = _encode_batch(
        [Record("", as_crystal(structure))], EncodeOptions(dialect, order, engine, symprec), 1
    )
    if row.scope is None:
        raise row.error or fault("nothing")
    return row.scope


def encode_batch(
    structures: Iterable[object] | Columns,
    dialect: str = "orbit",
    order: str = "canonical",
    engine: Engine | None = None,
    symprec: float = 1e-2,
    jobs: int = 1,
    max_sites: int = MAX_SITES,
) -> Batch:
    """Encode many structures; order is kept and nothing is dropped.

    Parameters
    ----------
    structures : iterable or Columns
        What `encode` takes, or ``Columns(lattices, positions, numbers, offsets)``, which need no Python object
        per structure.
    jobs : int
        Threads of the native engine; the others run on one.
    dialect, order, engine, symprec, max_sites
        See `EncodeOptions`.

    Returns
    -------
    Batch
        `.texts`, `.errors`, `.space_groups` and `.notes`, one entry per structure.

    Examples
    --------
    >>> lattice = [[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]]
    >>> batch = encode_batch([(lattice, [[0, 0, 0]], ["Po"]), (lattice, [[0, 0, 0]], ["Xx"])])
    >>> batch.texts
    ['1 4 b O O O c O O O d O O O e O O O 0 | Po 1a', None]
    >>> batch.errors[1].code
    'S107'
    """
    check_many(structures, "encode")
    options = EncodeOptions(dialect, order, engine, symprec, max_sites)
    if isinstance(structures, Columns):
        return _encode_columns(structures, options, jobs)
    records = (as_record(str(index), structure) for index, structure in enumerate(structures))
    return _as_batch(encode_records(records, options, jobs))


def _as_batch(rows: Iterable[Encoded]) -> Batch:
    found = list(rows)
    return Batch(
        [row.scope for row in found],
        [row.error for row in found],
        [row.space_group for row in found],
        [row.notes for row in found],
    )


def encode_records(
    records: Iterable[Record], options: EncodeOptions | None = None, jobs: int = 1
) -> Iterator[Encoded]:
    """Encode a stream of records, in order and in bounded memory; a failure is a row with its error.

    Parameters
    ----------
    records : iterable of Record
        As `cloudkit.io.read_structures` gives them.
    options : EncodeOptions, optional
        How.
    jobs : int
        Threads of the native engine; the others run on one.

    Yields
    ------
    Encoded
        One per record.

    Raises
    ------
    OptionError
        For an option that is not allowed.

    Examples
    --------
    >>> from cloudkit.io import as_record
    >>> polonium = as_record("Po", ([[3.35, 0, 0], [0, 3.35, 0], [0, 0, 3.35]], [[0, 0, 0]], [84]))
    >>> [row.scope.partition(" | ")[2] for row in encode_records([polonium])]
    ['Po 1a']
    """
    if jobs < 1:
        raise OptionError(f"jobs must be at least 1, not {jobs}")
    chosen = options or EncodeOptions()
    return (row for batch in _batches(records, jobs) for row in _encode_batch(batch, chosen, jobs))


def encode_groups(
    groups: Iterable[Columns | list[Record]], options: EncodeOptions | None = None, jobs: int = 1
) -> Iterator[Encoded]:
    """Encode structures that come in groups, in order and in bounded memory.

    Parameters
    ----------
    groups : iterable of Columns or list of Record
        As `cloudkit.io.read_row_groups` and `read_chunks` give them.
    options, jobs
        See `encode_records`.

    Yields
    ------
    Encoded
        One per structure.

    Examples
    --------
    >>> columns = Columns([[[3.35, 0, 0], [0, 3.35, 0], [0, 0, 3.35]]], [[0, 0, 0]], [84], [0, 1])
    >>> [row.scope for row in encode_groups([columns])]
    ['1 4 b O O O c O O O d O O O e O O O 0 | Po 1a']
    """
    options, waiting = options or EncodeOptions(), list[Record]()
    for group in groups:
        if not isinstance(group, Columns):
            waiting += group
        if isinstance(group, Columns) or len(waiting) >= BATCH * jobs:
            yield from encode_records(waiting, options, jobs)
            waiting = []
        if isinstance(group, Columns):
            yield from _encode_rows(group, options, jobs)
    yield from encode_records(waiting, options, jobs)


def encode_files(
    inputs: Iterable[str | Path],
    options: EncodeOptions | None = None,
    jobs: int = 1,
    column: str | None = None,
) -> Iterator[Encoded]:
    """Encode the structures of files, folders and patterns.

    Parameters
    ----------
    inputs : iterable of str or Path
        See `cloudkit.io.read_structures`.
    options, jobs
        See `encode_records`.
    column : str, optional
        Of CSV tables, the one that holds structures or names of files.

    Yields
    ------
    Encoded
        One per structure; what cannot be read is a row with its error.

    Examples
    --------
    >>> for row in encode_files(["salt.vasp", "missing.cif"]):
    ...     print(row.id, row.space_group, row.error and row.error.code)
    salt.vasp 225 None
    missing.cif None S101
    """
    return encode_records(read_structures(inputs, column=column), options, jobs)


def _batches(records: Iterable[Record], jobs: int) -> Iterator[list[Record]]:
    """Records in groups of about BATCH structures or BATCH_SITES atoms for each job."""
    batch: list[Record] = []
    sites = 0
    for record in records:
        batch.append(record)
        sites += len(record.crystal) if record.crystal is not None else 0
        if len(batch) >= BATCH * jobs or sites >= BATCH_SITES * jobs:
            yield batch
            batch, sites = [], 0
    if batch:
        yield batch


Result = tuple[str | StructureError, int | None, Geometry | None]  # text or error, space group, geometry


def _encode_batch(records: list[Record], options: EncodeOptions, jobs: int) -> list[Encoded]:
    crystals = [record.crystal for record in records if record.crystal is not None]
    found = iter(_in_core(crystals, options, jobs) if options.in_core else _by_symmetry(crystals, options))
    engine, rows = options.engine_name, []
    for record in records:
        text, group, shape = (record.reason, None, None) if record.crystal is None else next(found)
        if isinstance(text, StructureError):
            rows.append(
                Encoded(record.id, None, None, None, options.symprec, text, None, record.notes, record.kept)
            )
        else:
            notes = (
                record.notes
                if record.stated is None
                else (*record.notes, *group_notes(record, group, options))
            )
            rows.append(
                Encoded(record.id, text, group, engine, options.symprec, None, shape, notes, record.kept)
            )
    return rows


def _by_symmetry(crystals: list[Crystal], options: EncodeOptions) -> Iterator[Result]:
    """Through the symmetry of each crystal: what input order, geometry and the other engines need."""
    for crystal, found in zip(crystals, find_symmetries(crystals, options.search), strict=True):
        if isinstance(found, StructureError):
            yield found, None, None
            continue
        text = scope_text(crystal, found, options.dialect, options.order)
        shape = geometry_of(crystal, found, options.dialect) if options.geometry else None
        yield text, found.space_group, shape


def _in_core(crystals: list[Crystal], options: EncodeOptions, jobs: int) -> Iterator[Result]:
    """One call for all crystals; those that the core refuses are looked at again, to say what is wrong."""
    errors: dict[int, StructureError] = {}
    rows = []
    for index, crystal in enumerate(crystals):
        try:
            if len(crystal) > options.max_sites:
                validate_crystal(crystal, options.max_sites)
            table = species_table(crystal.species)
        except StructureError as error:
            errors[index] = error
            continue
        labels = crystal.labels if crystal.written is None else crystal.element_labels()
        rows.append((crystal.lattice, crystal.positions, labels, table))
    found = zip(*_native.encode_crystals(rows, options.symprec, 0, jobs), strict=True)
    for index, crystal in enumerate(crystals):
        if index in errors:
            yield errors[index], None, None
        else:
            yield _result(*next(found), crystal, options)


def _result(
    text: str | None, space_group: int, status: str, crystal: Crystal, options: EncodeOptions
) -> Result:
    if text is None:
        return explain(crystal, status, options.max_sites), None, None
    return (text if options.dialect == "orbit" else project(text, options.dialect)), space_group, None


def explain(crystal: Crystal, status: str, max_sites: int) -> StructureError:
    """Why the core refused a crystal, in the words of the guards."""
    try:
        validate_crystal(crystal, max_sites)
    except StructureError as error:
        return error
    return fault(status)


def _encode_rows(columns: Columns, options: EncodeOptions, jobs: int) -> Iterator[Encoded]:
    batch, engine, symprec = _encode_columns(columns, options, jobs), options.engine_name, options.symprec
    for row, (text, error, group, notes) in enumerate(zip(*batch, strict=True)):
        name = None if error else engine
        yield Encoded(columns.id(row), text, group, name, symprec, error, None, notes)


def _encode_columns(columns: Columns, options: EncodeOptions, jobs: int) -> Batch:
    """Columns without a Python object per crystal; rows that the core refuses are encoded one by one, to say what is wrong."""
    if jobs < 1:
        raise OptionError(f"jobs must be at least 1, not {jobs}")
    packed = columns.packed() if options.in_core else None
    try:
        table = species_table(packed[1]) if packed and packed[1] else None
    except StructureError:  # of an entry of species: the error of the rows that use it
        packed = None
    if packed is None:
        return _as_batch(encode_records(columns.records(), options, jobs))
    labels, n = packed[0], len(columns)
    batch = Batch([], [None] * n, [], [()] * n)
    sizes = columns.offsets[1:] - columns.offsets[:-1]
    again = np.flatnonzero(sizes > options.max_sites).tolist()
    step = 64 * BATCH * jobs
    for start in range(0, n, step):
        end = min(start + step, n)
        texts, groups, statuses = _native.encode_columns(
            columns.lattices[start:end],
            columns.positions,
            labels,
            columns.offsets[start : end + 1],
            table,
            options.symprec,
            0,
            jobs,
        )
        if options.dialect != "orbit":
            texts = [text and project(text, options.dialect) for text in texts]
        batch.texts.extend(texts)
        batch.space_groups.extend(groups)
        again += [start + row for row, status in enumerate(statuses) if status != "ok"]
    for row in again:
        (found,) = _encode_batch([columns.record(row)], options, 1)
        batch.texts[row], batch.errors[row] = found.scope, found.error
        batch.space_groups[row], batch.notes[row] = found.space_group, found.notes
    return batch
