"""Pages that cloudkit writes, in headless Chromium on a phone and on a desk: nothing is cut off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import cloudkit
from cloudkit.corpus import audit
from cloudkit.report import audit_page, sheet_page

from ..playground.chromium import PROGRAM, Page, browser

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"
ANY = "document.body.children.length > 0"
CUT = """[...document.querySelectorAll(".ends td")].filter((cell) => {
  const text = document.createRange(); text.selectNodeContents(cell);
  return text.getBoundingClientRect().right > cell.closest(".wide").getBoundingClientRect().right + 0.5;
}).map((cell) => cell.textContent)"""
BEYOND = "document.documentElement.scrollWidth - innerWidth"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.mark.parametrize("width", [400, 920, 1080, 1120, 1200])
def test_a_data_sheet_shows_all_of_its_tables_at_any_width(page: Page, tmp_path: Path, width: int) -> None:
    sheet = cloudkit.load("materials").sheet(str(EXAMPLES / "crystals/corundum.cif"))
    (tmp_path / "sheet.html").write_text(sheet_page(sheet), encoding="utf-8")
    page.open(tmp_path / "sheet.html", width=width, ready=ANY)
    assert page.run("document.querySelectorAll('.props td:nth-child(4)').length") == 16
    assert page.run(CUT) == []
    assert page.run(BEYOND) <= 0
    assert page.run("document.querySelector('h1').innerHTML") == "Al<sub>2</sub>O<sub>3</sub>"


@pytest.mark.parametrize("width", [400, 1200])
def test_the_charts_of_an_audit_fit(page: Page, tmp_path: Path, width: int) -> None:
    report = audit([str(EXAMPLES / "bulk_modulus.csv")])
    (tmp_path / "audit.html").write_text(audit_page(report), encoding="utf-8")
    page.open(tmp_path / "audit.html", width=width, ready=ANY)
    assert page.run(BEYOND) <= 0
    assert page.run("document.querySelectorAll('svg .bars').length") == 5
    assert page.run(
        "[...document.querySelectorAll('svg')].every((one) => one.getBoundingClientRect().right <= innerWidth)"
    )
