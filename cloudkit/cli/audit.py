"""`cloudkit audit`: check files of strings or structures before training on them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudkit.cli.columns import Column
from cloudkit.cli.files import check_apart, check_inputs, check_target, replacing, table_suffixes
from cloudkit.cli.terminal import counting, emit, emit_json, say

Inputs = Annotated[list[str], typer.Argument(metavar="FILE...", help="Tables of strings or structures (.csv, .jsonl, .parquet; .gz too), folders of shards, structure files and folders.")]  # fmt: skip
Page = Annotated[Path | None, typer.Option("--output", "-o", metavar="PAGE", help="Write the full report with plots as one .html page.")]  # fmt: skip
Labels = Annotated[list[str] | None, typer.Option("--label", metavar="NAME", help="Column of labels; can be repeated. [default: all numeric columns]", show_default=False)]  # fmt: skip
Split = Annotated[str | None, typer.Option("--split", metavar="NAME", help="Column with the split of each row: train, test, … [default: split or part, if present]", show_default=False)]  # fmt: skip
Dedupe = Annotated[Path | None, typer.Option("--dedupe", metavar="OUT", help="Write each distinct string once to a .parquet, .csv or .jsonl file, with the id of its first row, the number of copies and the median of each label; print no report unless -o or --json is given.")]  # fmt: skip


def command(
    inputs: Inputs,
    page: Page = None,
    column: Column = None,
    labels: Labels = None,
    split: Split = None,
    dedupe: Dedupe = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:  # fmt: skip
    """Find duplicates, conflicting labels, overlaps between files, leaks between splits, and gaps in coverage.

    Rows without a valid string are counted, the first are listed, and the exit code is 1.

    \b
    Example:
      cloudkit audit train.csv test.csv -o audit.html
      cloudkit audit strings/ --dedupe unique.parquet
    """
    if page:
        check_target(page, (".html",))
    if dedupe:
        check_target(dedupe, table_suffixes())
    check_inputs(inputs)
    check_apart(inputs, page, dedupe)
    from cloudkit.corpus import audit
    from cloudkit.report import audit_page

    wanted = bool(page or as_json or not dedupe)
    with counting("strings") as bar:
        found = audit(
            inputs, text=column, labels=labels, part=split, dedupe=dedupe, report=wanted, step=bar.advance
        )
    if page:
        with replacing(page) as file:
            file.write(audit_page(found))
    if as_json:
        emit_json(found, indent=1)
    elif wanted:
        for line in _summary(found):
            emit(line)
    for entry in found["files"]:
        for name, reason in entry["first_invalid"]:
            say(f"{entry['file']}: {name}: {reason}")
        if entry["invalid"] > len(entry["first_invalid"]):
            say(f"{entry['file']}: and {entry['invalid'] - len(entry['first_invalid']):,} more")
    invalid = sum(entry["invalid"] for entry in found["files"])
    valid = sum(entry["valid"] for entry in found["files"])
    if dedupe:
        say(
            f"{valid:,} strings, {found['dedupe']['strings']:,} distinct strings written to {dedupe}; {invalid:,} rows without a valid string"
        )
    raise typer.Exit(1 if invalid else 0)


def _summary(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the summary."""
    for entry in found["files"]:
        yield f"{entry['file']}: {entry['rows']:,} rows, {entry['invalid']:,} invalid, {entry['strings']:,} distinct strings ({entry['dialects']})"
        yield from (f"{entry['file']}: {note}" for note in entry["label_notes"])
    counts = found["duplicates"]
    yield f"{counts['repeated']:,} strings occur more than once; {counts['surplus']:,} rows are redundant"
    for entry in found["labels"]:
        yield (
            f"{entry['file']}: {entry['label']}: {entry['clashing']:,} of {entry['repeated']:,} repeated strings have different "
            f"labels; spread {entry['median_spread']:.4g} (median), {entry['largest_spread']:.4g} (largest), all rows {entry['mad']:.4g} (MAD)"
        )
    for kind, pairs in (("overlap", found["overlaps"]), ("split leaks", found["splits"])):
        for pair in pairs:
            where = f"{pair['file']}: " if "file" in pair else ""
            yield (
                f"{where}{kind}: {pair['first']} and {pair['second']} share {pair['string']['shared']:,} strings, "
                f"{pair['crystal']['shared']:,} crystals by {found['same_crystal']} "
                f"({pair['crystal']['rows_first']:,} and {pair['crystal']['rows_second']:,} rows)"
            )
    elements, groups = len(found["elements"]), len(found["space_groups"])
    yield f"{groups} of 230 space groups, {elements} elements"
