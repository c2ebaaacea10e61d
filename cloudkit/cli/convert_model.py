"""`cloudkit convert` of a model's folder: from and to what transformers reads."""

from collections.abc import Sequence
from pathlib import Path

from cloudkit.cli.terminal import emit, emit_json, say
from cloudkit.errors import CloudkitError


def convert_model(folders: Sequence[str], to: str, out: Path | None, as_json: bool) -> None:
    """Write the model in the one folder given into `out`, as cloudkit or Hugging Face has it, and say what was done."""
    if len(folders) != 1 or out is None:
        form = "HF_DIR --to cloudkit" if to == "cloudkit" else "MODEL --to hf"
        raise CloudkitError(f"a model is converted one at a time: cloudkit convert {form} --out DIR")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CloudkitError(f"{out} is not empty; name another folder with --out")
    notes = _to_cloudkit(folders[0], out) if to == "cloudkit" else _to_hf(folders[0], out)
    for note in notes:
        say(f"note: {note}")
    if as_json:
        emit_json({"folder": str(out), "notes": notes}, 1)
    else:
        emit(f"wrote {out}")


def _to_cloudkit(folder: str, out: Path) -> list[str]:
    from cloudkit.models import read_published, save_model

    model, notes = read_published(folder)
    save_model(model, out)
    return notes


def _to_hf(folder: str, out: Path) -> list[str]:
    from cloudkit.models import write_published
    from cloudkit.predict import load_model

    return write_published(load_model(folder).network, out)
