"""What a notebook shows: readable tables in which nothing of the input can run."""

import cloudkit
from cloudkit.scope import parse, project, reduced_formula
from cloudkit.tables import generator_text

TEXT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"


def test_a_string_shows_its_formula_group_and_sites() -> None:
    shown = cloudkit.parse(TEXT)._repr_html_()
    assert "NaCl · Fm-3m (225), cubic" in shown
    assert "<td>4a</td><td>Na</td><td>m-3m</td>" in shown
    assert shown.count(TEXT) == 1
    assert "fractions" not in shown


def test_a_reduced_string_shows_its_fractions() -> None:
    shown = cloudkit.parse(project(TEXT, "reduced"))._repr_html_()
    assert "fractions: Na 0.5 Cl 0.5" in shown


def test_findings_show_counts_and_the_first_rows() -> None:
    shown = cloudkit.validate_batch([TEXT, *["1 6"] * 12])._repr_html_()
    assert "13 strings, 12 invalid" in shown and "and 2 more invalid rows" in shown
    assert (
        '<th class="n">code</th><th class="n">findings</th>' in shown
        and '<th class="n">row</th><th>code</th><th>first finding</th>' in shown
    )
    assert shown.count("<td>E104</td><td>the string ends too early</td>") == 10
    assert '<td class="n">1</td><td>E104</td>' in shown and '<td class="n">0</td><td>E104</td>' not in shown


def test_a_prompt_shows_what_an_object_is() -> None:
    assert repr(cloudkit.validate_batch([TEXT, "1 6"])) == "<Findings: 2 strings, 1 invalid>"
    assert repr(cloudkit.Tokenizer("cloud")) == "Tokenizer('cloud')"


def test_findings_of_sound_strings_have_no_tables() -> None:
    shown = cloudkit.validate_batch([TEXT])._repr_html_()
    assert "1 strings, 0 invalid" in shown and "<table" not in shown and "more invalid" not in shown


def test_text_of_others_is_escaped() -> None:
    (finding,) = cloudkit.validate("<script>alert(1)</script> | Na 4a")[:1]
    assert "<script>" not in finding._repr_html_() and "&lt;script&gt;" in finding._repr_html_()


def test_partly_filled_sites_keep_their_decimals_and_whole_numbers_are_reduced() -> None:
    text = f"{generator_text(152)} | S 3a O 0.33 3a Ca 6c O 6c O 6c"
    assert reduced_formula(parse(text)) == "Ca2SO4.33"
    assert reduced_formula(parse(f"{generator_text(225)} | Al 4a Fe 0.7 Co 0.3 4b")) == "AlFe0.7Co0.3"
