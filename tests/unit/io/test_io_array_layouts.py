"""Arrays of any memory layout, type and library are the same crystal, by every engine."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkit.encoding import encode, encode_batch
from cloudkit.structure import ENGINES

pd = pytest.importorskip("pandas", reason="pip install 'cloudkit-scope[test]'")
LATTICE: Final = np.array([[4.59, 0, 0], [0, 4.59, 0], [0, 0, 2.96]])
POSITIONS: Final = np.array(
    [
        [0, 0, 0],
        [0.5, 0.5, 0.5],
        [0.305, 0.305, 0],
        [0.695, 0.695, 0],
        [0.805, 0.195, 0.5],
        [0.195, 0.805, 0.5],
    ]
)
NUMBERS: Final = np.array([22, 22, 8, 8, 8, 8])
RUTILE: Final = "Ti 2a O 4f"
LAYOUTS: Final[dict[str, Callable[[Any], Any]]] = {
    "as it is": lambda x: x,
    "Fortran order": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=0)[::2],
    "reversed twice": lambda x: x[::-1].copy()[::-1],
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "lists": lambda x: x.tolist(),
    "tuples": lambda x: tuple(map(tuple, x.tolist())) if x.ndim == 2 else tuple(x.tolist()),
    "objects": lambda x: x.astype(object),
    "pandas": lambda x: pd.DataFrame(x) if x.ndim == 2 else pd.Series(x),
}
NARROW: Final[dict[str, Callable[[Any], Any]]] = {
    "float32": lambda x: x.astype(np.float32) if x.dtype.kind == "f" else x.astype(np.int8),
    "longdouble": lambda x: x.astype(np.longdouble) if x.dtype.kind == "f" else x.astype(np.uint64),
}


@given(*[st.sampled_from(sorted({**LAYOUTS, **NARROW}))] * 3, st.sampled_from(ENGINES))
def test_any_layout_is_the_same_crystal(lattice: str, positions: str, numbers: str, engine: Any) -> None:
    forms = LAYOUTS | NARROW
    given_as = (forms[lattice](LATTICE), forms[positions](POSITIONS), forms[numbers](NUMBERS))
    assert encode(given_as, engine=engine).endswith(f"| {RUTILE}")
    assert encode_batch([given_as], engine=engine).errors == [None]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", ["canonical", "input"])
def test_tensors_are_read(engine: Any, order: str) -> None:
    torch = pytest.importorskip("torch")
    lattice = torch.tensor(LATTICE.T.copy()).T.requires_grad_()
    structure = (lattice, torch.tensor(POSITIONS, dtype=torch.float32), torch.tensor(NUMBERS))
    assert "Ti 2" in encode(structure, engine=engine, order=order)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_object_that_breaks_while_it_is_read_is_one_failure(engine: Any) -> None:
    class Broken:
        lattice, sites = property(lambda _: 1 / 0), ()

    good = (LATTICE, POSITIONS, NUMBERS)
    batch = encode_batch(
        [good, Broken(), (LATTICE, POSITIONS, ["Ti", None, "O", "O", "O", "O"]), good], engine=engine
    )
    assert [error and error.code for error in batch.errors] == [None, "S112", "S112", None]
    assert batch.notes == [()] * 4
