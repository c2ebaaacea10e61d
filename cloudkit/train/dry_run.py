"""Estimated cost of a build: parameters, operations and bytes per string, counted on strings of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from cloudkit.data import Crystals, Tokens, tokenize
from cloudkit.models import CloudModel, MultiTaskModel
from cloudkit.modelspec import FinetuneTask, PretrainTask, Spec, heads_of
from cloudkit.tokens import Tokenizer
from cloudkit.train.calibrate import head_module
from cloudkit.train.objectives import label_loss, mixed_loss
from cloudkit.train.stages import TRAINING, Stage

SAMPLE_SIZE: Final = 16  # strings, spread evenly over all lengths
PARAMETER_COPIES: Final = 5  # in training: weights, gradients, two moments, EMA


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one training stage.

    Attributes
    ----------
    strings, epochs
        Strings in its data; epochs, summed over the members of an ensemble.
    tokens, ids
        Mean tokens per string, and mean bytes of its ids on disk.
    forward, step
        Floating-point operations of matrix products per string (a multiply-add counts as two), without and with the backward pass.
    activations
        Bytes per string that are saved for the backward pass.
    """

    stage: str
    strings: int
    epochs: int
    tokens: float
    ids: float
    forward: float
    step: float
    activations: float

    def line(self) -> str:
        """Format the cost as one line of text."""
        total = self.step * self.strings * self.epochs
        return (
            f"{self.stage}: {self.tokens:.1f} tokens in {self.ids:.0f} bytes per string; forward {_short(self.forward, 'FLOP')}, with "
            f"backward {_short(self.step, 'FLOP')}, {_short(self.activations, 'B')} of activations per string; "
            f"{self.strings:,} strings x {self.epochs} epochs: {_short(total, 'FLOP')}"
        )


def estimate_costs(
    spec: Spec, stages: Sequence[Stage], crystals: Mapping[str, Crystals]
) -> tuple[dict[str, Any], list[str]]:
    """Tokenize the data in memory and count the cost of training on it.

    crystals: by the name of the stage that reads them. Returns `BuildResult.metrics`, and lines of text.
    """
    tokenizer = Tokenizer(spec.tokens.vocabulary)
    tokens = {
        stage.name: tokenize(
            crystals[stage.name].texts,
            tokenizer,
            spec.tokens.max_length,
            stage.label,
            crystals[stage.name].ids,
        )
        for stage in stages
        if stage.kind == "encode"
    }
    model = CloudModel(spec, tokenizer)
    costs = []
    for stage in (stage for stage in stages if stage.kind in TRAINING):
        data = stage.reads["crystals"].name
        costs.append(training_cost(model, stage, crystals[data], tokens[data]))
    metrics = {"parameters": model.parameters_count, "costs": [asdict(cost) for cost in costs]}
    return metrics, [_parameters_line(model), *(cost.line() for cost in costs)]


def _parameters_line(model: CloudModel) -> str:
    count = model.parameters_count
    weights, training = _short(4.0 * count, "B"), _short(4.0 * count * PARAMETER_COPIES, "B")
    return f"parameters: {count:,}; {weights} in float32, {training} while training"


def training_cost(model: CloudModel, stage: Stage, crystals: Crystals, tokens: Tokens) -> Cost:
    """Count one step of a pretrain or finetune stage on a sample of its strings, without changing the model."""
    task: PretrainTask | FinetuneTask = stage.task
    lengths = tokens.lengths
    order = np.argsort(lengths, kind="stable")
    rows = order[np.linspace(0, len(order) - 1, min(SAMPLE_SIZE, len(order))).round().astype(np.int64)]
    if isinstance(task, FinetuneTask):
        head = model.value_head(task.head)
        labels = crystals.renumbered(head.outputs)
        loss = label_loss(model, head, tokens, labels, task.loss)
        module: Any = head_module(model, task.head, labels, rows)
    else:
        loss = mixed_loss(model, heads_of(task), tokens, crystals)
        module = MultiTaskModel(model, heads_of(task))
    saved: dict[int, int] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with FlopCounterMode(display=False) as counter, torch.random.fork_rng(devices=[]):
        with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
            value, _ = loss(module.train(), rows, 0)
        forward = counter.get_total_flops()
        value.backward()
    module.zero_grad()
    times = task.ensemble.members if isinstance(task, FinetuneTask) and task.ensemble else 1
    # per token of the sample, times tokens of a mean string
    scale = float(lengths.mean() / lengths[rows].sum())
    return Cost(
        f"{stage.kind} {stage.label}", len(tokens), times * task.epochs, float(lengths.mean()),
        float(lengths.mean() * tokens.ids.itemsize), forward * scale, counter.get_total_flops() * scale, sum(saved.values()) * scale,
    )  # fmt: skip


def _short(value: float, unit: str) -> str:
    """Three digits and a prefix: 1.23 GFLOP."""
    for power, prefix in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if value >= 10**power:
            return f"{value / 10**power:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"
