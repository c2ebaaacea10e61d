"""What a shell offers after TAB: names of presets, models and schemas, without importing what knows them."""

from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def presets(incomplete: str) -> list[str]:
    """Names of presets; a file's name is completed by the shell."""
    return _beginning(incomplete, (path.stem for path in (PACKAGE / "modelspec/presets").glob("*.yaml")))


def models(incomplete: str) -> list[str]:
    """Names of models that ship with cloudkit, and finished runs."""
    shipped = (path.parent.name for path in (PACKAGE / "models/shipped").glob("*/model.safetensors"))
    runs = (str(path.parent) for path in Path().glob("runs/*/model.safetensors"))
    return _beginning(incomplete, [*shipped, *runs])


def schemas(incomplete: str) -> list[str]:
    """Names of JSON Schemas."""
    folder = PACKAGE / "schemas"
    folder = folder if folder.is_dir() else PACKAGE.parent / "schemas"
    return _beginning(incomplete, (path.name.partition(".")[0] for path in folder.glob("*.schema.json")))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
