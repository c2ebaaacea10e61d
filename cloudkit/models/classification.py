"""A head of classes: logits of each, learned by cross-entropy."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from cloudkit.models.heads import ValueHead

FEWEST = 0.5  # labels that a class without any counts as, so that its logit is finite


class Classification(ValueHead):
    """One logit for each class; `center` (classes,) holds the logarithms of their shares among the training labels.

    `threshold`: the probability from which the positive one of two classes is predicted. `weighting`: "none", "balanced" or a weight
    for each class by its name.
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
        """Take the shares and weights of the classes from training labels (observations,)."""
        counts = torch.bincount(value.long(), minlength=len(self.classes)).double().clamp(min=FEWEST)
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
        """Cross-entropy (observations,) in nats of logits (observations, classes)."""
        return functional.cross_entropy(predicted, value.long(), reduction="none")

    def label_weights(self, value: Tensor) -> Tensor:
        """The weight of the class of each label (observations,)."""
        return self.weight.to(value)[value.long()]

    def forward(self, pooled: Tensor, sequence: Tensor, quantity: Tensor, temperature: Tensor) -> Tensor:
        """Logits (observations, classes)."""
        return (self.numbers(pooled) + self.center)[sequence]

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of the classes, float64, of logits of the same shape (n, classes)."""
        return logits.double().softmax(dim=-1)
