"""The family `materials`: plausible numbers with units and intervals, flags, sheets, and what the command prints of them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cloudkit
from cloudkit.cli.app import main
from cloudkit.errors import CloudkitError, ModelError
from cloudkit.html import format_number
from cloudkit.models.runtime import shipped
from cloudkit.models.widths import Interval
from cloudkit.modelspec import dump, load_spec
from cloudkit.predict import Materials, Model, Sheet
from cloudkit.predict.about import SCALAR_QUANTITIES, about_shipped
from cloudkit.predict.inputs import encode_inputs
from cloudkit.predict.materials import MEMBERS, THERMAL, derived_moduli
from cloudkit.predict.training_crystals import (
    MAX_ELEMENTS,
    TrainingCrystals,
    read_training_crystals,
    save_training_crystals,
    site_hash,
)
from cloudkit.report.sheet import sheet_page
from cloudkit.scope import parse
from cloudkit.tables import generator_text

ROOT = Path(__file__).parents[3]
ROCK_SALT = f"{generator_text(225)} | Na 4a Cl 4b"
COPPER = f"{generator_text(225)} | Cu 4a"
ALLOY = f"{generator_text(225)} | Fe 0.5 Ni 0.5 4a"
CORUNDUM = f"{generator_text(167)} | Al 12c O 18e"
MAGNESIUM_DIBORIDE = f"{generator_text(191)} | Mg 1a B 2d"
SPINEL = generator_text(227)
LONG = f"{generator_text(1)} | " + " ".join(["Na 1a Cl 1a"] * 200)


@pytest.fixture(scope="module")
def family() -> Materials:
    found = cloudkit.load("materials")
    assert isinstance(found, Materials)
    return found


def values(
    family: Materials, text: str, temperatures: object = None
) -> dict[str, tuple[float, float, float]]:
    ((table, failures),) = family.predict_columns(encode_inputs(text), temperatures)
    assert not failures
    rows = zip(table["quantity"], table["value"], table["lower"], table["upper"], strict=True)
    return {name: (float(value), float(low), float(high)) for name, value, low, high in rows}


def test_rock_salt_has_the_properties_of_the_handbook(family: Materials) -> None:
    found = values(family, ROCK_SALT)
    assert list(found) == [*THERMAL, *SCALAR_QUANTITIES]
    handbook = {"heat_capacity_p": 25.2, "bulk_modulus": 25.0, "shear_modulus": 14.7, "formation_energy": -2.13, "refractive_index": 1.544}  # fmt: skip
    for name, wanted in handbook.items():
        assert found[name][0] == pytest.approx(wanted, rel=0.2), name
    assert found["metal_probability"][0] < 0.1
    assert found["heat_capacity_p"][0] > found["heat_capacity"][0]
    for name, (value, low, high) in found.items():
        assert name == "metal_probability" or low < value < high, name


def test_copper_is_a_metal_without_gap_and_refractive_index(family: Materials) -> None:
    found = values(family, COPPER)
    assert found["metal_probability"][0] > 0.9
    assert np.isnan(found["refractive_index"]).all()
    np.testing.assert_array_equal(found["band_gap"], [0, np.nan, np.nan])


@pytest.mark.parametrize(
    ("text", "gap"),  # of PBE, in eV
    [(f"{generator_text(221)} | Sr 1a Ti 1b O 3c", 1.8), (f"{generator_text(136)} | Ti 2a O 4f", 1.8), (f"{generator_text(227)} | Si 8a", 0.6)],
    ids=["SrTiO3", "rutile", "silicon"],
)  # fmt: skip
def test_semiconductors_that_no_training_crystal_is_like_have_a_gap(
    family: Materials, text: str, gap: float
) -> None:
    found = values(family, text)
    assert found["metal_probability"][0] < 0.5
    assert found["band_gap"][1] <= gap <= found["band_gap"][2] and found["band_gap"][0] == pytest.approx(
        gap, abs=0.5
    )


def test_thermal_rows_come_at_each_temperature_and_all_others_once(family: Materials) -> None:
    ((table, _),) = family.predict_columns(encode_inputs([ROCK_SALT, COPPER]), [100, 300, 500])
    assert len(table["id"]) == 2 * (3 * len(THERMAL) + len(SCALAR_QUANTITIES))
    cv = table["value"][(table["quantity"] == "heat_capacity") & (table["id"] == "0")]
    assert (np.diff(cv) > 0).all()
    assert np.isnan(table["temperature"][table["quantity"] == "band_gap"]).all()


def test_values_per_cell_are_those_per_atom_times_its_atoms(family: Materials) -> None:
    ((atom, _),) = family.predict_columns(encode_inputs(ROCK_SALT))
    ((cell, _),) = family.predict_columns(encode_inputs(ROCK_SALT), per="cell")
    of_cell = np.array([unit.startswith("J/mol") for unit in atom["unit"]])
    np.testing.assert_allclose(cell["value"][of_cell], 8 * atom["value"][of_cell])
    np.testing.assert_array_equal(cell["value"][~of_cell], atom["value"][~of_cell])
    assert "J/mol_cell/K" in cell["unit"]


def test_a_table_of_pandas_has_a_note_and_the_failures(family: Materials) -> None:
    table = family.predict([ROCK_SALT, "no | string"])
    assert set(table.columns) == set(family.columns) and (table[table["id"] == "0"]["note"] == "").all()
    lost = table[table["id"] == "1"]
    assert lost["note"].str.startswith("E103").all() and lost["value"].isna().all()
    assert len(lost) == len(table) / 2
    assert [failure.id for failure in table.attrs["failures"]] == ["1"]


def test_what_no_training_crystal_has_is_named(family: Materials) -> None:
    known = read_training_crystals()
    assert known.unlike(parse(ROCK_SALT)) == []
    (mixed,) = (reason for reason in known.unlike(parse(ALLOY)) if "mixed" in reason)
    assert "no training crystal" in mixed
    many = parse(f"{generator_text(1)} | " + " ".join(["Na 1a Cl 1a"] * 60))
    assert any(reason.startswith("120 orbits are more than") for reason in known.unlike(many))
    rare = parse(f"{generator_text(225)} | Es 4a Cl 4b")
    assert known.unlike(rare)[0] == "Es is in no training crystal"


def test_a_string_that_is_too_long_is_a_failure(family: Materials) -> None:
    ((table, failures),) = family.predict_columns(encode_inputs([LONG, ROCK_SALT]))
    assert [failure.code for failure in failures] == ["P101"] and "tokens" in failures[0].message
    assert set(table["id"]) == {"1"}
    with pytest.raises(CloudkitError, match="P101"):
        family.sheet(LONG)


def test_a_string_too_long_for_one_model_has_no_value_of_it_and_a_note(
    family: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family.members["thermal"], "max_length", 3)
    ((table, _),) = family.predict_columns(encode_inputs(ROCK_SALT))
    assert np.isnan(table["value"][table["quantity"] == "heat_capacity"]).all()
    assert np.isfinite(table["value"][table["quantity"] == "bulk_modulus"]).all()
    assert "too long for the thermal model" in table["note"][0]
    assert "too long" in sheet_page(family.sheet(ROCK_SALT))


def test_moduli_of_isotropic_solids_follow_from_two_of_them() -> None:
    ends = Interval(np.array([160.0]), np.array([150.0]), np.array([170.0])), Interval(np.array([80.0]), np.array([70.0]), np.array([90.0]))  # fmt: skip
    found = derived_moduli(*ends)
    young, poisson = (float(found[name].value[0]) for name in ("youngs_modulus", "poisson_ratio"))
    assert young == pytest.approx(2 * 80 * (1 + poisson)) and young == pytest.approx(
        3 * 160 * (1 - 2 * poisson)
    )
    for part in found.values():
        assert part.lower < part.value < part.upper


def test_the_nearest_known_crystal_of_one_that_was_learned_is_itself() -> None:
    known = read_training_crystals()
    first = known.nearest(parse(ROCK_SALT), 3)
    assert [one.distance for one in first] == sorted(one.distance for one in first)
    assert first[0].is_same and first[0].formula == "NaCl" and first[0].labels
    assert site_hash(parse(ROCK_SALT)) != site_hash(parse(COPPER))


def test_distances_of_compositions_are_work_along_the_mendeleev_numbers() -> None:
    arrays = {
        "numbers": np.array([[11, 17] + [0] * (MAX_ELEMENTS - 2)], dtype=np.uint8),
        "amounts": np.array([[1, 1] + [0] * (MAX_ELEMENTS - 2)], dtype=np.uint8),
        "group": np.array([225], dtype=np.uint8),
        "sites": np.array([site_hash(parse(ROCK_SALT))], dtype=np.uint32),
        "labels": np.array([[5.0]], dtype=np.float16),
        "quantities": np.array(["band_gap"]),
        "most_orbits": np.array(3),
    }
    known = TrainingCrystals(arrays)
    places = {symbol: cloudkit.tables.ELEMENT[symbol].mendeleev_number for symbol in ("Na", "K", "Cl")}
    halved = abs(places["Na"] - places["K"]) / 2
    (itself,), (other,) = known.nearest(parse(ROCK_SALT)), known.nearest(parse(ROCK_SALT.replace("Na", "K")))
    assert itself.formula == "NaCl" and itself.distance == 0
    assert other.distance == pytest.approx(halved)


def test_the_nearest_crystals_are_those_of_a_search_through_all() -> None:
    known = read_training_crystals()
    for text in (ROCK_SALT, COPPER, ALLOY, f"{generator_text(225)} | Rn 4a Fr 4b"):
        scope = parse(text)
        rows, distance = known.distances(scope)
        assert len(rows) == len(known)
        same = (known.sites[rows] == site_hash(scope)) & (
            text != ALLOY
        )  # a mixed site is in no training crystal
        total = (distance + 2 * ~same)[same | (distance > 1e-3)]
        nearest = [one.distance + 2 * (not one.same_sites) for one in known.nearest(scope, 20)]
        np.testing.assert_allclose(nearest, np.sort(total)[:20], atol=1e-4)


def test_a_crystal_of_the_same_structure_is_nearer_than_one_of_similar_elements_on_other_sites() -> None:
    known = read_training_crystals()
    names = [one.formula for one in known.nearest(parse(MAGNESIUM_DIBORIDE))]
    assert names[:2] == ["MgB2", "AlB2"] and names.index("AlB2") < names.index("CuBi2")


def test_other_forms_of_a_composition_are_listed_apart() -> None:
    known, scope = read_training_crystals(), parse(CORUNDUM)
    forms = known.other_forms(scope)
    assert {one.formula for one in forms} == {"Al2O3"} and len({one.space_group for one in forms}) == 5
    assert not any(one.same_sites for one in forms)
    assert [one.formula for one in known.nearest(scope)].count("Al2O3") == 1


def test_known_crystals_are_saved_merged_and_read_again(tmp_path: Path) -> None:
    rows = [
        (ROCK_SALT, {"gap": 5.0}),
        (ALLOY, {"bulk": 160.0}),
        (ROCK_SALT, {"gap": 6.0, "bulk": 25.0}),
        ("?", {}),
    ]
    save_training_crystals(rows, tmp_path / "known.npz")
    known = read_training_crystals(tmp_path / "known.npz")
    assert len(known) == 2
    salt, alloy = known.nearest(parse(ROCK_SALT))
    assert salt.labels == {"gap": 5.0, "bulk": 25.0} and alloy.formula == "FeNi"
    assert not any("mixed" in reason for reason in known.unlike(parse(ALLOY)))
    assert [one.formula for one in known.with_labels(["gap"]).nearest(parse(ALLOY))] == ["NaCl"]
    (tmp_path / "other.npz").write_bytes(b"PK")
    with pytest.raises(ModelError, match="cannot read"):
        read_training_crystals(tmp_path / "other.npz")


def test_a_sheet_holds_numbers_curves_and_a_density_that_integrates_to_three(family: Materials) -> None:
    sheet = family.sheet(ROCK_SALT)
    assert isinstance(sheet, Sheet) and sheet.formula == "NaCl" and sheet.space_group == 225
    assert np.trapezoid(sheet.density, sheet.thz) == pytest.approx(3, rel=0.02)
    assert sheet.curves["heat_capacity"].value[0] == 0
    assert "bulk modulus" in sheet._repr_html_()
    with pytest.raises(CloudkitError, match="of one crystal; got 2"):
        family.sheet([ROCK_SALT, COPPER])


def test_the_page_of_a_sheet_is_whole_and_escaped(family: Materials) -> None:
    text = sheet_page(family.sheet(ALLOY))
    assert (
        text.count("<svg") == 3
        and "<script" not in text
        and "http" not in text.replace("http://www.w3.org", "")
    )
    assert "mixed or partly filled sites" in text and "What not to trust" in text
    assert "nan" not in text.lower().replace("dominant", "")


def test_a_sheet_has_the_labels_of_a_training_crystal_and_calls_all_else_predicted(family: Materials) -> None:
    sheet = family.sheet(CORUNDUM)
    page = sheet_page(sheet)
    assert page.count("label in training") == len(sheet.labels) > 0
    assert f">{format_number(sheet.table['bulk_modulus'][0])}</td>" in page
    assert f"label in training: {format_number(sheet.labels['bulk_modulus'])}<" in page
    assert "heat_capacity" not in sheet.labels
    assert "label in training" not in sheet_page(family.sheet(ALLOY))


def test_a_mixed_crystal_is_not_taken_for_the_ordered_one_of_training(family: Materials) -> None:
    inverse = f"{SPINEL} | Mg 0.78 Al 0.22 8a Mg 0.11 Al 0.89 16d O 32e"
    assert family.sheet(f"{SPINEL} | Mg 8a Al 16d O 32e").labels
    sheet = family.sheet(inverse)
    assert not sheet.labels and not any(one.same_sites for one in sheet.nearest)
    assert "mixed or partly filled sites" in sheet_page(sheet) and "Training has seen" not in sheet_page(
        sheet
    )


def test_the_energy_of_an_element_is_said_to_be_relative_to_its_most_stable_form(family: Materials) -> None:
    page = sheet_page(family.sheet(f"{SPINEL} | Si 8a"))
    assert "relative to its most stable form" in page and "elements are more stable" not in page
    assert "formation energy" not in page.partition("<table")[0]


def test_notes_of_the_reader_are_on_the_sheet(family: Materials) -> None:
    (record,) = encode_inputs(ROCK_SALT)
    sheet = family.sheet_of(record._replace(notes=("atoms <Na1> and Cl1 are 1.06 Å apart",)))
    assert "atoms &lt;Na1&gt; and Cl1 are 1.06 Å apart" in sheet_page(sheet)
    assert "1.06 Å apart" in repr(sheet) and "1.06 Å apart" in sheet._repr_html_()


def test_a_printed_sheet_has_a_line_for_each_quantity(family: Materials) -> None:
    lines = str(family.sheet(ROCK_SALT)).splitlines()
    assert lines[0] == "NaCl, space group 225, model materials" and len(lines) == 1 + len(family.quantities)
    assert any(line.startswith("bulk_modulus") and "GPa" in line for line in lines)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(one) for one in arguments])
    return int(stop.value.code or 0)


def test_the_command_prints_one_table_and_the_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "materials", ALLOY) == 0
    answer = capsys.readouterr()
    assert "bulk_modulus" in answer.out and "mixed or partly filled sites" in answer.err
    assert "mixed" not in answer.out
    assert "band gaps are as computed (PBE), about 40 % below measured ones" in answer.err


def test_the_command_names_the_limits_of_the_printed_quantities_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("predict", "materials", ROCK_SALT, "-q", "bulk_modulus,heat_capacity_p") == 0
    assert "as computed" not in capsys.readouterr().err
    assert run("predict", "materials", ROCK_SALT, "-q", "thermal_expansion") == 0
    found = capsys.readouterr().err
    assert "1.7 times the measured one" in found and "band gaps" not in found


def test_a_crystal_of_an_element_that_no_training_crystal_has_is_answered_and_flagged(
    capsys: pytest.CaptureFixture[str], family: Materials
) -> None:
    rare = f"{generator_text(225)} | Es 4a Cl 4b"
    assert run("predict", "materials", rare) == 0
    answer = capsys.readouterr()
    assert "bulk_modulus" in answer.out and "Es is in no training crystal" in answer.err
    page = sheet_page(family.sheet(rare))
    assert "Es is in no training crystal" in page and "Nearest training crystals" in page


def test_a_crystal_unlike_the_training_crystals_has_wider_intervals(family: Materials) -> None:
    def width(text: str) -> float:
        _, low, high = values(family, text)["bulk_modulus"]
        return float(np.log(high / low))

    assert width(f"{generator_text(225)} | Rn 4a Fr 4b") > 1.5 * width(f"{generator_text(225)} | Mg 4a O 4b")


def test_the_command_writes_csv_with_notes_and_pages(tmp_path: Path) -> None:
    assert run("predict", "materials", ROCK_SALT, ALLOY, "-o", tmp_path / "out.csv") == 0
    head, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert head.split(",")[-1].strip('"') == "note" and len(rows) == 2 * (
        len(THERMAL) + len(SCALAR_QUANTITIES)
    )
    assert run("predict", "materials", ROCK_SALT, "--page", tmp_path / "sheet.html") == 0
    assert "NaCl" in (tmp_path / "sheet.html").read_text()
    assert run("predict", "materials", ROCK_SALT, COPPER, "--page", tmp_path / "two.html") == 0
    assert {path.name for path in tmp_path.glob("two*")} == {"two-1.html", "two-2.html"}
    assert run("predict", "thermal", ROCK_SALT, "--page", tmp_path / "thermal.html", "-t", "77") == 0
    page = (tmp_path / "thermal.html").read_text()
    assert "Properties at 77 K" in page and "Nearest training crystals" in page and "band gap" not in page
    assert run("predict", "elastic", ROCK_SALT, "--page", tmp_path / "elastic.html") == 0
    assert "Predicted by elastic" in (tmp_path / "elastic.html").read_text()
    assert run("predict", "elastic", ROCK_SALT, "--page", tmp_path / "no.html", "-t", "77") == 2


def test_a_page_needs_no_torch(tmp_path: Path) -> None:
    program = "import sys; sys.modules['torch'] = None; from cloudkit.cli import main; main(sys.argv[1:])"
    command = ["predict", "materials", ROCK_SALT, "--page", str(tmp_path / "sheet.html")]
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "NaCl" in (tmp_path / "sheet.html").read_text()


def test_shipped_models_are_listed_with_errors_below_those_of_trees(
    capsys: pytest.CaptureFixture[str],
) -> None:
    about = about_shipped()
    assert set(MEMBERS) | {"geometry", "materials"} == set(about)
    measured = {one.quantity: one for model in about.values() for one in model.quantities}
    assert set(measured) == {*THERMAL, *SCALAR_QUANTITIES}
    for name, one in measured.items():
        assert one.mae is not None and one.mean_mae is not None and one.mae < one.mean_mae
        if name != "heat_capacity_p":
            # the probability of a metal is as good as that of boosted trees, all others are better than the better trees
            assert one.trees_mae is not None
            assert one.mae < (1.1 if name == "metal_probability" else 1) * one.trees_mae
    direct = [one for name in MEMBERS if name != "thermal" for one in about[name].quantities]
    for one in (one for one in direct if one.coverage is not None):
        assert one.coverage is not None and 0.76 <= one.coverage <= 0.84
        assert min(one.thirds) >= 0.7 and one.ratio is not None and one.ratio >= 2
    assert all(model.data and model.sha256 in model.card for model in about.values())
    run("models")
    assert "CC-BY-4.0" in capsys.readouterr().out
    run("models", "elastic", "--json")
    assert json.loads(capsys.readouterr().out)["elastic"]["sha256"] == about["elastic"].sha256
    assert run("models", "elastik") == 2


def test_a_model_of_the_family_answers_alone(family: Materials) -> None:
    ((alone, _),) = Model("elastic").predict_columns(encode_inputs(ROCK_SALT))
    assert alone["value"][0] == pytest.approx(values(family, ROCK_SALT)["bulk_modulus"][0])


@pytest.mark.parametrize("name", sorted(set(MEMBERS) - {"thermal"}))
def test_shipped_specs_are_the_committed_ones(name: str) -> None:
    made = ROOT / "spec" / "tools" / "shipped" / f"{name}.yaml"
    shipped_spec = load_spec(shipped()[name] / "spec.yaml", check_files=False)
    text = dump(load_spec(made, check_files=False)).replace(f"{made.parent}/", "")
    assert text == dump(shipped_spec).replace(f"{shipped()[name]}/", "")
