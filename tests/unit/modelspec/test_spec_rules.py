"""Rules that join several keys: each broken alone gives one message, at the key to change."""

import pytest

from cloudkit.modelspec import parse_spec

from .spec_examples import RICH, line_of

BROKEN = [  # (written, changed to, a place in the changed text, the message)
    ("dialect: reduced", "dialect: full", "dialect: full", "tokens.dialect = 'full' needs tokens.vocabulary = 'cloud'; compact is for orbit and reduced"),
    ("vocabulary: compact", "vocabulary: cloud", "vocabulary: cloud", "tokens.vocabulary = 'cloud' has no features; set encoder.features = false, or use 'compact'"),
    ("width: 128", "width: 127", "heads: 4\n", "encoder.heads = 4 does not divide encoder.width = 127; try 1 or 127"),
    ("precision: auto\n  devices: 2\n  nodes: 1\n  strategy: ddp", "precision: 16-mixed\n  strategy: fsdp", "precision: 16-mixed",
     "run.precision = '16-mixed' cannot be combined with run.strategy = 'fsdp'; use 32-true or bf16-mixed"),
    ("head: mlm", "head: mml", "head: mml", "tasks.0.head = 'mml' is not in heads; did you mean 'mlm'?"),
    ("head: mlm", "head: xyz", "head: xyz", "tasks.0.head = 'xyz' is not in heads; known: mlm, shape, gap, metal, thermal, dos"),
    ("head: mlm", "head: gap  #", "data:\n      builtin: thermal\n      part: train", "tasks.0.data needs targets, such as [{column: cv, quantity: heat_capacity, temperature: 300, unit: J/mol_cell/K}]"),
    ("head: gap", "head: mlm  #", "head: mlm  #", "tasks.2.head = 'mlm' is a masked_tokens head; finetune needs regression, classification or thermal: gap, metal, thermal or dos"),
    ("builtin: thermal\n      part: train", "builtin: minerals\n      part: train", "part: train",
     "tasks.0.data.part = 'train': minerals has no train/test split; remove `part` or use thermal"),
    ("[mean, ridge]", "[mean, mean]", "[mean, mean]", "duplicate 'mean' in tasks.3.baselines"),
    ("[heat_capacity, entropy]", "[heat_capacity, heat_capacity]", "[heat_capacity, heat", "duplicate 'heat_capacity' in heads.thermal.outputs"),
    ("part: train", "part: train\n      targets: [{column: a, quantity: b}]", "targets: [{",
     "tasks.0.data.targets: a pretrain task without a regression head reads no labels; remove them or use kind: finetune"),
    ("          temperature: 300\n", "", "- column: cv\n", "tasks.1.data.targets.0 needs the key temperature (thermal head): a number in K or a column name"),
    ("unit: eV", "unit: eV\n          temperature: 0", "temperature: 0\n", "tasks.2.data.targets.0.temperature: a regression head has no temperature; remove it or use a thermal head"),
    ("          unit: J/mol_cell/K\n", "", "- column: cv\n", "tasks.1.data.targets.0 needs a unit, such as J/mol_atom/K"),
    ("unit: J/mol_cell/K", "unit: J/mol_cell", "unit: J/mol_cell\n",
     "tasks.1.data.targets.0.unit = 'J/mol_cell' is not a unit of heat_capacity; did you mean 'J/mol_cell/K'?"),
    ("n_atoms: n_atoms", "n_atoms: null", "unit: J/mol_cell/K", "tasks.1.data.targets.0.unit = 'J/mol_cell/K' needs data.columns.n_atoms, the column with the number of atoms"),
    ("              frequency: nu\n", "", "- column: g\n              quantity: phonon_density\n              frequency_unit",
     "tasks.5.data.join.0.targets.0 needs the key frequency (phonon_density): a number or a column name"),
    ("unit: modes/meV/atom", "unit: modes/meV", "unit: modes/meV\n",
     "tasks.5.data.join.0.targets.0.unit = 'modes/meV' is not a unit of phonon_density; did you mean 'modes/meV/cell'?"),
    ("          temperature: 300\n", "          temperature: 300\n          frequency: 3\n", "frequency: 3\n",
     "tasks.1.data.targets.0.frequency: only phonon_density has a frequency; remove it"),
    ("  fold: 0", "  fold: 5", "fold: 5", "folds.fold = 5: folds are numbered 0 to 4"),
    ("head: mlm", "head: shape  #", "builtin: thermal\n      part: train\n      fraction",
     "tasks.0.data: built-in tables have no structures; use the path of a table with structures, and columns: {structure: NAME}"),
    ("head: mlm", "head: [mlm, mlm]", "head: [mlm, mlm]", "tasks.0.head must list one or more different heads"),
    ("freeze: 1", "freeze: 5", "freeze: 5", "tasks.2.freeze = 5: the embedding and 3 layers make 4 parts; use at most 4, or encoder"),
    ("freeze: 1", "validation_fraction: 0", "patience: 5", "tasks.2.patience needs held-out crystals; set tasks.2.validation_fraction, such as 0.1"),
    ("freeze: 1", "validation_fraction: 0", "ensemble:\n      members: 3", "tasks.2.ensemble needs held-out crystals; set tasks.2.validation_fraction, such as 0.1"),
    ("loss: huber", "ensemble: {members: 2}", "ensemble: {members", "tasks.1.ensemble: thermal heads have no ensembles, because a mean of several sets of modes is not a set of modes"),
    ("quantity: band_gap", "quantity: entropy", "quantity: entropy", "tasks.2.data.targets.0.quantity = 'entropy' is not an output of head 'gap'; known: band_gap"),
    ("[metal, insulator]", "[metal]", "classes: [metal]", "heads.metal.classes must be a list (at least 2 items, at most 100 items), not a list of 1"),
    ("[metal, insulator]", "[metal, metal]", "classes: [metal", "duplicate 'metal' in heads.metal.classes"),
    ("[metal, insulator]", "[metal, 0]", "classes: [metal", "heads.metal.classes.1 must be text (not empty), not 0; put it in quotes to make it text"),
    ("[metal, insulator]", "[metal, half, no]", "threshold: f1", "heads.metal.threshold is for two classes only, and there are 3; remove it"),
    ("[metal, insulator]", "[metal, half, no]", "positive: metal", "heads.metal.positive is for two classes only, and there are 3; remove it"),
    ("[metal, insulator]", "[metal, half, no]", "cuts: [0.5]", "tasks.4.data.targets.0.cuts has 1 of the 2 values that 3 classes need"),
    ("positive: metal", "positive: metall", "positive: metall", "heads.metal.positive = 'metall' is not one of its classes; did you mean 'metal'?"),
    ("class_weights: balanced", "class_weights: {metal: 2}", "class_weights:", "heads.metal.class_weights needs a weight for each class: metal, insulator"),
    ("output: conductor", "output: entropy", "output: entropy", "heads.metal.output = 'entropy' is the name of a numeric quantity; choose another name"),
    ("cuts: [0.5]", "cuts: [0.5]\n          temperature: 3", "temperature: 3\n", "tasks.4.data.targets.0.temperature: a classification head has no temperature; remove it"),
    ("unit: eV", "unit: eV\n          cuts: [0.1]", "cuts: [0.1]", "tasks.2.data.targets.0.cuts turn numbers into classes, but a regression head learns numbers; remove them"),
    ("validation_fraction: 0.2", "validation_fraction: 0", "validation_fraction: 0\n", "tasks.4.validation_fraction = 0: the head's threshold is chosen on held-out crystals; use 0.1, for instance"),
    ("validation_fraction: 0.2", "loss: l2", "loss: l2", "tasks.4.loss = 'l2' is for numbers; classification heads always use cross-entropy; remove it"),
    ("metric: rmse", "metric: f1", "metric: f1", "tasks.3.metric = 'f1' does not measure a thermal head; use mae or rmse"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "message"), BROKEN)
