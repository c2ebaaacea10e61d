"""Reduced text back to orbits, against an enumeration that tries every multiset of orbits."""

import gzip
import json
from collections.abc import Iterator
from itertools import combinations_with_replacement, islice
from pathlib import Path

import pytest

from cloudkit.encoding import encode
from cloudkit.errors import ScopeError
from cloudkit.scope import Orbit, Scope, parse, project
from cloudkit.scope.candidates import candidates
from cloudkit.scope.canonical import canonical_orbits
from cloudkit.tables import SPACE_GROUPS, generator_text


def all_crystals(space_group: int, elements: tuple[str, ...], max_atoms: int) -> Iterator[str]:
    """Every canonical orbit string of the elements up to a cell size, by brute force."""
    group = SPACE_GROUPS[space_group - 1]
    kinds = [Orbit(w.letter, w.multiplicity, ((e, 1.0),)) for w in group.wyckoff for e in elements]
    for size in range(1, max_atoms + 1):
        for orbits in combinations_with_replacement(kinds, size):
            letters = [o.letter for o in orbits]
            rigid = [x for x in letters if not group.position(x).degrees_of_freedom]
            if sum(o.multiplicity for o in orbits) > max_atoms or len(set(rigid)) < len(rigid):
                continue
            text = str(Scope("orbit", space_group, canonical_orbits(space_group, orbits)))
            if str(Scope("orbit", space_group, orbits)) == text:
                yield text


@pytest.mark.parametrize(
    ("space_group", "elements", "max_atoms"),
    [(1, ("Na", "Cl"), 6), (3, ("Na", "Cl"), 5), (2, ("Na", "Cl"), 3), (8, ("Ga", "As"), 8), (4, ("Fe", "O", "H"), 8), (160, ("Fe", "O"), 12)],
)  # fmt: skip
def test_the_candidates_of_a_string_are_all_crystals_that_project_to_it(
    space_group: int, elements: tuple[str, ...], max_atoms: int
) -> None:
    by_projection: dict[str, set[str]] = {}
    for text in all_crystals(space_group, elements, max_atoms):
        by_projection.setdefault(project(text, "reduced"), set()).add(text)
    assert len(by_projection) > 5
    for reduced, expected in by_projection.items():
        answer = candidates(reduced, max_atoms=max_atoms)
        assert answer.complete
        assert set(answer.texts) == expected
        assert len(answer.texts) == len(expected)


def test_smaller_cells_come_first() -> None:
    sizes = [parse(t).n_sites for t in candidates(f"{generator_text(8)} | 2a 4b | Ga 0.5 As 0.5").texts]
    assert sizes == sorted(sizes)
    assert sizes[0] == 8
    assert sizes[-1] == 80


def test_rock_salt_has_one_candidate() -> None:
    answer = candidates(f"{generator_text(225)} | 4a 4b | Na 0.5 Cl 0.5")
    assert answer.texts == [f"{generator_text(225)} | Na 4a Cl 4b"]
    assert answer.complete


def test_real_crystals_are_among_the_candidates_of_their_reduced_string(shared: Path) -> None:
    with gzip.open(shared / "data" / "mp20_binary_ternary.jsonl.gz", "rt") as file:
        rows = [json.loads(line)["structure"] for line in islice(file, 100)]
    for text in map(encode, rows):
        answer = candidates(project(text, "reduced"), max_nodes=5000)
        assert text in answer.texts or not answer.complete


def test_the_order_of_letters_and_elements_does_not_matter() -> None:
    one = candidates(f"{generator_text(62)} | 4a 4c | Fe 0.25 Ti 0.25 O 0.5")
    assert one.texts
    assert candidates(f"{generator_text(62)} | 4c 4a | O 0.5 Ti 0.25 Fe 0.25").texts == one.texts


def test_letters_that_are_not_the_canonical_ones_have_no_candidate() -> None:
    assert candidates(f"{generator_text(225)} | 4b | Cu 1.0").texts == []


def test_a_search_that_would_pass_the_bound_stops_and_says_so() -> None:
    text = f"{generator_text(6)} | 1a 1b 2c | Na 0.5 Cl 0.5"
    whole, cut = candidates(text, max_atoms=24), candidates(text, max_atoms=24, max_nodes=200)
    assert whole.complete
    assert not cut.complete
    assert cut.nodes <= 200
    assert cut.texts
    smaller = {t for t in whole.texts if (parse(t).n_sites or 0) < (parse(cut.texts[-1]).n_sites or 0)}
    assert smaller <= set(cut.texts) < set(whole.texts)


def test_an_orbit_string_and_invalid_text_are_refused() -> None:
    with pytest.raises(ScopeError, match="orbit dialect"):
        candidates(f"{generator_text(225)} | Na 4a Cl 4b")
    with pytest.raises(ScopeError, match="no Wyckoff symbol '8h'"):
        candidates(f"{generator_text(225)} | 8h | Na 1.0")
