"""Rival: transformers' BertForMaskedLM in the published recipe: 12 x 768, 30,522 rows of tokens, every string padded to 64, SDPA.

The published script pads in its tokenizer and computes the scores of all tokens at all 64 places; the loss counts hidden ones.
"""

from typing import Any

import torch
from torch import Tensor

LENGTH = 64
PAD = 1


def load(layers: int = 12, width: int = 768) -> Any:
    """A randomly initialised model of the published configuration."""
    from transformers import BertConfig, BertForMaskedLM

    shape = {"num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": width // 64}
    config = BertConfig(**shape, intermediate_size=4 * width, attn_implementation="sdpa")
    return BertForMaskedLM(config)


def pad(ids: Tensor, sequence: Tensor, place: Tensor, count: int, fill: int = PAD) -> Tensor:
    """Packed ids (tokens,) as (strings, 64), made outside what is timed as a data loader would."""
    out = torch.full((count, LENGTH), fill)
    out[sequence, place] = ids
    return out


def train_step(model: Any, optimizer: torch.optim.Optimizer, ids: Tensor, labels: Tensor) -> float:
    """One step of masked tokens; labels (strings, 64), -100 where nothing is hidden."""
    loss = model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def first_states(model: Any, ids: Tensor) -> Tensor:
    """States of the first tokens (strings, width), which the published property head reads."""
    states: Tensor = model.bert(input_ids=ids, attention_mask=(ids != PAD).long()).last_hidden_state[:, 0]
    return states
