"""Rules that involve several keys of a spec: the encoder, the data, tasks and their heads, targets and their units, classes.

Rules read a draft, made by `make_draft`: plain dicts with all defaults, in which UNKNOWN replaces what is absent or already
reported. They ignore values of the wrong type, so all rules run whatever other errors there are.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import log
from typing import Any, Final, get_args

from cloudkit.errors import suggest
from cloudkit.modelspec.schema_check import Schema, SchemaCheck, nearest_name, one_of
from cloudkit.modelspec.spec import ClassMetric
from cloudkit.modelspec.yaml_tree import Finding, KeyPath, Node, dotted
from cloudkit.units import MOLAR_QUANTITIES, QUANTITIES, canonical_unit, per_of, units_of

Draft = dict[str, Any]

UNKNOWN: Final = object()  # replaces in a draft a value that is absent or already reported

LABELLED = ("regression", "classification", "thermal")  # kinds of heads that learn labels


def check_rules(check: SchemaCheck, tree: Node) -> list[Finding]:
    """Apply all rules to a tree."""
    draft = make_draft(check, check.root, tree)
    return [finding for rule in RULES for finding in rule(draft)]


def make_draft(check: SchemaCheck, schema: Schema, node: Node, path: KeyPath = ()) -> Any:
    """Return plain data with defaults for absent keys; UNKNOWN if there is none or the value was reported."""
    if path in check.reported:
        return UNKNOWN
    found = check.variant(schema, node)
    if isinstance(node.value, list):
        return [make_draft(check, check.member(found, i), m, (*path, i)) for i, m in enumerate(node.value)]
    if not isinstance(node.value, dict):
        return node.value
    defaults = {name: value.get("default", UNKNOWN) for name, value in found.get("properties", {}).items()}
    given = {k: make_draft(check, check.member(found, k), m, (*path, k)) for k, m in node.value.items()}
    return {**defaults, **given}


def section(draft: Draft, name: str) -> Draft:
    """Return a mapping inside the draft; empty if it is not one."""
    value = draft.get(name)
    return value if isinstance(value, dict) else {}


def items(draft: Draft, name: str) -> list[Any]:
    """Return a list inside the draft; empty if it is not one."""
    value = draft.get(name)
    return value if isinstance(value, list) else []


def mappings(draft: Draft, name: str) -> Iterator[tuple[int, Draft]]:
    """Yield the mappings of a list inside the draft, with their indices."""
    for index, value in enumerate(items(draft, name)):
        if isinstance(value, dict):
            yield index, value


def head_name(draft: Draft, task: Draft) -> str | None:
    """Return the name of the head of a task; the nearest one if it is misspelt, which is reported elsewhere."""
    name, heads = task.get("head"), section(draft, "heads")
    if not isinstance(name, str):
        return None
    return name if name in heads else nearest_name(name, heads)


def head_names(draft: Draft, task: Draft) -> list[str]:
    """Return the names of the heads of a task, one or a list, by `head_name`."""
    given = task.get("head")
    found = [head_name(draft, {"head": one}) for one in (given if isinstance(given, list) else [given])]
    return [name for name in found if name is not None]


def head_of(draft: Draft, task: Draft) -> Draft:
    """Return the head whose labels a task reads: the only one, or one that learns labels; empty if there is none."""
    names = head_names(draft, task)
    labelled = [n for n in names if section(section(draft, "heads"), n).get("kind") in LABELLED]
    name = next(iter(labelled + names), None)
    return section(section(draft, "heads"), name) if name else {}


def outputs_of(head: Draft) -> list[str]:
    """Return the quantities that a head predicts."""
    given = [head.get("output")] if head.get("kind") == "classification" else items(head, "outputs")
    return [name for name in given if isinstance(name, str)]


def all_tables(task: Draft) -> Iterator[tuple[tuple[str | int, ...], Draft]]:
    """Yield the tables of a task's data, and those whose crystals it excludes, with their path below the task."""
    yield from tables(task)
    for number, table in mappings(task, "exclude_from"):
        yield ("exclude_from", number), table


