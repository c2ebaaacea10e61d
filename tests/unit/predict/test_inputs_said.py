"""What prediction says of inputs that it cannot use: nothing is dropped in silence."""

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
    with pytest.warns(UserWarning, match=r"^1 inputs have no prediction, the first of them 1: E"):
        table = cloudkit.load(model).predict([ROCK_SALT, "0 0 0 | Xx 1a"])
    assert set(table["id"]) == {"0"}
    assert [failure.id for failure in table.attrs["failures"]] == ["1"]


def test_a_folder_is_read_as_on_the_command_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.vasp", "b.vasp"):
        (tmp_path / name).write_text(POSCAR)
    table = cloudkit.load("thermal").predict(tmp_path)
    assert list(dict.fromkeys(table["id"])) == ["a.vasp", "b.vasp"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NaCl", "a formula does not say which structure"),
        ("Fe2O3", "a formula"),
        ("mp-149", "fetch optimade"),
        ("https://example.org/a.cif", "download it first"),
        ("missing.cif", ""),
        ("POSCAR", ""),
    ],
)
def test_names_that_are_not_files_get_the_right_hint(name: str, words: str) -> None:
    hint = missing_hint(name)
    assert words in hint and bool(hint) == bool(words)
