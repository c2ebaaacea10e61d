"""Token ids to vectors: a learned table, linear maps of known features, and the pairing of an element with its site.

Compact strings are sets of segments, so no positions are learned: a segment's tokens each see the sum of their segment,
and the encoder does not depend on the order in which orbits are written. The cloud vocabulary spells things out
character by character and gets learned positions instead.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.models.features import (
    ELEMENT_KIND,
    FRACTION,
    SPACE_GROUP,
    WYCKOFF,
    amounts,
    feature_table,
    places,
    site_table,
)
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import TransformerEncoder
from cloudkit.tokens import Tokenizer

INIT = 0.02
TOKEN_KINDS = 6  # kinds of tokens


class LearnedPositions(nn.Embedding):
    """Learned vectors of places in a string."""

    def __init__(self, max_length: int, width: int) -> None:
        super().__init__(max_length, width)
        nn.init.normal_(self.weight, std=INIT)


class PositionEmbedding(nn.Module):
    """Learned vectors of tokens, and of places if they have any, for the cloud vocabulary."""

    def __init__(self, size: int, width: int, places: LearnedPositions | None) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(size, width), places
        nn.init.normal_(self.table.weight, std=INIT)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Vectors (tokens, width) and the weight of each token in a mean over its string (tokens,)."""
        vectors: Tensor = self.table(inputs.ids)
        if self.places is not None:
            vectors = vectors + self.places(inputs.place)
        return vectors, torch.ones_like(vectors[:, 0])


