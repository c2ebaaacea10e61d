"""From packed ids to values: the forward pass without gradients, shortest strings first, in batches."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cloudkit.data import Tokens, make_batch
from cloudkit.models.heads import Thermal
from cloudkit.models.model import CloudModel

Array = NDArray[np.float64]


def predict_values(
    model: CloudModel,
    head: str,
    tokens: Tokens,
    sequence: NDArray[Any],
    quantity: NDArray[Any],
    temperature: Array,
) -> Array:
    """Values (observations,) in canonical units per mole of atoms, float64.

    sequence: which string of `tokens`; quantity: index into the head's outputs; temperature in K, NaN where it plays
    no part; all (observations,). Thermal values are computed in float64 from the modes.
    """
    pooled = _pooled(model, tokens)
    with torch.inference_mode():
        rest = [torch.as_tensor(np.asarray(part), device=pooled.device) for part in (sequence, quantity)]
        kelvin = torch.as_tensor(np.nan_to_num(temperature), device=pooled.device)
        module = model.value_head(head)
        scaled = module(pooled, *rest, kelvin)
        values: Array = module.restore(scaled, rest[1]).cpu().numpy()
    return values


def predict_theta(model: CloudModel, head: str, tokens: Tokens) -> Array:
    """Debye temperatures (strings,) in K of a thermal head."""
    module = model.heads[head]
    assert isinstance(module, Thermal), f"{head} has no Debye temperature"
    with torch.inference_mode():
        theta: Array = module.theta(_pooled(model, tokens)).double().cpu().numpy()
    return theta


def _pooled(model: CloudModel, tokens: Tokens, size: int = 256) -> Tensor:
    """States (strings, pooled width) of all strings, in their order."""
    model.eval()
    order = np.argsort(tokens.lengths, kind="stable")
    out = None
    with torch.inference_mode():
        for start in range(0, len(order), size):
            batch = make_batch(tokens, order[start : start + size])
            pooled = model(model.inputs(batch.ids, batch.offsets)).pooled
            if out is None:
                out = pooled.new_empty(len(tokens), pooled.shape[1])
            out[torch.from_numpy(batch.crystals).to(out.device)] = pooled
    return torch.empty(0, model.encoder.pooled_width) if out is None else out
