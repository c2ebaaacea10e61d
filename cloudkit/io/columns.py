"""Many crystals as a few arrays, the form in which other programs hold them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cloudkit.errors import StructureError
from cloudkit.io.objects import read_site
from cloudkit.io.record import Record
from cloudkit.structure.crystal import Crystal, build_numbered, plain_species
from cloudkit.structure.elements import Atom, Parts
from cloudkit.tables import ELEMENTS
from cloudkit.tables.composition import Species, sort_species

_HINT: Final = "offsets begin with 0, do not fall, and end with the number of positions"
_PURE: Final[dict[int, Parts | StructureError]] = {
    element.number: ((Atom(element.symbol), 1.0),) for element in ELEMENTS
}


class Columns:
    """Many crystals as a few arrays, which are not copied where they have the types below.

    What is wrong with one crystal (its offsets, numbers or coordinates) is the error of that row alone.

    Parameters
    ----------
    lattices : array (n, 3, 3), float64
        Rows of each are cell vectors in Å.
    positions : array (N, 3), float64
        Fractional coordinates of the atoms of all crystals.
    numbers : array (N,), integers
        Atomic numbers, or indices into `species` where that is given.
    offsets : array (n + 1,), integers
        Crystal k has the atoms ``offsets[k]`` to ``offsets[k + 1]``.
    species : sequence, optional
        What a site may hold: atomic numbers, symbols such as "Fe2+", or {symbol: occupancy}.
    ids : sequence of str, optional
        Names of the crystals, by default their numbers from 0.

    Raises
    ------
    StructureError
        S112, if the shapes do not fit.

    Examples
    --------
    >>> cubes = [[[a, 0, 0], [0, a, 0], [0, 0, a]] for a in (2.87, 4.12)]
    >>> positions = [[0, 0, 0], [0.5, 0.5, 0.5]] * 2
    >>> columns = Columns(cubes, positions, [26, 26, 55, 17], [0, 2, 4], ids=["iron", "CsCl"])
    >>> [(record.id, len(record.crystal)) for record in columns.records()]
    [('iron', 2), ('CsCl', 2)]
    """

    def __init__(
        self,
        lattices: ArrayLike,
        positions: ArrayLike,
        numbers: ArrayLike,
        offsets: ArrayLike,
        species: Sequence[Any] | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        try:
            self.lattices = np.ascontiguousarray(lattices, np.float64)
            self.positions = np.ascontiguousarray(positions, np.float64)
            self.numbers, self.offsets = np.asarray(numbers), np.asarray(offsets)
        except (TypeError, ValueError, OverflowError) as error:
            raise StructureError("S112", f"the columns are not arrays of numbers: {error}") from error
        self.ids = ids
        self._kinds = _PURE if species is None else dict(enumerate(map(_read, species)))
        self._check_shapes()

    def __len__(self) -> int:
        return len(self.lattices)

    def records(self) -> Iterator[Record]:
        """One record per crystal, in order."""
        return map(self.record, range(len(self)))

    def record(self, row: int) -> Record:
        """One crystal, or what is wrong with it."""
        start, end = int(self.offsets[row]), int(self.offsets[row + 1])
        if not 0 <= start <= end <= len(self.positions):
            fault = StructureError("S112", f"atoms {start} to {end} do not exist", _HINT)
            return Record(self.id(row), None, fault)
        crystal = self._crystal(row, start, end)
        if isinstance(crystal, StructureError):
            return Record(self.id(row), None, crystal)
        return Record(self.id(row), crystal)

    def id(self, row: int) -> str:
        """The id of a crystal: its number from 0 where none were given."""
        return str(row) if self.ids is None else self.ids[row]

    def packed(self) -> tuple[NDArray[np.int32], tuple[Species, ...]] | None:
        """Labels (N,) and what each stands for, as the core takes them; without species the labels are atomic numbers.

        None where an offset or an entry of `species` is wrong, so that rows must be looked at one by one.
        """
        offsets, numbers = self.offsets, self.numbers
        if (np.diff(offsets) < 0).any() or offsets[0] < 0 or offsets[-1] > len(self.positions):
            return None
        if len(numbers) and not (numbers.min() > -1 and numbers.max() < 2**31):
            return None
        if self._kinds is _PURE:
            return numbers.astype(np.int32), ()
        parts = list(self._kinds.values())
        kinds = [plain_species(p) for p in parts if not isinstance(p, StructureError)]
        if len(kinds) < len(parts) or not kinds or (len(numbers) and numbers.max() >= len(kinds)):
            return None
        keys = [sort_species(species) for species in kinds]
        first = np.array([keys.index(key) for key in keys], np.int32)  # oxidation states do not count
        return first[numbers], tuple(kinds)

    def _crystal(self, row: int, start: int, end: int) -> Crystal | StructureError:
        numbers = self.numbers[start:end].tolist()
        order = {number: i for i, number in enumerate(dict.fromkeys(numbers))}
        kinds: list[Parts] = []
        for number in order:
            kind = self._kinds.get(number)
            if kind is None:
                known = "an atomic number" if self._kinds is _PURE else "an index into species"
                return StructureError("S107", f"{number} is not {known}")
            if isinstance(kind, StructureError):
                return kind
            kinds.append(kind)
        return build_numbered(
            self.lattices[row], self.positions[start:end], [order[number] for number in numbers], kinds
        )

    def _check_shapes(self) -> None:
        n, n_sites = len(self.lattices), len(self.positions)
        shapes = {
            "lattices": (self.lattices.shape, (n, 3, 3)),
            "positions": (self.positions.shape, (n_sites, 3)),
            "numbers": (self.numbers.shape, (n_sites,)),
            "offsets": (self.offsets.shape, (n + 1,)),
        }
        for name, (found, wanted) in shapes.items():
            if found != wanted:
                raise StructureError("S112", f"{name} has the shape {found}, not {wanted}")
        for name in ("numbers", "offsets"):
            if getattr(self, name).dtype.kind not in "iu":
                raise StructureError("S112", f"{name} must hold integers, not {getattr(self, name).dtype}")


def _read(entry: Any) -> Parts | StructureError:
    try:
        return read_site(entry)
    except StructureError as error:
        return error
    except (TypeError, ValueError, OverflowError) as error:
        return StructureError("S112", f"{entry!r} is not an atom or a mixture of atoms: {error}")
