"""The classification head: one logit per class, trained with cross-entropy."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cloudkit.models.heads import ValueHead

MIN_COUNT = 0.5  # of training labels of a class, so that its prior logit is finite


class Classification(ValueHead):
    """One logit per class.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes.
    positive : int
        Index of the positive class.
    center : Tensor
        (classes,), logarithms of the class frequencies in the training labels.
    threshold : Tensor
        (), probability from which the positive one of two classes is predicted.
    weighting : str or mapping
        "none", "balanced" or a weight per class.

    Examples
    --------
    >>> head = Classification("metal", ["no", "yes"], None, "balanced", pooled=8, statistics=0, hidden=4)
    >>> head.classes[head.positive], head.probabilities(torch.zeros(1, 2)).tolist()
    ('yes', [[0.5, 0.5]])
    """

    threshold: Tensor
    weight: Tensor

    def __init__(
        self,
        output: str,
        classes: Sequence[str],
        positive: str | None,
        weighting: str | Mapping[str, float],
        pooled: int,
        statistics: int,
        hidden: int,
        dropout: float = 0.1,
    ) -> None:
        super().__init__([output], pooled, statistics, hidden, len(classes), dropout)
        self.classes, self.weighting = tuple(classes), weighting
        self.positive = self.classes.index(positive or self.classes[-1])
        self.register_buffer("center", torch.zeros(len(classes)))
        self.register_buffer("spread", torch.ones(len(classes)))
        self.register_buffer("threshold", torch.tensor(0.5))
        self.register_buffer("weight", torch.ones(len(classes)), persistent=False)

    def fit_scale(self, quantity: Tensor, value: Tensor) -> None:
        """Set class frequencies and weights from training labels (observations,)."""
        counts = torch.bincount(value.long(), minlength=len(self.classes)).double().clamp(min=MIN_COUNT)
        if isinstance(self.weighting, str):
            balanced = counts.sum() / (len(counts) * counts)
            weight = balanced if self.weighting == "balanced" else torch.ones_like(counts)
        else:
            weight = torch.tensor([self.weighting[name] for name in self.classes], dtype=torch.float64)
        self.weight.copy_(weight)
        shares = counts * weight
        self.center.copy_((shares / shares.sum()).log())

    def errors(
        self, predicted: Tensor, value: Tensor, quantity: Tensor, measure: Callable[..., Tensor]
    ) -> Tensor:
        """Return the cross-entropy (observations,) in nats of logits (observations, classes)."""
        return functional.cross_entropy(predicted, value.long(), reduction="none")

    def label_weights(self, value: Tensor) -> Tensor:
        """Return the class weight of each label (observations,)."""
        return self.weight.to(value)[value.long()]

    def forward(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, temperature: Tensor) -> Tensor:
        """Return logits (observations, classes)."""
        return (self.raw_outputs(pooled) + self.center)[sequence]

    def probabilities(self, logits: Tensor) -> Tensor:
        """Convert logits (n, classes) to probabilities (n, classes) in float64."""
        return logits.double().softmax(dim=-1)
