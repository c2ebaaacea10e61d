"""Fits besides gradient steps: scales of heads on training crystals; trees, intervals and thresholds on held-out ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cloudkit.data import Crystals, Tokens
from cloudkit.evaluate.class_metrics import choose_threshold, log_loss
from cloudkit.evaluate.task_data import calibration_rows, join_splits
from cloudkit.models import (
    Classification,
    CloudModel,
    Geometry,
    HeadModel,
    IntervalHead,
    MultiSourceModel,
    Regression,
    Thermal,
    ValueHead,
    make_width_inputs,
    pool,
    predict_probabilities,
    predict_values,
)
from cloudkit.models.widths import Labels, WidthInputs, fit_widths, log_distance
from cloudkit.modelspec import FinetuneTask
from cloudkit.predict.ensembles import (
    Blend,
    Forest,
    choose_class_share,
    choose_share,
    fit_forest,
    predict_classes,
)
from cloudkit.predict.geometry import GeometryModel, tree_inputs
from cloudkit.predict.intervals import mixed_values

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Splits = Sequence[tuple[Rows, Rows]]
LABEL_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the labels of a crystal, whose bands are taken
MIN_FIRST_SOURCE = 30  # held-out crystals of the first source from which the band of a thermal head is taken


def fit_scales(
    model: CloudModel, names: Sequence[str], tokens: Tokens, crystals: Crystals, train: Rows
) -> Crystals:
    """Set the scales of several heads from the training crystals; return the crystals with quantities numbered as the outputs."""
    for name in names:
        head = model.heads[name]
        if isinstance(head, Geometry):
            assert crystals.geometry is not None
            parts = [crystals.geometry.row(int(row)) for row in train]
            elements, rows = np.concatenate([e for e, _ in parts]), np.stack([c for _, c in parts])
            head.fit_scale(torch.from_numpy(elements), torch.from_numpy(rows))
        elif isinstance(head, ValueHead):
            crystals = crystals.renumbered(head.outputs)
            fit_value_scales(model, head, tokens, crystals, train)
    return crystals


def fit_value_scales(
    model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, train: Rows
) -> None:
    """Set the scales of a value head from the training crystals; quantities are numbered as its outputs."""
    fitted = crystals.select(train)
    head.fit_scale(torch.tensor(fitted.quantity), torch.tensor(fitted.value))
    head.fit_inputs(pool(model, tokens)[torch.tensor(train), model.encoder.pooled_width :])


def head_module(
    model: CloudModel, name: str, crystals: Crystals, train: Rows
) -> HeadModel | MultiSourceModel:
    """Return the training module of a head, with an offset per source if labels come from several sources."""
    sources, head = len(crystals.sources), model.value_head(name)
    if sources == 1:
        return HeadModel(model, name)
    module = MultiSourceModel(model, name, sources)
    if isinstance(head, Regression):
        fit_offsets(module, head, crystals, train)
    return module


@torch.no_grad()
def fit_offsets(module: MultiSourceModel, head: Regression, crystals: Crystals, train: Rows) -> None:
    """Initialize the offset of each source with its median difference from the first on shared crystals, 0 if there are none."""
    fitted = crystals.select(train)
    labels = head.standardize(torch.tensor(fitted.value), torch.tensor(fitted.quantity)).numpy()
    source = fitted.source_index()
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
    """Report how each source differs from the first.

    For a thermal head the factor of all frequencies, else the offset of each output on the transformed scale, or of each logit.
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


def fit_held_out(
    model: CloudModel, task: FinetuneTask, tokens: Tokens, crystals: Crystals, splits: Splits, seed: int,
    geometry: GeometryModel | None = None,
) -> tuple[Blend | None, dict[str, float]]:  # fmt: skip
    """Fit the 80 % intervals of a head, and the weight of its trees, on held-out crystals, if there are any.

    splits: (train, held-out) crystals of all networks, or of each network of an ensemble. geometry: features of the trees besides
    composition and symmetry. Returns the trees, and the mean absolute error of each quantity on held-out crystals.
    """
    head = model.heads[task.head]
    if not len(splits[0][1]):
        return None, {}
    held_out = [calibration_rows(crystals.select(valid)) for _, valid in splits]
    blend, found = None, predict_unseen(model, task.head, tokens, held_out)
    if task.ensemble and task.ensemble.blend != "none":
        blend, found = fit_blend(task.ensemble.blend, crystals, splits, held_out, found, seed, geometry)
    if isinstance(head, Thermal):
        fit_thermal_widths(model, task.head, tokens, crystals, splits[0])
    elif isinstance(head, Regression):
        fit_regression_widths(model, task.head, tokens, crystals, splits, held_out, found, blend)
    return blend, validation_errors(held_out, found)


def _joined(held_out: Sequence[Crystals], name: str) -> NDArray[Any]:
    """Concatenate a column of the observations of several sets of crystals."""
    return np.concatenate([getattr(rows, name) for rows in held_out])


