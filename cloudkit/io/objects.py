"""Objects of other packages, dictionaries and arrays to Crystal; none of those packages is imported here."""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cloudkit.errors import StructureError
from cloudkit.io.optimade import from_optimade
from cloudkit.structure.crystal import Crystal, build_crystal, build_numbered
from cloudkit.structure.elements import Atom, Parts, is_element, read_symbol
from cloudkit.tables import ELEMENTS

_LOG: Final = logging.getLogger(__name__)
MIXED: Final = (
    "the sites of ASE Atoms hold one element each, and occupancies in atoms.info are not read: mixed and partly filled "
    "sites count as full; give the file itself, or a pymatgen Structure"
)
# keys under which tables of the trade hold a structure, the first that is there
HOLDERS: Final = ("structure", "initial_structure", "final_structure", "atoms", "computed_structure_entry")
_KINDS = "give a pymatgen Structure, ASE Atoms, a path, a dict, or (lattice, positions, numbers)"


def from_object(structure: Any) -> Crystal:
    """A Crystal from any of the forms of `as_crystal` but a path; what had to be assumed is logged.

    Raises StructureError S107, S112, S113.
    """
    if isinstance(structure, Crystal):
        return structure
    if hasattr(structure, "lattice") and hasattr(structure, "sites"):
        return _from_pymatgen(structure)
    if hasattr(structure, "get_scaled_positions") and hasattr(structure, "numbers"):
        if _is_mixed(getattr(structure, "info", {}).get("occupancy")):
            _LOG.warning("%s", MIXED)
        return from_ase(structure.cell[:], structure.positions, structure.numbers, structure.pbc)
    if isinstance(structure, Mapping):
        notes: list[str] = []
        crystal = from_mapping(structure, notes)
        for note in notes:
            _LOG.warning("%s", note)
        return crystal
    if isinstance(structure, Sequence) and len(structure) == 3 and not isinstance(structure, str | bytes):
        return from_arrays(*structure)
    raise StructureError("S112", f"a {type(structure).__name__} is not a crystal structure", _KINDS)


def _is_mixed(occupancy: Any) -> bool:
    """Whether what ASE notes of a CIF's occupancies, {kind: {symbol: occupancy}}, has mixed or partly filled sites."""
    kinds = occupancy.values() if isinstance(occupancy, Mapping) else ()
    return any(isinstance(kind, Mapping) and list(kind.values()) != [1] for kind in kinds)


def from_arrays(lattice: Any, positions: Any, species: Any) -> Crystal:
    """lattice (3, 3) rows in Å; positions (n, 3) fractional; species (n,): atomic numbers, symbols or
    {symbol: occupancy}.
    """
    try:
        cell, places = as_numbers(lattice), as_numbers(positions)
        sites = [read_site(entry) for entry in _entries(species)]
    except StructureError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise StructureError("S112", f"lattice, positions or species cannot be read: {error}") from error
    if cell.shape != (3, 3):
        raise StructureError("S112", f"the lattice has the shape {cell.shape}, not (3, 3)")
    if places.shape != (len(sites), 3) and (places.size or sites):
        raise StructureError("S112", f"{len(sites)} species but positions of shape {places.shape}")
    return build_crystal(cell, places, sites)


