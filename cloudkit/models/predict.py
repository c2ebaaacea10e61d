"""From packed ids to values: the forward pass without gradients, shortest strings first, in batches."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cloudkit.data import Tokens, make_batch
from cloudkit.models.classification import Classification
from cloudkit.models.heads import IntervalHead, Regression
from cloudkit.models.model import CloudModel, HeadModel
from cloudkit.models.thermal import Modes, Thermal
from cloudkit.models.widths import WidthInputs

Array = NDArray[np.float64]
MAX_OBSERVATIONS: Final = 16384  # thermal observations per batch


def predict_values(
    model: CloudModel,
    head: str,
    tokens: Tokens,
    sequence: NDArray[Any],
    quantity: NDArray[Any],
    at: Array,
    members: Sequence[int] | None = None,
) -> Array:
    """Predict observations with a value head, the mean over the networks of an ensemble.

    Parameters
    ----------
    model : CloudModel
        The model.
    head : str
        Name of a regression or thermal head.
    tokens : Tokens
        Packed strings.
    sequence, quantity : ndarray of int
        (observations,), index of the string and of the output.
    at : ndarray
        (observations,), temperature in K, or frequency in K for a density; NaN for quantities without one.
    members : sequence of int, optional
        Networks of the ensemble to average; default all.

    Returns
    -------
    ndarray of float64
        (observations,), canonical units, per mole of atoms.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> tokens = Tokens(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> bulk, shear = predict_values(model, "elastic", tokens, [0, 0], [0, 1], np.full(2, np.nan))
    >>> bool(bulk > shear > 0)
    True
    """
    module = model.value_head(head)
    if not isinstance(module, Thermal):
        values: Array = predict_members(model, head, tokens, members).mean(axis=0)[sequence, quantity]
        return values
    with torch.inference_mode():
        modes = _double(module.modes(pool(model, tokens)))
        device = modes.einstein.device
        batches = (
            torch.as_tensor(np.asarray(part), device=device).split(MAX_OBSERVATIONS)
            for part in (sequence, quantity, np.nan_to_num(at))
        )
        parts = [module.values(modes, *batch) for batch in zip(*batches, strict=True)]
    return torch.cat(parts).cpu().numpy() if parts else np.empty(0)


def predict_probabilities(model: CloudModel, head: str, tokens: Tokens) -> Array:
    """Predict class probabilities, the mean over the networks of an ensemble.

    Parameters
    ----------
    model : CloudModel
        The model.
    head : str
        Name of a classification head.
    tokens : Tokens
        Packed strings.

    Returns
    -------
    ndarray of float64
        (strings, classes).

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> predict_probabilities(model, "elastic", Tokens(*model.tokenizer.encode_batch(["0 0 0 | Si 1a"])))
    Traceback (most recent call last):
    AssertionError: elastic has no classes
    """
    index, parts = torch.arange(len(tokens)), []
    with torch.inference_mode():
        for member, network in enumerate(model.networks(head)):
            module = network.head
            assert isinstance(module, Classification), f"{head} has no classes"
            pooled = pool(model, tokens, member=network if member else None)
            rows = index.to(pooled.device)
            parts.append(module.probabilities(module(pooled, rows, rows, rows)))
        probability: Array = torch.stack(parts).mean(dim=0).cpu().numpy()
    return probability


def predict_members(
    model: CloudModel, head: str, tokens: Tokens, members: Sequence[int] | None = None
) -> Array:
    """Predict with each network of a regression head.

    Parameters
    ----------
    model : CloudModel
        The model.
    head : str
        Name of a regression head.
    tokens : Tokens
        Packed strings.
    members : sequence of int, optional
        Networks of the ensemble; default all.

    Returns
    -------
    ndarray of float64
        (networks, strings, outputs) in canonical units.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> tokens = Tokens(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> predict_members(model, "elastic", tokens).shape
    (1, 1, 2)
    """
    outputs, parts = torch.arange(len(model.value_head(head).outputs)), []
    with torch.inference_mode():
        for index, network in enumerate(model.networks(head)):
            if members is not None and index not in members:
                continue
            module, pooled = network.head, pool(model, tokens, member=network if index else None)
            assert isinstance(module, Regression)
            parts.append(module.restore(module.raw_outputs(pooled), outputs.to(pooled.device)).cpu().numpy())
    return np.stack(parts)


def predict_modes(model: CloudModel, head: str, tokens: Tokens) -> tuple[Modes, Array]:
    """Predict vibrational modes and their bands.

    Parameters
    ----------
    model : CloudModel
        The model.
    head : str
        Name of a thermal head.
    tokens : Tokens
        Packed strings.

    Returns
    -------
    Modes
        Of all strings, float64.
    ndarray of float64
        (strings,), logarithm of the factor on all frequencies that spans the uncertainty; NaN if none was fitted.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["thermal"])
    >>> tokens = Tokens(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> modes, band = predict_modes(model, "thermal", tokens)
    >>> modes.thermodynamics(torch.tensor([300.0])).heat_capacity.shape, band.shape
    (torch.Size([1, 1]), (1,))
    """
    module = model.heads[head]
    assert isinstance(module, Thermal), f"{head} has no modes"
    with torch.inference_mode():
        pooled = pool(model, tokens)
        modes = _double(module.modes(pooled))
        value = module.raw_outputs(pooled)[:, :1].double().cpu().numpy()
    return modes, module.widths.half(make_width_inputs(module, pooled, tokens, value))[:, 0]


def predict_interval(
    model: CloudModel, head: str, tokens: Tokens, mean: Array, spread: Array
) -> tuple[Array, Array]:
    """Compute prediction intervals of a regression head.

    Parameters
    ----------
    model : CloudModel
        The model.
    head : str
        Name of a regression head.
    tokens : Tokens
        Packed strings.
    mean : ndarray
        (strings, outputs), predictions in canonical units.
    spread : ndarray
        (strings, outputs), standard deviation of the members of the ensemble, on the scale of the head; 0 without an ensemble.

    Returns
    -------
    lower, upper : ndarray of float64
        (strings, outputs) in canonical units; NaN if none was fitted.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> tokens = Tokens(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> (mean,) = predict_members(model, "elastic", tokens)
    >>> lower, upper = predict_interval(model, "elastic", tokens, mean, np.zeros_like(mean))
    >>> bool((lower < mean).all() and (mean < upper).all())
    True
    """
    module = model.heads[head]
    assert isinstance(module, Regression), f"{head} has no intervals"
    value = module.rescale(torch.from_numpy(mean)).numpy()
    half = module.widths.half(make_width_inputs(module, pool(model, tokens), tokens, value, spread))
    outputs = torch.arange(mean.shape[1])
    lower, upper = (
        module.restore(torch.from_numpy(end), outputs).numpy() for end in (value - half, value + half)
    )
    return lower, upper


@torch.inference_mode()
def make_width_inputs(
    module: IntervalHead, pooled: Tensor, tokens: Tokens, value: Array, spread: Array | None = None
) -> WidthInputs:
    """Collect the inputs of the interval widths of a head.

    Parameters
    ----------
    module : IntervalHead
        The head.
    pooled : Tensor
        (strings, pooled width), from `pool`.
    tokens : Tokens
        The strings.
    value : ndarray
        (strings, outputs), predictions on the scale of the head.
    spread : ndarray, optional
        (strings, outputs), standard deviation of the members of an ensemble on that scale; default 0.

    Returns
    -------
    WidthInputs
        For `Widths.half`.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> tokens = Tokens(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Cs 1a Cl 1b"]))
    >>> make_width_inputs(model.heads["elastic"], pool(model, tokens), tokens, np.zeros((1, 2))).hidden.shape[0]
    1
    """
    hidden = module.hidden(pooled).double().cpu().numpy()
    return WidthInputs(hidden, value, tokens.lengths, np.zeros_like(value) if spread is None else spread)


def _double(modes: Modes) -> Modes:
    return Modes(*(None if part is None else part.double() for part in modes))


def pool(model: CloudModel, tokens: Tokens, size: int = 256, member: HeadModel | None = None) -> Tensor:
    """Compute the inputs of value heads: pooled states followed by statistics.

    Parameters
    ----------
    model : CloudModel
        The model, which is put into evaluation mode.
    tokens : Tokens
        Packed strings.
    size : int
        Strings per batch.
    member : HeadModel, optional
        A network of an ensemble, in place of the encoder of the model.

    Returns
    -------
    Tensor
        (strings, pooled width), in the order of `tokens`.

    Examples
    --------
    >>> from cloudkit.models import load_model, shipped
    >>> model = load_model(shipped()["elastic"])
    >>> pool(model, Tokens(*model.tokenizer.encode_batch(["1 4 b O O O c O O O d O O O e O O O 0 | Po 1a"]))).shape
    torch.Size([1, 435])
    """
    model.eval()
    order = np.argsort(tokens.lengths, kind="stable")
    out = None
    with torch.inference_mode():
        for start in range(0, len(order), size):
            batch = make_batch(tokens, order[start : start + size])
            pooled = (member or model).pooled(model.inputs(batch.ids, batch.offsets))
            if out is None:
                out = pooled.new_empty(len(tokens), pooled.shape[1])
            out[torch.from_numpy(batch.crystals).to(out.device)] = pooled
    return torch.empty(0, model.pooled_width) if out is None else out