def tables(task: Draft) -> Iterator[tuple[tuple[str | int, ...], Draft]]:
    """Yield the tables of a task's data, one or several joined ones, with their path below the task."""
    data = section(task, "data")
    if "join" not in data:
        yield ("data",), data
    for number, table in mappings(data, "join"):
        yield ("data", "join", number), table


CLASS_METRICS: Final = get_args(ClassMetric)
TWO_CLASSES_ONLY: Final = "is for two classes only, and there are"
SPECTRAL = tuple(name for name in QUANTITIES if name not in MOLAR_QUANTITIES)

EXAMPLE = "[{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_cell/K}]"


def targets_fit(draft: Draft) -> Iterator[Finding]:
    """Check that labels fit the head that learns them."""
    for index, task in mappings(draft, "tasks"):
        for below, data in tables(task):
            path = ("tasks", index, *below, "targets")
            if not isinstance(data.get("targets"), list):
                continue
            head = head_of(draft, task)
            if task.get("kind") == "pretrain" and head.get("kind") != "regression":
                if data["targets"]:
                    why = "a pretrain task without a regression head reads no labels; remove them or use kind: finetune"
                    yield Finding(path, f"{dotted(path)}: {why}")
                continue
            if not data["targets"]:
                yield Finding(path, f"{dotted(path[:-1])} needs targets, such as {EXAMPLE}")
            for number, target in mappings(data, "targets"):
                here = (*path, number)
                yield from _quantity(here, target, head, _name(draft, head))
                yield from _temperature(here, target, head)
                yield from _frequency(here, target)
                yield from _modes(here, target, head)
                yield from _unit(here, target, data)


def _name(draft: Draft, head: Draft) -> str | None:
    """Return the name of a head in the spec."""
    return next((name for name, value in section(draft, "heads").items() if value is head), None)


def _quantity(path: KeyPath, target: Draft, head: Draft, name: str | None) -> Iterator[Finding]:
    quantity, outputs = target.get("quantity"), outputs_of(head)
    if isinstance(quantity, str) and outputs and quantity not in outputs:
        message = f"{dotted(path)}.quantity = '{quantity}' is not an output of head '{name}'"
        yield Finding((*path, "quantity"), message + suggest(quantity, outputs))


def _temperature(path: KeyPath, target: Draft, head: Draft) -> Iterator[Finding]:
    temperature, kind, quantity = target.get("temperature"), head.get("kind"), target.get("quantity")
    if kind == "thermal" and temperature is None and quantity in MOLAR_QUANTITIES:
        message = f"{dotted(path)} needs the key temperature (thermal head): a number in K or a column name"
        yield Finding((*path, "temperature"), message)
    reads_none = kind in ("regression", "classification") or (kind == "thermal" and quantity in SPECTRAL)
    if reads_none and isinstance(temperature, int | float | str):
        who = quantity if kind == "thermal" else f"a {kind} head"
        hint = "remove it or use a thermal head" if kind == "regression" else "remove it"
        yield Finding((*path, "temperature"), f"{dotted(path)}.temperature: {who} has no temperature; {hint}")


def _frequency(path: KeyPath, target: Draft) -> Iterator[Finding]:
    frequency, density = target.get("frequency"), target.get("quantity") == "phonon_density"
    if density and frequency is None:
        message = f"{dotted(path)} needs the key frequency (phonon_density): a number or a column name"
        yield Finding((*path, "frequency"), message)
    if not density and isinstance(frequency, int | float | str):
        message = f"{dotted(path)}.frequency: only phonon_density has a frequency; remove it"
        yield Finding((*path, "frequency"), message)


