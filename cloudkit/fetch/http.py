"""One JSON document from a server that may be busy, slow, broken or gone. Transport and schedule are urllib3's."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from cloudkit.errors import FetchError, require

ATTEMPTS: Final = 8
UNKNOWN_HOST_ATTEMPTS: Final = 2  # a name that is not found rarely appears a minute later
SECONDS: Final = 120.0  # for one answer, from the first byte to the last
MAX_PAUSE: Final = 600.0  # seconds; a server that asks for more is left alone
MAX_BYTES: Final = 1 << 28  # of one answer
BUSY: Final = (408, 425, 429, 500, 502, 503, 504)  # answers after which the same question may be asked again
CHUNK: Final = 1 << 16


class Client:
    """Asks a URL again after failures that may pass, with pauses that grow, vary, and honour Retry-After.

    attempts: for one document. seconds: for one attempt. pause: the unit of the pauses, in seconds. say: called
    with every failure, before the pause.
    """

    def __init__(
        self,
        attempts: int = ATTEMPTS,
        seconds: float = SECONDS,
        pause: float = 1.0,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._urllib3 = require("urllib3", "fetch")
        self._attempts, self._seconds, self._say = attempts, seconds, say
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
        """The JSON object at `url`. Raises FetchError where there is none after all attempts, or where asking again would
        not help.
        """
        if not url.startswith(("http://", "https://")):
            raise FetchError(f"{url[:200]}: not an http or https address")
        schedule = self._schedule
        for attempt in range(1, self._attempts + 1):
            try:
                return self._ask(url)
            except _Passing as error:
                if attempt >= min(self._attempts, error.attempts):
                    raise FetchError(f"{url}: {error}; asked {attempt} times") from error
                schedule = schedule.increment("GET", url, error=error)
                pause = schedule.get_backoff_time() if error.retry_after is None else error.retry_after
                if pause > MAX_PAUSE:
                    raise FetchError(f"{url}: {error}; it asks to come back in {pause:,.0f} s") from error
                self._say(
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
                response.close()  # a connection whose answer was read to the end is back in the pool
        except self._urllib3.exceptions.HTTPError as error:
            if isinstance(getattr(error, "reason", error), self._urllib3.exceptions.NameResolutionError):
                raise _Passing(_unknown_host(url), attempts=UNKNOWN_HOST_ATTEMPTS) from error
            raise _Passing(f"no answer: {_reason(error)}") from error
        if response.status in BUSY:
            wanted = response.headers.get("Retry-After")
            raise _Passing(f"answered {response.status}", self._retry_after(wanted))
        if response.status != 200:
            raise FetchError(f"{url}: answered {response.status}{_details(body)}")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _Passing(f"the answer is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise FetchError(f"{url}: the answer is not a JSON object, so this is not an OPTIMADE provider")
        return document

    def _read(self, response: Any, deadline: float, url: str) -> Any:
        size = 0
        while chunk := response.read1(
            CHUNK
        ):  # what is there, so that the time is looked at while an answer drips
            size += len(chunk)
            if size > MAX_BYTES:
                raise FetchError(
                    f"{url}: the answer is longer than {MAX_BYTES >> 20} MiB; ask for smaller pages"
                )
            if time.monotonic() > deadline:
                response.close()
                raise _Passing(f"the answer took longer than {self._seconds:g} s")
            yield chunk

    def _retry_after(self, wanted: str | None) -> float | None:
        try:
            return None if wanted is None else float(self._schedule.parse_retry_after(wanted))
        except self._urllib3.exceptions.InvalidHeader:
            return None


class _Passing(Exception):
    """A failure after which asking again may help; retry_after: the pause that the server asks for, in seconds; attempts: how
    often it is worth asking.
    """

    def __init__(self, message: str, retry_after: float | None = None, attempts: int = 1 << 30) -> None:
        super().__init__(message)
        self.retry_after, self.attempts = retry_after, attempts


def _unknown_host(url: str) -> str:
    host = url.split("/")[2]
    return f"no host is called {host}: is the address right, and is there a network?"


def _reason(error: Exception) -> str:
    """The innermost reason of urllib3's nested exceptions."""
    while isinstance(reason := getattr(error, "reason", None), Exception):
        error = reason
    return str(error)


def _details(body: bytes) -> str:
    """What an OPTIMADE answer says about its errors."""
    try:
        errors = json.loads(body)["errors"]
        return ": " + "; ".join(str(error.get("detail") or error.get("title")) for error in errors)[:500]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return ""
