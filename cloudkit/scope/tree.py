"""Text to tree and back: what a string says as a Scope, and a Scope as text."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cloudkit import _native
from cloudkit.errors import ScopeError, check_many
from cloudkit.scope.diagnostics import describe, render
from cloudkit.tables import generator_text
from cloudkit.tables.composition import Species

Dialect = Literal["orbit", "reduced", "full"]


class Orbit(NamedTuple):
    """Sites that symmetry makes one, or one site in `full`; multiplicity is that of the conventional cell.

    species is None in `reduced`. oxidation_states: one per element, None where none is written; () if none is at all.
    """

    letter: str
    multiplicity: int
    species: Species | None
    oxidation_states: tuple[float | None, ...] = ()

    @property
    def symbol(self) -> str:
        """Such as 4a."""
        return f"{self.multiplicity}{self.letter}"

    def __str__(self) -> str:
        if self.species is None:
            return self.symbol
        return f"{content_text(self.species)} {self.symbol}"

    @property
    def site_text(self) -> str:
        """The species as `full` writes them: Na, Na+, or Fe3+:0.5, Ni:0.25."""
        charges = self.oxidation_states or (None,) * len(self.species or ())
        names = [e + charge_text(charge) for (e, _), charge in zip(self.species or (), charges, strict=True)]
        if len(names) == 1 and self.species and self.species[0][1] == 1.0:
            return names[0]
        shares = (share_text(x) for _, x in self.species or ())
        return ", ".join(f"{name}:{share}" for name, share in zip(names, shares, strict=True))


@dataclass(frozen=True, slots=True)
class Scope:
    """A string read; ``str(parse(text)) == text``, but for sites of `full` such as Na:1.0, which are Na (spec/scope.md, 5.11).

    space_group: 1 to 230; 0 where the generators are unknown, which then are in unknown_generators (only `read` gives
    such). orbits: without species in `reduced`, one per site in `full`. fractions: those written in `reduced`.
    """

    dialect: Dialect
    space_group: int
    orbits: tuple[Orbit, ...]
    fractions: Species = ()
    unknown_generators: str = ""

    @property
    def generators(self) -> str:
        """The generator string that the text begins with."""
        return generator_text(self.space_group) if self.space_group else self.unknown_generators

    def __str__(self) -> str:
        if self.dialect == "orbit":
            return f"{self.generators} | {' '.join(map(str, self.orbits))}"
        symbols = " ".join(orbit.symbol for orbit in self.orbits)
        if self.dialect == "full":
            return f"{self.generators} | {symbols} | {' '.join(orbit.site_text for orbit in self.orbits)}"
        shares = " ".join(f"{element} {fraction_text(x)}" for element, x in self.fractions)
        return f"{self.generators} | {symbols} | {shares}"

    def _repr_html_(self) -> str:
        from cloudkit.scope.notebook import scope_html

        return scope_html(self)

    @property
    def composition(self) -> dict[str, float]:
        """Atoms of each element in the conventional cell (`orbit`) or on the listed sites (`full`); or the written
        fractions (`reduced`).
        """
        if self.dialect == "reduced":
            return dict(self.fractions)
        counts: defaultdict[str, float] = defaultdict(float)
        for orbit in self.orbits:
            for element, occupancy in orbit.species or ():
                counts[element] += occupancy * (orbit.multiplicity if self.dialect == "orbit" else 1)
        return dict(counts)

    @property
    def n_sites(self) -> int | None:
        """Sites of the conventional cell (`orbit`) or listed (`full`); None in `reduced`, which drops repeated orbits."""
        if self.dialect == "reduced":
            return None
        return (
            len(self.orbits) if self.dialect == "full" else sum(orbit.multiplicity for orbit in self.orbits)
        )


def to_tree(scope: Scope) -> dict[str, object]:
    """The JSON form of a string, as schemas/scope.schema.json describes it."""
    head = {
        "dialect": scope.dialect,
        "space_group": scope.space_group or None,
        "generators": scope.generators,
    }
    if scope.dialect == "reduced":
        wyckoff = [{"multiplicity": o.multiplicity, "letter": o.letter} for o in scope.orbits]
        fractions = [{"element": element, "fraction": fraction} for element, fraction in scope.fractions]
        return head | {"wyckoff": wyckoff, "fractions": fractions}
    return head | {"orbits" if scope.dialect == "orbit" else "sites": list(map(_entry, scope.orbits))}


def _entry(orbit: Orbit) -> dict[str, object]:
    species: list[dict[str, object]] = [{"element": e, "occupancy": x} for e, x in orbit.species or ()]
    for entry, charge in zip(species, orbit.oxidation_states, strict=False):
        if charge is not None:
            entry["oxidation_state"] = charge
    return {"multiplicity": orbit.multiplicity, "letter": orbit.letter, "species": species}


def fraction_text(value: float) -> str:
    """Two decimals, no trailing zero but the first decimal: 0.5, 0.25, 1.0, 0.0."""
    return str(round(float(value), 2))


def content_text(species: Species) -> str:
    """What sits on an orbit as `orbit` writes it: Na, or Fe 0.5 Ni 0.25."""
    if len(species) == 1 and species[0][1] == 1.0:
        return species[0][0]
    return " ".join([f"{element} {fraction_text(x)}" for element, x in species])


def share_text(value: float) -> str:
    """An occupancy in `full`, of up to six decimals, no trailing zero but the first decimal: 0.5, 0.0625."""
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def charge_text(charge: float | None) -> str:
    """An oxidation state behind a symbol: +, 2-, 2.5+, 0+; nothing for None."""
    if charge is None:
        return ""
    return f"{'' if abs(charge) == 1 else f'{abs(charge):g}'}{'-' if charge < 0 else '+'}"


def check(text: str) -> int:
    """The space group of a valid string; raises ScopeError with all diagnostics otherwise (warnings pass)."""
    return _check(text, refused=range(100, 400))


def _check(text: str, refused: range) -> int:
    group, issues = _native.check(text)
    if any(issue[0] in refused for issue in issues):
        diagnostics = describe(text, group, issues)
        raise ScopeError("\n".join(render(text, d) for d in diagnostics[:20]), diagnostics)
    return group


def parse(text: str) -> Scope:
    """Read a valid string of any dialect. Raises ScopeError, with all diagnostics, for invalid text."""
    tree = _native.parse(text, Orbit)
    return _read(text, check(text)) if tree is None else Scope(*tree)


def parse_batch(texts: Iterable[str]) -> list[Scope]:
    """Read many valid strings, as `parse` reads one. Raises ScopeError for the first invalid text; a note names the row."""
    check_many(texts, "parse")
    scopes = []
    for row, text in enumerate(texts):
        try:
            scopes.append(parse(text))
        except (ScopeError, TypeError) as error:
            error.add_note(f"in row {row}")
            raise
    return scopes


def read(text: str) -> Scope:
    """Read any text that the grammar accepts, whether or not its group, symbols and sums are right.

    Raises ScopeError for text that breaks the grammar, and in `full` where symbols and species do not pair up.
    """
    return _read(text, _check(text, refused=range(100, 200)))


def _read(text: str, group: int) -> Scope:
    generators, body, *composition = text.split(" | ")
    unknown = "" if group else generators
    words = body.split(" ")
    if not composition:
        return Scope("orbit", group, tuple(_read_orbits(words)), (), unknown)
    symbols, pairs = [(w[-1], int(w[:-1])) for w in words], composition[0].split(" ")
    if len(pairs) > 1 and pairs[1][0].isdigit():
        fractions = tuple(zip(pairs[::2], map(float, pairs[1::2]), strict=True))
        return Scope("reduced", group, tuple(Orbit(*s, None) for s in symbols), fractions, unknown)
    sites = composition[0].replace(", ", ",").split(" ")
    if len(sites) != len(symbols):
        raise ScopeError(f"{len(symbols)} Wyckoff symbols but {len(sites)} species; `full` gives one each")
    orbits = (Orbit(*symbol, *_read_site(site)) for symbol, site in zip(symbols, sites, strict=True))
    return Scope("full", group, tuple(orbits), (), unknown)


def _read_orbits(words: list[str]) -> Iterator[Orbit]:
    species = list[tuple[str, float]]()
    for word in words:
        if word[0].isalpha():
            species.append((word, 1.0))
        elif "." in word:
            species[-1] = species[-1][0], float(word)
        else:
            yield Orbit(word[-1], int(word[:-1]), tuple(species))
            species = []


def _read_site(text: str) -> tuple[Species, tuple[float | None, ...]]:
    """Species and oxidation states of "Na+" or "Fe:0.5,Ni2+:0.25"."""
    names, shares = zip(
        *((name, share) for name, _, share in (p.partition(":") for p in text.split(","))), strict=True
    )
    elements = [name.rstrip("+-.0123456789") for name in names]
    charges = [_read_charge(name[len(element) :]) for name, element in zip(names, elements, strict=True)]
    written = tuple(charges) if any(charge is not None for charge in charges) else ()
    return tuple((e, float(share or 1.0)) for e, share in zip(elements, shares, strict=True)), written


def _read_charge(text: str) -> float | None:
    if not text:
        return None
    return float(text[:-1] or 1) * (-1 if text[-1] == "-" else 1)
