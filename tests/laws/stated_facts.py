"""CIFs whose stated facts are known: sound ones as programs write them, falsified ones, and each setting in four forms.

The laws run a share of them; `make stated-facts` runs all, on structures of the shared data.
"""

import gzip
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import gemmi
import numpy as np
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter

from cloudkit.encoding import Encoded, encode_files
from cloudkit.io.settings import settings_of
from cloudkit.tables import SPACE_GROUPS

SYMPREC = 0.01
RECIPES = (  # group, parameters of the lattice, atoms on the asymmetric unit
    ("Fm-3m", Lattice.cubic(5.64), {"Na": (0, 0, 0), "Cl": (0.5, 0.5, 0.5)}),
    ("Fd-3m", Lattice.cubic(8.08), {"Mg": (0, 0, 0), "Al": (0.625, 0.625, 0.625), "O": (0.3874,) * 3}),
    ("P6_3mc", Lattice.hexagonal(3.82, 6.26), {"Zn": (1 / 3, 2 / 3, 0), "S": (1 / 3, 2 / 3, 0.375)}),
    ("P4_2/mnm", Lattice.tetragonal(4.59, 2.96), {"Ti": (0, 0, 0), "O": (0.305, 0.305, 0)}),
    ("Pnma", Lattice.orthorhombic(5.44, 7.64, 5.38), {"Ca": (0.036, 0.25, 0.993), "Ti": (0, 0, 0.5), "O": (0.288, 0.037, 0.711)}),
    ("R-3m", Lattice.hexagonal(2.88, 14.05), {"Li": (0, 0, 0.5), "Co": (0, 0, 0), "O": (0, 0, 0.24)}),
    ("P2_1/c", Lattice.monoclinic(5.15, 5.21, 5.32, 99.2), {"Zr": (0.275, 0.04, 0.208), "O": (0.07, 0.33, 0.345)}),
    ("C2/m", Lattice.monoclinic(5.4, 8.6, 6.3, 107), {"Na": (0, 0.2, 0.5), "Cl": (0.22, 0, 0.25)}),
    ("Pm-3m", Lattice.cubic(3.905), {"Sr": (0, 0, 0), "Ti": (0.5, 0.5, 0.5), "O": (0.5, 0.5, 0)}),
    ("I4_1/amd", Lattice.tetragonal(3.78, 9.51), {"Ti": (0, 0, 0), "O": (0, 0, 0.208)}),
)  # fmt: skip


def own_structures() -> Iterator[Structure]:
    """A few crystals of each system."""
    for group, lattice, atoms in RECIPES:
        yield Structure.from_spacegroup(group, lattice, list(atoms), [list(x) for x in atoms.values()])


def shared_structures(shared: Path, step: int) -> Iterator[Structure]:
    """Each step-th structure of the shared binary and ternary crystals."""
    with gzip.open(shared / "data/mp20_binary_ternary.jsonl.gz", "rt") as file:
        for number, line in enumerate(file):
            if number % step == 0:
                row = json.loads(line)["structure"] if "structure" in line[:4000] else json.loads(line)
                yield Structure(row["lattice"], row["species"], row["frac"])


# Sound files


def written(structure: Structure) -> Iterator[tuple[str, str]]:
    """CIFs of a structure as pymatgen and ASE write them: (how, text)."""
    symmetrized = str(CifWriter(structure, symprec=SYMPREC))
    yield "pymatgen, P1", str(CifWriter(structure))
    yield "pymatgen, symmetrized", symmetrized
    yield "pymatgen, without operations", without_operations(symmetrized)
    buffer = BytesIO()
    AseAtomsAdaptor.get_atoms(structure).write(buffer, format="cif")
    yield "ASE, P1", buffer.getvalue().decode()


def without_operations(text: str) -> str:
    """A CIF of pymatgen's without its list of operations, with the code of the origin and the axes that it is in."""
    plain = re.sub(r"loop_\n _symmetry_equiv_pos_site_id\n.*?(?=loop_)", "", text, count=1, flags=re.DOTALL)
    number = int(re.search(r"_symmetry_Int_Tables_number\s+(\d+)", text)[1])  # type: ignore[index]
    code = {"1": "1", "2": "1", "H": "H", "R": "H"}.get(settings_of(number)[0].ext, "")
    return (
        plain.replace("loop_", f"_space_group_IT_coordinate_system_code {code}\nloop_", 1) if code else plain
    )


