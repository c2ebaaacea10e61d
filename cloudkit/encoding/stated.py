"""The space group that a file states, compared with the one that is found."""

from dataclasses import replace
from typing import Final

from cloudkit.encoding.options import EncodeOptions
from cloudkit.errors import StructureError
from cloudkit.io import Record
from cloudkit.io.facts import contradicts_group, group_note
from cloudkit.structure.symmetry import find_symmetries

WIDER: Final = (0.03, 0.1, 0.2, 0.3)  # Å: tolerances at which a stated group is looked for that is not found


def group_notes(record: Record, space_group: int | None, options: EncodeOptions) -> tuple[str, ...]:
    """The note on a group found that contradicts the stated one, with the tolerance from which that is found, if any."""
    stated, crystal = record.stated, record.crystal
    if stated is None or crystal is None or space_group in (None, stated.number):
        return ()
    (found,) = find_symmetries([crystal], options.search)
    if isinstance(found, StructureError):
        return ()
    conventional = sum(orbit.multiplicity for orbit in found.orbits)
    if not contradicts_group(stated, found.space_group, len(crystal), conventional):
        return ()
    for symprec in WIDER:
        if symprec > options.symprec:
            (wider,) = find_symmetries([crystal], replace(options, symprec=symprec).search)
            if not isinstance(wider, StructureError) and wider.space_group == stated.number:
                return (group_note(stated, found.space_group, options.symprec, symprec),)
    return (group_note(stated, found.space_group, options.symprec, None),)
