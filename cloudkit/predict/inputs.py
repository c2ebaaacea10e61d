"""What a prediction is asked: inputs -> a string each, or the error; and temperatures as users write them: ``300``, ``75,300`` or ``0:600:10`` (start:stop:step, end included)."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import gcd
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.encoding import Encoded, encode, encode_files
from cloudkit.encoding.table_rows import encode_table_file
from cloudkit.errors import CloudkitError, ScopeError, StructureError
from cloudkit.io import file_names, holds_structures, is_table
from cloudkit.scope import parse, project
from cloudkit.units import Per


class Failure(NamedTuple):
    """An input without a prediction.

    code: that of the structure or string (S..., E...), or P100: nothing to predict for, P101: longer than the model reads, P102: a dialect that cannot
    become the model's, P103: the number of atoms is not known.
    """

    id: str
    code: str
    message: str


class ModelInput(NamedTuple):
    """An input as the model reads it: its text in the dialect of the model, and the number of atoms per value, 1 per atom."""

    id: str
    text: str
    atoms: float


def gather(inputs: Any) -> Iterator[Encoded]:
    """Encoded rows of one structure or string, or of an iterable of them: lists, arrays, columns of pandas, polars and Arrow.

    Text with a bar is SCOPE, other text is the path of a file, a table, or a folder of files, read as on the command line. An id is
    the position in the iterable, or the index of a pandas Series; of a path the file's name, or the path itself where several in a
    list end in one name.
    """
    given = listed(inputs)
    paths = [one for one in given if is_path(one)] if isinstance(given, Sequence) else []
    names = file_names(paths)
    index = _index(inputs)
    for place, one in enumerate(given):
        own = str(place) if index is None else index[place]
        if isinstance(one, str) and "|" in one:
            yield Encoded(own, one)
        elif is_path(one):
            found = list(_from_path(Path(one)))
            name = own if index is not None else names.get(str(one)) or Path(one).name
            yield from [found[0]._replace(id=name)] if len(found) == 1 and not is_table(str(one)) else found
        else:
            try:
                yield Encoded(own, encode(one))
            except StructureError as error:
                yield Encoded(own, None, error=error)


def _from_path(path: Path) -> Iterator[Encoded]:
    """The crystals of a file, a table or a folder."""
    if path.exists() and is_table(str(path)) and not holds_structures(path):
        return encode_table_file(str(path))
    return encode_files([path])


def _index(inputs: Any) -> list[Any] | None:
    """The index of a pandas Series; None for all else."""
    index = getattr(inputs, "index", None)
    return None if index is None or callable(index) else list(index)


def is_path(one: object) -> bool:
    """Whether an input is the path of a file."""
    return isinstance(one, PathLike) or (isinstance(one, str) and "|" not in one)


def as_strings(inputs: Any, dialect: str) -> list[str]:
    """A string of a dialect for each structure or string. Raises CloudkitError naming the first that has none."""
    found = [prepare(one, dialect, "atom") for one in gather(inputs)]
    refuse([one for one in found if isinstance(one, Failure)], len(found))
    return [one.text for one in found if isinstance(one, ModelInput)]


def refuse(failures: Sequence[Failure], count: int) -> None:
    """Raise CloudkitError, naming the first and their number, where any of `count` inputs has failed."""
    if failures:
        first = f"input {failures[0].id}: {failures[0].code}: {failures[0].message}"
        raise CloudkitError(f"{len(failures)} of {count} inputs cannot be read; {first}")


def say_failures(failures: Sequence[Failure], inputs: Any, rows: int) -> None:
    """Raise CloudkitError where a single input has no prediction; warn where some of many have none."""
    if not failures:
        return
    first = f"{failures[0].id}: {failures[0].code}: {failures[0].message}"
    if not rows and _is_single(inputs):
        raise CloudkitError(first)
    warnings.warn(
        f"{len(failures)} inputs have no prediction: their values are NaN, with the reason as note; the first is {first}",
        stacklevel=3,
    )


def listed(inputs: Any) -> Iterable[Any]:
    """The inputs one by one. Raises CloudkitError for what is neither a structure nor a column of them."""
    if _is_single(inputs):
        return [inputs]
    if hasattr(inputs, "columns") or hasattr(inputs, "column_names"):
        raise CloudkitError(
            "expected a column of strings or structures, got a whole table; pass a column, such as table['scope']"
        )
    plain = getattr(inputs, "to_pylist", None) or getattr(inputs, "tolist", None)  # of Arrow; of arrays
    found: Iterable[Any] = plain() if plain else inputs
    return [found] if isinstance(found, str) else found  # of an array without dimensions


def _is_single(inputs: Any) -> bool:
    if (
        isinstance(inputs, str | bytes | PathLike | Mapping)
        or hasattr(inputs, "lattice")
        or hasattr(inputs, "get_scaled_positions")
    ):
        return True
    if isinstance(inputs, tuple) and len(inputs) == 3 and isinstance(inputs[0], list | tuple | np.ndarray):
        return np.shape(inputs[0]) == (3, 3)
    if not isinstance(inputs, Iterable):
        raise CloudkitError(f"a {type(inputs).__name__} is not a structure, SCOPE text or a list of these")
    return False


def prepare(one: Encoded, dialect: str, per: Per) -> ModelInput | Failure:
    """Check one record, convert its string to the model's dialect, and count its atoms."""
    if one.scope is None:
        return failure(one.id, one.error or CloudkitError("there is no SCOPE string"), "P100")
    try:
        atoms = atoms_of(one.scope, per)
    except CloudkitError as error:
        return failure(one.id, error, "P103")
    try:
        return ModelInput(one.id, project(one.scope, dialect), atoms)
    except ScopeError as error:
        return failure(one.id, error, "P102")


