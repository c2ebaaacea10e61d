"""Conversion between transformers' `BertForMaskedLM` and models with a `bert` encoder.

Parameters are renamed, and the query, key and value projections concatenated. Of the 30,522 published rows of the token embedding
only those of the vocabulary are kept, since the others never occur.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from cloudkit.errors import ModelError
from cloudkit.models.bert import Bert
from cloudkit.models.folder import check_size, load_weights, save_weights
from cloudkit.models.model import CloudModel
from cloudkit.models.published_folder import ACTIVATIONS, read_config, read_tensors, read_vocabulary
from cloudkit.modelspec import BertEncoder, MaskedTokensHead, Spec, Tokens
from cloudkit.tokens import Tokenizer

PARAMETER_NAMES: Final = {  # cloudkit: transformers
    "encoder.embedding.table": "bert.embeddings.word_embeddings",
    "encoder.embedding.places": "bert.embeddings.position_embeddings",
    "encoder.embedding.types": "bert.embeddings.token_type_embeddings",
    "encoder.embedding.norm": "bert.embeddings.LayerNorm",
    "heads.mlm.dense": "cls.predictions.transform.dense",
    "heads.mlm.norm": "cls.predictions.transform.LayerNorm",
}
LAYER_PARAMETER_NAMES: Final = {
    "out": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm_feedforward": "output.LayerNorm",
}
ATTENTION_NAMES: Final = tuple(f"attention.self.{name}" for name in ("query", "key", "value"))


def from_transformers(
    theirs: dict[str, Tensor], layers: int, tied: bool, size: int, where: str
) -> dict[str, Tensor]:
    """Rename tensors of transformers and keep `size` rows of the token embedding; removes them from `theirs`.

    Raises ModelError naming a missing tensor.
    """

    def take(name: str) -> Tensor:
        if name not in theirs:
            raise ModelError(f"{where} lack {name}; is this a BertForMaskedLM?")
        return theirs.pop(name)

    ours = {}
    for mine, name in _pairs(layers):
        if isinstance(name, tuple):
            ours[mine] = torch.cat([take(one) for one in name])
        else:
            ours[mine] = take(name)
    ours["encoder.embedding.table.weight"] = ours["encoder.embedding.table.weight"][:size]
    # an untied decoder uses its own
    biases = [theirs.pop(f"cls.predictions.{name}", None) for name in ("decoder.bias", "bias")]
    bias = next((one for one in biases if one is not None), None)
    if bias is None:
        raise ModelError(f"{where} lack cls.predictions.bias; is this a BertForMaskedLM?")
    decoder = theirs.pop("cls.predictions.decoder.weight", None)
    if tied:
        return ours | {"heads.mlm.bias": bias[:size]}
    if decoder is None:
        raise ModelError(
            f"{where} lack cls.predictions.decoder.weight, and config.json says tie_word_embeddings: false"
        )
    return ours | {"heads.mlm.scores.weight": decoder[:size], "heads.mlm.scores.bias": bias[:size]}


def to_transformers(ours: dict[str, Tensor], head: str, layers: int) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors under the names of transformers; a tied decoder is not repeated, as in files of transformers."""
    for mine, name in _pairs(layers):
        tensor = ours[mine.replace("heads.mlm.", f"heads.{head}.")]
        if isinstance(name, tuple):
            yield from zip(name, tensor.chunk(3), strict=True)
        else:
            yield name, tensor
    if f"heads.{head}.bias" in ours:
        yield "cls.predictions.bias", ours[f"heads.{head}.bias"]
        return
    yield "cls.predictions.decoder.weight", ours[f"heads.{head}.scores.weight"]
    for name in ("bias", "decoder.bias"):
        yield f"cls.predictions.{name}", ours[f"heads.{head}.scores.bias"].clone()


