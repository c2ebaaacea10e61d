"""Model folders: ``spec.yaml``, ``model.safetensors`` and ``vocab.txt``; no pickles."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cloudkit.errors import CloudkitError, ModelError
from cloudkit.io import atomic_path
from cloudkit.models.model import CloudModel
from cloudkit.models.runtime.runtime import OUTDATED, check_folder, check_vocabulary, is_outdated, read_spec
from cloudkit.modelspec import BertEncoder, Spec, dump, load_spec
from cloudkit.tokens import Tokenizer


def save_weights(weights: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write named tensors to a safetensors file, atomically.

    Parameters
    ----------
    weights : dict of str to Tensor
        On any device.
    path : Path
        The file.
    metadata : dict of str to str, optional
        Header entries.

    Examples
    --------
    >>> save_weights({"bias": torch.zeros(2)}, Path("w.safetensors"))
    >>> load_file("w.safetensors")["bias"].tolist()
    [0.0, 0.0]
    """
    with atomic_path(path, path.with_name(path.name + ".part")) as draft:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, draft, metadata
        )


def save_model(model: CloudModel, folder: Path) -> None:
    """Write a model folder that `load_model` reads, without the report and model card of a build.

    Parameters
    ----------
    model : CloudModel
        The model.
    folder : Path
        Created if missing.

    Examples
    --------
    >>> from cloudkit.models import shipped
    >>> save_model(load_model(shipped()["elastic"]), Path("copy"))
    >>> load_model("copy").spec.name
    'elastic'
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(dump(model.spec), encoding="utf-8")
    (folder / "vocab.txt").write_bytes(vocabulary_text(model.tokenizer).encode())
    save_weights(model.state_dict(), folder / "model.safetensors")


def to_half(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Halve the size of weights: float16, except for the scales of heads, which exceed its range, and uint8 for small integers.

    Parameters
    ----------
    weights : dict of str to Tensor
        A state dict.

    Returns
    -------
    dict of str to Tensor
        The same names.

    Examples
    --------
    >>> to_half({"bias": torch.zeros(2)})["bias"].dtype
    torch.float16
    """
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
    """Load a state dict into a module.

    Parameters
    ----------
    module : Module
        The module.
    weights : dict of str to Tensor
        All its parameters and buffers.
    name : str
        Origin of the weights, for messages.

    Raises
    ------
    ModelError
        If tensors are missing, unexpected or of another shape.

    Examples
    --------
    >>> load_weights(nn.Linear(2, 1), {"weight": torch.ones(1, 2)}, "w.safetensors")
    Traceback (most recent call last):
    cloudkit.errors.ModelError: w.safetensors does not fit spec.yaml: bias is missing (1 in total)
    """
    expected = module.state_dict()
    missing = [key for key in expected if key not in weights]
    unexpected = [key for key in weights if key not in expected]
    misshapen = [key for key in expected if key in weights and expected[key].shape != weights[key].shape]
    for fault, keys in (
        ("is missing", missing),
        ("is not part of the model", unexpected),
        ("has another shape", misshapen),
    ):
        if keys and fault == "is missing" and is_outdated(keys[0]):
            raise ModelError(f"{name} {OUTDATED}")
        if keys:
            raise ModelError(f"{name} does not fit spec.yaml: {keys[0]} {fault} ({len(keys)} in total)")
    module.load_state_dict(weights)


def check_size(spec: Spec, weights: dict[str, Tensor], name: str) -> None:
    """Raise ModelError, before memory is allocated, if the model of a spec is larger than its weights."""
    encoder = spec.encoder
    wide = encoder.feedforward or 4 * encoder.width
    least = encoder.layers * encoder.width * (4 * encoder.width + 2 * wide)
    least += encoder.width * sum(getattr(head, "hidden", None) or 0 for head in spec.heads.values())
    if isinstance(encoder, BertEncoder):
        least += encoder.width * ((encoder.positions or 0) + encoder.token_types)
    there = sum(tensor.numel() for tensor in weights.values())
    if least > there:
        raise ModelError(
            f"{name} does not fit spec.yaml: {encoder.layers:,} layers of width {encoder.width:,} need at least {least:,} parameters, "
            f"and it has {there:,}"
        )


def vocabulary_text(tokenizer: Tokenizer) -> str:
    """Return the content of ``vocab.txt``: one token per line, in the order of the ids.

    Parameters
    ----------
    tokenizer : Tokenizer
        Of any vocabulary.

    Returns
    -------
    str
        Lines that end in a newline.

    Examples
    --------
    >>> vocabulary_text(Tokenizer("compact")).split()[:2]
    ['[CLS]', '[PAD]']
    """
    return "\n".join(tokenizer.vocabulary) + "\n"


def load_model(folder: str | Path) -> CloudModel:
    """Load a model folder in torch, on the CPU and in evaluation mode.

    Parameters
    ----------
    folder : str or Path
        A folder that `cloudkit build` or `save_model` wrote.

    Returns
    -------
    CloudModel
        With its `spec` and `tokenizer`.

    Raises
    ------
    ModelError
        If a file is missing or damaged, or the files do not fit together.

    Examples
    --------
    >>> from cloudkit.models import shipped
    >>> list(load_model(shipped()["elastic"]).heads)
    ['elastic']
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
    model = CloudModel(spec, tokenizer)
    load_weights(model, weights, str(path))
    return model.eval()


def read_weights(path: Path, spec: Spec) -> dict[str, Tensor]:
    """Read the weights of a model, on the CPU, and check them.

    Parameters
    ----------
    path : Path
        A safetensors file.
    spec : Spec
        Spec of the model.

    Returns
    -------
    dict of str to Tensor
        A state dict.

    Raises
    ------
    ModelError
        If the file is damaged, holds a value that is not finite, or is too small for the spec.

    Examples
    --------
    >>> from cloudkit.models import shipped
    >>> folder = shipped()["elastic"]
    >>> read_weights(folder / "model.safetensors", load_spec(folder / "spec.yaml", check_files=False))["heads.elastic.center"].shape
    torch.Size([2])
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
