"""The presets: commented YAML files in `presets/`, run by name and copied by `cloudkit new`."""

from importlib.resources import files

from cloudkit.errors import CloudkitError, suggest

_FOLDER = files("cloudkit.modelspec") / "presets"


def presets() -> dict[str, str]:
    """Name -> summary in one line (the file's first comment)."""
    entries = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml"))
    names = sorted(entry.removesuffix(".yaml") for entry in entries)
    return {name: _text(name).split("\n", 1)[0].lstrip("# ") for name in names}


def template(preset: str = "thermal") -> str:
    """The commented text of a preset, to start a spec from.

    Raises CloudkitError with the nearest name if there is none.
    """
    if preset not in presets():
        raise CloudkitError(f"no preset '{preset}'" + suggest(preset, presets()))
    return _text(preset)


def _text(preset: str) -> str:
    return (_FOLDER / f"{preset}.yaml").read_text(encoding="utf-8")
