"""Rules that join several keys of a spec; those of tasks and targets have files of their own."""

from collections.abc import Callable, Iterator
from math import log

from cloudkit.modelspec.draft import Draft, head_names, head_of, items, mappings, section, tables
from cloudkit.modelspec.rules_targets import kinds_have_their_labels, targets_fit
from cloudkit.modelspec.rules_tasks import (
    evaluated_heads_are_trained,
    finetuning_is_possible,
    heads_exist_and_fit,
)
from cloudkit.modelspec.shape import one_of
from cloudkit.modelspec.tree import Finding, Path, dotted


def heads_divide_width(draft: Draft) -> Iterator[Finding]:
    """Every attention head gets the same share of the width."""
    heads, width = section(draft, "encoder").get("heads"), section(draft, "encoder").get("width")
    if isinstance(heads, int) and isinstance(width, int) and width % heads:
        divisors = [d for d in range(1, min(width, 1024) + 1) if width % d == 0]
        near = sorted(sorted(divisors, key=lambda d: abs(log(d / heads)))[:3])
        advice = one_of([str(d) for d in near])
        message = f"encoder.heads = {heads} does not divide encoder.width = {width}; try {advice}"
        yield Finding(("encoder", "heads"), message)


def vocabulary_fits(draft: Draft) -> Iterator[Finding]:
    """What each vocabulary can hold, and which one the known features belong to."""
    tokens, encoder = section(draft, "tokens"), section(draft, "encoder")
    if tokens.get("vocabulary") == "compact" and tokens.get("dialect") == "full":
        message = (
            "tokens.dialect = 'full' does not fit vocabulary compact (orbit or reduced); use vocabulary cloud"
        )
        yield Finding(("tokens", "dialect"), message)
    if tokens.get("vocabulary") == "cloud" and encoder.get("merge") is True:
        yield Finding(("encoder", "merge"), "encoder.merge = true needs tokens.vocabulary = 'compact'")
    if tokens.get("vocabulary") == "cloud" and encoder.get("features") is True:
        message = "tokens.vocabulary = 'cloud' has no features; set encoder.features = false or use 'compact'"
        yield Finding(("tokens", "vocabulary"), message)


def positions_suffice(draft: Draft) -> Iterator[Finding]:
    """Learned positions and the row that is never trained lie within what the tokens need."""
    length, positions = section(draft, "tokens").get("max_length"), section(draft, "encoder").get("positions")
    if isinstance(length, int) and isinstance(positions, int) and positions < length:
        message = f"encoder.positions = {positions} is less than tokens.max_length = {length}; raise it or lower the length"
        yield Finding(("encoder", "positions"), message)


def positions_fit(draft: Draft) -> Iterator[Finding]:
    """Merged orbits have no order, and rotary positions turn pairs of numbers."""
    encoder = section(draft, "encoder")
    positions, heads, width = (encoder.get(key) for key in ("positions", "heads", "width"))
    if positions in ("learned", "rotary") and encoder.get("merge") is True:
        message = f"encoder.positions = '{positions}': merged orbits have no order; set it to none, or encoder.merge = false"
        yield Finding(("encoder", "positions"), message)
    if positions == "rotary" and isinstance(heads, int) and isinstance(width, int) and (width // heads) % 2:
        message = f"encoder.positions = 'rotary' needs an even width per head, and {width} / {heads} = {width / heads:g}"
        yield Finding(("encoder", "positions"), message)


def precision_fits(draft: Draft) -> Iterator[Finding]:
    """Divided weights know the precisions that Lightning's ModelParallelStrategy has."""
    run = section(draft, "run")
    if run.get("strategy") == "fsdp" and run.get("precision") in ("16-mixed", "64-true"):
        message = f"run.precision = '{run['precision']}' does not go with run.strategy = 'fsdp'; use 32-true or bf16-mixed"
        yield Finding(("run", "precision"), message)


def parts_exist(draft: Draft) -> Iterator[Finding]:
    """Of the built-in tables only `thermal` is divided."""
    for index, task in mappings(draft, "tasks"):
        for below, data in tables(task):
            name, part = data.get("builtin"), data.get("part")
            if name in ("minerals", "prototypes", "phonons") and part in ("train", "test"):
                path = ("tasks", index, *below, "part")
                yield Finding(
                    path, f"{dotted(path)} = '{part}': {name} is not divided; leave it out or use thermal"
                )


def folds_exist(draft: Draft) -> Iterator[Finding]:
    """A part of a file is that of a fold, which `folds` must name, below its count."""
    folds = draft.get("folds")
    for index, task in mappings(draft, "tasks"):
        for below, data in tables(task):
            if isinstance(data.get("path"), str) and data.get("part") in ("train", "test") and folds is None:
                path = ("tasks", index, *below, "part")
                message = f"{dotted(path)} = '{data['part']}' needs the key folds, such as folds: {{count: 5, fold: 0}}"
                yield Finding(path, message)
    count, fold = section(draft, "folds").get("count"), section(draft, "folds").get("fold")
    if isinstance(count, int) and isinstance(fold, int) and fold >= count:
        yield Finding(("folds", "fold"), f"folds.fold = {fold}: folds are counted from 0 to {count - 1}")


def nothing_stands_twice(draft: Draft) -> Iterator[Finding]:
    """Outputs and baselines are sets."""
    heads = section(draft, "heads")
    lists: list[tuple[Path, list[object]]] = [
        (("heads", name, "outputs"), items(section(heads, name), "outputs")) for name in heads
    ]
    lists += [(("tasks", i, "baselines"), items(task, "baselines")) for i, task in mappings(draft, "tasks")]
    for path, values in lists:
        for index, value in enumerate(values):
            if isinstance(value, str) and value in values[:index]:
                yield Finding((*path, index), f"'{value}' stands twice in {dotted(path)}")


def structures_for_geometry(draft: Draft) -> Iterator[Finding]:
    """A geometry head learns from structures, which no built-in table has, or from columns of geometry."""
    for index, task in mappings(draft, "tasks"):
        kinds = [head_of(draft, {"head": name}).get("kind") for name in head_names(draft, task)]
        for below, data in tables(task):
            path = ("tasks", index, *below)
            if (
                task.get("kind") == "pretrain"
                and "geometry" in kinds
                and isinstance(data.get("builtin"), str)
            ):
                hint = "give a path to a table with a column of structures, and columns: {structure: NAME}"
                yield Finding(
                    (*path, "builtin"), f"{dotted(path)}: built-in tables hold no structures; {hint}"
                )


RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    heads_divide_width,
    vocabulary_fits,
    positions_suffice,
    positions_fit,
    precision_fits,
    parts_exist,
    folds_exist,
    nothing_stands_twice,
    heads_exist_and_fit,
    evaluated_heads_are_trained,
    finetuning_is_possible,
    targets_fit,
    kinds_have_their_labels,
    structures_for_geometry,
)
