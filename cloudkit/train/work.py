"""The work of each stage: reads the folders of the stages before it, writes its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from cloudkit.data import Crystals, Tokens, tokenize
from cloudkit.evaluate.leakage import SEEN, Seen, join_seen, load_seen, seen_of
from cloudkit.evaluate.task_data import task_rows
from cloudkit.models import (
    CloudModel,
    MixedModel,
    Regression,
    Thermal,
    ValueHead,
    build_model,
    member,
    predict_interval,
    save_weights,
)
from cloudkit.modelspec import FinetuneTask, MaskedTokensHead, PretrainTask, Run, Spec, heads_of
from cloudkit.predict.ensembles import blend_path, load_blends, predict_mean
from cloudkit.tokens import Tokenizer
from cloudkit.train.devices import steady_threads
from cloudkit.train.evaluate import write_evaluation
from cloudkit.train.fitting import fit_band, fit_blend, fit_values, head_module, prepare_mix
from cloudkit.train.loop import Recipe, fit
from cloudkit.train.objectives import labels, mixed
from cloudkit.train.progress import Progress
from cloudkit.train.source import read_data
from cloudkit.train.stages import Stage
from cloudkit.train.start import load_start, start_folder
from cloudkit.train.store import Store

TOKENS: Final = "ids.npy"
Curve = dict[str, Any]


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
        tokenize(crystals.texts, tokenizer, limit, stage.label, crystals.ids).save(folder / TOKENS)

    def train(self, stage: Stage, folder: Path) -> None:
        """Pretrain or fine-tune heads together with the encoder."""
        work = self.pretrain if isinstance(stage.task, PretrainTask) else self.finetune
        work(stage, folder, self.model(stage), self.crystals(stage), self.tokens(stage))

    def finetune(
        self, stage: Stage, folder: Path, model: CloudModel, crystals: Crystals, tokens: Tokens
    ) -> None:
        """Fit one head of values, or an ensemble of them, to labels; then its intervals and trees to held-out crystals."""
        task: FinetuneTask = stage.task
        train, valid = self.rows(stage, crystals)
        crystals = crystals.renumbered(model.value_head(task.head).outputs)
        steady_threads(self.spec.encoder.width)
        count = task.ensemble.members if task.ensemble else 1
        curves, new, offsets = list[Curve](), dict[str, Tensor](), list[Tensor]()
        for index in range(count):
            network = model if index == 0 else self.another(stage, index)
            where = folder if index == 0 else folder / f"member-{index}"
            where.mkdir(exist_ok=True)
            label = f"{task.kind} {task.head}" + (f", member {index + 1} of {count}" if count > 1 else "")
            weights, curve = self.fit_member(
                network, task, where, crystals, tokens, train, valid, index, label
            )
            offsets += [weights.pop("offset")] if "offset" in weights else []
            new |= _full_names(weights, task.head) if index == 0 else _member_names(weights, task.head, index)
            curves += [{"stage": label, **row} for row in curve]
        if not self.fabric.is_global_zero:
            return
        model = self.model(stage)  # whole, and where the leader alone can run it
        model.load_state_dict(new, strict=False)
        head, held_out = model.heads[task.head], crystals.of(valid)
        if isinstance(head, Thermal) and len(valid):
            fit_band(model, head, tokens, held_out, valid)
        elif isinstance(head, Regression) and len(valid):
            blend = None
            if task.ensemble and task.ensemble.blend == "extra_trees":
                blend = fit_blend(model, task.head, tokens, crystals.of(train), held_out, self.spec.run.seed)
                blend.save(blend_path(folder, task.head))
            found = predict_mean(
                model, blend, task.head, tokens, held_out.crystal, held_out.quantity, held_out.temperature
            )
            rows = (torch.from_numpy(part) for part in (found, held_out.quantity, held_out.value))
            head.fit_band(*rows)
        new[f"heads.{task.head}.band"] = head.band
        save_weights(self.weights(stage) | new, folder / "model.safetensors")
        _write_json(folder / "curves.json", curves)
        self.write_seen(stage, crystals, train, folder)
        facts: dict[str, Any] = {"crystals": len(train), "validation_crystals": len(valid)}
        facts["strings_seen"] = len(train) * len(curves)
        if offsets:
            facts["offsets"] = offsets_by_source(head, crystals.sources, torch.stack(offsets).mean(0))
        _write_json(folder / "training.json", facts)

    def another(self, stage: Stage, index: int) -> CloudModel:
        """A further network of an ensemble as it starts: with the weights that the first starts from, if there are any."""
        tokenizer = Tokenizer(self.spec.tokens.vocabulary)
        network = member(self.spec, tokenizer, stage.task.head, index)
        network.load_state_dict(self.weights(stage), strict=False)
        return network

    def fit_member(
        self, model: CloudModel, task: FinetuneTask, folder: Path, crystals: Crystals, tokens: Tokens,
        train: NDArray[np.int64], valid: NDArray[np.int64], index: int, label: str,
    ) -> tuple[dict[str, Tensor], list[Curve]]:  # fmt: skip
        """Train one network of a head; its averaged weights and learning curve."""
        head = model.value_head(task.head)
        fit_values(model, head, tokens, crystals, train)
        run = self.spec.run.model_copy(update={"seed": self.spec.run.seed + index})
        loss = labels(model, head, tokens, crystals, task.loss)
        module = head_module(model, task.head, crystals, train)
        return fit(
            self.fabric, module, loss, train, valid, recipe_of(task, run), folder, self.progress,
            label, tokens.lengths,
        )  # fmt: skip

    def pretrain(
        self, stage: Stage, folder: Path, model: CloudModel, crystals: Crystals, tokens: Tokens
    ) -> None:
        """Train the encoder with one or several heads at once."""
        task: PretrainTask = stage.task
        names = heads_of(task)
        train, valid = self.rows(stage, crystals)
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
        self.write_seen(stage, crystals, train, folder)
        counts = {"crystals": len(train), "validation_crystals": len(valid)}
        _write_json(folder / "training.json", counts | {"strings_seen": len(train) * task.epochs})

    def evaluate(self, stage: Stage, folder: Path) -> None:
        """Predictions and metrics on held-out rows, beside baselines trained on the rows of the fine-tuning."""
        test, tokens, task = self.crystals(stage), self.tokens(stage), stage.task
        model = self.model(stage)
        quantity = test.renumbered(model.value_head(task.head).outputs).quantity
        blend = load_blends(self.store.path(stage.reads["train_split"]), [task.head]).get(task.head)
        prediction = predict_mean(model, blend, task.head, tokens, test.crystal, quantity, test.temperature)
        train = Crystals.load(self.store.path(stage.reads["train_crystals"]))
        chosen, held = self.rows(stage.reads["train_split"], train)
        learned = [train.texts[index] for index in (*chosen, *held)]
        ends, module = None, model.heads[task.head]
        if isinstance(module, Regression):
            ends = predict_interval(model, task.head, prediction, quantity)
        self.progress.start(f"evaluate {task.head}", 1)
        write_evaluation(
            task.head, train.of(chosen), test, prediction, task.baselines, self.spec.run.seed, folder,
            learned=learned, seen=self.seen_before(stage.reads["train_split"]), ends=ends,
        )  # fmt: skip
        self.progress.stop()

    def rows(self, stage: Stage, crystals: Crystals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The crystals that a training stage learns from, and those that it holds out."""
        closed = [s for name, s in stage.reads.items() if name.startswith("excluded_")]
        evaluated = [text for one in closed for text in Crystals.load(self.store.path(one)).texts]
        return task_rows(stage.task, crystals.texts, evaluated, self.spec.run.seed)

    def seen_before(self, stage: Stage) -> Seen:
        """What the model that a training stage goes on with has seen with labels."""
        before = stage.reads.get("model")
        folder = self.store.path(before) if before else start_folder(self.spec)
        return seen_of([]) if folder is None else load_seen(folder)

    def write_seen(self, stage: Stage, crystals: Crystals, train: NDArray[np.int64], folder: Path) -> None:
        """Keep what has been seen with labels so far; strings alone do not count, geometry does."""
        heads = [self.spec.heads[name] for name in heads_of(stage.task)]
        labelled = any(not isinstance(head, MaskedTokensHead) for head in heads)
        own = seen_of(crystals.texts[index] for index in train) if labelled else seen_of([])
        join_seen([self.seen_before(stage), own]).save(folder / SEEN)

    def crystals(self, stage: Stage) -> Crystals:
        """The strings and labels that a stage reads."""
        return Crystals.load(self.store.path(stage.reads["crystals"]))

    def tokens(self, stage: Stage) -> Tokens:
        """The packed ids that a stage reads."""
        return Tokens.load(self.store.path(stage.reads["tokens"]) / TOKENS)

    def weights(self, stage: Stage) -> dict[str, Tensor]:
        """What the training before a stage left, or the model that the spec starts from: the encoder and trained heads."""
        before = stage.reads.get("model")
        return load_file(self.store.path(before) / "model.safetensors") if before else load_start(self.spec)

    def model(self, stage: Stage) -> CloudModel:
        """The model as a stage finds it, on the CPU."""
        model = build_model(self.spec, Tokenizer(self.spec.tokens.vocabulary))
        model.load_state_dict(self.weights(stage), strict=False)
        return model


