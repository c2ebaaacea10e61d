"""Reading a `BertForMaskedLM` folder of transformers: config.json, tokenizer and tensors, with checks."""

import json
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cloudkit.errors import ModelError
from cloudkit.modelspec import Activation

ACTIVATIONS: Final[dict[str, Activation]] = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu", "silu": "silu"}  # fmt: skip
BERT_CONFIG_DEFAULTS: Final = {  # of transformers' BertConfig
    "num_hidden_layers": 12, "num_attention_heads": 12, "hidden_size": 768, "intermediate_size": 3072,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "type_vocab_size": 2, "vocab_size": 30522, "hidden_act": "gelu",
    "pad_token_id": 0, "tie_word_embeddings": True,
}  # fmt: skip


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json and fill in the defaults of BertConfig. Raises ModelError if it is missing or not that of a BERT."""
    path = folder / "config.json"
    stated = _json(path)
    kind = stated.get("model_type")
    if kind != "bert" or stated.get("is_decoder"):
        raise ModelError(
            f"{path}: model_type is {kind!r}; only 'bert' (BertForMaskedLM) has a counterpart here"
        )
    if stated.get("position_embedding_type", "absolute") != "absolute":
        raise ModelError(
            f"{path}: position_embedding_type must be 'absolute', not {stated['position_embedding_type']!r}"
        )
    if str(stated.get("hidden_act", "gelu")) not in ACTIVATIONS:
        raise ModelError(
            f"{path}: hidden_act must be one of {', '.join(ACTIVATIONS)}, not {stated['hidden_act']!r}"
        )
    config: dict[str, Any] = {**BERT_CONFIG_DEFAULTS, **stated}
    for key, default in BERT_CONFIG_DEFAULTS.items():
        _check_number(path, key, config[key], default)
    if config["hidden_size"] % config["num_attention_heads"]:
        raise ModelError(f"{path}: num_attention_heads must divide hidden_size")
    return config


def _check_number(path: Path, key: str, value: Any, default: Any) -> None:
    """Raise ModelError unless an integer key is above 0 (pad_token_id: any, or null) and a float key in [0, 1)."""
    if isinstance(default, str | bool) or (key == "pad_token_id" and value is None):
        return
    if isinstance(default, float):
        least = 1e-30 if key == "layer_norm_eps" else 0
        expected = "a number above 0 and below 1" if least else "a number of at least 0 and below 1"
        fits = isinstance(value, int | float) and least <= value < 1
    else:
        fits = type(value) is int and (value > 0 or key == "pad_token_id")
        expected = "a whole number above 0"
    if not fits:
        raise ModelError(f"{path}: {key} must be {expected}, not {str(value)[:40]!r}")


def _json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError if the file cannot be read or holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); expected a BertForMaskedLM folder"
        ) from None
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    except RecursionError:
        raise ModelError(f"{path} is damaged: nested too deeply to be read") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path} is damaged: expected a JSON object, found a {type(content).__name__}")
    return content


def read_vocabulary(folder: Path) -> dict[str, int]:
    """Read token -> id from tokenizer.json or vocab.txt; {} without either."""
    if (folder / "tokenizer.json").is_file():
        content = _json(folder / "tokenizer.json")
        try:
            known = dict(content["model"]["vocab"]) | {
                token["content"]: token["id"] for token in content["added_tokens"]
            }
            return {str(token): int(id) for token, id in known.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{folder / 'tokenizer.json'} is not a tokenizer of transformers ({error!r})"
            ) from None
    if (folder / "vocab.txt").is_file():
        try:
            lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ModelError(f"{folder / 'vocab.txt'} is not UTF-8 text (byte {error.start})") from None
        return {token: id for id, token in enumerate(lines)}
    return {}


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """Read all tensors of a folder, from one file or several; old names (gamma, beta) become weight and bias."""
    index = folder / "model.safetensors.index.json"
    files = ["model.safetensors"]
    if index.is_file():
        named = _json(index).get("weight_map")
        files = sorted(set(map(str, named.values()))) if isinstance(named, dict) else []
        outside = [file for file in files if Path(file).name != file]
        if outside or not files:
            raise ModelError(
                f"{index} is damaged: {f'{outside[0]} lies outside the folder' if outside else 'no weight_map'}"
            )
    if not (folder / files[0]).is_file():
        old = (
            "; pytorch_model.bin is a pickle, which cloudkit does not open"
            if (folder / "pytorch_model.bin").is_file()
            else ""
        )
        raise ModelError(
            f"{folder}: there is no {files[0]}{old}; write it with transformers: "
            "BertForMaskedLM.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(folder / file)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{folder / file} is damaged ({error})") from None
    renamed = {name.replace(".gamma", ".weight").replace(".beta", ".bias"): t for name, t in tensors.items()}
    return {name: t for name, t in renamed.items() if not name.endswith("position_ids")}