class SymbolEmbedding(nn.Module):
    """Vectors of compact tokens; see the module's docstring.

    An element also sees how it differs from the mean of its crystal, and its share of the atoms.
    """

    pairs = True
    known: Tensor
    amount: Tensor
    kind: Tensor

    def __init__(
        self, vocabulary: tuple[str, ...], kinds: NDArray[np.uint8], width: int, features: bool
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(len(vocabulary), width)
        nn.init.normal_(self.table.weight, std=INIT)
        self.pair = nn.Linear(width, width, bias=False) if self.pairs else None
        self.share = nn.Linear(1, width)
        known, self.element_columns = feature_table(vocabulary, kinds)
        self.register_buffer("known", torch.tensor(known, dtype=torch.float32))
        self.register_buffer("amount", torch.tensor(amounts(vocabulary, kinds), dtype=torch.float32))
        self.register_buffer("kind", torch.tensor(kinds.astype(np.int64)))
        self.features = nn.Linear(known.shape[1], width, bias=False) if features else None
        self.contrast = nn.Linear(self.element_columns[1], width, bias=False) if features else None
        self.places: LearnedPositions | None = None

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Vectors (tokens, width) and the weight of each token in a mean over its string: the element's share (tokens,)."""
        share = self.shares(inputs)
        vectors = self.symbols(inputs, share)
        sums = segment_sum(vectors, inputs.segment, len(inputs.ids))
        assert self.pair is not None
        if self.places is not None:
            vectors = vectors + self.places(inputs.place)
        return vectors + self.pair(sums[inputs.segment]), share

    def symbols(self, inputs: Inputs, share: Tensor) -> Tensor:
        """Each token by itself (tokens, width): learned vector, known features, contrast with its crystal, share of the atoms."""
        vectors: Tensor = self.table(inputs.ids)
        if self.features is not None and self.contrast is not None:
            vectors = vectors + self.features(self.known)[inputs.ids]
            element = self.known[inputs.ids, slice(*self.element_columns)]
            mean = segment_sum(element * share[:, None], inputs.sequence, inputs.count)
            is_element = (self.kind[inputs.ids] == ELEMENT_KIND)[:, None]
            vectors = vectors + self.contrast((element - mean[inputs.sequence]) * is_element)
        return vectors + self.share(share.clamp(min=1e-3).log()[:, None]) * (share > 0)[:, None]

    def shares(self, inputs: Inputs) -> Tensor:
        """Each element token's share of the atoms of its crystal (tokens,); 0 for other tokens.

        Multiplicity of the site it sits on times its fraction where one follows, both 1 where none is written.
        """
        kind, amount = self.kind[inputs.ids], self.amount[inputs.ids]
        sites = segment_sum(amount * (kind == WYCKOFF), inputs.segment, len(inputs.ids))[inputs.segment]
        after = torch.where(kind == FRACTION, amount, 1.0).roll(-1)
        atoms = torch.where(sites > 0, sites, 1.0) * after * (kind == ELEMENT_KIND)
        total = segment_sum(atoms, inputs.sequence, inputs.count)
        return atoms / total.clamp(min=1e-6)[inputs.sequence]


class OrbitEmbedding(SymbolEmbedding):
    """Vectors of orbits, of which `Inputs.merged` says which tokens they hold: the sum of their symbols and of what is
    known about the site in its space group, as soon as both are known: degrees of freedom, site symmetry, count.
    """

    pairs = False
    group: Tensor
    letter: Tensor
    sites: Tensor

    def __init__(
        self, vocabulary: tuple[str, ...], kinds: NDArray[np.uint8], width: int, features: bool
    ) -> None:
        super().__init__(vocabulary, kinds, width, features)
        group, letter = places(vocabulary, kinds)
        self.register_buffer("group", torch.tensor(group), persistent=False)
        self.register_buffer("letter", torch.tensor(letter), persistent=False)
        self.register_buffer("sites", torch.tensor(site_table(), dtype=torch.float32), persistent=False)
        self.site = nn.Linear(self.sites.shape[2], width, bias=False) if features else None
        self.count = nn.Linear(1, width, bias=False)
        self.roles = nn.Embedding(TOKEN_KINDS, width)
        nn.init.normal_(self.roles.weight, std=INIT)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Vectors (rows, width), and the share of the atoms of each row (rows,)."""
        merged, share = inputs.merged, self.shares(inputs)
        assert merged is not None
        rows, twins = len(merged.sequence), merged.twins[:, None].to(share.dtype)
        vectors = self.symbols(inputs, share)
        if self.site is not None:
            vectors = vectors + self.site(self.site_features(inputs))
        vectors = segment_sum(vectors, merged.row, rows) / twins
        return vectors + self.count(twins.log()), segment_sum(share, merged.row, rows)

    def site_features(self, inputs: Inputs) -> Tensor:
        """What is known about each Wyckoff symbol in the space group of its string (tokens, columns); else zeros."""
        of_group = self.group[inputs.ids] * (inputs.place == 1)  # hiding may put a group's token elsewhere
        group = segment_sum(of_group, inputs.sequence, inputs.count)[inputs.sequence]
        found: Tensor = self.sites[group, self.letter[inputs.ids]]
        return found


def make_embedding(
    tokenizer: Tokenizer, encoder: TransformerEncoder, max_length: int
) -> PositionEmbedding | SymbolEmbedding:
    """The embedding that fits a tokenizer (cloud or compact) and the encoder part of a spec."""
    learned = encoder.positions or ("none" if tokenizer.name == "compact" else "learned")
    if tokenizer.name != "compact":
        places = LearnedPositions(max_length, encoder.width) if learned == "learned" else None
        return PositionEmbedding(tokenizer.size, encoder.width, places)
    kind = OrbitEmbedding if encoder.merge else SymbolEmbedding
    found = kind(tokenizer.vocabulary, tokenizer.kinds, encoder.width, encoder.features)
    if learned == "learned":
        found.places = LearnedPositions(max_length, encoder.width)
    return found


class Statistics(nn.Module):
    """Inputs -> (strings, width); no parameters. Its width is 0 for the cloud vocabulary."""

    def __init__(self, embedding: PositionEmbedding | SymbolEmbedding) -> None:
        super().__init__()
        self.width = 0
        if isinstance(embedding, SymbolEmbedding):
            known, kind = embedding.known, embedding.kind
            blocks = {
                k: (known[kind == k] != 0).any(0).nonzero()[:, 0]
                for k in (ELEMENT_KIND, SPACE_GROUP, WYCKOFF)
            }
            self.blocks = {k: slice(int(c[0]), int(c[-1]) + 1) for k, c in blocks.items()}
            counts = {k: len(c) for k, c in blocks.items()}
            self.width = 4 * counts[ELEMENT_KIND] + counts[SPACE_GROUP] + 2 * counts[WYCKOFF] + 3

    def forward(self, inputs: Inputs, embedding: PositionEmbedding | SymbolEmbedding) -> Tensor:
        """Statistics (strings, width) of the strings whose tokens `embedding` knows."""
        if not isinstance(embedding, SymbolEmbedding):
            return torch.zeros(inputs.count, 0, device=inputs.ids.device)
        kind, share = embedding.kind[inputs.ids], embedding.shares(inputs)
        element, site = kind == ELEMENT_KIND, kind == WYCKOFF
        known = embedding.known[inputs.ids]
        at = inputs.sequence
        amount = embedding.amount[inputs.ids] * site
        atoms = segment_sum(amount, at, inputs.count)
        of_element, of_site = known[:, self.blocks[ELEMENT_KIND]], known[:, self.blocks[WYCKOFF]]
        mean = segment_sum(of_element * share[:, None], at, inputs.count)
        spread = segment_sum((of_element - mean[at]).abs() * share[:, None], at, inputs.count)
        weight = amount / atoms.clamp(min=1e-6)[at]
        counts = [
            atoms,
            segment_sum(site.float(), at, inputs.count),
            segment_sum(element.float(), at, inputs.count),
        ]
        parts = [
            mean, spread, _extreme(of_element, element, inputs, "amin"), _extreme(of_element, element, inputs, "amax"),
            segment_sum(of_site * weight[:, None], at, inputs.count), _extreme(of_site, site, inputs, "amax"),
            segment_sum(known[:, self.blocks[SPACE_GROUP]] * (kind == SPACE_GROUP)[:, None], at, inputs.count),
            torch.stack(counts, dim=1).clamp(min=1).log(),
        ]  # fmt: skip
        return torch.cat(parts, dim=1)


def _extreme(values: Tensor, chosen: Tensor, inputs: Inputs, which: str) -> Tensor:
    """Least or greatest (strings, columns) of the chosen rows of each string; 0 for a string without any."""
    index = inputs.sequence[chosen][:, None].expand(-1, values.shape[1])
    out = values.new_zeros(inputs.count, values.shape[1])
    return out.scatter_reduce(0, index, values[chosen], which, include_self=False)