def _modes(path: KeyPath, target: Draft, head: Draft) -> Iterator[Finding]:
    """Check that the kind of modes determines the quantity."""
    quantity, modes, where = target.get("quantity"), head.get("modes"), (*path, "quantity")
    if head.get("kind") != "thermal":
        return
    wanted = {
        "phonon_density": ("debye", "spectrum"),
        "debye_temperature": ("debye", "debye_einstein", "spectrum"),
    }
    kinds = wanted.get(str(quantity), ())
    if kinds and isinstance(modes, str) and modes not in kinds:
        message = (
            f"{dotted(where)} = '{quantity}' is not defined for modes: {modes}; use {one_of(list(kinds))}"
        )
        yield Finding(where, message)
    if quantity == "heat_capacity_p" and head.get("cp_minus_cv") is None:
        message = f"{dotted(where)} = 'heat_capacity_p' needs cp_minus_cv in the head, such as 5e-6 mol/J: Cp = Cv + A Cv² T"
        yield Finding(where, message)


def kinds_have_their_labels(draft: Draft) -> Iterator[Finding]:
    """Check that a spectrum with several parameters has labels that determine both of its ends."""
    ends = {"debye_temperature": "the low end", "highest_frequency": "the high end"}
    for index, task in mappings(draft, "tasks"):
        head = head_of(draft, task)
        if task.get("kind") != "finetune" or head.get("kind") != "thermal" or head.get("modes") == "debye":
            continue
        found = [
            target.get("quantity") for _, data in tables(task) for _, target in mappings(data, "targets")
        ]
        if found and all(name in ends for name in found):
            what = " and ".join(f"{name} ({ends[str(name)]})" for name in dict.fromkeys(found))
            path = ("tasks", index, "data", "targets")
            hint = "add labels of heat_capacity or another molar quantity, or use modes: debye"
            yield Finding(path, f"modes: {head.get('modes')} cannot be learned from {what} alone; {hint}")


def _unit(path: KeyPath, target: Draft, data: Draft) -> Iterator[Finding]:
    quantity, unit, where = target.get("quantity"), target.get("unit"), (*path, "unit")
    known = units_of(quantity) if isinstance(quantity, str) else []
    if not known or not isinstance(unit, str):
        return
    if not unit:
        yield Finding(where, f"{dotted(path)} needs a unit, such as {canonical_unit(str(quantity))}")
    elif unit not in known:
        yield Finding(where, f"{dotted(where)} = '{unit}' is not a unit of {quantity}" + suggest(unit, known))
    elif per_of(unit) != "atom" and section(data, "columns").get("n_atoms", "") is None:
        message = (
            f"{dotted(where)} = '{unit}' needs data.columns.n_atoms, the column with the number of atoms"
        )
        yield Finding(where, message)


HEADS_OF = {
    "pretrain": ("masked_tokens", "geometry", "regression"),
    "finetune": LABELLED,
    "evaluate": LABELLED,
}


def heads_exist_and_fit(draft: Draft) -> Iterator[Finding]:
    """Check that a task names a head of a suitable kind."""
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
            yield Finding(path, f"tasks.{index}.head must list one or more different heads")


def finetuning_is_possible(draft: Draft) -> Iterator[Finding]:
    """Check frozen parts, held-out crystals for patience and trees, and that thermal heads have no ensemble."""
    layers = section(draft, "encoder").get("layers")
    for index, task in mappings(draft, "tasks"):
        if task.get("kind") != "finetune":
            continue
        freeze, ensemble, at = task.get("freeze"), task.get("ensemble"), f"tasks.{index}"
        if isinstance(freeze, int) and isinstance(layers, int) and freeze > layers + 1:
            message = f"{at}.freeze = {freeze}: the embedding and {layers} layers make {layers + 1} parts; use at most {layers + 1}, or encoder"
            yield Finding(("tasks", index, "freeze"), message)
        blends = isinstance(ensemble, dict) and ensemble.get("blend", "none") != "none"
        for key, asked in (("patience", isinstance(task.get("patience"), int)), ("ensemble", blends)):
            if asked and task.get("validation_fraction") == 0:
                message = f"{at}.{key} needs held-out crystals; set {at}.validation_fraction, such as 0.1"
                yield Finding(("tasks", index, key), message)
        kind = head_of(draft, task).get("kind")
        if (
            isinstance(ensemble, dict)
            and ensemble.get("validation") == "different"
            and kind == "classification"
        ):
            message = f"{at}.ensemble.validation = 'different' works with regression heads only; a threshold needs crystals that no member was trained on"
            yield Finding(("tasks", index, "ensemble", "validation"), message)
        if isinstance(ensemble, dict) and kind == "thermal":
            message = f"{at}.ensemble: thermal heads have no ensembles, because a mean of several sets of modes is not a set of modes"
            yield Finding(("tasks", index, "ensemble"), message)


