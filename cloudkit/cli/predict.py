"""`cloudkit predict`: predict properties of structures and strings with a trained model."""

import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from cloudkit.cli.columns import Column
from cloudkit.cli.files import (
    Write,
    check_apart,
    check_inputs,
    check_target,
    replacing,
    table_suffixes,
    table_writer,
)
from cloudkit.cli.rank import rank_inputs
from cloudkit.cli.terminal import (
    Bar,
    Notes,
    complete_predictors,
    counting,
    emit_json,
    emit_table,
    say,
    say_failure,
)
from cloudkit.errors import CloudkitError, count_noun, suggest

if TYPE_CHECKING:
    import numpy.typing as npt

    from cloudkit.encoding import Encoded
    from cloudkit.predict import Columns, Failure, Materials, Model
    from cloudkit.units import Per

TEXTS = ("id", "quantity", "unit", "class", "note")
PICTURES = (".png", ".svg", ".pdf")
LEDGER = ("id", "code", "message")
DENSITY = "phonon_density"
Keep = Callable[["Columns"], None]

Inputs = Annotated[list[str] | None, typer.Argument(metavar="INPUT", show_default=False, help="Structure files and folders, tables (.csv, .jsonl, .parquet, folders of shards), SCOPE strings; - for a structure on standard input.")]  # fmt: skip
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="A .csv, .jsonl or .parquet file. [default: a table on standard output]")]  # fmt: skip
Quantities = Annotated[list[str] | None, typer.Option("--quantity", "-q", metavar="NAME", help="Quantities to print or plot, separated by commas; can be repeated. phonon_density works with --plot only. [default: all, and heat_capacity for --plot]", show_default=False)]  # fmt: skip
Plot = Annotated[Path | None, typer.Option("--plot", metavar="F", help="Plot curves of the first crystals with 80 % intervals, one panel per quantity, to a .png, .svg or .pdf file. Values are printed only with -o or --json.")]  # fmt: skip
Measured = Annotated[Path | None, typer.Option("--measured", metavar="F", help="Measured points to add to --plot: a table with the columns id, temperature, value and optionally quantity (heat_capacity by default), unit, n_atoms. Without -q, the plot shows the quantities of the points.")]  # fmt: skip
Failures = Annotated[Path | None, typer.Option("--failures", metavar="FILE", help="JSON lines with id, code and message of each failure. [default: standard error]")]  # fmt: skip


