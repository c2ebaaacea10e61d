"""Hook of mkdocs: the page "Try it in the browser" with everything that it needs in one file, so that it opens from disk.

Browsers load no modules from files, so each module of docs/playground becomes a function in one script.
"""

import base64
import re
from pathlib import Path
from typing import Any

PARTS = Path(__file__).resolve().parent / "playground"
MARK = "<!-- playground -->"
MODULES = (
    "errors", "tables", "elements", "crystal", "operations", "groups", "places", "star", "cif", "poscar", "read",
    "nearest", "diagnostics", "core", "scope", "analysis", "examples", "dom", "picture", "views", "page",
)  # fmt: skip
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|function|class) (\w+))", re.MULTILINE)


def as_function(name: str) -> str:
    """A module as a call that returns its exports; a module that is imported comes before."""
    text = (PARTS / f"{name}.js").read_text(encoding="utf-8")
    late = [other for _, other in _IMPORT.findall(text) if MODULES.index(other) >= MODULES.index(name)]
    if late:
        raise ValueError(f"{name}.js imports {', '.join(late)}, which must come before it in MODULES")
    exports = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub(r"const {\1} = module_\2;\n", text))
    return f"const module_{name} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"


def page_parts() -> str:
    """Style, elements and script of the page."""
    style, elements = ((PARTS / name).read_text(encoding="utf-8") for name in ("page.css", "page.html"))
    module = base64.b64encode((PARTS / "scope.wasm").read_bytes()).decode("ascii")
    script = "".join(map(as_function, MODULES))
    return (
        f'<style>\n{style}</style>\n{elements}<script>\n"use strict";\n{{\n{script}'
        f'module_page.start("{module}");\n}}\n</script>\n'
    )


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Fill in the mark (called by mkdocs, after the index of words for the search has been made)."""
    return output.replace(MARK, page_parts()) if page.file.src_uri == "playground.md" else output
