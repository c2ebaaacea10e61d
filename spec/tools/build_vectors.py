"""Write spec/vectors: strings, and what every reader of SCOPE must find in them; CI diffs the result (`make vectors`).

    python spec/tools/build_vectors.py

Trees, canonical texts, codes, offsets and compact ids follow from the construction with spec/tables and spec/vocab alone,
without a reader of cloudkit. Only the ids of the published vocabulary are the Python twin's; tests/laws/test_published_tokenizer.py
compares that twin with the `tokenizers` package. The generator is seeded, so it writes the same files each time.
"""

import csv
import json
import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudkit._native.twin import encode_cloud

SPEC = Path(__file__).resolve().parents[1]
VOCABULARY = (SPEC / "vocab/compact.txt").read_text().split("\n")
COMPACT = {token: index for index, token in enumerate(VOCABULARY)}
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
Site = tuple[str, list[tuple[str, float]]]  # Wyckoff letter, [(element, occupancy), ...]
Vector = tuple[str, str, dict[str, Any]]  # clause, name, content


def read(name: str) -> list[dict[str, str]]:
    with (SPEC / "tables" / name).open(newline="") as file:
        return list(csv.DictReader(file))


GENERATORS = {int(row["number"]): " ".join(row["generators"]) for row in read("space_groups.csv")}
ELEMENTS = {row["symbol"]: int(row["order"]) for row in read("elements.csv")}
CENTERING = {int(row["number"]): row["centering"] for row in read("space_groups.csv")}
POINTS = {"P": 1, "A": 2, "C": 2, "I": 2, "R": 3, "F": 4}  # lattice points of a conventional cell
RENAMINGS = {int(row["space_group"]): row["permutations"].split() for row in read("normalizer.csv")}
POSITIONS: dict[int, dict[str, tuple[int, int]]] = {}
for row in read("wyckoff.csv"):
    numbers = int(row["multiplicity"]), int(row["degrees_of_freedom"])
    POSITIONS.setdefault(int(row["space_group"]), {})[row["letter"]] = numbers


def symbol(group: int, letter: str) -> str:
    return f"{POSITIONS[group][letter][0]}{letter}"


def orbit_text(group: int, sites: list[Site]) -> str:
    words = []
    for letter, species in sites:
        full = len(species) == 1 and species[0][1] == 1.0
        words += [f"{e}" if full else f"{e} {x}" for e, x in species] + [symbol(group, letter)]
    return f"{GENERATORS[group]} | {' '.join(words)}"


def canonical(group: int, sites: list[Site]) -> list[Site]:
    """The smallest sorted list of keys over the renamings: clause 6."""

    def key(letter: str, species: list[tuple[str, float]]) -> tuple[int, list[int], list[float]]:
        return LETTERS.index(letter), [ELEMENTS[e] for e, _ in species], [x for _, x in species]

    ordered = [(letter, sorted(species, key=lambda part: ELEMENTS[part[0]])) for letter, species in sites]
    images = (
        sorted([(p[LETTERS.index(x)], s) for x, s in ordered], key=lambda site: key(*site))
        for p in RENAMINGS[group]
    )
    return min(images, key=lambda image: [key(*site) for site in image])


def head(dialect: str, group: int) -> dict[str, Any]:
    return {"dialect": dialect, "space_group": group, "generators": GENERATORS[group]}


def place(group: int, letter: str) -> dict[str, Any]:
    return {"multiplicity": POSITIONS[group][letter][0], "letter": letter}


def compact_ids(dialect: str, group: int, text: str) -> list[int] | None:
    """Ids in the compact vocabulary (clause 8.2); None if it lacks a word: a sign, or more than two decimals."""
    _, *body = text.split(" | ")
    words = [f"sg:{group}"]
    for word in (" | " if dialect == "full" else " ").join(body).split(" "):
        words += word.removesuffix(",").split(":")
        if ":" in word and not word.endswith(","):
            words.append("|")
    if words[-1] == "|":
        words.pop()
    if any(word not in COMPACT for word in words):
        return None
    return [COMPACT[word] for word in ("[CLS]", *words, "[SEP]")]


def valid(clause: str, text: str, tree: dict[str, Any], canonical_text: str) -> dict[str, Any]:
    ids = {"cloud": encode_cloud(text), "compact": compact_ids(tree["dialect"], tree["space_group"], text)}
    return {"clause": clause, "text": text, "tree": tree, "canonical": canonical_text, "ids": ids}


