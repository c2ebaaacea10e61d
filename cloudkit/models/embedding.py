"""Token ids to vectors: a learned table, linear maps of tabulated features, and the pairing of an element with its site.

A compact string is a set of segments, so there are no learned positions: each token sees the sum of its segment, and the encoder
does not depend on the order of the orbits. The cloud vocabulary is character-like and gets learned positions instead.
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
    feature_table,
    site_indices,
    site_table,
    token_amounts,
)
from cloudkit.models.inputs import Inputs, segment_sum
from cloudkit.modelspec import TransformerEncoder
from cloudkit.tokens import Tokenizer

INIT_STD = 0.02
TOKEN_KINDS = 6  # kinds of tokens


class LearnedPositions(nn.Embedding):
    """Learned vectors of the positions in a string."""

    def __init__(self, max_length: int, width: int) -> None:
        super().__init__(max_length, width)
        nn.init.normal_(self.weight, std=INIT_STD)


class PositionEmbedding(nn.Module):
    """Learned vectors of tokens and, unless None, of positions, for the cloud vocabulary."""

    def __init__(self, size: int, width: int, places: LearnedPositions | None) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(size, width), places
        nn.init.normal_(self.table.weight, std=INIT_STD)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return vectors (tokens, width), and the weight of each token in the mean of its string (tokens,)."""
        vectors: Tensor = self.table(inputs.ids)
        if self.places is not None:
            vectors = vectors + self.places(inputs.position)
        return vectors, torch.ones_like(vectors[:, 0])


class SymbolEmbedding(nn.Module):
    """Vectors of compact tokens; see the docstring of the module.

    Elements also get their difference from the mean of the crystal, and their atomic fraction.
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
        nn.init.normal_(self.table.weight, std=INIT_STD)
        self.pair = nn.Linear(width, width, bias=False) if self.pairs else None
        self.share = nn.Linear(1, width)
        known, self.element_columns = feature_table(vocabulary, kinds)
        self.register_buffer("known", torch.tensor(known, dtype=torch.float32))
        self.register_buffer("amount", torch.tensor(token_amounts(vocabulary, kinds), dtype=torch.float32))
        self.register_buffer("kind", torch.tensor(kinds.astype(np.int64)))
        self.features = nn.Linear(known.shape[1], width, bias=False) if features else None
        self.contrast = nn.Linear(self.element_columns[1], width, bias=False) if features else None
        self.places: LearnedPositions | None = None

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return vectors (tokens, width), and the weight of each token in the mean of its string: atomic fractions (tokens,)."""
        share = self.shares(inputs)
        vectors = self.symbols(inputs, share)
        sums = segment_sum(vectors, inputs.segment, len(inputs.ids))
        assert self.pair is not None
        if self.places is not None:
            vectors = vectors + self.places(inputs.position)
        return vectors + self.pair(sums[inputs.segment]), share

    def symbols(self, inputs: Inputs, share: Tensor) -> Tensor:
        """Return vectors (tokens, width) of single tokens: learned, features, contrast to the crystal, atomic fraction."""
        vectors: Tensor = self.table(inputs.ids)
        if self.features is not None and self.contrast is not None:
            vectors = vectors + self.features(self.known)[inputs.ids]
            element = self.known[inputs.ids, slice(*self.element_columns)]
            mean = segment_sum(element * share[:, None], inputs.sequence, inputs.count)
            is_element = (self.kind[inputs.ids] == ELEMENT_KIND)[:, None]
            vectors = vectors + self.contrast((element - mean[inputs.sequence]) * is_element)
        return vectors + self.share(share.clamp(min=1e-3).log()[:, None]) * (share > 0)[:, None]

    def shares(self, inputs: Inputs) -> Tensor:
        """Return the atomic fraction of each element token in its crystal (tokens,); 0 for other tokens.

        It is proportional to the multiplicity of the site times the occupancy; either is 1 if it is not written.
        """
        kind, amount = self.kind[inputs.ids], self.amount[inputs.ids]
        sites = segment_sum(amount * (kind == WYCKOFF), inputs.segment, len(inputs.ids))[inputs.segment]
        after = torch.where(kind == FRACTION, amount, 1.0).roll(-1)
        atoms = torch.where(sites > 0, sites, 1.0) * after * (kind == ELEMENT_KIND)
        total = segment_sum(atoms, inputs.sequence, inputs.count)
        return atoms / total.clamp(min=1e-6)[inputs.sequence]


