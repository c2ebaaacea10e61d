"""The optimade package's reference server on loopback, with its test data: `python reference_server.py PORT COPIES`.

The 17 structures of the test data are served COPIES times, under ids of their own.
"""

import sys

import uvicorn
from optimade.server.config import ServerConfig
from optimade.server.create_app import create_app
from optimade.server.data import structures

ALIASES = {
    "id": "task_id",
    "chemical_formula_descriptive": "pretty_formula",
    "chemical_formula_reduced": "pretty_formula",
    "chemical_formula_anonymous": "formula_anonymous",
}


def serve(port: int, copies: int) -> None:
    """Serve until killed."""
    config = ServerConfig(
        database_backend="mongomock",
        insert_test_data=False,  # it would ask the list of providers on the internet
        aliases={"structures": ALIASES},
        page_limit_max=500,
        log_level="warning",
    )
    app = create_app(config)
    app.state.entry_collections["structures"].insert(
        [
            {key: value for key, value in entry.items() if key != "_id"}
            | {"task_id": f"{entry['task_id']}.{copy}"}
            for copy in range(copies)
            for entry in structures
        ]
    )
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