def _pairs(layers: int) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield our name and theirs of all tensors except the decoder; three of theirs for the concatenated ones."""
    for mine, name in PARAMETER_NAMES.items():
        lone = mine.rpartition(".")[2] in ("table", "places", "types")
        for kind in ("weight",) if lone else ("weight", "bias"):
            yield f"{mine}.{kind}", f"{name}.{kind}"
    for index in range(layers):
        at, there = f"encoder.layers.{index}", f"bert.encoder.layer.{index}"
        for kind in ("weight", "bias"):
            yield f"{at}.qkv.{kind}", tuple(f"{there}.{name}.{kind}" for name in ATTENTION_NAMES)
            for part, name in LAYER_PARAMETER_NAMES.items():
                yield f"{at}.{part}.{kind}", f"{there}.{name}.{kind}"


PUBLISHED_MAX_LENGTH: Final = 64  # tokens to which the published model cuts its strings
IGNORED_PREFIXES: Final = ("bert.pooler.", "cls.seq_relationship.")  # of BertForPreTraining
CONFIG_KEYS: Final = {  # config.json: spec
    "num_hidden_layers": "layers", "num_attention_heads": "heads", "hidden_size": "width", "intermediate_size": "feedforward",
    "hidden_dropout_prob": "dropout", "attention_probs_dropout_prob": "attention_dropout", "layer_norm_eps": "norm_eps",
    "max_position_embeddings": "positions", "type_vocab_size": "token_types",
}  # fmt: skip


def read_published(folder: str | Path) -> tuple[CloudModel, list[str]]:
    """Read the published model, or any `BertForMaskedLM` folder over its vocabulary.

    Parameters
    ----------
    folder : str or Path
        With config.json and safetensors files.

    Returns
    -------
    CloudModel
        Float32, on the CPU, in evaluation mode.
    list of str
        Notes on what was changed or left out.

    Raises
    ------
    ModelError
        For another kind of model, another vocabulary, or weights that do not fit config.json.

    Examples
    --------
    >>> read_published("published")
    Traceback (most recent call last):
    cloudkit.errors.ModelError: published/config.json: cannot be read (No such file or directory); expected a BertForMaskedLM folder
    """
    folder = Path(folder)
    config, tokenizer = read_config(folder), Tokenizer("cloud")
    notes = _check_vocabulary(folder, config, tokenizer)
    spec = _spec(folder, config, tokenizer)
    theirs = read_tensors(folder)
    check_size(spec, theirs, f"{folder}: the weights")
    notes += [f"{key}* is not part of masked-token models and is left out" for key in IGNORED_PREFIXES if any(n.startswith(key) for n in theirs)]  # fmt: skip
    theirs = {name: tensor for name, tensor in theirs.items() if not name.startswith(IGNORED_PREFIXES)}
    narrow = {str(t.dtype) for t in theirs.values() if t.dtype != torch.float32}
    notes += [f"weights of {', '.join(sorted(narrow))} become float32"] if narrow else []
    model = CloudModel(spec, tokenizer)
    where = f"{folder}: the weights"
    _check_rows(theirs, config, where)
    weights = {
        name: t.float()
        for name, t in from_transformers(
            theirs, spec.encoder.layers, config["tie_word_embeddings"], tokenizer.size, where
        ).items()
    }
    if theirs:
        name = next(iter(theirs))
        raise ModelError(f"{where} hold {name}, which BertForMaskedLM does not have (of {len(theirs)} such)")
    load_weights(model, weights | _buffers(model), where)
    return model.eval(), notes


def write_published(model: CloudModel, folder: str | Path) -> list[str]:
    """Write config.json, model.safetensors and tokenizer.json, which transformers' Auto classes load.

    Parameters
    ----------
    model : CloudModel
        With a `bert` encoder, the cloud vocabulary and a masked_tokens head.
    folder : str or Path
        Created if missing.

    Returns
    -------
    list of str
        Notes on what was left out.

    Raises
    ------
    ModelError
        For any other model.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> write_published(load_model(shipped()["elastic"]), "bert")
    Traceback (most recent call last):
    cloudkit.errors.ModelError: only encoders of kind bert exist in transformers; this one is of kind transformer
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
    weights = dict(to_transformers(model.state_dict(), heads[0], len(model.encoder.layers)))
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


def _check_vocabulary(folder: Path, config: dict[str, Any], tokenizer: Tokenizer) -> list[str]:
    """Return notes on rows and padding. Raises ModelError if an id is that of another token than in the published vocabulary."""
    rows, size = config["vocab_size"], tokenizer.size
    if rows < size:
        raise ModelError(
            f"{folder / 'config.json'}: vocab_size is {rows}, and the published vocabulary has {size} tokens; "
            "this model reads another vocabulary"
        )
    known = read_vocabulary(folder)
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
            f"{rows - size:,} of {rows:,} rows of the token embedding are not in the vocabulary and are left out"
        )
    pad = config["pad_token_id"]
    if pad is not None and 0 <= pad < size and pad != tokenizer.pad_id:
        notes.append(
            f"the padding row of the weights is {pad} ({tokenizer.vocabulary[pad]}), not that of [PAD]: as an input it "
            "was never trained, and encoder.padding_row keeps it so"
        )
    return notes


def _spec(folder: Path, config: dict[str, Any], tokenizer: Tokenizer) -> Spec:
    pad = config["pad_token_id"]
    encoder = BertEncoder(
        kind="bert",
        **{ours: config[theirs] for theirs, ours in CONFIG_KEYS.items()},
        activation=ACTIVATIONS[config["hidden_act"]],
        padding_row=pad if pad is not None and 0 <= pad < tokenizer.size else None,
    )
    length = min(PUBLISHED_MAX_LENGTH, config["max_position_embeddings"])
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in folder.resolve().name).strip("._-")
    return Spec(
        cloudkit=1,
        name=name or "published",
        tokens=Tokens(dialect="reduced", vocabulary="cloud", max_length=length),
        encoder=encoder,
        heads={"mlm": MaskedTokensHead(kind="masked_tokens", tied=bool(config["tie_word_embeddings"]))},
        tasks=[],
    )


def _check_rows(theirs: dict[str, Tensor], config: dict[str, Any], where: str) -> None:
    """Raise ModelError unless the token embedding has the shape that config.json gives."""
    table = theirs.get("bert.embeddings.word_embeddings.weight")
    expected = (config["vocab_size"], config["hidden_size"])
    if table is not None and tuple(table.shape) != expected:
        raise ModelError(
            f"{where} hold word embeddings of shape {tuple(table.shape)}, config.json says {expected}"
        )


def _buffers(model: CloudModel) -> dict[str, Tensor]:
    """Return the buffers of a model, which transformers does not have."""
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name not in dict(model.named_parameters())
    }


def _published_config(spec: Spec, head: str, tokenizer: Tokenizer) -> dict[str, Any]:
    encoder, masked = spec.encoder, spec.heads[head]
    assert isinstance(encoder, BertEncoder) and isinstance(masked, MaskedTokensHead)
    known = {theirs: getattr(encoder, ours) for theirs, ours in CONFIG_KEYS.items()}
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
