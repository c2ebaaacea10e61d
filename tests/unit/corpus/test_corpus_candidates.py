"""Candidates: all assignments of a prototype, each crystal once, ranked with uncertainty and novelty."""

import csv
import itertools
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudkit.cli import main
from cloudkit.corpus import Reference, Wanted, enumerate_candidates, find_prototype, rank
from cloudkit.corpus.candidates import is_neutral
from cloudkit.errors import CloudkitError
from cloudkit.io import read_table
from cloudkit.predict import Failure, Input
from cloudkit.scope import canonical_text, parse

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
PEROVSKITE = "AB3C_cP5_221_a_c_b"


@pytest.mark.parametrize("given", ["perovskite", "Cubic Perovskite", PEROVSKITE, f"{PEROVSKITE}:Ca-O-Ti"])
def test_a_prototype_goes_by_name_label_and_aflow_label(given: str) -> None:
    _, scope = find_prototype(given)
    assert (scope.space_group, scope.composition) == (221, {"Ca": 1, "Ti": 1, "O": 3})


def test_every_assignment_of_different_elements_is_one_candidate() -> None:
    found = enumerate_candidates("perovskite", ["Sr,Ba", "Zr", "O=O,S"])
    names = {candidate.id for candidate in found}
    assert names == {f"{a}{b}{x}3" for a, b in itertools.permutations(("Sr", "Ba", "Zr"), 2) for x in "OS"}
    assert (found.assignments, found.repeated) == (12, 0)


def test_assignments_that_are_the_same_crystal_count_once() -> None:
    found = enumerate_candidates(ROCK_SALT, ["Na,Cl,K"])
    texts = [candidate.scope for candidate in found]
    assert (found.assignments, found.repeated, len(set(texts))) == (6, 3, 3)
    assert texts == [canonical_text(text) for text in texts]


@pytest.mark.parametrize(
    ("prototype", "elements", "message"),
    [
        ("perovskit", ["O"], "near: perovskite"),
        ("perovskite", ["Qq"], "unknown element 'Qq'"),
        ("perovskite", ["Zn=O"], "the prototype has no Zn; it has Ca, Ti, O"),
        ("perovskite", ["O=O"], "no elements are given for Ca, Ti"),
    ],
)
def test_what_cannot_be_enumerated_is_said(prototype: str, elements: list[str], message: str) -> None:
    with pytest.raises(CloudkitError, match=message):
        enumerate_candidates(prototype, elements)


def test_neutrality_is_that_of_smact() -> None:
    screening = pytest.importorskip(
        "smact.screening", reason="needs SMACT: pip install 'cloudkit-scope[candidates]'"
    )
    draw = random.Random(0)
    symbols = ["Li", "Na", "Mg", "Ca", "Al", "Ti", "Fe", "Zn", "Sn", "O", "S", "F", "Cl", "N", "P"]
    for _ in range(200):
        chosen = draw.sample(symbols, 3)
        counts = [draw.randint(1, 4) for _ in chosen]
        formula = "".join(f"{element}{count}" for element, count in zip(chosen, counts, strict=True))
        expected = screening.smact_validity(
            formula, use_pauling_test=False, include_alloys=False, oxidation_states_set="icsd24"
        )
        assert is_neutral(dict(zip(chosen, counts, strict=True))) == expected, formula


