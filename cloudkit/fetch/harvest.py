"""Page after page of one provider into its shards, until the end or until something is in the way."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from cloudkit.errors import FetchError
from cloudkit.fetch.folder import Shards, State, locked
from cloudkit.fetch.http import Client
from cloudkit.fetch.optimade import MAX_IDLE, Row, first_link, read_page

SHARD_ROWS: Final = 10_000
SHARD_SECONDS: Final = 60.0  # a kill costs no more than the pages of this time


class Outcome(NamedTuple):
    """The outcome of one URL. received: rows in its shards, `failed` of them malformed. problems: why it is not all that the
    provider has, or not what it said; empty where all is well.
    """

    url: str
    provider: str
    received: int
    failed: int
    repeated: int
    stated: int | None
    complete: bool
    problems: tuple[str, ...]


def fetch_optimade(
    url: str,
    folder: str | Path,
    client: Client,
    filter: str = "",
    page_limit: int | None = None,
    on_page: Callable[[int, int | None], None] = lambda received, stated: None,
    shard_rows: int = SHARD_ROWS,
) -> Outcome:
    """All structures of a provider that pass an OPTIMADE filter, into Parquet shards in `folder`; or the rest of them, where an
    earlier fetch of the same URL and filter was interrupted.

    page_limit: structures per page, the provider's choice where None. on_page: called with the number of structures so far and
    with the number that the provider promises. What stops the fetch is among the problems of the outcome; what was received
    until then is kept. Raises FetchError where the folder cannot be used or holds something else.
    """
    url = url.rstrip("/")
    start = State(url, filter, first_link(url, filter, page_limit))
    with locked(Path(folder)):
        shards = Shards(Path(folder), url)
        state, repaired = shards.resume(start)
        problems = [repaired] if repaired else []
        on_page(state.received, state.stated)
        harvest = _Harvest(shards, state, shard_rows)
        try:
            harvest.run(client, on_page)
        except FetchError as error:
            problems.append(str(error))
        state = harvest.kept
    complete = state.next is None
    if complete and state.short:
        problems.append(f"{url} announces more structures, but gives no link to the next page")
    if complete and state.stated is not None and state.stated != state.received:
        twice = f" and {state.repeated:,} of them again" if state.repeated else ""
        problems.append(
            f"{url} promised {state.stated:,} structures and sent {state.received:,} different ones{twice}"
        )
    return Outcome(
        url,
        state.provider,
        state.received,
        state.failed,
        state.repeated,
        state.stated,
        complete,
        tuple(problems),
    )


class _Harvest:
    """Rows on their way into shards. kept: the state of what is on disk."""

    def __init__(self, shards: Shards, state: State, shard_rows: int) -> None:
        self.shards, self.kept, self.shard_rows = shards, state, shard_rows
        self.rows: list[Row] = []
        self.state = state
        self.saved = time.monotonic()

    def run(self, client: Client, on_page: Callable[[int, int | None], None]) -> None:
        """Raises FetchError where the provider or the disk is in the way, after saving what came before."""
        visited: set[str] = set()
        idle = 0
        try:
            while (link := self.state.next) is not None:
                if link in visited:
                    raise FetchError(f"{link}: the links to the next page run in a circle")
                visited.add(link)
                idle = 0 if self._take(client, link) else idle + 1
                if idle >= MAX_IDLE:
                    raise FetchError(f"{link}: {MAX_IDLE} pages in a row brought nothing new")
                on_page(self.state.received, self.state.stated)
                if len(self.rows) >= self.shard_rows or time.monotonic() - self.saved > SHARD_SECONDS:
                    self._save()
        finally:
            if self.state != self.kept:
                self._save()

    def _take(self, client: Client, link: str) -> int:
        """Add a page to the rows; how many of its entries are new."""
        page = read_page(client, link, self.state.page + 1)
        fresh = self.shards.seen.add([row["id"] for row in page.rows])
        new = [row for row, is_new in zip(page.rows, fresh, strict=True) if is_new]
        self.rows += new
        self.state = replace(
            self.state,
            next=page.next,
            provider=page.provider,
            page=self.state.page + 1,
            received=self.state.received + len(new),
            failed=self.state.failed + sum("error" in row for row in new),
            repeated=self.state.repeated + len(page.rows) - len(new),
            stated=self.state.stated if page.stated is None else page.stated,
            short=page.short,
        )
        return len(new)

    def _save(self) -> None:
        self.shards.write(self.rows, self.state)
        self.rows = []
        self.kept, self.saved = self.state, time.monotonic()
