"""What a notebook shows: readable tables in which nothing of the input can run."""

import cloudkit

TEXT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b"


def test_a_string_shows_its_formula_group_and_sites() -> None:
    shown = cloudkit.parse(TEXT)._repr_html_()
    assert "NaCl · Fm-3m (225), cubic" in shown
    assert "<td>4a</td><td>Na</td><td>m-3m</td>" in shown


def test_findings_show_counts_and_the_first_rows() -> None:
    shown = cloudkit.validate_batch([TEXT, *["1 6"] * 12])._repr_html_()
    assert "13 strings, 12 invalid" in shown and "and 2 more invalid rows" in shown


def test_text_of_others_is_escaped() -> None:
    (finding,) = cloudkit.validate("<script>alert(1)</script> | Na 4a")[:1]
    assert "<script>" not in finding._repr_html_() and "&lt;script&gt;" in finding._repr_html_()
