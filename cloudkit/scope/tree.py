"""A string as a tree: parse, print, and project between dialects."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cloudkit import _native
from cloudkit.errors import ScopeError
from cloudkit.scope.diagnostics import describe, render
from cloudkit.tables import ELEMENT, LETTERS, generator_text

Dialect = Literal["orbit", "reduced"]
Species = tuple[tuple[str, float], ...]  # ((element, occupancy), ...)


class Orbit(NamedTuple):
    """Sites that symmetry makes one; multiplicity is that of the conventional cell; species is None in `reduced`."""

    letter: str
    multiplicity: int
    species: Species | None

    def __str__(self) -> str:
        symbol = f"{self.multiplicity}{self.letter}"
        if self.species is None:
            return symbol
        if len(self.species) == 1 and self.species[0][1] == 1.0:
            return f"{self.species[0][0]} {symbol}"
        return f"{' '.join(f'{element} {fraction_text(x)}' for element, x in self.species)} {symbol}"


@dataclass(frozen=True, slots=True)
class Scope:
    """A parsed string; ``str(parse(text)) == text``.

    fractions: the written composition, in `reduced` only. orbits have species in `orbit` only.
    """

    dialect: Dialect
    space_group: int
    orbits: tuple[Orbit, ...]
    fractions: Species = ()

    def __str__(self) -> str:
        parts = [generator_text(self.space_group), " ".join(map(str, self.orbits))]
        if self.dialect == "reduced":
            parts.append(" ".join(f"{element} {fraction_text(x)}" for element, x in self.fractions))
        return " | ".join(parts)

    @property
    def composition(self) -> dict[str, float]:
        """Atoms of each element in the conventional cell (`orbit`), or the written fractions (`reduced`)."""
        if self.dialect == "reduced":
            return dict(self.fractions)
        counts: defaultdict[str, float] = defaultdict(float)
        for orbit in self.orbits:
            for element, occupancy in orbit.species or ():
                counts[element] += occupancy * orbit.multiplicity
        return dict(counts)

    @property
    def n_sites(self) -> int | None:
        """Sites of the conventional cell; None in `reduced`, which drops repeated orbits."""
        return sum(orbit.multiplicity for orbit in self.orbits) if self.dialect == "orbit" else None


def to_tree(scope: Scope) -> dict[str, object]:
    """The JSON form of a string, as schemas/scope.schema.json describes it."""
    head = {
        "dialect": scope.dialect,
        "space_group": scope.space_group,
        "generators": generator_text(scope.space_group),
    }
    if scope.dialect == "reduced":
        wyckoff = [{"multiplicity": o.multiplicity, "letter": o.letter} for o in scope.orbits]
        fractions = [{"element": element, "fraction": fraction} for element, fraction in scope.fractions]
        return head | {"wyckoff": wyckoff, "fractions": fractions}
    orbits = [
        {
            "multiplicity": orbit.multiplicity,
            "letter": orbit.letter,
            "species": [
                {"element": element, "occupancy": occupancy} for element, occupancy in orbit.species or ()
            ],
        }
        for orbit in scope.orbits
    ]
    return head | {"orbits": orbits}


def fraction_text(value: float) -> str:
    """Two decimals, no trailing zero but the first decimal: 0.5, 0.25, 1.0, 0.0."""
    return str(round(float(value), 2))


def check(text: str) -> int:
    """The space group of a valid string; raises ScopeError with all diagnostics otherwise (warnings pass)."""
    group, issues = _native.check(text)
    if any(issue[0] < 400 for issue in issues):
        diagnostics = describe(text, group, issues)
        raise ScopeError("\n".join(render(text, d) for d in diagnostics[:20]), diagnostics)
    return group


def parse(text: str) -> Scope:
    """Read a string of the orbit or reduced dialect. Raises ScopeError, with all diagnostics, for invalid text."""
    group = check(text)
    _, body, *composition = text.split(" | ")
    words = body.split(" ")
    if composition:
        pairs = composition[0].split(" ")
        fractions = tuple(zip(pairs[::2], map(float, pairs[1::2]), strict=True))
        return Scope("reduced", group, tuple(Orbit(w[-1], int(w[:-1]), None) for w in words), fractions)
    orbits, species = [], list[list[object]]()
    for word in words:
        if word[0].isalpha():
            species.append([word, 1.0])
        elif "." in word:
            species[-1][1] = float(word)
        else:
            orbits.append(Orbit(word[-1], int(word[:-1]), tuple((str(e), float(str(x))) for e, x in species)))
            species = []
    return Scope("orbit", group, tuple(orbits))


def reduced_fractions(counts: Iterable[tuple[str, float]]) -> Species:
    """Atomic fractions rounded to two decimals as NumPy rounds, elements by electronegativity."""
    totals = dict(counts)
    whole = sum(totals.values())
    ordered = sorted(totals, key=lambda element: ELEMENT[element].order)
    return tuple((element, round_fraction(totals[element] / whole)) for element in ordered)


def round_fraction(value: float) -> float:
    """NumPy's rounding to two decimals: scale, round half to even, unscale (Python's own rounds the exact decimal)."""
    return round(value * 100.0) / 100.0


def project(text: str, dialect: str) -> str:
    """The same crystal in a poorer dialect: orbit to reduced. Raises ScopeError where the text says too little."""
    scope = parse(text)
    if scope.dialect == dialect:
        return text
    if scope.dialect != "orbit" or dialect != "reduced":
        raise ScopeError(
            f"a {scope.dialect} string cannot be projected to '{dialect}'; orbit strings can become reduced ones"
        )
    symbols = sorted({(LETTERS.index(o.letter), o.multiplicity) for o in scope.orbits})
    orbits = tuple(Orbit(LETTERS[letter], multiplicity, None) for letter, multiplicity in symbols)
    return str(Scope("reduced", scope.space_group, orbits, reduced_fractions(scope.composition.items())))
