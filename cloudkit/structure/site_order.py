"""The order of sites that pymatgen gives a CIF's atoms, on which the published strings depend."""

from collections.abc import Sequence
from typing import NamedTuple

from cloudkit.structure.elements import Parts, write_species
from cloudkit.tables import ELEMENT


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


def order_sites(rows: Sequence[Parts], counts: Sequence[int]) -> list[tuple[int, int]]:
    """(row, number within the row) of every site, in pymatgen's order.

    rows: the atoms of each listed site; counts: how many sites of the cell each stands for.
    With elements of unknown
    electronegativity the order is not transitive, so the sites are sorted one by one from the same start as
    there.
    """
    distinct = set(rows)
    atoms = sorted({atom for parts in distinct for atom, _ in parts}, key=lambda atom: atom.rank)
    amounts = {parts: [dict(parts).get(atom, 0.0) for atom in atoms] for parts in distinct}
    start = sorted(range(len(rows)), key=lambda row: amounts[rows[row]])
    known = {parts: _SiteKey(_mean_electronegativity(parts), write_species(parts)) for parts in distinct}
    keys = [known[parts] for parts in rows]
    sites = [(row, number) for row in start for number in range(counts[row])]
    return sorted(sites, key=lambda site: keys[site[0]])


def _mean_electronegativity(parts: Parts) -> float:
    return sum(ELEMENT[atom.element].electronegativity * x for atom, x in parts) / sum(x for _, x in parts)
