"""Weights between cloudkit and Hugging Face: a folder of transformers' `BertForMaskedLM` and a model with a `bert` encoder.

The same numbers under other names; query, key and value maps are joined to one matrix and cut apart again. Of the published
30,522 rows of tokens only those of the vocabulary are kept: the others stand for nothing.
"""

import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from cloudkit.errors import ModelError
from cloudkit.models.bert import Bert
from cloudkit.models.folder import check_size, load_weights, save_weights
from cloudkit.models.model import CloudModel, build_model
from cloudkit.models.published_names import to_ours, to_theirs
from cloudkit.modelspec import Activation, BertEncoder, MaskedTokensHead, Spec, Tokens
from cloudkit.tokens import Tokenizer

ACTIVATIONS: Final[dict[str, Activation]] = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu", "silu": "silu"}  # fmt: skip
PUBLISHED_LENGTH: Final = 64  # tokens to which the published model cuts its strings
UNUSED: Final = ("bert.pooler.", "cls.seq_relationship.")  # of BertForPreTraining
KEYS: Final = {  # config.json: spec
    "num_hidden_layers": "layers", "num_attention_heads": "heads", "hidden_size": "width", "intermediate_size": "feedforward",
    "hidden_dropout_prob": "dropout", "attention_probs_dropout_prob": "attention_dropout", "layer_norm_eps": "norm_eps",
    "max_position_embeddings": "positions", "type_vocab_size": "token_types",
}  # fmt: skip
DEFAULTS: Final = {  # of transformers' BertConfig, for what config.json leaves out
    "num_hidden_layers": 12, "num_attention_heads": 12, "hidden_size": 768, "intermediate_size": 3072,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512, "type_vocab_size": 2, "vocab_size": 30522, "hidden_act": "gelu",
    "pad_token_id": 0, "tie_word_embeddings": True,
}  # fmt: skip


def read_published(folder: str | Path) -> tuple[CloudModel, list[str]]:
    """A model with the weights of a `BertForMaskedLM` folder, and what was done to them, in words.

    Raises ModelError for a folder that holds something else, another vocabulary, or weights of other shapes than its
    config.json says.
    """
    folder = Path(folder)
    config, tokenizer = _config(folder), Tokenizer("cloud")
    notes = _check_vocabulary(folder, config, tokenizer)
    spec = _spec(folder, config, tokenizer)
    theirs = _tensors(folder)
    check_size(spec, theirs, f"{folder}: the weights")
    notes += [f"{key}* is no part of masked-token models and is left out" for key in UNUSED if any(n.startswith(key) for n in theirs)]  # fmt: skip
    theirs = {name: tensor for name, tensor in theirs.items() if not name.startswith(UNUSED)}
    narrow = {str(t.dtype) for t in theirs.values() if t.dtype != torch.float32}
    notes += [f"weights of {', '.join(sorted(narrow))} become float32"] if narrow else []
    model = build_model(spec, tokenizer)
    where = f"{folder}: the weights"
    _check_rows(theirs, config, where)
    weights = {
        name: t.float()
        for name, t in to_ours(
            theirs, spec.encoder.layers, config["tie_word_embeddings"], tokenizer.size, where
        ).items()
    }
    if theirs:
        name = next(iter(theirs))
        raise ModelError(f"{where} hold {name}, which BertForMaskedLM does not have (of {len(theirs)} such)")
    load_weights(model, weights | _buffers(model), where)
    return model.eval(), notes


