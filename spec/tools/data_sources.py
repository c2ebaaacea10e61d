"""The page cloudkit/data/builtin/SOURCES.md: where each built-in table comes from, its hashes, and what was left out."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple


class BuiltTable(NamedTuple):
    """A built-in table. source: SHA-256 of what was read; data: the file; excluded: reason -> names or ''."""

    name: str
    package: str
    source: str
    data: bytes
    rows: int
    note: str
    excluded: Mapping[str, str]


HEAD = """# Built-in data: sources

Written by `python spec/tools/build_data.py`; do not edit. The tables contain facts (the element on each orbit of a space
group, and numbers computed from densities of states), but no text and no files of the packages from which they were read.
Strings are canonical `orbit` strings of cloudkit's default encoder (moyo, symprec 0.01 Å).
"""

ABOUT = {
    "thermal": """Package licence: Apache-2.0. Source: the crystal structures (mostly from the Crystallography Open Database) and the phonon
densities of states per element of NCrystal's standard library; each of its files names the papers that it is based on. Cite X.-X. Cai
and T. Kittelmann, Comput. Phys. Commun. 246 (2020) 106851. The source hash is that of the texts of all materials that were read, in
alphabetical order.

How it was made: an element's density is linear between the points of its grid, grows as E² from zero to the first of them, and is
normalized to 3; a crystal's density is their mean weighted by atomic fraction. Heat capacity, internal energy, entropy and
free energy are those of independent harmonic oscillators, integrated in float64 with 8 Gauss-Legendre points per interval,
per mole of atoms, with zero-point energy, six significant digits. They are therefore harmonic, at the volume of the source,
without thermal expansion, electrons, magnetism, melting or phase transitions; at a few kelvin they depend on the E² extension. A
compound that melts or transforms below 1000 K still has values up to that temperature.

Accuracy: the entropies of 27 non-magnetic substances at 298.15 K differ from the measured values of CODATA by 3 % in the
median. The largest differences are those of rutile (+16 %), boric acid (-15 %) and corundum (+13 %), whose densities of states, mostly
digitized from figures or computed, are softer or harder than the crystal. The comparison is in tests/unit/builtin_data.

`id` is the name of NCrystal's material, `n_atoms` counts the conventional cell, `temperature` is in K, heat capacity and entropy are in
J/mol_atom/K, internal and free energy in J/mol_atom. `part` is test if the first 8 bytes of the SHA-256 of the reduced formula,
read as a big-endian number, are divisible by 3, so polymorphs are in the same part. Hydrogen has its natural isotopes;
enriched compounds are left out, because SCOPE writes D as H, so two sets of values would have the same string.""",
    "minerals": """Package licence: MIT; the database file inside the wheel (`amcsd_cif1.db`, whose hash is the source hash) is a trimmed copy
of the American Mineralogist Crystal Structure Database. Cite R. T. Downs and M. Hall-Wallace, American Mineralogist 88 (2003) 247.

How it was made: the asymmetric unit is expanded with the listed symmetry operations; a site closer than 0.15 Å to its own image is moved
onto the symmetry element. Only ordered structures whose cell has the published formula (1 % per element, D counted as H) are kept, with at
most 60 compact tokens. `id` is the AMCSD code, `name` the mineral (empty for other compounds). If several determinations have
the same string, the first one with a mineral name is kept.""",
    "prototypes": """Package licence: MIT; the source file is `pymatgen/analysis/prototypes/aflow_prototypes.json.gz`. Cite M. J. Mehl et al.,
Comput. Mater. Sci. 136 (2017) S1.

How it was made: from each example crystal, unchanged. `id` is the AFLOW label, `name` the mineral and Strukturbericht symbols, if any. The letters
in a label are those of AFLOW and may differ from those in the string. Two labels may have the same string, and four examples
(A2B_oC12_38_de_ab, AB3_tI16_140_b_ah, AB4_oC20_41_a_2b, AB_oP8_33_a_a) have a higher symmetry than their label says.""",
    "phonons": """Computed, not measured: phonon frequencies from two interatomic potentials, named in the column `teacher`. sevennet-l3i5 is 7net-l3i5 of the
package `sevenn` 0.13 (MIT; Y. Park et al., J. Chem. Theory Comput. 20 (2024) 4857), and nequix-oam-1-pft is the checkpoint of that name (CC-BY-4.0).
The column `source` names the origin of a structure: mp20, mpts52 and flla are from the Materials Project (CC-BY-4.0; cite A. Jain et al., APL Mater. 1 (2013) 011002), wbm
is from WBM (CC-BY-4.0; cite H.-C. Wang, S. Botti and M. A. L. Marques, npj Comput. Mater. 7 (2021) 12), and amcsd from the American Mineralogist
Crystal Structure Database (cite R. T. Downs and M. Hall-Wallace, American Mineralogist 88 (2003) 247).

How it was made: with `spec/tools/label_phonons.py`, by finite displacements of 0.02 Å in supercells with 7 Å between opposite faces, without relaxing
the cells and without LO-TO splitting. `frequencies` are 64 quantiles ((i + 1/2) / 64) of the density of states in THz, rounded to multiples of 0.02.
`band_gap` is in eV, if the source has one. The table has no formula of Matbench phonons or of `phonon_heat_capacity`. It has formulas of the
table thermal and of JANAF: exclude them from training before you evaluate on those (`exclude_shared: formula`).

Accuracy: Cv(300 K) differs from DFT by 0.07 J/mol_atom/K (sevennet-l3i5, 5 crystals) and 0.06 (nequix-oam-1-pft, 4). The highest peak of the phonon
density of states of 45 crystals of Matbench phonons differs by 31 and 16 1/cm on average, most for hydrides.

`read_builtin` returns a row for each crystal, teacher and temperature, with the heat capacity, energy, entropy and free energy of 64 oscillators
of equal weight, in the units of the table thermal. It starts at 50 K, because the quantiles are too coarse below.""",
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
