"""Candidates: all assignments of a prototype, each crystal once, ranked with uncertainty and novelty."""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.cli import main
from cloudkit.corpus import RankOptions, Reference, enumerate_candidates, find_prototype, rank
from cloudkit.corpus.candidates import is_neutral
from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError
from cloudkit.io import read_table
from cloudkit.predict import Failure, load
from cloudkit.scope import canonical_text, parse
from cloudkit.tables import ELEMENT, ELEMENTS

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
PEROVSKITE = "AB3C_cP5_221_a_c_b"


@pytest.mark.parametrize("given", ["perovskite", "Cubic Perovskite", PEROVSKITE, f"{PEROVSKITE}:Ca-O-Ti"])
def test_a_prototype_goes_by_name_label_and_aflow_label(given: str) -> None:
    _, scope = find_prototype(given)
    assert (scope.space_group, scope.composition) == (221, {"Ca": 1, "Ti": 1, "O": 3})


def test_every_assignment_of_different_elements_is_one_candidate() -> None:
    found = enumerate_candidates("perovskite", ["Sr,Ba", "Zr", "O=O,S"], keep_charged=True)
    names = {candidate.id for candidate in found}
    assert names == {f"{a}{b}{x}3" for a, b in itertools.permutations(("Sr", "Ba", "Zr"), 2) for x in "OS"}
    assert (found.assignments, found.repeated) == (12, 0)


def test_assignments_that_are_the_same_crystal_count_once() -> None:
    found = enumerate_candidates(ROCK_SALT, ["Na,Cl,K"], keep_charged=True)
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


def all_states(composition: dict[str, int]) -> bool:
    """Neutrality by trying every choice of states, with SMACT's test of electronegativities."""
    elements = [ELEMENT[symbol] for symbol in composition]
    for states in itertools.product(*(element.oxidation_states for element in elements)):
        charge = sum(state * count for state, count in zip(states, composition.values(), strict=True))
        order = [element.order for element in elements]
        pairs = itertools.product(zip(states, order, strict=True), repeat=2)
        if charge == 0 and all(a < b for (up, a), (down, b) in pairs if up > 0 > down):
            return True
    return False


@given(
    st.dictionaries(
        st.sampled_from([element.symbol for element in ELEMENTS]), st.integers(1, 12), min_size=1, max_size=4
    )
)
def test_neutrality_is_a_choice_of_one_state_for_each_element(composition: dict[str, int]) -> None:
    assert is_neutral(composition) == all_states(composition)


@pytest.mark.parametrize(
    ("formula", "neutral"),
    [
        ({"Na": 1, "Cl": 1}, True),
        ({"Mg": 1, "Al": 2, "O": 4}, True),
        ({"Ca": 1, "H": 2}, True),
        ({"Li": 1, "Fe": 1, "P": 1, "O": 4}, True),
        ({"Sr": 1, "Zr": 1, "Ba": 3}, False),
        ({"Na": 1, "Cl": 2}, False),
        ({"He": 1, "O": 1}, False),
        ({"Fe": 1}, False),
    ],
)
def test_known_compounds_are_neutral(formula: dict[str, int], neutral: bool) -> None:
    assert is_neutral(formula) == neutral


def test_charged_candidates_are_left_out_and_counted() -> None:
    found = enumerate_candidates("perovskite", ["Sr,Ba,Zr,Ti,O"])
    names = {candidate.id for candidate in found}
    assert {"SrTiO3", "BaZrO3"} <= names and "SrZrBa3" not in names
    assert (found.assignments, len(names) + found.charged) == (60, 60)
    everything = enumerate_candidates("perovskite", ["Sr,Ba,Zr,Ti,O"], keep_charged=True)
    assert len({candidate.id for candidate in everything}) == 60 and everything.charged == 0