def as_gemmi(setting: gemmi.SpaceGroup, form: str, seed: int = 0) -> str:
    """A crystal of three kinds of atoms in a setting, whose group is stated in one of FORMS."""
    draw = np.random.default_rng([setting.number, seed])
    ops = list(gemmi.symops_from_hall(setting.hall))
    block = gemmi.cif.Document().add_new_block("x")
    for name, value in zip(
        ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"),
        _cell(ops, draw),
        strict=True,
    ):
        block.set_pair(f"_cell_{name}", f"{value:.8f}")
    if form in ("name and number", "name"):
        block.set_pair("_space_group_name_H-M_alt", f"'{setting.xhm()}'")
    if form == "name and number":
        block.set_pair("_space_group_IT_number", str(setting.number))
    if form == "Hall":
        block.set_pair(
            "_space_group_name_Hall", f"'{setting.hall}'" if '"' in setting.hall else f'"{setting.hall}"'
        )
    if form == "operations":
        loop = block.init_loop("_space_group_symop_", ["operation_xyz"])
        for op in ops:
            loop.add_row([f"'{op.triplet()}'"])
    sites = block.init_loop("_atom_site_", ["label", "type_symbol", "fract_x", "fract_y", "fract_z"])
    for number, symbol in enumerate(("He", "Ne", "F"), 1):
        sites.add_row([f"{symbol}{number}", symbol, *(f"{x:.6f}" for x in draw.uniform(0.03, 0.47, 3))])
    return block.as_string()


FORMS = ("operations", "name and number", "name", "Hall")


def _cell(ops: list[gemmi.Op], draw: np.random.Generator) -> tuple[float, ...]:
    """A large cell of which all operations are isometries: lengths and angles."""
    turns = np.array([op.rot for op in ops]) / gemmi.Op.DEN
    bias = draw.uniform(-0.12, 0.12, (3, 3))
    start = np.diag(draw.uniform(0.9, 1.3, 3)) + bias + bias.T
    metric = np.einsum("kji,jl,klm->im", turns, start, turns) / len(turns)
    a, b, c = lengths = np.sqrt(np.diag(metric))
    cosines = (metric[1, 2] / (b * c), metric[0, 2] / (a * c), metric[0, 1] / (a * b))
    scale = (len(ops) * 3 * 120 / np.sqrt(np.linalg.det(metric))) ** (1 / 3)
    return (*(lengths * scale).tolist(), *np.degrees(np.arccos(cosines)).tolist())


# Falsified files


def _swap(pattern: str, text: str, new: Callable[[re.Match[str]], str]) -> str:
    return re.sub(pattern, new, text, count=1, flags=re.MULTILINE)


def _other_symbol(text: str, draw: random.Random) -> str:
    stated = re.search(r"_symmetry_space_group_name_H-M\s+'?([^'\n]+)", text)[1].replace("_", "")  # type: ignore[index]
    symbols = [group.symbol for group in SPACE_GROUPS[2:] if group.symbol.replace("_", "") != stated]
    return _swap(
        r"^(_symmetry_space_group_name_H-M\s+).*$", text, lambda m: f"{m[1]}'{draw.choice(symbols)}'"
    )


def _other_number(text: str, draw: random.Random) -> str:
    return _swap(
        r"^(_symmetry_Int_Tables_number\s+)(\d+)$",
        text,
        lambda m: f"{m[1]}{draw.choice([n for n in range(3, 231) if n != int(m[2])])}",
    )


def _other_operation(text: str, draw: random.Random) -> str:
    lines = re.findall(r"^\s+\d+\s+'[^']+'$", text, flags=re.MULTILINE)
    line = draw.choice(lines[1:]) if len(lines) > 1 else lines[0]
    broken = (
        line.replace("'", "'-", 1).replace("'--", "'") if "1/2" not in line else line.replace("1/2", "1/3", 1)
    )
    return text.replace(line, broken, 1)


def _other_units(text: str, draw: random.Random) -> str:
    return _swap(
        r"^(_cell_formula_units_Z\s+)(\d+)$", text, lambda m: f"{m[1]}{int(m[2]) + draw.choice([1, 2, 5])}"
    )


def _other_formula(text: str, draw: random.Random) -> str:
    def change(match: re.Match[str]) -> str:
        words = match[2].split()
        at = draw.randrange(len(words))
        symbol, number = re.fullmatch(r"([A-Z][a-z]?)(\d+)", words[at]).groups()  # type: ignore[union-attr]
        words[at] = draw.choice([f"{symbol}{int(number) + 1}", f"Xe{number}"])
        return f"{match[1]}'{' '.join(words)}'"

    return _swap(r"^(_chemical_formula_sum\s+)'([^']+)'$", text, change)


SITE = r"^\s+([A-Z][a-z]?)\s+(\S+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s+1$"


