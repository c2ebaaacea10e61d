"""Outputs of VASP (vasprun.xml, OUTCAR), of which ASE reads the last structure."""

from collections.abc import Iterator
from io import StringIO

from cloudkit.errors import MissingExtra, StructureError, require
from cloudkit.io.objects import as_crystal
from cloudkit.io.record import Record


class _Named(StringIO):
    """A text with the name of a file, beside which ASE looks for constraints of the run; there is nothing beside it."""

    name = "/nowhere/OUTCAR"


def read_output(text: str, form: str) -> Iterator[Record]:
    """The last structure of an output. form: "vasp-xml" or "vasp-out", as ASE names them.

    Raises StructureError S102 where ASE is not installed, S103 where it cannot read the text.
    """
    try:
        ase = require("ase.io", "interop")
    except MissingExtra as error:
        raise StructureError(
            "S102", "outputs of VASP are read by ASE, which is not installed", str(error)
        ) from error
    try:
        atoms = ase.read(_Named(text), format=form, index=-1)
    except Exception as error:
        raise StructureError(
            "S103",
            f"ASE cannot read the output: {type(error).__name__}: {error}",
            "give the CONTCAR of the run",
        ) from error
    yield Record("", as_crystal(atoms), None, ("the last structure of the output is read",))