def validation_errors(held_out: Sequence[Crystals], found: Array) -> dict[str, float]:
    """Compute the mean absolute error of each quantity on labels of the first source, comparable between runs."""
    first = np.concatenate([rows.source_index() for rows in held_out]) == 0
    quantity, errors = _joined(held_out, "quantity"), np.abs(found - _joined(held_out, "value"))
    return {
        held_out[0].quantities[number]: float(errors[first & (quantity == number)].mean())
        for number in np.unique(quantity[first])
    }


def fit_threshold(
    model: CloudModel, task: FinetuneTask, metric: str, tokens: Tokens, crystals: Crystals, split: tuple[Rows, Rows], seed: int,
    geometry: GeometryModel | None = None,
) -> tuple[Blend | None, dict[str, dict[str, float]]]:  # fmt: skip
    """Choose the threshold of a classification head by a metric on held-out crystals.

    Returns the trees of its ensemble, and entries of training.json: log loss, threshold and value of the metric.
    """
    train, valid = split
    head, held_out, blend = model.heads[task.head], calibration_rows(crystals.select(valid)), None
    assert isinstance(head, Classification)
    label = held_out.value.astype(np.int64)
    if task.ensemble and task.ensemble.blend != "none" and len(valid):
        networks = predict_probabilities(model, task.head, tokens)[held_out.crystal]
        kind = task.ensemble.blend
        blend = fit_class_blend(kind, head, networks, crystals.select(train), held_out, seed, geometry)
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
    kind: str, head: Classification, networks: NDArray[np.float64], train: Crystals, held_out: Crystals, seed: int,
    geometry: GeometryModel | None = None,
) -> Blend:  # fmt: skip
    """Fit trees to the classes of `train`, and choose their weight by log loss on held-out crystals."""
    inputs, label = tree_inputs(train.texts, geometry), train.value.astype(np.int64)
    forest = fit_forest(kind, inputs[train.crystal], np.eye(len(head.classes))[label], seed)
    trees = forest.predict(inputs[held_out.crystal])
    share = choose_class_share(networks, trees, held_out.value.astype(np.int64))
    return Blend(np.array([share]), (forest,), geometry)


def predict_unseen(model: CloudModel, head: str, tokens: Tokens, held_out: Sequence[Crystals]) -> Array:
    """Predict held-out labels (observations,), with all networks, or with the one that held them out."""
    members = [None] if len(held_out) == 1 else [[index] for index in range(len(held_out))]
    return np.concatenate([
        predict_values(model, head, tokens, rows.crystal, rows.quantity, rows.temperature, chosen)
        for rows, chosen in zip(held_out, members, strict=True)
    ])  # fmt: skip


def fit_blend(
    kind: str, crystals: Crystals, splits: Splits, held_out: Sequence[Crystals], networks: Array, seed: int,
    geometry: GeometryModel | None = None,
) -> tuple[Blend, Array]:  # fmt: skip
    """Fit trees to the training labels of the networks, and choose their weight by the error on held-out labels.

    networks (observations,): their predictions of `held_out`. Returns the trees, and the blended predictions.
    """
    inputs = tree_inputs(crystals.texts, geometry)
    forests = [fit_forests(kind, inputs, crystals.select(train), seed) for train, _ in splits]
    trees = np.concatenate([predict_forests(*pair, inputs) for pair in zip(forests, held_out, strict=True)])
    quantity, value = _joined(held_out, "quantity"), _joined(held_out, "value")
    share = np.zeros(len(crystals.quantities))
    for index in np.unique(quantity):
        mine = quantity == index
        share[index] = choose_share(networks[mine], trees[mine], value[mine])
    last = (
        forests[0]
        if len(splits) == 1
        else fit_forests(kind, inputs, crystals.select(join_splits(splits)[0]), seed)
    )
    return Blend(share, last, geometry), (1 - share[quantity]) * networks + share[quantity] * trees


def fit_forests(kind: str, inputs: Array, train: Crystals, seed: int) -> tuple[Forest, ...]:
    """Fit trees for each quantity to all labels with their weights; inputs (crystals, columns)."""
    weight, forests = train.label_weight(), []
    for index in range(len(train.quantities)):
        own = train.quantity == index
        uneven = len(np.unique(weight[own])) > 1
        forests.append(
            fit_forest(
                kind, inputs[train.crystal[own]], train.value[own], seed, weight[own] if uneven else None
            )
        )
    return tuple(forests)


def predict_forests(forests: Sequence[Forest], rows: Crystals, inputs: Array) -> Array:
    """Predict labels (observations,) with the trees of their quantities."""
    found = np.zeros(len(rows.crystal))
    for index, forest in enumerate(forests):
        own = rows.quantity == index
        found[own] = forest.predict(inputs[rows.crystal[own]])
    return found


def subtract_offsets(head: nn.Module, crystals: Crystals, offset: Tensor) -> Crystals:
    """Convert labels of further sources to the first source, by the learned offsets of a regression head."""
    source = crystals.source_index()
    if not isinstance(head, Regression):
        return crystals
    other, value = np.flatnonzero(source), crystals.value.copy()
    quantity = torch.from_numpy(crystals.quantity[other])
    scaled = head.standardize(torch.from_numpy(value[other]), quantity)
    scaled = scaled - offset[torch.from_numpy(source[other]) - 1, quantity]
    value[other] = head.restore(scaled, quantity).double().numpy()
    return replace(crystals, value=value)


