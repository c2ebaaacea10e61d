"""Training on part of a labelled set in memory: what the learning benchmarks share."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cloudkit.data import Crystals, Tokens
from cloudkit.models import CloudModel
from cloudkit.modelspec import FinetuneTask, Spec
from cloudkit.tokens import Tokenizer
from cloudkit.train.calibrate import fit_value_scales, head_module
from cloudkit.train.checks import load_init_weights
from cloudkit.train.devices import make_fabric, threads_for
from cloudkit.train.objectives import label_loss
from cloudkit.train.steps import train_config
from cloudkit.train.trainer import Silent, fit

Rows = NDArray[np.int64]


def grouped_folds(groups: list[str], count: int, seed: int) -> Rows:
    """The fold (n,) of each row, 0 to count - 1; rows of one group share a fold."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {names[index]: place % count for place, index in enumerate(order.tolist())}
    return np.array([fold[name] for name in groups], dtype=np.int64)


def train_head(
    spec: Spec,
    crystals: Crystals,
    tokens: Tokens,
    rows: Rows,
    seed: int,
    start: Mapping[str, Tensor] | None = None,
    holdout: Rows | None = None,
) -> CloudModel:
    """A model of a spec whose last finetune task is done on some rows of `crystals`.

    start: weights that pretraining left; without them those of the model that the spec starts from, if any. holdout: rows that choose the epoch; the last without them.
    """
    task = next(task for task in reversed(spec.tasks) if isinstance(task, FinetuneTask))
    spec = spec.model_copy(update={"run": spec.run.model_copy(update={"seed": seed})})
    model = CloudModel(spec, Tokenizer(spec.tokens.vocabulary))
    model.load_state_dict(dict(load_init_weights(spec) if start is None else start), strict=False)
    head = model.value_head(task.head)
    numbered = crystals.renumbered(head.outputs)
    fit_value_scales(model, head, tokens, numbered, rows)
    loss = label_loss(model, head, tokens, numbered, task.loss)
    config = train_config(task, spec.run.model_copy(update={"seed": seed}))
    module = head_module(model, task.head, numbered, rows)
    with tempfile.TemporaryDirectory() as folder, threads_for(spec.encoder.width):
        valid = np.empty(0, np.int64) if holdout is None else holdout
        weights, _ = fit(make_fabric(spec.run), module, loss, rows, valid, config, Path(folder), Silent(), "")
    module.load_state_dict(weights)
    return model.eval()
