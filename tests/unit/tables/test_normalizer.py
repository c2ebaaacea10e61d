"""Letter permutations of the affine normalizer against whoever else knows some of them."""

import csv
import json
import sys
from itertools import product
from pathlib import Path

import moyopy
import numpy as np
import pytest

from cloudkit.scope.aflow import AXES_KEPT
from cloudkit.tables import LETTERS, SPACE_GROUPS, letter_permutations, origin_shift_permutations

ROOT = Path(__file__).resolve().parents[3]
# where pymatgen knows shifts of the origin, and not the changes of axes
ORIGIN_ONLY = {2, 3, 10, 11, 12, 13, 14}
SIZES = {1: 1, 2: 1344, 3: 24, 10: 48, 12: 16, 13: 8, 15: 8, 16: 48, 47: 48, 69: 12, 73: 6, 146: 1, 225: 2, 227: 2, 230: 1}  # fmt: skip


def compose(first: str, second: str) -> str:
    return "".join(second[LETTERS.index(letter)] for letter in first)


def closure(generators: set[str], identity: str) -> set[str]:
    known, fresh = {identity}, {identity}
    while fresh:
        fresh = {compose(f, g) for f in fresh for g in generators} - known
        known |= fresh
    return known


@pytest.mark.parametrize("number", range(1, 231))
def test_the_permutations_of_a_group_form_a_group(number: int) -> None:
    words = letter_permutations(number)
    identity = LETTERS[: len(SPACE_GROUPS[number - 1].wyckoff)]
    assert words[0] == identity
    assert len(words) == len(set(words)) == SIZES.get(number, len(words))
    assert closure(set(words[1:4]) | set(words[-4:]), identity) <= set(words)
    if len(words) <= 100:
        assert {compose(a, b) for a, b in product(words, words)} == set(words)
    shifts = origin_shift_permutations(number)
    assert {compose(a, b) for a, b in product(shifts, shifts)} == set(shifts) <= set(words)


def test_a_permutation_keeps_multiplicity_freedom_and_kind_of_site() -> None:
    for group in SPACE_GROUPS:
        for word in letter_permutations(group.number):
            for position, letter in zip(group.wyckoff, word, strict=True):
                image = group.position(letter)
                assert image.multiplicity == position.multiplicity
                assert image.degrees_of_freedom == position.degrees_of_freedom
                elements = (
                    sorted(p.site_symmetry.replace(".", "").replace("/m", "m")) for p in (image, position)
                )
                assert len(set(map(tuple, elements))) == 1


def test_there_are_2318_permutations_and_the_reference_generators_make_them(shared: Path) -> None:
    assert sum(len(letter_permutations(number)) for number in range(1, 231)) == 2318
    reference = json.loads((shared / "data/normalizer_generators.json").read_text())
    for number in range(1, 231):
        words = letter_permutations(number)
        assert closure(set(reference[str(number)]), words[0]) == set(words)


def test_pymatgen_knows_the_same_permutations_or_the_origin_shifts_among_them() -> None:
    data = pytest.importorskip("pymatgen.analysis.prototypes._data", reason="pymatgen is not installed")
    for number in range(1, 231):
        identity = letter_permutations(number)[0]
        names = [
            {str(a): str(b) for a, b in table.items()}
            for table in data.WYCKOFF_POSITION_RELAB_DICT[str(number)]
        ]
        theirs = {"".join(name.get(x, name.get(str(ord(x)), x)) for x in identity) for name in names}
        theirs = {"".join(chr(int(x)) if x.isdigit() else x for x in word) for word in theirs}
        ours = origin_shift_permutations(number) if number in AXES_KEPT else letter_permutations(number)
        assert theirs == set(ours), number


def test_every_element_of_moyo_s_normalizer_permutes_the_letters_as_one_of_ours() -> None:
    """moyo leaves out shifts that no change of axes needs; it wants primitive operations, so groups with centring wait."""
    sys.path.insert(0, str(ROOT / "spec/tools"))
    from build_normalizer import Position, permutation

    with (ROOT / "spec/tables/wyckoff.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = 0
    for group in SPACE_GROUPS[1:]:  # moyo breaks down at P1, which has one letter
        if group.centering != "P":
            continue
        operations = moyopy.operations_from_number(group.number, setting=moyopy.Setting.standard())
        positions = [Position(row) for row in rows if row["space_group"] == str(group.number)]
        known = set(letter_permutations(group.number))
        for element in moyopy.integral_normalizer(operations.rotations, operations.translations):
            images = permutation(
                np.array(element.linear), np.array(element.origin_shift), positions,
                np.array(operations.rotations), np.array(operations.translations),
            )  # fmt: skip
            assert "".join(LETTERS[i] for i in images) in known, group.number
            seen += 1
    assert seen > 300