def write_published(model: CloudModel, folder: str | Path) -> list[str]:
    """Write config.json, model.safetensors and tokenizer.json, which transformers' Auto classes load; notes in words.

    Raises ModelError for a model that is no BertForMaskedLM over the published vocabulary.
    """
    spec, folder = model.spec, Path(folder)
    heads = [name for name, head in spec.heads.items() if isinstance(head, MaskedTokensHead)]
    if not isinstance(model.encoder, Bert) or not isinstance(spec.encoder, BertEncoder):
        raise ModelError(
            f"only encoders of kind bert exist in transformers; this one is of kind {spec.encoder.kind}"
        )
    if model.tokenizer.name != "cloud":
        raise ModelError(
            "compact ids need SCOPE's grammar, which no tokenizer.json holds; use vocabulary cloud"
        )
    if not heads:
        raise ModelError("BertForMaskedLM needs a masked_tokens head, and this model has none")
    folder.mkdir(parents=True, exist_ok=True)
    config = _published_config(spec, heads[0], model.tokenizer)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = dict(to_theirs(model.state_dict(), heads[0], len(model.encoder.layers)))
    save_weights(weights, folder / "model.safetensors", {"format": "pt"})
    model.tokenizer.save(folder / "tokenizer.json")
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "pad", "sep", "unk", "mask")}
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": spec.tokens.max_length,
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return [f"head {name} is left out: BertForMaskedLM has none" for name in spec.heads if name != heads[0]]


def _config(folder: Path) -> dict[str, Any]:
    """config.json with the defaults of BertConfig; ModelError where it is not there or not of a BERT."""
    path = folder / "config.json"
    given = _json(path)
    kind = given.get("model_type")
    if kind != "bert" or given.get("is_decoder"):
        raise ModelError(
            f"{path}: model_type is {kind!r}; only 'bert' (BertForMaskedLM) has a counterpart here"
        )
    if given.get("position_embedding_type", "absolute") != "absolute":
        raise ModelError(
            f"{path}: position_embedding_type must be 'absolute', not {given['position_embedding_type']!r}"
        )
    if str(given.get("hidden_act", "gelu")) not in ACTIVATIONS:
        raise ModelError(
            f"{path}: hidden_act must be one of {', '.join(ACTIVATIONS)}, not {given['hidden_act']!r}"
        )
    config: dict[str, Any] = {**DEFAULTS, **given}
    for key, usual in DEFAULTS.items():
        _check_number(path, key, config[key], usual)
    if config["hidden_size"] % config["num_attention_heads"]:
        raise ModelError(f"{path}: num_attention_heads must divide hidden_size")
    return config


def _check_number(path: Path, key: str, value: Any, usual: Any) -> None:
    """A whole number above 0 (padding: any, or null) where BertConfig has one, a share where it has one."""
    if isinstance(usual, str | bool) or (key == "pad_token_id" and value is None):
        return
    if isinstance(usual, float):
        least = 1e-30 if key == "layer_norm_eps" else 0
        wanted = "a number above 0, below 1" if least else "a number from 0, below 1"
        fits = isinstance(value, int | float) and least <= value < 1
    else:
        fits = type(value) is int and (value > 0 or key == "pad_token_id")
        wanted = "a whole number above 0"
    if not fits:
        raise ModelError(f"{path}: {key} must be {wanted}, not {str(value)[:40]!r}")


