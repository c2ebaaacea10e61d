"""Token ids to vectors: a learned table, linear maps of known features, and the pairing of an element with its site.

Compact strings are sets of segments, so no positions are learned: a segment's tokens each see the sum of their segment,
and the encoder does not depend on the order in which orbits are written. The cloud vocabulary spells things out
character by character and gets learned positions instead.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.models.features import ELEMENT_KIND, FRACTION, WYCKOFF, amounts, feature_table
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import TransformerEncoder
from cloudkit.tokens import Tokenizer

INIT = 0.02


class PositionEmbedding(nn.Module):
    """Learned vectors of tokens plus learned vectors of places, for the cloud vocabulary."""

    def __init__(self, size: int, width: int, max_length: int) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(size, width), nn.Embedding(max_length, width)
        for part in (self.table, self.places):
            nn.init.normal_(part.weight, std=INIT)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Vectors (tokens, width) and the weight of each token in a mean over its string (tokens,)."""
        vectors: Tensor = self.table(inputs.ids) + self.places(inputs.place)
        return vectors, torch.ones_like(vectors[:, 0])


class SymbolEmbedding(nn.Module):
    """Vectors of compact tokens; see the module's docstring.

    An element also sees how it differs from the mean of its crystal, and its share of the atoms.
    """

    known: Tensor
    amount: Tensor
    kind: Tensor

    def __init__(
        self, vocabulary: tuple[str, ...], kinds: NDArray[np.uint8], width: int, features: bool
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(len(vocabulary), width)
        nn.init.normal_(self.table.weight, std=INIT)
        self.pair = nn.Linear(width, width, bias=False)
        self.share = nn.Linear(1, width)
        known, self.element_columns = feature_table(vocabulary, kinds)
        self.register_buffer("known", torch.tensor(known, dtype=torch.float32))
        self.register_buffer("amount", torch.tensor(amounts(vocabulary, kinds), dtype=torch.float32))
        self.register_buffer("kind", torch.tensor(kinds.astype(np.int64)))
        self.features = nn.Linear(known.shape[1], width, bias=False) if features else None
        self.contrast = nn.Linear(self.element_columns[1], width, bias=False) if features else None

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Vectors (tokens, width) and the weight of each token in a mean over its string: the element's share (tokens,)."""
        share = self.shares(inputs)
        vectors: Tensor = self.table(inputs.ids)
        if self.features is not None and self.contrast is not None:
            vectors = vectors + self.features(self.known)[inputs.ids]
            element = self.known[inputs.ids, slice(*self.element_columns)]
            mean = segment_sum(element * share[:, None], inputs.sequence, inputs.count)
            is_element = (self.kind[inputs.ids] == ELEMENT_KIND)[:, None]
            vectors = vectors + self.contrast((element - mean[inputs.sequence]) * is_element)
        vectors = vectors + self.share(share.clamp(min=1e-3).log()[:, None]) * (share > 0)[:, None]
        sums = segment_sum(vectors, inputs.segment, len(inputs.ids))
        return vectors + self.pair(sums[inputs.segment]), share

    def shares(self, inputs: Inputs) -> Tensor:
        """Each element token's share of the atoms of its crystal (tokens,); 0 for other tokens.

        Multiplicity of the site it stands on times its fraction where one follows, both 1 where none is written.
        """
        kind, amount = self.kind[inputs.ids], self.amount[inputs.ids]
        sites = segment_sum(amount * (kind == WYCKOFF), inputs.segment, len(inputs.ids))[inputs.segment]
        after = torch.where(kind == FRACTION, amount, 1.0).roll(-1)
        atoms = torch.where(sites > 0, sites, 1.0) * after * (kind == ELEMENT_KIND)
        total = segment_sum(atoms, inputs.sequence, inputs.count)
        return atoms / total.clamp(min=1e-6)[inputs.sequence]


def make_embedding(
    tokenizer: Tokenizer, encoder: TransformerEncoder, max_length: int
) -> PositionEmbedding | SymbolEmbedding:
    """The embedding that fits a tokenizer (cloud or compact) and the encoder part of a spec."""
    if tokenizer.name == "compact":
        return SymbolEmbedding(tokenizer.vocabulary, tokenizer.kinds, encoder.width, encoder.features)
    return PositionEmbedding(tokenizer.size, encoder.width, max_length)
