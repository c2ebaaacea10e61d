"""The model that ships with cloudkit: whole, small, as its card says, and at work by name."""

import hashlib

import numpy as np
import pytest
from safetensors.torch import load_file

from cloudkit.errors import ModelError
from cloudkit.models import shipped
from cloudkit.predict import load
from cloudkit.tables import generator_text
from cloudkit.units import DULONG_PETIT

TEXT = f"{generator_text(225)} | Na 4a Cl 4b"


def test_its_card_holds_the_hash_of_its_weights_and_the_wheel_has_room_for_it() -> None:
    folder = shipped()["thermal"]
    weights = (folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() in (folder / "card.md").read_text()
    assert len(weights) <= 3_000_000
    assert {"torch.float16", "torch.float32"} == {
        str(t.dtype) for t in load_file(folder / "model.safetensors").values()
    } - {"torch.int64", "torch.uint8"}  # counts


def test_it_predicts_by_name_within_bands_from_zero_kelvin() -> None:
    table = load("thermal").predict(TEXT, [0, 100, 300, 1000])
    cv = table[table["quantity"] == "heat_capacity"]
    assert cv["value"].iloc[0] == 0 and cv["value"].iloc[-1] < DULONG_PETIT
    assert (table["lower"] <= table["value"]).all() and (table["value"] <= table["upper"]).all()
    assert (cv["upper"] - cv["lower"]).iloc[1] > 0.1
    # measured Cp of NaCl at 298.15 K (JANAF) is 25.25 J/mol_atom/K, 24.1 of it Cv
    assert cv["value"].iloc[2] == pytest.approx(24.1, abs=0.8)


def test_a_folder_of_that_name_wins(tmp_path, monkeypatch) -> None:
    (tmp_path / "thermal").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="is not a finished model"):
        load("thermal")


def test_an_unknown_name_lists_what_ships() -> None:
    with pytest.raises(
        ModelError, match="known: materials, elastic, electronic, geometry, lattice, optical, thermal"
    ):
        load("nothing")


def test_values_are_float64_of_the_modes() -> None:
    table = load("thermal").predict(TEXT, [77.0])
    assert table["value"].dtype == np.float64
    u, s, f = (
        float(table[table["quantity"] == name]["value"].iloc[0])
        for name in ("internal_energy", "entropy", "free_energy")
    )
    assert f == pytest.approx(u - 77.0 * s, rel=1e-12)
