"""Stated facts and what is read: sound files get no note, falsified ones get one, and each setting is the same crystal in every form."""

import random

import gemmi
import pytest

pytest.importorskip("pymatgen", reason="pip install 'cloudkit-scope[test]' for the writers")
pytest.importorskip("ase", reason="pip install 'cloudkit-scope[interop]' for the writers")

from pymatgen.io.cif import CifWriter

from .stated_facts import (
    FALSIFIERS,
    FORMS,
    SYMPREC,
    as_gemmi,
    contradictions,
    encoded,
    is_noticed,
    own_structures,
    written,
)

SETTINGS = list(gemmi.spacegroup_table())[:530]


def test_what_programs_write_gets_no_note() -> None:
    texts = [entry for structure in own_structures() for entry in written(structure)]
    rows = encoded([text for _, text in texts])
    assert len(rows) == 40
    assert not [
        (how, row.notes, row.error) for (how, _), row in zip(texts, rows, strict=True) if is_noticed(row)
    ]


@pytest.mark.parametrize("kind", FALSIFIERS)
def test_a_falsified_fact_is_noticed(kind: str) -> None:
    draw = random.Random(18)
    sound = [str(CifWriter(structure, symprec=SYMPREC)) for structure in own_structures()]
    false = [new for text in sound if (new := FALSIFIERS[kind](text, draw)) != text]
    noticed = [is_noticed(row) for row in encoded(false)]
    assert len(false) >= 8
    least = 0.7 if kind == "coordinate" else 0.9  # some coordinates are free, and atoms stay apart
    assert sum(noticed) >= least * len(false)


@pytest.mark.parametrize("form", FORMS[1:])
def test_a_setting_is_the_same_crystal_however_it_is_stated(form: str) -> None:
    some = SETTINGS[FORMS.index(form) :: 12]
    by_operations = encoded([as_gemmi(one, "operations") for one in some])
    by_form = encoded([as_gemmi(one, form) for one in some])
    for one, first, second in zip(some, by_operations, by_form, strict=True):
        assert first.scope is not None and first.scope == second.scope, one.xhm()
        assert not contradictions(first) and not contradictions(second), one.xhm()
