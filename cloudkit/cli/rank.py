"""`cloudkit predict --top`: rank candidates, with uncertainty and novelty."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from cloudkit.cli.files import check_target, replacing, table_writer
from cloudkit.cli.terminal import MAX_SHOWN, Notes, counting, emit_json, emit_table, say, say_failure
from cloudkit.errors import CloudkitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudkit.corpus import RankOptions
    from cloudkit.encoding import Encoded
    from cloudkit.units import Per

SHOWN = ("id", "formula", "space_group", "value", "lower", "upper", "unit", "novelty")
KINDS = {"space_group": int, "value": float, "lower": float, "upper": float, "temperature": float}
LEDGER = ("id", "code", "message")


def rank_inputs(
    model: str,
    inputs: list[str],
    column: str | None,
    wanted: "RankOptions",
    temperatures: str | None,
    per: "Per",
    reference: list[str],
    output: Path | None,
    page: Path | None,
    failures: Path | None,
    as_json: bool,
) -> int:
    """Rank the inputs, write and print the best; return the exit code."""
    if page:
        check_target(page, (".html",))
    from cloudkit.corpus import Reference, rank
    from cloudkit.corpus.rank import COLUMNS
    from cloudkit.predict import load, parse_temperatures
    from cloudkit.predict.inputs import encode_named
    from cloudkit.report import rank_page

    kelvin = None if temperatures is None else parse_temperatures(temperatures)
    if kelvin is not None and len(kelvin) != 1:
        raise CloudkitError(f"--top ranks at one temperature, but {temperatures} gives {len(kelvin)}")
    trained = load(model)
    known = Reference(reference, trained)
    with counting("candidates") as bar:

        def counted() -> "Iterator[Encoded]":
            for one in Notes().pass_on(encode_named(inputs, column)):
                bar.advance()
                yield one

        found = rank(trained, counted(), wanted, known, None if kelvin is None else float(kelvin[0]), per)
    values = [found.column(quantity) for quantity in found.units]
    rows: list[dict[str, object]] = [
        {str(name): value for name, value in row.items()}
        for row in found.table[[*COLUMNS, *values]].to_dict("records")
    ]
    if output:
        kinds = {name: KINDS.get(name, str) for name in COLUMNS} | dict.fromkeys(values, float)
        with table_writer(output, kinds) as write:
            for row in rows:
                write(row)
    if page:
        with replacing(page) as file:
            file.write(rank_page(found, wanted, trained.name))
    if as_json:
        for row in rows:
            emit_json(row)
    elif not output and not page:
        named = re.findall(r"\w+", wanted.where or "")
        shown = [*SHOWN, *(name for name in values if name in named and name != found.quantity)]
        emit_table(shown, [[row[name] for name in shown] for row in rows])
    if failures:
        with table_writer(failures, LEDGER) as write:
            for failure in found.failures:
                write(failure._asdict())
    else:
        for failure in found.failures[:MAX_SHOWN]:
            say_failure(failure.id, failure)
        if len(found.failures) > MAX_SHOWN:
            say(f"... and {len(found.failures) - MAX_SHOWN:,} more; --failures FILE writes them all")
    by = f" by {found.quantity}" if found.quantity else ""
    kept = f"{found.kept:,} meet the condition, " if wanted.where else ""
    say(
        f"{found.predicted:,} predicted, {len(found.failures):,} failed; {kept}{found.novel:,} of them "
        f"not among the known crystals ({known.description}); listed: the best {len(rows)}{by}"
    )
    return 1 if found.failures else 0
