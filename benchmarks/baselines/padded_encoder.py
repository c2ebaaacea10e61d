"""Rival: our own encoder run the usual way, every string padded to a fixed length and attention masked."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cloudkit.models import CloudModel, Inputs


class Padded(nn.Module):
    """The layers of a model with learned positions (cloud vocabulary) over (strings, length) ids; shares its weights."""

    def __init__(self, model: CloudModel, length: int) -> None:
        super().__init__()
        self.encoder, self.length, self.pad = model.encoder, length, model.tokenizer.pad_id

    def pad_inputs(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """ids (strings, length) and which of them are real, made outside what is timed as a data loader would."""
        ids = torch.full((inputs.count, self.length), self.pad)
        real = torch.zeros(inputs.count, self.length, dtype=torch.bool)
        ids[inputs.sequence, inputs.position], real[inputs.sequence, inputs.position] = inputs.ids, True
        return ids, real

    def forward(self, ids: Tensor, real: Tensor) -> Tensor:
        """States (strings, length, width)."""
        embedding = self.encoder.embedding
        x = self.encoder.dropout(embedding.table(ids) + embedding.places.weight[: self.length])
        for layer in self.encoder.layers:
            qkv = layer.qkv(layer.norm_attention(x)).unflatten(2, (3, layer.heads, -1))
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            dropout = layer.dropout.p if self.training else 0.0
            mixed = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=real[:, None, None, :], dropout_p=dropout
            )
            x = x + layer.dropout(layer.out(mixed.transpose(1, 2).flatten(2)))
            gate, up = layer.up(layer.norm_feedforward(x)).chunk(2, dim=2)
            x = x + layer.dropout(layer.down(functional.silu(gate) * up))
        states: Tensor = self.encoder.norm(x)
        return states