def test_a_broken_rule_gives_one_message_at_the_key_to_change(problems, old, new, place, message) -> None:
    assert RICH.count(old) == 1
    text = RICH.replace(old, new)
    at = f"m.yaml:{line_of(text, place)}:"
    found = [problem.partition("  ")[2] for problem in problems(text) if problem.startswith(at)]
    assert found.count(message) == 1, problems(text)


def test_a_part_of_a_file_needs_folds(problems, folder) -> None:
    text = RICH.replace("unit: eV", "unit: eV\n      part: train")
    assert parse_spec(text, "m.yaml", folder).tasks[2].data.part == "train"
    text = text.replace("folds:\n  count: 5\n  seed: 2\n  fold: 0\n  stratified: false\n", "")
    (problem,) = problems(text)
    assert problem.startswith(f"m.yaml:{line_of(text, 'unit: eV') + 1}:")
    assert problem.endswith(
        "tasks.2.data.part = 'train' needs the key folds, such as folds: {count: 5, fold: 0}"
    )


@pytest.mark.parametrize("precision", ["16-mixed", "64-true"])
def test_divided_weights_know_few_precisions(problems, precision: str) -> None:
    (problem,) = problems(RICH, [f"run.precision={precision}", "run.strategy=fsdp"])
    assert f"run.precision = '{precision}' cannot be combined with run.strategy = 'fsdp'" in problem


def test_a_table_without_labels_cannot_be_learned(problems) -> None:
    text = (
        RICH[: RICH.index("      targets:\n        - column: gap")] + RICH[RICH.index("  - kind: evaluate") :]
    )
    assert ["tasks.2.data needs targets" in problem for problem in problems(text)] == [True]


