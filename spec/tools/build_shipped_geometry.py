"""Make the geometry model that ships in the wheel: python spec/tools/build_shipped_geometry.py FOLDER_OF_SHARED_DATA

`spec/tools/geometry.yaml` on the structures of `mp20_binary_ternary` (Materials Project, CC-BY-4.0), weights in float16.
`seen.npz` holds hashes of the crystals that it was trained on (cloudkit/evaluate/leakage.py).
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

from cloudkit.evaluate.leakage import SEEN
from cloudkit.models import save_weights, to_half
from cloudkit.modelspec import dump, load_spec
from cloudkit.train import build

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "cloudkit" / "models" / "shipped" / "geometry"
SOURCE = "mp20_binary_ternary.jsonl.gz"
MOST = 4_000_000  # bytes of the folder


def main(data: Path) -> None:
    torch.set_num_threads(1)
    spec = load_spec(HERE / "geometry.yaml", [f"tasks.0.data.path={(data / SOURCE).resolve()}"])
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = build(spec, folder).folder
        metrics = json.loads((made / "metrics.json").read_text())
        save_weights(to_half(load_file(made / "model.safetensors")), TARGET / "model.safetensors")
        for name in ("vocab.txt", SEEN):
            shutil.copyfile(made / name, TARGET / name)
        losses = json.loads((made / "curves.json").read_text())[-1]
    plain = (dump(spec)).replace(str((data / SOURCE).resolve()), SOURCE)
    (TARGET / "spec.yaml").write_text(plain, encoding="utf-8")
    (TARGET / "card.md").write_text(_card(metrics, losses), encoding="utf-8")
    size = sum(path.stat().st_size for path in TARGET.iterdir())
    assert size < MOST, f"{size:,} bytes are too many for the wheel"
    print(f"{TARGET}: {size:,} bytes")


def _card(metrics: dict[str, object], losses: dict[str, object]) -> str:
    training = dict(metrics["training"])["pretrain shape"]  # type: ignore[call-overload]
    weights = (TARGET / "model.safetensors").read_bytes()
    return f"""# geometry

A model over orbit strings of crystals that was trained to say what their structures look like: distances, coordination and
neighbours of each orbit, volume and stiffness of the crystal (`cloudkit/structure/geometry.py` has definitions, units and
sources). It predicts no property by itself: it is where `init_from: geometry` and the preset `property` start.
{metrics["parameters"]:,} parameters, {len(weights):,} bytes in float16, SHA-256 `{hashlib.sha256(weights).hexdigest()}`.

## Data

{training["crystals"]:,} distinct strings to train, {training["validation_crystals"]:,} to watch the loss, of `mp20_binary_ternary`: structures of the
Materials Project with two or three elements and at most 20 atoms (CC-BY-4.0; cite A. Jain et al., APL Mater. 1 (2013) 011002).
No energies or other properties were read. `seen.npz` lists the training crystals as hashes of string and of composition with
space group; `build` and `evaluate` say which of your test rows are among them, and `predictions.csv` marks them.

## Made

`make shipped-geometry`: `spec/tools/geometry.yaml`, {training["strings_seen"]:,} strings seen. Huber error of the scaled targets on the strings
held out: {float(str(losses["valid_loss"])):.4f}.

## Limits

Ordered and inorganic crystals of two or three elements at their relaxed structures; what it says of others is a guess.
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