def test_novelty_is_by_canonical_string_then_by_formula(tmp_path: Path) -> None:
    with (tmp_path / "known.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "scope"), ("a", ROCK_SALT)])
    reference = Reference([str(tmp_path / "known.csv")])
    generators = ROCK_SALT.split(" | ")[0]
    for text, novelty in (
        (f"{generators} | Cl 4a Na 4b", "known"),
        ("1 4 b O O O c O O O d O O O e O O O 0 | Na 1a Cl 1b", "known formula"),
        (f"{generators} | K 4a Cl 4b", "new"),
    ):
        assert reference.novelty(parse(text)) == novelty


class TwoOutputs:
    """A model of two quantities, one of which is called as a column of rankings is."""

    def predict_batches(self, inputs: Iterable[Input], *_: object) -> Iterator[tuple[Any, list[Failure]]]:
        pandas = pytest.importorskip("pandas", reason="rankings are tables of pandas")
        names = [one.id for one in inputs]
        numbers = {"gap": [1.0, 3.0, 2.0], "value": [10.0, 20.0, 30.0]}
        rows = [
            {"id": name, "quantity": quantity, "value": value, "lower": value, "upper": value, "unit": "eV"}
            for quantity, values in numbers.items()
            for name, value in zip(names, values, strict=True)
        ]
        yield pandas.DataFrame(rows).assign(temperature=None), []


def test_the_ranked_value_is_that_of_the_wanted_quantity_whatever_the_others_are_called() -> None:
    model: Any = TwoOutputs()
    given = [
        Input(candidate.id, candidate.scope, None)
        for candidate in enumerate_candidates(ROCK_SALT, ["Na,Cl,K"])
    ]
    found = rank(model, given, Wanted(quantity="gap"), Reference())
    assert found.table["value"].tolist() == [3.0, 2.0, 1.0]
    assert found.table["value_predicted"].tolist() == [20.0, 30.0, 10.0]


def test_the_discovery_loop_ends_in_a_page_of_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="predictions need torch")
    candidates, page, best = tmp_path / "c.csv", tmp_path / "top.html", tmp_path / "top.csv"
    with pytest.raises(SystemExit) as ended:
        main(["enumerate", "perovskite", "-e", "Ca,Sr,Ba,Ti,Zr", "-e", "O=O,S", "-o", str(candidates)])
    assert ended.value.code == 0
    ranked = ["predict", "thermal", str(candidates), "--by", "heat_capacity", "--where", "novelty == 'new'"]
    with pytest.raises(SystemExit) as ended:
        main([*ranked, "--top", "5", "-o", str(best), "--page", str(page)])
    assert ended.value.code == 0
    table = read_table(best)
    values = [float(str(value)) for value in table.column("value")]
    assert len(values) == 5 and values == sorted(values, reverse=True)
    assert set(table.column("novelty")) == {"new"} and "CaTiO3" not in table.column("id")
    everything = tmp_path / "all.csv"
    with pytest.raises(SystemExit):
        main(["predict", "thermal", str(candidates), "-o", str(everything)])
    rows = csv.DictReader(everything.open(newline=""))
    plain = {row["id"]: float(row["value"]) for row in rows if row["quantity"] == "heat_capacity"}
    assert [plain[str(name)] for name in table.column("id")] == pytest.approx(values, abs=1e-9)
    assert max(plain.values()) >= values[0]
    text = page.read_text()
    assert all(f"<td>{name}</td>" in text for name in table.column("id"))
    assert "<script" not in text and ">±<" in text
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*ranked[:3], "--top", "5", "--where", "value > 1000", "--page", str(page), "-o", str(best)])
    assert (ended.value.code, len(best.read_text().splitlines())) == (0, 1)
    with pytest.raises(SystemExit) as ended:
        main([*ranked[:3], "--top", "5", "--where", "value > 1000"])
    answer = capsys.readouterr()
    assert ended.value.code == 0 and "0 fit the condition" in answer.err and answer.out == ""
    with pytest.raises(SystemExit) as ended:
        main([*ranked[:2], "1 6 | Na 4a", "--top", "5"])
    answer = capsys.readouterr()
    assert ended.value.code == 1 and "0 predicted, 1 failed" in answer.err
    assert answer.err.endswith("the best 0 are listed\n")
    with pytest.raises(SystemExit) as ended:
        main([*ranked[:3], "--top", "5", "--where", "nonsense > 1"])
    assert (ended.value.code, "nonsense" in capsys.readouterr().err) == (2, True)
