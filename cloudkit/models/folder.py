"""A model on disk: ``spec.yaml``, ``model.safetensors`` and ``vocab.txt``. Never pickle."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cloudkit.errors import CloudkitError, ModelError
from cloudkit.io import atomic_path
from cloudkit.models.model import CloudModel, build_model
from cloudkit.models.runtime.runtime import OLDER, check_folder, check_vocabulary, is_older, read_spec
from cloudkit.modelspec import BertEncoder, Spec, dump, load_spec
from cloudkit.tokens import Tokenizer


def save_weights(weights: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write named tensors, in one step: the file is whole or absent."""
    with atomic_path(path, path.with_name(path.name + ".part")) as draft:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, draft, metadata
        )


def save_model(model: CloudModel, folder: Path) -> None:
    """Write a model that `load_model` reads, without the story of a build."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(dump(model.spec), encoding="utf-8")
    (folder / "vocab.txt").write_bytes(vocabulary_text(model.tokenizer).encode())
    save_weights(model.state_dict(), folder / "model.safetensors")


def to_half(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """float16 for all but the scales of heads, which hold numbers beyond its range, and bytes for counts: half the size."""
    wide = (
        *(".center", ".spread", ".shift", ".stretch", ".threshold"),
        *(".width_line", ".width_bounds", ".width_knots", ".width_band"),
    )
    out = {}
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            out[name] = tensor if name.endswith(wide) else tensor.half()
        else:
            small = bool(((tensor >= 0) & (tensor < 256)).all())
            out[name] = tensor.to(torch.uint8) if small else tensor
    return out


def load_weights(module: nn.Module, weights: dict[str, Tensor], name: str) -> None:
    """Put named tensors into a module; ModelError says which are missing, left over or of another shape."""
    wanted = module.state_dict()
    missing = [key for key in wanted if key not in weights]
    extra = [key for key in weights if key not in wanted]
    odd = [key for key in wanted if key in weights and wanted[key].shape != weights[key].shape]
    for words, keys in (
        ("is missing", missing),
        ("is not part of the model", extra),
        ("has another shape", odd),
    ):
        if keys and words == "is missing" and is_older(keys[0]):
            raise ModelError(f"{name} {OLDER}")
        if keys:
            raise ModelError(f"{name} does not fit spec.yaml: {keys[0]} {words} (of {len(keys)} such)")
    module.load_state_dict(weights)


def check_size(spec: Spec, weights: dict[str, Tensor], name: str) -> None:
    """Raise ModelError, before any memory is taken, where a spec asks for a larger model than its weights can fill."""
    encoder = spec.encoder
    wide = encoder.feedforward or 4 * encoder.width
    least = encoder.layers * encoder.width * (4 * encoder.width + 2 * wide)
    least += encoder.width * sum(getattr(head, "hidden", None) or 0 for head in spec.heads.values())
    if isinstance(encoder, BertEncoder):
        least += encoder.width * ((encoder.positions or 0) + encoder.token_types)
    there = sum(tensor.numel() for tensor in weights.values())
    if least > there:
        raise ModelError(
            f"{name} does not fit spec.yaml: {encoder.layers:,} layers of width {encoder.width:,} need at least {least:,} numbers, "
            f"and it holds {there:,}"
        )


def vocabulary_text(tokenizer: Tokenizer) -> str:
    """The content of ``vocab.txt``: one token per line, line number = id."""
    return "\n".join(tokenizer.vocabulary) + "\n"


def load_model(folder: str | Path) -> CloudModel:
    """Read a trained model, on the CPU and ready to predict; its spec and tokenizer are `.spec` and `.tokenizer`.

    Raises ModelError for a folder or file that is missing, damaged or does not fit the others.
    """
    folder = Path(folder)
    check_folder(folder)
    read_spec(folder / "spec.yaml")
    try:
        spec = load_spec(folder / "spec.yaml", check_files=False)
    except CloudkitError as error:
        raise ModelError(f"{folder / 'spec.yaml'} is damaged: {error}") from None
    tokenizer = Tokenizer(spec.tokens.vocabulary)
    check_vocabulary(folder / "vocab.txt", tokenizer)
    path = folder / "model.safetensors"
    weights = read_weights(path, spec)
    model = build_model(spec, tokenizer)
    load_weights(model, weights, str(path))
    return model.eval()


def read_weights(path: Path, spec: Spec) -> dict[str, Tensor]:
    """The named tensors of a file, on the CPU; ModelError where it is damaged, holds a value that is not finite, or
    has too few tensors for its spec.
    """
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged ({error}); copy it again, or build it again") from None
    broken = [
        name
        for name, tensor in weights.items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    ]
    if broken:
        raise ModelError(f"{path} is damaged: {broken[0]} holds values that are not finite numbers")
    check_size(spec, weights, str(path))
    return weights
