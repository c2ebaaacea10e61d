"""The kinds of files, in one table: what they are called, and how their text begins. `classify` alone decides what a file is."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from cloudkit.tables import SPACE_GROUP_BY_GENERATORS


class Format(NamedTuple):
    """A kind of file. suffixes: of its name, before .gz; words: in its name, for those without a suffix; begins: how its text
    begins, where that says what it is; is_table: whether it is a table of rows with columns; is_written: whether tables are
    also written so, under the first suffix.
    """

    kind: str
    suffixes: tuple[str, ...]
    words: tuple[str, ...] = ()
    begins: str = ""
    is_table: bool = False
    is_written: bool = False


FORMATS: Final = (  # in the order in which text is looked at
    Format("archive", (".zip", ".tar", ".tar.gz", ".tgz")),
    Format("cif", (".cif", ".mcif"), begins=r"(?ims).*?^\s*data_"),
    Format("vasprun", (), ("vasprun",), r"(?s)\s*<\?xml.{0,200}?<modeling>"),
    Format("outcar", (), ("outcar",), r"\s*vasp\.\d"),
    Format("json", (".json",), begins=r"\s*(?:\[|\{\s*$|\{[^\n]*\n?\Z)"),
    Format("lines", (".jsonl", ".ndjson"), begins=r"\s*\{", is_table=True, is_written=True),
    Format("extxyz", (".extxyz", ".xyz"), begins=r"(?i)\s*\d+[ \t]*\n[^\n]*lattice"),
    Format("poscar", (".vasp", ".poscar", ".contcar"), ("poscar", "contcar")),
    Format("csv", (".csv",), is_table=True, is_written=True),
    Format("parquet", (".parquet",), is_table=True, is_written=True),
    Format("ase", (".db",)),
)
WRITABLE: Final = tuple(sorted(one.suffixes[0] for one in FORMATS if one.is_written))
SINGLE_SUFFIXES: Final = tuple(  # of files that hold one structure or a few
    suffix
    for kind in ("cif", "poscar", "json", "extxyz")
    for one in FORMATS
    if one.kind == kind
    for suffix in one.suffixes
)
STRINGS: Final = "strings"  # SCOPE strings instead of structures
KNOWN: Final = (
    "known: .cif, POSCAR, CONTCAR, .vasp, vasprun.xml, OUTCAR, .extxyz, .xyz, .jsonl, .json, .csv, also with .gz; .parquet, .db, "
    ".zip, .tar, .tar.gz"
)


def classify(name: str, text: str | None = None) -> str:
    r"""Tell the kind of a file by its name, or by its text where that is given and the name says nothing.

    Parameters
    ----------
    name : str
        Its name or path; .gz may follow the suffix.
    text : str, optional
        Its content.

    Returns
    -------
    str
        "cif", "poscar", "extxyz", "json", "lines", "csv", "parquet", "ase", "archive", "vasprun", "outcar" or, for text alone,
        "strings"; "" where neither says anything.

    Examples
    --------
    >>> classify("my.cif.gz"), classify("POSCAR_1"), classify("notes.md")
    ('cif', 'poscar', '')
    >>> classify("-", "data_x\n_cell_length_a 1\n")
    'cif'
    """
    return _by_name(name) or (_by_text(text) if text is not None else "")


def is_table(name: str) -> bool:
    """Tell whether a name is that of a table with columns, or of a folder of shards.

    Parameters
    ----------
    name : str
        A path; only folders are looked at.

    Returns
    -------
    bool
        True for .csv, .jsonl, .ndjson, .parquet, and folders with a manifest.

    Examples
    --------
    >>> is_table("strings.csv"), is_table("my.cif")
    (True, False)
    """
    kind = classify(name)
    return (Path(name) / "manifest.json").is_file() or any(
        one.is_table for one in FORMATS if one.kind == kind
    )


def _by_name(name: str) -> str:
    plain = re.split(r"[/\\]", name)[-1].lower()
    for one in FORMATS:
        if plain.removesuffix(".gz").endswith(one.suffixes) or (
            one.kind == "archive" and plain.endswith(one.suffixes)
        ):
            return one.kind
    found = (one for one in FORMATS for word in one.words if re.search(rf"(?:^|[^a-z]){word}", plain))
    return next((one.kind for one in found), "")


def _by_text(text: str) -> str:
    if text.lstrip().partition(" | ")[0] in SPACE_GROUP_BY_GENERATORS:
        return STRINGS
    return next((one.kind for one in FORMATS if one.begins and re.match(one.begins, text)), "poscar")