def as_numbers(values: Any) -> NDArray[np.float64]:
    """Numbers of any array type and memory layout, PyTorch's on any device included, as a float64 array in C order."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.array(values, dtype=np.float64, order="C")


def _entries(species: Any) -> list[Any]:
    """What sits on each site, as plain Python objects where it comes as an array."""
    if hasattr(species, "detach"):
        species = species.detach().cpu()
    return list(species.tolist() if hasattr(species, "tolist") else species)


def from_mapping(data: Mapping[str, Any], notes: list[str]) -> Crystal:
    """The dictionary forms: {"lattice", "species", "frac" or "positions"}, the same under "structure", pymatgen's
    as_dict, OPTIMADE's, ASE's; adds to `notes` what was left out.
    """
    try:
        held = next((data[key] for key in HOLDERS if isinstance(data.get(key), Mapping)), None)
        if held is not None:
            return from_mapping(held, notes)
        if isinstance(data.get("attributes"), Mapping):
            return from_optimade(data["attributes"], notes)
        if {"lattice", "species"} <= data.keys() and data.keys() & {"frac", "positions"}:
            return from_arrays(
                data["lattice"], data["frac" if "frac" in data else "positions"], data["species"]
            )
        if {"lattice", "sites"} <= data.keys():
            return _from_pymatgen_dict(data)
        if "lattice_vectors" in data:
            return from_optimade(data, notes)
        if {"lattice_mat", "coords", "elements"} <= data.keys():
            return _from_jarvis(data)
        if {"numbers", "positions", "cell"} <= data.keys():
            return from_ase(data["cell"], data["positions"], data["numbers"], data.get("pbc"))
    except StructureError:
        raise
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise StructureError("S112", f"the structure's dictionary is incomplete: {error!r}") from error
    except (ValueError, OverflowError) as error:
        raise StructureError(
            "S112", f"the structure's dictionary holds a value of the wrong kind or shape: {error}"
        ) from error
    raise StructureError(
        "S112", "the dictionary holds no structure", "it needs the keys lattice, species and frac"
    )


def _from_jarvis(data: Mapping[str, Any]) -> Crystal:
    """The Atoms dictionary of JARVIS: coordinates are fractional unless "cartesian" is true."""
    if data.get("cartesian"):
        return from_ase(data["lattice_mat"], data["coords"], data["elements"])
    return from_arrays(data["lattice_mat"], data["coords"], data["elements"])


def _from_pymatgen(structure: Any) -> Crystal:
    """Most sites share their species objects with others; each distinct one is read once."""
    _check_periodic(getattr(structure.lattice, "pbc", None))
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
    _check_periodic(data["lattice"].get("pbc"))
    sites = [
        tuple(
            (_atom(kind["element"], kind.get("oxidation_state")), float(kind["occu"]))
            for kind in site["species"]
        )
        for site in data["sites"]
    ]
    return build_crystal(data["lattice"]["matrix"], [site["abc"] for site in data["sites"]], sites)


@np.errstate(invalid="ignore")  # numbers that are not finite are refused by the guards, in words
def from_ase(cell: Any, positions: Any, numbers: Any, pbc: Any = None) -> Crystal:
    """What ASE keeps: cell (3, 3) or three lengths and positions (n, 3), both in Å and Cartesian; numbers (n,); pbc:
    whether each direction repeats, unknown where None.
    """
    _check_periodic(pbc)
    try:
        vectors = as_numbers(cell)
        vectors = np.diag(vectors) if vectors.shape == (3,) else vectors
        places = as_numbers(positions).reshape(-1, 3)
        fractional = places @ np.linalg.inv(vectors)
    except np.linalg.LinAlgError as error:
        raise StructureError("S203", "the unit cell has no volume") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise StructureError("S112", f"cell or positions cannot be read: {error}") from error
    return from_arrays(vectors, fractional, numbers)


def _check_periodic(pbc: Any) -> None:
    """pbc: three truth values, or one for all; None where nothing is said."""
    if isinstance(pbc, tuple) and pbc == (True, True, True):  # as pymatgen has it
        return
    periodic = np.broadcast_to(np.asarray(True if pbc is None else pbc, dtype=bool), (3,))
    if not periodic.all():
        raise StructureError(
            "S113",
            f"not periodic in three directions: pbc is {' '.join('T' if p else 'F' for p in periodic)}",
            "set pbc to True if the cell repeats",
        )


def read_site(entry: Any) -> Parts:
    """What sits on a site: an atomic number, a symbol, or {symbol: occupancy}. Raises StructureError S107."""
    if isinstance(entry, Mapping):
        return tuple((read_symbol(str(symbol)), float(x)) for symbol, x in entry.items())
    if isinstance(entry, str):
        return ((read_symbol(entry), 1.0),)
    number = int(entry)
    if number != entry or not 1 <= number <= len(ELEMENTS):
        raise StructureError("S107", f"there is no element with atomic number {entry}")
    return ((Atom(ELEMENTS[number - 1].symbol), 1.0),)


@lru_cache(maxsize=4096)
def _atom(symbol: str, charge: float | None) -> Atom:
    if not is_element(symbol):
        raise StructureError("S107", f"'{symbol}' is not a chemical element")
    return Atom(symbol, None if charge is None else float(charge))
