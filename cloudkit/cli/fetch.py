"""`cloudkit fetch`: structures from providers into a folder of Parquet shards, which `encode` reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cloudkit.cli.files import replacing
from cloudkit.cli.terminal import Bar, counting, emit_json, say, to_json
from cloudkit.errors import CloudkitError, count_noun
from cloudkit.io.paths import missing_hint

if TYPE_CHECKING:
    from cloudkit.fetch import Client, Outcome

SOURCE: Final = "optimade"
ATTEMPTS, SECONDS, SHARD_ROWS = 8, 120.0, 10_000  # as in cloudkit.fetch, which is imported on first use

Urls = Annotated[list[str], typer.Argument(metavar="URL...", help="Base URLs of providers, such as https://example.org/optimade.")]  # fmt: skip
Folder = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of shards; an interrupted fetch resumes there.")]  # fmt: skip


def _check_source(value: str) -> str:
    """Return the kind of provider; raise BadParameter with the command that was probably meant."""
    if value == SOURCE:
        return value
    if value.startswith(("http://", "https://")):
        raise typer.BadParameter(
            f"name the kind of provider first: cloudkit fetch {SOURCE} {value} -o shards"
        )
    hint = missing_hint(value) or f"the only one is {SOURCE}: cloudkit fetch {SOURCE} URL -o shards"
    raise typer.BadParameter(f"{value!r} is not a kind of provider; {hint}")


def command(
    source: Annotated[str, typer.Argument(metavar="optimade", callback=_check_source, help="Kind of provider.", show_default=False)],
    urls: Urls,
    output: Folder,
    filter: Annotated[str, typer.Option("--filter", metavar="F", help="An OPTIMADE filter, such as 'nelements=2 AND elements HAS \"O\"'.")] = "",
    page_limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Structures per page. [default: the provider's choice]", show_default=False)] = None,
    attempts: Annotated[int, typer.Option(min=1, metavar="N", help="Requests per page before giving up.")] = ATTEMPTS,
    seconds: Annotated[float, typer.Option(min=1, metavar="S", help="Time limit of one response.")] = SECONDS,
    shard_rows: Annotated[int, typer.Option(min=1, metavar="N", help="Structures per shard; a shard is also finished after a minute.")] = SHARD_ROWS,
    failures: Annotated[Path | None, typer.Option("--failures", metavar="FILE", help="JSON lines with id, code, message and hint of each malformed entry.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line per URL on standard output, with counts and problems.")] = False,
) -> None:  # fmt: skip
    """Fetch structures from OPTIMADE providers into Parquet shards.

    Failed requests are repeated after a pause. An interrupted fetch keeps its finished shards; run the same command again to
    resume. Each row has the id, the provider, the date and the provider's fields, unchanged.

    \b
    Example:
      cloudkit fetch optimade https://example.org/optimade --filter 'nelements=2' -o binaries
      cloudkit encode binaries -o strings.csv --failures failed.jsonl
    """
    from cloudkit.fetch import Client

    if output.exists() and not output.is_dir():
        raise CloudkitError(f"{output} is a file; name a folder")
    client = Client(attempts, seconds, on_failure=lambda text: say(f"the provider {text}"))
    with counting("structures") as bar:
        outcomes = [
            _fetch(url, output, client, filter, page_limit, shard_rows, bar) for url in dict.fromkeys(urls)
        ]
    for outcome in outcomes:
        _report(outcome, as_json)
    if failures:
        _write_ledger(output, failures)
    if not any(outcome.received or outcome.complete for outcome in outcomes):
        raise CloudkitError("nothing was fetched")
    raise typer.Exit(1 if any(outcome.problems or outcome.failed for outcome in outcomes) else 0)


def _fetch(
    url: str, folder: Path, client: "Client", filter: str, page_limit: int | None, shard_rows: int, bar: Bar
) -> "Outcome":
    """Fetch from one provider, with a progress bar that has a total once the provider states it."""
    from cloudkit.fetch import fetch_optimade

    shown: list[int | None] = []

    def on_page(received: int, stated: int | None) -> None:
        if shown[1:] != [stated]:
            bar.start(url, stated, received)
            shown[:] = [received, stated]
        bar.advance(received - (shown[0] or 0))
        shown[0] = received

    return fetch_optimade(url, folder, client, filter, page_limit, on_page, shard_rows)


def _report(outcome: "Outcome", as_json: bool) -> None:
    for problem in outcome.problems:
        say(f"warning: {problem}")
    again = f"run the same command again{' to resume' if outcome.received else ''}"
    state = "complete" if outcome.complete else f"incomplete: {again}"
    say(f"{outcome.url}: {count_noun(outcome.received, 'structure')}, {outcome.failed:,} malformed, {state}")
    if as_json:
        emit_json(outcome._asdict())


def _write_ledger(folder: Path, failures: Path) -> None:
    """Write all malformed entries in the shards, including those of earlier runs."""
    from cloudkit.io import read_row, read_structure_rows

    with replacing(failures) as file:
        for path in sorted(folder.glob("*.parquet")):
            for number, row in enumerate(read_structure_rows(path), start=1):
                if row.get("error"):
                    name, _, error, *_ = read_row(row, str(number))
                    entry = {"id": name} | {key: getattr(error, key) for key in ("code", "message", "hint")}
                    file.write(to_json(entry) + "\n")
