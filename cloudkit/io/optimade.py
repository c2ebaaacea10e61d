"""One structure as OPTIMADE describes it (specification 1.2, section 7.2): JSON or Parquet fields to Crystal."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.facts import StatedFacts, contradictions, count_atoms
from cloudkit.structure.crystal import Crystal, build_numbered
from cloudkit.structure.elements import Atom, Parts, is_element

# features that a list of sites in a cell cannot hold; "disorder" and "site_attachments" are read
_BEYOND_SITES: Final = {
    "assemblies": "groups of sites that occur together",
    "unknown_positions": "sites without positions",
    "implicit_atoms": "atoms that are on no site",
}


@np.errstate(invalid="ignore")  # numbers that are not finite are refused by the guards, in words
def from_optimade(fields: Mapping[str, Any], notes: list[str]) -> Crystal:
    """The crystal of a structure's fields ("attributes"); adds to `notes` what was left out.

    lattice_vectors: (3, 3) in Å; cartesian_site_positions: (n, 3) in Å; species_at_sites: n names; species: what each
    name stands for (without it, a name is a symbol). Vacancies and their concentrations leave a site partly empty.
    Raises StructureError: S113 where it is not periodic in three directions, S114 where it has features that sites
    cannot express, S105 to S108 and S112 for fields that are missing or contradict each other.
    """
    _check_kind(fields)
    lattice = _numbers(fields, "lattice_vectors")
    if lattice.shape != (3, 3):
        raise StructureError("S105", f"lattice_vectors has {len(lattice)} rows, not 3")
    if not abs(float(np.linalg.det(lattice))) > 1e-12:
        raise StructureError("S203", "the unit cell has no volume")
    positions = _numbers(fields, "cartesian_site_positions")
    names = fields.get("species_at_sites")
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise StructureError("S112", "species_at_sites is missing: it says what sits on each site")
    _check_counts(fields, positions, names)
    kinds = _kinds(fields, names, notes)
    order = {name: number for number, name in enumerate(kinds)}
    labels = [order[name] for name in names]
    parts = list(kinds.values())
    kept = [site for site, label in enumerate(labels) if parts[label]]
    if len(kept) < len(labels):
        notes.append(f"{len(labels) - len(kept)} sites left out: they are vacant")
    crystal = build_numbered(lattice, positions[kept] @ np.linalg.inv(lattice), *_only(labels, parts, kept))
    facts = StatedFacts(str(fields.get("chemical_formula_reduced") or ""))
    sites = zip(
        crystal.species, np.bincount(crystal.labels, minlength=len(crystal.species)).tolist(), strict=True
    )
    notes += contradictions(facts, count_atoms(sites), abs(float(np.linalg.det(lattice))))
    return crystal


def _only(labels: list[int], kinds: list[Parts], kept: list[int]) -> tuple[list[int], list[Parts]]:
    """Labels of the kept sites, and the kinds without those that are empty."""
    filled = [number for number, parts in enumerate(kinds) if parts]
    number = {old: new for new, old in enumerate(filled)}
    return [number[labels[site]] for site in kept], [kinds[old] for old in filled]


def _check_kind(fields: Mapping[str, Any]) -> None:
    directions = fields.get("dimension_types")
    periodic = fields.get("nperiodic_dimensions")
    if directions is not None and list(directions) != [1, 1, 1]:
        raise _not_periodic(f"dimension_types is {list(directions)}")
    if periodic is not None and periodic != 3:
        raise _not_periodic(f"nperiodic_dimensions is {periodic}")
    features = fields.get("structure_features") or ()
    beyond = [f"{name} ({_BEYOND_SITES[name]})" for name in features if name in _BEYOND_SITES]
    if fields.get("assemblies") and not any(text.startswith("assemblies") for text in beyond):
        beyond.append(f"assemblies ({_BEYOND_SITES['assemblies']})")
    if beyond:
        raise StructureError("S114", f"sites in a cell cannot express {' or '.join(beyond)}")


def _not_periodic(found: str) -> StructureError:
    return StructureError(
        "S113", f"not periodic in three directions: {found}", "space groups are those of crystals: [1, 1, 1]"
    )


def _numbers(fields: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    """The field as (n, 3); null means unknown in positions, and not periodic in a lattice."""
    rows = fields.get(name)
    if rows is None:
        raise StructureError("S105" if name == "lattice_vectors" else "S106", f"{name} is missing")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 3:
            raise StructureError("S112", f"row {number} of {name} is not three numbers: {str(row)[:60]}")
        if None in row:
            if name == "lattice_vectors":
                raise _not_periodic(f"row {number} of lattice_vectors is null")
            raise StructureError("S106", f"site {number} has no position: {name} is null there")
    try:
        values: NDArray[np.float64] = np.array(rows, dtype=np.float64).reshape(-1, 3)
        return values
    except (TypeError, ValueError) as error:
        raise StructureError("S112", f"{name} holds something that is not a number: {error}") from error


def _check_counts(
    fields: Mapping[str, Any],
    positions: NDArray[np.float64],
    names: Sequence[Any],
) -> None:
    if len(names) != len(positions):
        raise StructureError("S112", f"{len(names)} species_at_sites, but {len(positions)} positions")
    stated = fields.get("nsites")
    if stated is not None and stated != len(names):
        raise StructureError("S112", f"nsites is {stated}, but there are {len(names)} sites")


def _kinds(fields: Mapping[str, Any], names: Sequence[Any], notes: list[str]) -> dict[str, Parts]:
    """What each name in use means, in order of first use."""
    listed = fields.get("species") or ()
    known = {kind["name"]: kind for kind in listed}
    kinds: dict[str, Parts] = {}
    for name in dict.fromkeys(names):
        if name not in known and listed:
            raise StructureError("S112", f"species_at_sites has '{name}', which is not in species")
        kind = known.get(name, {"chemical_symbols": [name], "concentration": [1.0]})
        kinds[name] = _parts(str(name), kind)
        attached = _attached(kind)
        if attached:
            notes.append(
                f"{attached} attached to '{name}' have no positions; they are left out on {list(names).count(name)} sites"
            )
    return kinds


def _parts(name: str, kind: Mapping[str, Any]) -> Parts:
    symbols, shares = kind["chemical_symbols"], kind["concentration"]
    if len(symbols) != len(shares):
        raise StructureError(
            "S112", f"species '{name}' has {len(symbols)} chemical_symbols but {len(shares)} concentrations"
        )
    parts = []
    for symbol, share in zip(symbols, shares, strict=True):
        if symbol == "vacancy":
            continue
        if not is_element(symbol):
            raise StructureError(
                "S107", f"species '{name}' holds '{symbol}', which is not a chemical element"
            )
        if not 0 <= share <= 1 + 1e-6:
            raise StructureError("S108", f"the concentration of {symbol} in species '{name}' is {share}")
        if share > 0:
            parts.append((Atom(symbol), float(share)))
    return tuple(parts)


def _attached(kind: Mapping[str, Any]) -> str:
    """ "3 H" for a methyl group's carbon; empty where nothing is attached."""
    symbols, counts = kind.get("attached") or (), kind.get("nattached") or ()
    return " and ".join(f"{n} {symbol}" for symbol, n in zip(symbols, counts, strict=False) if n)
