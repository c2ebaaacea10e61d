"""Arguments of a prediction: inputs -> one string each, or an error; temperatures as users write them -> an array in K."""

import json
import math
import os
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from math import gcd
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.encoding import Encoded, encode, encode_records
from cloudkit.encoding.table_rows import encode_table_file
from cloudkit.errors import CloudkitError, ScopeError, StructureError, count_noun
from cloudkit.io import classify, file_names, holds_structures, is_table, open_bytes, read_structures
from cloudkit.scope import parse, project
from cloudkit.units import Per


class Failure(NamedTuple):
    """An input without a prediction.

    Attributes
    ----------
    id : str
        Id of the input.
    code : str
        S..., error of a structure; E..., error of a string; P100, no string; P101, more tokens than the model reads;
        P102, a dialect that cannot be converted to the model's; P103, unknown number of atoms.
    message : str
        The error as a sentence.

    Examples
    --------
    >>> next(iter(encode_inputs([7]))).error.code
    'S112'
    >>> as_failure("my.cif", CloudkitError("there is no SCOPE string"), "P100")
    Failure(id='my.cif', code='P100', message='there is no SCOPE string')
    """

    id: str
    code: str
    message: str


class ModelInput(NamedTuple):
    """An input as the model reads it: its string in the model's dialect, and the atoms that one value covers (1: per atom)."""

    id: str
    text: str
    atoms: float


def encode_named(inputs: Sequence[str], column: str | None = None) -> Iterator[Encoded]:
    """Encode the inputs of a command line, in order: strings, rows of tables, and structures of files and folders.

    Parameters
    ----------
    inputs : sequence of str
        Strings and paths; the id of a string is its position, from 1.
    column : str, optional
        Column of tables with strings, structures or file names; default found automatically.

    Yields
    ------
    Encoded
        One per string, row or structure.

    Examples
    --------
    >>> [row.id for row in encode_named(["0 0 0 | Si 1a", "salt.vasp"])]
    ['1', 'salt.vasp']
    """
    names = file_names(inputs)
    return (
        row
        for number, given in enumerate(inputs, start=1)
        for row in (
            [Encoded(str(number), given)] if _is_string(given) else _encode_path(given, names, column)
        )
    )


def _is_string(given: str) -> bool:
    """Return whether an input is a SCOPE string, and not a file with a bar in its name."""
    return "|" in given and not os.path.exists(given)  # noqa: PTH110  Path.exists raises for a text too long for a name


def _encode_path(
    path: str, names: Mapping[str, str] | None = None, column: str | None = None
) -> Iterator[Encoded]:
    """Encode the crystals of a file, a table or a folder."""
    if _is_read_by_rows(path, column):
        return encode_table_file(path, column)
    return encode_records(read_structures([path], names, column))


def _is_read_by_rows(given: str, column: str | None) -> bool:
    """Return whether a file is read as a table, whose cells are strings or structures: .csv and .parquet are unless they have columns of
    a structure; .jsonl is if a column is given or its first line says so; a folder is if it holds shards of strings.
    """
    if Path(given).is_dir():
        return (Path(given) / "manifest.json").is_file()
    if not is_table(given) or not Path(given).is_file():
        return False
    if column is not None:
        return True
    if classify(given) != "lines":
        return not holds_structures(Path(given))
    try:
        with TextIOWrapper(open_bytes(given), "utf-8-sig") as file:
            first = json.loads(file.readline())
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and "scope" in first


def encode_inputs(inputs: Any) -> Iterator[Encoded]:
    """Encode one structure or string, or an iterable of them: a list, an array, a column of pandas, polars or Arrow.

    Text with a bar is SCOPE; other text is the path of a file, table or folder, read as on the command line. The id of an input is
    its position, its label in the index of a pandas Series, or its file name (the path if several files have the same name).
    """
    items = as_iterable(inputs)
    names = file_names([item for item in items if is_path(item)] if isinstance(items, Sequence) else [])
    index = _index(inputs)
    for position, item in enumerate(items):
        label = str(position) if index is None else index[position]
        if isinstance(item, str) and "|" in item:
            yield Encoded(label, item)
        elif is_path(item):
            rows = list(_encode_path(str(item)))
            name = label if index is not None else names.get(str(item)) or Path(item).name
            yield from [rows[0]._replace(id=name)] if len(rows) == 1 and not is_table(str(item)) else rows
        else:
            try:
                yield Encoded(label, encode(item))
            except StructureError as error:
                yield Encoded(label, None, error=error)


def _index(inputs: Any) -> list[Any] | None:
    """Return the index of a pandas Series; None for anything else."""
    index = getattr(inputs, "index", None)
    return None if index is None or callable(index) else list(index)


def is_path(item: object) -> bool:
    """Return whether an input is the path of a file."""
    return isinstance(item, PathLike) or (isinstance(item, str) and "|" not in item)


def as_strings(inputs: Any, dialect: str) -> list[str]:
    """Convert structures or strings to strings of one dialect. Raises CloudkitError naming the first that fails."""
    checked = [prepare_input(row, dialect, "atom") for row in encode_inputs(inputs)]
    raise_failures([item for item in checked if isinstance(item, Failure)], len(checked))
    return [item.text for item in checked if isinstance(item, ModelInput)]


