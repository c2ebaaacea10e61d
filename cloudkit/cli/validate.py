"""`cloudkit validate`: what is wrong with strings, with a caret in the terminal, as JSON elsewhere."""

from typing import TYPE_CHECKING, Annotated

import typer

from cloudkit.cli.columns import Column, File, Strings, Texts, gather
from cloudkit.cli.terminal import emit, emit_json, say

if TYPE_CHECKING:
    from cloudkit.scope import Diagnostic

MOST_SHOWN = 20  # diagnostics in the terminal; --json has all


def command(
    strings: Strings = None,
    file: File = None,
    column: Column = None,
    as_json: Annotated[bool, typer.Option("--json", help="All findings as one JSON document.")] = False,
) -> None:
    """Check SCOPE strings against grammar, tables and semantics. Warnings leave a string valid.

    \b
    Example:
      cloudkit validate --file strings.csv --column scope
    """
    texts = gather(strings, file, column)
    findings = diagnose(texts)
    invalid = {row for row, found in findings if found.severity == "error"}
    doubtful = {row for row, found in findings if found.severity == "warning"} - invalid
    if as_json:
        entries = [{"row": row + 1, "text": texts.texts[row], **found._asdict()} for row, found in findings]
        counts = {"strings": len(texts.texts), "invalid": len(invalid), "warnings": len(doubtful)}
        emit_json({**counts, "diagnostics": entries}, indent=1)
    else:
        show(texts, findings)
    say(f"{len(texts.texts):,} strings, {len(invalid):,} invalid, {len(doubtful):,} with warnings")
    raise typer.Exit(1 if invalid else 0)


def diagnose(texts: Texts) -> "list[tuple[int, Diagnostic]]":
    """(row from 0, finding) of all strings, in order."""
    from cloudkit.scope import validate

    return [(row, found) for row, text in enumerate(texts.texts) for found in validate(text)]


def show(texts: Texts, findings: "list[tuple[int, Diagnostic]]") -> None:
    """The first findings, errors before warnings, each with its place and a caret; then how many more there are."""
    from cloudkit.scope import render

    ordered = sorted(findings, key=lambda finding: finding[1].severity)
    for row, found in ordered[:MOST_SHOWN]:
        emit(f"{texts.place(row)}: {found.severity}\n{render(texts.texts[row], found)}\n")
    if len(ordered) > MOST_SHOWN:
        emit(f"... and {len(ordered) - MOST_SHOWN:,} more; --json shows all")
