"""One structure of the input, whatever it came from."""

from typing import NamedTuple

from cloudkit.errors import StructureError
from cloudkit.structure.codes import CODES
from cloudkit.structure.crystal import Crystal


class Record(NamedTuple):
    """One structure of the input: a crystal or the reason why there is none; `notes` says what was left out
    or assumed.
    """

    id: str
    crystal: Crystal | None
    error: StructureError | None = None
    notes: tuple[str, ...] = ()

    @property
    def reason(self) -> StructureError:
        """Why there is no crystal, where there is none."""
        return self.error or no_structure()


def no_structure() -> StructureError:
    """S104, of a file that was read and holds none."""
    return StructureError("S104", CODES["S104"])