def test_alloys_are_all_kept() -> None:
    found = enumerate_candidates("perovskite", ["Sr,Ba,Zr"])
    assert len(list(found)) == 6 and found.charged == found.assignments == 6


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


def test_training_crystals_are_known() -> None:
    model = load("materials")
    (zirconate,) = enumerate_candidates("perovskite", ["Ca=Ba", "Ti=Zr", "O=O"])
    scope = parse(zirconate.scope)
    assert Reference().novelty(scope) == "new"
    reference = Reference(model=model)
    assert reference.novelty(scope) == "known"
    assert "minerals" in reference.description and "training crystals of materials" in reference.description
    (other,) = enumerate_candidates("perovskite", ["Ca=Cs", "Ti=Hg", "O=F"])
    assert reference.novelty(parse(other.scope)) == "new"


class TwoOutputs:
    """A model of two quantities, one of which is called as a column of rankings is."""

    def predict_batches(self, inputs: Iterable[Encoded], *_: object) -> Iterator[tuple[Any, list[Failure]]]:
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
    candidates = [
        Encoded(candidate.id, candidate.scope)
        for candidate in enumerate_candidates(ROCK_SALT, ["Na,Cl,K"], keep_charged=True)
    ]
    found = rank(model, candidates, RankOptions(quantity="gap"), Reference())
    assert found.table["value"].tolist() == [3.0, 2.0, 1.0]
    assert found.table["value_predicted"].tolist() == [20.0, 30.0, 10.0]


def test_candidates_are_ranked_by_formation_energy_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas", reason="rankings are tables of pandas")
    candidates, best, page = tmp_path / "c.csv", tmp_path / "top.csv", tmp_path / "top.html"
    with pytest.raises(SystemExit) as ended:
        main(["enumerate", "perovskite", "-e", "Ca,Sr,Ba,Ti,Zr,Hf", "-e", "O=O", "-o", str(candidates)])
    assert ended.value.code == 0 and "left out because they are not charge-neutral" in capsys.readouterr().err
    ranked = ["predict", "materials", str(candidates), "--top", "5", "--where", "band_gap > 1"]
    with pytest.raises(SystemExit) as ended:
        main([*ranked, "-o", str(best), "--page", str(page)])
    assert ended.value.code == 0 and "by formation_energy\n" in capsys.readouterr().err
    rows = list(csv.DictReader(best.open(newline="")))
    energies = [float(row["value"]) for row in rows]
    assert energies == sorted(energies) and {row["quantity"] for row in rows} == {"formation_energy"}
    assert all(float(row["band_gap"]) > 1 and float(row["bulk_modulus"]) > 0 for row in rows)
    heads = page.read_text().split("<th")[2:]
    names = [head.partition(">")[2].partition("<")[0] for head in heads]
    assert names[1:6] == ["formula", "formation energy (eV/atom)", "±", "novelty", "band gap (eV)"]
    assert "training crystals of materials" in page.read_text()
    formulas = [row["formula"] for row in rows]
    assert ("once for each arrangement" in page.read_text()) == (len(set(formulas)) < len(formulas))
    with pytest.raises(SystemExit) as ended:
        main([*ranked, "--highest", "--json"])
    found = [json.loads(line)["value"] for line in capsys.readouterr().out.splitlines()]
    assert ended.value.code == 0 and found == sorted(found, reverse=True)


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
    assert ended.value.code == 0 and "0 meet the condition" in answer.err and answer.out == ""
    with pytest.raises(SystemExit) as ended:
        main([*ranked[:2], "1 6 | Na 4a", "--top", "5"])
    answer = capsys.readouterr()
    assert ended.value.code == 1 and "0 predicted, 1 failed" in answer.err
    assert answer.err.endswith("listed: the best 0\n")
    with pytest.raises(SystemExit) as ended:
        main([*ranked[:3], "--top", "5", "--where", "nonsense > 1"])
    assert (ended.value.code, "nonsense" in capsys.readouterr().err) == (2, True)
