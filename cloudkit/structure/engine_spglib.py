"""The spglib engine: the one behind the published strings, and the second opinion.

Its C functions are called without the GIL (symspg.pyx) where the installed spglib is one whose memory layout is
known; its Python functions serve otherwise.
"""

import ctypes
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np

from cloudkit.errors import StructureError, import_uninterrupted
from cloudkit.structure.symmetry import Cell, SymmetryDataset
from cloudkit.tables import LETTERS

if TYPE_CHECKING:
    from cloudkit.structure.symspg import Library

_LOG: Final = logging.getLogger(__name__)
NAMES: Final = ("libsymspg.so.2", "libsymspg.2.dylib", "symspg.dll")

# spglib.h of 2.5 to 2.8: the struct that symspg.pyx reads, and the function that it calls
STRUCT: Final = (
    "int spacegroup_number; int hall_number; char international_symbol[11]; char hall_symbol[17]; char choice[6]; "
    "double transformation_matrix[3][3]; double origin_shift[3]; int n_operations; int (*rotations)[3][3]; "
    "double (*translations)[3]; int n_atoms; int *wyckoffs; char (*site_symmetry_symbols)[7]; "
    "int *equivalent_atoms; int *crystallographic_orbits; double primitive_lattice[3][3]; "
    "int *mapping_to_primitive; int n_std_atoms; double std_lattice[3][3]; int *std_types; "
    "double (*std_positions)[3]; double std_rotation_matrix[3][3]; int *std_mapping_to_primitive; "
    "char pointgroup_symbol[6];"
)
FUNCTION: Final = (
    "double const lattice[3][3], double const position[][3], int const types[], int const num_atom, "
    "double const symprec, double const angle_tolerance"
)


def _spglib() -> ModuleType:
    return import_uninterrupted("spglib")


@contextmanager
def _raising_errors(spglib: ModuleType) -> Iterator[None]:
    """Have spglib raise its errors for a moment, where this version lets one choose."""
    before = getattr(spglib.error, "OLD_ERROR_HANDLING", None)
    if before is None:
        yield
        return
    spglib.error.OLD_ERROR_HANDLING = False
    try:
        yield
    finally:
        spglib.error.OLD_ERROR_HANDLING = before


def version() -> str:
    """The installed version of the engine."""
    return str(_spglib().__version__)


def search(
    cells: Sequence[Cell], symprec: float, angle_tolerance: float | None
) -> list[SymmetryDataset | StructureError]:
    """Symmetry of cells that passed the guards, or S301; angle_tolerance in degrees. Frees the GIL where it can."""
    angle = -1.0 if angle_tolerance is None else angle_tolerance
    library = find_library()
    if library is None:
        return [_search_in_python(cell, symprec, angle) for cell in cells]
    return list(_search_in_c(library, cells, symprec, angle)) if cells else []


def _search_in_c(
    library: "Library", cells: Sequence[Cell], symprec: float, angle: float
) -> Iterator[SymmetryDataset | StructureError]:
    offsets = np.cumsum([0, *(len(cell.types) for cell in cells)], dtype=np.int64)
    types = np.array([number for cell in cells for number in cell.types], dtype=np.int32)
    groups, letters, orbits, standard, errors = library.search(
        np.array([cell.lattice for cell in cells], dtype=np.float64),
        np.concatenate([cell.positions for cell in cells], dtype=np.float64),
        types,
        offsets,
        symprec,
        angle,
    )
    symbols = "".join([LETTERS[i] for i in letters.tolist()])
    heads = orbits.tolist()
    for k, (start, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        if standard[k] < 0:
            yield _no_group(symprec, _reason(int(errors[k])))
        else:
            yield SymmetryDataset(int(groups[k]), symbols[start:end], heads[start:end], int(standard[k]))


def _search_in_python(cell: Cell, symprec: float, angle: float) -> SymmetryDataset | StructureError:
    spglib = _spglib()
    given = (cell.lattice, cell.positions, cell.types)
    try:
        with _raising_errors(spglib):
            dataset = spglib.get_symmetry_dataset(given, symprec=symprec, angle_tolerance=angle)
    except spglib.SpglibError as error:
        return _no_group(symprec, str(error))
    if dataset is None:
        return _no_group(symprec, "no reason given")
    return SymmetryDataset(
        dataset.number,
        "".join(dataset.wyckoffs),
        dataset.crystallographic_orbits.tolist(),
        len(dataset.std_types),
    )


def _no_group(symprec: float, reason: str) -> StructureError:
    return StructureError(
        "S301",
        f"spglib finds no space group at symprec {symprec:g} Å: {reason}",
        "try another symprec, or the native engine",
    )


@cache
def find_library() -> "Library | None":
    """spglib's C functions; None, with the reason in the log, where they cannot be called safely."""
    try:
        from cloudkit.structure.symspg import Library

        loaded = _load()
        _check_layout()
    except (ImportError, OSError, LookupError, AttributeError) as error:
        _LOG.warning("spglib is called through Python, which holds the GIL: %s", error)
        return None
    names = ("spgat_get_dataset", "spg_free_dataset", "spg_get_error_code")
    addresses = (ctypes.cast(getattr(loaded, name), ctypes.c_void_p).value or 0 for name in names)
    return Library(*addresses)


@cache
def _load() -> ctypes.CDLL:
    """The library that the spglib package uses; LookupError if its version is not that of the package."""
    package = _package()
    places = (folder / name for folder in (package / "lib64", package / "lib", package) for name in NAMES)
    path = next((str(file) for file in places if file.exists()), NAMES[0])
    loaded = ctypes.CDLL(path)
    loaded.spg_get_version.restype = ctypes.c_char_p
    found = loaded.spg_get_version().decode()
    if found != version():
        raise LookupError(f"{path} is version {found}, the package is version {version()}")
    return loaded


def _check_layout() -> None:
    """LookupError unless the installed spglib.h declares what symspg.pyx relies on."""
    path = _package() / "include" / "spglib.h"
    header = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    header = " ".join(header.split())
    if f"typedef struct {{ {STRUCT} }} SpglibDataset;" not in header:
        raise LookupError(f"the SpglibDataset of version {version()} has another layout")
    if f"SpglibDataset *spgat_get_dataset({FUNCTION});" not in header:
        raise LookupError(f"the function spgat_get_dataset of version {version()} takes other arguments")


def _package() -> Path:
    return Path(str(_spglib().__file__)).parent


def _reason(code: int) -> str:
    message = _load().spg_get_error_message
    message.restype = ctypes.c_char_p
    return str(message(code).decode())