def orbit_vector(clause: str, group: int, sites: list[Site]) -> dict[str, Any]:
    orbits = [
        place(group, letter) | {"species": [{"element": e, "occupancy": x} for e, x in species]}
        for letter, species in sites
    ]
    text = orbit_text(group, sites)
    vector = valid(
        clause, text, head("orbit", group) | {"orbits": orbits}, orbit_text(group, canonical(group, sites))
    )
    return vector | {
        "projections": {"reduced": reduced_text(group, sites), "full": full_text(group, sites)[0]}
    }


def reduced_text(group: int, sites: list[Site]) -> str:
    """The projection: letters once each, elements by rank, fractions by clause 5.7."""
    atoms: dict[str, int] = {}  # in hundredths
    for letter, species in sites:
        for element, share in species:
            atoms[element] = atoms.get(element, 0) + POSITIONS[group][letter][0] * round(100 * share)
    whole = sum(atoms.values())
    shares = {element: round(n / whole * 100.0) / 100.0 for element, n in atoms.items()}
    symbols = [symbol(group, letter) for letter in LETTERS if letter in {site[0] for site in sites}]
    pairs = [f"{element} {shares[element]}" for element in sorted(shares, key=ELEMENTS.__getitem__)]
    return f"{GENERATORS[group]} | {' '.join(symbols)} | {' '.join(pairs)}"


def reduced_vector(
    clause: str, group: int, letters: list[str], shares: list[tuple[str, float]]
) -> dict[str, Any]:
    """`reduced` in its own order: letters ascending, elements by rank. It is its own canonical text only if letters are."""
    symbols = " ".join(symbol(group, letter) for letter in letters)
    text = f"{GENERATORS[group]} | {symbols} | {' '.join(f'{e} {x}' for e, x in shares)}"
    fractions = [{"element": e, "fraction": x} for e, x in shares]
    tree = head("reduced", group) | {"wyckoff": [place(group, x) for x in letters], "fractions": fractions}
    return valid(clause, text, tree, text)


def full_vector(clause: str, group: int, sites: list[Site], cells: int = 1) -> dict[str, Any]:
    """`full` of the primitive cell, or of a supercell of `cells` of them, in the order of the sites given."""
    text, listed = full_text(group, sites, cells)
    entries = [
        place(group, letter) | {"species": [{"element": e, "occupancy": x} for e, x in species]}
        for letter, species in listed
    ]
    canonical_text, _ = full_text(group, canonical(group, sites))
    return valid(clause, text, head("full", group) | {"sites": entries}, canonical_text)


