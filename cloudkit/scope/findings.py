"""Findings of many strings as columns of numbers; messages are made only for the rows that are read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from cloudkit import _native
from cloudkit.errors import check_many
from cloudkit.scope.diagnostics import Diagnostic, validate


class Findings(Sequence[list[Diagnostic]]):
    """The findings of many strings: ``findings[i]`` equals ``validate(texts[i])``, made when it is read.

    Attributes
    ----------
    valid
        (n,) bool: no error in the row; warnings leave it valid.
    starts, codes, offsets, lengths
        All findings as columns of int64: row i has ``starts[i]:starts[i + 1]``; codes such as 203, offsets and lengths
        in bytes of UTF-8. ``np.diff(starts)`` counts the findings of each row.

    Examples
    --------
    >>> from cloudkit.scope import validate_batch
    >>> findings = validate_batch(["1 0 0 | Na 1a Cl 1b", "0 0 0 | Xx 1a"])
    >>> findings.valid.tolist(), findings.codes.tolist()
    ([True, False], [202])
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
        """(k,) int64: the row of each finding, aligned with `codes`."""
        return np.repeat(np.arange(len(self.texts)), np.diff(self.starts))

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        count = len(self.texts)
        return f"<Findings: {count:,} strings, {count - int(self.valid.sum()):,} invalid>"

    def _repr_html_(self) -> str:

        from cloudkit.html import paragraph, table, titled

        wrong = np.flatnonzero(~self.valid)
        codes = Counter(self.codes.tolist()).most_common()
        rows = [(row, one.code, one.message) for row in wrong[:MAX_ROWS].tolist() for one in self[row][:1]]
        more = paragraph(f"and {len(wrong) - MAX_ROWS:,} more invalid rows") if len(wrong) > MAX_ROWS else ""
        return titled(
            f"{len(self):,} strings, {len(wrong):,} invalid",
            table(("code", "findings"), codes) if codes else "",
            table(("row", "code", "first finding"), rows) if rows else "",
            more,
        )

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
        Number of threads that share the rows, this one included. They are started for this call and run without the GIL.

    Returns
    -------
    Findings
        One list of diagnostics per row, and all findings as columns.

    Raises
    ------
    TypeError
        If a row is not a str (the message has its number), or `texts` is a single str.

    Examples
    --------
    >>> from cloudkit import validate_batch
    >>> findings = validate_batch(["0 0 0 | H 1a", "0 0 0 | H 1b"])
    >>> findings.valid.tolist(), findings.codes.tolist()
    ([True, False], [203])
    """
    check_many(texts, "validate")
    rows = tuple(texts)
    return Findings(rows, *_native.check_batch(rows, threads))


MAX_ROWS: Final = 10  # invalid rows shown
