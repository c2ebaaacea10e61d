"""`cloudkit schema`: the JSON Schemas that ship with the package."""

from importlib import resources
from typing import Annotated

import typer

from cloudkit.cli.terminal import complete_schemas, emit, emit_json
from cloudkit.errors import CloudkitError

PACKAGE = "cloudkit.schemas"
SUFFIX = ".schema.json"


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", autocompletion=complete_schemas, help="Schema to print; without it, list the names.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the names as a JSON list (schemas are always JSON).")] = False,
) -> None:  # fmt: skip
    """Print a JSON Schema, for editors and other tools.

    \b
    Example:
      cloudkit schema model > model.schema.json
    """
    known = sorted(
        entry.name.removesuffix(SUFFIX)
        for entry in resources.files(PACKAGE).iterdir()
        if entry.name.endswith(SUFFIX)
    )
    if name is None:
        if as_json:
            emit_json(known)
        else:
            emit("\n".join(known))
        return
    if name not in known:
        raise CloudkitError(f"no schema '{name}'; choose from {', '.join(known)}")
    emit(read_schema(name).rstrip())


def read_schema(name: str) -> str:
    """Return the text of a shipped schema."""
    return resources.files(PACKAGE).joinpath(name + SUFFIX).read_text("utf-8")
