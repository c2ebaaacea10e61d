"""Hypothesis strategies of SCOPE text: valid strings of both dialects, and the same with damage."""

from hypothesis import strategies as st

from cloudkit.tables import ELEMENTS, SPACE_GROUPS, SpaceGroup, generator_text

SYMBOLS = [element.symbol for element in ELEMENTS]
WORDS = [
    *("|", "1.0", "0.0", "0.5", "0.50", "0.05", "1", "0", "1.00", "10.5", "2.0", ".5"),
    *("4a", "1a", "1b", "8A", "0a", "04a", "192l", "1000a", "4", "Na", "X", "Xx", "na", "NA", "Nac", "H"),
    *("", " ", "\t", "\n", "\0", "[CLS]", "[SEP]", "[MASK]", "Na+", "Fe:0.5,", "é", "\u2028", "中", "\ud800", "\ufffd", "\x7f"),
]  # fmt: skip


def percent(value: int) -> str:
    return str(round(value / 100, 2))


def split_hundred(parts: int) -> st.SearchStrategy[list[int]]:
    """Integers > 0, as many as `parts`, that sum to 100."""
    cuts = st.lists(st.integers(1, 99), min_size=parts - 1, max_size=parts - 1, unique=True)
    return cuts.map(lambda c: [b - a for a, b in zip([0, *sorted(c)], [*sorted(c), 100], strict=True)])


@st.composite
def mixtures(draw: st.DrawFn, parts: st.SearchStrategy[int]) -> str:
    """`El Fr El Fr …`, elements once, sum 1."""
    elements = draw(
        parts.flatmap(lambda n: st.lists(st.sampled_from(SYMBOLS), min_size=n, max_size=n, unique=True))
    )
    shares = draw(split_hundred(len(elements)))
    return " ".join(f"{element} {percent(share)}" for element, share in zip(elements, shares, strict=True))


@st.composite
def orbit_bodies(draw: st.DrawFn, group: SpaceGroup) -> str:
    """Orbits of a group; sites without free parameters at most once."""
    orbits, used = [], set()
    for position in draw(st.lists(st.sampled_from(group.wyckoff), min_size=1, max_size=6)):
        if position.symbol in used and position.degrees_of_freedom == 0:
            continue
        used.add(position.symbol)
        species = draw(st.one_of(st.sampled_from(SYMBOLS), mixtures(st.integers(2, 3))))
        orbits.append(f"{species} {position.symbol}")
    return " ".join(orbits)


@st.composite
def valid_texts(draw: st.DrawFn) -> str:
    """A string without errors or warnings."""
    group = draw(st.sampled_from(SPACE_GROUPS))
    if draw(st.booleans()):
        return f"{generator_text(group.number)} | {draw(orbit_bodies(group))}"
    letters = draw(st.lists(st.sampled_from(group.wyckoff), min_size=1, max_size=6, unique=True))
    composition = draw(mixtures(st.integers(1, 5)))
    return f"{generator_text(group.number)} | {' '.join(p.symbol for p in letters)} | {composition}"


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    """A valid string after one to three edits: words replaced, doubled or dropped, characters inserted or cut."""
    text = draw(valid_texts())
    for _ in range(draw(st.integers(1, 3))):
        words = text.split(" ")
        at = draw(st.integers(0, len(words) - 1))
        match draw(st.sampled_from(["replace", "insert", "double", "drop", "swap", "character", "cut"])):
            case "replace":
                words[at] = draw(st.sampled_from(WORDS))
            case "insert":
                words.insert(at, draw(st.sampled_from(WORDS + SYMBOLS)))
            case "double":
                words.insert(at, words[at])
            case "drop":
                del words[at]
            case "swap":
                words[at], words[-1] = words[-1], words[at]
            case "character":
                words[at] += draw(st.characters())
            case "cut":
                words = words[:at]
        text = " ".join(words)
    return text