def fit_regression_widths(
    model: CloudModel, name: str, tokens: Tokens, crystals: Crystals, splits: Splits, held_out: Sequence[Crystals], found: Array,
    blend: Blend | None,
) -> None:  # fmt: skip
    """Fit the widths of a regression head to held-out labels and their predictions `found` (observations,).

    If each network holds out other crystals, the distance of a crystal is measured from the training crystals of the network that
    held it out, and hidden states and spread of the members are not used, since the other networks were trained on the crystal.
    """
    head = model.heads[name]
    assert isinstance(head, Regression)
    trained = [np.unique(crystals.select(train).crystal) for train, _ in splits]
    parts = [
        _hidden(network, model, tokens, rows, own)
        for network, rows, own in zip(model.networks(name), trained, held_out, strict=False)
    ]
    crystal, quantity = _joined(held_out, "crystal"), _joined(held_out, "quantity")
    shape, every = (len(crystal), len(head.outputs)), np.arange(len(crystal))
    values, spread = np.ones(shape), np.zeros(shape)
    values[every, quantity] = found
    value = head.rescale(torch.from_numpy(values)).numpy()
    outputs = torch.from_numpy(quantity)
    label = head.standardize(torch.from_numpy(_joined(held_out, "value")), outputs).double().numpy()
    if len(splits) == 1:
        spread[every, quantity] = mixed_values(model, blend, name, tokens)[1][crystal, quantity]
    states = WidthInputs(
        np.concatenate([hidden for _, hidden in parts]), value, tokens.lengths[crystal], spread
    )
    error = np.abs(value[every, quantity] - label)
    labels = {}
    for output in np.unique(quantity).tolist():
        own = np.flatnonzero(quantity == output)
        labels[output] = Labels(own, error[own], np.ones(len(own), dtype=bool))
    apart = None if len(splits) == 1 else np.concatenate([log_distance(*part) for part in parts])
    head.set_widths(fit_widths(parts[0][0], states, labels, apart))


@torch.inference_mode()
def _hidden(
    network: HeadModel, model: CloudModel, tokens: Tokens, train: Rows, rows: Crystals
) -> tuple[Array, Array]:
    """Return hidden states of the head of a network, for its training crystals (n, hidden) and for labels (observations, hidden)."""
    assert isinstance(network.head, IntervalHead)
    hidden = network.head.hidden(pool(model, tokens, member=network)).double().cpu().numpy()
    return hidden[train], hidden[rows.crystal]


def fit_thermal_widths(
    model: CloudModel, name: str, tokens: Tokens, crystals: Crystals, split: tuple[Rows, Rows]
) -> None:
    """Fit the widths of a thermal head to held-out crystals.

    Expected errors are fitted to all held-out labels, after subtracting the median difference of each further source. The band is
    fitted to labels of the first source, if at least MIN_FIRST_SOURCE crystals have one.
    """
    head, pooled = model.heads[name], pool(model, tokens)
    assert isinstance(head, Thermal)
    held_out, rows = crystals.select(split[1]), np.unique(crystals.select(split[1]).crystal)
    with torch.inference_mode():
        value = head.raw_outputs(pooled)[:, :1].double().cpu().numpy()
    states = make_width_inputs(head, pooled, tokens, value)
    labels = _thermal_labels(head, pooled, held_out)
    labels = labels._replace(crystal=np.searchsorted(rows, labels.crystal))
    head.set_widths(
        fit_widths(
            states.hidden[np.unique(crystals.select(split[0]).crystal)], states.select(rows), {0: labels}
        )
    )


def _thermal_labels(head: Thermal, pooled: torch.Tensor, held_out: Crystals) -> Labels:
    """Return, per crystal and source, |ln| of the best-fitting factor on all frequencies, and the factors that cover its labels."""
    source = held_out.source_index()
    parts: list[tuple[Rows, Array, Array, Rows]] = []
    for index in np.unique(source).tolist():
        own = source == index
        rows, place = np.unique(held_out.crystal[own], return_inverse=True)
        labels = (
            place,
            held_out.quantity[own],
            np.nan_to_num(held_out.temperature[own]),
            held_out.value[own],
        )
        known = (pooled[torch.from_numpy(rows)], *map(torch.from_numpy, labels))
        best, needed = head.best_factors(*known).double().numpy(), head.covering_factors(*known).numpy()
        shares = np.stack(
            [np.quantile(needed[place == row], LABEL_QUANTILES, method="nearest") for row in range(len(rows))]
        )
        parts.append((rows, best, shares, np.full(len(rows), index)))
    crystal, off, needs, of = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    is_first = of == 0 if (of == 0).sum() >= MIN_FIRST_SOURCE else np.ones(len(of), dtype=bool)
    return Labels(crystal, np.abs(_centered(off, of)), is_first, needs)


def _centered(off: Array, source: Rows) -> Array:
    """Subtract the median of each source except the first."""
    out = off.copy()
    for index in np.unique(source[source > 0]).tolist():
        out[source == index] -= np.median(off[source == index])
    return out
