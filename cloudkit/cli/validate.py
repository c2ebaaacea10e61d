"""`cloudkit validate`: errors and warnings of strings, with carets or as JSON."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cloudkit.cli.columns import Column, File, Strings, Texts, gather
from cloudkit.cli.terminal import counting, emit, emit_json, say
from cloudkit.errors import count_noun

if TYPE_CHECKING:
    from cloudkit.scope import Diagnostic

MAX_SHOWN = 20  # findings in the terminal; --json has all


class Findings(NamedTuple):
    """(row from 0, finding) of all strings, in order; `schema` has violations of the JSON Schema."""

    diagnostics: "list[tuple[int, Diagnostic]]"
    schema: list[tuple[int, str]]


def command(
    strings: Strings = None,
    file: File = None,
    column: Column = None,
    schema: Annotated[bool, typer.Option("--schema", help="Also validate the trees of valid strings with the JSON Schema (10 ms each).")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Also warn about reduced strings that no ordered crystal can have (W402) and orbit strings that are not canonical (W404).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all findings as one JSON document.")] = False,
) -> None:  # fmt: skip
    """Check SCOPE strings against grammar, tables and semantics.

    A string with warnings only is valid. The exit code is 1 if a string is invalid.

    \b
    Example:
      cloudkit validate --file strings.csv --column scope
    """
    texts = gather(strings, file, column, damaged=True)
    found = diagnose(texts, schema, deep)
    invalid = {row for row, d in found.diagnostics if d.severity == "error"} | {
        row for row, _ in found.schema
    }
    doubtful = {row for row, d in found.diagnostics if d.severity == "warning"} - invalid
    if as_json:
        entries = [{"row": row + 1, "text": texts.texts[row], **d._asdict()} for row, d in found.diagnostics]
        counts = {"strings": len(texts.texts), "invalid": len(invalid), "warnings": len(doubtful)}
        breaches = [{"row": row + 1, "text": texts.texts[row], "message": text} for row, text in found.schema]
        emit_json({**counts, "diagnostics": entries} | ({"schema": breaches} if schema else {}), indent=1)
    else:
        show(texts, found)
    say(
        f"{count_noun(len(texts.texts), 'string')}, {len(invalid):,} invalid, {len(doubtful):,} with warnings"
    )
    raise typer.Exit(1 if invalid else 0)


def diagnose(texts: Texts, schema: bool = False, deep: bool = False) -> Findings:
    """Return all findings; `schema` and `deep` apply to strings without errors."""
    from cloudkit.scope import check_deep, check_tree, parse, to_tree, validate_batch

    found, batch = Findings([], []), validate_batch(texts.texts)
    rows = range(len(batch)) if schema or deep else sorted(set(batch.rows.tolist()))
    with counting("strings") as bar:
        for row in rows:
            here, text, valid = batch[row], texts.texts[row], bool(batch.valid[row])
            if deep and valid:
                here += check_deep(text)
            found.diagnostics.extend((row, d) for d in here)
            if schema and valid:
                found.schema.extend((row, breach) for breach in check_tree(to_tree(parse(text))))
            bar.advance()
    return found


def show(texts: Texts, found: Findings) -> None:
    """Print the first findings, errors before warnings, each with a caret, then the number of others."""
    from cloudkit.scope import render

    ordered = sorted(found.diagnostics, key=lambda finding: finding[1].severity)
    blocks = [f"{texts.place(row)}: schema\n{breach}\n" for row, breach in found.schema[:MAX_SHOWN]]
    for row, d in ordered[: MAX_SHOWN - len(blocks)]:
        blocks.append(f"{texts.place(row)}: {d.severity}\n{render(texts.texts[row], d)}\n")
    for block in blocks:
        emit(block)
    if (total := len(ordered) + len(found.schema)) > MAX_SHOWN:
        emit(f"... and {total - MAX_SHOWN:,} more; --json shows all")
