"""The native engine's answer is a property of the crystal, near symprec too: a share of benchmarks/invariance_native.py."""

from pathlib import Path

import invariance_native as law
import numpy as np
import pytest
from synthetic import make_crystal

SEED = 16
GROUPS = range(1, 231, 7)


@pytest.fixture(scope="module")
def synthetic() -> list[law.Sample]:
    """A crystal in every seventh space group, with atoms on its most special position."""
    return [
        law.Sample(f"group {number}", make_crystal(number, "a", np.random.default_rng([SEED, number]))[0])
        for number in GROUPS
    ]


@pytest.fixture(scope="module")
def samples(shared: Path) -> list[law.Sample]:
    """Some crystals of each shared set."""
    return law.read_samples(SEED, share=0.02)


def small(samples: list[law.Sample], most: int) -> list[law.Sample]:
    return [sample for sample in samples if len(sample.crystal) <= most]


def test_group_and_letters_are_those_of_the_construction() -> None:
    cells, wrong = law.check_groups(SEED, settings=1, every=4)
    assert (cells, wrong) == (433, [])


def test_other_descriptions_of_synthetic_crystals_have_one_string(synthetic: list[law.Sample]) -> None:
    assert law.check_variants(synthetic, 1e-3, SEED) == (len(GROUPS) * 13, [])


@pytest.mark.parametrize("symprec", law.SYMPRECS)
def test_other_descriptions_of_real_crystals_have_one_string(
    samples: list[law.Sample], symprec: float
) -> None:
    assert law.check_variants(samples, symprec, SEED) == (54 * 13, [])


def test_a_crystal_with_noise_near_symprec_has_one_string(samples: list[law.Sample]) -> None:
    cells, several = law.check_noise(small(samples, 12), 1e-2, SEED, law.NOISES)
    assert cells > 50
    assert several == []


@pytest.mark.parametrize("times", [(3, 3, 3), (4, 4, 2)])
def test_a_supercell_with_noise_near_symprec_has_one_string(
    samples: list[law.Sample], times: tuple[int, int, int]
) -> None:
    cells, several = law.check_noise(small(samples, 5)[:6], 1e-2, SEED, law.SUPERCELL_NOISES, times)
    assert cells == 24
    assert several == []


def test_a_lattice_strained_by_about_symprec_has_one_group() -> None:
    assert law.check_strain(10, 1e-2, SEED) == (270, [])
