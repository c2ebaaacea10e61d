"""The compiled quick yes and the readable guards agree on every crystal; so do spglib's C and Python functions."""

import logging
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudkit import _native, get_include
from cloudkit.errors import StructureError
from cloudkit.io import as_crystal
from cloudkit.structure import Crystal, Symmetry, check_crystal, engine_spglib
from cloudkit.structure.guards import (
    FULL,
    LARGEST_COORDINATE,
    LARGEST_LENGTH,
    SAME_PLACE,
    SHORTEST_CONTACT,
    SMALLEST_VOLUME,
    is_obviously_sound,
    validate_crystal,
)
from cloudkit.structure.neighbors import THIN, close_pairs, plane_distances, reduce_cell
from cloudkit.structure.symmetry import Search, find_symmetries

contacts = pytest.importorskip("cloudkit.structure.contacts", reason="built without a C compiler")
LIMITS = {
    "LONGEST_EDGE": LARGEST_LENGTH,
    "FARTHEST_SITE": LARGEST_COORDINATE,
    "SMALLEST_VOLUME": SMALLEST_VOLUME,
    "THINNEST_CELL": THIN,
    "SHORTEST_CONTACT": SHORTEST_CONTACT,
    "SAME_PLACE": SAME_PLACE,
    "FULL_SITE": FULL,
}
SILICON, HALF = (("Si", 1.0),), (("Li", 0.4),)


