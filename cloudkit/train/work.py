"""The work of each stage: reads the folders of the stages before it, writes its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from cloudkit.data import Crystals, Tokens, split_crystals, tokenize
from cloudkit.models import (
    CloudModel,
    Geometry,
    HeadModel,
    MixedModel,
    Thermal,
    ValueHead,
    build_model,
    pool,
    predict_values,
    save_weights,
)
from cloudkit.modelspec import FinetuneTask, PretrainTask, Run, Spec, heads_of
from cloudkit.tokens import Tokenizer
from cloudkit.train.devices import steady_threads
from cloudkit.train.evaluate import write_evaluation
from cloudkit.train.loop import Recipe, fit
from cloudkit.train.objectives import labels, mixed
from cloudkit.train.progress import Progress
from cloudkit.train.source import read_data
from cloudkit.train.stages import Stage
from cloudkit.train.store import Store


@dataclass(frozen=True, slots=True)
class Work:
    """What the stages of one build share."""

    spec: Spec
    store: Store
    progress: Progress
    fabric: Fabric

    def run(self, stage: Stage, folder: Path) -> None:
        """Make one stage into `folder`."""
        work = {
            "encode": self.encode,
            "tokenize": self.tokenize,
            "pretrain": self.train,
            "finetune": self.train,
            "evaluate": self.evaluate,
        }
        work[stage.kind](stage, folder)

    def encode(self, stage: Stage, folder: Path) -> None:
        """Data files -> distinct strings of the spec's dialect and labels per atom."""
        read_data(self.spec, stage.task).save(folder)

    def tokenize(self, stage: Stage, folder: Path) -> None:
        """Strings -> packed ids."""
        crystals = self.crystals(stage)
        tokenizer = Tokenizer(self.spec.tokens.vocabulary)
        limit = self.spec.tokens.max_length
        tokenize(crystals.texts, tokenizer, limit, stage.label, crystals.ids).save(folder)

    def train(self, stage: Stage, folder: Path) -> None:
        """Pretrain or fine-tune one head together with the encoder."""
        task: PretrainTask | FinetuneTask = stage.task
        crystals, tokens = self.crystals(stage), self.tokens(stage)
        train, valid = split_crystals(len(crystals), task.valid, self.spec.run.seed)
        model = self.model(stage)
        if isinstance(task, PretrainTask):
            self.pretrain(stage, folder, model, crystals, tokens)
            return
        head = model.heads[task.head]
        steady_threads(self.spec.encoder.width)
        values = model.value_head(task.head)
        crystals = crystals.renumbered(values.outputs)
        fit_values(model, values, tokens, crystals, train)
        loss = labels(model, values, tokens, crystals, task.loss)
        recipe = recipe_of(task, self.spec.run)
        module, label = HeadModel(model, task.head), f"{task.kind} {task.head}"
        weights, curves = fit(
            self.fabric, module, loss, train, valid, recipe, folder, self.progress, label, tokens.lengths
        )
        if not self.fabric.is_global_zero:
            return
        weights = _full_names(weights, task.head)
        model.load_state_dict(weights, strict=False)
        if isinstance(head, Thermal) and len(valid):
            fit_band(model, head, tokens, crystals.of(valid), valid)
            weights[f"heads.{task.head}.band"] = head.band
        save_weights(self.weights(stage) | weights, folder / "model.safetensors")
        _write_json(folder / "curves.json", [{"stage": label, **row} for row in curves])
        counts = {"crystals": len(train), "validation_crystals": len(valid)}
        _write_json(folder / "training.json", counts | {"strings_seen": len(train) * task.epochs})

    def pretrain(
        self, stage: Stage, folder: Path, model: CloudModel, crystals: Crystals, tokens: Tokens
    ) -> None:
        """Train the encoder with one or several heads at once."""
        task: PretrainTask = stage.task
        names = heads_of(task)
        train, valid = split_crystals(len(crystals), task.valid, self.spec.run.seed)
        crystals = prepare_mix(model, names, tokens, crystals, train)
        label = f"pretrain {stage.label}"
        steady_threads(self.spec.encoder.width)
        loss = mixed(model, names, tokens, crystals)
        recipe, module = recipe_of(task, self.spec.run), MixedModel(model, names)
        weights, curves = fit(
            self.fabric, module, loss, train, valid, recipe, folder, self.progress, label, tokens.lengths
        )
        if not self.fabric.is_global_zero:
            return
        save_weights(self.weights(stage) | weights, folder / "model.safetensors")
        _write_json(folder / "curves.json", [{"stage": label, **row} for row in curves])
        counts = {"crystals": len(train), "validation_crystals": len(valid)}
        _write_json(folder / "training.json", counts | {"strings_seen": len(train) * task.epochs})

    def evaluate(self, stage: Stage, folder: Path) -> None:
        """Predictions and metrics on held-out rows, beside baselines trained on the rows of the fine-tuning."""
        test, tokens, task = self.crystals(stage), self.tokens(stage), stage.task
        model = self.model(stage)
        quantity = test.renumbered(model.value_head(task.head).outputs).quantity
        prediction = predict_values(model, task.head, tokens, test.crystal, quantity, test.temperature)
        train = Crystals.load(self.store.path(stage.reads["train_crystals"]))
        chosen, _ = split_crystals(len(train), stage.reads["train_split"].task.valid, self.spec.run.seed)
        self.progress.start(f"evaluate {task.head}", 1)
        write_evaluation(
            task.head, train.of(chosen), test, prediction, task.baselines, self.spec.run.seed, folder
        )
        self.progress.stop()

    def crystals(self, stage: Stage) -> Crystals:
        """The strings and labels that a stage reads."""
        return Crystals.load(self.store.path(stage.reads["crystals"]))

    def tokens(self, stage: Stage) -> Tokens:
        """The packed ids that a stage reads."""
        return Tokens.load(self.store.path(stage.reads["tokens"]))

    def weights(self, stage: Stage) -> dict[str, Tensor]:
        """What the training before a stage left: the encoder and the heads trained so far; empty for the first."""
        before = stage.reads.get("model")
        return load_file(self.store.path(before) / "model.safetensors") if before else {}

    def model(self, stage: Stage) -> CloudModel:
        """The model as a stage finds it, on the CPU."""
        model = build_model(self.spec, Tokenizer(self.spec.tokens.vocabulary))
        model.load_state_dict(self.weights(stage), strict=False)
        return model


