"""From files to packed batches: tables, labels per atom, token ids without padding. NumPy only.

file or built-in name -> Table -> Crystals (strings + labels) -> Tokens (packed ids) -> Batch
"""

from cloudkit.data.batches import Batch, Tokens, epoch_batches, make_batch, split_crystals, tokenize
from cloudkit.data.crystals import Crystals, join_crystals
from cloudkit.data.files import BUILTIN, builtin_path, read_builtin, read_table
from cloudkit.data.geometry import CRYSTAL_TARGETS, ORBIT_TARGETS, Shapes, geometry_columns
from cloudkit.data.parquet import parquet_writer
from cloudkit.data.reading import Target, read_crystals
from cloudkit.data.repeats import repeated_labels
from cloudkit.data.table import Table, take_fraction
from cloudkit.data.writing import WRITABLE, column_writer

__all__ = [
    "BUILTIN",
    "CRYSTAL_TARGETS",
    "ORBIT_TARGETS",
    "WRITABLE",
    "Batch",
    "Crystals",
    "Shapes",
    "Table",
    "Target",
    "Tokens",
    "builtin_path",
    "column_writer",
    "epoch_batches",
    "geometry_columns",
    "join_crystals",
    "make_batch",
    "parquet_writer",
    "read_builtin",
    "read_crystals",
    "read_table",
    "repeated_labels",
    "split_crystals",
    "take_fraction",
    "tokenize",
]
