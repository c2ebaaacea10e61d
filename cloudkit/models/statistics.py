"""What is known of a whole crystal, as numbers that need no learning: a straight line from them to a head is the best start.

Elements: mean, spread, least and greatest of each known property, by share of atoms. Sites: mean and greatest of each known property
of Wyckoff positions, by multiplicity where it is written. The group's properties; logarithms of counts. Compact vocabulary only.
"""

import torch
from torch import Tensor, nn

from cloudkit.models.embedding import PositionEmbedding, SymbolEmbedding
from cloudkit.models.features import ELEMENT_KIND, SPACE_GROUP, WYCKOFF
from cloudkit.models.inputs import Inputs, segment_sum


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