def evaluated_heads_are_trained(draft: Draft) -> Iterator[Finding]:
    """Check that an evaluate task follows a finetune task of its head that learns the same quantities.

    A thermal head can predict quantities without labels, but then baselines have no rows to be trained on.
    """
    trained: dict[str, set[str]] = {}
    for index, task in mappings(draft, "tasks"):
        name, head = head_name(draft, task), head_of(draft, task)
        if name is None or head.get("kind") not in LABELLED:
            continue
        if task.get("kind") == "finetune":
            trained[name] = trained.get(name, set()) | _quantities(task)
        elif task.get("kind") == "evaluate" and name not in trained:
            message = f"tasks.{index} evaluates '{name}', but no earlier finetune task trains it"
            yield Finding(("tasks", index, "head"), message)
        elif task.get("kind") == "evaluate" and (head["kind"] != "thermal" or task.get("baselines")):
            yield from _untrained(index, name, _quantities(task) - trained[name], head)


def sources_agree(draft: Draft) -> Iterator[Finding]:
    """Check that a regression head has one unit per quantity, and that a head is evaluated on its first source."""
    units: dict[tuple[str, str], str] = {}
    first: dict[str, str] = {}
    for index, task in mappings(draft, "tasks"):
        name = head_name(draft, task)
        if name is None or task.get("kind") == "pretrain":
            continue
        for below, data in tables(task):
            path, source = ("tasks", index, *below), str(data.get("source") or "")
            if task.get("kind") == "finetune":
                first.setdefault(name, source)
            elif source and source != first.get(name, source):
                message = f"{dotted(path)}.source = '{source}': {name} predicts its first source, '{first[name]}'; evaluate it on that source"
                yield Finding((*path, "source"), message)
            for number, target in mappings(data, "targets"):
                quantity, unit = target.get("quantity"), target.get("unit")
                if (
                    not isinstance(quantity, str)
                    or not isinstance(unit, str)
                    or not unit
                    or units_of(quantity)
                ):
                    continue
                known = units.setdefault((name, quantity), unit)
                if unit != known:
                    where = (*path, "targets", number, "unit")
                    message = f"{dotted(where)} = '{unit}': an earlier table has {quantity} in '{known}'; these labels are not converted, so use one unit"
                    yield Finding(where, message)


def _quantities(task: Draft) -> set[str]:
    names = [target.get("quantity") for _, data in tables(task) for _, target in mappings(data, "targets")]
    return {name for name in names if isinstance(name, str)}


def _untrained(index: int, name: str, quantities: set[str], head: Draft) -> Iterator[Finding]:
    """Report quantities of a head without labels; unknown quantities are reported elsewhere."""
    hint = "; with 'baselines: []' the thermal head can still predict it" if head["kind"] == "thermal" else ""
    for quantity in outputs_of(head):
        if quantity in quantities:
            message = (
                f"tasks.{index} evaluates {quantity}, but no earlier finetune task of '{name}' learns it"
            )
            yield Finding(("tasks", index, "data", "targets"), message + hint)


def heads_divide_width(draft: Draft) -> Iterator[Finding]:
    """Check that the number of attention heads divides the width."""
    heads, width = section(draft, "encoder").get("heads"), section(draft, "encoder").get("width")
    if isinstance(heads, int) and isinstance(width, int) and width % heads:
        divisors = [d for d in range(1, min(width, 1024) + 1) if width % d == 0]
        near = sorted(sorted(divisors, key=lambda d: abs(log(d / heads)))[:3])
        advice = one_of([str(d) for d in near])
        message = f"encoder.heads = {heads} does not divide encoder.width = {width}; try {advice}"
        yield Finding(("encoder", "heads"), message)


