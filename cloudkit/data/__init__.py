"""From tables to packed batches: labels per atom, token ids without padding. NumPy only.

file or built-in name -> Table (cloudkit.io) -> Crystals (strings + labels) -> Tokens (packed ids) -> Batch
"""

from cloudkit.data.batches import (
    Batch,
    Tokens,
    epoch_batches,
    make_batch,
    split_crystals,
    token_writer,
    tokenize,
)
from cloudkit.data.builtin_tables import BUILTIN, builtin_path, read_builtin
from cloudkit.data.classes import read_strata
from cloudkit.data.crystals import Crystals, join_crystals
from cloudkit.data.folds import take_fraction, take_part, take_where
from cloudkit.data.geometry import CRYSTAL_TARGETS, ORBIT_TARGETS
from cloudkit.data.reading import Target, read_crystals
from cloudkit.data.repeats import error_floor, repeated_labels

__all__ = [
    "BUILTIN",
    "CRYSTAL_TARGETS",
    "ORBIT_TARGETS",
    "Batch",
    "Crystals",
    "Target",
    "Tokens",
    "builtin_path",
    "epoch_batches",
    "error_floor",
    "join_crystals",
    "make_batch",
    "read_builtin",
    "read_crystals",
    "read_strata",
    "repeated_labels",
    "split_crystals",
    "take_fraction",
    "take_part",
    "take_where",
    "token_writer",
    "tokenize",
]
