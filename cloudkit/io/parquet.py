"""Structures in Parquet: the columns that are read, those that `fetch` writes, and both as rows."""

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final

from cloudkit.errors import StructureError, require
from cloudkit.io.paths import open_bytes

# Either the fields of OPTIMADE as they came, which is what `fetch` writes, or lattice (3 x 3, rows in Å), species (one
# symbol such as "Fe" or "Fe3+" per site) and positions (n x 3, fractional; also called frac); or the text of a CIF; or
# a structure as JSON. `id` names the row, with `provider` before it where there is one.
OPTIMADE_FIELDS: Final = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species_at_sites",
    "species",
    "nsites",
    "nperiodic_dimensions",
    "dimension_types",
    "structure_features",
)
FORMS: Final[tuple[tuple[str, ...], ...]] = (
    ("lattice_vectors", "cartesian_site_positions", "species_at_sites"),
    ("lattice", "species", "positions"),
    ("lattice", "species", "frac"),
    ("cif",),
    ("structure",),
)
NAMES: Final = ("id", "material_id", "entry_id", "provider", "error")
BATCH: Final = 256  # rows held at a time


def read_structure_rows(path: str | Path, keep: bool = False) -> Iterator[dict[str, Any]]:
    """Read the rows of a Parquet file of structures, a few hundred at a time.

    Parameters
    ----------
    path : str or Path
        The file.
    keep : bool
        Whether to read columns of numbers and texts, too.

    Yields
    ------
    dict
        A row as `read_row` takes it; without `keep` only columns that say what the structure is or how it is called.

    Raises
    ------
    StructureError
        S101 where the file is missing or damaged (also while reading), S104 where it has no columns of a structure.

    Examples
    --------
    >>> with open("rows.parquet", "wb") as file:
    ...     write_structures(file, [{"id": "a", "error": "not relaxed"}], {})
    >>> [row["id"] for row in read_structure_rows("rows.parquet")]
    ['a']
    """
    parquet = require("pyarrow.parquet", "tables")
    with _readable(path), parquet.ParquetFile(path, pre_buffer=False) as file:
        columns = structure_columns(path, file.schema_arrow.names)
        if keep:
            columns += [
                field.name
                for field in file.schema_arrow
                if field.name not in columns and is_plain(field.type)
            ]
        for batch in file.iter_batches(BATCH, columns=columns):
            yield from batch.to_pylist()


def is_plain(kind: Any) -> bool:
    """Whether values of an Arrow type are numbers, texts or truth values."""
    types = require("pyarrow", "tables").types
    checks = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    return any(check(kind) for check in checks)


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """What pyarrow says of a missing or damaged file as StructureError S101."""
    arrow = require("pyarrow", "tables")
    try:
        yield
    except FileNotFoundError as error:
        raise StructureError("S101", f"there is no file {path}") from error
    except (arrow.ArrowException, OSError) as error:
        raise StructureError(
            "S101",
            f"{Path(path).name} is not a readable Parquet file: {str(error).splitlines()[0]}",
            "it may be half-written; make or fetch it again",
        ) from error


def holds_structures(path: Path) -> bool:
    """Tell a table of structures from a table of strings.

    Parameters
    ----------
    path : Path
        A .parquet or .csv file.

    Returns
    -------
    bool
        Whether it has columns of a structure and none called `scope`; False where it cannot be read.

    Examples
    --------
    >>> holds_structures(Path("strings.csv"))
    False
    """
    arrow, parquet = require("pyarrow", "tables"), require("pyarrow.parquet", "tables")
    try:
        if path.suffix.lower() == ".parquet":
            names, forms = set(parquet.read_schema(path).names), FORMS
        else:
            with TextIOWrapper(open_bytes(path), "utf-8-sig") as file:
                names, forms = set(next(csv.reader(file), [])), (("cif",),)
    except (arrow.ArrowException, OSError, ValueError, EOFError, zlib.error, csv.Error):
        return False
    return "scope" not in names and any(set(form) <= names for form in forms)


def structure_columns(path: str | Path, names: Sequence[str]) -> list[str]:
    """The columns to read of a table with these; StructureError S104 where none holds a structure."""
    form = next((form for form in FORMS if set(form) <= set(names)), None)
    if form is None:
        raise StructureError(
            "S104",
            f"{Path(path).name} has no columns of a structure: {', '.join(names[:12])}",
            "wanted: lattice, species and positions; or lattice_vectors, cartesian_site_positions, species_at_sites "
            "and species; or cif; or structure",
        )
    more = OPTIMADE_FIELDS if form == FORMS[0] else ()
    return [name for name in names if name in {*form, *NAMES, *more}]


