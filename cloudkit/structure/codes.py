"""Every code that a structure can fail with; codes never change their meaning, new ones are added at the end.

S1xx: what was given cannot be read as a crystal.  S2xx: the crystal is not physical.
S3xx: the symmetry engine failed.
"""

from typing import Final

CODES: Final = {
    "S101": "the file is missing, empty, damaged or may not be read",
    "S102": "the kind of file is not recognised",
    "S103": "the text breaks the rules of its file format",
    "S104": "there is no crystal structure in the file",
    "S105": "the unit cell is missing, incomplete or impossible",
    "S106": "atoms without coordinates",
    "S107": "the name of an atom is not a chemical element",
    "S108": "an occupancy, or the sum of those on one site, is not possible",
    "S109": "the symmetry that the file states cannot be understood",
    "S110": "the symmetry operations in the file do not form a group",
    "S111": "one structure was wanted, the file has several",
    "S112": "the object is not a structure, or parts of it are missing",
    "S113": "the structure is not periodic in all three directions",
    "S114": "the structure has features that sites in a cell cannot express",
    "S115": "a member of an archive is not read: its path, kind or size is not safe",
    "S116": "the archive, or the file, is too large or too many for what is read at once",
    "S117": "what the file states contradicts itself",
    "S201": "the crystal has no atoms",
    "S202": "a length or coordinate is not a finite, sensible number",
    "S203": "the unit cell has no volume",
    "S204": "a species is not a chemical element",
    "S205": "an occupancy is outside (0, 1]",
    "S206": "two atoms are too close to each other",
    "S207": "the cell has too many atoms for a search for symmetry",
    "S301": "the engine finds no space group",
    "S302": "the engine's orbits contradict its space group",
    "S303": "the engine crashed",
    "S304": "the search for symmetry takes more comparisons than the limit",
}