class OrbitEmbedding(SymbolEmbedding):
    """Vectors of orbits, with one row per set of equal orbits (`Inputs.merged`).

    The sum of the vectors of their tokens, of features of the Wyckoff position in its space group (degrees of freedom, site
    symmetry), and of the number of equal orbits.
    """

    pairs = False
    group: Tensor
    letter: Tensor
    sites: Tensor

    def __init__(
        self, vocabulary: tuple[str, ...], kinds: NDArray[np.uint8], width: int, features: bool
    ) -> None:
        super().__init__(vocabulary, kinds, width, features)
        group, letter = site_indices(vocabulary, kinds)
        self.register_buffer("group", torch.tensor(group), persistent=False)
        self.register_buffer("letter", torch.tensor(letter), persistent=False)
        self.register_buffer("sites", torch.tensor(site_table(), dtype=torch.float32), persistent=False)
        self.site = nn.Linear(self.sites.shape[2], width, bias=False) if features else None
        self.count = nn.Linear(1, width, bias=False)
        self.roles = nn.Embedding(TOKEN_KINDS, width)
        nn.init.normal_(self.roles.weight, std=INIT_STD)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return vectors (rows, width), and the atomic fraction of each row (rows,)."""
        merged, share = inputs.merged, self.shares(inputs)
        assert merged is not None
        rows, repeats = len(merged.sequence), merged.repeats[:, None].to(share.dtype)
        vectors = self.symbols(inputs, share)
        if self.site is not None:
            vectors = vectors + self.site(self.site_features(inputs))
        vectors = segment_sum(vectors, merged.row, rows) / repeats
        return vectors + self.count(repeats.log()), segment_sum(share, merged.row, rows)

    def site_features(self, inputs: Inputs) -> Tensor:
        """Return the features of each Wyckoff symbol in the space group of its string (tokens, columns); zeros for others."""
        of_group = self.group[inputs.ids] * (inputs.position == 1)  # masking may put a space group elsewhere
        group = segment_sum(of_group, inputs.sequence, inputs.count)[inputs.sequence]
        features: Tensor = self.sites[group, self.letter[inputs.ids]]
        return features


def make_embedding(
    tokenizer: Tokenizer, encoder: TransformerEncoder, max_length: int
) -> PositionEmbedding | SymbolEmbedding:
    """Build the embedding for a tokenizer (cloud or compact) and the encoder section of a spec."""
    learned = encoder.positions or ("none" if tokenizer.name == "compact" else "learned")
    if tokenizer.name != "compact":
        places = LearnedPositions(max_length, encoder.width) if learned == "learned" else None
        return PositionEmbedding(tokenizer.size, encoder.width, places)
    kind = OrbitEmbedding if encoder.merge else SymbolEmbedding
    embedding = kind(tokenizer.vocabulary, tokenizer.kinds, encoder.width, encoder.features)
    if learned == "learned":
        embedding.places = LearnedPositions(max_length, encoder.width)
    return embedding


class Statistics(nn.Module):
    """Statistics of the features of a string: Inputs -> (strings, width), without parameters; width 0 for the cloud vocabulary."""

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
        """Return statistics (strings, width) of the feature columns of `embedding`."""
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
    """Return the minimum or maximum (strings, columns) of the chosen rows of each string; 0 for strings without any."""
    index = inputs.sequence[chosen][:, None].expand(-1, values.shape[1])
    out = values.new_zeros(inputs.count, values.shape[1])
    return out.scatter_reduce(0, index, values[chosen], which, include_self=False)
