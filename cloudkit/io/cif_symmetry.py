"""The symmetry that a CIF states: its operations, its Hall symbol, the name and the number of its group, each held against the others.

What a file leaves open (the origin of "F d -3 m", the axes of "R -3", the unique axis of "P 2/m") comes back as several readings,
of which the cell rules some out here, and the atoms decide among the rest (cif_sites.py).
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

import gemmi
import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError, nearest
from cloudkit.io.facts import StatedGroup
from cloudkit.io.operations import Operations, parse_operations
from cloudkit.io.settings import MONOCLINIC, find_hall, find_settings, settings_of, with_code

MAX_STRAIN: Final = 0.05  # largest relative change of the cell's metric under an operation; 0.001 is common, 0.005 unconstrained
MAGNETIC_TAGS: Final = (
    "_space_group_symop_magn_operation.xyz",
    "_space_group_symop_magn_operation_xyz",
    "_space_group_symop.magn_operation_xyz",
    "_space_group_symop.magn_operation.xyz",
)
OPERATION_TAGS: Final = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
    *MAGNETIC_TAGS,
)
CENTERING_TAGS: Final = (
    "_space_group_symop_magn_centering.xyz",
    "_space_group_symop_magn_centering_xyz",
    "_space_group_symop.magn_centering_xyz",
    "_space_group_symop.magn_centering.xyz",
)
HALL_TAGS: Final = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall", "_space_group.name_Hall")
NAME_TAGS: Final = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group.name_H-M_alt",
    "_symmetry.space_group_name_H-M",
    "_space_group_name_H-M_ref",
    "_symmetry_space_group_name_H-M_alt",
    "_space_group_name_H-M_full",
    "_symmetry_space_group_name_H-M_full",
)
NUMBER_TAGS: Final = (
    "_space_group_IT_number",
    "_symmetry_Int_Tables_number",
    "_space_group.IT_number",
    "_symmetry.Int_Tables_number",
)
CODE_TAGS: Final = (
    "_space_group_IT_coordinate_system_code",
    "_space_group.IT_coordinate_system_code",
    "_symmetry_space_group_setting",
)


class Reading(NamedTuple):
    """One way to read the symmetry of a block. words: what it is, for a note that says so."""

    operations: Operations
    words: str


class Readings(NamedTuple):
    """first: readings that nothing but the atoms can tell apart, the usual one first. others: what is tried where the atoms
    contradict all of those. stated: the group that the file states, if it states one.
    """

    first: tuple[Reading, ...]
    others: tuple[Reading, ...]
    notes: tuple[str, ...]
    stated: StatedGroup | None


def read_symmetry(block: Any, lattice: NDArray[np.float64]) -> Readings:
    """The ways to read the symmetry of a gemmi block.

    Raises StructureError S109 if what the file states cannot be understood, S110 if its operations do not form a group, S117 where
    no operation fits the cell.
    """
    triplets = _values(block, OPERATION_TAGS)
    notes = []
    if triplets and any(len(block.find_values(tag)) for tag in MAGNETIC_TAGS):
        notes.append("magnetic moments are ignored: the nuclear structure is read")
    listed = parse_operations(tuple(triplets), tuple(_values(block, CENTERING_TAGS))) if triplets else None
    hall, name, number, code = (
        next(iter(_values(block, tags)), "") for tags in (HALL_TAGS, NAME_TAGS, NUMBER_TAGS, CODE_TAGS)
    )
    group = _stated_group(hall, name, number, code)
    notes += group.notes
    if listed is None and not (hall or name or number):
        return Readings((_identity(),), (), (*notes, "the file states no symmetry: read as P1"), None)
    if listed is None and not group.readings:
        raise StructureError(
            "S109",
            f"the file lists no symmetry operations, and {group.unknown} is not known",
            _near_names(name),
        )
    return _fitting(listed, group, tuple(notes), lattice)


def _near_names(name: str) -> str:
    """What to do about a name that is not understood: the nearest known one, or list the operations."""
    near = nearest(name, [one.xhm() for one in gemmi.spacegroup_table()], cutoff=0.75)
    did = f"did you mean '{near[0]}'? Otherwise " if near else ""
    return f"{did}list the operations in _space_group_symop_operation_xyz"


def _fitting(
    listed: Operations | None, group: "_StatedReadings", notes: tuple[str, ...], lattice: NDArray[np.float64]
) -> Readings:
    """The readings whose operations are isometries of the cell."""
    stated = group.stated
    named = tuple(one for one in group.readings if fits_cell(one.operations, lattice))
    if listed is None:
        if named:
            if named[0] is not group.readings[0] and _number(stated) in MONOCLINIC:
                notes = (
                    *notes,
                    f"the cell shows the unique axis: {_name(stated)} is read as {named[0].words}",
                )
            if _number(stated) in MONOCLINIC:  # a right-angled cell fits every unique axis
                return Readings(named[:1], (*named[1:], *group.others), notes, stated)
            return Readings(named, group.others, notes, stated)
        others = tuple(one for one in group.relatives if fits_cell(one.operations, lattice))
        if others:
            note = (
                f"the operations of {group.readings[0].words} do not fit the cell: read as {others[0].words}"
            )
            return Readings(others, (), (*notes, note), stated)
        words = f"the operations of {group.readings[0].words} are not symmetries of the cell, since they change its lengths and angles"
        return Readings((), (_identity(),), (*notes, words), stated)
    count = len(listed.rotations)
    own = Reading(listed, f"the {count} operations listed" if count > 1 else "the only operation listed")
    if not fits_cell(listed, lattice):
        words = (
            "the operations listed are not symmetries of the cell, since they change its lengths and angles"
        )
        return Readings((), (*named, _identity()), (*notes, words), stated)
    if fault := _listed_fault(listed, group):
        notes = (*notes, fault)
    others = tuple(one for one in named if not _same(one.operations, listed))  # programs forget operations
    return Readings((own,), others, notes, stated)


def _number(stated: StatedGroup | None) -> int:
    return stated.number if stated else 0


def _name(stated: StatedGroup | None) -> str:
    return stated.name if stated else ""


def fits_cell(operations: Operations, lattice: NDArray[np.float64]) -> bool:
    """Whether all operations are isometries of a cell: R'GR = G, up to what an unconstrained refinement does to it."""
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    turned = np.einsum("kji,jl,klm->kim", operations.rotations, metric, operations.rotations)
    return bool((np.abs(turned - metric) <= MAX_STRAIN * np.outer(lengths, lengths)).all())


