"""`cloudkit predict`: values with units from a trained model, for structures and strings."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cloudkit.cli.columns import Column
from cloudkit.cli.files import TABLES, Write, check_target, table_writer
from cloudkit.cli.inputs import check_inputs, records, say_failure
from cloudkit.cli.terminal import Bar, counting, emit_json, emit_table, say
from cloudkit.errors import CloudkitError

if TYPE_CHECKING:
    import pandas as pd

    from cloudkit.property import Failure, Input

COLUMNS = ("id", "temperature", "quantity", "value", "unit", "lower", "upper")

Inputs = Annotated[list[str], typer.Argument(metavar="INPUT...", help="Files and folders of structures, tables of strings (.csv, .jsonl), SCOPE strings; - is a structure on standard input.")]  # fmt: skip
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="A .csv or .jsonl file; without it, a table on standard output.")]  # fmt: skip


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder that `cloudkit build` wrote.")],
    inputs: Inputs,
    output: Output = None,
    column: Column = None,
    temperatures: Annotated[str | None, typer.Option("--temperatures", "-t", metavar="T", help="In K: 300, 75,300 or 0:600:10 (start:stop:step, the end included). [default: 298.15]", show_default=False)] = None,
    per: Annotated[Literal["atom", "formula", "cell"], typer.Option(help="Mole of what the values are given for.")] = "atom",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on standard output: each value or failure; with -o, the counts.")] = False,
) -> None:  # fmt: skip
    """Predict values with units. Columns: id, temperature (K), quantity, value, unit, lower, upper.

    \b
    Example:
      cloudkit predict runs/thermal crystal.cif --temperatures 0:600:10 -o cv.csv
    """
    if output:
        check_target(output, TABLES)
    check_inputs(inputs)
    from cloudkit.property import load, parse_temperatures

    kelvin = None if temperatures is None else parse_temperatures(temperatures)
    trained = load(model)
    with counting("crystals") as bar:
        given = _Counted(records(inputs, column), bar)
        failed = _write(trained.predict_batches(given, kelvin, per), output, as_json)
    if as_json and output:
        emit_json({"predicted": given.count - failed, "failed": failed, "output": str(output)})
    if failed or output:
        say(f"{given.count - failed:,} predicted, {failed:,} failed")
    raise typer.Exit(1 if failed else 0)


class _Counted:
    """Records on their way, counted."""

    def __init__(self, records: "Iterator[Input]", bar: Bar) -> None:
        self.count, self._records, self._bar = 0, records, bar

    def __iter__(self) -> "Iterator[Input]":
        for record in self._records:
            self.count += 1
            self._bar.advance()
            yield record
        if not self.count:
            raise CloudkitError("the given folders hold no files, so there is nothing to predict")


def _write(
    batches: "Iterator[tuple[pd.DataFrame, list[Failure]]]", output: Path | None, as_json: bool
) -> int:
    """Send each batch to where it belongs; how many inputs have no values."""
    failed, header = 0, True
    with table_writer(output, COLUMNS) if output else nullcontext(emit_json if as_json else None) as keep:
        for table, failures in batches:
            if keep:
                _keep(table, keep)
            elif len(table):
                shown = table.dropna(axis="columns", how="all")
                emit_table(list(shown.columns) if header else None, shown.values.tolist())
                header = False
            failed += len(failures)
            for failure in failures:
                _report(failure, as_json and not output)
    return failed


def _keep(table: "pd.DataFrame", keep: Write) -> None:
    """Rows of one batch, NaN as nothing."""
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        keep({str(name): value for name, value in row.items()})


def _report(failure: "Failure", as_json: bool) -> None:
    say_failure(failure.id, failure)
    if as_json:
        emit_json(failure._asdict())
