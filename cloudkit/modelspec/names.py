"""The nearest known name to a misspelt one."""

from collections.abc import Iterable


def distance(a: str, b: str) -> int:
    """Least number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return row[-1]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name at the least distance, the first of equals; None if all differ in more than a third."""
    plain = name.casefold().replace("-", "_")[:100]
    ranked = [(distance(plain, candidate.casefold()), candidate) for candidate in known]
    best = min(ranked, key=lambda pair: pair[0], default=None)
    if best is None or best[0] > max(1, max(len(plain), len(best[1])) // 3):
        return None
    return best[1]


def suggest(name: object, known: Iterable[str], label: str = "known") -> str:
    """End of an error message: the nearest name, or all of them."""
    names = list(known)
    near = nearest(name, names) if isinstance(name, str) else None
    if near is not None:
        return f"; did you mean '{near}'?"
    return f"; {label}: {', '.join(names)}" if names else f"; {label}: none"
