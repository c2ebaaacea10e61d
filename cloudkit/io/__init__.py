"""Files: whatever people have to records and tables, and back, whole or not at all."""

from cloudkit.io.atomic import atomic_path, atomic_write, file_hash, locked, take_lock
from cloudkit.io.chunks import Chunk
from cloudkit.io.columns import Columns
from cloudkit.io.formats import WRITABLE, classify, is_table
from cloudkit.io.json_xyz import plain_text, read_row
from cloudkit.io.parquet import (
    OPTIMADE_FIELDS,
    as_structure_table,
    holds_structures,
    read_structure_rows,
    structure_ids,
    structure_metadata,
    write_structures,
)
from cloudkit.io.paths import file_names, find_files, open_bytes
from cloudkit.io.read import file_chunks, find_chunks, read_chunks, read_structures
from cloudkit.io.record import Record
from cloudkit.io.row_groups import read_footer, read_row_groups
from cloudkit.io.shards import Manifest, Shard
from cloudkit.io.single import as_crystal, as_record
from cloudkit.io.tables import Table, read_batches, read_table
from cloudkit.io.writers import column_writer, parquet_writer

__all__ = [
    "OPTIMADE_FIELDS",
    "WRITABLE",
    "Chunk",
    "Columns",
    "Manifest",
    "Record",
    "Shard",
    "Table",
    "as_crystal",
    "as_record",
    "as_structure_table",
    "atomic_path",
    "atomic_write",
    "classify",
    "column_writer",
    "file_chunks",
    "file_hash",
    "file_names",
    "find_chunks",
    "find_files",
    "holds_structures",
    "is_table",
    "locked",
    "open_bytes",
    "parquet_writer",
    "plain_text",
    "read_batches",
    "read_chunks",
    "read_footer",
    "read_row",
    "read_row_groups",
    "read_structure_rows",
    "read_structures",
    "read_table",
    "structure_ids",
    "structure_metadata",
    "take_lock",
    "write_structures",
]
