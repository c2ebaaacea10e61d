"""`cloudkit tokenize`: strings to token ids, as JSON lines or as packed arrays."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from cloudkit.cli.columns import Column, Failures, File, Strings, Texts, gather, stream_texts
from cloudkit.cli.files import check_target
from cloudkit.cli.terminal import counting, emit_json, say
from cloudkit.errors import ScopeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cloudkit.tokens import Tokenizer

ALL_SHOWN_BY: Final = "`cloudkit validate --json`"
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="X.npy", help="Write packed arrays: ids (uint16) to X.npy, offsets (int64) to X.offsets.npy; row i is ids[offsets[i]:offsets[i+1]].")]  # fmt: skip


def command(
    strings: Strings = None,
    file: File = None,
    column: Column = None,
    vocab: Annotated[Literal["compact", "cloud"], typer.Option(help="compact: one token per symbol; cloud: the published vocabulary.")] = "compact",
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines with row, text, ids and tokens; with -o, only the counts.")] = False,
) -> None:  # fmt: skip
    """Convert SCOPE strings to token ids, [CLS] ... [SEP], one JSON list per line.

    The compact vocabulary rejects invalid strings: they are listed, and their row is null (empty in arrays).

    \b
    Example:
      cloudkit tokenize --file strings.csv --vocab cloud -o ids.npy    # np.load("ids.npy", mmap_mode="r")
    """
    if output:
        check_target(output, (".npy",))
    from cloudkit.tokens import Tokenizer

    tokenizer = Tokenizer(vocab)
    whole = bool(strings) or not file or not output
    parts = [gather(strings, file, column)] if whole else stream_texts(str(file), column)
    if output:
        count, refused = _save(tokenizer, parts, output)
        if as_json:
            emit_json({"strings": count, "refused": refused, "output": str(output)})
    else:
        (texts,) = parts
        count = len(texts.texts)
        failures = Failures(ALL_SHOWN_BY)
        refused = [row + 1 for row in _refused(tokenizer, texts, failures)]
        failures.report()
        _print(tokenizer, texts, {row - 1 for row in refused}, as_json)
    if refused or output:
        say(f"{count - len(refused):,} tokenized, {len(refused):,} rejected")
    raise typer.Exit(1 if refused else 0)


def _refused(tokenizer: "Tokenizer", texts: Texts, failures: Failures) -> Iterator[int]:
    """Yield rows (from 0) of strings without ids, and list them on standard error."""
    for row, text in enumerate(texts.texts):
        try:
            tokenizer.encode(text)
        except ScopeError as error:
            failures.add(texts, row, error)
            yield row


def _print(tokenizer: "Tokenizer", texts: Texts, refused: set[int], as_json: bool) -> None:
    for row, text in enumerate(texts.texts):
        ids = None if row in refused else tokenizer.encode(text).tolist()
        if as_json:
            tokens = None if ids is None else [tokenizer.vocabulary[i] for i in ids]
            emit_json({"row": row + 1, "text": text, "ids": ids, "tokens": tokens})
        else:
            emit_json(ids)


def _save(tokenizer: "Tokenizer", parts: Iterable[Texts], output: Path) -> tuple[int, list[int]]:
    """Write both arrays or neither; rejected rows are empty. Return the number of rows, and the rejected rows (from 1)."""
    from cloudkit.data import token_writer

    count, refused, failures = 0, list[int](), Failures(ALL_SHOWN_BY)
    with token_writer(output.resolve()) as write, counting("strings") as bar:
        for texts in parts:
            try:
                write(*tokenizer.encode_batch(texts.texts))
            except ScopeError:
                wrong = set(_refused(tokenizer, texts, failures))
                write(*_without(tokenizer, texts.texts, wrong))
                refused += [count + row + 1 for row in sorted(wrong)]
            count += len(texts.texts)
            bar.advance(len(texts.texts))
    failures.report()
    return count, refused


def _without(
    tokenizer: "Tokenizer", texts: list[str], refused: set[int]
) -> "tuple[NDArray[np.uint16], NDArray[np.int64]]":
    """Return packed ids in which rejected rows are empty."""
    import numpy as np

    kept = [row for row in range(len(texts)) if row not in refused]
    ids, packed = tokenizer.encode_batch([texts[row] for row in kept])
    lengths = np.zeros(len(texts), np.int64)
    lengths[kept] = np.diff(packed)
    return ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