def failure(name: str, error: CloudkitError, code: str) -> Failure:
    """The Failure of an error; `code` is used if the error has no code."""
    if isinstance(error, StructureError):
        return Failure(name, error.code, f"{error.message}" + (f" ({error.hint})" if error.hint else ""))
    if isinstance(error, ScopeError) and error.diagnostics:
        first = error.diagnostics[0]
        return Failure(name, str(first.code), f"{first.message} at offset {first.offset}")
    return Failure(name, code, str(error))


def atoms_of(text: str, per: Per) -> float:
    """Atoms of the conventional cell or of the formula unit of a string; 1 for `per` "atom".

    Raises CloudkitError where the string does not say (reduced strings; formula units that are not whole).
    """
    scope = parse(text)
    if per == "atom":
        return 1.0
    if scope.dialect != "orbit":
        raise CloudkitError(
            f"a {scope.dialect} string does not contain the number of atoms of a {per}; use an orbit string, or per atom"
        )
    counts = list(scope.composition.values())
    if per == "cell":
        return sum(counts)
    whole = [round(count) for count in counts]
    if any(abs(count - near) > 1e-6 or near == 0 for count, near in zip(counts, whole, strict=True)):
        raise CloudkitError(
            "a formula unit needs whole numbers of atoms, and this crystal has partly filled sites"
        )
    return sum(whole) / gcd(*whole)


MAX_TEMPERATURES = 1_000_000  # a longer range is almost certainly a typo


def check_temperatures(values: Any) -> npt.NDArray[np.float64]:
    """Return temperatures in K as a float64 array (n,); raises CloudkitError naming a negative, NaN or infinite one.

    Examples
    --------
    >>> check_temperatures([100, 300])
    array([100., 300.])
    """
    try:
        array = np.array(values, dtype=np.float64).ravel()  # a copy: columns of pandas cannot be written to
    except (TypeError, ValueError):
        raise CloudkitError(
            f"temperatures must be numbers in K, such as [100, 298.15] or range(0, 601, 10); found {values!r}"
        ) from None
    if array.size == 0:
        raise CloudkitError("no temperature given; give at least one, in K, for example 300")
    wrong = array[~np.isfinite(array) | (array < 0)]
    if wrong.size:
        raise CloudkitError(f"temperature {wrong[0]:g} K: temperatures are finite and 0 K or above")
    return array


def parse_temperatures(text: str) -> npt.NDArray[np.float64]:
    """Parse ``300``, ``75,300``, ``0:600:10`` or a mix such as ``0:100:5,300`` into temperatures (n,) in K, in the order written.

    A range includes its start and its end, even if the last step is shorter.
    Raises CloudkitError naming the part that is wrong.

    Examples
    --------
    >>> parse_temperatures("0:20:10,300")
    array([  0.,  10.,  20., 300.])
    """
    pieces = [_parse_part(piece.strip()) for piece in text.split(",")]
    return check_temperatures(np.concatenate(pieces))


def _parse_part(piece: str) -> npt.NDArray[np.float64]:
    try:
        numbers = [float(number) for number in piece.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return np.array(numbers)
    if len(numbers) != 3:
        raise CloudkitError(f"temperatures '{piece}': write a number, or start:stop:step such as 0:600:10")
    return _range(piece, *numbers)


def _range(piece: str, start: float, stop: float, step: float) -> npt.NDArray[np.float64]:
    check_temperatures([start, stop])
    if not (math.isfinite(step) and step > 0 and stop >= start):
        raise CloudkitError(f"temperatures '{piece}': start:stop:step needs stop >= start and a step above 0")
    if (stop - start) / step >= MAX_TEMPERATURES:
        raise CloudkitError(
            f"temperatures '{piece}' are more than {MAX_TEMPERATURES:,} values; take a larger step"
        )
    count = math.floor((stop - start) / step + 1e-9)
    grid = start + step * np.arange(count + 1, dtype=np.float64)
    if stop - grid[-1] > 1e-9 * step:
        return np.append(grid, np.float64(stop))
    grid[-1] = stop
    return grid
