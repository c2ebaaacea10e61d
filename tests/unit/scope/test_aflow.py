"""AFLOW protostructure labels: known ones, the way back, and what is refused."""

import gzip
import json
import random
from itertools import islice
from pathlib import Path

import pytest

from cloudkit.encoding import encode
from cloudkit.errors import ScopeError
from cloudkit.scope import Orbit, Scope, parse
from cloudkit.scope.aflow import AXES_KEPT, aflow_label, from_aflow
from cloudkit.scope.canonical import canonical_orbits
from cloudkit.tables import LETTERS, SPACE_GROUPS, generator_text, letter_permutations

KNOWN = [
    (225, "Cu 4a", "A_cF4_225_a:Cu"),
    (225, "Na 4a Cl 4b", "AB_cF8_225_a_b:Cl-Na"),
    (227, "Si 8a", "A_cF8_227_a:Si"),
    (166, "As 6c", "A_hR6_166_c:As"),
    (194, "Mg 2c", "A_hP2_194_c:Mg"),
]


@pytest.mark.parametrize(("space_group", "body", "label"), KNOWN)
def test_known_crystals_have_their_known_labels(space_group: int, body: str, label: str) -> None:
    text = f"{generator_text(space_group)} | {body}"
    assert aflow_label(text) == label
    assert from_aflow(label) == text


def test_labels_equal_those_of_pymatgen(shared: Path) -> None:
    prototypes = pytest.importorskip("pymatgen.analysis.prototypes")
    core = pytest.importorskip("pymatgen.core")
    with gzip.open(shared / "data" / "mp20_binary_ternary.jsonl.gz", "rt") as file:
        rows = [json.loads(line)["structure"] for line in islice(file, 20)]
    compared = 0
    for row in rows:
        text = encode(row)
        if parse(text).space_group not in AXES_KEPT:
            structure = core.Structure(row["lattice"], row["species"], row["frac"])
            expected = prototypes.get_protostructure_label_from_spglib(structure, init_symprec=0.01)
            assert aflow_label(text) == expected
            compared += 1
    assert compared > 8


def test_labels_equal_those_of_pymatgen_where_its_axes_are_kept(shared: Path) -> None:
    prototypes = pytest.importorskip("pymatgen.analysis.prototypes")
    core = pytest.importorskip("pymatgen.core")
    with gzip.open(shared / "data" / "mp20_binary_ternary.jsonl.gz", "rt") as file:
        rows = [json.loads(line)["structure"] for line in islice(file, 1000)]
    texts = [(row, encode(row, order="input")) for row in rows[400:]]
    chosen = [(row, text) for row, text in texts if parse(text).space_group in AXES_KEPT]
    others = 0
    for row, text in chosen:
        structure = core.Structure(row["lattice"], row["species"], row["frac"])
        expected = prototypes.get_protostructure_label_from_spglib(structure, init_symprec=0.01)
        assert aflow_label(text, keep_axes=True) == expected
        others += aflow_label(text) != expected
    assert len(chosen) > 30
    assert others > 0  # so that keep_axes is seen to matter


def test_repeated_letters_are_counted_and_base_centring_is_c() -> None:
    assert aflow_label(f"{generator_text(38)} | Ga 2a Ga 2a As 2b").startswith("AB2_oC6_38_")
    assert aflow_label(f"{generator_text(1)} | Na 1a Na 1a Cl 1a") == "AB2_aP3_1_a_2a:Cl-Na"


def test_kept_axes_leave_letters_that_only_other_axes_would_rename() -> None:
    text = f"{generator_text(12)} | Na 2a Cl 4f"
    assert aflow_label(text) == "A2B_mC6_12_e_a:Cl-Na"
    assert aflow_label(text, keep_axes=True) == "A2B_mC6_12_f_a:Cl-Na"
    assert aflow_label(f"{generator_text(12)} | Na 2a Cl 4e", keep_axes=True) == aflow_label(text)


