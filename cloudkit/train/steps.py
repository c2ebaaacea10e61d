"""One function for each kind of stage. Each reads the folders of earlier stages and writes its own."""

import json
from collections.abc import Callable, Iterator, Sequence
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
from cloudkit.evaluate.class_evaluation import ClassRows, class_criteria, compare_classes
from cloudkit.evaluate.leakage import SEEN, Seen, hash_texts, join_seen, load_seen
from cloudkit.evaluate.results import write_class_evaluation, write_evaluation
from cloudkit.evaluate.task_data import calibration_rows, join_splits, read_task_data, split_members
from cloudkit.models import (
    Classification,
    CloudModel,
    MultiTaskModel,
    build_member,
    save_weights,
)
from cloudkit.models.runtime.layers import read_safetensors
from cloudkit.models.runtime.runtime import read_spec
from cloudkit.modelspec import (
    ClassificationHead,
    FinetuneTask,
    MaskedTokensHead,
    PretrainTask,
    Run,
    Spec,
    heads_of,
    targets_of,
)
from cloudkit.predict.ensembles import Blend, blend_path, load_blends, predict_classes
from cloudkit.predict.geometry import GeometryModel, geometry_of
from cloudkit.predict.intervals import predict_intervals
from cloudkit.predict.model import ROOM_TEMPERATURE
from cloudkit.tokens import Tokenizer
from cloudkit.train.calibrate import (
    fit_held_out,
    fit_scales,
    fit_threshold,
    fit_value_scales,
    head_module,
    source_offsets,
    subtract_offsets,
)
from cloudkit.train.checks import init_folder, load_init_weights
from cloudkit.train.objectives import label_loss, mixed_loss
from cloudkit.train.stages import Stage, StageStore
from cloudkit.train.trainer import Progress, TrainConfig, fit

