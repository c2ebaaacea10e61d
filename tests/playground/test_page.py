"""The page "Try it in the browser" in headless Chromium, opened from disk: it works, and it can be used without a mouse or eyes."""

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

import cloudkit

from .chromium import PROGRAM, Page, browser
from .written import written

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples/crystals"
BROKEN = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 8h"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")

CROWDED = """data_x
_cell_length_a 4
_cell_length_b 5
_cell_length_c 6
loop_
_atom_site_label
_atom_site_occupancy
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 1.0 0 0 0
K1 0.11 0.5 0 0
Rb1 0.22 0.5 0 0
Cs1 0.33 0.5 0 0
Ti1 0.5 0 0.5 0
Zr1 0.3 0 0.5 0
Hf1 0.2 0 0.5 0
F1 0.25 0.5 0.5 0.5
Cl1 0.25 0.5 0.5 0.5
Br1 0.25 0.5 0.5 0.5
I1 0.25 0.5 0.5 0.5
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with nothing around it."""
    parts = runpy.run_path(str(ROOT / "docs/embed_playground.py"))["page_parts"]()
    path = tmp_path_factory.mktemp("site") / "playground.html"
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Try it</title>'
    path.write_text(f"{head}</head><body><h1>Try it</h1>{parts}</body></html>", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(tab: Page, site: Path) -> Iterator[Page]:
    """The page as it opens; no script of it may fail."""
    tab.errors.clear()
    tab.open(site)
    yield tab
    assert tab.errors == []


def give(page: Page, text: str) -> None:
    """Put a text into the field and leave it."""
    page.run(
        "(() => { const t = document.getElementById('pg-text'); document.getElementById('pg-status').textContent = ''; "
        f"t.value = {json.dumps(text)}; t.dispatchEvent(new Event('change')); }})()"
    )
    assert status(page)


def string(page: Page) -> str:
    return str(page.run("document.getElementById('pg-string')?.textContent ?? ''"))


def status(page: Page) -> str:
    return str(page.run("document.getElementById('pg-status').textContent"))


def test_the_page_is_small_and_loads_nothing(page: Page, site: Path) -> None:
    assert site.stat().st_size < 1_500_000
    assert page.run("performance.getEntriesByType('resource').length") == 0


def test_200_structures_have_the_strings_of_the_command(page: Page, tmp_path: Path) -> None:
    compared = 0
    for name, text in written():
        (tmp_path / name).write_text(text)
        give(page, text)
        assert string(page) == cloudkit.encode(tmp_path / name), name
        compared += 1
    assert compared >= 200


def test_a_file_is_opened_with_its_button(page: Page) -> None:
    document = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=document, selector="#pg-file")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[str(EXAMPLES / "corundum.cif")])
    page.wait("document.getElementById('pg-status').textContent.includes('Al2O3')")
    assert string(page) == cloudkit.encode(EXAMPLES / "corundum.cif")


def test_a_dropped_file_is_read(page: Page) -> None:
    text = (EXAMPLES / "corundum.cif").read_text()
    page.run(
        "(() => { const data = new DataTransfer(); "
        f"data.items.add(new File([{json.dumps(text)}], 'corundum.cif')); "
        "document.getElementById('pg-app').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})); })()"
    )
    page.wait("document.getElementById('pg-status').textContent.includes('Al2O3')")


def test_mistakes_get_carets_and_hints(page: Page) -> None:
    give(page, BROKEN)
    assert status(page) == "Not valid: 1 error in the string."
    shown = page.run("document.querySelector('.pg-findings').innerText")
    assert "E203: no Wyckoff symbol '8h' in space group 225" in shown
    assert "multiplicity 8 in 225: 8c" in shown
    line, carets = page.run("document.querySelector('.pg-findings pre').textContent").split("\n")
    assert line[carets.index("^") :] == "8h"


def test_a_structure_without_a_string_says_why(page: Page) -> None:
    give(page, "two atoms\n1\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\nDirect\n0 0 0\n0 0 0.01\n")
    assert status(page) == "No string: atoms 1 (Na) and 2 (Cl) are 0.0400 Å apart."


def test_text_is_never_markup(page: Page) -> None:
    give(page, "<img src=x onerror=document.title='broken'> | Na 4a")
    assert page.run("document.querySelectorAll('#pg-result img').length") == 0
    assert "<img" in page.run("document.querySelector('.pg-findings').innerText")


def test_an_address_holds_a_text(tab: Page, site: Path) -> None:
    tab.open(site, "#text=0%200%200%20%7C%20H%201a")
    assert string(tab) == "0 0 0 | H 1a"


def test_everything_is_reached_by_the_keyboard_in_the_order_of_the_page(page: Page) -> None:
    reached: list[str] = []
    for _ in range(20):
        page.key("Tab")
        reached.append(str(page.run("document.activeElement.id || document.activeElement.textContent")))
    assert reached[:5] == ["pg-text", "pg-open", "pg-clear", "pg-link", "pg-symprec"]
    assert reached[5:10] == [
        "Rutile, POSCAR",
        "Quartz, CIF",
        "Mixed site, CIF",
        "Perovskite, string",
        "Invalid string",
    ]
    assert "Tokens" in reached


def test_an_example_is_chosen_with_the_keyboard(page: Page) -> None:
    for _ in range(7):
        page.key("Tab")
    page.key("Enter")
    assert string(page) == "0 2 n O O E e O O O 0 | Si 3a O 6c"


def test_the_drawing_has_the_colours_of_the_orbits_and_turns_with_the_keys(page: Page) -> None:
    dots = page.run(
        "[...document.querySelectorAll('.pg-dot')].map((one) => getComputedStyle(one).backgroundColor)"
    )
    atoms = page.run(
        "[...document.querySelectorAll('.pg-cell circle')].map((one) => getComputedStyle(one).fill)"
    )
    assert len(set(dots)) == 2
    assert {colour: atoms.count(colour) for colour in dots} == {
        dots[0]: 9,
        dots[1]: 6,
    }  # rutile: corners and centre; O on faces twice
    before = page.run("document.querySelector('.pg-cell').innerHTML")
    page.run("document.querySelector('.pg-cell').focus()")
    page.key("ArrowRight")
    assert page.run("document.querySelector('.pg-cell').innerHTML") != before


def test_every_control_has_a_name_and_results_are_announced(page: Page) -> None:
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("textbox", "button", "spinbutton", "DisclosureTriangle", "table", "region")
    controls = [node for node in nodes if node.get("role", {}).get("value") in roles]
    assert len(controls) > 12
    assert [node for node in controls if not node.get("name", {}).get("value")] == []
    assert page.run("document.getElementById('pg-status').getAttribute('role')") == "status"


@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_is_wider_than_the_window(tab: Page, site: Path, width: int) -> None:
    tab.open(site, width=width)
    give(tab, CROWDED)
    assert "Hf0.2Zr0.3Ti0.5" in status(tab)
    tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert tab.run("document.documentElement.scrollWidth") <= width


def test_typing_is_answered(page: Page) -> None:
    page.run("(() => { const t = document.getElementById('pg-text'); t.value = ''; t.focus(); })()")
    page.call("Input.insertText", text="0 0 0 | H 1a")
    page.wait("document.getElementById('pg-string')?.textContent === '0 0 0 | H 1a'")