def _json(path: Path) -> dict[str, Any]:
    """A JSON object of the folder; ModelError where it cannot be read or is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); expected a BertForMaskedLM folder"
        ) from None
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    except RecursionError:
        raise ModelError(f"{path} is damaged: nested too deeply to be read") from None
    if not isinstance(found, dict):
        raise ModelError(f"{path} is damaged: expected a JSON object, found a {type(found).__name__}")
    return found


def _check_vocabulary(folder: Path, config: dict[str, Any], tokenizer: Tokenizer) -> list[str]:
    """Notes on rows and padding; ModelError where ids mean other tokens than the published ones."""
    rows, size = config["vocab_size"], tokenizer.size
    if rows < size:
        raise ModelError(
            f"{folder / 'config.json'}: vocab_size is {rows}, and the published vocabulary has {size} tokens; "
            "this model reads another vocabulary"
        )
    known = _vocabulary(folder)
    for token, id in known.items():
        if id < size and tokenizer.vocabulary[id] != token:
            raise ModelError(
                f"{folder}: its tokenizer gives id {id} to {token!r}, the published vocabulary to "
                f"{tokenizer.vocabulary[id]!r}; this model reads another vocabulary"
            )
    notes = (
        []
        if known
        else ["no vocab.txt or tokenizer.json: ids are taken to be those of the published vocabulary"]
    )
    if rows > size:
        notes.append(
            f"{rows - size:,} of {rows:,} rows of tokens stand for no token of the vocabulary and are left out"
        )
    pad = config["pad_token_id"]
    if pad is not None and 0 <= pad < size and pad != tokenizer.pad_id:
        notes.append(
            f"the padding row of the weights is {pad} ({tokenizer.vocabulary[pad]}), not that of [PAD]: as an input it "
            "was never trained, and encoder.padding_row keeps it so"
        )
    return notes


def _vocabulary(folder: Path) -> dict[str, int]:
    """Token -> id as the folder's tokenizer has them; empty without one."""
    if (folder / "tokenizer.json").is_file():
        content = _json(folder / "tokenizer.json")
        try:
            known = dict(content["model"]["vocab"]) | {
                one["content"]: one["id"] for one in content["added_tokens"]
            }
            return {str(token): int(id) for token, id in known.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{folder / 'tokenizer.json'} is no tokenizer of transformers ({error!r})"
            ) from None
    if (folder / "vocab.txt").is_file():
        try:
            lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ModelError(f"{folder / 'vocab.txt'} is not UTF-8 text (byte {error.start})") from None
        return {token: id for id, token in enumerate(lines)}
    return {}


def _spec(folder: Path, config: dict[str, Any], tokenizer: Tokenizer) -> Spec:
    pad = config["pad_token_id"]
    encoder = BertEncoder(
        kind="bert",
        **{ours: config[theirs] for theirs, ours in KEYS.items()},
        activation=ACTIVATIONS[config["hidden_act"]],
        padding_row=pad if pad is not None and 0 <= pad < tokenizer.size else None,
    )
    length = min(PUBLISHED_LENGTH, config["max_position_embeddings"])
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in folder.resolve().name).strip("._-")
    return Spec(
        cloudkit=1,
        name=name or "published",
        tokens=Tokens(dialect="reduced", vocabulary="cloud", max_length=length),
        encoder=encoder,
        heads={"mlm": MaskedTokensHead(kind="masked_tokens", tied=bool(config["tie_word_embeddings"]))},
        tasks=[],
    )


def _tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, in one file or several, under today's names."""
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


def _check_rows(theirs: dict[str, Tensor], config: dict[str, Any], where: str) -> None:
    """The table of tokens has the rows that config.json says, so that slicing it means what it should."""
    table = theirs.get("bert.embeddings.word_embeddings.weight")
    wanted = (config["vocab_size"], config["hidden_size"])
    if table is not None and tuple(table.shape) != wanted:
        raise ModelError(
            f"{where} hold word embeddings of shape {tuple(table.shape)}, config.json says {wanted}"
        )


def _buffers(model: CloudModel) -> dict[str, Tensor]:
    """What a model holds besides parameters: nothing that another program could know."""
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name not in dict(model.named_parameters())
    }


def _published_config(spec: Spec, head: str, tokenizer: Tokenizer) -> dict[str, Any]:
    encoder, masked = spec.encoder, spec.heads[head]
    assert isinstance(encoder, BertEncoder) and isinstance(masked, MaskedTokensHead)
    known = {theirs: getattr(encoder, ours) for theirs, ours in KEYS.items()}
    known |= {
        "intermediate_size": encoder.feedforward or 4 * encoder.width,
        "max_position_embeddings": encoder.positions or spec.tokens.max_length,
    }
    activation = next(theirs for theirs, ours in ACTIVATIONS.items() if ours == encoder.activation)
    return {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        **known,
        "hidden_act": activation,
        "vocab_size": tokenizer.size,
        "pad_token_id": encoder.padding_row,
        "tie_word_embeddings": masked.tied,
        "dtype": "float32",
    }
