"""Text to ids: the published vocabulary ("cloud", 564 tokens) and one with a token per symbol ("compact", 641)."""

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloudkit import _native
from cloudkit.errors import CloudkitError, ScopeError, check_many
from cloudkit.scope import validate
from cloudkit.scope.tree import check

KINDS: Final = ("special", "bar", "space_group", "wyckoff", "element", "fraction")  # of compact tokens


def refusal(text: str) -> ScopeError:
    """The error for a text without compact ids: it is invalid, or has a word that is not in the vocabulary."""
    try:
        check(text)
    except ScopeError as error:
        return error
    found = next(d for d in validate(text) if d.code == "W403")
    site = text.encode()[found.offset : found.offset + found.length].decode()
    return ScopeError(
        "the compact vocabulary has no tokens for oxidation states and for occupancies of more than two decimals, "
        f"as in '{site}'; canonical strings have neither"
    )


class Tokenizer:
    """Encode text as ids with [CLS] … [SEP], without padding or truncation.

    Parameters
    ----------
    name
        "cloud" encodes any text, as the published tokenizer does; "compact" only valid SCOPE.

    Raises
    ------
    CloudkitError
        If there is no such vocabulary.

    Examples
    --------
    >>> from cloudkit import Tokenizer
    >>> tokenizer = Tokenizer("compact")
    >>> ids = tokenizer.encode("1 0 0 | Na 1a Cl 1b")
    >>> ids.tolist()
    [0, 7, 432, 236, 438, 237, 2]
    >>> tokenizer.decode(ids)
    '1 0 0 | Na 1a Cl 1b'
    """

    cls_id: Final = 0
    pad_id: Final = 1
    sep_id: Final = 2
    unk_id: Final = 3
    mask_id: Final = 4

    def __init__(self, name: str = "compact") -> None:
        if name not in ("cloud", "compact"):
            raise CloudkitError(f"unknown vocabulary '{name}'; known: cloud, compact")
        self.name = name
        text = resources.files("cloudkit.vocab").joinpath(f"{name}.txt").read_text("ascii")
        self.vocabulary: tuple[str, ...] = tuple(text.splitlines())

    def __repr__(self) -> str:
        return f"Tokenizer({self.name!r})"

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.vocabulary)

    def encode(self, text: str) -> NDArray[np.uint16]:
        """Ids of one text, including [CLS] and [SEP].

        Parameters
        ----------
        text
            A string; `compact` needs a valid one.

        Returns
        -------
        (n,) uint16
            The ids.

        Raises
        ------
        ScopeError
            If `compact` cannot encode the text, with all diagnostics.
        """
        ids = _native.encode_text(text, self.name)
        if ids is None:
            raise refusal(text)
        return ids

    def encode_batch(
        self, texts: Iterable[str], threads: int = 1
    ) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Packed ids of many texts: row i is ``ids[offsets[i]:offsets[i + 1]]``.

        Parameters
        ----------
        texts
            Any iterable of str; it is read before the work starts.
        threads
            Number of threads that share the rows, this one included. They are started for this call and run without the
            GIL. Rows with non-ASCII characters are encoded afterwards in Python (`cloud` only).

        Returns
        -------
        ids, offsets
            (tokens,) uint16 and (n + 1,) int64.

        Raises
        ------
        ScopeError
            If `compact` cannot encode a text; a note on the error gives its row.

        Examples
        --------
        >>> ids, offsets = Tokenizer("compact").encode_batch(["0 0 0 | H 1a", "1 0 0 | H 1a"])
        >>> offsets.tolist()
        [0, 5, 10]
        """
        check_many(texts, "encode")
        rows = tuple(texts)
        ids, offsets, refused = _native.encode_batch(rows, self.name, threads)
        if refused:
            error = refusal(rows[refused[0]])
            error.add_note(f"in row {refused[0]} ({len(refused)} of {len(rows)} rows cannot be encoded)")
            raise error
        return ids, offsets

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of ids, without [CLS], [PAD] and [SEP].

        ``decode(encode(text)) == text`` for every valid string (in `cloud`: for strings without warning W403, whose
        signs become [UNK]).

        Parameters
        ----------
        ids
            (n,) integers.

        Returns
        -------
        str
            The text.

        Raises
        ------
        ValueError
            If an id is outside the vocabulary or, in `compact`, the ids do not form a string.
        """
        return _native.decode_text(_as_uint16(ids), self.name)

    def decode_batch(
        self, ids: Sequence[int] | NDArray[np.integer], offsets: Sequence[int] | NDArray[np.integer]
    ) -> list[str]:
        """Texts of packed ids, as `encode_batch` returns them.

        Parameters
        ----------
        ids, offsets
            (tokens,) and (n + 1,): row i is ``ids[offsets[i]:offsets[i + 1]]``.

        Returns
        -------
        list of str
            One text per row.

        Raises
        ------
        ValueError
            If a row has no text (the message gives its number), or offsets decrease or lie outside the ids.
        """
        return _native.decode_batch(_as_uint16(ids), np.asarray(offsets, np.int64), self.name)

    def decode_packed(
        self,
        ids: Sequence[int] | NDArray[np.integer],
        offsets: Sequence[int] | NDArray[np.integer],
        threads: int = 1,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The texts of `decode_batch` as one array of ASCII bytes, without a Python object for each.

        Parameters
        ----------
        ids, offsets
            As in `decode_batch`.
        threads
            As in `encode_batch`.

        Returns
        -------
        text, offsets
            (bytes,) uint8 and (n + 1,) int64, Arrow's layout: row i is ``text[offsets[i]:offsets[i + 1]].tobytes()``.
        """
        return _native.decode_packed(_as_uint16(ids), np.asarray(offsets, np.int64), self.name, threads)

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """(size,) uint8: the index into KINDS of each id of `compact`."""
        if self.name != "compact":
            raise CloudkitError("only the compact vocabulary has kinds of tokens")
        first = [0, 5, 6, 236, 422, 540]
        return (np.searchsorted(first, np.arange(self.size), side="right") - 1).astype(np.uint8)

    def save(self, path: str | Path) -> None:
        """Write `cloud` as a tokenizer.json that Hugging Face's `PreTrainedTokenizerFast` loads.

        Parameters
        ----------
        path
            The file to write.

        Raises
        ------
        CloudkitError
            For the compact vocabulary, whose ids need the grammar of SCOPE.
        """
        if self.name != "cloud":
            raise CloudkitError(
                "only the cloud vocabulary can be saved for Hugging Face: compact ids need the grammar of SCOPE"
            )
        specials = [
            {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": i < 5}
            for i, t in enumerate(self.vocabulary)
            if i < 5 or i >= 463
        ]  # fmt: skip
        piece = {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        }
        template = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]  # fmt: skip
        clean = {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": False,
            "lowercase": False,
        }
        content = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": specials,
            "normalizer": {"type": "Sequence", "normalizers": [clean, {"type": "NFC"}]},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing", "single": template, "pair": template, "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("[CLS]", 0), ("[SEP]", 2))}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False},
            "model": piece | {"vocab": {t: i for i, t in enumerate(self.vocabulary) if i < 463}},
        }  # fmt: skip
        Path(path).write_text(json.dumps(content, indent=1))


def _as_uint16(ids: Sequence[int] | NDArray[np.integer]) -> NDArray[np.uint16]:
    """Ids of any integer dtype as uint16; raises ValueError instead of wrapping."""
    array = np.asarray(ids)
    if array.dtype == np.uint16:
        return array
    if array.size and (array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 65535):
        raise ValueError(f"ids: expected integers from 0 to 65535, found {array.dtype} up to {array.max()}")
    return array.astype(np.uint16)