class _StatedReadings(NamedTuple):
    """What Hall symbol, name, number and code say together. others: what the name says where the Hall symbol says otherwise;
    relatives: other settings of the same group; unknown: what was not understood.
    """

    readings: tuple[Reading, ...]
    others: tuple[Reading, ...]
    relatives: tuple[Reading, ...]
    stated: StatedGroup | None
    notes: tuple[str, ...]
    unknown: str


@lru_cache(maxsize=1024)
def _stated_group(hall: str, name: str, number: str, code: str) -> _StatedReadings:
    """The settings that are meant; the Hall symbol goes before the name, and the name before the number."""
    notes: list[str] = []
    of_hall = find_hall(hall) if hall else None
    named = find_settings(name)
    stated = int(number) if number.isdecimal() and 1 <= int(number) <= 230 else 0
    settings = named.settings
    unknown = f"the space group name '{name}'" if name else f"the space group number '{number}'"
    if hall and of_hall is None and not settings and not stated:
        unknown = f"the Hall symbol '{hall}'"
    if settings and stated and stated not in {one.number for one in settings}:
        notes.append(
            f"the name {name} is of group {settings[0].number}, the number stated is {stated}: read by the name"
        )
    if not settings and stated:
        settings = settings_of(stated)
        if name:
            notes.append(f"the space group name '{name}' is not understood: read by the number, {stated}")
    fitting = with_code(settings, code)
    if fitting:
        settings = fitting
    elif code and settings and with_code(settings_of(settings[0].number), code):
        notes.append(f"the coordinate system code {code} is not that of {name or number}: read by the latter")
    readings = tuple(_of_setting(one) for one in settings)
    others: tuple[Reading, ...] = ()
    group = settings[0] if settings else None
    if of_hall is not None:
        known = gemmi.find_spacegroup_by_ops(of_hall)
        mine = Reading(_as_arrays(of_hall), f"Hall symbol {hall}")
        same = [one for one in readings if _same(one.operations, mine.operations)]
        if readings and not same and (named.settings or stated):
            what = f"the name {name}" if named.settings else f"the number {stated}"
            notes.append(
                f"the Hall symbol {hall} and {what} are of different settings: read by the Hall symbol"
            )
            others = readings
        readings = (mine,)
        group = known or group
    operations = len(readings[0].operations.rotations) if readings else 0
    relatives = tuple(_of_setting(one) for one in settings_of(group.number)) if group else ()
    text = (
        name
        if named.settings and group and group.number == named.settings[0].number
        else group.hm
        if group
        else ""
    )
    return _StatedReadings(
        readings,
        others,
        relatives,
        StatedGroup(group.number, text, operations) if group else None,
        tuple(notes),
        unknown,
    )


