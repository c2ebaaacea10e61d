"""`cloudkit audit`: what is in files of strings or structures, before anyone trains on them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudkit.cli.columns import Column
from cloudkit.cli.files import check_apart, check_inputs, check_target, replacing, table_suffixes
from cloudkit.cli.terminal import counting, emit, emit_json, say

Inputs = Annotated[list[str], typer.Argument(metavar="FILE...", help="Tables of strings or structures (.csv, .jsonl, .parquet; .gz may follow), folders of shards, files and folders of structures.")]  # fmt: skip
Page = Annotated[Path | None, typer.Option("--output", "-o", metavar="PAGE", help="The whole report as one .html page with plots.")]  # fmt: skip
Labels = Annotated[list[str] | None, typer.Option("--label", metavar="NAME", help="A column of labels, may be repeated. [default: every column of numbers]", show_default=False)]  # fmt: skip
Split = Annotated[str | None, typer.Option("--split", metavar="NAME", help="The column that says train, test, … [default: split or part, if there is one]", show_default=False)]  # fmt: skip
Dedupe = Annotated[Path | None, typer.Option("--dedupe", metavar="OUT", help="Write each distinct string once: id and space group of its first row, number of copies, median of each label. A .parquet, .csv or .jsonl file. The report is then made only with -o or --json.")]  # fmt: skip


def command(
    inputs: Inputs,
    page: Page = None,
    column: Column = None,
    labels: Labels = None,
    split: Split = None,
    dedupe: Dedupe = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON on standard output.")] = False,
) -> None:  # fmt: skip
    """Find duplicates by canonical string, clashes of labels, gaps in coverage, overlaps between files and splits that leak.

    Exit code 1 where rows have no valid string; they are counted and the first are listed.

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
            f"{valid:,} strings, {found['dedupe']['strings']:,} distinct ones written to {dedupe}; {invalid:,} rows without a valid string"
        )
    raise typer.Exit(1 if invalid else 0)


def _summary(found: dict[str, Any]) -> Iterator[str]:
    """What a person wants to know first."""
    for entry in found["files"]:
        yield f"{entry['file']}: {entry['rows']:,} rows, {entry['invalid']:,} invalid, {entry['strings']:,} distinct strings ({entry['dialects']})"
    counts = found["duplicates"]
    yield f"{counts['repeated']:,} strings occur more than once, {counts['surplus']:,} rows more than needed"
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