def _check_model(model: str) -> None:
    """Raise CloudkitError if the first argument is a structure."""
    from cloudkit.io import classify
    from cloudkit.io.paths import missing_hint

    path = Path(model)
    if not path.is_dir() and (path.is_file() or "|" in model or classify(model) or missing_hint(model)):
        named = shlex.quote(model)
        raise CloudkitError(
            f"{model} is not a model; the first argument is the model, such as: cloudkit predict materials {named}"
        )


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", autocompletion=complete_predictors, help="Folder written by `cloudkit build`, or a shipped model: materials (all of them), thermal, ... (see `cloudkit models`).")],
    inputs: Inputs = None,
    output: Output = None,
    column: Column = None,
    temperatures: Annotated[str | None, typer.Option("--temperatures", "-t", metavar="T", help="In K: 300 or 75,300 or 0:600:10 (start:stop:step, both ends included). [default: 298.15]", show_default=False)] = None,
    per: Annotated[Literal["atom", "formula", "cell"], typer.Option(help="Values per mole of atoms, formula units or cells.")] = "atom",
    quantity: Quantities = None,
    plot: Plot = None,
    measured: Measured = None,
    top: Annotated[int | None, typer.Option("--top", min=1, metavar="K", help="Keep only the K best crystals, ranked, with their novelty.", show_default=False)] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="QUANTITY", help="With --top: rank by this. [default: formation_energy, or the model's first quantity]", show_default=False)] = None,
    lowest: Annotated[bool | None, typer.Option("--lowest/--highest", help="With --top: which values are best. [default: lowest for energies, highest otherwise]", show_default=False)] = None,
    where: Annotated[str | None, typer.Option("--where", metavar="CONDITION", help="With --top: keep only matching rows, such as \"value > 20 and novelty == 'new'\". Columns: formula, elements, space_group, novelty, value, lower, upper and each quantity.", show_default=False)] = None,
    reference: Annotated[list[str] | None, typer.Option("--reference", metavar="FILE", help="With --top: known crystals, for novelty, besides those that the model was trained on; can be repeated. [default: built-in minerals and prototypes]", show_default=False)] = None,
    page: Annotated[Path | None, typer.Option("--page", metavar="PAGE", help="Write an .html data sheet of each crystal; with --top, one page with the best.")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="One row per crystal and temperature, one column per quantity.")] = False,
    failures: Failures = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on standard output: one per value or failure; with -o, only the counts.")] = False,
) -> None:  # fmt: skip
    """Predict properties, with units and 80 % intervals.

    The output has the columns id, temperature (K), quantity, value, unit, lower, upper and note.

    \b
    Example:
      cloudkit predict materials crystal.cif --page sheet.html
      cloudkit predict thermal crystal.cif --temperatures 0:600:10 -o cv.csv
      cloudkit predict materials candidates.csv --top 50 --where "band_gap > 3 and novelty == 'new'" --page top.html
      cloudkit predict materials a.cif b.cif -t 0:600:5 -q heat_capacity_p --plot cp.png --measured points.csv
      cloudkit predict thermal a.cif b.cif -t 0:600:5 --plot thermal.png -q heat_capacity,entropy,phonon_density
    """
    _check_model(model)
    if not inputs:
        raise CloudkitError(f"no input; give a structure, such as: cloudkit predict {model} my.cif")
    for path, suffixes in ((output, table_suffixes()), (plot, PICTURES), (failures, ())):
        if path:
            check_target(path, suffixes)
    if measured and not plot:
        raise CloudkitError("--measured needs --plot FILE")
    check_inputs(inputs)
    check_apart(inputs, output, plot, page, failures)
    if top is not None:
        if quantity:
            raise CloudkitError("--quantity works with tables and --plot only; for --top, use --by QUANTITY")
        from cloudkit.corpus import RankOptions

        wanted = RankOptions(top, by, lowest, where)
        raise typer.Exit(
            rank_inputs(
                model,
                inputs,
                column,
                wanted,
                temperatures,
                per,
                reference or [],
                output,
                page,
                failures,
                as_json,
            )
        )
    if by or where or reference or lowest is not None:
        raise CloudkitError("--by, --lowest, --highest, --where and --reference need --top K")
    if page and quantity:
        raise CloudkitError("--quantity works with tables and --plot only; a data sheet shows all quantities")
    if page:
        raise typer.Exit(write_sheets(model, inputs, column, temperatures, page))
    from cloudkit.predict import load, parse_temperatures
    from cloudkit.predict.inputs import encode_named

    rows = Notes().pass_on(encode_named(inputs, column))
    kelvin = None if temperatures is None else parse_temperatures(temperatures)
    trained = load(model)
    chosen = _choose_quantities(trained, quantity, plot)
    drawing = None
    if plot:
        drawing = _Drawing(trained, () if kelvin is None else kelvin, chosen, measured, per)
        rows = drawing.pass_on(rows)
    begun = time.monotonic()
    with counting("crystals") as bar, ExitStack() as stack:
        given = _Counted(rows, bar)
        batches = trained.predict_columns(given, kelvin, per)
        names = None if wide else trained.columns
        show = stack.enter_context(_writer(output, names)) if output else _shown(as_json, not plot)
        shape = partial(_shape, chosen=chosen, wide=wide)
        ledger = stack.enter_context(table_writer(failures, LEDGER)) if failures else None
        failed, values = _write(
            batches, drawing.keep if drawing else None, shape, show, ledger, as_json and not output
        )
    caveats = [text for name, text in trained.caveats.items() if name in (chosen or trained.quantities)]
    if caveats and values and (output or not plot):
        say(f"note: {'; '.join(caveats)}")
    if plot and drawing:
        drawing.save(plot)
        say(f"picture: {plot}")
    if as_json and output:
        emit_json({"predicted": given.count - failed, "failed": failed, "output": str(output)})
    if failed or output or plot:
        rate = values / max(time.monotonic() - begun, 1e-9)
        speed = f"; {values:,} {'values' if wide else 'rows'}, {rate:,.0f} per second" if values else ""
        say(f"{given.count - failed:,} predicted, {failed:,} failed{speed}")
    raise typer.Exit(1 if failed else 0)


