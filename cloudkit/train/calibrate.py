"""What heads take from crystals besides gradient steps: scales from the training crystals, trees and intervals from held-out ones."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.data import Crystals, Tokens
from cloudkit.evaluate.class_metrics import choose_threshold, log_loss
from cloudkit.evaluate.task_data import calibration_rows
from cloudkit.models import (
    Classification,
    CloudModel,
    Geometry,
    HeadModel,
    Regression,
    SourcedHead,
    Thermal,
    ValueHead,
    pool,
    predict_probabilities,
    predict_values,
)
from cloudkit.modelspec import FinetuneTask
from cloudkit.predict.ensembles import (
    Blend,
    choose_class_share,
    choose_share,
    fit_forest,
    predict_classes,
    predict_mean,
)
from cloudkit.predict.features import features

Rows = NDArray[np.int64]


def fit_scales(
    model: CloudModel, names: Sequence[str], tokens: Tokens, crystals: Crystals, train: Rows
) -> Crystals:
    """Set the scales of several heads from the training crystals; return the crystals with labels numbered as the heads read them."""
    for name in names:
        head = model.heads[name]
        if isinstance(head, Geometry):
            assert crystals.geometry is not None
            parts = [crystals.geometry.row(int(row)) for row in train]
            elements, whole = np.concatenate([e for e, _ in parts]), np.stack([c for _, c in parts])
            head.fit_scale(torch.from_numpy(elements), torch.from_numpy(whole))
        elif isinstance(head, ValueHead):
            crystals = crystals.renumbered(head.outputs)
            fit_value_scales(model, head, tokens, crystals, train)
    return crystals


def fit_value_scales(
    model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, train: Rows
) -> None:
    """Set the scales of a value head from the training crystals; quantities are numbered as its outputs."""
    fitted = crystals.of(train)
    head.fit_scale(torch.tensor(fitted.quantity), torch.tensor(fitted.value))
    head.fit_inputs(pool(model, tokens)[torch.tensor(train), model.encoder.pooled_width :])


def head_module(model: CloudModel, name: str, crystals: Crystals, train: Rows) -> HeadModel | SourcedHead:
    """The encoder and a head as training sees them, with an offset per source where labels come from several sources."""
    sources, head = len(crystals.sources), model.value_head(name)
    if sources == 1:
        return HeadModel(model, name)
    module = SourcedHead(model, name, sources)
    if isinstance(head, Regression):
        fit_offsets(module, head, crystals, train)
    return module


@torch.no_grad()
def fit_offsets(module: SourcedHead, head: Regression, crystals: Crystals, train: Rows) -> None:
    """Set each source's offset to its median difference from the first source on crystals that both label, 0 without any."""
    fitted = crystals.of(train)
    labels = head.standardize(torch.tensor(fitted.value), torch.tensor(fitted.quantity)).numpy()
    source = fitted.source_of()
    for output in range(len(head.outputs)):
        known = (fitted.quantity == output) & (source == 0)
        first = dict(zip(fitted.crystal[known].tolist(), labels[known].tolist(), strict=True))
        for other in range(1, len(crystals.sources)):
            rows = np.flatnonzero((fitted.quantity == output) & (source == other))
            shared = [
                float(labels[row]) - first[crystal]
                for row in rows
                if (crystal := int(fitted.crystal[row])) in first
            ]
            if shared:
                module.offset[other - 1, output] = float(np.median(shared))


def source_offsets(
    head: nn.Module, sources: Sequence[str], offset: Tensor
) -> dict[str, float | dict[str, float]]:
    """How much each source differs from the first: for a thermal head the factor of all frequencies, else the offset of
    each output on the scale on which labels are learned, of classes that of each logit.
    """
    if isinstance(head, Thermal):
        return {name: float(row.exp()) for name, row in zip(sources[1:], offset, strict=True)}
    assert isinstance(head, ValueHead)
    scaled = offset * head.spread
    names = head.classes if isinstance(head, Classification) else head.outputs
    return {
        name: dict(zip(names, row.tolist(), strict=True))
        for name, row in zip(sources[1:], scaled, strict=True)
    }


