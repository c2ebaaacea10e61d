from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

scope_api: object  # a capsule: the table of the C functions (scope.h, "Without linking")

def check(text: str | bytes) -> tuple[int, list[tuple[int, int, int]]]: ...
def check_batch(texts: Iterable[str], threads: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def encode_text(text: str, vocabulary: str) -> NDArray[np.uint16] | None: ...
def encode_batch(
    texts: Iterable[str], vocabulary: str, threads: int = 1
) -> tuple[NDArray[np.uint16], NDArray[np.int64], list[int]]: ...
def decode_text(ids: NDArray[np.uint16], vocabulary: str) -> str: ...
def decode_batch(ids: NDArray[np.uint16], offsets: NDArray[np.int64], vocabulary: str) -> list[str]: ...
def decode_packed(
    ids: NDArray[np.uint16], offsets: NDArray[np.int64], vocabulary: str, threads: int = 1
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def canonical(space_group: int, letters: str, contents: list[int]) -> list[tuple[int, str]]: ...
def parse(
    text: str, orbit: type[tuple[Any, ...]]
) -> (
    tuple[Literal["orbit", "reduced", "full"], int, tuple[Any, ...], tuple[tuple[str, float], ...]] | None
): ...

SYMMETRY_VERSION: int

class SpeciesTable:
    def __init__(self, rows: Iterable[tuple[str, int, float]]) -> None: ...

def find_symmetry(
    lattice: NDArray[np.float64],
    positions: NDArray[np.float64],
    labels: Sequence[int] | NDArray[np.int32],
    occupancies: Sequence[float] | None,
    symprec: float,
    budget: int,
) -> tuple[str, dict[str, Any] | None]: ...
def encode_crystals(
    crystals: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32], SpeciesTable]],
    symprec: float,
    budget: int,
    jobs: int,
) -> tuple[list[str | None], list[int], list[str]]: ...
def encode_columns(
    lattices: NDArray[np.float64],
    positions: NDArray[np.float64],
    labels: NDArray[np.int32],
    offsets: NDArray[np.int64],
    table: SpeciesTable | None,
    symprec: float,
    budget: int,
    jobs: int,
) -> tuple[list[str | None], list[int], list[str]]: ...
