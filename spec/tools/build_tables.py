"""Write spec/tables/*.csv: the facts about space groups, Wyckoff positions and elements that SCOPE builds on.

    pip install pymatgen moyopy ase
    pip download --no-deps --dest WHEELS pyxtal
    python spec/tools/build_tables.py --wyckoff WHEELS/pyxtal-*.whl

Run it only to change the facts; `compile_tables.py` turns the CSV files into code and needs no package at all.
spec/tables/SOURCES.md says where each column comes from.
"""

import argparse
import ast
import csv
import io
import json
import math
import warnings
import zipfile
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import ase.data
import moyopy
import numpy as np
from operations import operations, read_coordinates
from pymatgen.core import Element
from site_symmetry import site_symmetry

TABLES = Path(__file__).resolve().parents[1] / "tables"

GENERIC = np.array([0.1371, 0.2293, 0.3917])  # x, y, z of a point on no special position

# Published strings that are not pymatgen's: labels that the published weights know.
PUBLISHED = {39: "03aODDbOOOcODO0", 131: "13bDDOgDOOcODD0", 222: "14bDDOcDODdOOOeOOD1YYY"}
# Published strings that do not generate their group; pymatgen's do.
WRONG = (39, 131)


def write(name: str, header: list[str], rows: Iterable[Iterable[object]]) -> None:
    with (TABLES / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def pymatgen_generators() -> dict[int, str]:
    """Space group number -> generator string, in the hexagonal axes for R groups."""
    text = resources.files("pymatgen.symmetry").joinpath("symm_data.json").read_text()
    encodings = json.loads(text)["space_group_encoding"]
    return {entry["int_number"]: entry["enc"] for entry in encodings.values()}


def space_group_rows() -> Iterable[list[object]]:
    generators = pymatgen_generators()
    for number in range(1, 231):
        kind = moyopy.SpaceGroupType(number)
        encoding = generators[number]
        published = PUBLISHED.get(number, encoding)
        correct = encoding if number in WRONG else published
        system = (
            "trigonal"
            if 143 <= number <= 167
            else "hexagonal"
            if 168 <= number <= 194
            else kind.crystal_system.lower()
        )
        symbol = kind.hm_short.replace(" ", "")
        yield [number, symbol, published, correct, kind.geometric_crystal_class, symbol[0], system]


def wyckoff_rows(wheel: Path) -> Iterable[list[object]]:
    """One row for each Wyckoff position, letters from a up; SG 47's 27th is written 'A'."""
    csv.field_size_limit(10_000_000)
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("pyxtal/database/wyckoff_list.csv").decode()
    positions = {
        int(row[0]): ast.literal_eval(row[1])
        for row in csv.reader(io.StringIO(text))
        if row[1].startswith("[[")
    }
    systems = {row[0]: (row[1], row[-1]) for row in space_group_rows()}
    for number in range(1, 231):
        symbol, system = systems[number]
        lattice = (
            "rhombohedral" if symbol.startswith("R") else "hexagonal" if system == "trigonal" else system
        )
        rotations, translations = operations(number)
        for index, orbit in enumerate(reversed(positions[number])):
            letter = "abcdefghijklmnopqrstuvwxyzA"[index]
            linear, constant = read_coordinates(orbit[0])
            site = site_symmetry(rotations, translations, linear @ GENERIC + constant, lattice)
            freedom = np.linalg.matrix_rank(linear)
            yield [number, letter, len(orbit), freedom, site, orbit[0].replace(" ", "")]


def number_or_blank(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else repr(round(float(value), 6))


def element_rows() -> Iterable[list[object]]:
    elements = [Element.from_Z(number) for number in range(1, 119)]
    order = sorted(elements, key=lambda e: (e.X if math.isfinite(e.X) else math.inf, e.symbol))
    for element in elements:
        radius = element.atomic_radius
        yield [
            element.Z, element.symbol, element.long_name, number_or_blank(element.atomic_mass),
            number_or_blank(element.X), order.index(element), element.row, element.group, element.block,
            number_or_blank(ase.data.covalent_radii[element.Z]) if element.Z <= 96 else "",
            number_or_blank(None if radius is None else float(radius)),
            number_or_blank(element.mendeleev_no), number_or_blank(element.ionization_energy),
            number_or_blank(element.data.get("Electron affinity")), number_or_blank(element.melting_point),
            number_or_blank(element.molar_volume),
            max(element.common_oxidation_states, default=""), min(element.common_oxidation_states, default=""),
            " ".join(map(str, sorted(element.icsd_oxidation_states or element.common_oxidation_states))),
        ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wyckoff", type=Path, required=True, help="the pyxtal wheel")
    wheel = parser.parse_args().wyckoff
    warnings.simplefilter("ignore")  # pymatgen warns for each property that an element lacks
    write(
        "space_groups.csv",
        [
            "number",
            "symbol",
            "generators",
            "correct_generators",
            "point_group",
            "centering",
            "crystal_system",
        ],
        space_group_rows(),
    )
    write(
        "wyckoff.csv",
        ["space_group", "letter", "multiplicity", "degrees_of_freedom", "site_symmetry", "representative"],
        wyckoff_rows(wheel),
    )
    write("elements.csv", ["number", "symbol", "name", "mass", "electronegativity", "order", "period", "group", "block", "covalent_radius", "atomic_radius", "mendeleev_number", "ionization_energy", "electron_affinity", "melting_point", "molar_volume", "highest_oxidation_state", "lowest_oxidation_state", "oxidation_states"], element_rows())  # fmt: skip


if __name__ == "__main__":
    main()
