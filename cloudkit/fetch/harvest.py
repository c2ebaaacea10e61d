"""Page after page of one provider into its shards, to the last page or the first failure."""

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
SHARD_SECONDS: Final = 60.0  # a killed fetch loses at most the pages of this time


class Outcome(NamedTuple):
    """Result of a fetch from one URL.

    Attributes
    ----------
    url, provider : str
        Base URL, and the provider's prefix.
    received, failed, repeated : int
        Rows in all its shards, malformed ones among them, and duplicate entries that were left out.
    stated : int, optional
        Number of structures according to the provider.
    complete : bool
        Whether the last page was read.
    problems : tuple of str
        Why structures may be missing, and how the provider contradicts itself.

    Examples
    --------
    >>> outcome = Outcome("https://example.org", "demo", 200, 1, 0, 200, True, ())
    >>> outcome.received, outcome.failed
    (200, 1)
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
    """Fetch the structures of an OPTIMADE provider into Parquet shards; an interrupted fetch of the same URL and filter resumes.

    Parameters
    ----------
    url
        Base URL, or that of the structures.
    folder
        Folder of the shards, created if it is missing.
    client
        Requests the pages.
    filter
        OPTIMADE filter; "" for all structures.
    page_limit
        Structures per page; by default the provider's choice.
    on_page
        Called with the number of structures so far and in all, as the provider states it.
    shard_rows
        Structures after which a shard is finished.

    Returns
    -------
    Outcome
        If a page fails, `problems` has the reason, and what was received before is kept.

    Raises
    ------
    FetchError
        If the folder cannot be used or contains something else.

    Examples
    --------
    >>> class NoStructures:
    ...     def get(self, url):
    ...         return {"data": [], "meta": {"provider": {"prefix": "demo"}, "data_returned": 0}}
    >>> fetch_optimade("https://example.org/optimade", "demo", NoStructures()).complete
    True
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
        problems.append(f"{url} announces more structures but has no link to the next page; ask the provider")
    if complete and state.stated is not None and state.stated != state.received:
        twice = f", and {state.repeated:,} of them twice" if state.repeated else ""
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
    """Rows of pages that are not in a shard yet. kept: the state on disk."""

    def __init__(self, shards: Shards, state: State, shard_rows: int) -> None:
        self.shards, self.kept, self.shard_rows = shards, state, shard_rows
        self.rows: list[Row] = []
        self.state = state
        self.saved = time.monotonic()

    def run(self, client: Client, on_page: Callable[[int, int | None], None]) -> None:
        """Read all pages; on FetchError the rows before it are saved."""
        visited: set[str] = set()
        idle = 0
        try:
            while (link := self.state.next) is not None:
                if link in visited:
                    raise FetchError(
                        f"{link}: the links to the next page form a loop; report this to the provider"
                    )
                visited.add(link)
                idle = 0 if self._take(client, link) else idle + 1
                if idle >= MAX_IDLE:
                    raise FetchError(
                        f"{link}: {MAX_IDLE} pages in a row had nothing new; report this to the provider"
                    )
                on_page(self.state.received, self.state.stated)
                if len(self.rows) >= self.shard_rows or time.monotonic() - self.saved > SHARD_SECONDS:
                    self._save()
        finally:
            if self.state != self.kept:
                self._save()

    def _take(self, client: Client, link: str) -> int:
        """Add a page to the rows; return how many of its entries are new."""
        page = read_page(client, link, self.state.page + 1)
        fresh = self.shards.ids.add([row["id"] for row in page.rows])
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
