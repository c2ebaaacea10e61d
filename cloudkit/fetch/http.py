"""One JSON document from a server that may be busy, slow, broken or gone. Requests and pauses between retries are urllib3's."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from cloudkit.errors import FetchError, count_noun, require

ATTEMPTS: Final = 8
UNKNOWN_HOST_ATTEMPTS: Final = 2  # an unknown name rarely becomes known within a minute
SECONDS: Final = 120.0  # for one answer
MAX_PAUSE: Final = 600.0  # seconds; the fetch ends if a server asks for a longer one
MAX_BYTES: Final = 1 << 28  # of one answer
RETRY_STATUS: Final = (408, 425, 429, 500, 502, 503, 504)
CHUNK: Final = 1 << 16


class Client:
    """Requests JSON documents, and retries after transient failures with exponential backoff, jitter and Retry-After.

    Parameters
    ----------
    attempts
        Largest number of requests for one document.
    seconds
        Time limit of one answer.
    pause
        First pause in s; each is about twice the one before.
    on_failure
        Called with a message before each pause.

    Raises
    ------
    MissingExtra
        Without urllib3 (extra `fetch`).

    Examples
    --------
    >>> client = Client(attempts=3)
    >>> client.get("example.org/structures")
    Traceback (most recent call last):
    cloudkit.errors.FetchError: example.org/structures: not an http or https address
    """

    def __init__(
        self,
        attempts: int = ATTEMPTS,
        seconds: float = SECONDS,
        pause: float = 1.0,
        on_failure: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._urllib3 = require("urllib3", "fetch")
        self._attempts, self._seconds, self._on_failure = attempts, seconds, on_failure
        self._schedule = self._urllib3.Retry(
            total=None, backoff_factor=pause, backoff_jitter=pause, backoff_max=60.0, redirect=5
        )
        once = self._urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=5, raise_on_status=False)
        self._pool = self._urllib3.PoolManager(
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "cloudkit fetch"},
            timeout=self._urllib3.Timeout(connect=min(30.0, seconds), read=seconds),
            retries=once,
        )

    def get(self, url: str) -> dict[str, Any]:
        """Return the JSON object at `url`; raise FetchError after the last attempt, or at once if a retry would not help."""
        if not url.startswith(("http://", "https://")):
            raise FetchError(f"{url[:200]}: not an http or https address")
        schedule = self._schedule
        for attempt in range(1, self._attempts + 1):
            try:
                return self._ask(url)
            except _TransientError as error:
                if attempt >= min(self._attempts, error.attempts):
                    raise FetchError(f"{url}: {error}; asked {count_noun(attempt, 'time')}") from error
                schedule = schedule.increment("GET", url, error=error)
                pause = schedule.get_backoff_time() if error.retry_after is None else error.retry_after
                if pause > MAX_PAUSE:
                    raise FetchError(
                        f"{url}: {error}; it asks to come back in {pause:,.0f} s; run the command again then"
                    ) from error
                self._on_failure(
                    f"{error}; trying again in {pause:.1f} s (attempt {attempt + 1} of {min(self._attempts, error.attempts)})"
                )
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _ask(self, url: str) -> dict[str, Any]:
        deadline = time.monotonic() + self._seconds
        try:
            response = self._pool.request("GET", url, preload_content=False)
            try:
                body = b"".join(self._read(response, deadline, url))
            finally:
                response.close()  # a connection that was read to the end is back in the pool
        except self._urllib3.exceptions.HTTPError as error:
            if isinstance(getattr(error, "reason", error), self._urllib3.exceptions.NameResolutionError):
                raise _TransientError(_unknown_host(url), attempts=UNKNOWN_HOST_ATTEMPTS) from error
            raise _TransientError(f"no answer: {_reason(error)}") from error
        if response.status in RETRY_STATUS:
            wanted = response.headers.get("Retry-After")
            raise _TransientError(f"answered {response.status}", self._retry_after(wanted))
        if response.status != 200:
            raise FetchError(f"{url}: answered {response.status}{_details(body)}")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _TransientError(f"the answer is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise FetchError(f"{url}: the answer is not a JSON object, so this is not an OPTIMADE provider")
        return document

    def _read(self, response: Any, deadline: float, url: str) -> Any:
        size = 0
        while chunk := response.read1(
            CHUNK
        ):  # does not wait for a full chunk, so slow answers hit the deadline
            size += len(chunk)
            if size > MAX_BYTES:
                raise FetchError(
                    f"{url}: the answer is longer than {MAX_BYTES >> 20} MiB; ask for smaller pages"
                )
            if time.monotonic() > deadline:
                response.close()
                raise _TransientError(f"the answer took longer than {self._seconds:g} s")
            yield chunk

    def _retry_after(self, wanted: str | None) -> float | None:
        try:
            return None if wanted is None else float(self._schedule.parse_retry_after(wanted))
        except self._urllib3.exceptions.InvalidHeader:
            return None


class _TransientError(Exception):
    """A failure after which a retry may help. retry_after: pause that the server asks for, in s; attempts: their largest number."""

    def __init__(self, message: str, retry_after: float | None = None, attempts: int = 1 << 30) -> None:
        super().__init__(message)
        self.retry_after, self.attempts = retry_after, attempts


def _unknown_host(url: str) -> str:
    host = url.split("/")[2]
    return f"the host {host} is unknown; check the address and the network"


def _reason(error: Exception) -> str:
    """Return the innermost reason of urllib3's nested exceptions."""
    while isinstance(reason := getattr(error, "reason", None), Exception):
        error = reason
    return str(error)


def _details(body: bytes) -> str:
    """Return the errors that an OPTIMADE answer lists."""
    try:
        errors = json.loads(body)["errors"]
        return ": " + "; ".join(str(error.get("detail") or error.get("title")) for error in errors)[:500]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return ""