def vocabulary_fits(draft: Draft) -> Iterator[Finding]:
    """Check that the vocabulary supports the dialect, merged orbits and features."""
    tokens, encoder = section(draft, "tokens"), section(draft, "encoder")
    if tokens.get("vocabulary") == "compact" and tokens.get("dialect") == "full":
        message = (
            "tokens.dialect = 'full' needs tokens.vocabulary = 'cloud'; compact is for orbit and reduced"
        )
        yield Finding(("tokens", "dialect"), message)
    if tokens.get("vocabulary") == "cloud" and encoder.get("merge") is True:
        yield Finding(("encoder", "merge"), "encoder.merge = true needs tokens.vocabulary = 'compact'")
    if tokens.get("vocabulary") == "cloud" and encoder.get("features") is True:
        message = (
            "tokens.vocabulary = 'cloud' has no features; set encoder.features = false, or use 'compact'"
        )
        yield Finding(("tokens", "vocabulary"), message)


def positions_suffice(draft: Draft) -> Iterator[Finding]:
    """Check that there are as many learned positions as tokens."""
    length, positions = section(draft, "tokens").get("max_length"), section(draft, "encoder").get("positions")
    if isinstance(length, int) and isinstance(positions, int) and positions < length:
        message = f"encoder.positions = {positions} is less than tokens.max_length = {length}; raise it or lower max_length"
        yield Finding(("encoder", "positions"), message)


