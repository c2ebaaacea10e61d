"""The page cloudkit/data/builtin/SOURCES.md: where each built-in table comes from, its hashes, and what was left out."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple


class BuiltTable(NamedTuple):
    """A table. source: SHA-256 of what was read; data: the file; excluded: reason -> names or ''."""

    name: str
    package: str
    source: str
    data: bytes
    rows: int
    note: str
    excluded: Mapping[str, str]


HEAD = """# Built-in data: sources

Written by `python spec/tools/build_data.py`; do not edit. The tables hold facts (which element sits on which orbit of which
space group, and numbers computed from densities of states), no text and no file of the packages they were read from.
Strings are canonical `orbit` strings of cloudkit's default encoder (moyo, symprec 0.01 Å).
"""

ABOUT = {
    "thermal": """Package licence: Apache-2.0. Source: the crystal structures (mostly from the Crystallography Open Database) and the phonon
densities of states per element of NCrystal's standard library; each of its files names the papers behind it. Cite X.-X. Cai
and T. Kittelmann, Comput. Phys. Commun. 246 (2020) 106851. The source hash is that of the texts of all materials that were read, in the
order of their names.

Made: an element's density is linear between the points of its grid, grows as E² from zero to the first of them, and is
normalized to 3; a crystal's density is their mean weighted by atomic fraction. Heat capacity, internal energy, entropy and
free energy are those of independent harmonic oscillators, integrated in float64 with 8 Gauss-Legendre points per interval,
per mole of atoms, with zero-point energy, six significant digits. So they are harmonic at the volume of the source: no thermal
expansion, no electrons, no magnetism, no melting or change of phase, and at a few kelvin they depend on the E² extension. A
compound that melts or transforms below 1000 K still has numbers up to there.

How good they are: the entropies at 298.15 K of 27 non-magnetic substances agree with CODATA's measured ones to 3 % in the
median; the worst are rutile (+16 %), boric acid (-15 %) and corundum (+13 %), where the densities themselves, mostly digitized from
figures or computed, are softer or harder than the crystal. tests/unit/builtin_data holds the comparison.

`id` is the name of NCrystal's material, `n_atoms` counts the conventional cell, `temperature` is in K, heat capacity and entropy are in
J/mol_atom/K, internal and free energy in J/mol_atom. `part` is test where the first 8 bytes of the SHA-256 of the reduced formula,
as a big-endian number, are divisible by 3: polymorphs share a part, and nothing was tuned. Hydrogen has its natural isotopes;
enriched compounds are left out, because SCOPE writes D as H and two sets of numbers would share a string.""",
    "minerals": """Package licence: MIT; the database file inside the wheel (`amcsd_cif1.db`, whose hash is the source hash) is a trimmed copy
of the American Mineralogist Crystal Structure Database. Cite R. T. Downs and M. Hall-Wallace, American Mineralogist 88 (2003) 247.

Made: the asymmetric unit is expanded with the listed symmetry operations; a site closer than 0.15 Å to its own image is moved
onto the symmetry element. Only ordered structures whose cell has the published formula (1 % per element, D counted as H) are kept, with at
most 60 compact tokens. `id` is the AMCSD code, `name` the mineral (empty for other compounds). Of several determinations of one
string, the first with a mineral name is kept.""",
    "prototypes": """Package licence: MIT; the source file is `pymatgen/analysis/prototypes/aflow_prototypes.json.gz`. Cite M. J. Mehl et al.,
Comput. Mater. Sci. 136 (2017) S1.

Made: each example crystal as it is. `id` is the AFLOW label, `name` the mineral and Strukturbericht symbols where there are any. The letters of the label are
AFLOW's and need not be those of the string; two labels may share a string, and four examples
(A2B_oC12_38_de_ab, AB3_tI16_140_b_ah, AB4_oC20_41_a_2b, AB_oP8_33_a_a) have a higher symmetry than their label says.""",
    "phonons": """Computed, not measured: frequencies of crystals by two interatomic potentials, `teacher` names which. sevennet-l3i5 is 7net-l3i5 of the
package `sevenn` 0.13 (MIT; Y. Park et al., J. Chem. Theory Comput. 20 (2024) 4857), nequix-oam-1-pft the checkpoint of that name (CC-BY-4.0).
Structures by `source`: mp20, mpts52 and flla are of the Materials Project (CC-BY-4.0; cite A. Jain et al., APL Mater. 1 (2013) 011002), wbm
of WBM (CC-BY-4.0; cite H.-C. Wang, S. Botti and M. A. L. Marques, npj Comput. Mater. 7 (2021) 12), amcsd of the American Mineralogist
Crystal Structure Database (cite R. T. Downs and M. Hall-Wallace, American Mineralogist 88 (2003) 247).

Made: `spec/tools/label_phonons.py`, finite displacements of 0.02 Å in supercells with 7 Å between opposite faces, cells as given, no LO-TO
splitting. `frequencies` are 64 quantiles ((i + 1/2) / 64) of the density of states in THz, kept as multiples of 0.02.
`band_gap` is in eV where the source has one. No formula of Matbench phonons or of `phonon_heat_capacity` is among them; formulas of the
table thermal and of JANAF are, so leave them out by formula before you measure on those (`exclude_shared: formula`).

How good they are: Cv(300 K) differs from DFT by 0.07 J/mol_atom/K (sevennet-l3i5, 5 crystals) and 0.06 (nequix-oam-1-pft, 4); the highest peak of the density of
45 crystals of Matbench phonons by 31 and 16 1/cm in the mean, most for hydrides.

`read_builtin` gives a row for each crystal, teacher and temperature, with the heat capacity, energy, entropy and free energy of 64 oscillators
of equal weight, in the units of the table thermal; below 50 K the quantiles are too coarse, so there are none.""",
}


def _section(table: BuiltTable) -> str:
    excluded = "\n".join(
        f"- {reason}{': ' if names else ''}{names}" for reason, names in table.excluded.items()
    )
    return f"""
## {table.name}

{table.note}.

| package | source SHA-256 | rows | bytes | `{table.name}.csv.gz` SHA-256 |
| --- | --- | --- | --- | --- |
| {table.package} | `{table.source}` | {table.rows} | {len(table.data)} | `{sha256(table.data).hexdigest()}` |

{ABOUT[table.name]}

Left out:

{excluded or "- nothing"}
"""


def sources_page(tables: Iterable[BuiltTable]) -> str:
    return HEAD + "".join(_section(table) for table in tables)
