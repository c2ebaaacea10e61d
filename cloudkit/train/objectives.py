"""Losses: cross-entropy of masked tokens, errors of geometry and of labels, or the sum of several."""

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


def mixed_loss(
    model: CloudModel, names: Sequence[str], tokens: Tokens, crystals: Crystals, error: str = "l1"
) -> Loss:
    """The sum of the losses of several heads, from one pass over the strings; the seed decides which tokens are masked.

    masked_tokens: cross-entropy (nats) of the masked tokens, which are masked for the other heads too. geometry: Huber loss of
    the scaled targets. Value heads: `error` (l1, l2 or huber) of the scaled labels.
    """
    masked = [name for name in names if isinstance(model.heads[name], MaskedTokens)]

    def loss(module: nn.Module, rows: Rows, seed: int) -> tuple[Tensor, float]:
        batch = make_batch(tokens, rows, crystals)
        inputs = model.inputs(batch.ids, batch.offsets)
        shown, asked, wanted = inputs, dict[str, tuple[Tensor, ...]](), dict[str, Any]()
        for name in names:
            head = model.heads[name]
            if isinstance(head, MaskedTokens):
                changed, places = head.mask(inputs, draw_tokens(batch.crystals, batch.offsets, seed))
                shown, asked[name], wanted[name] = inputs.with_ids(changed), (places,), inputs.ids[places]
            elif isinstance(head, Geometry):
                asked[name] = ((model.token_kinds(inputs.ids) == ELEMENT_KIND).nonzero()[:, 0],)
                wanted[name] = _geometry_of(crystals, batch.crystals, inputs.ids.device)
            else:
                *asked_values, value = _tensors(batch, inputs.ids.device)
                asked[name], wanted[name] = tuple(asked_values), value
        found, parts = module(shown, asked), []
        for name in names:
            head = model.heads[name]
            if isinstance(head, Geometry):
                parts.append(head.loss(found[name], *wanted[name]))
            elif isinstance(head, MaskedTokens):
                parts.append(functional.cross_entropy(found[name].float(), wanted[name]))
            else:
                assert isinstance(head, ValueHead)
                labelled = head.standardize(wanted[name], asked[name][1])
                parts.append(
                    ERRORS[error](found[name].float(), labelled) if len(labelled) else found[name].sum()
                )
        weight = len(asked[masked[0]][0]) if masked else len(rows)
        return torch.stack(parts).sum(), weight

    return loss


def draw_tokens(crystals: Rows, offsets: Rows, seed: int) -> Tensor:
    """Three random numbers in [0, 1) per token, (3, tokens), that follow from (seed, crystal, position) alone.

    Which tokens of a crystal are masked then depends neither on its batch nor on its process. SplitMix64 (Steele 2014).
    """
    lengths = np.diff(offsets)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    word = np.repeat(_mix(crystals.astype(np.uint64) + _mix(np.uint64(seed))), lengths) + place.astype(
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
    """Geometry of some crystals in their order: (elements, 6) and (crystals, 3)."""
    shapes = crystals.geometry
    assert shapes is not None, "a geometry head needs structures"
    elements = np.concatenate([shapes.row(int(crystal))[0] for crystal in chosen])
    return torch.from_numpy(elements).to(device), torch.from_numpy(shapes.crystals[chosen]).to(device)


def label_loss(model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, error: str) -> Loss:
    """The weighted mean error (l1, l2 or huber; of classes cross-entropy) of the labels of some crystals on the scale of the head.

    With labels of several sources, the module that the loss is computed with is a MultiSourceModel.
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
