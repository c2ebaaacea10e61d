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
from cloudkit.models.heads import BandedHead, Geometry, Regression
from cloudkit.models.inputs import segment_sum
from cloudkit.models.model import CloudModel, HeadModel
from cloudkit.models.thermal import Modes, Thermal
from cloudkit.models.widths import States

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
    module = model.value_head(head)
    if not isinstance(module, Thermal):
        values: Array = predict_members(model, head, tokens, members).mean(axis=0)[sequence, quantity]
        return values
    with torch.inference_mode():
        modes = _double(module.modes(pool(model, tokens)))
        device = modes.einstein.device
        asked = (
            torch.as_tensor(np.asarray(part), device=device).split(ROWS)
            for part in (sequence, quantity, np.nan_to_num(at))
        )
        found = [module.values(modes, *part) for part in zip(*asked, strict=True)]
    return torch.cat(found).cpu().numpy() if found else np.empty(0)


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


def predict_members(
    model: CloudModel, head: str, tokens: Tokens, members: Sequence[int] | None = None
) -> Array:
    """Values (networks, strings, outputs) of a regression head in canonical units: of one network, or of those of an ensemble or
    some `members`.
    """
    every, found = torch.arange(len(model.value_head(head).outputs)), []
    with torch.inference_mode():
        for index, one in enumerate(model.networks(head)):
            if members is not None and index not in members:
                continue
            module, pooled = one.head, pool(model, tokens, member=one if index else None)
            assert isinstance(module, Regression)
            found.append(module.restore(module.numbers(pooled), every.to(pooled.device)).cpu().numpy())
    return np.stack(found)


def predict_modes(model: CloudModel, head: str, tokens: Tokens) -> tuple[Modes, Array]:
    """The modes of all strings in float64, and their bands (strings,): logarithms of the factor on all frequencies that spans
    the uncertainty, NaN where none was fitted.
    """
    module = model.heads[head]
    assert isinstance(module, Thermal), f"{head} has no modes"
    with torch.inference_mode():
        pooled = pool(model, tokens)
        modes = _double(module.modes(pooled))
        value = module.numbers(pooled)[:, :1].double().cpu().numpy()
    return modes, module.widths.half(make_states(module, pooled, tokens, value))[:, 0]


def predict_interval(
    model: CloudModel, head: str, tokens: Tokens, found: Array, spread: Array
) -> tuple[Array, Array]:
    """Ends (strings, outputs) of the intervals of a regression head around its predictions; NaN where none was fitted.

    found, spread (strings, outputs): mean and standard deviation of an ensemble's members, the latter on the scale of the head.
    """
    module = model.heads[head]
    assert isinstance(module, Regression), f"{head} has no intervals"
    value = module.rescale(torch.from_numpy(found)).numpy()
    half = module.widths.half(make_states(module, pool(model, tokens), tokens, value, spread))
    every = torch.arange(found.shape[1])
    low, high = (module.restore(torch.from_numpy(end), every).numpy() for end in (value - half, value + half))
    return low, high


@torch.inference_mode()
def make_states(
    module: BandedHead, pooled: Tensor, tokens: Tokens, value: Array, spread: Array | None = None
) -> States:
    """What the widths of a head's intervals are computed from; value, spread (strings, outputs): see `States`."""
    hidden = module.hidden(pooled).double().cpu().numpy()
    return States(hidden, value, tokens.lengths, np.zeros_like(value) if spread is None else spread)


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