TOKENS: Final = "ids.npy"
Curve = list[dict[str, Any]]  # one row per epoch
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BuildContext:
    """Shared by the steps of one build: spec, store of stages, progress, Fabric, and the plan."""

    spec: Spec
    store: StageStore
    progress: Progress
    fabric: Fabric
    plan: Sequence[Stage]

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer of the spec's vocabulary."""
        return Tokenizer(self.spec.tokens.vocabulary)

    def crystals(self, stage: Stage) -> Crystals:
        """Load the strings and labels that a stage reads."""
        return Crystals.load(self.store.path(stage.reads["crystals"]))

    def tokens(self, stage: Stage) -> Tokens:
        """Load the packed token ids that a stage reads."""
        return Tokens.load(self.store.path(stage.reads["tokens"]) / TOKENS)

    def splits(self, stage: Stage, crystals: Crystals) -> list[tuple[Rows, Rows]]:
        """Return (train, held-out) crystals of a training stage; several pairs if the members of an ensemble differ."""
        excluded = [s for name, s in stage.reads.items() if name.startswith("excluded_")]
        evaluated = [text for other in excluded for text in Crystals.load(self.store.path(other)).texts]
        return split_members(stage.task, crystals, evaluated, self.spec.run.seed)

    def split(self, stage: Stage, crystals: Crystals) -> tuple[Rows, Rows]:
        """Return the crystals that any network of a training stage trains on, and those that all hold out."""
        return join_splits(self.splits(stage, crystals))

    def weights(self, stage: Stage) -> dict[str, Tensor]:
        """Return the initial weights of a stage: of the training stage before it, else of `init_from`, else {}."""
        before = stage.reads.get("model")
        if before:
            return load_file(self.store.path(before) / "model.safetensors")
        return load_init_weights(self.spec)

    def model(self, stage: Stage) -> CloudModel:
        """Return the initial model of a stage, on the CPU."""
        model = CloudModel(self.spec, self.tokenizer())
        model.load_state_dict(self.weights(stage), strict=False)
        return model

    def geometry(self, stage: Stage) -> GeometryModel | None:
        """The model that a stage starts from, if its last task pretrained a geometry head: what trees read next to features."""
        before = stage.reads.get("model")
        if before:
            spec = self.spec.model_copy(update={"tasks": [before.task]})
            return geometry_of(
                spec.model_dump(mode="json"), read_safetensors(self.store.path(before) / "model.safetensors")
            )
        folder = init_folder(self.spec)
        if folder is None:
            return None
        return geometry_of(read_spec(folder / "spec.yaml"), read_safetensors(folder / "model.safetensors"))

    def blend(self, stage: Stage) -> Blend | None:
        """Load the trees of the head that a stage evaluates, if any."""
        folder, head = self.store.path(stage.reads["train_split"]), stage.task.head
        return load_blends(folder, [head]).get(head)

    def fitted_rows(self, stage: Stage) -> tuple[Crystals, Crystals, list[str]]:
        """Return the training labels of the head of an evaluate stage, its held-out labels, and all their strings."""
        rows = Crystals.load(self.store.path(stage.reads["train_crystals"]))
        train, held_out = self.split(stage.reads["train_split"], rows)
        return rows.select(train), rows.select(held_out), [rows.texts[index] for index in (*train, *held_out)]

    def learned_crystals(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Yield the strings of the crystals that heads were fitted to, with their labels near 298 K."""
        for stage in (stage for stage in self.plan if stage.kind == "finetune"):
            crystals = self.crystals(stage)
            train, _ = self.split(stage, crystals)
            labelled = crystals.select(train)
            labels = labelled.labels_at(ROOM_TEMPERATURE)
            yield from (
                (crystals.texts[index], labels.get(index, {}))
                for index in np.unique(labelled.crystal).tolist()
            )

    def seen_before(self, stage: Stage) -> Seen:
        """Return the crystals that were trained on with labels before a training stage."""
        before = stage.reads.get("model")
        folder = self.store.path(before) if before else init_folder(self.spec)
        return hash_texts([]) if folder is None else load_seen(folder)


def encode(build: BuildContext, stage: Stage, folder: Path) -> None:
    """Read data files to distinct strings of the spec's dialect and labels per atom."""
    read_task_data(build.spec, stage.task).save(folder)


def tokenize_strings(build: BuildContext, stage: Stage, folder: Path) -> None:
    """Tokenize strings to packed ids."""
    crystals, limit = build.crystals(stage), build.spec.tokens.max_length
    tokenize(crystals.texts, build.tokenizer(), limit, stage.label, crystals.ids).save(folder / TOKENS)


def pretrain(build: BuildContext, stage: Stage, folder: Path) -> None:
    """Train the encoder with one or several heads jointly."""
    model, crystals, tokens = build.model(stage), build.crystals(stage), build.tokens(stage)
    task: PretrainTask = stage.task
    names = heads_of(task)
    train, valid = build.split(stage, crystals)
    crystals = fit_scales(model, names, tokens, crystals, train)
    label = f"pretrain {stage.label}"
    weights, curve = fit(
        build.fabric, MultiTaskModel(model, names), mixed_loss(model, names, tokens, crystals), train, valid,
        train_config(task, build.spec.run), folder, build.progress, label, tokens.lengths,
    )  # fmt: skip
    if not build.fabric.is_global_zero:
        return
    save_weights(build.weights(stage) | weights, folder / "model.safetensors")
    _write_json(folder / "curves.json", [{"stage": label, **row} for row in curve])
    _write_seen(build, stage, crystals, train, folder)
    _write_counts(folder, train, valid, strings_seen=len(train) * task.epochs)


def finetune(build: BuildContext, stage: Stage, folder: Path) -> None:
    """Train a head, or an ensemble, on labels; then fit its trees and intervals on held-out crystals."""
    model, crystals, tokens = build.model(stage), build.crystals(stage), build.tokens(stage)
    task: FinetuneTask = stage.task
    splits = build.splits(stage, crystals)
    crystals = crystals.renumbered(model.value_head(task.head).outputs)
    count = task.ensemble.members if task.ensemble else 1
    curves, new, offsets, seen = Curve(), dict[str, Tensor](), list[Tensor](), 0
    for index in range(count):
        network = model if index == 0 else _make_member(build, stage, index)
        where = folder if index == 0 else folder / f"member-{index}"
        where.mkdir(exist_ok=True)
        label = f"{task.kind} {task.head}" + (f", member {index + 1} of {count}" if count > 1 else "")
        train, valid = splits[index % len(splits)]
        weights, curve = _fit_member(
            build, network, task, where, crystals, tokens, train, valid, index, label
        )
        seen += len(train) * len(curve)
        offsets += [weights.pop("offset")] if "offset" in weights else []
        new |= _model_names(weights, task.head) if index == 0 else _member_names(weights, task.head, index)
        curves += [{"stage": label, **row} for row in curve]
    if not build.fabric.is_global_zero:
        return
    model = build.model(stage)  # a full copy that the leader can run alone
    model.load_state_dict(new, strict=False)
    facts: dict[str, Any] = {"strings_seen": seen}
    if offsets:
        mean = torch.stack(offsets).mean(0)
        facts["offsets"] = source_offsets(model.heads[task.head], crystals.sources, mean)
        crystals = subtract_offsets(model.heads[task.head], crystals, mean)
    blend, found = _fit_held_out(build, stage, model, tokens, crystals, splits)
    if blend is not None:
        blend.save(blend_path(folder, task.head))
    head = model.heads[task.head]
    new |= {f"heads.{task.head}.{name}": tensor for name, tensor in _calibrated(head)}
    save_weights(build.weights(stage) | new, folder / "model.safetensors")
    _write_json(folder / "curves.json", curves)
    train, valid = join_splits(splits)
    _write_seen(build, stage, crystals, np.unique(crystals.select(train).crystal), folder)
    _write_counts(folder, train, valid, **facts, **found)


def evaluate(build: BuildContext, stage: Stage, folder: Path) -> None:
    """Predict the rows of an evaluate task, and score them with baselines trained on the rows of the fine-tuning."""
    if isinstance(build.spec.heads[stage.task.head], ClassificationHead):
        _evaluate_classes(build, stage, folder)
    else:
        _evaluate_numbers(build, stage, folder)


def _evaluate_numbers(build: BuildContext, stage: Stage, folder: Path) -> None:
    test, tokens, head, model = (
        build.crystals(stage),
        build.tokens(stage),
        stage.task.head,
        build.model(stage),
    )
    quantity = test.renumbered(model.value_head(head).outputs).quantity
    ends = predict_intervals(
        model, build.blend(stage), head, tokens, test.crystal, quantity, test.temperature
    )
    train, _, learned = build.fitted_rows(stage)
    write_evaluation(
        head, train, test, ends, stage.task.baselines, build.spec.run.seed, folder, learned=learned,
        seen=build.seen_before(stage.reads["train_split"]), metric=stage.task.metric,
        units={target.quantity: target.unit for target in targets_of(stage.task.data)},
    )  # fmt: skip


def _evaluate_classes(build: BuildContext, stage: Stage, folder: Path) -> None:
    test, head, model = build.crystals(stage), stage.task.head, build.model(stage)
    described, module = build.spec.heads[head], model.heads[head]
    assert isinstance(described, ClassificationHead) and isinstance(module, Classification)
    found = predict_classes(model, build.blend(stage), head, build.tokens(stage))[test.crystal]
    train, held_out, learned = build.fitted_rows(stage)
    scores = compare_classes(
        head, class_criteria(described, stage.task.metric), float(module.threshold), ClassRows(train, calibration_rows(held_out)),
        test, found, stage.task.baselines, build.spec.run.seed,
    )  # fmt: skip
    seen = build.seen_before(stage.reads["train_split"])
    write_class_evaluation(scores, train, test, folder, learned=learned, seen=seen)


STEPS: Final[dict[str, Callable[[BuildContext, Stage, Path], None]]] = {
    "encode": encode,
    "tokenize": tokenize_strings,
    "pretrain": pretrain,
    "finetune": finetune,
    "evaluate": evaluate,
}


def train_config(task: PretrainTask | FinetuneTask, run: Run) -> TrainConfig:
    """Derive training settings from a task; keeping the best epoch, freezing and layer decay are for fine-tuning only."""
    config = TrainConfig(
        task.epochs, task.batch, task.learning_rate, task.weight_decay, task.warmup, task.max_grad_norm, run.seed,
        ema_decay=task.ema_decay, keep_best=task.kind == "finetune", bucket_batches=task.bucket_batches, checkpoint=run.checkpoint,
    )  # fmt: skip
    if isinstance(task, PretrainTask):
        return config
    freeze = -1 if task.freeze == "encoder" else task.freeze
    return replace(config, freeze=freeze, layer_decay=task.layer_decay, patience=task.patience)


def _make_member(build: BuildContext, stage: Stage, index: int) -> CloudModel:
    """Make a further network of an ensemble, with the initial weights of the stage, if any."""
    network = build_member(build.spec, build.tokenizer(), stage.task.head, index)
    network.load_state_dict(build.weights(stage), strict=False)
    return network


def _fit_member(
    build: BuildContext, model: CloudModel, task: FinetuneTask, folder: Path, crystals: Crystals, tokens: Tokens,
    train: Rows, valid: Rows, index: int, label: str,
) -> tuple[dict[str, Tensor], Curve]:  # fmt: skip
    """Train one network of a head; return its EMA weights and learning curve."""
    head = model.value_head(task.head)
    fit_value_scales(model, head, tokens, crystals, train)
    run = build.spec.run.model_copy(update={"seed": build.spec.run.seed + index})
    loss = label_loss(model, head, tokens, crystals, task.loss)
    return fit(
        build.fabric, head_module(model, task.head, crystals, train), loss, train, valid, train_config(task, run),
        folder, build.progress, label, tokens.lengths,
    )  # fmt: skip


def _fit_held_out(
    build: BuildContext, stage: Stage, model: CloudModel, tokens: Tokens, crystals: Crystals, splits: list[tuple[Rows, Rows]],
) -> tuple[Blend | None, dict[str, Any]]:  # fmt: skip
    """Fit to the crystals held out what is not learned by gradient steps; the trees of an ensemble, and facts for training.json."""
    task: FinetuneTask = stage.task
    described, seed = build.spec.heads[task.head], build.spec.run.seed
    # boosted trees, which are for large tables, read composition and symmetry alone: geometry hardly changes them there
    reads_geometry = task.ensemble is not None and task.ensemble.blend == "extra_trees"
    geometry = build.geometry(stage) if reads_geometry else None
    if isinstance(described, ClassificationHead):
        return fit_threshold(model, task, described.threshold, tokens, crystals, splits[0], seed, geometry)
    blend, errors = fit_held_out(model, task, tokens, crystals, splits, seed, geometry)
    return blend, {"validation_mae": errors} if errors else {}


def _calibrated(head: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the buffers fitted on held-out crystals: interval widths, or the threshold of classes."""
    return (
        (name, tensor)
        for name, tensor in head.named_buffers()
        if name.startswith("width_") or name == "threshold"
    )


def _write_seen(build: BuildContext, stage: Stage, crystals: Crystals, train: Rows, folder: Path) -> None:
    """Write which crystals were trained on with labels so far; geometry counts as a label, masked tokens do not."""
    heads = [build.spec.heads[name] for name in heads_of(stage.task)]
    labelled = any(not isinstance(head, MaskedTokensHead) for head in heads)
    new = hash_texts([crystals.texts[index] for index in train] if labelled else [])
    join_seen([build.seen_before(stage), new]).save(folder / SEEN)


def _write_counts(folder: Path, train: Rows, valid: Rows, **facts: Any) -> None:
    counts = {"crystals": len(train), "validation_crystals": len(valid), **facts}
    _write_json(folder / "training.json", counts)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _member_names(weights: dict[str, Tensor], head: str, index: int) -> dict[str, Tensor]:
    """Rename weights of a HeadModel to those of a further network of an ensemble."""
    return {f"members.{head}.{index - 1}.{name}": tensor for name, tensor in weights.items()}


def _model_names(weights: dict[str, Tensor], head: str) -> dict[str, Tensor]:
    """Rename weights of a HeadModel to those of the model."""
    return {
        f"heads.{head}{name.removeprefix('head')}" if name.startswith("head.") else name: tensor
        for name, tensor in weights.items()
    }
