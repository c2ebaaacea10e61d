"""What heads take from crystals besides weights: scales from those that they train on, trees and bands from held-out ones."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from cloudkit.data import Crystals, Tokens
from cloudkit.models import (
    CloudModel,
    Geometry,
    HeadModel,
    Regression,
    SourcedHead,
    Thermal,
    ValueHead,
    pool,
    predict_values,
)
from cloudkit.predict.ensembles import Blend, choose_share, fit_forest
from cloudkit.predict.features import features


def fit_values(
    model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, train: NDArray[np.int64]
) -> None:
    """Take the scales of a head of values from the training crystals; quantities are numbered as its outputs."""
    fitted = crystals.of(train)
    head.fit_scale(torch.tensor(fitted.quantity), torch.tensor(fitted.value))
    head.fit_inputs(pool(model, tokens)[torch.tensor(train), model.encoder.pooled_width :])


def head_module(
    model: CloudModel, name: str, crystals: Crystals, train: NDArray[np.int64]
) -> HeadModel | SourcedHead:
    """The encoder and a head as training sees them, with offsets where labels come from several sources."""
    sources, head = len(crystals.sources), model.value_head(name)
    if sources == 1:
        return HeadModel(model, name)
    module = SourcedHead(model, name, sources)
    if isinstance(head, Regression):
        fit_offsets(module, head, crystals, train)
    return module


@torch.no_grad()
def fit_offsets(module: SourcedHead, head: Regression, crystals: Crystals, train: NDArray[np.int64]) -> None:
    """Start each source's offset at the median difference from the first source, on crystals that both label; 0 without any."""
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


def prepare_mix(
    model: CloudModel, names: Sequence[str], tokens: Tokens, crystals: Crystals, train: NDArray[np.int64]
) -> Crystals:
    """Take the scales of all heads of a mix from the training crystals; the crystals with labels as the mix reads them."""
    for name in names:
        head = model.heads[name]
        if isinstance(head, Geometry):
            assert crystals.geometry is not None
            parts = [crystals.geometry.row(int(row)) for row in train]
            elements, whole = np.concatenate([e for e, _ in parts]), np.stack([c for _, c in parts])
            head.fit_scale(torch.from_numpy(elements), torch.from_numpy(whole))
        elif isinstance(head, ValueHead):
            crystals = crystals.renumbered(head.outputs)
            fit_values(model, head, tokens, crystals, train)
    return crystals


def fit_blend(
    model: CloudModel, head: str, tokens: Tokens, train: Crystals, held_out: Crystals, seed: int
) -> Blend:
    """Trees on the labels of `train`, and how much they count beside the networks on crystals that neither has seen."""
    found = predict_values(model, head, tokens, held_out.crystal, held_out.quantity, held_out.temperature)
    shares, forests = [], []
    for index in range(len(model.value_head(head).outputs)):
        mine, other = train.quantity == index, held_out.quantity == index
        forest = fit_forest([train.texts[row] for row in train.crystal[mine]], train.value[mine], seed)
        told = forest.predict(features([held_out.texts[row] for row in held_out.crystal[other]]))
        shares.append(choose_share(found[other], told, held_out.value[other]) if other.any() else 0.0)
        forests.append(forest)
    return Blend(np.array(shares), tuple(forests))


def fit_band(
    model: CloudModel, head: Thermal, tokens: Tokens, held_out: Crystals, rows: NDArray[np.int64]
) -> None:
    """Fit the band of a thermal head to crystals `rows` (ascending) that training has not seen."""
    place = torch.tensor(np.searchsorted(rows, held_out.crystal))
    quantity, value = torch.tensor(held_out.quantity), torch.tensor(held_out.value)
    at = torch.tensor(np.nan_to_num(held_out.temperature))
    head.cpu().fit_band(pool(model.cpu(), tokens)[torch.tensor(rows)], place, quantity, at, value)