@st.composite
def crystals(draw: st.DrawFn) -> Crystal:
    """Random cells, some thin, skewed or flat; atoms at random, on a grid, in clusters or on one spot."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    n = draw(st.sampled_from([1, 2, 3, 8, 30, 99, 101, 150]))
    lattice = np.diag(random.uniform(*draw(st.sampled_from([(2, 9), (0.2, 3), (0.01, 30)])), 3))
    lattice = lattice + draw(st.sampled_from([0, 0.1])) * random.normal(size=(3, 3))
    if draw(st.booleans()):
        lattice = np.array([[1, draw(st.integers(-6, 6)), 3], [0, 1, -2], [0, 0, 1]]) @ lattice
    positions = random.random((n, 3)) * draw(st.sampled_from([1, 5, 1000])) - 2
    kind = draw(st.sampled_from(["random", "grid", "cluster", "one spot", "across the boundary"]))
    if kind == "grid":
        positions = np.round(positions * 12) / 12
    elif kind == "cluster":
        positions = positions[:1] + 0.02 * random.normal(size=(n, 3))
    elif kind == "one spot":
        positions[n // 2 :] = positions[n // 2]
    elif kind == "across the boundary":
        positions[-1] = positions[0] + random.integers(-3, 4, 3) + 0.01 * random.normal(size=3)
    labels = random.integers(0, 2, n).astype(np.int32)
    return Crystal(lattice, positions, labels, (SILICON, HALF))


def fault(crystal: Crystal) -> str | None:
    try:
        validate_crystal(crystal)
    except StructureError as error:
        return str(error)
    return None


@settings(max_examples=600, deadline=None)
@given(crystals())
def test_the_quick_yes_and_the_readable_guards_agree(crystal: Crystal) -> None:
    """Same verdict and same pair; the quick yes passes on thin cells and on alternatives that may be close."""
    reason = fault(crystal)
    try:
        check_crystal(crystal)
        checked = None
    except StructureError as error:
        checked = str(error)
    assert checked == reason
    if is_obviously_sound(crystal):
        assert reason is None
    elif reason is None:
        near = close_pairs(crystal.lattice, crystal.positions, SHORTEST_CONTACT * (1 + 1e-9))
        assert len(near[0]) or plane_distances(crystal.lattice).min() < THIN * (1 + 1e-9)


@settings(max_examples=600, deadline=None)
@given(crystals())
def test_the_native_engine_refuses_what_the_readable_guards_refuse(crystal: Crystal) -> None:
    reason = fault(crystal)
    shares = [sum(x for _, x in species) for species in crystal.species]
    status, found = _native.find_symmetry(crystal.lattice, crystal.positions, crystal.labels, shares, 1e-2, 0)
    if (status == "ok") != (
        reason is None
    ):  # only where rounding decides on which side of a limit a distance lies
        assert status in ("contact", "bad cell") or reason.startswith(("S203", "S206"))
        near = close_pairs(crystal.lattice, crystal.positions, SHORTEST_CONTACT * (1 + 1e-6))
        shortest = np.linalg.norm(reduce_cell(crystal.lattice), axis=1).min()
        volume = abs(np.linalg.det(crystal.lattice))
        limits = [
            *(near[2] / SHORTEST_CONTACT),
            *(near[2] / SAME_PLACE),
            shortest / THIN,
            volume / SMALLEST_VOLUME,
        ]
        assert any(abs(ratio - 1) < 1e-6 for ratio in limits), (status, reason)
    assert (found is None) == (status != "ok")


def test_the_limits_of_the_guards_are_those_of_the_c_library() -> None:
    header = (Path(get_include()) / "cloudkit/scope.h").read_text()
    named = dict(re.findall(r"#define CK_(\w+) ([\d.e]+)", header))
    assert {name: float(named[name]) for name in LIMITS} == LIMITS


@settings(max_examples=300, deadline=None)
@given(crystals(), st.sampled_from([0.02, 0.1, 0.19]))
def test_a_contact_is_found_where_trying_all_images_finds_one(crystal: Crystal, cutoff: float) -> None:
    assume(plane_distances(crystal.lattice).min() > 2.5 * cutoff and len(crystal) < 99)
    difference = crystal.positions[None] - crystal.positions[:, None]
    difference -= np.round(difference)
    shortest = np.full(len(difference), np.inf)
    away = ~np.eye(len(difference), dtype=bool)
    for shift in product((-1, 0, 1), repeat=3):
        distance = np.linalg.norm((difference + shift) @ crystal.lattice, axis=2)
        shortest = np.minimum(shortest, np.where(away, distance, np.inf).min(axis=1))
    assume(abs(shortest.min() - cutoff) > 1e-9)
    found = contacts.has_contact(crystal.lattice, crystal.positions, cutoff)
    assert found == (shortest.min() < cutoff)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([-1.0, 5.0]), st.sampled_from([1e-4, 1e-2, 0.3]))
def test_spglib_answers_the_same_through_c_and_through_python(
    seed: int, angle: float, symprec: float
) -> None:
    random = np.random.default_rng(seed)
    cells = []
    for _ in range(3):
        lattice = np.diag(random.choice([3.0, 4.0, 4.002, 5.0], 3)) @ random.choice([np.eye(3), -np.eye(3)])
        places = np.unique(random.integers(0, 4, (int(random.integers(1, 9)), 3)) / 4, axis=0)
        types = random.integers(1, 3, len(places)).tolist()
        cells.append(engine_spglib.Cell(lattice, places, types, [1.0] * 3))
    library = engine_spglib.find_library()
    if library is None:
        pytest.skip("spglib's C functions are not used here")
    fast = list(engine_spglib._search_in_c(library, cells, symprec, angle))
    slow = [engine_spglib._search_in_python(cell, symprec, angle) for cell in cells]
    assert list(map(repr, fast)) == list(map(repr, slow))


def test_an_spglib_of_another_layout_is_called_through_python_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crystal = as_crystal((np.eye(3) * 4.12, [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17]))
    (expected,) = find_symmetries([crystal], Search("spglib"))
    engine_spglib.find_library.cache_clear()
    monkeypatch.setattr(engine_spglib, "STRUCT", engine_spglib.STRUCT.replace("int n_atoms;", ""))
    try:
        assert engine_spglib.find_library() is None
        (found,) = find_symmetries([crystal], Search("spglib"))
    finally:
        engine_spglib.find_library.cache_clear()
    assert isinstance(found, Symmetry)
    assert found == expected
    ((_, level, message),) = caplog.record_tuples
    assert level == logging.WARNING
    assert "holds the GIL: the SpglibDataset of version" in message