def raise_failures(failures: Sequence[Failure], count: int) -> None:
    """Raise CloudkitError if any of `count` inputs failed, with the number of failures and the first of them."""
    if failures:
        first = f"input {failures[0].id}: {failures[0].code}: {failures[0].message}"
        raise CloudkitError(
            first if count == 1 else f"{len(failures)} of {count} inputs cannot be read; {first}"
        )


def report_failures(failures: Sequence[Failure], inputs: Any, rows: int) -> None:
    """Raise CloudkitError if a single input has no prediction; warn if some of many have none."""
    if not failures:
        return
    first = f"{failures[0].id}: {failures[0].code}: {failures[0].message}"
    if not rows and _is_single(inputs):
        raise CloudkitError(first)
    warnings.warn(
        f"{count_noun(len(failures), 'input')} without a prediction: values are NaN, with the reason as note; the first is {first}",
        stacklevel=3,
    )


def as_iterable(inputs: Any) -> Iterable[Any]:
    """Return the inputs as an iterable. Raises CloudkitError for anything but a structure, a string or a column of them."""
    if _is_single(inputs):
        return [inputs]
    if hasattr(inputs, "columns") or hasattr(inputs, "column_names"):
        raise CloudkitError(
            "expected a column of strings or structures, got a whole table; pass a column, such as table['scope']"
        )
    to_list = getattr(inputs, "to_pylist", None) or getattr(inputs, "tolist", None)  # of Arrow; of NumPy
    items: Iterable[Any] = to_list() if to_list else inputs
    return [items] if isinstance(items, str) else items  # a str from a 0-d array


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


def prepare_input(row: Encoded, dialect: str, per: Per) -> ModelInput | Failure:
    """Convert the string of an encoded row to the model's dialect, and count its atoms."""
    if row.scope is None:
        return as_failure(row.id, row.error or CloudkitError("there is no SCOPE string"), "P100")
    try:
        atoms = count_atoms(row.scope, per)
    except CloudkitError as error:
        return as_failure(row.id, error, "P103")
    try:
        return ModelInput(row.id, project(row.scope, dialect), atoms)
    except ScopeError as error:
        return as_failure(row.id, error, "P102")


def as_failure(id: str, error: CloudkitError, code: str) -> Failure:
    """Return the Failure that reports an error; `code` is for errors without a code."""
    if isinstance(error, StructureError):
        return Failure(id, error.code, f"{error.message}" + (f" ({error.hint})" if error.hint else ""))
    if isinstance(error, ScopeError) and error.diagnostics:
        first = error.diagnostics[0]
        return Failure(id, str(first.code), f"{first.message} at offset {first.offset}")
    return Failure(id, code, str(error))


def count_atoms(text: str, per: Per) -> float:
    """Return how many atoms the formula unit or conventional cell of a string has; 1 for `per` "atom".

    Raises CloudkitError if the string does not tell: reduced strings, and formula units with fractional amounts.
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
    integers = [round(count) for count in counts]
    if any(abs(count - near) > 1e-6 or near == 0 for count, near in zip(counts, integers, strict=True)):
        raise CloudkitError(
            "a formula unit needs whole numbers of atoms, and this crystal has partly filled sites"
        )
    return sum(integers) / gcd(*integers)


MAX_TEMPERATURES = 1_000_000  # a longer range is almost certainly a typo


def check_temperatures(values: Any) -> npt.NDArray[np.float64]:
    """Return temperatures in K as a float64 array (n,). Raises CloudkitError for a negative, NaN or infinite one.

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
    """Parse temperatures as written on the command line: ``300``, ``75,300``, ``0:600:10`` or ``0:100:5,300``.

    Parameters
    ----------
    text : str
        Numbers in K and ranges start:stop:step, separated by commas. A range includes its stop, even if the last step is shorter.

    Returns
    -------
    ndarray of float64
        Temperatures (n,) in K, in the order written.

    Raises
    ------
    CloudkitError
        For a part that is neither a number nor a range, and for a temperature that is negative or not finite.

    Examples
    --------
    >>> parse_temperatures("0:20:10,300")
    array([  0.,  10.,  20., 300.])
    """
    parts = [_parse_part(part.strip()) for part in text.split(",")]
    return check_temperatures(np.concatenate(parts))


def _parse_part(part: str) -> npt.NDArray[np.float64]:
    try:
        numbers = [float(number) for number in part.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return np.array(numbers)
    if len(numbers) != 3:
        raise CloudkitError(f"temperatures '{part}': write a number, or start:stop:step such as 0:600:10")
    return _range(part, *numbers)


def _range(part: str, start: float, stop: float, step: float) -> npt.NDArray[np.float64]:
    check_temperatures([start, stop])
    if not (math.isfinite(step) and step > 0 and stop >= start):
        raise CloudkitError(f"temperatures '{part}': start:stop:step needs stop >= start and a step above 0")
    if (stop - start) / step >= MAX_TEMPERATURES:
        raise CloudkitError(
            f"temperatures '{part}' are more than {MAX_TEMPERATURES:,} values; take a larger step"
        )
    count = math.floor((stop - start) / step + 1e-9)
    grid = start + step * np.arange(count + 1, dtype=np.float64)
    if stop - grid[-1] > 1e-9 * step:
        return np.append(grid, np.float64(stop))
    grid[-1] = stop
    return grid
