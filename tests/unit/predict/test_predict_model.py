import numpy as np
import pytest

from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError, ModelError, StructureError
from cloudkit.predict import Failure, load
from cloudkit.tables import generator_text
from cloudkit.units import GAS_CONSTANT

from .predict_examples import ROCK_SALT, ROCK_SALT_REDUCED, make_model

CELL = ([[5.6, 0, 0], [0, 5.6, 0], [0, 0, 5.6]], [[0, 0, 0], [0.5, 0.5, 0.5]], ["Cs", "Cl"])


@pytest.fixture(scope="module")
def model(thermal_folder):
    return load(thermal_folder)


def column(table, quantity):
    return table[table["quantity"] == quantity]["value"].to_numpy()


def test_a_thermal_table_is_tidy_and_names_its_units(model):
    table = model.predict(ROCK_SALT, [0, 300])
    assert list(table.columns) == ["id", "temperature", "quantity", "value", "unit", "lower", "upper", "note"]
    assert table["temperature"].tolist() == [0.0] * 4 + [300.0] * 4
    assert dict(zip(table["quantity"], table["unit"], strict=True)) == {
        "heat_capacity": "J/mol_atom/K",
        "entropy": "J/mol_atom/K",
        "internal_energy": "J/mol_atom",
        "free_energy": "J/mol_atom",
    }
    assert table["lower"].isna().all() and table["upper"].isna().all() and table.attrs["failures"] == []


def test_heat_capacity_starts_at_zero_rises_and_ends_at_three_gas_constants(model):
    limit = 3 * GAS_CONSTANT
    cv = column(model.predict(ROCK_SALT, [0, *range(10, 2000, 10), 20_000, 1e9]), "heat_capacity")
    assert cv[0] == 0 and (np.diff(cv) >= 0).all() and (cv <= limit).all()
    assert cv[-2] == pytest.approx(limit, rel=1e-3)


def test_free_energy_is_energy_minus_temperature_times_entropy(model):
    kelvin = np.array([10.0, 300.0, 3000.0])
    table = model.predict(ROCK_SALT, kelvin)
    u, s, f = (column(table, name) for name in ("internal_energy", "entropy", "free_energy"))
    assert np.allclose(f, u - kelvin * s, rtol=1e-9)


def test_values_per_cell_and_per_formula_count_their_atoms(model):
    text = f"{generator_text(225)} | Ca 4a F 8c"
    atom, formula, cell = (model.predict(text, 300, per=per) for per in ("atom", "formula", "cell"))
    assert np.allclose(formula["value"], 3 * atom["value"]) and np.allclose(cell["value"], 12 * atom["value"])
    assert cell["unit"].tolist()[0] == "J/mol_cell/K" and formula["unit"].tolist()[1] == "J/mol_formula"


def test_structures_texts_and_lists_of_them_are_read(model, tmp_path):
    poscar = tmp_path / "CsCl.vasp"
    poscar.write_text("CsCl\n1.0\n4.1 0 0\n0 4.1 0\n0 0 4.1\nCs Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n")
    table = model.predict([poscar, CELL, ROCK_SALT], 300)
    assert table["id"].unique().tolist() == ["CsCl.vasp", "1", "2"]
    cv = column(table, "heat_capacity")
    alone = [column(model.predict(one, 300), "heat_capacity")[0] for one in (CELL, str(poscar))]
    assert cv[0] == cv[1] and alone == pytest.approx([cv[0]] * 2, rel=1e-6)


def test_files_of_one_name_have_their_paths_as_ids(model, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "POSCAR").write_text(
            "CsCl\n1.0\n4.1 0 0\n0 4.1 0\n0 0 4.1\nCs Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
        )
    paths = [tmp_path / "one" / "POSCAR", str(tmp_path / "two" / "POSCAR")]
    table = model.predict([*paths, ROCK_SALT], 300)
    assert table["id"].unique().tolist() == [*map(str, paths), "2"]


def test_inputs_without_a_prediction_are_listed_and_the_others_stand(model, tmp_path):
    long = f"{generator_text(1)} |" + " Na 1a" * 9
    table = model.predict([tmp_path / "absent.cif", ROCK_SALT, "1 | Na", long, ROCK_SALT_REDUCED], 300)
    assert table["id"].unique().tolist() == ["absent.cif", "1", "2", "3", "4"]
    assert table[table["value"].notna()]["id"].unique().tolist() == ["1"]
    codes = {failure.id: failure.code for failure in table.attrs["failures"]}
    assert codes.keys() == {"absent.cif", "2", "3", "4"}
    assert (
        codes["3"] == "P101"
        and codes["4"] == "P102"
        and codes["absent.cif"].startswith("S")
        and codes["2"].startswith("E")
    )


