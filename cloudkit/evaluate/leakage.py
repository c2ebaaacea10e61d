"""Leakage: which crystals a model was trained on, by string, or by composition and space group.

Crystals trained on with labels (geometry counts as a label) are stored in ``seen.npz`` as hashes, the first 5 bytes of SHA-256, so
that rows of a new table can be checked against a model folder.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cloudkit.errors import ModelError, ScopeError
from cloudkit.predict.arrays import read_arrays
from cloudkit.scope import Scope, parse

Hashes = npt.NDArray[np.uint64]
SEEN: Final = "seen.npz"


class Seen(NamedTuple):
    """Sorted hashes of strings and of compositions with space group."""

    strings: Hashes
    compositions: Hashes

    def marks(self, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return a mask (n,) of the strings that were seen, by string or by composition and space group."""
        hashes = hash_texts(texts, sort=False)
        by_string = np.isin(hashes.strings, self.strings)
        return np.asarray(by_string | np.isin(hashes.compositions, self.compositions))

    def save(self, path: Path) -> None:
        """Write both arrays as uint64, whose three highest bytes are 0 and take no space."""
        np.savez_compressed(path, strings=self.strings, compositions=self.compositions)


def hash_texts(texts: Iterable[str], *, sort: bool = True) -> Seen:
    """Hash strings; the hashes are sorted and distinct unless `sort` is False."""
    texts = list(texts)
    strings = np.array([_hash(text) for text in texts], dtype=np.uint64)
    compositions = np.array([_hash(composition_key(text)) for text in texts], dtype=np.uint64)
    return Seen(np.unique(strings), np.unique(compositions)) if sort else Seen(strings, compositions)


def load_seen(folder: Path) -> Seen:
    """Read the crystals that the model in a folder has seen; empty if it has no record."""
    if not (folder / SEEN).is_file():
        return hash_texts([])
    arrays = read_arrays(folder / SEEN)
    if not {"strings", "compositions"} <= arrays.keys():
        raise ModelError(
            f"{folder / SEEN} does not list strings and compositions; copy the model folder again"
        )
    return Seen(arrays["strings"], arrays["compositions"])


def join_seen(parts: Sequence[Seen]) -> Seen:
    """Return the union of several sets."""
    return Seen(
        np.unique(np.concatenate([part.strings for part in parts])),
        np.unique(np.concatenate([part.compositions for part in parts])),
    )


def composition_key(text: str) -> str:
    """Return composition, to two decimals as in reduced strings, and space group; text that is not SCOPE unchanged.

    Examples
    --------
    >>> rock_salt = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
    >>> composition_key(rock_salt)
    'Cl0.50 Na0.50 225'
    """
    try:
        scope = parse(text)
    except ScopeError:
        return text
    return f"{composition_text(scope)} {scope.space_group}"


def formula_key(text: str) -> str:
    """Return the composition to two decimals, shared by polymorphs; text that is not SCOPE unchanged."""
    try:
        return composition_text(parse(text))
    except ScopeError:
        return text


def composition_text(scope: Scope) -> str:
    """Return the atomic fractions to two decimals, sorted by symbol, equal for all dialects of a crystal."""
    counts = scope.composition
    total = sum(counts.values()) or 1.0
    return " ".join(f"{element}{counts[element] / total:.2f}" for element in sorted(counts))


def prototype_key(text: str) -> str:
    """Return space group and Wyckoff symbols without elements, shared by a prototype; text that is not SCOPE unchanged."""
    try:
        scope = parse(text)
    except ScopeError:
        return text
    return " ".join([str(scope.space_group), *sorted(orbit.symbol for orbit in scope.orbits)])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:5], "big")