def fit_values(
    model: CloudModel, head: ValueHead, tokens: Tokens, crystals: Crystals, train: NDArray[np.int64]
) -> None:
    """Take the scales of a head of values from the training crystals; quantities are numbered as its outputs."""
    fitted = crystals.of(train)
    head.fit_scale(torch.tensor(fitted.quantity), torch.tensor(fitted.value))
    head.fit_inputs(pool(model, tokens)[torch.tensor(train), model.encoder.pooled_width :])


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


def fit_band(
    model: CloudModel, head: Thermal, tokens: Tokens, held_out: Crystals, rows: NDArray[np.int64]
) -> None:
    """Fit the band of a thermal head to crystals that training has not seen."""
    place = torch.tensor(np.searchsorted(rows, held_out.crystal))
    quantity, value = torch.tensor(held_out.quantity), torch.tensor(held_out.value)
    at = torch.tensor(np.nan_to_num(held_out.temperature))
    head.cpu().fit_band(pool(model.cpu(), tokens)[torch.tensor(rows)], place, quantity, at, value)


def recipe_of(task: PretrainTask | FinetuneTask, run: Run) -> Recipe:
    return Recipe(
        task.epochs, task.batch, task.learning_rate, task.weight_decay, task.warmup, task.clip, run.seed,
        average=task.average, keep_best=task.kind == "finetune", group=task.group, checkpoint=run.checkpoint,
    )  # fmt: skip


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _full_names(weights: dict[str, Tensor], head: str) -> dict[str, Tensor]:
    """Names of a HeadModel's weights as the whole model has them."""
    return {
        f"heads.{head}{name.removeprefix('head')}" if name.startswith("head.") else name: tensor
        for name, tensor in weights.items()
    }