def _choose_quantities(
    trained: "Model | Materials", names: Sequence[str] | None, plot: Path | None
) -> list[str]:
    """The quantities that --quantity names, [] for all. Raises CloudkitError for one that the model does not predict."""
    chosen = [name.strip() for given in names or () for name in given.split(",")]
    for name in chosen:
        if name == DENSITY:
            if not plot:
                raise CloudkitError(f"--quantity {name} is a curve over frequency; use --plot FILE")
        elif trained.heads and name not in trained.quantities:
            known = ", ".join(trained.quantities)
            raise CloudkitError(
                f"--quantity '{name}': model {trained.name} predicts {known}{suggest(name, trained.quantities)}"
            )
    return chosen


class _Drawing:
    """A picture of the first crystals; what cannot be drawn is refused before any work is done."""

    def __init__(
        self,
        trained: "Model | Materials",
        kelvin: Iterable[float],
        chosen: list[str],
        measured: Path | None,
        per: "Per",
    ) -> None:
        from cloudkit.report import CurvePlot, read_points

        points = read_points(measured, per) if measured else None
        _check_curves(trained, kelvin, chosen)
        self._plot = CurvePlot(max(len(list(kelvin)), 1), points, chosen)
        self._trained, self._density = trained, DENSITY in chosen
        self._first: list[Encoded] = []

    def pass_on(self, rows: "Iterator[Encoded]") -> "Iterator[Encoded]":
        """The rows; the first with a string are kept where densities of states are drawn."""
        from cloudkit.report.curves import MAX_CURVES

        for row in rows:
            if self._density and row.scope is not None and len(self._first) < MAX_CURVES:
                self._first.append(row)
            yield row

    def keep(self, table: "Columns") -> None:
        """Take the curves of a batch."""
        from cloudkit.predict import as_frame

        self._plot.add(as_frame(table).dropna(subset="temperature"))

    def save(self, path: Path) -> None:
        """Draw."""
        for row in self._first:
            try:
                sheet = self._trained.sheet_of(row)
            except CloudkitError:  # a failure, which was reported when it was predicted
                continue
            self._plot.add_density(row.id, sheet.thz, sheet.density)
        self._plot.save(path)


def _check_curves(trained: "Model | Materials", kelvin: Iterable[float], chosen: Sequence[str]) -> None:
    """Raise CloudkitError if a plot would have no curve."""
    if trained.heads and not trained.thermal:
        raise CloudkitError(
            f"nothing to plot: the quantities of model {trained.name} do not depend on temperature; omit --plot"
        )
    from cloudkit.predict.materials import THERMAL

    flat = next((name for name in chosen if name not in (DENSITY, *THERMAL)), None)
    if flat:
        raise CloudkitError(
            f"nothing to plot: {flat} does not depend on temperature; --plot draws {', '.join((*THERMAL, DENSITY))}"
        )
    if any(name != DENSITY for name in chosen or ["heat_capacity"]) and len(set(kelvin)) < 2:
        raise CloudkitError(
            "nothing to plot: curves need two or more temperatures, such as --temperatures 0:600:10"
        )


class _Counted:
    """Count records while iterating over them."""

    def __init__(self, records: "Iterator[Encoded]", bar: Bar) -> None:
        self.count, self._records, self._bar = 0, records, bar

    def __iter__(self) -> "Iterator[Encoded]":
        for record in self._records:
            self.count += 1
            self._bar.advance()
            yield record
        if not self.count:
            raise CloudkitError("nothing to predict: the folders contain no files")


def _write(
    batches: "Iterator[tuple[Columns, list[Failure]]]",
    draw: Keep | None,
    shape: "Callable[[Columns], Columns]",
    show: Keep,
    ledger: Write | None,
    as_json: bool,
) -> tuple[int, int]:
    """Draw and show each batch; return the numbers of failed inputs and of rows shown."""
    failed = rows = 0
    for table, failures in batches:
        if len(table["id"]):
            if draw:
                draw(table)
            shaped = shape(table)
            show(shaped)
            rows += len(shaped["id"])
        failed += len(failures)
        for failure in failures:
            if ledger:
                ledger(failure._asdict())
            else:
                say_failure(failure.id, failure)
            if as_json:
                emit_json(failure._asdict())
    return failed, rows


