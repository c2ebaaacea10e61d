"""Any folder of structure files through `encode` (each engine), pymatgen and ASE: a table of the differences by cause.

A tool for maintainers, not for CI: `make public-files DIR=folder`. KNOWN lists the causes that were looked into, and who is right.
"""

import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from cloudkit.encoding import EncodeOptions, encode_files
from cloudkit.scope import parse
from cloudkit.structure import ENGINES

SYMPREC: Final = 0.01
MIXED: Final = "mixed or partly filled sites"
ANGLES: Final = "another group without its tolerance of 5°"
KNOWN: Final = {  # words of a note or a failure -> who is right, and why
    "are implied without positions": "both: pymatgen adds no hydrogens to the sites either, but keeps them out of the composition",
    "coordinates given as '.'": "cloudkit: the file writes .5 for 0.5; pymatgen drops such atoms",
    "with the only operation listed": "cloudkit: formula, Z and multiplicities contradict a list of the identity alone",
    "operations listed, the file states": "cloudkit: the group stated explains formula, Z and density, its list of operations is not complete",
    "leaves the setting open": "open: nothing in the file says which origin or axes are meant",
    "read by the Hall symbol": "open: the file contradicts itself",
    "read by the operations": "open: the file contradicts itself",
    "closer than any bond": "cloudkit, with a note: pymatgen refuses such files",
    "the atoms read are": "open: the file contradicts itself, or its list of atoms is not complete",
    "magnetic moments are ignored": "cloudkit: pymatgen keeps the moments, which no string holds",
    "modulated": "cloudkit: pymatgen reads the average structure without a word",
    "are not symmetries of the cell": "cloudkit: pymatgen applies operations that change the cell all the same",
    "the cell shows the unique axis": "cloudkit: pymatgen takes b as the unique axis of any short name",
    ANGLES: "cloudkit: operations turn angles of 91° into 89°, which pymatgen lets pass",
    MIXED: "cloudkit: ASE counts each such site as one full atom",
    "times on one site": "cloudkit: atoms listed twice count once",
}


class Read(NamedTuple):
    """What a program makes of a structure: space group and composition, or why not."""

    group: int | None
    composition: dict[str, float] | None
    said: str = ""


def by_cloudkit(folder: Path, engine: str) -> dict[str, Read]:
    """Id -> what encode makes of each record of a folder."""
    found = {}
    for row in encode_files([folder], EncodeOptions(engine=engine, symprec=SYMPREC)):  # type: ignore[arg-type]
        mixed = (MIXED,) if row.scope and re.search(r" 0\.\d", row.scope.partition(" | ")[2]) else ()
        said = " / ".join((*row.notes, *mixed, str(row.error or "")))
        found[row.id] = Read(
            row.space_group, _shares(parse(row.scope).composition) if row.scope else None, said
        )
    return found


def by_pymatgen(path: Path) -> Read:
    """The same by pymatgen, for a file with one structure."""
    from pymatgen.core import Structure
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    try:
        structure = Structure.from_file(path, primitive=False)
        group = SpacegroupAnalyzer(structure, SYMPREC).get_space_group_number()
        strict = SpacegroupAnalyzer(structure, SYMPREC, angle_tolerance=-1).get_space_group_number()
    except Exception as error:
        return Read(None, None, f"{type(error).__name__}: {error}")
    said = "" if strict == group else ANGLES
    return Read(group, _shares(structure.composition.element_composition.as_dict()), said)


def by_ase(path: Path) -> Read:
    """The composition by ASE; occupancies count as full there, so that mixed crystals differ."""
    import ase.io

    try:
        atoms = ase.io.read(path)
    except Exception as error:
        return Read(None, None, f"{type(error).__name__}: {error}")
    return Read(None, _shares(Counter(atoms.get_chemical_symbols())))


def _shares(counts: dict[str, float]) -> dict[str, float]:
    whole = sum(counts.values())
    return {element: count / whole for element, count in counts.items() if count}


def _same(first: dict[str, float] | None, second: dict[str, float] | None) -> bool:
    if first is None or second is None or first.keys() != second.keys():
        return False
    return all(abs(first[element] - second[element]) < 0.005 for element in first)


def _cause(said: str) -> str:
    return next((words for words in KNOWN if words in said), "unknown")


def compare(folder: Path) -> None:
    """Print the tables of a folder."""
    engines = {engine: by_cloudkit(folder, engine) for engine in ENGINES}
    own = engines[ENGINES[0]]
    encoded = sum(read.group is not None for read in own.values())
    files = {row_id.partition("#")[0] for row_id in own}
    print(f"{len(files):,} files, {len(own):,} records: {encoded:,} encoded, {len(own) - encoded:,} failed")
    for engine, rows in list(engines.items())[1:]:
        different = [name for name, read in rows.items() if read.group != own[name].group]
        print(f"{engine} finds another group than {ENGINES[0]} in {len(different):,}", *different[:5])
    for program, read_with in (("pymatgen", by_pymatgen), ("ASE", by_ase)):
        outcomes: Counter[str] = Counter()
        causes: Counter[tuple[str, str]] = Counter()
        for name, read in own.items():
            if "#" in name:
                continue
            other = read_with(folder / name)
            outcome = _outcome(read, other)
            outcomes[outcome] += 1
            if outcome.startswith("differs"):
                cause = _cause(f"{read.said} / {other.said}")
                causes[outcome, cause] += 1
                if cause == "unknown":
                    print(f"  {name}: {read.group} and {other.group}: {read.said[:100]}")
        print(f"\n{program}:", ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common()))
        for (outcome, cause), count in causes.most_common():
            print(f"  {count:5,} {outcome}, {cause}: {KNOWN.get(cause, 'to be looked into')}")


def _outcome(read: Read, other: Read) -> str:
    if read.composition is None or other.composition is None:
        both = read.composition is None and other.composition is None
        return (
            "read by neither"
            if both
            else "read by cloudkit only"
            if read.composition
            else "read by the other only"
        )
    if not _same(read.composition, other.composition):
        return "differs by composition"
    return "equal" if other.group in (None, read.group) else "differs by group"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    compare(Path(sys.argv[1]))
