"""From packed ids to values: the forward pass without gradients, shortest strings first, in batches."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cloudkit.data import Tokens, make_batch
from cloudkit.models.classification import Classification
from cloudkit.models.features import ELEMENT_KIND
from cloudkit.models.heads import Geometry, Regression, ValueHead
from cloudkit.models.inputs import segment_sum
from cloudkit.models.model import CloudModel, HeadModel
from cloudkit.models.thermal import Modes, Thermal

Array = NDArray[np.float64]
ROWS: Final = 16384  # thermal observations at a time


def predict_values(
    model: CloudModel,
    head: str,
    tokens: Tokens,
    sequence: NDArray[Any],
    quantity: NDArray[Any],
    at: Array,
    members: Sequence[int] | None = None,
) -> Array:
    """Values (observations,) in canonical units per mole of atoms, float64.

    sequence: which string of `tokens`; quantity: index into the head's outputs; at: temperature (for a density the frequency) in
    K, NaN where it plays no part; all (observations,). Of an ensemble the mean of its networks, or of some `members`. Thermal values are computed in float64 from the modes.
    """
    pooled = pool(model, tokens)
    with torch.inference_mode():
        rows, names = (
            torch.as_tensor(np.asarray(part), device=pooled.device) for part in (sequence, quantity)
        )
        kelvin = torch.as_tensor(np.nan_to_num(at), device=pooled.device)
        module = model.value_head(head)
        if isinstance(module, Thermal):
            parts = zip(rows.split(ROWS), names.split(ROWS), kelvin.split(ROWS), strict=True)
            modes = _double(module.modes(pooled))
            found = [module.values(modes, *part) for part in parts]
            return torch.cat(found).cpu().numpy() if found else np.empty(0)
        found = []
        for index, one in enumerate(model.networks(head)):
            if members is not None and index not in members:
                continue
            assert isinstance(one.head, ValueHead)
            states = pool(model, tokens, member=one) if index else pooled
            found.append(one.head.restore(one.head(states, rows, names, kelvin), names))
        values: Array = torch.stack(found).mean(dim=0).cpu().numpy()
    return values


def predict_probabilities(model: CloudModel, head: str, tokens: Tokens) -> Array:
    """Probabilities (strings, classes) of a classification head, float64; of an ensemble the mean of its networks."""
    every, found = torch.arange(len(tokens)), []
    with torch.inference_mode():
        for index, one in enumerate(model.networks(head)):
            module = one.head
            assert isinstance(module, Classification), f"{head} has no classes"
            pooled = pool(model, tokens, member=one if index else None)
            rows = every.to(pooled.device)
            found.append(module.probabilities(module(pooled, rows, rows, rows)))
        values: Array = torch.stack(found).mean(dim=0).cpu().numpy()
    return values


def predict_modes(model: CloudModel, head: str, tokens: Tokens) -> tuple[Modes, float]:
    """The modes of all strings in float64, and the band of the head (0: none was fitted)."""
    module = model.heads[head]
    assert isinstance(module, Thermal), f"{head} has no modes"
    with torch.inference_mode():
        return _double(module.modes(pool(model, tokens))), float(module.band)


def predict_interval(
    model: CloudModel, head: str, found: Array, quantity: NDArray[Any]
) -> tuple[Array, Array]:
    """Ends (observations,) of the intervals of a regression head around its predictions; NaN where none was fitted."""
    module = model.heads[head]
    assert isinstance(module, Regression), f"{head} has no intervals"
    ends = module.interval(torch.from_numpy(found), torch.from_numpy(np.asarray(quantity)))
    return ends[0].cpu().numpy(), ends[1].cpu().numpy()


def predict_geometry(model: CloudModel, head: str, tokens: Tokens, size: int = 256) -> Array:
    """What a geometry head reads out of each string (strings, columns), on its own scale: of the targets of orbits the mean
    by share of atoms, the least and the greatest; then the targets of the crystal.
    """
    model.eval()
    module, out = model.heads[head], []
    assert isinstance(module, Geometry), f"{head} is not a geometry head"
    order = np.argsort(tokens.lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), size):
            batch = make_batch(tokens, order[start : start + size])
            inputs = model.inputs(batch.ids, batch.offsets)
            encoded, share = model(inputs), model.shares(inputs)
            places = (model.kind_of(inputs.ids) == ELEMENT_KIND).nonzero()[:, 0]
            orbits, crystals = module(encoded.states[places], encoded.pooled)
            at, weight = inputs.sequence[places], share[places][:, None]
            index = at[:, None].expand(-1, orbits.shape[1])
            none = orbits.new_zeros(inputs.count, orbits.shape[1])
            ends = [
                none.scatter_reduce(0, index, orbits, how, include_self=False) for how in ("amin", "amax")
            ]
            out.append(torch.cat([segment_sum(orbits * weight, at, inputs.count), *ends, crystals], dim=1))
    found: Array = torch.cat(out).double().cpu().numpy()
    return found[np.argsort(order, kind="stable")]


def _double(modes: Modes) -> Modes:
    return Modes(*(None if part is None else part.double() for part in modes))


def pool(model: CloudModel, tokens: Tokens, size: int = 256, member: HeadModel | None = None) -> Tensor:
    """States (strings, pooled width) of all strings, in their order; of a member of an ensemble if one is given."""
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
