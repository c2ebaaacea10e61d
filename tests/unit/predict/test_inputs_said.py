"""What prediction says of inputs that it cannot use: nothing is dropped in silence."""

from pathlib import Path

import pandas as pd
import pytest

import cloudkit
from cloudkit.errors import CloudkitError
from cloudkit.io.paths import missing_hint

ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"
POSCAR = "salt\n5.64\n0 .5 .5\n.5 0 .5\n.5 .5 0\nNa Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"


@pytest.mark.parametrize("model", ["thermal", "materials"])
def test_a_single_input_without_a_prediction_is_an_error(model: str) -> None:
    with pytest.raises(
        CloudkitError, match=r"NaCl: S101: there is no file NaCl; a formula does not say which"
    ):
        cloudkit.load(model).predict("NaCl")


@pytest.mark.parametrize("model", ["thermal", "materials"])
def test_one_bad_input_among_several_is_warned_of(model: str) -> None:
    with pytest.warns(
        UserWarning,
        match=r"^1 input without a prediction: values are NaN, with the reason as note; the first is 1: E",
    ):
        table = cloudkit.load(model).predict([ROCK_SALT, "0 0 0 | Xx 1a"])
    assert table["id"].unique().tolist() == ["0", "1"]
    lost = table[table["id"] == "1"]
    assert lost["value"].isna().all() and lost["note"].str.contains("E202: unknown element 'Xx'").all()
    assert set(lost["quantity"]) == set(table["quantity"])
    assert [failure.id for failure in table.attrs["failures"]] == ["1"]


def test_a_folder_is_read_as_on_the_command_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.vasp", "b.vasp"):
        (tmp_path / name).write_text(POSCAR)
    table = cloudkit.load("thermal").predict(tmp_path)
    assert list(dict.fromkeys(table["id"])) == ["a.vasp", "b.vasp"]


@pytest.mark.filterwarnings("ignore:1 input without a prediction")
def test_the_index_of_pandas_is_kept_and_a_wide_table_joins_it(tmp_path: Path) -> None:
    (tmp_path / "a.vasp").write_text(POSCAR)
    files = pd.DataFrame(
        {"file": [tmp_path / "a.vasp", ROCK_SALT, str(tmp_path / "no.cif")], "y": [1.0, 2.0, 3.0]},
        index=[7, 3, 5],
    )
    model = cloudkit.load("elastic")
    assert model.predict(files["file"])["id"].unique().tolist() == [7, 3, 5]
    wide = model.predict(files["file"], wide=True)
    assert wide.index.tolist() == [7, 3, 5] and wide.attrs["units"]["bulk_modulus"] == "GPa"
    joined = files.join(wide)
    assert joined.loc[7, "bulk_modulus"] == pytest.approx(joined.loc[3, "bulk_modulus"])
    assert joined.loc[5, "note"].startswith("S101") and joined["y"].tolist() == [1.0, 2.0, 3.0]
    assert {"bulk_modulus_lower", "shear_modulus_upper"} <= set(wide.columns)
    assert joined["bulk_modulus"].isna().tolist() == [False, False, True]


def test_a_wide_table_over_temperature_has_a_row_for_each(tmp_path: Path) -> None:
    model = cloudkit.load("materials")
    long, wide = (model.predict([ROCK_SALT, ROCK_SALT], [100, 300], wide=one) for one in (False, True))
    assert wide["temperature"].tolist() == [100.0, 300.0] * 2 and len(wide) == 4
    chosen = long[(long["quantity"] == "entropy") & (long["id"] == "0")]["value"]
    assert wide["entropy"].tolist()[:2] == chosen.tolist()
    assert wide["bulk_modulus"].nunique() == 1 and wide["bulk_modulus"].notna().all()
    assert list(model.predict(ROCK_SALT, wide=True).index) == ["0"]


def test_a_table_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a.vasp").write_text(POSCAR)
    (tmp_path / "t.csv").write_text(f"id,file\nx,a\ny,{tmp_path / 'a.vasp'}\n")
    assert cloudkit.load("elastic").predict(tmp_path / "t.csv", wide=True).index.tolist() == ["x", "y"]
    (tmp_path / "s.csv").write_text(f"id,scope\nx,{ROCK_SALT}\n")
    assert cloudkit.load("elastic").predict(str(tmp_path / "s.csv"), wide=True).index.tolist() == ["x"]


def test_predicting_uses_one_thread_and_leaves_torch_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    model = cloudkit.load("thermal")
    assert model.network is not None  # from now on torch predicts
    seen: list[int] = []
    found = model._engine.thermal
    monkeypatch.setattr(
        model._engine, "thermal", lambda *a: seen.append(torch.get_num_threads()) or found(*a)
    )
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        model.predict(ROCK_SALT)
        assert seen == [1] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NaCl", "a formula does not say which structure"),
        ("Fe2O3", "a formula"),
        ("mgal2o4", "a formula"),
        ("TiO2 anatase", "a formula"),
        ("in2.cif", ""),
        ("mp-149", "fetch optimade"),
        ("https://example.org/a.cif", "download it first"),
        ("missing.cif", ""),
        ("POSCAR", ""),
    ],
)
def test_names_that_are_not_files_get_the_right_hint(name: str, words: str) -> None:
    hint = missing_hint(name)
    assert words in hint and bool(hint) == bool(words)
