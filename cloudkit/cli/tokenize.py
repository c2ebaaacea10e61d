"""`cloudkit tokenize`: strings to token ids, as JSON lines or as packed arrays."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cloudkit.cli.columns import Column, File, Strings, Texts, gather
from cloudkit.cli.failures import Failures
from cloudkit.cli.files import check_target, replacing
from cloudkit.cli.terminal import emit_json, say
from cloudkit.errors import ScopeError

if TYPE_CHECKING:
    from cloudkit.tokens import Tokenizer

Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="X.npy", help="Packed arrays: ids (uint16) in X.npy, offsets (int64) in X.offsets.npy; row i is ids[offsets[i]:offsets[i+1]].")]  # fmt: skip


def command(
    strings: Strings = None,
    file: File = None,
    column: Column = None,
    vocab: Annotated[Literal["compact", "cloud"], typer.Option(help="compact: a token per symbol; cloud: the published ids.")] = "compact",
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines with row, text, ids and tokens; with -o, the counts.")] = False,
) -> None:  # fmt: skip
    """Turn SCOPE strings into token ids, [CLS] ... [SEP], one JSON list per line.

    `compact` refuses invalid strings: they are listed, and their row is null (in arrays: empty), so rows stay in step.

    \b
    Example:
      cloudkit tokenize --file strings.csv --vocab cloud -o ids.npy
    """
    if output:
        check_target(output, (".npy",))
    texts = gather(strings, file, column)
    from cloudkit.tokens import Tokenizer

    tokenizer = Tokenizer(vocab)
    refused = _refused(tokenizer, texts) if vocab == "compact" else set()
    if output:
        _save(tokenizer, texts, refused, output)
        if as_json:
            emit_json(
                {
                    "strings": len(texts.texts),
                    "refused": [row + 1 for row in sorted(refused)],
                    "output": str(output),
                }
            )
    else:
        _print(tokenizer, texts, refused, as_json)
    if refused or output:
        say(f"{len(texts.texts) - len(refused):,} tokenized, {len(refused):,} refused")
    raise typer.Exit(1 if refused else 0)


def _refused(tokenizer: "Tokenizer", texts: Texts) -> set[int]:
    """Rows (from 0) of strings that have no ids, listed on standard error."""
    refused = set()
    failures = Failures(texts, "`cloudkit validate --json`")
    for row, text in enumerate(texts.texts):
        try:
            tokenizer.encode(text)
        except ScopeError as error:
            refused.add(row)
            failures.add(row, error)
    failures.report()
    return refused


def _print(tokenizer: "Tokenizer", texts: Texts, refused: set[int], as_json: bool) -> None:
    for row, text in enumerate(texts.texts):
        ids = None if row in refused else tokenizer.encode(text).tolist()
        if as_json:
            tokens = None if ids is None else [tokenizer.vocabulary[i] for i in ids]
            emit_json({"row": row + 1, "text": text, "ids": ids, "tokens": tokens})
        else:
            emit_json(ids)


def _save(tokenizer: "Tokenizer", texts: Texts, refused: set[int], output: Path) -> None:
    """Both arrays, or neither; a refused row is empty."""
    import numpy as np

    kept = [row for row in range(len(texts.texts)) if row not in refused]
    ids, packed = tokenizer.encode_batch([texts.texts[row] for row in kept])
    lengths = np.zeros(len(texts.texts), np.int64)
    lengths[kept] = np.diff(packed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    with replacing(output.with_suffix(".offsets.npy"), "wb") as second, replacing(output, "wb") as first:
        np.save(first, ids)
        np.save(second, offsets)
