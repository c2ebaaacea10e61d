"""Rules of tasks: their heads exist, are of the right kind, and are trained before they are measured."""

from collections.abc import Iterator

from cloudkit.modelspec.draft import Draft, head_name, head_of, items, mappings, section, tables
from cloudkit.modelspec.names import suggest
from cloudkit.modelspec.shape import one_of
from cloudkit.modelspec.tree import Finding

LABELLED = ("regression", "thermal")
HEADS_OF = {
    "pretrain": ("masked_tokens", "geometry", "regression"),
    "finetune": LABELLED,
    "evaluate": LABELLED,
}


def heads_exist_and_fit(draft: Draft) -> Iterator[Finding]:
    """A task names a head of the spec, of a kind that it can use."""
    heads = section(draft, "heads")
    for index, task in mappings(draft, "tasks"):
        given, path = task.get("head"), ("tasks", index, "head")
        for name in given if isinstance(given, list) else [given]:
            wanted = HEADS_OF.get(str(task.get("kind")), ())
            kind = head_of(draft, {"head": name}).get("kind")
            if isinstance(name, str) and isinstance(draft.get("heads"), dict) and name not in heads:
                yield Finding(path, f"tasks.{index}.head = '{name}' is not in heads" + suggest(name, heads))
            elif isinstance(kind, str) and wanted and kind not in wanted:
                fitting = [other for other in heads if section(heads, other).get("kind") in wanted]
                message = f"tasks.{index}.head = '{name}' is a {kind} head; {task['kind']} needs {one_of(list(wanted))}"
                yield Finding(path, message + (f": {one_of(fitting)}" if fitting else ""))
        if isinstance(given, list) and (not given or len(set(map(str, given))) < len(given)):
            yield Finding(path, f"tasks.{index}.head must list different heads, at least one")


def finetuning_is_possible(draft: Draft) -> Iterator[Finding]:
    """No more is frozen than there is; what watches held-out crystals has some; networks of one kind make an ensemble."""
    layers = section(draft, "encoder").get("layers")
    for index, task in mappings(draft, "tasks"):
        if task.get("kind") != "finetune":
            continue
        freeze, ensemble, at = task.get("freeze"), task.get("ensemble"), f"tasks.{index}"
        if isinstance(freeze, int) and isinstance(layers, int) and freeze > layers + 1:
            message = f"{at}.freeze = {freeze}: an embedding and {layers} layers are {layers + 1} parts; or say encoder"
            yield Finding(("tasks", index, "freeze"), message)
        blends = isinstance(ensemble, dict) and ensemble.get("blend") == "extra_trees"
        for key, asked in (("patience", isinstance(task.get("patience"), int)), ("ensemble", blends)):
            if asked and task.get("validation_fraction") == 0:
                message = f"{at}.{key} needs crystals to watch; set {at}.validation_fraction, such as 0.1"
                yield Finding(("tasks", index, key), message)
        kind = head_of(draft, task).get("kind")
        if isinstance(ensemble, dict) and kind == "thermal":
            message = f"{at}.ensemble: the mean of several sets of modes is none; a thermal head stands alone"
            yield Finding(("tasks", index, "ensemble"), message)


def evaluated_heads_are_trained(draft: Draft) -> Iterator[Finding]:
    """An evaluate task follows a finetune task of its head that learns the same quantities.

    A thermal head may predict what it never learned, but then there are no rows to train baselines on.
    """
    trained: dict[str, set[str]] = {}
    for index, task in mappings(draft, "tasks"):
        name, head = head_name(draft, task), head_of(draft, task)
        if name is None or head.get("kind") not in LABELLED:
            continue
        if task.get("kind") == "finetune":
            trained[name] = trained.get(name, set()) | _quantities(task)
        elif task.get("kind") == "evaluate" and name not in trained:
            message = f"tasks.{index} evaluates '{name}', which no finetune task before it trains"
            yield Finding(("tasks", index, "head"), message)
        elif task.get("kind") == "evaluate" and (head["kind"] == "regression" or task.get("baselines")):
            yield from _untrained(index, name, _quantities(task) - trained[name], head)


def _quantities(task: Draft) -> set[str]:
    names = [target.get("quantity") for _, data in tables(task) for _, target in mappings(data, "targets")]
    return {name for name in names if isinstance(name, str)}


def _untrained(index: int, name: str, quantities: set[str], head: Draft) -> Iterator[Finding]:
    """Quantities that a head never learned; those that it does not even have are reported elsewhere."""
    hint = "; 'baselines: []' lets the thermal head predict it alone" if head["kind"] == "thermal" else ""
    for quantity in items(head, "outputs"):
        if quantity in quantities:
            message = (
                f"tasks.{index} evaluates {quantity}, which no finetune task of '{name}' before it learns"
            )
            yield Finding(("tasks", index, "data", "targets"), message + hint)
