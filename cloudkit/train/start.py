"""The model that a build starts from (`init_from`): found, held against the spec before anything is trained, and read."""

from pathlib import Path

from torch import Tensor

from cloudkit.errors import CloudkitError, ModelError
from cloudkit.models import build_model, load_weights, read_weights, shipped
from cloudkit.modelspec import Spec, load_spec
from cloudkit.tokens import Tokenizer

IGNORED = ("dropout", "kind", "size")  # keys of an encoder that leave its weights as they are


def start_folder(spec: Spec) -> Path | None:
    """The folder of the model to start from; None where the spec starts afresh. A folder wins over a shipped name.

    Raises ModelError where there is neither.
    """
    if spec.init_from is None:
        return None
    folder, known = Path(spec.init_from), shipped()
    if folder.is_dir():
        return folder
    if spec.init_from in known:
        return known[spec.init_from]
    raise ModelError(
        f"init_from = '{spec.init_from}': there is no such model folder, and cloudkit ships with: {', '.join(known) or 'none'}"
    )


def check_start(spec: Spec) -> None:
    """Raise ModelError naming the keys in which the spec and the model to start from differ."""
    folder = start_folder(spec)
    if folder is None:
        return
    try:
        other = load_spec(folder / "spec.yaml", check_files=False)
    except CloudkitError as error:
        raise ModelError(
            f"init_from = '{spec.init_from}': {folder} is not a finished model ({error})"
        ) from None
    mine = spec.tokens.model_dump(exclude={"max_length"}), spec.encoder.model_dump(exclude=set(IGNORED))
    theirs = other.tokens.model_dump(exclude={"max_length"}), other.encoder.model_dump(exclude=set(IGNORED))
    wrong = [
        f"{part}.{key} is {ours.get(key)} here and {its.get(key)} there"
        for part, ours, its in zip(("tokens", "encoder"), mine, theirs, strict=True)
        for key in ours | its
        if ours.get(key) != its.get(key)
    ]
    if spec.encoder.kind != other.encoder.kind:
        wrong.append(f"encoder.kind is {spec.encoder.kind} here and {other.encoder.kind} there")
    if wrong:
        raise ModelError(
            f"init_from = '{spec.init_from}' is another model: {'; '.join(wrong)}; take over its values"
        )
    load_start(spec)


def load_start(spec: Spec) -> dict[str, Tensor]:
    """Weights to start from: the encoder, and heads of the same name and description; empty without `init_from`.

    Raises ModelError for weights that are damaged or do not fit the model's own spec.
    """
    folder = start_folder(spec)
    if folder is None:
        return {}
    other = load_spec(folder / "spec.yaml", check_files=False)
    path = folder / "model.safetensors"
    weights = read_weights(path, other)
    load_weights(build_model(other, Tokenizer(other.tokens.vocabulary)), weights, str(path))
    same = {name for name, head in spec.heads.items() if other.heads.get(name) == head}
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
        if name.startswith("encoder.") or (name.startswith("heads.") and name.split(".")[1] in same)
    }
