"""What training minimizes: the surprise at hidden tokens, or the error of labels."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.data import Batch, Crystals, Tokens, make_batch
from cloudkit.models import CloudModel, MaskedTokens, ValueHead
from cloudkit.train.loop import Loss, Rows

ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "l2": functional.mse_loss,
    "huber": functional.huber_loss,
}


def hidden_tokens(model: CloudModel, head: MaskedTokens, tokens: Tokens) -> Loss:
    """Cross-entropy (nats) of the hidden tokens of some strings; the seed decides which are hidden."""

    def loss(module: nn.Module, rows: Rows, seed: int) -> tuple[Tensor, int]:
        batch = make_batch(tokens, rows)
        inputs = model.inputs(batch.ids, batch.offsets)
        changed, places = head.hide(inputs.ids, torch.Generator().manual_seed(seed))
        scores = module(inputs.with_ids(changed), places)
        return functional.cross_entropy(scores.float(), inputs.ids[places]), len(places)

    return loss


def labels(model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, error: str) -> Loss:
    """Error of all labels of some crystals on the head's scale; l1, l2 or huber."""
    measure = ERRORS[error]

    def loss(module: nn.Module, rows: Rows, seed: int) -> tuple[Tensor, int]:
        batch = make_batch(tokens, rows, crystals)
        inputs = model.inputs(batch.ids, batch.offsets)
        sequence, quantity, temperature, value = _tensors(batch, inputs.ids.device)
        predicted = module(inputs, sequence, quantity, temperature)
        return measure(predicted.float(), head.standardize(value, quantity)), len(value)

    return loss


def _tensors(batch: Batch, device: torch.device) -> tuple[Tensor, ...]:
    parts = (batch.sequence, batch.quantity, batch.temperature, batch.value)
    return tuple(torch.from_numpy(part).to(device) for part in parts)
