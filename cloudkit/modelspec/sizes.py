"""Sizes by name: `encoder.size` stands for layers, heads and widths, and what is written beside it wins.

A size given by ``--set`` is the newest word: it also replaces what the file says of these keys.
"""

from typing import Final, Literal

from cloudkit.modelspec.overrides import SET
from cloudkit.modelspec.tree import Node, child

Size = Literal["tiny", "small", "base", "large"]
SIZES: Final[dict[str, dict[str, int]]] = {
    "tiny": {"layers": 2, "heads": 4, "width": 32, "feedforward": 64},
    "small": {"layers": 3, "heads": 4, "width": 96, "feedforward": 192},
    "base": {"layers": 6, "heads": 8, "width": 256, "feedforward": 512},
    "large": {"layers": 12, "heads": 12, "width": 768, "feedforward": 2048},
}


def fill_size(tree: Node) -> None:
    """Write out the keys that `encoder.size` of a transformer stands for."""
    encoder = child(tree, "encoder")
    size, kind = (child(encoder, name) if encoder else None for name in ("size", "kind"))
    if encoder is None or size is None or kind is None or kind.value != "transformer":
        return
    for key, number in SIZES.get(str(size.value), {}).items():
        given = child(encoder, key)
        if given is None or (size.mark.file == SET and given.mark.file != SET):
            encoder.value[key] = Node(number, size.mark, size.key)
