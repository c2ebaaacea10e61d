"""One structure of the input, whatever it came from."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from cloudkit.errors import StructureError
from cloudkit.io.facts import StatedGroup
from cloudkit.structure.crystal import Crystal
from cloudkit.structure.symmetry import CODES

NO_COLUMNS: Final[Mapping[str, object]] = {}


class Record(NamedTuple):
    """One structure of the input: a crystal, or the error that says why there is none.

    Attributes
    ----------
    id : str
        Its name: the file, with #block or #row where a file has several structures.
    crystal : Crystal or None
        The structure.
    error : StructureError or None
        Why there is no crystal.
    notes : tuple of str
        What was left out or assumed, and what contradicts what the file states.
    stated : StatedGroup or None
        The space group that the file states, to be compared with the one that is found.
    kept : mapping
        The other columns of the row of a table that it comes from.

    Examples
    --------
    >>> from cloudkit.io import read_structures
    >>> good, bad = read_structures(["salt.vasp", "missing.cif"])
    >>> len(good.crystal), bad.error.code
    (2, 'S101')
    """

    id: str
    crystal: Crystal | None
    error: StructureError | None = None
    notes: tuple[str, ...] = ()
    stated: StatedGroup | None = None
    kept: Mapping[str, object] = NO_COLUMNS

    @property
    def reason(self) -> StructureError:
        """Why there is no crystal, where there is none."""
        return self.error or no_structure()


def no_structure() -> StructureError:
    """S104, of a file that was read and holds none."""
    return StructureError("S104", CODES["S104"])
