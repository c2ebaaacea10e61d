"""Names of space groups, as files write them, to the settings that they may mean (a row of gemmi's table each)."""

import re
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import gemmi

MONOCLINIC: Final = range(3, 16)
ORIGINS: Final = {"z": "2", "s": "1", "o1": "1", "o2": "2"}  # ICSD's suffixes, and other spellings
_SIGNS: Final = str.maketrans(
    {"−": "-", "–": "-", "‐": "-", "¯": "-", "\xa0": " ", "_": "", "'": "", '"': ""}
)
_DASHES: Final = str.maketrans({"−": "-", "–": "-", "\xa0": " ", "_": " "})
_SUFFIX: Final = re.compile(
    r"\s*:\s*([\w-]+)\s*$|\s+(Z|S|H|R|O1|O2)\s*$|\s*\(?origin\s*(?:choice)?\s*([12])\)?\s*$", re.IGNORECASE
)
_NUMBERED: Final = re.compile(r"\s*\(?\s*no\.?\s*\d+\s*\)?\s*$|\s*\(\d+\)\s*$", re.IGNORECASE)


class NameMatch(NamedTuple):
    """What a name may mean: settings, the usual one first; suffix: what it says of the origin or the axes, if anything."""

    settings: tuple[Any, ...]
    suffix: str = ""


@lru_cache(maxsize=2048)
def find_settings(text: str) -> NameMatch:
    """The settings that a Hermann-Mauguin name may mean; none if it is not understood.

    A short monoclinic name ("P 21/b") has a setting for each unique axis, "R -3" one for each choice of axes, and "F d -3 m"
    one for each origin.
    """
    plain = re.sub(r"(\d)[\u0304\u0305]", r"-\1", text).translate(_SIGNS).strip()
    plain = re.sub(r"</?sub>|[{}$\\]", "", plain)
    plain = re.sub(r"(?<=\d)\((\d)\)", r"\1", _NUMBERED.sub("", plain))
    suffix = ""
    if match := _SUFFIX.search(plain):
        suffix = next(filter(None, match.groups())).lower()
        plain = plain[: match.start()]
    found = _look_up(plain)
    if not found and plain[-1:] in "ZSHR" and (found := _look_up(plain[:-1])):
        suffix = plain[-1].lower()
    fitting = with_code(found, suffix)
    if not fitting and found and found[0].number in MONOCLINIC:  # "P 21/c:c1" is P 1 1 21/a
        fitting = found = with_code(settings_of(found[0].number), suffix) or found
    return NameMatch(fitting or found, suffix if fitting and len(fitting) < len(found) else "")


def with_code(settings: tuple[Any, ...], code: str) -> tuple[Any, ...]:
    """Those of some settings that a coordinate-system code of the tables ("2", "h", "-b1", "cab") stands for."""
    wanted = ORIGINS.get(code.lower(), code.lower())
    return tuple(one for one in settings if wanted and wanted in (one.ext.lower(), one.qualifier.lower()))


@cache
def settings_of(number: int) -> tuple[Any, ...]:
    """All settings of a group of the tables, the usual one first."""
    return tuple(one for one in gemmi.spacegroup_table() if one.number == number)


@lru_cache(maxsize=1024)
def find_hall(symbol: str) -> Any:
    """The operations of a Hall symbol as gemmi.GroupOps; None if it is not understood."""
    try:
        return gemmi.symops_from_hall(symbol.translate(_DASHES))
    except (RuntimeError, ValueError):
        return None


def _look_up(plain: str) -> tuple[Any, ...]:
    known = _keys()
    for text in (plain, _short(plain)):
        key = re.sub(r"\s+", "", text).lower()
        if key in known:
            return known[key]
    found = gemmi.find_spacegroup_by_name(plain)
    if found is None:
        return ()
    return tuple(one for one in settings_of(found.number) if one.hm == found.hm)


@cache
def _keys() -> dict[str, tuple[Any, ...]]:
    """Settings by each of their names in small letters without blanks."""
    keys: dict[str, list[Any]] = {}
    for one in gemmi.spacegroup_table():
        names = {one.hm, one.short_name()} if one.number > 2 else {one.hm}
        if one.number in MONOCLINIC:
            names.add(" ".join(word for word in one.hm.split() if word != "1"))
        if one.number >= 200 and "-3" in one.hm:
            names.add(one.hm.replace("-3", "3"))
        for name in names:
            place = keys.setdefault(name.replace(" ", "").lower(), [])
            if one not in place:
                place.append(one)
    return {key: tuple(found) for key, found in keys.items()}


def _short(name: str) -> str:
    """A full name such as "F 4/m -3 2/m" as the short one, "F m -3 m"."""
    words = name.split()
    if len(words) not in (3, 4) or "/" not in name:
        return name
    lattice, first, *others = words
    if first[0] in "2m" or others[0] == "-3":  # orthorhombic and cubic: all three mirror planes remain
        first = first.rpartition("/")[2] if "/" in first else first
    others = [word.rpartition("/")[2] if "/" in word else word for word in others]
    return " ".join((lattice, first, *others))
