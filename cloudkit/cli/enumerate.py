"""`cloudkit enumerate`: candidates from a prototype, for `predict --top` to rank."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cloudkit.cli.files import Write, check_target, table_suffixes, table_writer
from cloudkit.cli.terminal import counting, emit, emit_json, emit_table, say

COLUMNS = {"id": str, "scope": str, "space_group": int, "prototype": str}

Prototype = Annotated[str, typer.Argument(metavar="PROTOTYPE", help="Name (perovskite, spinel, half-heusler, …), formula or label of a built-in prototype, AFLOW label with elements, or orbit string.")]  # fmt: skip
Elements = Annotated[list[str], typer.Option("--elements", "-e", metavar="LIST", help="Elements for all positions (Sr,Ba,Ti) or in place of one element (O=F,Cl); can be repeated.")]  # fmt: skip
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="A .csv, .jsonl or .parquet file. [default: one string per line on standard output]")]  # fmt: skip


def _list_prototypes(wanted: bool) -> None:
    if wanted:
        from cloudkit.corpus import list_prototypes

        rows = [(one.label, one.space_group, one.formula, one.names) for one in list_prototypes()]
        emit_table(("label", "space group", "formula", "names"), rows)
        raise typer.Exit


def command(
    prototype: Prototype,
    elements: Elements,
    output: Output = None,
    names: Annotated[bool, typer.Option("--list", callback=_list_prototypes, is_eager=True, help="List the built-in prototypes: label, space group, formula, names.")] = False,
    keep_charged: Annotated[bool, typer.Option("--keep-charged", help="Keep candidates that no choice of oxidation states makes charge-neutral. They are kept anyway if none is neutral, as in alloys.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on standard output; with -o, only the counts.")] = False,
) -> None:  # fmt: skip
    """List the charge-neutral crystals that have the structure of a prototype and other elements.

    The output has the columns id (the formula), scope, space_group and prototype.

    \b
    Example:
      cloudkit enumerate perovskite -e Ca=Ca,Sr,Ba -e Ti=Ti,Zr,Hf -e O=O,S -o candidates.csv
      cloudkit predict materials candidates.csv --top 50 --page top.html
    """
    if output:
        check_target(output, table_suffixes())
    from cloudkit.corpus import enumerate_candidates

    found = enumerate_candidates(prototype, elements, keep_charged)
    with counting("candidates") as bar, _target(output, as_json) as write:
        count = 0
        for candidate in found:
            write(candidate._asdict())
            count += 1
            bar.advance()
    counts = {
        "assignments": found.assignments,
        "charged": found.charged,
        "repeated": found.repeated,
        "candidates": count,
    }
    if as_json and output:
        emit_json(counts | {"output": str(output)})
    charged = f"{found.charged:,} left out because they are not charge-neutral (--keep-charged keeps them)"
    if found.charged == found.assignments:
        charged = "all kept because none is charge-neutral"
    words = [
        charged if found.charged else "",
        f"{found.repeated:,} duplicates left out" if found.repeated else "",
    ]
    say(
        f"{found.name}: {count:,} candidates from {found.assignments:,} assignments"
        + "".join(f", {word}" for word in filter(None, words))
    )


@contextmanager
def _target(output: Path | None, as_json: bool) -> Iterator[Write]:
    if output:
        with table_writer(output, COLUMNS) as write:
            yield write
    else:
        yield emit_json if as_json else lambda row: emit(str(row["scope"]))