def test_a_reduced_string_has_no_value_per_cell(reduced_folder):
    model = load(reduced_folder)
    assert len(model.predict(ROCK_SALT_REDUCED, 300)) == 4
    with pytest.raises(CloudkitError, match="P103: a reduced string does not contain the number of atoms"):
        model.predict(ROCK_SALT_REDUCED, 300, per="cell")


def test_a_model_of_reduced_strings_reads_orbit_strings(reduced_folder):
    model = load(reduced_folder)
    table = model.predict([ROCK_SALT, ROCK_SALT_REDUCED], 300)
    assert len(table) == 8 and np.array_equal(table["value"][:4], table["value"][4:])


def test_a_stream_is_predicted_in_batches_as_it_would_be_at_once(model, monkeypatch):
    texts = [f"{generator_text(n)} | Na 1a" for n in (1, 2, 3, 6, 10)]
    records = [Encoded(str(i), text) for i, text in enumerate(texts)]
    records.insert(2, Encoded("bad", None, error=StructureError("S104", "no such thing")))
    whole = model.predict(texts, [100, 300])
    monkeypatch.setattr("cloudkit.predict.model.BATCH_SIZE", 2)
    batches = list(model.predict_batches(records, [100, 300]))
    assert [len(table) for table, _ in batches] == [16, 8, 16]
    assert np.allclose(np.concatenate([table["value"] for table, _ in batches]), whole["value"])
    assert [failure for _, failures in batches for failure in failures] == [
        Failure("bad", "S104", "no such thing")
    ]


@pytest.mark.parametrize("wrong", [[-5.0], [np.nan], ["warm"], []])
def test_wrong_temperatures_are_refused_before_anything_is_read(model, wrong):
    with pytest.raises(CloudkitError, match="temperature"):
        model.predict_batches(iter(()), wrong)


def test_an_unknown_per_is_refused(model):
    with pytest.raises(CloudkitError, match="atom, formula, cell"):
        model.predict(ROCK_SALT, 300, per="mole")


def test_a_model_without_thermal_head_predicts_its_quantity_and_refuses_temperatures(gap_folder):
    model = load(gap_folder)
    table = model.predict([ROCK_SALT, CELL], per="cell")
    assert table["quantity"].tolist() == ["band_gap"] * 2 and table["unit"].tolist() == ["eV"] * 2
    assert table["temperature"].isna().all() and np.isfinite(table["value"]).all()
    assert np.array_equal(table["value"], model.predict([ROCK_SALT, CELL])["value"])
    with pytest.raises(CloudkitError, match="band_gap"):
        model.predict(ROCK_SALT, 300)


def test_a_model_says_what_it_predicts(model, gap_folder):
    assert repr(model) == (
        f"<Model thermal: {model.network.parameters_count:,} parameters, "
        "predicts heat_capacity, internal_energy, entropy, free_energy>"
    )
    assert repr(load(gap_folder)).endswith("predicts band_gap>")


@pytest.mark.filterwarnings("error")
def test_texts_and_temperatures_of_numpy_are_as_good_as_plain_ones(model):
    kelvin = np.array([100.0, 300.0])
    kelvin.setflags(write=False)
    plain = model.predict(ROCK_SALT, [100, 300])
    for text in (np.str_(ROCK_SALT), np.array(ROCK_SALT), [np.str_(ROCK_SALT)]):
        assert model.predict(text, kelvin).equals(plain)


def test_bytes_are_one_input_without_a_prediction(model):
    with pytest.raises(CloudkitError, match="0: S112: a bytes is not a crystal structure"):
        model.predict(b"NaCl")


def test_nothing_in_gives_an_empty_table_with_all_columns(model):
    table = model.predict([])
    assert len(table) == 0 and list(table.columns) == list(model.predict(ROCK_SALT).columns)
    assert model.predict(["x | y"])["note"].str.startswith("E103").all()


@pytest.mark.parametrize("name", ["spec.yaml", "model.safetensors", "vocab.txt"])
def test_a_missing_or_damaged_file_is_named(name, tmp_path):
    folder = make_model(tmp_path / "m")
    (folder / name).write_bytes((folder / name).read_bytes()[:40])
    with pytest.raises(ModelError, match=name):
        load(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match="nowhere"):
        load(tmp_path / "nowhere")