def structure_schema(metadata: Mapping[str, str]) -> Any:
    """The Arrow schema of what `fetch` writes: OPTIMADE's fields as they came, and where the row is from.

    last_modified: as the provider says; fetched: when it was received; both as text of ISO 8601. error: why there is
    no structure; all else but the id may then be null.
    """
    arrow = require("pyarrow", "tables")
    text, texts, number = arrow.string(), arrow.list_(arrow.string()), arrow.float64()
    integer, numbers = arrow.int32(), arrow.list_(arrow.float64())
    species = arrow.struct(
        [
            ("name", text),
            ("chemical_symbols", texts),
            ("concentration", arrow.list_(number)),
            ("attached", texts),
            ("nattached", arrow.list_(integer)),
        ]
    )
    return arrow.schema(
        [
            ("id", text),
            ("provider", text),
            ("last_modified", text),
            ("fetched", text),
            ("lattice_vectors", arrow.list_(numbers)),
            ("cartesian_site_positions", arrow.list_(numbers)),
            ("species_at_sites", texts),
            ("species", arrow.list_(species)),
            ("nsites", integer),
            ("nperiodic_dimensions", integer),
            ("dimension_types", arrow.list_(integer)),
            ("structure_features", texts),
            ("error", text),
        ],
        metadata=dict(metadata),
    )


def as_structure_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Make an Arrow table of rows of structures.

    Parameters
    ----------
    rows : sequence of mapping
        With the fields of `structure_schema`: OPTIMADE's, and where the row is from.

    Returns
    -------
    pyarrow.Table
        One row each.

    Raises
    ------
    ValueError
        If a value is not of its column's type.

    Examples
    --------
    >>> as_structure_table([{"id": "a", "nsites": 2}]).column("nsites").to_pylist()
    [2]
    """
    arrow = require("pyarrow", "tables")
    try:
        return arrow.Table.from_pylist(list(rows), structure_schema({}))
    except (arrow.ArrowException, TypeError, OverflowError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def write_structures(file: IO[bytes], rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, str]) -> None:
    """Write rows of structures as one Parquet file of one row group.

    Parameters
    ----------
    file : binary file
        Open for writing.
    rows : sequence of mapping
        See `as_structure_table`.
    metadata : mapping of str
        Kept in the file and read by `structure_metadata`.

    Raises
    ------
    ValueError
        If a value is not of its column's type.

    Examples
    --------
    >>> from io import BytesIO
    >>> write_structures(file := BytesIO(), [{"id": "a", "nsites": 2}], {})
    >>> file.getvalue()[:4]
    b'PAR1'
    """
    parquet = require("pyarrow.parquet", "tables")
    table = as_structure_table(rows).replace_schema_metadata(dict(metadata))
    parquet.write_table(table, file, compression="zstd", row_group_size=max(len(rows), 1))


def structure_metadata(path: Path) -> dict[str, str]:
    """Read what `write_structures` was given as metadata.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str
        By name.

    Raises
    ------
    StructureError
        S101 for a damaged file.

    Examples
    --------
    >>> with open("rows.parquet", "wb") as file:
    ...     write_structures(file, [{"id": "a"}], {"url": "https://example.org"})
    >>> structure_metadata(Path("rows.parquet"))
    {'url': 'https://example.org'}
    """
    parquet = require("pyarrow.parquet", "tables")
    with _readable(path):
        kept = parquet.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in kept.items() if key != b"ARROW:schema"}


def structure_ids(path: Path) -> list[str]:
    """Read the column `id` of what `write_structures` wrote.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of str
        In the order of the rows.

    Raises
    ------
    StructureError
        S101 for a damaged file.

    Examples
    --------
    >>> with open("rows.parquet", "wb") as file:
    ...     write_structures(file, [{"id": "a"}, {"id": "b"}], {})
    >>> structure_ids(Path("rows.parquet"))
    ['a', 'b']
    """
    parquet = require("pyarrow.parquet", "tables")
    with _readable(path):
        ids: list[str] = parquet.read_table(path, columns=["id"]).column("id").to_pylist()
    return ids