def positions_fit(draft: Draft) -> Iterator[Finding]:
    """Check positions: merged orbits have no order, and rotary positions need an even head width."""
    encoder = section(draft, "encoder")
    positions, heads, width = (encoder.get(key) for key in ("positions", "heads", "width"))
    if positions in ("learned", "rotary") and encoder.get("merge") is True:
        message = f"encoder.positions = '{positions}': merged orbits have no order; set it to none, or encoder.merge = false"
        yield Finding(("encoder", "positions"), message)
    if positions == "rotary" and isinstance(heads, int) and isinstance(width, int) and (width // heads) % 2:
        message = f"encoder.positions = 'rotary' needs an even width per head, but {width} / {heads} = {width / heads:g}"
        yield Finding(("encoder", "positions"), message)


def precision_fits(draft: Draft) -> Iterator[Finding]:
    """Check that Lightning's ModelParallelStrategy (fsdp) supports the precision."""
    run = section(draft, "run")
    if run.get("strategy") == "fsdp" and run.get("precision") in ("16-mixed", "64-true"):
        message = f"run.precision = '{run['precision']}' cannot be combined with run.strategy = 'fsdp'; use 32-true or bf16-mixed"
        yield Finding(("run", "precision"), message)


def parts_exist(draft: Draft) -> Iterator[Finding]:
    """Check that a built-in table has a train/test split if a part is used."""
    for index, task in mappings(draft, "tasks"):
        for below, data in all_tables(task):
            name, part = data.get("builtin"), data.get("part")
            if name in ("minerals", "prototypes", "phonons") and part in ("train", "test"):
                path = ("tasks", index, *below, "part")
                yield Finding(
                    path,
                    f"{dotted(path)} = '{part}': {name} has no train/test split; remove `part` or use thermal",
                )


def folds_exist(draft: Draft) -> Iterator[Finding]:
    """Check that a table with a part has `folds`, and that the fold exists."""
    folds = draft.get("folds")
    for index, task in mappings(draft, "tasks"):
        for below, data in all_tables(task):
            if isinstance(data.get("path"), str) and data.get("part") in ("train", "test") and folds is None:
                path = ("tasks", index, *below, "part")
                message = f"{dotted(path)} = '{data['part']}' needs the key folds, such as folds: {{count: 5, fold: 0}}"
                yield Finding(path, message)
    count, fold = section(draft, "folds").get("count"), section(draft, "folds").get("fold")
    if isinstance(count, int) and isinstance(fold, int) and fold >= count:
        yield Finding(("folds", "fold"), f"folds.fold = {fold}: folds are numbered 0 to {count - 1}")


def lists_have_no_duplicates(draft: Draft) -> Iterator[Finding]:
    """Check that outputs, classes and baselines have no duplicates."""
    heads = section(draft, "heads")
    lists: list[tuple[KeyPath, list[object]]] = [
        (("heads", name, key), items(section(heads, name), key))
        for name in heads
        for key in ("outputs", "classes")
    ]
    lists += [(("tasks", i, "baselines"), items(task, "baselines")) for i, task in mappings(draft, "tasks")]
    for path, values in lists:
        for index, value in enumerate(values):
            if isinstance(value, str) and value in values[:index]:
                yield Finding((*path, index), f"duplicate '{value}' in {dotted(path)}")


def exclusions_have_a_measure(draft: Draft) -> Iterator[Finding]:
    """Check that tables to exclude come with `exclude_shared`."""
    for index, task in mappings(draft, "tasks"):
        if items(task, "exclude_from") and task.get("exclude_shared") == "none":
            message = (
                f"tasks.{index}.exclude_from needs exclude_shared: string, composition, formula or prototype"
            )
            yield Finding(("tasks", index, "exclude_from"), message)


def structures_for_geometry(draft: Draft) -> Iterator[Finding]:
    """Check that a geometry head has structures, which built-in tables lack."""
    for index, task in mappings(draft, "tasks"):
        kinds = [head_of(draft, {"head": name}).get("kind") for name in head_names(draft, task)]
        for below, data in tables(task):
            path = ("tasks", index, *below)
            if (
                task.get("kind") == "pretrain"
                and "geometry" in kinds
                and isinstance(data.get("builtin"), str)
            ):
                hint = "use the path of a table with structures, and columns: {structure: NAME}"
                yield Finding(
                    (*path, "builtin"), f"{dotted(path)}: built-in tables have no structures; {hint}"
                )


def classification_heads(draft: Draft) -> Iterator[tuple[str, Draft]]:
    """Yield the classification heads of the draft by name."""
    for name in section(draft, "heads"):
        head = section(section(draft, "heads"), name)
        if head.get("kind") == "classification":
            yield name, head


def classes_are_named(draft: Draft) -> Iterator[Finding]:
    """Check positive class, weights and output of classification heads, and keys that are for two classes."""
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
                yield Finding(
                    (*path, key), f"heads.{name}.{key} {TWO_CLASSES_ONLY} {len(classes)}; remove it"
                )
        weights = head.get("class_weights")
        if isinstance(weights, dict) and classes and set(weights) != set(classes):
            wanted = ", ".join(str(one) for one in classes)
            yield Finding(
                (*path, "class_weights"),
                f"heads.{name}.class_weights needs a weight for each class: {wanted}",
            )


def cuts_make_classes(draft: Draft) -> Iterator[Finding]:
    """Check that cuts ascend, are one fewer than the classes, and belong to a classification head."""
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
    """Check that a threshold has held-out crystals, and that classes are learned by cross-entropy."""
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
    """Check that the metric suits the head: an error for numbers, a metric of classes for classes."""
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
    """Check that stratified folds belong to classification heads."""
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


RULES: tuple[Callable[[Draft], Iterator[Finding]], ...] = (
    heads_divide_width,
    vocabulary_fits,
    positions_suffice,
    positions_fit,
    precision_fits,
    parts_exist,
    folds_exist,
    lists_have_no_duplicates,
    heads_exist_and_fit,
    evaluated_heads_are_trained,
    finetuning_is_possible,
    targets_fit,
    sources_agree,
    kinds_have_their_labels,
    structures_for_geometry,
    exclusions_have_a_measure,
    classes_are_named,
    cuts_make_classes,
    thresholds_have_their_crystals,
    metrics_fit,
    stratified_folds_have_classes,
)
