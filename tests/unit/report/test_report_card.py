import pytest

from cloudkit.errors import CloudkitError
from cloudkit.evaluate.display import short_scope
from cloudkit.html import format_number as number
from cloudkit.predict.about import pretraining_data
from cloudkit.report.card import write_card

from .report_examples import make_run


def test_the_card_says_what_from_what_how_good_and_how_to_use(tmp_path):
    text = write_card(make_run(tmp_path / "run")).read_text(encoding="utf-8")
    for heading in ("# thermal", "## Data", "## Metrics", "## Limits", "## Use"):
        assert f"{heading}\n" in text
    for fact in (
        "Apache-2.0",
        "NCrystal",
        "0.500",
        "extra trees",
        "cloudkit predict FOLDER crystal.cif --temperatures",
        "volume",
    ):
        assert fact in text, fact
    assert "pip install" not in text  # prediction needs no extra


def test_the_card_lists_what_the_model_started_from_with_licence_and_citation(tmp_path):
    text = write_card(make_run(tmp_path / "run")).read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith("| before, in `geometry` |")]
    assert "CC-BY-4.0" in row and "A. Jain et al." in row


def test_the_data_of_models_that_were_built_is_followed_back(tmp_path):
    first = make_run(tmp_path / "first")
    write_card(first)
    found = pretraining_data(str(first))
    assert [name for name, _ in found][-1] == "geometry" and any("NCrystal" in source for _, source in found)
    assert pretraining_data(str(tmp_path / "gone"))[0][1].startswith("unknown")


def test_every_table_of_the_card_has_as_many_cells_as_its_head(tmp_path):
    text = write_card(make_run(tmp_path / "run")).read_text(encoding="utf-8")
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_a_damaged_spec_is_refused(tmp_path):
    folder = make_run(tmp_path / "run")
    (folder / "spec.yaml").write_text("name: [")
    with pytest.raises(CloudkitError, match=r"spec\.yaml"):
        write_card(folder)
    assert not (folder / "card.md").exists()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0341, "0.0341"),
        (0.8595, "0.860"),
        (2.84, "2.84"),
        (24.94, "24.9"),
        (1407.3, "1,407"),
        (-3.0, "−3.00"),
        (0, "0"),
        (None, "–"),
        (2e-7, "2.00e−7"),
    ],
)
def test_numbers_are_written_with_three_digits(value, text):
    assert number(value) == text


def test_strings_that_are_not_scope_stay_as_they_are():
    assert short_scope("NaCl") == "NaCl" and short_scope("1 2 | 4a") == "1 2 | 4a"