def full_text(group: int, sites: list[Site], cells: int = 1) -> tuple[str, list[Site]]:
    """(text, the sites listed) of a cell that holds as many primitive cells."""
    counts = [POSITIONS[group][letter][0] * cells // POINTS[CENTERING[group]] for letter, _ in sites]
    listed = [site for site, count in zip(sites, counts, strict=True) for _ in range(count)]
    symbols = " ".join(symbol(group, letter) for letter, _ in listed)
    return (
        f"{GENERATORS[group]} | {symbols} | {' '.join(site_text(species) for _, species in listed)}",
        listed,
    )


def site_text(species: list[tuple[str, float]]) -> str:
    if len(species) == 1 and species[0][1] == 1.0:
        return species[0][0]
    return ", ".join(f"{element}:{x}" for element, x in species)


def some_sites(random_: random.Random, group: int, count: int) -> list[Site]:
    sites: list[Site] = []
    for _ in range(count):
        free = [
            x for x, (_, freedom) in POSITIONS[group].items() if freedom or x not in {s[0] for s in sites}
        ]
        sites.append((random_.choice(free), [(random_.choice(list(ELEMENTS)), 1.0)]))
    return sites


def valid_vectors(random_: random.Random) -> Iterator[Vector]:
    elements = list(ELEMENTS)
    for group in GENERATORS:
        letter = next(iter(POSITIONS[group]))
        yield (
            "3-space-group",
            f"{group:03d}",
            orbit_vector("3.1", group, [(letter, [(elements[group % 118], 1.0)])]),
        )
    seen: set[str] = set()
    for group, positions in POSITIONS.items():
        for letter in positions:
            if symbol(group, letter) not in seen:
                seen.add(symbol(group, letter))
                vector = orbit_vector("4.2", group, [(letter, [(elements[len(seen) % 118], 1.0)])])
                yield "4-tables", f"wyckoff-{symbol(group, letter)}", vector
    for index in range(60):
        group = random_.choice(list(GENERATORS))
        yield (
            "6-canonical",
            f"{index:03d}",
            orbit_vector("6.3", group, some_sites(random_, group, random_.randint(2, 7))),
        )
    for index in range(40):
        group, share = random_.choice(list(GENERATORS)), random_.randint(1, 99)
        first, second = random_.sample(elements, 2)
        letter = random_.choice(list(POSITIONS[group]))
        species = [(first, share / 100), (second, (100 - share) / 100)][: random_.randint(1, 2)]
        yield "5-meaning", f"mixture-{index:03d}", orbit_vector("5.2", group, [(letter, species)])
    for index in range(40):
        group, share = random_.choice(list(GENERATORS)), random_.randint(1, 99)
        letters = [x for x in POSITIONS[group] if random_.random() < 0.4] or ["a"]
        pair = sorted(random_.sample(elements, 2), key=ELEMENTS.__getitem__)
        content = reduced_vector(
            "2.2", group, letters, [(pair[0], share / 100), (pair[1], (100 - share) / 100)]
        )
        yield "2-grammar", f"reduced-{index:03d}", content
    yield from valid_listings(random_)
    yield from valid_edges(random_)
    for index, freedom in enumerate([0, 1, 2, 3] * 6):
        group = random_.choice([g for g in GENERATORS if any(f == freedom for _, f in POSITIONS[g].values())])
        letter = random_.choice([x for x, (_, f) in POSITIONS[group].items() if f == freedom])
        text = orbit_vector("1.1", group, [(letter, [(random_.choice(elements), 1.0)])])
        yield "1-text", f"one-orbit-{index:02d}", text


def valid_edges(random_: random.Random) -> Iterator[Vector]:
    """Sums just within rounding; equal elements on one letter, full and partly filled."""
    for index in range(12):
        group = random_.choice([g for g in GENERATORS if POSITIONS[g]["a"][1] > 0])
        first, second = sorted(random_.sample(list(ELEMENTS), 2), key=ELEMENTS.__getitem__)
        share = random_.randint(2, 98)
        over = [(first, share / 100), (second, (101 - share) / 100)]
        yield "5-meaning", f"edge-{index:02d}", orbit_vector("5.2", group, [("a", over)])
        rest = random_.choice([99, 101]) - share
        parts = [(first, share / 100), (second, rest / 100)]
        yield "5-meaning", f"reduced-edge-{index:02d}", reduced_vector("5.5", group, ["a"], parts)
        tied = [("a", [(first, 1.0)]), ("a", [(first, share / 100)]), ("a", over), ("a", [(second, 1.0)])]
        random_.shuffle(tied)
        yield "6-canonical", f"tied-{index:02d}", orbit_vector("6.1", group, tied)


def valid_listings(random_: random.Random) -> Iterator[Vector]:
    """`full`: primitive cells and supercells, ordered ones (what no vocabulary holds is a warning, so not here)."""
    small = [g for g in GENERATORS if POSITIONS[g][list(POSITIONS[g])[-1]][0] <= 48]
    for index in range(60):
        group = random_.choice(small)
        sites, cells = some_sites(random_, group, random_.randint(1, 4)), random_.choice([1, 1, 2, 3])
        clause = "5.9" if cells > 1 else "5.8"
        yield "5-meaning", f"listing-{index:03d}", full_vector(clause, group, sites, cells)
    for index in range(30):
        group = random_.choice(small)
        sites = canonical(group, some_sites(random_, group, random_.randint(1, 4)))
        yield "6-canonical", f"full-{index:03d}", full_vector("6.5", group, sites)


def invalid(clause: str, text: str, *issues: tuple[int, int, int]) -> dict[str, Any]:
    diagnostics = [
        {"code": f"{'E' if code < 400 else 'W'}{code}", "offset": at, "length": n} for code, at, n in issues
    ]
    return {"clause": clause, "text": text, "diagnostics": diagnostics}


def invalid_vectors(random_: random.Random) -> Iterator[Vector]:
    """Each fault is put into a valid string at a known place."""
    yield "1-text", "empty", invalid("1.1", "", (101, 0, 0))
    for index in range(23):
        group = random_.choice(list(GENERATORS))
        good = orbit_text(group, some_sites(random_, group, 2))
        body = len(GENERATORS[group]) + 3
        words = good[body:].split(" ")
        name = f"{index:02d}"
        blanks = random_.randint(1, 3)
        yield (
            "1-text",
            f"blanks-{name}",
            invalid("1.1", good[:body] + " " * blanks + good[body:], (102, body, blanks)),
        )
        yield "1-text", f"trailing-{name}", invalid("1.1", good + " " * blanks, (102, len(good), blanks))
        junk = random_.choice(
            [
                "0.50",
                "x",
                "4",
                "1000a",
                "é",
                "Na+",
                "Fe:0.5",
                "|",
                "1e-05",
                "-0.5",
                ".5",
                "0.125",
                "NA",
                "\t",
                "\0",
            ]
        )
        size = len(junk.encode())
        yield "2-grammar", f"token-{name}", invalid("2.1", f"{good} {junk}", (103, len(good) + 1, size))
        cut = good[: -len(words[-1]) - 1]
        yield "2-grammar", f"unfinished-{name}", invalid("2.1", cut, (104, len(cut), 0))
        wrong = f"1 9 {GENERATORS[group][4:]}" if len(GENERATORS[group]) > 5 else "0 5 5"
        orbits = [{"multiplicity": 9, "letter": "z", "species": [{"element": "Na", "occupancy": 1.0}]}]
        tree = {"dialect": "orbit", "space_group": None, "generators": wrong, "orbits": orbits}
        unknown = invalid("3.1", f"{wrong} | Na 9z", (201, 0, len(wrong)))
        yield "3-space-group", f"unknown-{name}", unknown | {"tree": tree}
        elements = invalid("4.3", f"{wrong} | X 9z Na 9z", (201, 0, len(wrong)), (202, len(wrong) + 3, 1))
        yield "4-tables", f"two-{name}", elements
        fake = random_.choice(["X", "D", "Xx", "J", "Zz", "Q"])
        yield (
            "4-tables",
            f"element-{name}",
            invalid("4.1", f"{good} {fake} {words[-1]}", (202, len(good) + 1, len(fake))),
        )
        absent = random_.choice(
            [
                s
                for s in ("192l", "7a", "1A", "5c")
                if s[-1] not in POSITIONS[group] or s != symbol(group, s[-1])
            ]
        )
        yield (
            "4-tables",
            f"wyckoff-{name}",
            invalid("4.2", f"{good} H {absent}", (203, len(good) + 3, len(absent))),
        )
    yield from invalid_meanings(random_)
    for index, text in enumerate(ODD_TEXTS):
        issues, offset = [], 0
        for word in text.split(" "):
            size = len(word.encode())
            issues.append((103, offset, size))
            offset += size + 1
        issues.append((104, offset - 1, 0))
        ids = {"ids": {"cloud": encode_cloud(text)}}
        yield "8-vocabularies", f"odd-{index:02d}", invalid("8.3", text, *issues) | ids


# Text that tries the rules of clause 8.3. None of its words is a token of the grammar.
ODD_TEXTS = [
    "10.5", "0.125", "Na[SEP]Cl", "[MASK] [CLS]", "Na\tCl\nK", "Na\x00Cl", "Na\x0bCl", "Na\x85Cl", "Na\u200bCl", "Na\ufffdCl",
    "Na\u00a0Cl", "Na\u2028Cl", "caf\u00e9", "cafe\u0301", "\u4e2dNa\u6587", "Na+Cl-", "Fe:0.5, Ni:0.5", "a`b$c^d", "x" * 100, "x" * 101,
    "1a" * 50, "Uuo", "At", "\u00bfNa\u00ab", "\u212b", "0.99 1.0 1.00", "Na\u0301", "\U00020000Na", "2147483647", "nA NA na",
]  # fmt: skip


def invalid_meanings(random_: random.Random) -> Iterator[Vector]:
    fixed = [(g, x) for g, ps in POSITIONS.items() for x, (_, freedom) in ps.items() if freedom == 0]
    for index in range(24):
        group = random_.choice(list(GENERATORS))
        start = GENERATORS[group] + " | "
        letter = random_.choice(list(POSITIONS[group]))
        site, at, name = symbol(group, letter), len(start), f"{index:02d}"
        first, second = random_.sample(list(ELEMENTS), 2)
        share = random_.randint(10, 40) / 100
        parts = f"{first} {share} {second} 0.5"
        yield (
            "5-meaning",
            f"sum-{name}",
            invalid("5.5", f"{start}{site} | {parts}", (301, at + len(site) + 3, len(parts))),
        )
        parts = f"{first} 0.7 {second} 0.{random_.randint(4, 9)}"
        yield (
            "5-meaning",
            f"occupancy-{name}",
            invalid("5.2", f"{start}{parts} {site}", (302, at, len(parts))),
        )
        parts = f"{first} 0.51 {second} 0.51"
        edge = invalid("5.2", f"{start}{parts} {site}", (302, at, len(parts)))
        yield "5-meaning", f"over-edge-{name}", edge
        yield (
            "5-meaning",
            f"full-{name}",
            invalid("5.3", f"{start}{first} 1.0 {site}", (306, at, len(first) + 4)),
        )
        parts = f"{first} 0.5 {first} 0.5"
        yield (
            "5-meaning",
            f"element-{name}",
            invalid("5.6", f"{start}{parts} {site}", (305, at + len(first) + 5, len(first))),
        )
        twice = f"{start}{site} {site} | {first} 1.0"
        yield "5-meaning", f"listed-{name}", invalid("5.5", twice, (304, at + len(site) + 1, len(site)))
        thrice = f"{start}{site} {site} {site} | {first} 0.4 {first} 0.4 {first} 0.0"
        at = len(start) + len(site) + 1
        parts_at, word = at + 2 * len(site) + 4, len(first)
        found = [(304, at, len(site)), (304, at + len(site) + 1, len(site)), (301, parts_at, 3 * word + 14)]
        found += [
            (305, parts_at + word + 5, word),
            (305, parts_at + 2 * word + 10, word),
            (401, parts_at + 3 * word + 11, 3),
        ]
        yield "7-diagnostics", f"semantics-{name}", invalid("7.1", thrice, *found)
        at = len(start)
        zero = f"{start}{site} | {first} 1.0 {second} 0.0"
        warned = (401, len(zero) - 3, 3)
        yield "5-meaning", f"zero-{name}", invalid("5.6", zero, warned)
        group, letter = random_.choice(fixed)
        once = f"{GENERATORS[group]} | {first} {symbol(group, letter)} {second} "
        again = symbol(group, letter)
        yield "5-meaning", f"fixed-{name}", invalid("5.4", once + again, (303, len(once), len(again)))
    yield from invalid_listings(random_, fixed)
    yield from invalid_forms(random_)


# (oxidation state as written, its number, occupancy or None where none is written) of each part of a site
SIGNS: list[list[tuple[str, float | None, float | None]]] = [
    [("+", 1, None)], [("-", -1, None)], [("2-", -2, None)], [("0+", 0, None)], [("2.5+", 2.5, None)], [("12-", -12, None)],
    [("0.3333+", 0.3333, None)], [("", None, 0.5)], [("3+", 3, 0.125)], [("", None, 0.0001)], [("", None, 1.0)],
    [("2+", 2, 0.5), ("3+", 3, 0.5)], [("", None, 0.25), ("2-", -2, 0.75)], [("", None, 0.5), ("", None, 0.25)],
]  # fmt: skip


def signs_vector(
    group: int, letter: str, parts: list[tuple[str, str, float | None, float | None]]
) -> dict[str, Any]:
    """One site of `full` with signs: valid, with a warning. Parts without a number are of different elements."""
    names = (
        [parts[0][0]] * len(parts)
        if all(state is not None for _, _, state, _ in parts)
        else [parts[0][0], "Og"]
    )
    words, species = [], []
    for name, (_, written, state, share) in zip(names, parts, strict=False):
        occupancy = 1.0 if share is None else share
        words.append(
            name + written + ("" if share is None else f":{f'{share:.6f}'.rstrip('0').replace('1.', '1.0')}")
        )
        species.append(
            {"element": name, "occupancy": occupancy} | ({} if state is None else {"oxidation_state": state})
        )
    site = ", ".join(words)
    start = f"{GENERATORS[group]} | {symbol(group, letter)} | "
    tree = head("full", group) | {"sites": [place(group, letter) | {"species": species}]}
    text = start + site
    ids = {"cloud": encode_cloud(text), "compact": compact_ids("full", group, text)}
    return invalid("5.10", text, (403, len(start), len(site))) | {"tree": tree, "ids": ids}


def invalid_listings(random_: random.Random, fixed: list[tuple[int, str]]) -> Iterator[Vector]:
    """What is wrong with sites in `full`."""
    for index in range(16):
        name = f"{index:02d}"
        first, second = random_.sample(list(ELEMENTS), 2)
        group, letter = random_.choice(fixed)
        start, site = GENERATORS[group] + " | ", symbol(group, letter)
        body = f"{start}{site} {site} | "
        at = len(start) + len(site) + 1
        yield (
            "5-meaning",
            f"two-kinds-{name}",
            invalid("5.9", f"{body}{first} {second}", (303, at, len(site))),
        )
        species = random_.choice([first, f"{first} {second} {first}"])
        yield "5-meaning", f"count-{name}", invalid("5.8", body + species, (307, len(body), len(species)))
        parts = SIGNS[index % len(SIGNS)]
        yield "5-meaning", f"signs-{name}", signs_vector(group, letter, [(first, *part) for part in parts])
        wrong = random_.choice(
            ["1+", "0-", "00+", "2.50+", "+2", "123+", "2.12345+", ":0.50", ":.5", ":", ":1e-05", "+:1.5"]
        )
        text = f"{start}{site} {site} | {first} "
        yield (
            "2-grammar",
            f"species-{name}",
            invalid("2.4", text + second + wrong, (103, len(text), len(second + wrong))),
        )
        text = f"{start}{site} | {first}:0.5,"
        yield "2-grammar", f"comma-{name}", invalid("2.5", text, (104, len(text), 0))
        text = f"{start}{site} | "
        fake = random_.choice(["X", "D", "Xx"])
        yield "4-tables", f"ion-{name}", invalid("4.1", f"{text}{fake}2+", (202, len(text), len(fake)))
    pairs = [(g, x, y) for g, x in fixed for h, y in fixed if g == h and x != y]
    for index in range(16):
        group, one, other = random_.choice(pairs)
        n, m = POSITIONS[group][one][0], POSITIONS[group][other][0]
        listed = [symbol(group, one)] * n + [symbol(group, other)] * (m + 1)
        text = f"{GENERATORS[group]} | {' '.join(listed)} | {' '.join(['H'] * n + ['O'] * (m + 1))}"
        at = len(GENERATORS[group]) + 3 + n * (len(listed[0]) + 1)
        yield "5-meaning", f"broken-{index:02d}", invalid("5.9", text, (308, at, len(listed[-1])))


def invalid_forms(random_: random.Random) -> Iterator[Vector]:
    """Valid strings that are not canonical, or that fit no crystal; and several faults at once."""
    swapped = [g for g in GENERATORS if len(RENAMINGS[g]) > 1]
    for index in range(16):
        group = random_.choice(swapped)
        sites = some_sites(random_, group, random_.randint(2, 5))
        text, body = orbit_text(group, sites), len(GENERATORS[group]) + 3
        if canonical(group, sites) != sites:
            yield "6-canonical", f"other-{index:02d}", deep("6.3", text, (404, body, len(text) - body))
        name = f"{index:02d}"
        two = [
            g
            for g in GENERATORS
            if POSITIONS[g].get("b", (0, 1)) == POSITIONS[g]["a"] and POSITIONS[g]["a"][1] == 0
        ]
        group, share = random_.choice(two), random_.choice([x for x in range(1, 100) if x != 50])
        start = f"{GENERATORS[group]} | {symbol(group, 'a')} {symbol(group, 'b')} | "
        parts = f"Na {share / 100} Cl {(100 - share) / 100}"
        yield "7-diagnostics", f"no-crystal-{name}", deep("7.4", start + parts, (402, len(start), len(parts)))
        first, second = f"{GENERATORS[group]} | ", random_.choice(["0.50", "Na|", "4"])
        text = f"{first}{second} H {symbol(group, 'a')}  {second}"
        at = len(first)
        places = [
            (103, at, len(second)),
            (102, len(text) - len(second) - 1, 1),
            (103, len(text) - len(second), len(second)),
        ]
        yield "7-diagnostics", f"several-{name}", invalid("7.3", text, *places)


def deep(clause: str, text: str, *issues: tuple[int, int, int]) -> dict[str, Any]:
    content = invalid(clause, text, *issues)
    return {"clause": clause, "text": text, "deep": content["diagnostics"]}


def write(kind: str, vectors: Iterator[Vector]) -> None:
    """One JSON Lines file a clause, sorted by name; ASCII, since the texts hold line separators of Unicode."""
    clauses: dict[str, dict[str, str]] = defaultdict(dict)
    for clause, name, content in vectors:
        clauses[clause][name] = json.dumps({"name": name} | content)
    folder = SPEC / "vectors" / kind
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for clause, lines in clauses.items():
        text = "".join(f"{lines[name]}\n" for name in sorted(lines))
        (folder / f"{clause}.jsonl").write_text(text, encoding="ascii")


def main() -> None:
    for kind, make in (("valid", valid_vectors), ("invalid", invalid_vectors)):
        write(kind, make(random.Random(2506_17345)))


if __name__ == "__main__":
    main()