def _shape(table: "Columns", chosen: Sequence[str], wide: bool) -> "Columns":
    """The rows of the chosen quantities, all without a choice; wide: with a column for each, named with its unit."""
    from cloudkit.predict.tables import units_of, wide_columns

    if chosen:
        rows = np.isin(table["quantity"], chosen)
        table = {name: column[rows] for name, column in table.items()}
    if not wide or not len(table["id"]):
        return table
    units = units_of(table)
    return {
        f"{name} ({units[name]})" if units.get(name) else name: column
        for name, column in wide_columns(table, empty=True).items()
    }


@contextmanager
def _writer(output: Path, columns: Sequence[str] | None) -> Iterator[Keep]:
    """Write batches to a file that appears only when complete. columns: None to take those of the first batch."""
    from cloudkit.io import column_writer

    with replacing(output, "wb") as file, ExitStack() as stack:
        writers: list[Callable[[Columns], None]] = []

        def write(table: "Columns") -> None:
            names = list(columns or table)
            if not writers:
                texts = [name for name in names if table[name].dtype == object]
                writers.append(
                    stack.enter_context(column_writer(file, output.suffix, names, [*TEXTS, *texts]))
                )
            writers[0]({name: table[name] for name in names})

        yield write
        if not writers and columns:  # no rows: write the header only
            stack.enter_context(column_writer(file, output.suffix, columns, TEXTS))


def _shown(as_json: bool, listed: bool) -> Keep:
    """Print batches on standard output: JSON lines, or one table without empty columns; notes only unless listed."""
    header = True

    def show(table: "Columns") -> None:
        nonlocal header
        rows = zip(*(column.tolist() for column in table.values()), strict=True)
        if as_json:
            for row in rows:  # NaN becomes null
                emit_json(dict(zip(table, row, strict=True)))
            return
        if "note" in table:
            for name, note in dict.fromkeys(zip(table["id"].tolist(), table["note"].tolist(), strict=True)):
                if note:
                    say(f"note: {name}: {note}")
        if not listed:
            return
        shown = [name for name, column in table.items() if name != "note" and not _is_empty(column)]
        emit_table(
            shown if header else None, list(zip(*(table[name].tolist() for name in shown), strict=True))
        )
        header = False

    return show


def _is_empty(column: "npt.NDArray[Any]") -> bool:
    return bool(column.dtype != object and np.isnan(column).all())


def write_sheets(
    model: str, inputs: Sequence[str], column: str | None, temperatures: str | None, page: Path
) -> int:
    """Write PAGE, or one PAGE-ID.html per crystal if there are several; return the exit code."""
    check_target(page, (".html",))
    from cloudkit.predict import load, parse_temperatures
    from cloudkit.predict.inputs import Failure, as_failure, encode_named, prepare_input
    from cloudkit.report.sheet import sheet_page

    trained = load(model)
    kelvin = parse_temperatures(temperatures) if temperatures else None
    if kelvin is not None and len(kelvin) != 1:
        raise CloudkitError(f"a data sheet has one temperature, but {temperatures} gives {len(kelvin)}")
    at = None if kelvin is None else float(kelvin[0])
    trained.predict_columns([], at)  # refuses what the model cannot do at all, once
    given = list(Notes().pass_on(encode_named(inputs, column)))
    failed = 0
    for record in given:
        ready = prepare_input(record, trained.dialect, "atom")
        if isinstance(ready, Failure):
            say_failure(record.id, ready)
            failed += 1
            continue
        try:
            sheet = trained.sheet_of(record, at)
        except CloudkitError as error:
            say_failure(record.id, as_failure(record.id, error, "P100"))
            failed += 1
            continue
        target = page if len(given) == 1 else page.with_name(f"{page.stem}-{_plain(record.id)}{page.suffix}")
        with replacing(target) as file:
            file.write(sheet_page(sheet))
        say(f"sheet: {target}")
    if len(given) > 1:
        say(f"{count_noun(len(given) - failed, 'sheet')}, {failed:,} failed")
    return 1 if failed else 0


def _plain(name: str) -> str:
    """Return a name that is safe in file names."""
    return re.sub(r"[^\w.+-]+", "_", name).removesuffix(".cif")
