"""Write spec/vectors: strings with what any reader of SCOPE must find in them; CI diffs the result (`make vectors`).

    python spec/tools/build_vectors.py

Trees, canonical texts, codes and offsets are known by construction, from spec/tables alone: no reader is asked. Ids are
those of the readable twin. Seeded, so the same files come out each time.
"""

import csv
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudkit._native import twin

SPEC = Path(__file__).resolve().parents[1]
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
Site = tuple[str, list[tuple[str, float]]]  # Wyckoff letter, [(element, occupancy), ...]
Vector = tuple[str, str, dict[str, Any]]  # folder, name, content


def read(name: str) -> list[dict[str, str]]:
    with (SPEC / "tables" / name).open(newline="") as file:
        return list(csv.DictReader(file))


GENERATORS = {int(row["number"]): " ".join(row["generators"]) for row in read("space_groups.csv")}
ELEMENTS = {row["symbol"]: int(row["order"]) for row in read("elements.csv")}
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


def valid(clause: str, text: str, tree: dict[str, Any], canonical_text: str) -> dict[str, Any]:
    ids = {"cloud": twin.encode_cloud(text), "compact": twin.encode_compact(text)}
    return {"clause": clause, "text": text, "tree": tree, "canonical": canonical_text, "ids": ids}


def orbit_vector(clause: str, group: int, sites: list[Site]) -> dict[str, Any]:
    orbits = [
        place(group, letter) | {"species": [{"element": e, "occupancy": x} for e, x in species]}
        for letter, species in sites
    ]
    text = orbit_text(group, sites)
    return valid(
        clause, text, head("orbit", group) | {"orbits": orbits}, orbit_text(group, canonical(group, sites))
    )


def reduced_vector(
    clause: str, group: int, letters: list[str], shares: list[tuple[str, float]]
) -> dict[str, Any]:
    """`reduced` in its own order: letters ascending, elements by rank. It is its own canonical text only if letters are."""
    symbols = " ".join(symbol(group, letter) for letter in letters)
    text = f"{GENERATORS[group]} | {symbols} | {' '.join(f'{e} {x}' for e, x in shares)}"
    fractions = [{"element": e, "fraction": x} for e, x in shares]
    tree = head("reduced", group) | {"wyckoff": [place(group, x) for x in letters], "fractions": fractions}
    return valid(clause, text, tree, text)


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
            ["0.50", "x", "4", "1000a", "é", "Na+", "|", "1e-05", "-0.5", ".5", "0.125", "NA", "\t", "\0"]
        )
        size = len(junk.encode())
        yield "2-grammar", f"token-{name}", invalid("2.1", f"{good} {junk}", (103, len(good) + 1, size))
        cut = good[: -len(words[-1]) - 1]
        yield "2-grammar", f"unfinished-{name}", invalid("2.1", cut, (104, len(cut), 0))
        wrong = f"1 9 {GENERATORS[group][4:]}" if len(GENERATORS[group]) > 5 else "0 5 5"
        yield "3-space-group", f"unknown-{name}", invalid("3.1", f"{wrong} | Na 1a", (201, 0, len(wrong)))
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
        zero = f"{start}{site} | {first} 1.0 {second} 0.0"
        warned = (401, len(zero) - 3, 3)
        yield "5-meaning", f"zero-{name}", invalid("5.6", zero, warned)
        group, letter = random_.choice(fixed)
        once = f"{GENERATORS[group]} | {first} {symbol(group, letter)} {second} "
        again = symbol(group, letter)
        yield "5-meaning", f"fixed-{name}", invalid("5.4", once + again, (303, len(once), len(again)))


def write(kind: str, vectors: Iterator[Vector]) -> None:
    for folder, name, content in vectors:
        path = SPEC / "vectors" / kind / folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    for kind, make in (("valid", valid_vectors), ("invalid", invalid_vectors)):
        shutil.rmtree(SPEC / "vectors" / kind, ignore_errors=True)
        write(kind, make(random.Random(2506_17345)))


if __name__ == "__main__":
    main()
