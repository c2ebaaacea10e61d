"""Small model folders: untrained weights, but all that a trained one has."""

from pathlib import Path

from cloudkit.models import CloudModel, save_weights, vocabulary_text
from cloudkit.modelspec import dump, parse_spec
from cloudkit.tokens import Tokenizer

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
ROCK_SALT_REDUCED = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | 4a 4b | Na 0.5 Cl 0.5"

SPEC = """
cloudkit: 1
name: small
tokens: {dialect: DIALECT, vocabulary: compact, max_length: 12}
encoder: {kind: transformer, layers: 1, heads: 2, width: 16}
heads:
  thermal: {kind: thermal}
  gap: {kind: regression, outputs: [band_gap]}
tasks:
  - {kind: finetune, head: HEAD, data: {DATA, targets: [TARGET]}}
"""
TARGETS = {
    "thermal": "{column: heat_capacity, quantity: heat_capacity, temperature: temperature, unit: J/mol_atom/K}",
    "gap": "{column: entropy, quantity: band_gap, unit: eV}",
}


def make_model(
    folder: Path, head: str = "thermal", dialect: str = "orbit", data: str = "builtin: thermal, part: train"
) -> Path:
    """Write a model folder with random weights."""
    text = (
        SPEC.replace("DIALECT", dialect)
        .replace("HEAD", head)
        .replace("TARGET", TARGETS[head])
        .replace("DATA", data)
    )
    spec, tokenizer = parse_spec(text, "small.yaml", folder.parent), Tokenizer("compact")
    folder.mkdir()
    (folder / "spec.yaml").write_text(dump(spec), encoding="utf-8")
    (folder / "vocab.txt").write_text(vocabulary_text(tokenizer), encoding="utf-8")
    save_weights(CloudModel(spec, tokenizer).state_dict(), folder / "model.safetensors")
    return folder
