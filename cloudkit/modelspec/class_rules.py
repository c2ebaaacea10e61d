"""Rules of classification heads: their classes, cuts, weights and threshold, and the tasks and folds that need classes."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, get_args

from cloudkit.errors import suggest
from cloudkit.modelspec.rules import LABELLED, Draft, head_of, items, mappings, section, tables
from cloudkit.modelspec.schema_check import one_of
from cloudkit.modelspec.spec import ClassMetric
from cloudkit.modelspec.yaml_tree import Finding, KeyPath, dotted
from cloudkit.units import QUANTITIES

CLASS_METRICS: Final = get_args(ClassMetric)
TWO: Final = "is for two classes only, and there are"


def classification_heads(draft: Draft) -> Iterator[tuple[str, Draft]]:
    """The classification heads of the draft by name."""
    for name in section(draft, "heads"):
        head = section(section(draft, "heads"), name)
        if head.get("kind") == "classification":
            yield name, head


def classes_are_named(draft: Draft) -> Iterator[Finding]:
    """Check that positive class and weights name classes, that binary keys come with two classes, and that the output is not the name of a number."""
    for name, head in classification_heads(draft):
        path, classes = ("heads", name), items(head, "classes")
        positive, output = head.get("positive"), head.get("output")
        if output in QUANTITIES:
            message = (
                f"heads.{name}.output = '{output}' is the name of a numeric quantity; choose another name"
            )
            yield Finding((*path, "output"), message)
        if isinstance(positive, str) and positive not in classes:
            message = f"heads.{name}.positive = '{positive}' is not one of its classes"
            yield Finding((*path, "positive"), message + suggest(positive, [str(one) for one in classes]))
        for key in ("positive", "threshold"):
            if len(classes) > 2 and isinstance(head.get(key), str) and head[key] != "none":
                yield Finding((*path, key), f"heads.{name}.{key} {TWO} {len(classes)}; remove it")
        weights = head.get("class_weights")
        if isinstance(weights, dict) and classes and set(weights) != set(classes):
            wanted = ", ".join(str(one) for one in classes)
            yield Finding(
                (*path, "class_weights"),
                f"heads.{name}.class_weights needs a weight for each class: {wanted}",
            )


def cuts_make_classes(draft: Draft) -> Iterator[Finding]:
    """Cuts ascend, are one fewer than the classes, and belong to a classification head."""
    for index, task in mappings(draft, "tasks"):
        head = head_of(draft, task)
        for below, data in tables(task):
            for number, target in mappings(data, "targets"):
                path = ("tasks", index, *below, "targets", number, "cuts")
                yield from _cuts(path, items(target, "cuts"), head)


def _cuts(path: KeyPath, cuts: list[object], head: Draft) -> Iterator[Finding]:
    kind, classes = head.get("kind"), items(head, "classes")
    if not cuts or kind not in LABELLED:
        return
    if kind != "classification":
        yield Finding(
            path, f"{dotted(path)} turn numbers into classes, but a {kind} head learns numbers; remove them"
        )
    elif classes and len(cuts) != len(classes) - 1:
        message = f"{dotted(path)} has {len(cuts)} of the {len(classes) - 1} values that {len(classes)} classes need"
        yield Finding(path, message)
    numbers = [cut for cut in cuts if isinstance(cut, int | float)]
    if any(low >= high for low, high in pairwise(numbers)):
        yield Finding(path, f"{dotted(path)} must be in ascending order")


def thresholds_have_their_crystals(draft: Draft) -> Iterator[Finding]:
    """A threshold is chosen on held-out crystals; cross-entropy has no other loss."""
    for index, task in mappings(draft, "tasks"):
        head = head_of(draft, task)
        if task.get("kind") != "finetune" or head.get("kind") != "classification":
            continue
        chosen = isinstance(head.get("threshold"), str) and head["threshold"] != "none"
        if chosen and task.get("validation_fraction") == 0:
            message = f"tasks.{index}.validation_fraction = 0: the head's threshold is chosen on held-out crystals; use 0.1, for instance"
            yield Finding(("tasks", index, "validation_fraction"), message)
        if task.get("loss") in ("l2", "huber"):
            message = f"tasks.{index}.loss = '{task['loss']}' is for numbers; classification heads always use cross-entropy; remove it"
            yield Finding(("tasks", index, "loss"), message)


def metrics_fit(draft: Draft) -> Iterator[Finding]:
    """A head of numbers is judged by an error, one of classes by a metric of classes."""
    for index, task in mappings(draft, "tasks"):
        metric, kind = task.get("metric"), head_of(draft, task).get("kind")
        if task.get("kind") != "evaluate" or not isinstance(metric, str) or kind not in LABELLED:
            continue
        fitting = list(CLASS_METRICS) if kind == "classification" else ["mae", "rmse"]
        if metric not in fitting:
            message = (
                f"tasks.{index}.metric = '{metric}' does not measure a {kind} head; use {one_of(fitting)}"
            )
            yield Finding(("tasks", index, "metric"), message)


def stratified_folds_have_classes(draft: Draft) -> Iterator[Finding]:
    """Strata are classes: each table of a fold is read for a classification head."""
    if section(draft, "folds").get("stratified") is not True:
        return
    for index, task in mappings(draft, "tasks"):
        parted = [
            data
            for _, data in tables(task)
            if isinstance(data.get("path"), str) and data.get("part") in ("train", "test")
        ]
        kind = head_of(draft, task).get("kind")
        if parted and isinstance(kind, str) and kind != "classification":
            message = f"folds.stratified needs classes, but tasks.{index} has a {kind} head; set it to false"
            yield Finding(("folds", "stratified"), message)
            return


CLASS_RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    classes_are_named,
    cuts_make_classes,
    thresholds_have_their_crystals,
    metrics_fit,
    stratified_folds_have_classes,
)
