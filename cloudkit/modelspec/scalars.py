"""Which plain YAML scalars are not text: YAML 1.2's rules, not PyYAML's 1.1.

1e-3 is a number, only true and false are booleans, 1:30, 0o7, dates, yes and no are text.
"""

import re
from typing import Any, Final

TAG: Final = "tag:yaml.org,2002:"
PATTERNS: Final = {  # type -> (pattern, first characters), in the order of trial
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}


def add_scalars(cls: Any) -> None:
    """Teach these rules to a PyYAML loader or dumper class."""
    for kind, (pattern, first) in PATTERNS.items():
        cls.add_implicit_resolver(TAG + kind, re.compile(rf"(?:{pattern})\Z"), first)


def scalar(tag: str, text: str) -> Any:
    """The value of a scalar with this tag.

    Raises ValueError for a tag that is not plain (such as !!python/name) or does not fit the text.
    """
    kind = tag.removeprefix(TAG)
    if kind == "str":
        return text
    if kind not in PATTERNS or not re.fullmatch(PATTERNS[kind][0], text):
        raise ValueError(tag)
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    return None if kind == "null" else text.lower() == "true"
