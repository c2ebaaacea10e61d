"""The theme of the documentation at work: search from disk, and the list of versions of a served folder."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ..playground.chromium import PROGRAM, Page, browser

pytest.importorskip("material", reason="only `make docs` installs mkdocs")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium")

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("0.9", "0.10")
SEARCH = """(() => {{ document.querySelector('label[for="__search"]').click();
  const field = document.querySelector('.md-search__input'); field.focus(); field.value = '{0}';
  field.dispatchEvent(new Event('input', {{bubbles: true}})); field.dispatchEvent(new KeyboardEvent('keyup', {{bubbles: true}})); }})()"""
FOUND = "document.querySelectorAll('.md-search-result__link').length > 0"
LINKS = "[...document.querySelectorAll('.md-search-result__link')].map((link) => link.getAttribute('href'))"
LISTED = "[...document.querySelectorAll('.md-version__link')].map((link) => link.textContent.trim())"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of two pages, by the configuration and the release hook of the documentation."""
    folder = tmp_path_factory.mktemp("project")
    pages = folder / "docs"
    pages.mkdir()
    for name in ("release.py", "site.css"):
        shutil.copy(ROOT / "docs" / name, pages / name)
    shutil.copytree(ROOT / "docs/javascripts", pages / "javascripts")
    (pages / "index.md").write_text("# Front\n\nA page about corundum.\n")
    (pages / "other.md").write_text("# Other\n\nA page about perovskites.\n")
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    before, _, rest = text.partition("hooks:\n")
    after = rest[rest.index("exclude_docs:") :]
    after = after[: after.index("nav:\n")] + "nav: [index.md, other.md]\n"
    (folder / "mkdocs.yml").write_text(f"{before}hooks: [docs/release.py]\n{after}")
    for version in VERSIONS:
        command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-f", str(folder / "mkdocs.yml")]
        done = subprocess.run(
            command, env=os.environ | {"VERSION": version}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "sites"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def test_search_finds_a_page_of_a_site_opened_from_disk(page: Page, sites: Path) -> None:
    page.open(sites / "0.10/index.html", ready="!!document.querySelector('.md-search__input')")
    page.run(SEARCH.format("perovskites"))
    page.wait(FOUND)
    links = page.run(LINKS)
    assert links and all("other.html" in link for link in links)


def test_the_versions_of_a_served_folder_are_offered_newest_first(page: Page, sites: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(sites))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        page.call("Page.navigate", url=f"{address}/0.9/other.html")
        page.wait("document.querySelectorAll('.md-version__link').length === 2")
        assert page.run(LISTED) == ["0.10", "0.9"]
        page.call("Page.navigate", url=page.run("document.querySelector('.md-version__link').href"))
        page.wait("location.pathname.startsWith('/0.10/') && !!document.querySelector('h1')")
        server.shutdown()


def test_a_page_lists_the_versions_for_those_who_open_the_folder_from_disk(page: Page, sites: Path) -> None:
    page.open(sites / "index.html", ready="document.links.length === 2")
    assert page.run("[...document.links].map((link) => link.getAttribute('href'))") == [
        "0.10/index.html",
        "0.9/index.html",
    ]
