"""The order of sites that pymatgen gives a CIF's atoms, on which the published strings depend."""

from collections.abc import Sequence
from functools import lru_cache
from math import isnan
from typing import NamedTuple

from cloudkit.structure.elements import Parts, write_species
from cloudkit.tables import ELEMENT
from cloudkit.tables.composition import sum_left_to_right


class _SiteKey(NamedTuple):
    """Mean electronegativity, then text. NaN (an element without electronegativity) is neither less nor
    more: the text decides.
    """

    mean: float
    text: str

    def __lt__(self, other: tuple[object, ...]) -> bool:
        mean, text = other
        assert isinstance(mean, float) and isinstance(text, str)
        if self.mean < mean:
            return True
        return not self.mean > mean and self.text < text


def order_sites(kinds: Sequence[Parts], kind: Sequence[int], counts: Sequence[int]) -> list[tuple[int, int]]:
    """(listed site, number within it) of every site, in pymatgen's order.

    kinds: what sits on sites; kind: which of them each listed site is; counts: how many sites of the cell each stands
    for.
    """
    keys = [site_key(parts) for parts in kinds]
    if len(set(keys)) == len(keys) and not any(isnan(key.mean) for key in keys):
        ranks = {i: rank for rank, i in enumerate(sorted(range(len(keys)), key=keys.__getitem__))}
        order = sorted(range(len(kind)), key=[ranks[i] for i in kind].__getitem__)
        return [(row, number) for row in order for number in range(counts[row])]
    sites = [(row, number) for row in _start([kinds[i] for i in kind]) for number in range(counts[row])]
    return sorted(sites, key=lambda site: keys[kind[site[0]]])


def _start(rows: Sequence[Parts]) -> list[int]:
    """Rows by the amounts of each atom, as pymatgen lists them before it sorts sites: where keys are equal or their
    order is not transitive (electronegativities that are not known), it shows.
    """
    atoms = sorted({atom for parts in rows for atom, _ in parts}, key=lambda atom: atom.rank)
    amounts = [dict(parts) for parts in rows]
    return sorted(range(len(rows)), key=lambda row: [amounts[row].get(atom, 0.0) for atom in atoms])


@lru_cache(maxsize=4096)
def site_key(parts: Parts) -> _SiteKey:
    """What sites are sorted by."""
    return _SiteKey(_mean_electronegativity(parts), write_species(parts))


def _mean_electronegativity(parts: Parts) -> float:
    weighted = sum_left_to_right(ELEMENT[atom.element].electronegativity * x for atom, x in parts)
    return weighted / sum_left_to_right(x for _, x in parts)
