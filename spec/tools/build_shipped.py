"""Make the model that ships in the wheel: python spec/tools/build_shipped.py

The preset `thermal` on all crystals of its data (90 % to train, 10 % to choose the epoch and set the bands), weights in float16.
Same machine and versions, same bytes; the card holds the hash of the weights.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from cloudkit.models import save_weights, to_half
from cloudkit.modelspec import load_spec
from cloudkit.train import build

TARGET = Path(__file__).resolve().parents[2] / "cloudkit" / "models" / "shipped" / "thermal"
FILES = ("spec.yaml", "vocab.txt", "card.md")
MOST = 3_000_000  # bytes


def main() -> None:
    torch.set_num_threads(1)
    spec = load_spec("thermal", ["tasks.0.data.join.0.part=all"])
    spec = spec.model_copy(update={"tasks": spec.tasks[:1]})
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = build(spec, folder).folder
        for name in FILES:
            shutil.copyfile(made / name, TARGET / name)
        training = json.loads((made / "metrics.json").read_text())["training"]["finetune thermal"]
        save_weights(to_half(load_file(made / "model.safetensors")), TARGET / "model.safetensors")
    weights = (TARGET / "model.safetensors").read_bytes()
    assert len(weights) < MOST, f"{len(weights):,} bytes are too many for the wheel"
    card = TARGET / "card.md"
    text = (
        card.read_text(encoding="utf-8")
        .replace("predict FOLDER", "predict thermal")
        .replace('load("FOLDER")', 'load("thermal")')
    )
    text = (
        text.split("FOLDER is the folder")[0]
        + "Values are per mole of atoms unless `--per` says otherwise.\n"
    )
    text += (
        f"\n## Made\n\n`make shipped`: the preset `thermal` on all its {training['crystals'] + training['validation_crystals']} crystals, "
        f"{training['validation_crystals']} of them to choose the epoch and set the bands. How such a model does on crystals that it has not "
        f"seen: `benchmarks/results/thermal_folds.txt` and `janaf.txt` next to it.\n\n"
        f"model.safetensors: {len(weights):,} bytes, float16, SHA-256 `{hashlib.sha256(weights).hexdigest()}`\n"
    )
    card.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(weights):,} bytes")


if __name__ == "__main__":
    main()
