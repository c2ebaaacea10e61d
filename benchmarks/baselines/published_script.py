"""Rival: what the published script does, restated over pymatgen and spglib: structure -> reduced and full strings, input order.

SpacegroupAnalyzer with its defaults (symprec 0.01, angle tolerance 5°), letters of the input cell as first seen,
elements in the order of the composition, oxidation states dropped, fractions rounded to two decimals by NumPy.
"""

from typing import Any

import numpy as np


def to_strings(structure: Any) -> tuple[str, str]:
    """The published `reduced` and `full` strings of a pymatgen Structure."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    from cloudkit.tables import SPACE_GROUPS, generator_text

    analyzer = SpacegroupAnalyzer(structure)
    number = analyzer.get_space_group_number()
    letters = analyzer.get_symmetry_dataset().wyckoffs
    symbols = [SPACE_GROUPS[number - 1].position(letter).symbol for letter in letters]
    amounts = structure.composition.element_composition
    total = amounts.num_atoms
    pairs = [f"{element.symbol} {float(np.round(amount / total, 2))}" for element, amount in amounts.items()]
    species = [site.species_string for site in structure]
    head = generator_text(number)
    reduced = f"{head} | {' '.join(dict.fromkeys(symbols))} | {' '.join(pairs)}"
    return reduced, f"{head} | {' '.join(symbols)} | {' '.join(species)}"


def to_string(structure: Any) -> str:
    """The published `reduced` string of a pymatgen Structure."""
    return to_strings(structure)[0]
