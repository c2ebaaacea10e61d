"""`cloudkit new`: a commented spec to start from."""

from pathlib import Path
from typing import Annotated

import typer

from cloudkit.cli.files import check_target, replacing
from cloudkit.cli.schema import SUFFIX, read_schema
from cloudkit.cli.terminal import complete_presets, emit, emit_json, say
from cloudkit.errors import CloudkitError


def command(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Spec file to write; existing files are not overwritten.", show_default=False)] = None,
    preset: Annotated[str, typer.Option("--preset", "-p", metavar="NAME", autocompletion=complete_presets, help="Preset to copy.")] = "thermal",
    names: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:  # fmt: skip
    """Write a commented model spec, and a JSON Schema with which editors check and complete it.

    \b
    Example:
      cloudkit new model.yaml --preset thermal && cloudkit build model.yaml
    """
    from cloudkit.modelspec import presets, template

    if names:
        known = presets()
        if as_json:
            emit_json(known)
        else:
            width = max(map(len, known)) + 2
            emit("\n".join(f"{name:<{width}}{summary}" for name, summary in known.items()))
        return
    if file is None:
        raise CloudkitError("missing FILE, the spec to write, such as model.yaml; --list shows the presets")
    text = template(preset)
    check_target(file)
    if file.exists():
        raise CloudkitError(f"{file} already exists; choose another name or delete it")
    with replacing(file) as out:
        out.write(text)
    schema = file.with_name("model" + SUFFIX)
    fresh = not schema.exists()
    if fresh:
        with replacing(schema) as out:
            out.write(read_schema("model"))
    if as_json:
        emit_json({"file": str(file), "preset": preset, "schema": str(schema)})
    also = f", and {schema} for editors" if fresh else ""
    say(f"wrote {file} from preset {preset}{also}; next: cloudkit build {file}")
