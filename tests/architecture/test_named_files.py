"""Files that documents name exist: a module that moves takes its mentions along."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(p for d in ("cloudkit", "docs", "spec", "tests") for p in (ROOT / d).rglob("*.md")))
    if path.name != "CHANGELOG.md"
)  # fmt: skip
MENTION = re.compile(r"`((?:[\w.-]+/)+\w+\.pyx?)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_modules_that_a_document_names_exist(document: Path) -> None:
    places = (ROOT, ROOT / "cloudkit", document.parent)
    named = {name for name in MENTION.findall(document.read_text("utf-8")) if "NAME" not in name}
    assert [name for name in sorted(named) if not any((place / name).is_file() for place in places)] == []


def test_documents_name_modules() -> None:
    found = [name for document in DOCUMENTS for name in MENTION.findall(document.read_text("utf-8"))]
    assert len(found) > 40
