"""Rules that join several keys: each broken alone gives one message, at the key to change."""

import pytest
from spec_examples import RICH, line_of

BROKEN = [  # (written, changed to, a place in the changed text, the message's beginning)
    ("dialect: reduced", "dialect: full", "dialect: full", "tokens.dialect = 'full' does not fit vocabulary compact"),
    ("vocabulary: compact", "vocabulary: cloud", "vocabulary: cloud", "tokens.vocabulary = 'cloud' has no features"),
    ("width: 128", "width: 127", "heads: 4\n", "encoder.heads = 4 does not divide encoder.width = 127; try 1 or 127"),
    ("head: mlm", "head: mml", "head: mml", "tasks.0.head = 'mml' is not in heads; did you mean 'mlm'?"),
    ("head: mlm", "head: other", "head: other", "tasks.0.head = 'other' is not in heads; known: mlm, gap, thermal"),
    ("head: mlm", "head: gap  #", "head: gap  #", "tasks.0.head = 'gap' is a regression head; pretrain needs masked_tokens: mlm"),
    ("head: gap", "head: mlm  #", "head: mlm  #", "tasks.2.head = 'mlm' is a masked_tokens head; finetune needs regression or thermal"),
    ("builtin: thermal\n      part: train", "builtin: minerals\n      part: train", "part: train",
     "tasks.0.data.part = 'train': minerals is not divided"),
    ("[mean, ridge]", "[mean, mean]", "[mean, mean]", "'mean' stands twice in tasks.3.baselines"),
    ("[heat_capacity, entropy]", "[heat_capacity, heat_capacity]", "[heat_capacity, heat", "'heat_capacity' stands twice"),
    ("part: train", "part: train\n      targets: [{column: a, quantity: b}]", "targets: [{",
     "tasks.0.data.targets: pretrain reads no labels"),
    ("          temperature: 300\n", "", "- column: cv\n", "tasks.1.data.targets.0 needs a temperature"),
    ("unit: eV", "unit: eV\n          temperature: 0", "temperature: 0\n", "tasks.2.data.targets.0.temperature: a regression head reads none"),
    ("          unit: J/mol_cell/K\n", "", "- column: cv\n", "tasks.1.data.targets.0 needs a unit, such as J/mol_atom/K"),
    ("unit: J/mol_cell/K", "unit: J/mol_cell", "unit: J/mol_cell\n",
     "tasks.1.data.targets.0.unit = 'J/mol_cell' is not a unit of heat_capacity; did you mean 'J/mol_cell/K'?"),
    ("n_atoms: n_atoms", "n_atoms: null", "unit: J/mol_cell/K", "tasks.1.data.targets.0.unit = 'J/mol_cell/K' needs the column"),
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
    assert "tasks.3 evaluates entropy, which no finetune task of 'thermal' before it learns" in problem