def test_a_head_is_evaluated_only_after_it_was_trained(problems) -> None:
    text = RICH.replace("  - kind: evaluate\n    head: thermal", "  - kind: evaluate\n    head: gap")
    text = text.replace("  - kind: finetune\n    head: gap", "  - kind: finetune\n    head: thermal")
    assert any("tasks.3 evaluates 'gap', but no earlier finetune task trains it" in p for p in problems(text))


def test_baselines_need_the_evaluated_quantity_among_the_learned_ones(problems) -> None:
    text = RICH.replace(
        "quantity: heat_capacity\n          temperature: temperature",
        "quantity: entropy\n          temperature: temperature",
    )
    (problem,) = problems(text)
    assert problem.startswith(f"m.yaml:{line_of(text, '- column: heat_capacity') - 1}:7  ")
    assert problem.endswith(
        "tasks.3 evaluates entropy, but no earlier finetune task of 'thermal' learns it; "
        "with 'baselines: []' the thermal head can still predict it"
    )


THERMAL = """\
cloudkit: 1
name: m
encoder: {{kind: transformer}}
heads:
  t: {{kind: thermal, modes: {modes}, outputs: [{quantity}]{more}}}
tasks:
  - {{kind: finetune, head: t, data: {{path: cv.csv, targets: [{{column: y, quantity: {quantity}, unit: {unit}{at}}}]}}}}
"""


@pytest.mark.parametrize(
    ("modes", "quantity", "unit", "at", "more", "message"),
    [
        ("einstein", "phonon_density", "modes/THz/atom", ", frequency: nu", "", "tasks.0.data.targets.0.quantity = 'phonon_density' is not defined for modes: einstein; use debye or spectrum"),
        ("debye_einstein", "phonon_density", "modes/THz/atom", ", frequency: nu", "", "tasks.0.data.targets.0.quantity = 'phonon_density' is not defined for modes: debye_einstein; use debye or spectrum"),
        ("einstein", "debye_temperature", "K", "", "", "tasks.0.data.targets.0.quantity = 'debye_temperature' is not defined for modes: einstein; use debye, debye_einstein or spectrum"),
        ("spectrum", "debye_temperature", "K", "", "", "modes: spectrum cannot be learned from debye_temperature (the low end) alone; add labels of heat_capacity or another molar quantity, or use modes: debye"),
        ("spectrum", "highest_frequency", "1/cm", "", "", "modes: spectrum cannot be learned from highest_frequency (the high end) alone; add labels of heat_capacity or another molar quantity, or use modes: debye"),
        ("debye", "debye_temperature", "THzz", "", "", "tasks.0.data.targets.0.unit = 'THzz' is not a unit of debye_temperature; did you mean 'THz'?"),
        ("debye", "debye_temperature", "K", ", temperature: 300", "", "tasks.0.data.targets.0.temperature: debye_temperature has no temperature; remove it"),
        ("debye", "heat_capacity_p", "J/mol_atom/K", ", temperature: 300", "", "tasks.0.data.targets.0.quantity = 'heat_capacity_p' needs cp_minus_cv in the head, such as 5e-6 mol/J: Cp = Cv + A Cv² T"),
        ("debye", "heat_capacity_p", "J/mol_atom/K", ", temperature: 300", ", cp_minus_cv: 5e-6", None),
        ("debye", "debye_temperature", "meV", "", "", None),
        ("spectrum", "phonon_density", "modes/cm-1/cell", ", frequency: nu, frequency_unit: 1/cm", "", None),
        ("spectrum", "enthalpy_increment", "kJ/mol_formula", ", temperature: 298.15", "", None),
    ],
)  # fmt: skip
def test_what_modes_can_give_and_what_they_need_is_known_before_anything_is_read(
    problems, folder, modes, quantity, unit, at, more, message
) -> None:
    text = THERMAL.format(modes=modes, quantity=quantity, unit=unit, at=at, more=more)
    if message is None:
        assert parse_spec(text, "m.yaml", folder).heads["t"].modes == modes
    else:
        found = problems(text)
        assert message in [problem.partition("  ")[2] for problem in found], found


def test_strata_of_folds_are_classes(problems) -> None:
    text = RICH.replace("stratified: false", "stratified: true").replace(
        "unit: eV", "unit: eV\n      part: train"
    )
    message = "folds.stratified needs classes, but tasks.2 has a regression head; set it to false"
    assert any(message in problem for problem in problems(text))


def test_cuts_ascend(problems) -> None:
    text = RICH.replace("[metal, insulator]", "[a, b, c]").replace("cuts: [0.5]", "cuts: [1, 0]")
    text = text.replace("    positive: metal\n", "").replace("    threshold: f1\n", "")
    assert [one.partition("  ")[2] for one in problems(text)] == [
        "tasks.4.data.targets.0.cuts must be in ascending order"
    ]
