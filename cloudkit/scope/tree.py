"""Text to tree and back: a string as a Scope, and a Scope as text."""

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
    """Symmetry-equivalent sites, or one site in `full`.

    Attributes
    ----------
    letter, multiplicity
        Of the Wyckoff position, in the conventional cell.
    species
        ((element, occupancy), ...); None in `reduced`.
    oxidation_states
        One per element, None if not written; () if no element has one.

    Examples
    --------
    >>> from cloudkit.scope import parse
    >>> parse("1 0 0 | Na 1a Cl 1b").orbits[0]
    Orbit(letter='a', multiplicity=1, species=(('Na', 1.0),), oxidation_states=())
    """

    letter: str
    multiplicity: int
    species: Species | None
    oxidation_states: tuple[float | None, ...] = ()

    @property
    def symbol(self) -> str:
        """The Wyckoff symbol, such as 4a."""
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
    """A parsed string. ``str(parse(text)) == text``, except that Na:1.0 in `full` prints as Na (spec/scope.md, 5.11).

    Attributes
    ----------
    dialect
        "orbit", "reduced" or "full".
    space_group
        1 to 230; 0 if the generators are unknown (`read` only), which are then in `unknown_generators`.
    orbits
        Orbits; positions without species in `reduced`; one per site in `full`.
    fractions
        ((element, atomic fraction), ...) of `reduced`; otherwise ().

    Examples
    --------
    >>> from cloudkit import parse
    >>> scope = parse("0 0 0 | Fe 0.5 Ni 0.5 1a O 1a")
    >>> scope.space_group, scope.n_sites, scope.composition
    (1, 2, {'Fe': 0.5, 'Ni': 0.5, 'O': 1.0})
    """

    dialect: Dialect
    space_group: int
    orbits: tuple[Orbit, ...]
    fractions: Species = ()
    unknown_generators: str = ""

    @property
    def generators(self) -> str:
        """The generator string at the start of the text."""
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
        from cloudkit.scope.formula import scope_html

        return scope_html(self)

    @property
    def composition(self) -> dict[str, float]:
        """Atoms of each element: in the conventional cell (`orbit`), on the listed sites (`full`), or the atomic
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
        """Number of sites of the conventional cell (`orbit`) or in the list (`full`); None in `reduced`."""
        if self.dialect == "reduced":
            return None
        return (
            len(self.orbits) if self.dialect == "full" else sum(orbit.multiplicity for orbit in self.orbits)
        )


def to_tree(scope: Scope) -> dict[str, object]:
    """A string in JSON form, as described by schemas/scope.schema.json.

    Parameters
    ----------
    scope
        A parsed string.

    Returns
    -------
    dict
        Ready for ``json.dumps``.

    Examples
    --------
    >>> from cloudkit.scope import parse, to_tree
    >>> to_tree(parse("0 0 0 | H 1a"))["orbits"]
    [{'multiplicity': 1, 'letter': 'a', 'species': [{'element': 'H', 'occupancy': 1.0}]}]
    """
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
    """Up to two decimals, at least one: 0.5, 0.25, 1.0, 0.0."""
    return str(round(float(value), 2))


def content_text(species: Species) -> str:
    """The species of an orbit as `orbit` writes them: Na, or Fe 0.5 Ni 0.25."""
    if len(species) == 1 and species[0][1] == 1.0:
        return species[0][0]
    return " ".join([f"{element} {fraction_text(x)}" for element, x in species])


def share_text(value: float) -> str:
    """An occupancy in `full`, with one to six decimals: 0.5, 0.0625."""
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def charge_text(charge: float | None) -> str:
    """An oxidation state as written after a symbol: +, 2-, 2.5+, 0+; "" for None."""
    if charge is None:
        return ""
    return f"{'' if abs(charge) == 1 else f'{abs(charge):g}'}{'-' if charge < 0 else '+'}"


def check(text: str) -> int:
    """The space group of a valid string. Raises ScopeError, with all diagnostics, if it is invalid."""
    return _check(text, refused=range(100, 400))


def _check(text: str, refused: range) -> int:
    group, issues = _native.check(text)
    if any(issue[0] in refused for issue in issues):
        diagnostics = describe(text, group, issues)
        raise ScopeError("\n".join(render(text, d) for d in diagnostics[:20]), diagnostics)
    return group


def parse(text: str) -> Scope:
    """Parse a valid string of any dialect.

    Parameters
    ----------
    text
        A SCOPE string.

    Returns
    -------
    Scope
        The parsed string.

    Raises
    ------
    ScopeError
        If the text is invalid, with all diagnostics.

    Examples
    --------
    >>> from cloudkit import parse
    >>> parse("1 0 0 | Na 1a Cl 1b").orbits[0].symbol
    '1a'
    """
    tree = _native.parse(text, Orbit)
    return _read(text, check(text)) if tree is None else Scope(*tree)


def parse_batch(texts: Iterable[str]) -> list[Scope]:
    """Parse many valid strings.

    Parameters
    ----------
    texts
        Any iterable of str.

    Returns
    -------
    list of Scope
        One per text, in order.

    Raises
    ------
    ScopeError
        At the first invalid text; a note on the error gives its row.

    Examples
    --------
    >>> from cloudkit import parse_batch
    >>> [scope.space_group for scope in parse_batch(["0 0 0 | H 1a", "1 0 0 | H 1a"])]
    [1, 2]
    """
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
    """Parse any text that the grammar accepts, without checking tables and semantics.

    Parameters
    ----------
    text
        A string; its space group, symbols and sums may be wrong.

    Returns
    -------
    Scope
        The parsed string.

    Raises
    ------
    ScopeError
        If the text breaks the grammar, or the numbers of symbols and species in `full` differ.

    Examples
    --------
    >>> from cloudkit.scope import read
    >>> read("9 9 9 | Na 5q").unknown_generators
    '9 9 9'
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
        raise ScopeError(
            f"{len(symbols)} Wyckoff symbols but {len(sites)} species; `full` has one of each per site"
        )
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
