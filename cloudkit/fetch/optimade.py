"""OPTIMADE (specification 1.2): the pages of a list of structures, and their entries as rows of a table."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from cloudkit.errors import FetchError
from cloudkit.fetch.http import Client
from cloudkit.io import OPTIMADE_FIELDS, as_structure_table, plain_text

FIELDS: Final = ("id", *OPTIMADE_FIELDS, "last_modified")
MAX_IDLE: Final = 10  # pages in a row without a new entry, after which the fetch ends

Row = dict[str, Any]


class Page(NamedTuple):
    """One page of a list of structures.

    rows: one per entry, with `error` if it is malformed; stated: number of structures in all according to the provider;
    next: link to the next page, None at the end; short: the provider announces more pages without a link.
    """

    rows: list[Row]
    provider: str
    stated: int | None
    next: str | None
    short: bool


def first_link(url: str, filter: str, page_limit: int | None) -> str:
    """Return the address of the first page; `url` is a base URL, with or without version, or that of the structures."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise FetchError(f"{url}: give the base URL of a provider, such as https://example.org/optimade")
    base = url.rstrip("/")
    if not base.endswith("/structures"):
        base += "/structures" if re.search(r"/v\d+(\.\d+)*$", base) else "/v1/structures"
    asked = {"filter": filter, "page_limit": str(page_limit or ""), "response_fields": ",".join(FIELDS)}
    return f"{base}?{urlencode({name: value for name, value in asked.items() if value})}"


def read_page(client: Client, link: str, number: int) -> Page:
    """Return the page at a link; raise FetchError if there is none or it is not a list of structures."""
    document = client.get(link)
    entries, meta = document.get("data"), document.get("meta")
    if not isinstance(entries, list) or not isinstance(meta, dict):
        raise FetchError(f"{link}: the answer lacks the list 'data' or 'meta'; is this an OPTIMADE provider?")
    provider = _text(_mapping(meta.get("provider")).get("prefix") or urlsplit(link).netloc)
    received = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"provider": provider, "fetched": received}
    rows = [_row(entry, head, f"entry {i} of page {number}") for i, entry in enumerate(entries, start=1)]
    following = _next(document, link)
    stated = meta.get("data_returned")
    return Page(
        _mark_malformed(rows),
        provider,
        stated if type(stated) is int else None,
        following,
        following is None and meta.get("more_data_available") is True,
    )


def _text(value: Any) -> str:
    return plain_text(str(value))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _next(document: Mapping[str, Any], link: str) -> str | None:
    """Return links.next, which may be a string or an object with `href`."""
    found = _mapping(document.get("links")).get("next")
    found = found.get("href") if isinstance(found, dict) else found
    if not found:
        return None
    try:
        following = urljoin(link, found) if isinstance(found, str) else ""
        known = urlsplit(following).scheme in ("http", "https") and following == _text(following)
    except ValueError:  # brackets without an IPv6 address
        known = False
    if not known:
        raise FetchError(f"{link}: the link to the next page is not an address: {_text(found)[:200]}")
    return following


def _row(entry: Any, head: Row, label: str) -> Row:
    """Return an entry with its fields unchanged."""
    attributes = _mapping(_mapping(entry).get("attributes"))
    name = _mapping(entry).get("id") or attributes.get("id")
    if not isinstance(name, str | int):
        return {**head, "id": label, "error": f"{label} has no id: {_text(entry)[:200]}"}
    if not attributes:
        return {**head, "id": _text(name), "error": f"{label} has no attributes: {_text(entry)[:200]}"}
    fields = {field: attributes.get(field) for field in FIELDS[1:]}
    return {**head, **fields, "id": _text(name)}


def _mark_malformed(rows: list[Row]) -> list[Row]:
    """Replace rows that do not fit the columns by the error."""
    try:
        as_structure_table(rows)
    except ValueError:
        return list(_check_rows(rows))
    return rows


def _check_rows(rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        wrong = [field for field in FIELDS[1:] if not _fits({field: row.get(field)})]
        if wrong:
            found = "; ".join(f"{field} is {_text(row[field])[:80]}" for field in wrong)
            kept = {name: row[name] for name in ("id", "provider", "fetched")}
            yield {**kept, "error": f"the entry is malformed: {found}"}
        else:
            yield row


def _fits(row: Row) -> bool:
    try:
        as_structure_table([row])
    except ValueError:
        return False
    return True
