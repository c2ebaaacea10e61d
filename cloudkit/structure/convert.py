"""Objects of other packages, dictionaries and arrays to Crystal; none of those packages is imported here."""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cloudkit.errors import StructureError
from cloudkit.structure.crystal import Crystal, build_crystal, build_numbered
from cloudkit.structure.elements import Atom, Parts, is_element, read_symbol
from cloudkit.tables import ELEMENTS

_KINDS = "give a pymatgen Structure, ASE Atoms, a path, a dict, or (lattice, positions, numbers)"


def as_crystal(structure: Any) -> Crystal:
    """A Crystal from whatever people have.

    structure: Crystal; pymatgen Structure or its as_dict(); ASE Atoms;
    the path of a file with exactly one structure;
    {"lattice", "species", "frac"}; or (lattice, positions, numbers) with positions fractional and numbers Z
    or symbols.
    Raises StructureError S1xx where that cannot be read;
    whether the crystal is physical is checked by find_symmetry.
    """
    if isinstance(structure, Crystal):
        return structure
    if isinstance(structure, str | os.PathLike):
        from cloudkit.structure.read import read_one

        return read_one(Path(structure))
    if hasattr(structure, "lattice") and hasattr(structure, "sites"):
        return _from_pymatgen(structure)
    if hasattr(structure, "get_scaled_positions") and hasattr(structure, "numbers"):
        return from_arrays(structure.cell[:], structure.get_scaled_positions(wrap=False), structure.numbers)
    if isinstance(structure, Mapping):
        return from_mapping(structure)
    if isinstance(structure, Sequence) and len(structure) == 3:
        return from_arrays(*structure)
    raise StructureError("S112", f"a {type(structure).__name__} is not a crystal structure", _KINDS)


def from_arrays(lattice: Any, positions: Any, species: Any) -> Crystal:
    """lattice (3, 3) rows in Å; positions (n, 3) fractional; species (n,): atomic numbers, symbols or
    {symbol: occupancy}.
    """
    try:
        cell, places = np.array(lattice, dtype=np.float64), np.array(positions, dtype=np.float64)
        sites = [read_site(entry) for entry in species]
    except (TypeError, ValueError) as error:
        if isinstance(error, StructureError):
            raise
        raise StructureError(
            "S112", f"lattice, positions or species are not what they should be: {error}"
        ) from error
    if cell.shape != (3, 3):
        raise StructureError("S112", f"the lattice has the shape {cell.shape}, not (3, 3)")
    if places.shape != (len(sites), 3) and (places.size or sites):
        raise StructureError("S112", f"{len(sites)} species but positions of shape {places.shape}")
    return build_crystal(cell, places, sites)


def from_mapping(data: Mapping[str, Any]) -> Crystal:
    """The dictionary forms: {"lattice", "species", "frac"}, the same under "structure", pymatgen's as_dict,
    OPTIMADE's.
    """
    try:
        if isinstance(data.get("structure"), Mapping):
            return from_mapping(data["structure"])
        if isinstance(data.get("attributes"), Mapping):
            return _from_optimade(data["attributes"])
        if {"lattice", "species", "frac"} <= data.keys():
            return from_arrays(data["lattice"], data["frac"], data["species"])
        if {"lattice", "sites"} <= data.keys():
            return _from_pymatgen_dict(data)
        if "lattice_vectors" in data:
            return _from_optimade(data)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise StructureError("S112", f"the structure's dictionary is incomplete: {error!r}") from error
    raise StructureError(
        "S112", "the dictionary holds no structure", "it needs the keys lattice, species and frac"
    )


def _from_pymatgen(structure: Any) -> Crystal:
    """Most sites share their species objects with others; each distinct one is read once."""
    sites = structure.sites
    known: dict[tuple[tuple[int, float], ...], int] = {}
    kinds: list[Parts] = []
    labels: list[int] = []
    for site in sites:
        pairs = site.species.items()
        label = known.setdefault(tuple([(id(kind), x) for kind, x in pairs]), len(kinds))
        if label == len(kinds):
            kinds.append(tuple([(_pymatgen_atom(kind), float(x)) for kind, x in pairs]))
        labels.append(label)
    positions = np.concatenate([site.frac_coords for site in sites]) if sites else np.empty((0, 3))
    return build_numbered(structure.lattice.matrix, positions, labels, kinds)


@lru_cache(maxsize=4096)
def _pymatgen_atom(kind: Any) -> Atom:
    """An Element, Species or DummySpecies of pymatgen."""
    return _atom(str(kind.symbol), getattr(kind, "oxi_state", None))


def _from_pymatgen_dict(data: Mapping[str, Any]) -> Crystal:
    sites = [
        tuple(
            (_atom(kind["element"], kind.get("oxidation_state")), float(kind["occu"]))
            for kind in site["species"]
        )
        for site in data["sites"]
    ]
    return build_crystal(data["lattice"]["matrix"], [site["abc"] for site in data["sites"]], sites)


def _from_optimade(data: Mapping[str, Any]) -> Crystal:
    cell = np.array(data["lattice_vectors"], dtype=np.float64)
    if abs(np.linalg.det(cell)) < 1e-12:
        raise StructureError("S203", "the unit cell has no volume")
    kinds = {kind["name"]: kind for kind in data.get("species") or ()}
    sites: list[Parts] = []
    for name in data["species_at_sites"]:
        kind = kinds.get(name, {"chemical_symbols": [name], "concentration": [1.0]})
        pairs = zip(kind["chemical_symbols"], kind["concentration"], strict=True)
        sites.append(tuple((_atom(symbol, None), float(x)) for symbol, x in pairs if symbol != "vacancy"))
    return build_crystal(
        cell, np.array(data["cartesian_site_positions"], dtype=np.float64) @ np.linalg.inv(cell), sites
    )


def read_site(entry: Any) -> Parts:
    """What sits on a site: an atomic number, a symbol, or {symbol: occupancy}. Raises StructureError S107."""
    if isinstance(entry, Mapping):
        return tuple((read_symbol(str(symbol)), float(x)) for symbol, x in entry.items())
    if isinstance(entry, str):
        return _one_atom(entry)
    number = int(entry)
    if number != entry or not 1 <= number <= len(ELEMENTS):
        raise StructureError("S107", f"there is no element with atomic number {entry}")
    return ((Atom(ELEMENTS[number - 1].symbol), 1.0),)


@lru_cache(maxsize=4096)
def _one_atom(symbol: str) -> Parts:
    return ((read_symbol(symbol), 1.0),)


def _atom(symbol: str, charge: float | None) -> Atom:
    if not is_element(symbol):
        raise StructureError("S107", f"'{symbol}' is not a chemical element")
    return Atom(symbol, None if charge is None else float(charge))