def recipe_of(task: PretrainTask | FinetuneTask, run: Run) -> Recipe:
    """What the loop is told of a task; only fine-tuning chooses its epoch, freezes and slows layers."""
    recipe = Recipe(
        task.epochs, task.batch, task.learning_rate, task.weight_decay, task.warmup, task.max_grad_norm, run.seed,
        ema_decay=task.ema_decay, keep_best=task.kind == "finetune", bucket_batches=task.bucket_batches, checkpoint=run.checkpoint,
    )  # fmt: skip
    if isinstance(task, PretrainTask):
        return recipe
    freeze = -1 if task.freeze == "encoder" else task.freeze
    return replace(recipe, freeze=freeze, layer_decay=task.layer_decay, patience=task.patience)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def offsets_by_source(
    head: nn.Module, sources: Sequence[str], offset: Tensor
) -> dict[str, float | dict[str, float]]:
    """What each source but the first was found to differ by: of a thermal head the factor on all frequencies, else an offset
    for each output on the scale on which labels are learned.
    """
    if isinstance(head, Thermal):
        return {name: float(row.exp()) for name, row in zip(sources[1:], offset, strict=True)}
    assert isinstance(head, ValueHead)
    scaled = offset * head.spread
    return {
        name: dict(zip(head.outputs, row.tolist(), strict=True))
        for name, row in zip(sources[1:], scaled, strict=True)
    }


def _member_names(weights: dict[str, Tensor], head: str, index: int) -> dict[str, Tensor]:
    """Names of a HeadModel's weights as the whole model has them for a further network of an ensemble."""
    return {f"members.{head}.{index - 1}.{name}": tensor for name, tensor in weights.items()}


def _full_names(weights: dict[str, Tensor], head: str) -> dict[str, Tensor]:
    """Names of a HeadModel's weights as the whole model has them."""
    return {
        f"heads.{head}{name.removeprefix('head')}" if name.startswith("head.") else name: tensor
        for name, tensor in weights.items()
    }
