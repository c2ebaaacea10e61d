"""Losses: cross-entropy of masked tokens, errors of geometry and labels, or a sum of them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.data import Batch, Crystals, Tokens, make_batch
from cloudkit.models import CloudModel, Geometry, MaskedTokens, ValueHead
from cloudkit.models.features import ELEMENT_KIND
from cloudkit.train.trainer import Loss, Rows

ERRORS: dict[str, Callable[..., Tensor]] = {
    "l1": functional.l1_loss,
    "l2": functional.mse_loss,
    "huber": functional.huber_loss,
}


def mixed_loss(model: CloudModel, names: Sequence[str], tokens: Tokens, crystals: Crystals) -> Loss:
    """Return the summed loss of several heads, from one forward pass; the seed determines which tokens are masked.

    masked_tokens: cross-entropy (nats) of the masked tokens, which are masked for the other heads too. geometry: Huber loss of
    standardized targets. Value heads: mean absolute error of standardized labels.
    """
    masked = [name for name in names if isinstance(model.heads[name], MaskedTokens)]

    def loss(module: nn.Module, rows: Rows, seed: int) -> tuple[Tensor, float]:
        batch = make_batch(tokens, rows, crystals)
        inputs = model.inputs(batch.ids, batch.offsets)
        visible, queries, labels = inputs, dict[str, tuple[Tensor, ...]](), dict[str, Any]()
        for name in names:
            head = model.heads[name]
            if isinstance(head, MaskedTokens):
                ids, positions = head.mask(inputs, draw_tokens(batch.crystals, batch.offsets, seed))
                visible, queries[name] = inputs.with_ids(ids), (positions,)
                labels[name] = inputs.ids[positions]
            elif isinstance(head, Geometry):
                queries[name] = ((model.token_kinds(inputs.ids) == ELEMENT_KIND).nonzero()[:, 0],)
                labels[name] = _geometry_of(crystals, batch.crystals, inputs.ids.device)
            else:
                *query, value = _tensors(batch, inputs.ids.device)
                queries[name], labels[name] = tuple(query), value
        outputs, parts = module(visible, queries), []
        for name in names:
            head = model.heads[name]
            if isinstance(head, Geometry):
                parts.append(head.loss(outputs[name], *labels[name]))
            elif isinstance(head, MaskedTokens):
                parts.append(functional.cross_entropy(outputs[name].float(), labels[name]))
            else:
                assert isinstance(head, ValueHead)
                target = head.standardize(labels[name], queries[name][1])
                output = outputs[name].float()
                parts.append(functional.l1_loss(output, target) if len(target) else output.sum())
        weight = len(queries[masked[0]][0]) if masked else len(rows)
        return torch.stack(parts).sum(), weight

    return loss


def draw_tokens(crystals: Rows, offsets: Rows, seed: int) -> Tensor:
    """Return three random numbers in [0, 1) per token, (3, tokens), that depend on (seed, crystal, position) only.

    So masking depends neither on the batch nor on the process. SplitMix64 (Steele 2014).
    """
    lengths = np.diff(offsets)
    position = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    word = np.repeat(_mix(crystals.astype(np.uint64) + _mix(np.uint64(seed))), lengths) + position.astype(
        np.uint64
    )
    words = [_mix(word + np.uint64(number << 32)) for number in range(3)]
    return torch.from_numpy(np.stack(words) >> np.uint64(11)).double() * 2.0**-53


def _mix(word: Any) -> Any:
    with np.errstate(over="ignore"):
        word = word + np.uint64(0x9E3779B97F4A7C15)
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return word ^ (word >> np.uint64(31))


def _geometry_of(crystals: Crystals, chosen: Rows, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the geometry of some crystals in their order: (elements, 6) and (crystals, 3)."""
    geometry = crystals.geometry
    assert geometry is not None, "a geometry head needs structures"
    elements = np.concatenate([geometry.row(int(crystal))[0] for crystal in chosen])
    return torch.from_numpy(elements).to(device), torch.from_numpy(geometry.crystals[chosen]).to(device)


def label_loss(model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, error: str) -> Loss:
    """Return the weighted mean error (l1, l2 or huber; cross-entropy for classes) of standardized labels.

    For labels of several sources, the module passed to the loss is a MultiSourceModel.
    """
    measure = ERRORS[error]

    def loss(module: nn.Module, rows: Rows, seed: int) -> tuple[Tensor, float]:
        batch = make_batch(tokens, rows, crystals)
        inputs = model.inputs(batch.ids, batch.offsets)
        sequence, quantity, temperature, value = _tensors(batch, inputs.ids.device)
        source = (torch.from_numpy(batch.source).to(value.device),) if len(crystals.sources) > 1 else ()
        weight = (torch.from_numpy(batch.weight).to(value.device) * head.label_weights(value)).float()
        predicted = module(inputs, sequence, quantity, temperature, *source)
        errors = head.errors(predicted.float(), value, quantity, measure)
        total = float(weight.sum())
        return (errors * weight).sum() / total, total

    return loss


def _tensors(batch: Batch, device: torch.device) -> tuple[Tensor, ...]:
    parts = (batch.sequence, batch.quantity, batch.temperature, batch.value)
    return tuple(torch.from_numpy(part).to(device) for part in parts)
