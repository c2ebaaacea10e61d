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
MAX_IDLE: Final = 10  # pages in a row without anything new, after which the links are taken for a circle

Row = dict[str, Any]


class Page(NamedTuple):
    """rows: one per entry, with `error` where it is malformed. stated: how many structures the provider says there are in
    all, if it does. next: the link to the next page, None at the end. short: there is more, but no link to it.
    """

    rows: list[Row]
    provider: str
    stated: int | None
    next: str | None
    short: bool


def first_link(url: str, filter: str, page_limit: int | None) -> str:
    """The address of the first page: `url` may be a base URL, one with its version, or that of the structures."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise FetchError(f"{url}: give the base URL of a provider, such as https://example.org/optimade")
    base = url.rstrip("/")
    if not base.endswith("/structures"):
        base += "/structures" if re.search(r"/v\d+(\.\d+)*$", base) else "/v1/structures"
    asked = {"filter": filter, "page_limit": str(page_limit or ""), "response_fields": ",".join(FIELDS)}
    return f"{base}?{urlencode({name: value for name, value in asked.items() if value})}"


def read_page(client: Client, link: str, number: int) -> Page:
    """The page at a link; raises FetchError where there is none or it is not that of a list of structures."""
    document = client.get(link)
    entries, meta = document.get("data"), document.get("meta")
    if not isinstance(entries, list) or not isinstance(meta, dict):
        raise FetchError(f"{link}: the answer has no list of structures ('data') or no 'meta'")
    provider = _text(_mapping(meta.get("provider")).get("prefix") or urlsplit(link).netloc)
    received = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"provider": provider, "fetched": received}
    rows = [_row(entry, head, f"entry {i} of page {number}") for i, entry in enumerate(entries, start=1)]
    following = _next(document, link)
    stated = meta.get("data_returned")
    return Page(
        _typed(rows),
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
    """links.next, which is a text, an object with `href`, or nothing."""
    found = _mapping(document.get("links")).get("next")
    found = found.get("href") if isinstance(found, dict) else found
    if not found:
        return None
    try:
        following = urljoin(link, found) if isinstance(found, str) else ""
        known = urlsplit(following).scheme in ("http", "https") and following == _text(following)
    except ValueError:  # brackets that hold no IPv6 address
        known = False
    if not known:
        raise FetchError(f"{link}: the link to the next page is not an address: {_text(found)[:200]}")
    return following


def _row(entry: Any, head: Row, place: str) -> Row:
    """An entry with its fields as they came."""
    attributes = _mapping(_mapping(entry).get("attributes"))
    name = _mapping(entry).get("id") or attributes.get("id")
    if not isinstance(name, str | int):
        return {**head, "id": place, "error": f"{place} has no id: {_text(entry)[:200]}"}
    if not attributes:
        return {**head, "id": _text(name), "error": f"{place} has no attributes: {_text(entry)[:200]}"}
    fields = {field: attributes.get(field) for field in FIELDS[1:]}
    return {**head, **fields, "id": _text(name)}


def _typed(rows: list[Row]) -> list[Row]:
    """The same rows; those that do not fit the columns are replaced by what is wrong with them."""
    try:
        as_structure_table(rows)
    except ValueError:
        return list(_one_by_one(rows))
    return rows


def _one_by_one(rows: list[Row]) -> Iterator[Row]:
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
