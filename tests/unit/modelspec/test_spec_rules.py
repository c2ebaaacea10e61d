"""Rules that join several keys: each broken alone gives one message, at the key to change."""

import pytest
from spec_examples import RICH, line_of

from cloudkit.modelspec import parse_spec

BROKEN = [  # (written, changed to, a place in the changed text, the message's beginning)
    ("dialect: reduced", "dialect: full", "dialect: full", "tokens.dialect = 'full' does not fit vocabulary compact"),
    ("vocabulary: compact", "vocabulary: cloud", "vocabulary: cloud", "tokens.vocabulary = 'cloud' has no features"),
    ("width: 128", "width: 127", "heads: 4\n", "encoder.heads = 4 does not divide encoder.width = 127; try 1 or 127"),
    ("precision: auto\n  devices: 2\n  nodes: 1\n  strategy: ddp", "precision: 16-mixed\n  strategy: fsdp", "precision: 16-mixed",
     "run.precision = '16-mixed' does not go with run.strategy = 'fsdp'"),
    ("head: mlm", "head: mml", "head: mml", "tasks.0.head = 'mml' is not in heads; did you mean 'mlm'?"),
    ("head: mlm", "head: other", "head: other", "tasks.0.head = 'other' is not in heads; known: mlm, shape, gap, thermal, dos"),
    ("head: mlm", "head: gap  #", "data:\n      builtin: thermal\n      part: train", "tasks.0.data needs targets"),
    ("head: gap", "head: mlm  #", "head: mlm  #", "tasks.2.head = 'mlm' is a masked_tokens head; finetune needs regression or thermal"),
    ("builtin: thermal\n      part: train", "builtin: minerals\n      part: train", "part: train",
     "tasks.0.data.part = 'train': minerals is not divided"),
    ("[mean, ridge]", "[mean, mean]", "[mean, mean]", "'mean' stands twice in tasks.3.baselines"),
    ("[heat_capacity, entropy]", "[heat_capacity, heat_capacity]", "[heat_capacity, heat", "'heat_capacity' stands twice"),
    ("part: train", "part: train\n      targets: [{column: a, quantity: b}]", "targets: [{",
     "tasks.0.data.targets: this pretrain task reads no labels; remove them, add a regression head or make it finetune"),
    ("          temperature: 300\n", "", "- column: cv\n", "tasks.1.data.targets.0 needs a temperature"),
    ("unit: eV", "unit: eV\n          temperature: 0", "temperature: 0\n", "tasks.2.data.targets.0.temperature: a regression head reads none"),
    ("          unit: J/mol_cell/K\n", "", "- column: cv\n", "tasks.1.data.targets.0 needs a unit, such as J/mol_atom/K"),
    ("unit: J/mol_cell/K", "unit: J/mol_cell", "unit: J/mol_cell\n",
     "tasks.1.data.targets.0.unit = 'J/mol_cell' is not a unit of heat_capacity; did you mean 'J/mol_cell/K'?"),
    ("n_atoms: n_atoms", "n_atoms: null", "unit: J/mol_cell/K", "tasks.1.data.targets.0.unit = 'J/mol_cell/K' needs the column"),
    ("              frequency: nu\n", "", "- column: g\n              quantity: phonon_density\n              frequency_unit",
     "tasks.4.data.join.0.targets.0 needs the frequency of phonon_density"),
    ("unit: modes/meV/atom", "unit: modes/meV", "unit: modes/meV\n",
     "tasks.4.data.join.0.targets.0.unit = 'modes/meV' is not a unit of phonon_density"),
    ("          temperature: 300\n", "          temperature: 300\n          frequency: 3\n", "frequency: 3\n",
     "tasks.1.data.targets.0.frequency: only phonon_density reads one"),
    ("quantity: band_gap", "quantity: entropy", "quantity: entropy", "tasks.2.data.targets.0.quantity = 'entropy' is not an output of head 'gap'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "message"), BROKEN)
def test_a_broken_rule_gives_one_message_at_the_key_to_change(problems, old, new, place, message) -> None:
    assert RICH.count(old) == 1
    text = RICH.replace(old, new)
    first = [problem for problem in problems(text) if message in problem]
    assert len(first) == 1, problems(text)
    assert first[0].startswith(f"m.yaml:{line_of(text, place)}:")


def test_a_table_without_labels_cannot_be_learned(problems) -> None:
    text = (
        RICH[: RICH.index("      targets:\n        - column: gap")] + RICH[RICH.index("  - kind: evaluate") :]
    )
    assert ["tasks.2.data needs targets" in problem for problem in problems(text)] == [True]


def test_a_head_is_evaluated_only_after_it_was_trained(problems) -> None:
    text = RICH.replace("  - kind: evaluate\n    head: thermal", "  - kind: evaluate\n    head: gap")
    text = text.replace("  - kind: finetune\n    head: gap", "  - kind: finetune\n    head: thermal")
    assert any(
        "tasks.3 evaluates 'gap', which no finetune task before it trains" in p for p in problems(text)
    )


def test_baselines_need_the_evaluated_quantity_among_the_learned_ones(problems) -> None:
    text = RICH.replace(
        "quantity: heat_capacity\n          temperature: temperature",
        "quantity: entropy\n          temperature: temperature",
    )
    (problem,) = problems(text)
    assert problem.startswith(f"m.yaml:{line_of(text, '- column: heat_capacity') - 1}:7  ")
    assert problem.endswith(
        "tasks.3 evaluates entropy, which no finetune task of 'thermal' before it learns; "
        "'baselines: []' lets the thermal head predict it alone"
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
        ("einstein", "phonon_density", "modes/THz/atom", ", frequency: nu", "", "'phonon_density' is not defined for modes: einstein; use debye or spectrum"),
        ("debye_einstein", "phonon_density", "modes/THz/atom", ", frequency: nu", "", "use debye or spectrum"),
        ("einstein", "debye_temperature", "K", "", "", "'debye_temperature' is not defined for modes: einstein"),
        ("spectrum", "debye_temperature", "K", "", "", "modes: spectrum cannot be learned from debye_temperature (the slow end) alone"),
        ("spectrum", "highest_frequency", "1/cm", "", "", "cannot be learned from highest_frequency (the fast end) alone"),
        ("debye", "debye_temperature", "THzz", "", "", "'THzz' is not a unit of debye_temperature; did you mean 'THz'?"),
        ("debye", "debye_temperature", "K", ", temperature: 300", "", "debye_temperature reads none; remove it"),
        ("debye", "heat_capacity_p", "J/mol_atom/K", ", temperature: 300", "", "needs the head's cp_minus_cv"),
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
        assert any(message in problem for problem in found), found