def fit_intervals(
    model: CloudModel, task: FinetuneTask, tokens: Tokens, crystals: Crystals, train: Rows, valid: Rows, seed: int
) -> Blend | None:  # fmt: skip
    """Fit the 80 % intervals of a head to the crystals held out, if there are any; return the trees of its ensemble."""
    head, held_out, blend = model.heads[task.head], calibration_rows(crystals.of(valid)), None
    if isinstance(head, Thermal) and len(valid):
        fit_band(model, head, tokens, held_out, np.unique(held_out.crystal))
    elif isinstance(head, Regression) and len(valid):
        if task.ensemble and task.ensemble.blend == "extra_trees":
            blend = fit_blend(model, task.head, tokens, crystals.of(train), held_out, seed)
        predicted = predict_mean(
            model, blend, task.head, tokens, held_out.crystal, held_out.quantity, held_out.temperature
        )
        rows = (torch.from_numpy(part) for part in (predicted, held_out.quantity, held_out.value))
        head.fit_band(*rows)
    return blend


def validation_errors(
    model: CloudModel, blend: Blend | None, head: str, tokens: Tokens, held_out: Crystals
) -> dict[str, float]:
    """The mean absolute error of each quantity on crystals held out, in the unit of the labels: what runs of different losses and
    scales are compared by.
    """
    first = held_out.of_first_source()
    if not len(first.value):
        return {}
    found = predict_mean(model, blend, head, tokens, first.crystal, first.quantity, first.temperature)
    errors = np.abs(found - first.value)
    return {
        first.quantities[number]: float(errors[first.quantity == number].mean())
        for number in np.unique(first.quantity)
    }


def fit_threshold(
    model: CloudModel, task: FinetuneTask, metric: str, tokens: Tokens, crystals: Crystals, train: Rows, valid: Rows, seed: int
) -> tuple[Blend | None, dict[str, dict[str, float]]]:  # fmt: skip
    """Choose the threshold of a classification head by a metric on the crystals held out; return the trees of its ensemble, and
    what training.json says: the log loss on these crystals, and the threshold with the value of the metric.
    """
    head, held_out, blend = model.heads[task.head], calibration_rows(crystals.of(valid)), None
    assert isinstance(head, Classification)
    label = held_out.value.astype(np.int64)
    if task.ensemble and task.ensemble.blend == "extra_trees" and len(valid):
        networks = predict_probabilities(model, task.head, tokens)[held_out.crystal]
        blend = fit_class_blend(head, networks, crystals.of(train), held_out, seed)
    if not len(label):
        return blend, {}
    found = predict_classes(model, blend, task.head, tokens)[held_out.crystal]
    facts = {"validation_log_loss": {head.outputs[0]: log_loss(label, found)}}
    if metric == "none":
        return blend, facts
    threshold, score = choose_threshold(label, found[:, head.positive], head.positive, metric)
    head.threshold.fill_(threshold)
    return blend, {**facts, "decision": {"threshold": threshold, f"validation_{metric}": score}}


def fit_class_blend(
    head: Classification, networks: NDArray[np.float64], train: Crystals, held_out: Crystals, seed: int
) -> Blend:
    """Fit trees to the classes of `train`, and choose their share by log loss on crystals that neither has seen."""
    label = train.value.astype(np.int64)
    forest = fit_forest([train.texts[row] for row in train.crystal], np.eye(len(head.classes))[label], seed)
    trees = forest.predict(features([held_out.texts[row] for row in held_out.crystal]))
    share = choose_class_share(networks, trees, held_out.value.astype(np.int64))
    return Blend(np.array([share]), (forest,))


def fit_blend(
    model: CloudModel, head: str, tokens: Tokens, train: Crystals, held_out: Crystals, seed: int
) -> Blend:
    """Fit trees to the labels of `train`, and choose their share in the mean on crystals that neither has seen."""
    networks = predict_values(model, head, tokens, held_out.crystal, held_out.quantity, held_out.temperature)
    shares, forests = [], []
    for index in range(len(model.value_head(head).outputs)):
        mine, other = train.quantity == index, held_out.quantity == index
        forest = fit_forest([train.texts[row] for row in train.crystal[mine]], train.value[mine], seed)
        trees = forest.predict(features([held_out.texts[row] for row in held_out.crystal[other]]))
        shares.append(choose_share(networks[other], trees, held_out.value[other]) if other.any() else 0.0)
        forests.append(forest)
    return Blend(np.array(shares), tuple(forests))


def fit_band(model: CloudModel, head: Thermal, tokens: Tokens, held_out: Crystals, rows: Rows) -> None:
    """Fit the band of a thermal head to crystals `rows` (ascending) that training has not seen."""
    place = torch.tensor(np.searchsorted(rows, held_out.crystal))
    quantity, value = torch.tensor(held_out.quantity), torch.tensor(held_out.value)
    at = torch.tensor(np.nan_to_num(held_out.temperature))
    head.cpu().fit_band(pool(model.cpu(), tokens)[torch.tensor(rows)], place, quantity, at, value)