def _other_coordinate(text: str, draw: random.Random) -> str:
    site = draw.choice(list(re.finditer(SITE, text, flags=re.MULTILINE)))
    words = site[0].split()
    at = draw.choice([3, 4, 5])
    words[at] = f"{float(words[at]) + draw.choice([0.13, 0.21, 0.37]):.6f}"
    return text[: site.start()] + "  ".join(["", *words]) + text[site.end() :]


def _other_element(text: str, draw: random.Random) -> str:
    site = draw.choice(list(re.finditer(SITE, text, flags=re.MULTILINE)))
    words = site[0].split()
    words[0] = draw.choice([symbol for symbol in ("Xe", "Rn", "Kr") if symbol != words[0]])
    return text[: site.start()] + "  ".join(["", *words]) + text[site.end() :]


def _other_origin(text: str, draw: random.Random) -> str:
    number = int(re.search(r"_symmetry_Int_Tables_number\s+(\d+)", text)[1])  # type: ignore[index]
    settings = [one for one in settings_of(number) if one.ext in ("2", "R")]
    if not settings:
        return _other_symbol(text, draw)
    return _swap(r"^(_symmetry_space_group_name_H-M\s+).*$", text, lambda m: f"{m[1]}'{settings[0].xhm()}'")


FALSIFIERS = {
    "symbol": _other_symbol,
    "number": _other_number,
    "operation": _other_operation,
    "Z": _other_units,
    "formula": _other_formula,
    "coordinate": _other_coordinate,
    "type symbol": _other_element,
    "origin": _other_origin,
}


def encoded(texts: list[str]) -> list[Encoded]:
    """What encode makes of CIFs, one row each."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            (Path(folder) / f"{number:05}.cif").write_text(text)
        return list(encode_files([folder]))


def is_noticed(row: Encoded) -> bool:
    """Whether a contradiction was refused or noted."""
    return row.error is not None or bool(row.notes)


def contradictions(row: Encoded) -> list[str]:
    """The notes but those on atoms that are too close, which is true of some random coordinates."""
    return [note for note in row.notes if "closer than any bond" not in note]


def main(shared: Path) -> None:
    """All of it: 1,000 CIFs as written, 300 falsified, all settings in four forms."""
    structures = list(shared_structures(shared, 45))
    texts = [(how, text) for structure in structures[:300] for how, text in written(structure)]
    for number, one in enumerate(gemmi.spacegroup_table()):
        texts += (
            [("gemmi, " + FORMS[number % 4], as_gemmi(one, FORMS[number % 4], 7))] if number % 5 == 0 else []
        )
    counts: Counter[str] = Counter()
    for (how, text), row in zip(texts, encoded([text for _, text in texts]), strict=True):
        counts[how] += 1
        if is_noticed(row) and ("gemmi" not in how or row.error or contradictions(row)):
            counts[f"{how}: FALSE"] += 1
            print(how, row.notes or row.error, text[:300] if "gemmi" in how else "")
    print("written:", sum(n for how, n in counts.items() if "FALSE" not in how), dict(counts))

    draw = random.Random(18)
    sound = [str(CifWriter(structure, symprec=SYMPREC)) for structure in structures[:300]]
    sound = [text for text, row in zip(sound, encoded(sound), strict=True) if not is_noticed(row)]
    noted = min(300, len(structures)) - len(sound)
    kinds = list(FALSIFIERS)
    false = [
        (kinds[n % len(kinds)], FALSIFIERS[kinds[n % len(kinds)]](text, draw)) for n, text in enumerate(sound)
    ]
    changed = [(kind, text, old) for (kind, text), old in zip(false, sound, strict=True) if text != old]
    rows = encoded([text for _, text, _ in changed])
    noticed = Counter(kind for (kind, *_), row in zip(changed, rows, strict=True) if is_noticed(row))
    given = Counter(kind for kind, *_ in changed)
    print(
        f"falsified: {noticed.total()} of {given.total()} noticed",
        {kind: f"{noticed[kind]}/{n}" for kind, n in given.items()},
    )
    print(f"unfalsified with a note: {noted} of 300")

    wrong = 0
    settings = list(gemmi.spacegroup_table())[:530]
    for form in FORMS[1:]:
        texts_of = [as_gemmi(one, form) for one in settings]
        for one, first, second in zip(
            settings, encoded([as_gemmi(one, FORMS[0]) for one in settings]), encoded(texts_of), strict=True
        ):
            if (
                first.scope != second.scope
                or first.scope is None
                or contradictions(second)
                or contradictions(first)
            ):
                wrong += 1
                print(
                    form,
                    one.xhm(),
                    first.space_group,
                    second.space_group,
                    second.notes,
                    first.notes,
                    second.error,
                )
    print(f"settings: {3 * len(settings) - wrong} of {3 * len(settings)} comparisons agree")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
