"""From an asymmetric unit to all atoms of the cell: symmetry operations as text, images of sites, checks.

Used by data_minerals, whose database lists operations and rounded coordinates.
"""

import json
import re
from typing import Final, NamedTuple

import numpy as np
from data_crystal import Floats, lattice_rows

SAME_SITE: Final = 0.15  # Å: images of a site closer than this are one atom on a special position
METRIC: Final = 1e-3  # relative: larger misfits between cell and operations are errors of transcription
TOO_CLOSE: Final = 0.5  # Å: two atoms of one structure closer than this are an error or unmarked disorder


class Refused(Exception):
    """A structure that is left out; the text is the reason."""


def read_cell(texts: list[str]) -> Floats:
    """Lattice rows from three lengths and three angles as text; raises Refused where they do not make a cell."""
    if not all(re.fullmatch(r"\d+\.?\d*", text) for text in texts):
        raise Refused("unreadable cell")
    lattice = lattice_rows(*map(float, texts))
    if not np.linalg.det(lattice) > 1:
        raise Refused("unreadable cell")
    return lattice


class Operations(NamedTuple):
    """Rotations (k, 3, 3) and translations (k, 3) in fractional coordinates."""

    rotations: Floats
    translations: Floats


def read_operation(text: str) -> tuple[list[list[int]], list[float]]:
    """'1/2-x,y,x-y' -> rotation rows and translation; raises Refused on anything else."""
    rotation = [[0, 0, 0] for _ in range(3)]
    translation: list[float] = [0.0, 0.0, 0.0]
    parts = text.replace(" ", "").lower().split(",")
    if len(parts) != 3:
        raise Refused("unreadable symmetry operation")
    for row, part in enumerate(parts):
        terms = re.findall(r"([+-]?)(?:([xyz])|(\d+)/(\d+)|(\d*\.\d+|\d+))", part)
        if "".join(f"{s}{x}{n}{'/' if n else ''}{d}{f}" for s, x, n, d, f in terms) != part:
            raise Refused("unreadable symmetry operation")
        for sign, axis, top, bottom, number in terms:
            factor = -1 if sign == "-" else 1
            if axis:
                rotation[row]["xyz".index(axis)] += factor
            else:
                translation[row] += factor * (int(top) / int(bottom) if top else float(number))
    return rotation, translation


def read_operations(texts: str) -> Operations:
    """The JSON list of a row's operations."""
    pairs = [read_operation(text) for text in json.loads(texts)]
    rotations, translations = zip(*pairs, strict=True)
    return Operations(np.array(rotations, dtype=np.float64), np.array(translations))


def distances(differences: Floats, lattice: Floats) -> Floats:
    """Shortest lengths in Å of fractional difference vectors (..., 3) modulo the lattice."""
    shifts = np.array(list(np.ndindex(3, 3, 3)), dtype=np.float64) - 1
    wrapped = differences - np.round(differences)
    vectors = (wrapped[..., None, :] + shifts) @ lattice
    shortest: Floats = np.sqrt((vectors**2).sum(axis=-1).min(axis=-1))
    return shortest


def expand_site(site: Floats, operations: Operations, lattice: Floats) -> Floats:
    """All images (n, 3) of a site; one close to a symmetry element is first moved onto it.

    Published coordinates are rounded (0.333 for 1/3), so a site is replaced by the mean of its images that fall on it.
    """
    images = operations.rotations @ site + operations.translations
    near = distances(images - site, lattice) < SAME_SITE
    offsets = images[near] - site
    centre = site + (offsets - np.round(offsets)).mean(axis=0)
    images = (operations.rotations @ centre + operations.translations) % 1.0
    kept: list[Floats] = []
    for image in images:
        if not kept or distances(np.array(kept) - image, lattice).min() > SAME_SITE:
            kept.append(image)
    return np.array(kept)


def check_metric(lattice: Floats, operations: Operations) -> None:
    """Every rotation keeps the lengths and angles of the cell."""
    metric = lattice @ lattice.T
    turned = operations.rotations.transpose(0, 2, 1) @ metric @ operations.rotations
    if np.abs(turned - metric).max() > METRIC * metric.max():
        raise Refused("cell without the symmetry of its operations")


def check_distances(positions: Floats, lattice: Floats) -> None:
    """No two atoms are nearly on one place."""
    upper = np.triu_indices(len(positions), 1)
    if len(upper[0]) and distances(positions[upper[0]] - positions[upper[1]], lattice).min() < TOO_CLOSE:
        raise Refused("two atoms on one place")
