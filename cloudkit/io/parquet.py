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


def read_structure_rows(path: str | Path, groups: Sequence[int] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file of structures, or of some of its row groups, as dictionaries that
    `cloudkit.io.read_row` takes; only columns that say what the structure is or how it is called.

    Holds a few hundred rows at a time. Raises StructureError: S101 where the file is missing or damaged (also while
    reading), S104 where it has no columns of a structure.
    """
    parquet = require("pyarrow.parquet", "tables")
    with _readable(path), parquet.ParquetFile(path, pre_buffer=False) as file:
        columns = structure_columns(path, file.schema_arrow.names)
        for batch in file.iter_batches(BATCH, row_groups=groups, columns=columns):
            yield from batch.to_pylist()


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
    """Whether a .parquet or .csv file has columns of a structure and none called `scope`; False where it cannot be read."""
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
    """An Arrow table of rows; raises ValueError where a value is not of its column's type."""
    arrow = require("pyarrow", "tables")
    try:
        return arrow.Table.from_pylist(list(rows), structure_schema({}))
    except (arrow.ArrowException, TypeError, OverflowError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def write_structures(file: IO[bytes], rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, str]) -> None:
    """Write rows as one Parquet file of one row group; `metadata` is kept in it and read by structure_metadata."""
    parquet = require("pyarrow.parquet", "tables")
    table = as_structure_table(rows).replace_schema_metadata(dict(metadata))
    parquet.write_table(table, file, compression="zstd", row_group_size=max(len(rows), 1))


def structure_metadata(path: Path) -> dict[str, str]:
    """What write_structures was given as metadata; raises StructureError S101 for a damaged file."""
    parquet = require("pyarrow.parquet", "tables")
    with _readable(path):
        kept = parquet.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in kept.items() if key != b"ARROW:schema"}


def structure_ids(path: Path) -> list[str]:
    """The column `id` of what write_structures wrote; raises StructureError S101 for a damaged file."""
    parquet = require("pyarrow.parquet", "tables")
    with _readable(path):
        ids: list[str] = parquet.read_table(path, columns=["id"]).column("id").to_pylist()
    return ids
