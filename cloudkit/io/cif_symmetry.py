"""The symmetry that a CIF states: its list of operations, else the Hall symbol, name or number of its group."""

from functools import lru_cache
from typing import Any, Final

import gemmi
import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.expand import Operations, form_group

MAX_OPERATIONS: Final = 384  # the largest group has 192; magnetic lists can hold each operation twice
OPERATION_TAGS: Final = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
    "_space_group_symop_magn_operation.xyz",
    "_space_group_symop_magn_operation_xyz",
)
CENTERING_TAGS: Final = ("_space_group_symop_magn_centering.xyz", "_space_group_symop_magn_centering_xyz")
HALL_TAGS: Final = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall", "_space_group.name_Hall")
NAME_TAGS: Final = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group.name_H-M_alt",
    "_space_group_name_H-M_ref",
    "_symmetry_space_group_name_H-M_alt",
)
NUMBER_TAGS: Final = ("_space_group_IT_number", "_symmetry_Int_Tables_number", "_space_group.IT_number")


def read_operations(block: Any, lattice: NDArray[np.float64]) -> tuple[Operations, str]:
    """The operations of a gemmi block and a note (may be empty). The cell tells settings apart.

    Raises StructureError S109 if what the file states cannot be understood,
    S110 if its operations are no group.
    """
    triplets = _values(block, OPERATION_TAGS)
    if triplets:
        return _parse_listed(tuple(triplets), tuple(_values(block, CENTERING_TAGS))), ""
    hall, name, number = (_values(block, tags) for tags in (HALL_TAGS, NAME_TAGS, NUMBER_TAGS))
    if not (hall or name or number):
        return _parse_listed(("x,y,z",), ()), "the file states no symmetry: read as P1"
    group = _find_group(hall, name, number, lattice)
    return _parse_listed(tuple(op.triplet() for op in group), ()), ""


def _values(block: Any, tags: tuple[str, ...]) -> list[str]:
    for tag in tags:
        column = block.find_values(tag)
        if not len(column):
            continue
        found = [gemmi.cif.as_string(value).strip() for value in column]
        found = [value for value in found if value not in ("", "?", ".")]
        if found:
            return found
    return []


def _find_group(hall: list[str], name: list[str], number: list[str], lattice: NDArray[np.float64]) -> Any:
    if hall:
        try:
            return gemmi.symops_from_hall(hall[0])
        except (RuntimeError, ValueError):
            pass_on = f"the Hall symbol '{hall[0]}'"
    else:
        pass_on = ""
    alpha, gamma = _angle(lattice[1], lattice[2]), _angle(lattice[0], lattice[1])
    for text in name:
        group = gemmi.find_spacegroup_by_name(text.replace("_", ""), alpha, gamma)
        if group is not None:
            return group.operations()
        pass_on = f"the space group name '{text}'"
    if number and number[0].isdecimal() and 1 <= int(number[0]) <= 230:
        return gemmi.find_spacegroup_by_number(int(number[0])).operations()
    stated = pass_on or f"the space group number '{number[0]}'"
    raise StructureError(
        "S109",
        f"the file lists no symmetry operations, and {stated} is not known",
        "list the operations in _space_group_symop_operation_xyz",
    )


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


@lru_cache(maxsize=256)
def _parse_listed(triplets: tuple[str, ...], centering: tuple[str, ...]) -> Operations:
    if len(triplets) * max(len(centering), 1) > MAX_OPERATIONS:
        raise StructureError(
            "S109", f"the file lists {len(triplets)} symmetry operations; no space group has that many"
        )
    ops = [_parse(text) for text in triplets]
    if centering:
        ops = [op * shift for shift in map(_parse, centering) for op in ops]
    distinct: dict[str, Any] = {}
    for op in ops:
        distinct.setdefault(op.wrap().triplet(), op)
    ops = list(distinct.values())
    unit = gemmi.Op.DEN
    rotations = [[[entry // unit for entry in row] for row in op.rot] for op in ops]
    if any(entry % unit for op in ops for row in op.rot for entry in row):
        raise StructureError("S109", "a symmetry operation in the file has fractional factors")
    translations = [op.tran for op in ops]
    if not form_group(rotations, translations, unit):
        raise StructureError(
            "S110",
            f"the {len(ops)} symmetry operations listed in the file do not form a group",
            "one is missing or misprinted",
        )
    return Operations(np.array(rotations, dtype=np.float64), np.array(translations, dtype=np.float64) / unit)


def _parse(text: str) -> Any:
    """One triplet; a magnetic one carries a fourth entry, the time reversal, which moves no atom."""
    parts = text.lower().strip("'\" ").split(",")
    try:
        return gemmi.Op(",".join(parts[:3]) if len(parts) == 4 else text.lower().strip("'\" "))
    except (RuntimeError, ValueError) as error:
        raise StructureError(
            "S109", f"the symmetry operation '{text}' cannot be understood: {error}"
        ) from error
