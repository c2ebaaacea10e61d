"""`cloudkit decode`: strings as trees, or as JSON that conforms to schemas/scope.schema.json."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import typer

from cloudkit.cli.columns import Column, Failures, File, Strings, Texts, gather
from cloudkit.cli.terminal import emit, emit_json, say
from cloudkit.errors import ScopeError

Tree = dict[str, Any]
PARTS = ("orbits", "sites", "wyckoff", "fractions")


def command(
    strings: Strings = None,
    file: File = None,
    column: Column = None,
    form: Annotated[Literal["tree", "json"], typer.Option("--format", help="tree, or json in the form of `cloudkit schema scope`.")] = "tree",
    as_json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
) -> None:  # fmt: skip
    """Show the space group, Wyckoff positions and species of SCOPE strings.

    As JSON, one string is an object and several are a list, with null for a string that breaks the grammar. Strings with other
    errors are shown, and their errors are listed.

    \b
    Example:
      cloudkit decode --file strings.csv --format json
    """
    texts = gather(strings, file, column)
    failures = Failures("`cloudkit validate --json`")
    trees = _decoded(texts, failures)
    if as_json or form == "json":
        found = list(trees)
        emit_json(found if len(found) > 1 else found[0], indent=1)
    else:
        for lines in filter(None, map(_lines, trees)):
            emit("\n".join(lines))
    if failures.report():
        say(f"{len(texts.texts) - failures.count:,} decoded, {failures.count:,} invalid")
    raise typer.Exit(1 if failures.count else 0)


def _decoded(texts: Texts, failures: Failures) -> Iterator[Tree | None]:
    """Yield a tree for each string that the grammar accepts, otherwise None; list invalid strings."""
    from cloudkit.scope import parse, read, to_tree

    for row, text in enumerate(texts.texts):
        try:
            yield to_tree(parse(text))
        except ScopeError as error:
            failures.add(texts, row, error)
            try:
                yield to_tree(read(text))
            except ScopeError:  # listed by the line above
                yield None


def _lines(tree: Tree | None) -> list[str]:
    """Return the tree drawn with lines; nothing for None."""
    if tree is None:
        return []
    from cloudkit.tables import SPACE_GROUPS

    lines = [f"{tree['dialect']}: unknown space group"]
    if tree["space_group"]:
        group = SPACE_GROUPS[tree["space_group"] - 1]
        lines = [f"{tree['dialect']}: space group {group.number} ({group.symbol}), {group.crystal_system}"]
    parts = [part for part in PARTS if part in tree]
    for part in parts:
        last_part = part == parts[-1]
        lines.append(f"{'└' if last_part else '├'}── {part}")
        rows = [_row(entry) for entry in tree[part]]
        for row in rows[:-1]:
            lines.append(f"{' ' if last_part else '│'}   ├── {row}")
        lines.append(f"{' ' if last_part else '│'}   └── {rows[-1]}")
    return lines


def _row(entry: Tree) -> str:
    """Return one orbit, site, symbol or fraction as text."""
    if "fraction" in entry:
        return f"{entry['element']:<2} {entry['fraction']}"
    symbol = f"{entry['multiplicity']}{entry['letter']}"
    species = entry.get("species", ())
    if len(species) == 1 and species[0]["occupancy"] == 1.0:
        return f"{symbol:<4} {_name(species[0])}"
    return " ".join([f"{symbol:<4}", *(f"{_name(s)} {s['occupancy']}" for s in species)]).rstrip()


def _name(species: Tree) -> str:
    state = species.get("oxidation_state")
    return species["element"] if state is None else f"{species['element']} ({state:+g})"
