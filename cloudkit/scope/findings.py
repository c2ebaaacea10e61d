"""What is wrong with many strings at once: columns for counting, words only for the rows that are asked for."""

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from cloudkit import _native
from cloudkit.errors import check_many
from cloudkit.scope.diagnostics import Diagnostic, validate


class Findings(Sequence[list[Diagnostic]]):
    """The findings of many strings: ``findings[i]`` is what ``validate(texts[i])`` returns, made when asked for.

    Attributes
    ----------
    valid
        (n,) bool: no error in the row; warnings leave it valid.
    starts, codes, offsets, lengths
        All findings as columns of int64: those of row i lie at ``starts[i]:starts[i + 1]``; codes such as 203, offsets
        and lengths in bytes of UTF-8. ``np.diff(starts)`` counts them by row.
    """

    __slots__ = ("codes", "lengths", "offsets", "starts", "texts", "valid")

    def __init__(self, texts: tuple[str, ...], starts: NDArray[np.int64], issues: NDArray[np.int64]) -> None:
        self.texts = texts
        self.starts = starts
        self.codes, self.offsets, self.lengths = issues.T
        self.valid = np.ones(len(texts), np.bool_)
        if len(issues):
            self.valid[self.rows[self.codes < 400]] = False

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of each finding, beside `codes`."""
        return np.repeat(np.arange(len(self.texts)), np.diff(self.starts))

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        count = len(self.texts)
        return f"<Findings: {count:,} strings, {count - int(self.valid.sum()):,} invalid>"

    def _repr_html_(self) -> str:
        from cloudkit.scope.notebook import findings_html

        return findings_html(self)

    @overload
    def __getitem__(self, row: int) -> list[Diagnostic]: ...
    @overload
    def __getitem__(self, row: slice) -> list[list[Diagnostic]]: ...
    def __getitem__(self, row: int | slice) -> list[Diagnostic] | list[list[Diagnostic]]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        return validate(self.texts[row]) if self.starts[row + 1] > self.starts[row] else []


def validate_batch(texts: Iterable[str], threads: int = 1) -> Findings:
    """Check many strings against grammar, tables and semantics, as `validate` checks one.

    Parameters
    ----------
    texts
        Any iterable of str; it is read before the work starts.
    threads
        How many threads share the rows, this one included; they live for this call and work without the GIL.

    Raises
    ------
    TypeError
        For a row that is no str, which it names, and for one text in place of many.
    """
    check_many(texts, "validate")
    rows = tuple(texts)
    return Findings(rows, *_native.check_batch(rows, threads))