def _listed_fault(listed: Operations, group: _StatedReadings) -> str:
    """How the operations listed contradict the group stated, if they do. A list of fewer operations is not a contradiction: a
    file may list all atoms of its cell, and the group that is found for them is compared later.
    """
    if not group.readings or group.stated is None:
        return ""
    own, stated = len(listed.rotations), group.stated
    if own < stated.operations:
        return ""
    if any(_same(listed, one.operations) for one in group.readings):
        return ""
    known = _number_of(_key(listed))
    text = f"the file states {stated.name} ({stated.number})"
    if known and known[0] != stated.number:
        return f"{text}, its operations are those of {known[1]} ({known[0]}): read by the operations"
    if own > stated.operations:
        return f"{text} with {stated.operations} operations, and lists {own}: read by the operations"
    if known:
        return f"{text}, its operations are those of the setting {known[1]}: read by the operations"
    return ""


@lru_cache(maxsize=1024)
def _number_of(key: tuple[tuple[int, ...], ...]) -> tuple[int, str] | None:
    """Number and name of the setting that has these operations; None where gemmi's table has none."""
    ops = []
    for numbers in key:
        op = gemmi.Op()
        op.rot = [[gemmi.Op.DEN * x for x in numbers[at : at + 3]] for at in (0, 3, 6)]
        op.tran = list(numbers[9:])
        ops.append(op)
    found = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(ops))
    return (found.number, found.xhm()) if found else None


def _key(operations: Operations) -> tuple[tuple[int, ...], ...]:
    """The operations as whole numbers, sorted; translations in 1/24."""
    rotations = np.rint(operations.rotations).astype(int).reshape(-1, 9)
    shifts = np.rint(operations.translations * gemmi.Op.DEN).astype(int) % gemmi.Op.DEN
    return tuple(sorted(map(tuple, np.hstack([rotations, shifts]).tolist())))


def _same(first: Operations, second: Operations) -> bool:
    return len(first.rotations) == len(second.rotations) and _key(first) == _key(second)


@lru_cache(maxsize=640)
def _reading(number: int, xhm: str, hall: str) -> Reading:
    return Reading(_as_arrays(gemmi.symops_from_hall(hall)), f"{xhm} ({number})")


def _of_setting(setting: Any) -> Reading:
    return _reading(setting.number, setting.xhm(), setting.hall)


def _as_arrays(group: Any) -> Operations:
    ops = list(group)
    return Operations(
        np.array([op.rot for op in ops], dtype=np.float64) / gemmi.Op.DEN,
        np.array([op.tran for op in ops], dtype=np.float64) / gemmi.Op.DEN,
    )


def _identity() -> Reading:
    return Reading(Operations(np.eye(3)[None], np.zeros((1, 3))), "P1")


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
