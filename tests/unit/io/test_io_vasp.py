"""Outputs of VASP: the last structure, read by ASE; without ASE, what to install."""

import gzip
from pathlib import Path
from typing import Final

import pytest

from cloudkit.encoding import encode_files
from cloudkit.errors import MissingExtra
from cloudkit.io import read_structures, vasp

VASPRUN: Final = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator><i name="program" type="string">vasp </i></generator>
 <kpoints><varray name="kpointlist"><v> 0 0 0 </v></varray><varray name="weights"><v> 1.0 </v></varray></kpoints>
 <parameters><separator name="electronic"><i name="NELM">60</i></separator></parameters>
 <atominfo><atoms>2</atoms><types>2</types>
  <array name="atoms"><dimension dim="1">ion</dimension><field type="string">element</field><field type="int">atomtype</field>
   <set><rc><c>Cs</c><c>1</c></rc><rc><c>Cl</c><c>2</c></rc></set></array>
 </atominfo>
 <structure name="initialpos"><crystal><varray name="basis"><v> 4 0 0 </v><v> 0 4 0 </v><v> 0 0 4 </v></varray></crystal>
  <varray name="positions"><v> 0 0 0 </v><v> 0.5 0.5 0.5 </v></varray></structure>
 <calculation>
  <scstep><energy><i name="e_fr_energy"> -1.0 </i><i name="e_wo_entrp"> -1.0 </i><i name="e_0_energy"> -1.0 </i></energy></scstep>
  <structure><crystal><varray name="basis"><v> 4.12 0 0 </v><v> 0 4.12 0 </v><v> 0 0 4.12 </v></varray></crystal>
   <varray name="positions"><v> 0 0 0 </v><v> 0.5 0.5 0.5 </v></varray></structure>
  <varray name="forces"><v> 0 0 0 </v><v> 0 0 0 </v></varray>
  <energy><i name="e_fr_energy"> -1.0 </i><i name="e_wo_entrp"> -1.0 </i><i name="e_0_energy"> -1.0 </i></energy>
 </calculation>
</modeling>
"""
OUTCAR: Final = """ vasp.6.3.0 18Jan22 (build) complex
   POTCAR:    PAW_PBE Cs_sv 08Apr2002
   POTCAR:    PAW_PBE Cl 06Sep2000
   POTCAR:    PAW_PBE Cs_sv 08Apr2002
   POTCAR:    PAW_PBE Cl 06Sep2000
   ions per type =               1   1
   NIONS =        2
   ISPIN  =      1    spin polarized calculation?
 ------- Iteration      1(   1)  -------
      direct lattice vectors                 reciprocal lattice vectors
     4.120000000  0.000000000  0.000000000     0.242718447  0.000000000  0.000000000
     0.000000000  4.120000000  0.000000000     0.000000000  0.242718447  0.000000000
     0.000000000  0.000000000  4.120000000     0.000000000  0.000000000  0.242718447
 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
      0.00000      0.00000      0.00000         0.000000      0.000000      0.000000
      2.06000      2.06000      2.06000         0.000000      0.000000      0.000000
 -----------------------------------------------------------------------------------
  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)
  ---------------------------------------------------
  free  energy   TOTEN  =        -6.50000000 eV

  energy  without entropy=       -6.50000000  energy(sigma->0) =       -6.50000000
"""


@pytest.mark.parametrize("name", ["vasprun.xml", "run1.vasprun.xml", "OUTCAR", "OUTCAR.gz", "relax_OUTCAR"])
def test_the_last_structure_of_an_output_is_read(name: str, tmp_path: Path) -> None:
    pytest.importorskip("ase", reason="pip install 'cloudkit-scope[interop]'")
    text = (VASPRUN if "vasprun" in name else OUTCAR).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    (row,) = encode_files([tmp_path])
    assert str(row.scope).endswith("| Cs 1a Cl 1b"), row.error
    assert row.notes == ("the last structure of the output is read",)


def test_an_output_that_is_cut_off_is_a_failure(tmp_path: Path) -> None:
    pytest.importorskip("ase", reason="pip install 'cloudkit-scope[interop]'")
    (tmp_path / "vasprun.xml").write_text(VASPRUN[:300])
    (tmp_path / "OUTCAR").write_text(OUTCAR[:100])
    assert [record.error and record.error.code for record in read_structures([tmp_path])] == ["S103", "S103"]


def test_without_ase_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def require(module: str, extra: str) -> None:
        raise MissingExtra(module, extra)

    monkeypatch.setattr(vasp, "require", require)
    (tmp_path / "OUTCAR").write_text(OUTCAR)
    (record,) = read_structures([tmp_path])
    assert record.error is not None and record.error.code == "S102" and "interop" in record.error.hint
