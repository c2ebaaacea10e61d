"""`cloudkit predict materials ... --page`: a data sheet for each crystal."""

import re
from collections.abc import Sequence
from pathlib import Path

from cloudkit.cli.files import check_target, replacing
from cloudkit.cli.inputs import records, say_failure
from cloudkit.cli.terminal import say
from cloudkit.errors import CloudkitError


def write_sheets(
    model: str, inputs: Sequence[str], column: str | None, temperatures: str | None, page: Path
) -> int:
    """Write PAGE, or PAGE with the crystal's name before the suffix where there are several; the exit code."""
    check_target(page, (".html",))
    from cloudkit.predict import Materials, load, parse_temperatures
    from cloudkit.predict.inputs import failure
    from cloudkit.report.sheet import sheet_page

    family = load(model)
    if not isinstance(family, Materials):
        raise CloudkitError(f"--page without --top is for the model materials, not {model}")
    kelvin = parse_temperatures(temperatures) if temperatures else [298.15]
    if len(kelvin) != 1:
        raise CloudkitError(f"a data sheet has one temperature, and {temperatures} are {len(kelvin)}")
    given = list(records(inputs, column))
    failed = 0
    for record in given:
        try:
            sheet = family.sheet_of(record, float(kelvin[0]))
        except CloudkitError as error:
            say_failure(record.id, failure(record.id, error, "P100"))
            failed += 1
            continue
        target = page if len(given) == 1 else page.with_name(f"{page.stem}-{_plain(record.id)}{page.suffix}")
        with replacing(target) as file:
            file.write(sheet_page(sheet))
        say(f"sheet: {target}")
    return 1 if failed else 0


def _plain(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^\w.+-]+", "_", name).removesuffix(".cif")
