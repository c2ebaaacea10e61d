"""From files to packed batches: tables, labels per atom, token ids without padding. NumPy only.

file or built-in name -> Table -> Crystals (strings + labels) -> Tokens (packed ids) -> Batch
"""

from cloudkit.data.atomic import drafted, file_hash, locked, take_lock
from cloudkit.data.batches import Batch, Tokens, epoch_batches, make_batch, split_crystals, tokenize
from cloudkit.data.crystals import Crystals, join_crystals
from cloudkit.data.files import BUILTIN, builtin_path, read_builtin, read_table
from cloudkit.data.geometry import CRYSTAL_TARGETS, ORBIT_TARGETS, Shapes, geometry_columns
from cloudkit.data.packed import token_writer
from cloudkit.data.parquet import parquet_writer
from cloudkit.data.reading import Target, read_crystals
from cloudkit.data.repeats import repeated_labels
from cloudkit.data.row_groups import read_footer, read_row_groups
from cloudkit.data.shards import Manifest, Shard
from cloudkit.data.streams import read_batches
from cloudkit.data.structures import (
    OPTIMADE_FIELDS,
    as_structure_table,
    holds_structures,
    read_structure_rows,
    structure_ids,
    structure_metadata,
    write_structures,
)
from cloudkit.data.table import Table, take_fold, take_fraction, take_part
from cloudkit.data.writing import WRITABLE, column_writer

__all__ = [
    "BUILTIN",
    "CRYSTAL_TARGETS",
    "OPTIMADE_FIELDS",
    "ORBIT_TARGETS",
    "WRITABLE",
    "Batch",
    "Crystals",
    "Manifest",
    "Shapes",
    "Shard",
    "Table",
    "Target",
    "Tokens",
    "as_structure_table",
    "builtin_path",
    "column_writer",
    "drafted",
    "epoch_batches",
    "file_hash",
    "geometry_columns",
    "holds_structures",
    "join_crystals",
    "locked",
    "make_batch",
    "parquet_writer",
    "read_batches",
    "read_builtin",
    "read_crystals",
    "read_footer",
    "read_row_groups",
    "read_structure_rows",
    "read_table",
    "repeated_labels",
    "split_crystals",
    "structure_ids",
    "structure_metadata",
    "take_fold",
    "take_fraction",
    "take_lock",
    "take_part",
    "token_writer",
    "tokenize",
    "write_structures",
]