def random_crystal(rng: random.Random, space_group: int) -> Scope:
    group = SPACE_GROUPS[space_group - 1]
    orbits = []
    for position in rng.sample(group.wyckoff, min(len(group.wyckoff), rng.randint(1, 4))):
        for _ in range(rng.randint(1, 3) if position.degrees_of_freedom else 1):
            element = rng.choice(["Na", "Cl", "O", "Fe"])
            orbits.append(Orbit(position.letter, position.multiplicity, ((element, 1.0),)))
    return Scope("orbit", space_group, tuple(orbits))


def test_a_label_leads_back_to_the_canonical_string_in_every_group() -> None:
    rng = random.Random(1)
    for space_group in range(1, 231):
        for _ in range(3):
            crystal = random_crystal(rng, space_group)
            canonical = str(Scope("orbit", space_group, canonical_orbits(space_group, crystal.orbits)))
            assert from_aflow(aflow_label(crystal)) == canonical


def test_letters_that_mean_the_same_crystal_give_the_same_label() -> None:
    rng = random.Random(2)
    for space_group in (2, 12, 14, 47, 62, 123, 166, 216, 225):
        crystal = random_crystal(rng, space_group)
        renaming = rng.choice(letter_permutations(space_group))
        image = Scope(
            "orbit",
            space_group,
            tuple(o._replace(letter=renaming[LETTERS.index(o.letter)]) for o in crystal.orbits),
        )
        assert aflow_label(image) == aflow_label(crystal)


def test_other_ways_to_count_and_to_name_the_centring_are_read() -> None:
    assert from_aflow("A_hR2_166_c:As") == from_aflow("A_hR6_166_c:As")
    assert from_aflow("A_oS4_63_c:U") == from_aflow("A_oC4_63_c:U")


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("", "it needs a formula"),
        ("A_cF4_225_a", "it needs a formula"),
        ("A_cF4_225:Cu", "it needs a formula"),
        ("A_cF4_231_a:Cu", "'231' is not a space group"),
        ("A_cF4_٣_a:Cu", "is not a space group"),
        ("A_cF4_225_a:Cx", "'Cx' is not an element"),
        ("A_cF4_225_a:", "it needs a formula"),
        ("AB_cF8_225_a_b:Cl-Cl", "listed twice"),
        ("AB_cF8_225_a_b:Cl", "letters for 2 elements but lists 1"),
        ("A_cF4_225_0a:Cu", "'0a' is not a list of Wyckoff letters"),
        ("A_cF4_225_:Cu", "'' is not a list of Wyckoff letters"),
        ("A_cF4_225_a3:Cu", "'a3' is not a list of Wyckoff letters"),
        ("A_cF4_225_z:Cu", "no letter 'z'; it has a to l"),
        ("A_cF8_225_2a:Cu", "'a' of space group 225 has no free parameter"),
        ("AB_cF8_225_a_a:Cl-Na", "'a' of space group 225 has no free parameter"),
        ("A2B_cF8_225_a_b:Cl-Na", "give the formula AB, not 'A2B'"),
        ("A_cF8_225_a:Cu", "give the Pearson symbol cF4, not 'cF8'"),
    ],
)
def test_a_bad_label_is_refused_with_its_reason(label: str, reason: str) -> None:
    with pytest.raises(ScopeError) as error:
        from_aflow(label)
    assert reason in str(error.value)
    assert "AB_cF8_225_a_b:Cl-Na" in str(error.value)


def test_disorder_and_other_dialects_have_no_label() -> None:
    with pytest.raises(ScopeError, match="mixed or partially occupied"):
        aflow_label(f"{generator_text(225)} | Fe 0.5 Ni 0.5 4a")
    with pytest.raises(ScopeError, match="reduced dialect"):
        aflow_label(f"{generator_text(225)} | 4a | Cu 1.0")
