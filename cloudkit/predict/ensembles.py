"""Trees that an ensemble averages with its networks, stored as plain arrays: a model folder contains no pickle.

Extra or boosted trees on the features of strings (cloudkit.predict.features); extra trees also read the geometry that the
pretrained model, from which the networks start, predicts (cloudkit.predict.geometry). One forest per output, fitted to the labels
of the networks; its weight is chosen on held-out crystals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
BOOSTED: Final = {"max_iter": 150, "learning_rate": 0.1, "early_stopping": False}
ROWS_AT_ONCE: Final = 256
ABSENT: Final = -50.0  # logit of a class that no training row has
MIN_PROBABILITY: Final = 1e-15  # clipped to it before the logarithm
# standard deviation of labels, absolute or relative to their mean, up to which they are scaled
SMALL_SPREAD: Final = 1e-4
_COLUMNS: Final = ("roots", "feature", "number", "right")


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees as flat arrays, each tree in preorder.

    roots (trees,); feature, right (nodes,); number (nodes, 1), or (nodes, classes) for classes. A leaf has feature -1, and its
    number is its value; any other node has its threshold in the first column: a row whose feature is at most the threshold goes
    to the next node, any other row `right` nodes on. logits: whether the mean of the trees gives logits of classes, not probabilities.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int16]
    number: NDArray[np.float32]
    right: NDArray[np.int32]
    logits: bool = False

    def is_sound(self, inputs: int) -> bool:
        """Return whether the trees read that many inputs at most and each path ends in a leaf: children follow their parents."""
        count, inner = len(self.feature), np.flatnonzero(self.feature >= 0)
        shapes = self.feature.shape == self.right.shape == self.number.shape[:1] == (count,)
        return bool(
            shapes
            and self.number.ndim == 2
            and self.roots.size
            and (self.right[inner] > 0).all()
            and (inner + self.right[inner] < count).all()
            and (inner + 1 < count).all()
            and (self.feature < inputs).all()
            and ((self.roots >= 0) & (self.roots < count)).all()
        )

    def predict(self, x: Array) -> Array:
        """Average all trees, (n,) or (n, classes), for features x (n, columns)."""
        rows = x.astype(np.float32)
        total = np.empty((len(x), self.number.shape[1]))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            total[part] = self.number[self._leaves(rows[part])].mean(axis=1, dtype=np.float64)
        if self.logits:
            total = np.exp(total - total.max(axis=1, keepdims=True))
            total /= total.sum(axis=1, keepdims=True)
        return total if self.number.shape[1] > 1 else total[:, 0]

    def _leaves(self, rows: NDArray[np.float32]) -> Rows:
        """Return the leaf (n, trees) that each row (n, columns) reaches in each tree."""
        node = np.tile(self.roots.astype(np.int64), len(rows))
        row = np.repeat(np.arange(len(rows)), len(self.roots))
        walking = np.flatnonzero(self.feature[node] >= 0)
        while len(walking):
            at = node[walking]
            goes_left = rows[row[walking], self.feature[at]] <= self.number[at, 0]
            node[walking] = at + np.where(goes_left, 1, self.right[at])
            walking = walking[self.feature[node[walking]] >= 0]
        return node.reshape(len(rows), -1)


def fit_forest(kind: str, x: Array, value: Array, seed: int, weight: Array | None = None) -> Forest:
    """Fit `extra_trees` or `boosted_trees` to labels (n,), or to classes as 0 and 1 (n, classes), with weights (n,) at x (n, columns)."""
    x = x.astype(np.float32).astype(np.float64)  # as `Forest.predict` reads it
    if kind == "extra_trees":
        return _fit_extra_trees(x, value, seed, weight)
    return (
        _fit_boosted_classes(x, value, seed, weight)
        if value.ndim == 2
        else _fit_boosted_trees(x, value, seed, weight)
    )


def _fit_extra_trees(x: Array, value: Array, seed: int, weight: Array | None) -> Forest:
    """Fit extra trees with the settings of the baseline."""
    trees = require("sklearn.ensemble", "train").ExtraTreesRegressor(
        N_TREES, max_features=0.5, random_state=seed
    )
    center, scale = label_scale(value)
    trees.fit(x, (value - center) / scale, sample_weight=weight)
    parts: list[tuple[Any, ...]] = []
    for one in (tree.tree_ for tree in trees.estimators_):
        values = one.value[:, :, 0] if value.ndim == 2 else one.value[:, 0]
        feature = np.where(one.children_left >= 0, one.feature, -1)
        parts.append((feature, one.threshold, center + scale * values, one.children_right))
    return _join_trees(parts)


def _fit_boosted_trees(x: Array, value: Array, seed: int, weight: Array | None) -> Forest:
    """Fit gradient-boosted trees to squared errors."""
    trees = require("sklearn.ensemble", "train").HistGradientBoostingRegressor(random_state=seed, **BOOSTED)
    center, scale = label_scale(value)
    trees.fit(x, (value - center) / scale, sample_weight=weight)
    return _join_trees(_boosted(trees, lambda leaves, _: center + scale * leaves[:, None]))


def _fit_boosted_classes(x: Array, value: Array, seed: int, weight: Array | None) -> Forest:
    """Fit gradient-boosted trees to log loss; logits of classes that no row has are ABSENT."""
    label, classes = value.argmax(axis=1), value.shape[1]
    there = np.unique(label)
    absent = np.where(np.isin(np.arange(classes), there), 0.0, ABSENT)
    if len(there) == 1:
        return Forest(np.zeros(1, np.int32), np.full(1, -1, np.int16), absent[None].astype(np.float32), np.zeros(1, np.int32), True)  # fmt: skip
    trees = require("sklearn.ensemble", "train").HistGradientBoostingClassifier(random_state=seed, **BOOSTED)
    trees.fit(x, label, sample_weight=weight)
    columns = there[1:] if len(there) == 2 else there  # two classes have one logit, that of the second

    def spread(leaves: Array, output: int) -> Array:
        logits = np.tile(absent, (len(leaves), 1))
        logits[:, columns[output]] = leaves
        return logits

    return replace(_join_trees(_boosted(trees, spread, len(columns))), logits=True)


def _boosted(trees: Any, spread: Callable[[Array, int], Array], outputs: int = 1) -> list[tuple[Any, ...]]:
    """Convert the trees of scikit-learn, whose leaves add up, to trees whose mean is predicted.

    spread: of values of leaves (nodes,) and the output that they belong to, the numbers (nodes, columns).
    """
    rounds, base = trees._predictors, trees._baseline_prediction.ravel()
    parts = []
    for output in range(outputs):
        for one in (predictors[output].nodes for predictors in rounds):
            leaves = outputs * (base[output] + len(rounds) * one["value"])
            feature = np.where(one["is_leaf"], -1, one["feature_idx"].astype(np.int64))
            parts.append(
                (feature, one["num_threshold"], spread(leaves, output), one["right"].astype(np.int64))
            )
    return parts


def _join_trees(parts: Sequence[tuple[Any, ...]]) -> Forest:
    """Join trees in preorder, each (feature, threshold, value (nodes, columns), right child), to a forest."""
    sizes = [len(feature) for feature, *_ in parts]
    roots = np.cumsum(sizes) - sizes
    feature, threshold, value = (np.concatenate([part[place] for part in parts]) for place in range(3))
    right = np.concatenate([part[3] - np.arange(size) for part, size in zip(parts, sizes, strict=True)])
    cut = threshold.astype(np.float32)  # the largest float32 that is not above: the same crystals go left
    cut = np.where(cut > threshold, np.nextafter(cut, np.float32(-np.inf)), cut)
    number, leaf = value.astype(np.float32), feature < 0
    number[~leaf] = 0
    number[~leaf, 0], right[leaf] = cut[~leaf], 0
    return Forest(roots.astype(np.int32), feature.astype(np.int16), number, right.astype(np.int32))


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
            arrays[f"logits.{index}"] = np.array(forest.logits)
        arrays |= self.geometry.arrays() if self.geometry else {}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Blend":
        """Read what `save` wrote. Raises ModelError for a file that is missing, damaged or does not hold trees."""
        arrays = read_arrays(path)
        try:
            share = arrays["share"].astype(np.float64)
            forests = tuple(
                Forest(*(arrays[f"{name}.{i}"] for name in _COLUMNS), logits=bool(arrays[f"logits.{i}"]))  # type: ignore[arg-type, misc]
                for i in range(share.size)
            )
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
