"""Trees that an ensemble averages with its networks, stored as plain arrays: a model folder contains no pickle.

Extra trees on the features of strings (cloudkit.predict.features) and on the geometry that the pretrained model, from which the
networks start, reads out of them (cloudkit.predict.geometry); one forest per output, fitted to the labels of the networks. Their
weight is chosen on held-out crystals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.data import Tokens
from cloudkit.errors import ModelError, require
from cloudkit.predict.arrays import read_arrays
from cloudkit.predict.geometry import GeometryModel, count_tree_inputs, read_geometry, tree_inputs

if TYPE_CHECKING:
    from cloudkit.models import CloudModel

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
TREE_SHARES: Final = np.linspace(0.0, 1.0, 21)  # candidate weights of the trees in the mean
N_TREES: Final = 300
MIN_PROBABILITY: Final = 1e-15  # clipped to it before the logarithm
# standard deviation of labels, absolute or relative to their mean, up to which they are scaled
SMALL_SPREAD: Final = 1e-4
_COLUMNS: Final = ("roots", "feature", "threshold", "left", "right", "value")


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees as flat arrays.

    roots (trees,); feature, threshold, left, right, value (nodes,); value (nodes, classes) for classes. A leaf has feature -1.
    A row goes left if its feature is at most the threshold.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]

    def is_sound(self, inputs: int) -> bool:
        """Return whether the trees read that many inputs at most, children follow their parents, so that each path ends in a leaf, and all indices are in range."""
        count, inner = len(self.feature), self.feature >= 0
        columns = (
            self.threshold,
            self.left,
            self.right,
            self.value if self.value.ndim == 1 else self.value[:, 0],
        )
        if any(column.shape != (count,) for column in (self.feature, *columns)) or not self.roots.size:
            return False
        below = np.stack([self.left, self.right])[:, inner]
        return bool(
            (below > np.flatnonzero(inner)).all()
            and (below < count).all()
            and (self.feature < inputs).all()
            and ((self.roots >= 0) & (self.roots < count)).all()
        )

    def predict(self, x: Array) -> Array:
        """Average all trees, (n,) or (n, classes), for features x (n, columns)."""
        rows, total = x.astype(np.float32), np.zeros((len(x), *self.value.shape[1:]))
        for root in self.roots.tolist():
            node = np.full(len(rows), root, dtype=np.int64)
            while len(open_rows := np.flatnonzero(self.feature[node] >= 0)):
                at = node[open_rows]
                goes_left = rows[open_rows, self.feature[at]] <= self.threshold[at]
                node[open_rows] = np.where(goes_left, self.left[at], self.right[at])
            total += self.value[node]
        return total / len(self.roots)


def fit_forest(x: Array, value: Array, seed: int, weight: Array | None = None) -> Forest:
    """Fit extra trees, with the settings of the baseline, to labels (n,) or (n, classes) with weights (n,) at x (n, columns)."""
    trees = require("sklearn.ensemble", "train").ExtraTreesRegressor(
        N_TREES, max_features=0.5, random_state=seed
    )
    center, scale = label_scale(value)
    trees.fit(x, (value - center) / scale, sample_weight=weight)
    parts: list[tuple[Any, ...]] = []
    start = 0
    for one in (tree.tree_ for tree in trees.estimators_):
        inner = one.children_left >= 0
        # the largest float32 that is not above: the same crystals go left
        cut = one.threshold.astype(np.float32)
        cut = np.where(cut > one.threshold, np.nextafter(cut, np.float32(-np.inf)), cut)
        values = one.value[:, :, 0] if value.ndim == 2 else one.value[:, 0, 0]
        parts.append((start, np.where(inner, one.feature, -1), cut, one.children_left + start,
                      one.children_right + start, center + scale * values))  # fmt: skip
        start += one.node_count
    roots, *columns = zip(*parts, strict=True)
    kinds = (np.int16, np.float32, np.int32, np.int32, np.float32)
    joined = (np.concatenate(column).astype(kind) for column, kind in zip(columns, kinds, strict=True))
    return Forest(np.array(roots, dtype=np.int32), *joined)


def label_scale(value: Array) -> tuple[float, float]:
    """Return (center, scale) by which labels are standardized for scikit-learn's trees, which ignore a variance below 2e-16.

    (0, 1) for labels of ordinary magnitude, which then stay unchanged to the last bit.
    """
    center, spread = float(value.mean()), float(value.std())
    ordinary = spread > SMALL_SPREAD * max(1.0, abs(center))
    return (0.0, 1.0) if ordinary or spread <= 1e-12 * abs(center) else (center, spread)


@dataclass(frozen=True, slots=True)
class Blend:
    """One forest per output of a head, and its weight in the mean, share (outputs,). A classification head has one output."""

    share: Array
    forests: tuple[Forest, ...]
    geometry: GeometryModel | None = None

    def predict(self, texts: Sequence[str]) -> list[Array]:
        """What each forest says of strings: (n,), or (n, classes) for classes."""
        inputs = tree_inputs(texts, self.geometry)
        return [forest.predict(inputs) for forest in self.forests]

    def mix_classes(self, probability: Array, texts: Sequence[str]) -> Array:
        """Average probabilities (n, classes) of networks with those of the trees."""
        (share,), (trees,) = self.share.tolist(), self.predict(texts)
        return np.asarray((1 - share) * probability + share * trees)

    def save(self, path: Path) -> None:
        """Write the arrays to an .npz file."""
        arrays: dict[str, Any] = {"share": self.share}
        for index, forest in enumerate(self.forests):
            arrays |= {f"{name}.{index}": getattr(forest, name) for name in _COLUMNS}
        arrays |= self.geometry.arrays() if self.geometry else {}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Blend":
        """Read what `save` wrote. Raises ModelError for a file that is missing, damaged or does not hold trees."""
        arrays = read_arrays(path)
        try:
            share = arrays["share"].astype(np.float64)
            forests = tuple(Forest(*(arrays[f"{name}.{i}"] for name in _COLUMNS)) for i in range(share.size))
            geometry = read_geometry(arrays)
        except (KeyError, ValueError, ModelError) as error:
            raise ModelError(f"{path} does not hold trees ({error}); copy the model folder again") from None
        inputs = count_tree_inputs(geometry)
        if share.ndim != 1 or not all(forest.is_sound(inputs) for forest in forests):
            raise ModelError(f"{path} does not hold trees (invalid nodes); copy the model folder again")
        return cls(share, forests, geometry)


def blend_path(folder: Path, head: str) -> Path:
    """Return the path of the trees of a head in a model folder."""
    return folder / f"trees-{head}.npz"


def load_blends(folder: Path, heads: Sequence[str]) -> dict[str, Blend]:
    """Load the trees of all heads that have some."""
    return {head: Blend.load(path) for head in heads if (path := blend_path(folder, head)).exists()}


def choose_share(networks: Array, trees: Array, target: Array) -> float:
    """Return the weight of the trees with the lowest mean absolute error; all arrays (observations,)."""
    errors = [float(np.abs((1 - share) * networks + share * trees - target).mean()) for share in TREE_SHARES]
    return float(TREE_SHARES[int(np.argmin(errors))])


def choose_class_share(networks: Array, trees: Array, label: Rows) -> float:
    """Return the weight of the trees with the lowest log loss; probabilities (n, classes), label (n,) index of the class."""
    true = np.arange(len(label)), label
    mixed = [(1 - share) * networks[true] + share * trees[true] for share in TREE_SHARES]
    losses = [-np.log(np.maximum(probability, MIN_PROBABILITY)).mean() for probability in mixed]
    return float(TREE_SHARES[int(np.argmin(losses))])


def predict_classes(network: "CloudModel", blend: Blend | None, head: str, tokens: Tokens) -> Array:
    """Predict class probabilities (strings, classes) with a network and, unless None, its trees."""
    from cloudkit.models import predict_probabilities

    found = predict_probabilities(network, head, tokens)
    if blend is None:
        return found
    return blend.mix_classes(found, network.tokenizer.decode_batch(tokens.ids, tokens.offsets))


def predict_mean(
    network: "CloudModel", blend: Blend | None, head: str, tokens: Tokens, sequence: Rows, quantity: Rows, at: Array
) -> Array:  # fmt: skip
    """Predict observations as cloudkit.models.predict_values does, with the trees of the head unless None."""
    from cloudkit.models import predict_values
    from cloudkit.predict.intervals import mixed_values

    if blend is None:
        return predict_values(network, head, tokens, sequence, quantity, at)
    return mixed_values(network, blend, head, tokens)[0][sequence, quantity]
