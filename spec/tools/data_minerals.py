"""Minerals: the ordered experimental structures of the AMCSD database file inside the `larixite` wheel.

A row of the database holds the sites of the asymmetric unit, the symmetry operations and the formula as published.
A structure is kept if every site is full and is one element, and if the expanded cell has the published formula:
that leaves out unlocated hydrogen atoms, water molecules written as one site, and errors of transcription.
"""

import json
import re
import sqlite3
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from data_crystal import Encoded, Entry, Floats, encode_entries, entry_formula, first_of_each
from data_symmetry import Refused, check_distances, check_metric, expand_site, read_cell, read_operations
from numpy.typing import NDArray

from cloudkit.tables import ELEMENT

COLUMNS: Final = ("id", "name", "formula", "scope", "space_group")
LONGEST: Final = 60  # compact tokens: [CLS], group, element and Wyckoff symbol of each orbit, [SEP]
SCALE: Final = 4e6  # the database stores coordinates and occupancies as integers, 4,000,000 = 1
MISSING: Final = ("0", "None", "<missing>", "", None)
QUERY: Final = """
    select c.id, m.name, s.symmetry_xyz, c.formula, c.atoms_sites, c.atoms_x, c.atoms_y, c.atoms_z, c.atoms_occupancy,
           c.a, c.b, c.c, c.alpha, c.beta, c.gamma
    from cif c left join minerals m on m.id = c.mineral_id left join spacegroups s on s.id = c.spacegroup_id
    order by c.id"""


def read_formula(text: str) -> dict[str, float]:
    """'Al2 O3' -> {'Al': 2, 'O': 3}; D counts as H; brackets, which mark sites shared by elements, have no factor."""
    text = re.sub(r"[()]", " ", text)
    if not re.fullmatch(r"(?:\s*[A-Z][a-z]?\d*(?:\.\d+)?)+\s*", text):
        raise Refused("unreadable formula")
    counts: dict[str, float] = {}
    for symbol, number in re.findall(r"([A-Z][a-z]?)(\d*(?:\.\d+)?)", text):
        symbol = "H" if symbol == "D" else symbol
        counts[symbol] = counts.get(symbol, 0.0) + float(number or 1)
    if unknown := set(counts) - set(ELEMENT):
        raise Refused(f"formula with {min(unknown)}, which is not an element")
    return counts


def element_of(label: str, elements: set[str]) -> str:
    """Element of a site label such as SiT1, Ow2 or D1, given the elements of the formula."""
    if label[:1] == "D" and label[:2] != "Dy":
        label = "H" + label[1:]
    for symbol in (label[:2], label[:1]):
        if symbol in elements:
            return symbol
    raise Refused("site that is not a single element of the formula")


def _numbers(text: str) -> Floats:
    values: NDArray[np.int32] = np.frombuffer(b64decode(text), dtype="<i4")
    return values / SCALE


def _check_formula(symbols: tuple[str, ...], formula: dict[str, float]) -> None:
    """The cell's composition is the published one, to 1 % in each element."""
    counts = Counter(symbols)
    if set(counts) != set(formula):
        raise Refused("sites do not add up to the formula")
    ratios = [counts[symbol] / formula[symbol] for symbol in formula]
    if max(ratios) > 1.01 * min(ratios):
        raise Refused("sites do not add up to the formula")


def read_entry(row: tuple[str, ...]) -> Entry:
    """The expanded crystal of one row of QUERY; raises Refused with the reason."""
    number, name, operations_text, formula_text, labels_text, *rest = row
    if labels_text in MISSING:
        raise Refused("no sites")
    formula = read_formula(formula_text.strip())
    labels = json.loads(labels_text)
    if rest[3] not in MISSING and not np.all(_numbers(rest[3]) == 1):
        raise Refused("partly filled sites")
    sites = np.stack([_numbers(text) for text in rest[:3]], axis=1)
    if np.abs(sites).max() >= 2:
        raise Refused("unknown coordinates")
    lattice = read_cell(rest[4:])
    operations = read_operations(operations_text)
    check_metric(lattice, operations)
    images = [expand_site(site, operations, lattice) for site in sites]
    symbols = tuple(
        element_of(label, set(formula)) for label, group in zip(labels, images, strict=True) for _ in group
    )
    _check_formula(symbols, formula)
    positions = np.concatenate(images)
    check_distances(positions, lattice)
    return Entry(f"{int(number):07d}", "" if name in MISSING else name, lattice, positions, symbols)


def read_database(path: Path) -> tuple[list[Entry], Counter[str]]:
    """The ordered crystals of the database, and how many rows were left out for which reason."""
    entries: list[Entry] = []
    refused: Counter[str] = Counter()
    for row in _query(path):
        try:
            entries.append(read_entry(row))
        except Refused as reason:
            refused[str(reason)] += 1
    return entries, refused


def _query(path: Path) -> Iterator[tuple[str, ...]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        yield from database.execute(QUERY)


def _is_short(item: Encoded) -> bool:
    return len(item.scope.partition("|")[2].split()) + 3 <= LONGEST


def build(path: Path) -> tuple[list[tuple[str, ...]], Counter[str]]:
    """Rows of the table by AMCSD number, and the number of structures left out by reason.

    Of several determinations of one string the first that has a mineral name is kept.
    """
    entries, refused = read_database(path)
    encoded, failed = encode_entries(entries)
    refused.update(reason.partition(":")[0] for _, reason in failed)
    short = [item for item in encoded if _is_short(item)]
    refused["very long string"] += len(encoded) - len(short)
    kept = first_of_each(sorted(short, key=lambda item: (not item.entry.name, item.entry.id)))
    refused["same string as another structure"] += len(short) - len(kept)
    rows: list[tuple[str, ...]] = [
        (item.entry.id, item.entry.name, entry_formula(item.entry), item.scope, str(item.space_group))
        for item in sorted(kept, key=lambda item: item.entry.id)
    ]
    return rows, refused
