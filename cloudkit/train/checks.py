"""Checks before training: the model of `init_from`, labels and strings of each task, and leaks between tasks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from torch import Tensor

from cloudkit.data import Crystals, error_floor
from cloudkit.errors import CloudkitError, DataError, ModelError, ScopeError
from cloudkit.evaluate.leakage import composition_key
from cloudkit.evaluate.task_data import split_members, split_task
from cloudkit.models import CloudModel, load_weights, read_weights, shipped
from cloudkit.modelspec import ClassificationHead, EvaluateTask, FinetuneTask, RegressionHead, Spec, load_spec
from cloudkit.scope import parse
from cloudkit.tokens import Tokenizer

if TYPE_CHECKING:
    from cloudkit.train.stages import Stage

MAX_RATIO: Final = 20.0  # ratio of the 99 % to the 1 % quantile above which labels are worth a logarithm
# keys of an encoder that do not change the shape of its weights
SHAPE_INDEPENDENT_KEYS: Final = {"dropout", "kind", "size"}

MIN_LABELS_PER_CLASS: Final = 2  # of a class: one to train on, one to hold out


def init_folder(spec: Spec) -> Path | None:
    """Return the folder of the model in `init_from`, None if it is not set. A folder takes precedence over a shipped name.

    Raises ModelError if there is neither.
    """
    if spec.init_from is None:
        return None
    folder, models = Path(spec.init_from), shipped()
    if folder.is_dir():
        return folder
    if spec.init_from in models:
        return models[spec.init_from]
    raise ModelError(
        f"init_from = '{spec.init_from}': no such model folder; models that ship with cloudkit: {', '.join(models) or 'none'}"
    )


def check_init(spec: Spec) -> None:
    """Raise ModelError with the keys in which the spec differs from the model of `init_from`."""
    folder = init_folder(spec)
    if folder is None:
        return
    try:
        other = load_spec(folder / "spec.yaml", check_files=False)
    except CloudkitError as error:
        raise ModelError(
            f"init_from = '{spec.init_from}': {folder} is not a finished model ({error})"
        ) from None
    mine = (
        spec.tokens.model_dump(exclude={"max_length"}),
        spec.encoder.model_dump(exclude=SHAPE_INDEPENDENT_KEYS),
    )
    theirs = (
        other.tokens.model_dump(exclude={"max_length"}),
        other.encoder.model_dump(exclude=SHAPE_INDEPENDENT_KEYS),
    )
    wrong = [
        f"{part}.{key} is {ours.get(key)} here and {its.get(key)} there"
        for part, ours, its in zip(("tokens", "encoder"), mine, theirs, strict=True)
        for key in ours | its
        if ours.get(key) != its.get(key)
    ]
    if spec.encoder.kind != other.encoder.kind:
        wrong.append(f"encoder.kind is {spec.encoder.kind} here and {other.encoder.kind} there")
    if wrong:
        raise ModelError(
            f"init_from = '{spec.init_from}' is a different model: {'; '.join(wrong)}; use its values"
        )
    load_init_weights(spec)


def load_init_weights(spec: Spec) -> dict[str, Tensor]:
    """Load the encoder of the model in `init_from`, and its heads that are declared equally; {} if it is not set.

    Raises ModelError for weights that are damaged or do not fit the spec of that model.
    """
    folder = init_folder(spec)
    if folder is None:
        return {}
    other = load_spec(folder / "spec.yaml", check_files=False)
    path = folder / "model.safetensors"
    weights = read_weights(path, other)
    load_weights(CloudModel(other, Tokenizer(other.tokens.vocabulary)), weights, str(path))
    same = {name for name, head in spec.heads.items() if other.heads.get(name) == head}
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
        if name.startswith("encoder.") or (name.startswith("heads.") and name.split(".")[1] in same)
    }


def check_tasks(spec: Spec, stages: Sequence["Stage"], crystals: Mapping[str, Crystals]) -> None:
    """Check the data of all tasks; crystals: by the name of the stage that read them.

    Raises DataError for labels that a head cannot be trained or evaluated on, and for strings that baselines cannot read.
    """
    for stage in stages:
        if isinstance(stage.task, FinetuneTask):
            _check_finetuned(spec, stage, crystals)
        elif isinstance(stage.task, EvaluateTask):
            _check_evaluated(spec, stage, crystals)


def _check_finetuned(spec: Spec, stage: "Stage", crystals: Mapping[str, Crystals]) -> None:
    own = crystals[stage.reads["crystals"].name]
    _check_split(stage, own, crystals, spec.run.seed)
    if isinstance(spec.heads[stage.task.head], ClassificationHead):
        _check_classes(stage, own, crystals, spec.run.seed)
    else:
        _check_labels(spec, stage.task, own)


def _check_evaluated(spec: Spec, stage: "Stage", crystals: Mapping[str, Crystals]) -> None:
    if stage.task.baselines and spec.tokens.vocabulary == "cloud":
        for source in ("crystals", "train_crystals"):
            _check_texts(stage.reads[source].label, crystals[stage.reads[source].name])
    _check_test_labels(stage, crystals)
    if isinstance(spec.heads[stage.task.head], ClassificationHead):
        data = stage.reads["crystals"]
        _check_evaluated_classes(data.label, crystals[data.name])


def _check_texts(name: str, crystals: Crystals) -> None:
    """Raise DataError for strings that are not valid SCOPE, from which baselines read composition and symmetry."""
    for id, text in zip(crystals.ids, crystals.texts, strict=True):
        try:
            parse(text)
        except ScopeError as error:
            raise DataError(
                f"{name}: row or id {id}: baselines need valid SCOPE; correct it or set baselines: []\n{error}"
            ) from None


def _check_labels(spec: Spec, task: FinetuneTask, crystals: Crystals) -> None:
    """Raise DataError for labels not above 0 if their logarithm or square root is learned."""
    head = spec.heads[task.head]
    wrong = np.flatnonzero(crystals.value <= 0)
    if not isinstance(head, RegressionHead) or head.transform == "none" or not len(wrong):
        return
    first = int(wrong[0])
    crystal, name = crystals.crystal[first], crystals.quantities[crystals.quantity[first]]
    found = (
        f"{name} = {crystals.value[first]:g} of crystal {crystals.ids[crystal]} (and {len(wrong) - 1} more)"
    )
    raise DataError(f"heads.{task.head}.transform = {head.transform} needs labels above 0, found {found}")


def _check_split(stage: "Stage", own: Crystals, crystals: Mapping[str, Crystals], seed: int) -> None:
    """Raise DataError if a quantity has no label to train on, or if the held-out crystals have no label at all."""
    task: FinetuneTask = stage.task
    name = stage.reads["crystals"].label
    for number, quantity in enumerate(own.quantities):
        if not (own.quantity == number).any():
            raise DataError(f"{name}: no row has a label of {quantity}; add labels, or remove the target")
    for train, held_out in split_members(task, own, _evaluated_texts(stage, crystals), seed):
        labelled = own.select(train)
        missing = [
            quantity
            for number, quantity in enumerate(own.quantities)
            if not (labelled.quantity == number).any()
        ]
        if missing:
            raise DataError(
                f"{name}: no row with a label of {missing[0]} is left to train on: all are held out or left out; add labels, or "
                f"change exclude_shared ({task.exclude_shared}), split_by ({task.split_by}) or validation_fraction ({task.validation_fraction:g})"
            )
        if task.validation_fraction and not len(own.select(held_out).value):
            raise DataError(
                f"{name}: no held-out row has a label ({len(np.unique(own.crystal))} of {len(own)} crystals have one, and "
                f"validation_fraction = {task.validation_fraction:g} holds out {len(held_out)}); add labels, or set validation_fraction: 0"
            )


def _check_test_labels(stage: "Stage", crystals: Mapping[str, Crystals]) -> None:
    """Raise DataError if a quantity has no label to evaluate on."""
    test, train = (crystals[stage.reads[name].name] for name in ("crystals", "train_crystals"))
    for number, quantity in enumerate(test.quantities):
        if not (test.quantity == number).any():
            raise DataError(
                f"{stage.reads['crystals'].label}: no row to evaluate on has a label of {quantity} (rows to evaluate on: {len(test)}, "
                f"crystals with labels to train on: {len(np.unique(train.crystal))}); add labels, or take another fold or fewer of them (folds)"
            )


def _evaluated_texts(stage: "Stage", crystals: Mapping[str, Crystals]) -> list[str]:
    """Return the strings that a stage may not train on."""
    excluded = [crystals[one.name].texts for key, one in stage.reads.items() if key.startswith("excluded_")]
    return [text for texts in excluded for text in texts]


def _check_classes(stage: "Stage", own: Crystals, crystals: Mapping[str, Crystals], seed: int) -> None:
    """Raise DataError for a class that occurs less than twice, or that is not among the training rows."""
    task: FinetuneTask = stage.task
    ((name, classes),) = own.classes.items()
    counts = np.bincount(own.value.astype(np.int64), minlength=len(classes))
    for place in np.flatnonzero(counts < MIN_LABELS_PER_CLASS).tolist():
        often = "once" if counts[place] else "nowhere"
        raise DataError(
            f"{stage.reads['crystals'].label}: class '{classes[place]}' of {name} occurs {often} among {len(own.value):,} labels; a class needs "
            "two rows or more: add some, or remove it from the head's classes and its rows from the table"
        )
    train, _ = split_task(task, own, _evaluated_texts(stage, crystals), seed)
    left = set(own.select(train).value.astype(int).tolist())
    for place in (place for place in range(len(classes)) if place not in left):
        raise DataError(
            f"{stage.reads['crystals'].label}: no row of class '{classes[place]}' of {name} is left to train on: all {counts[place]} are held out or "
            f"left out; exclude_shared is {task.exclude_shared}, split_by {task.split_by}, validation_fraction {task.validation_fraction:g}"
        )


def _check_evaluated_classes(label: str, test: Crystals) -> None:
    """Raise DataError if a class is missing among the rows to evaluate on, since metrics need all classes."""
    ((name, classes),) = test.classes.items()
    counts = np.bincount(test.value.astype(np.int64), minlength=len(classes))
    for place in np.flatnonzero(counts == 0).tolist():
        raise DataError(
            f"{label}: no row to evaluate on is of class '{classes[place]}' of {name}; ROC-AUC and balanced accuracy need each class: "
            "add rows, or split with folds: {stratified: true}"
        )


def scale_notes(stages: Sequence["Stage"], spec: Spec, crystals: Mapping[str, Crystals]) -> Iterator[str]:
    """Note quantities with positive labels over more than a decade that are learned without a logarithm."""
    for stage in stages:
        head = spec.heads[stage.task.head] if isinstance(stage.task, FinetuneTask) else None
        if not isinstance(head, RegressionHead) or head.transform != "none":
            continue
        found = crystals[stage.reads["crystals"].name]
        if not len(found.value) or found.value.min() <= 0:
            continue
        for number, name in enumerate(found.quantities):
            low, high = np.quantile(found.value[found.quantity == number], (0.01, 0.99))
            if high >= MAX_RATIO * low:
                yield (
                    f"labels of {name} are positive and spread from {low:.3g} to {high:.3g}; with heads.{stage.task.head}.transform: log "
                    "errors count relative to the label, and predictions and intervals stay above 0"
                )


def leak_notes(stages: Sequence["Stage"], crystals: Mapping[str, Crystals]) -> Iterator[str]:
    """Note, for each evaluate task, crystals shared with its training rows, and the error floor of repeated labels."""
    for stage in stages:
        if not isinstance(stage.task, EvaluateTask):
            continue
        test, train = crystals[stage.reads["crystals"].name], crystals[stage.reads["train_crystals"].name]
        if stage.reads["train_split"].task.exclude_shared == "none":
            yield from _shared(stage.label, train, test)
        for quantity, floor in error_floor(test).items():
            if floor > 0:
                what = f"have a mean absolute error below {floor:.3g} on them"
                if quantity in test.classes:
                    what = f"be right on more than {100 * (1 - floor):.4g} % of them"
                yield (
                    f"{stage.label}: equal strings in {stage.reads['crystals'].label} have different labels of {quantity}: no model "
                    f"that reads strings can {what}"
                )


def _shared(head: str, train: Crystals, test: Crystals) -> Iterator[str]:
    texts = set(train.texts)
    same = [text for text in test.texts if text in texts]
    keys = {composition_key(text) for text in train.texts}
    twins = [text for text in test.texts if text not in texts and composition_key(text) in keys]
    if same or twins:
        yield (
            f"{head}: of {len(test)} crystals to evaluate on, {len(same)} are also in the training rows and {len(twins)} share "
            "composition and space group with a training row; exclude_shared: composition leaves those rows out of training"
        )
