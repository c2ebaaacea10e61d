"""Servers on loopback for the tests of fetch: one that answers as a test wants, and one that damages the answers of another."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler, int], None]  # the handler and the number of the request, from 1


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The base URL of a server whose GET requests are answered by a function."""
    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self, next(numbers))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: Any, status: int = 200, **headers: str) -> None:
    """An answer with a JSON body, or with the bytes given."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(data))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def damaging(target: str, slow: float = 0.2) -> Answer:
    """Pass requests on to `target`: 1 in 10 is answered 500, 1 in 17 is cut off half-way, 1 in 23 is slow."""
    host = target.partition("://")[2]

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number % 10 == 4:
            return send(handler, {"errors": [{"detail": "injected"}]}, 500)
        if number % 23 == 7:
            time.sleep(slow)
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request("GET", handler.path, headers={"Host": handler.headers["Host"]})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if number % 17 == 5:
            handler.close_connection = True
            return send(handler, body[: len(body) // 2], Content_Length=str(len(body)))
        return send(handler, body, response.status)

    return answer


def entry(name: str, **attributes: Any) -> dict[str, Any]:
    """Caesium chloride under a name."""
    fields = {
        "lattice_vectors": [[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]],
        "cartesian_site_positions": [[0, 0, 0], [2.06, 2.06, 2.06]],
        "species_at_sites": ["Cs", "Cl"],
        "species": [
            {"name": "Cs", "chemical_symbols": ["Cs"], "concentration": [1.0]},
            {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0], "mass": [35.45]},
        ],
        "nsites": 2,
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "structure_features": [],
        "last_modified": "2024-01-01T00:00:00Z",
    }
    return {"id": name, "type": "structures", "attributes": fields | attributes}


def page(
    entries: list[Any], following: Any = None, returned: int | None = None, **meta: Any
) -> dict[str, Any]:
    """An OPTIMADE answer."""
    stated = {} if returned is None else {"data_returned": returned}
    return {
        "data": entries,
        "links": {"next": following},
        "meta": {"provider": {"prefix": "test"}, "more_data_available": following is not None}
        | stated
        | meta,
    }
