"""`cloudkit convert`: strings between dialects and AFLOW labels; models to and from Hugging Face."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from cloudkit.cli.columns import Column, Failures, File, Strings, gather
from cloudkit.cli.terminal import counting, emit, emit_json, say
from cloudkit.errors import CloudkitError, ScopeError

if TYPE_CHECKING:
    from cloudkit.scope import Scope

Target = Literal["orbit", "reduced", "full", "aflow"]
AnyTarget = Literal["orbit", "reduced", "full", "aflow", "cloudkit", "hf"]


def command(
    to: Annotated[AnyTarget, typer.Option("--to", help="Dialect of strings, or aflow for AFLOW labels; cloudkit or hf for a model folder.", show_default=False)],
    strings: Strings = None,
    file: File = None,
    column: Column = None,
    top: Annotated[int | None, typer.Option("--top", min=1, metavar="K", help="Print at most K candidates per reduced string. [default: all]", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to write a model to.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines with row, text, strings, count, complete and error.")] = False,
) -> None:  # fmt: skip
    """Convert SCOPE strings and AFLOW protostructure labels, one per line.

    A reduced string does not say which element is on which position. `--to orbit` lists all candidates, smallest cell first, up to
    80 atoms in the conventional cell, and says whether the list is complete.

    `--to cloudkit` converts a Hugging Face BertForMaskedLM folder, such as the published weights, to a model folder; `--to hf`
    converts a model with a bert encoder back and adds a tokenizer.json with the same ids.

    \b
    Examples:
      cloudkit convert AB_cF8_225_a_b:Cl-Na --to orbit
      cloudkit convert published/checkpoint --to cloudkit -o runs/published
    """
    if to in ("cloudkit", "hf"):
        convert_model(strings or [], to, out, as_json)
        return
    if out is not None:
        raise CloudkitError("--out is for models (--to cloudkit or --to hf); strings go to standard output")
    texts = gather(strings, file, column)
    failures = Failures("--json")
    with counting("strings") as bar:
        for row, text in enumerate(texts.texts):
            result = _convert(text, to)
            if result.error:
                failures.add(texts, row, result.error)
            if as_json:
                _emit_row(row, text, result, top)
            elif result.strings:
                emit("\n".join(result.strings[:top]))
                if result.verdict:
                    cut = f", {top:,} shown" if top and top < len(result.strings) else ""
                    say(f"{texts.place(row)}: {result.verdict}{cut}")
            bar.advance()
    if failures.report():
        say(f"{len(texts.texts) - failures.count:,} converted, {failures.count:,} failed")
    raise typer.Exit(1 if failures.count else 0)


class Result(NamedTuple):
    """Result for one string, with the error if there is none. complete: no candidate is missing; verdict: summary of a search."""

    strings: list[str]
    complete: bool
    error: ScopeError | None = None
    verdict: str = ""


def _convert(text: str, to: AnyTarget) -> Result:
    """Convert a string or label."""
    from cloudkit.scope import aflow_label, from_aflow, parse, project

    try:
        if "|" not in text and "_" in text:
            text = from_aflow(text)
        if to == "aflow":
            return Result([aflow_label(text)], complete=True)
        scope = parse(text)
        if to == "orbit" and scope.dialect == "reduced":
            return _search(scope)
        return Result([project(text, to)], complete=True)
    except ScopeError as error:
        return Result([], complete=False, error=error)


def _search(scope: "Scope") -> Result:
    """Return the candidates of a reduced string with a verdict; no candidate is an error."""
    from cloudkit.scope import MAX_ATOMS, candidates

    found = candidates(scope)
    bound = f"ordered crystals of up to {MAX_ATOMS} atoms in the conventional cell"
    state = (
        f"complete: all {bound}"
        if found.complete
        else f"incomplete: stopped after {found.nodes:,} assignments"
    )
    count = len(found.texts)
    error = None
    if not count:
        error = ScopeError(f"no candidate among {bound} ({'complete' if found.complete else state})")
    return Result(
        found.texts, found.complete, error, f"{count:,} candidate{'' if count == 1 else 's'} ({state})"
    )


def _emit_row(row: int, text: str, result: Result, top: int | None) -> None:
    error = result.error
    reason = error and ("; ".join(f"{d.code}: {d.message}" for d in error.diagnostics) or str(error))
    answer = {"strings": result.strings[:top], "count": len(result.strings), "complete": result.complete}
    emit_json({"row": row + 1, "text": text, **answer, "error": reason})


def convert_model(folders: Sequence[str], to: str, out: Path | None, as_json: bool) -> None:
    """Convert the model in one folder to cloudkit's or Hugging Face's format, write it to `out` and print notes."""
    if len(folders) != 1 or out is None:
        form = "HF_DIR --to cloudkit" if to == "cloudkit" else "MODEL --to hf"
        raise CloudkitError(f"give one model and an output folder: cloudkit convert {form} --out DIR")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CloudkitError(f"{out} is not empty; choose another folder with --out")
    notes = _to_cloudkit(folders[0], out) if to == "cloudkit" else _to_hf(folders[0], out)
    for note in notes:
        say(f"note: {note}")
    if as_json:
        emit_json({"folder": str(out), "notes": notes}, 1)
    else:
        emit(f"wrote {out}")


def _to_cloudkit(folder: str, out: Path) -> list[str]:
    from cloudkit.models import read_published, save_model

    model, notes = read_published(folder)
    save_model(model, out)
    return notes


def _to_hf(folder: str, out: Path) -> list[str]:
    from cloudkit.models import write_published
    from cloudkit.predict import Model

    return write_published(Model(folder).network, out)
