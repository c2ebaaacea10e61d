"""Hooks of mkdocs: pages generated at every build, none of them committed, and formulas as MathML.

The standard, the benchmarks and the decisions come from their files, the command line from `--help`, the keys of a spec from its
JSON Schema, the codes from the tables that the program itself uses.
"""

import json
import posixpath
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
NOTES = sorted((ROOT / "spec" / "decisions").glob("*.md"))
# Code, or group 1: a formula outside of it, which may go over a line but not a paragraph.
FORMULA = re.compile(r"```.*?```|`[^`]*`|\$((?:[^$`\n]|\n(?!\n))+)\$", re.DOTALL)
PAGE_OF = {  # documents of the repository and their pages
    "spec/scope.md": "standard.md",
    "benchmarks/README.md": "benchmarks.md",
    "schemas/model.schema.json": "reference/spec.md",
    **{f"spec/decisions/{note.name}": f"decisions/{note.name}" for note in NOTES},
    **{
        f"docs/notebooks/{path.name}": f"notebooks/{path.stem}.md"
        for path in (ROOT / "docs/notebooks").glob("*.ipynb")
    },
}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)]*)\)")


def without_links(text: str) -> str:
    """A document of the repository, its relative links as plain text: what they lead to is not part of the site."""
    return LINK.sub(lambda found: found[1], text)


def command_line() -> str:
    """Every command as its --help shows it."""

    def shown(*words: str) -> str:
        run = subprocess.run(
            [sys.executable, "-c", "from cloudkit.cli import main; main()", *words, "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "100", "NO_COLOR": "1", "PATH": ""},
        )
        return run.stdout.strip()

    top = shown()
    names = re.findall(r"^  (\w[\w-]*)  ", top.split("Commands:")[1], re.MULTILINE)
    parts = [f"## cloudkit {name}\n\n```text\n{shown(name)}\n```\n" for name in names]
    codes = "Exit codes: 0 all done, 1 done in part (the ledger says what failed), 2 nothing done, 130 interrupted.\n"
    return f"# Command line\n\n```text\n{top}\n```\n\n{codes}\n" + "\n".join(parts)


def spec_keys() -> str:
    """The keys of a spec file, one table for each part, from the JSON Schema."""
    schema = json.loads((ROOT / "schemas" / "model.schema.json").read_text(encoding="utf-8"))
    parts = {"Spec": schema, **schema["$defs"]}
    lines = [
        "# Keys of a spec file",
        "",
        "Made from `cloudkit schema model`, which an editor can use for completion.",
        "",
    ]
    for name, part in parts.items():
        if "properties" in part:
            lines += [
                f"## {name}",
                "",
                part.get("description", ""),
                "",
                "| key | value | default | meaning |",
                "| --- | --- | --- | --- |",
            ]
            for key, value in part["properties"].items():
                needed = key in part.get("required", ())
                default = "needed" if needed else f"`{json.dumps(value.get('default'))}`"
                cells = (f"`{key}`", kind_of(value), default, value.get("description", ""))
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            lines.append("")
    return "\n".join(lines)


def kind_of(value: dict[str, Any]) -> str:
    """What a value may be, in words."""
    for choice in ("anyOf", "oneOf"):
        if choice in value:
            return " or ".join(dict.fromkeys(kind_of(one) for one in value[choice]))
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if value.get("type") == "array":
        return f"list of {kind_of(value.get('items', {}))}"
    if value.get("type") == "object" and "additionalProperties" in value:
        return f"names, each with {kind_of(value['additionalProperties'])}"
    return str(value.get("type", "any"))


def codes() -> str:
    """Every code of strings, structures and specs."""
    from cloudkit.structure.symmetry import CODES

    standard = (ROOT / "spec" / "scope.md").read_text(encoding="utf-8")
    of_strings = [
        f"| {code} | {meaning} |"
        for code, meaning in re.findall(r"^\| ([EW]\d{3}) \| [^|]* \| (.*?) \|", standard, re.MULTILINE)
    ]
    of_structures = [f"| {code} | {meaning} |" for code, meaning in CODES.items()]
    strings, structures = "\n".join(of_strings), "\n".join(of_structures)
    head = "| code | meaning |\n| --- | --- |\n"
    return (
        "# Codes\n\nA code never changes its meaning. E: the string is invalid; W: the string is valid but suspicious; "
        "S: a structure could not be encoded.\n\n"
        f"## Strings\n\n{head}{strings}\n\n## Structures\n\n{head}{structures}\n"
    )


def decisions() -> str:
    """The list of decision notes."""
    notes = ((note.name, note.read_text(encoding="utf-8").splitlines()[0]) for note in NOTES)
    return "# Decisions\n\nDesign decisions with their context, and what was rejected.\n\n" + "\n".join(
        f"- [{title.lstrip('# ')}](decisions/{name})" for name, title in notes
    )


def copied(path: str) -> Callable[[], str]:
    """A document of the repository as a page."""
    return lambda: without_links((ROOT / path).read_text(encoding="utf-8"))


def pages() -> Iterator[tuple[str, Callable[[], str]]]:
    """Address of each page, and what makes it."""
    yield "reference/cli.md", command_line
    yield "reference/spec.md", spec_keys
    yield "reference/codes.md", codes
    yield "standard.md", copied("spec/scope.md")
    yield "benchmarks.md", copied("benchmarks/README.md")
    yield "decisions.md", decisions
    for note in NOTES:
        yield f"decisions/{note.name}", copied(str(note.relative_to(ROOT)))


def to_pages(markdown: str, source: str) -> str:
    """Replace links to documents of the repository, which work in a checkout, by links to their pages."""

    def replaced(found: re.Match[str]) -> str:
        path, mark, part = found[2].partition("#")
        whole = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), path))
        if whole not in PAGE_OF:
            return found[0]
        return (
            f"[{found[1]}]({posixpath.relpath(PAGE_OF[whole], posixpath.dirname(source) or '.')}{mark}{part})"
        )

    return LINK.sub(replaced, markdown)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links to pages, and turn $formulas$ into MathML, which browsers show without scripts (called by mkdocs)."""
    if page.file.src_uri not in PAGE_OF.values():
        markdown = to_pages(markdown, page.file.src_uri)
    return FORMULA.sub(lambda found: convert(found[1]) if found[1] else found[0], markdown)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages (called by mkdocs)."""
    for address, make in pages():
        if (stub := files.get_file_from_path(address)) is not None:
            files.remove(stub)
        files.append(File.generated(config, address, content=make()))
    return files
