"""Pages that hold all they need: no script, no outside reference, light and dark. Reports of builds and audits share them."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from cloudkit.evaluate.display import number
from cloudkit.report.charts import css


def page(name: str, body: Iterable[str], kind: str = "report") -> str:
    """A whole page. name: its title; body: its sections as HTML, empty ones are left out."""
    shell = Template(files("cloudkit.report").joinpath("page.html").read_text(encoding="utf-8"))
    text = "\n".join(section for section in body if section)
    return shell.substitute(name=escape(name), kind=escape(kind), chart_css=css(), body=text)


def grid(plots: Sequence[tuple[str, str, str]]) -> str:
    """(title, caption, svg) as a grid of figures."""
    cells = []
    for title, caption, svg in plots:
        head = f"<h3>{escape(title)}</h3>" if title else ""
        cells.append(f"<figure>{head}<figcaption>{escape(caption)}</figcaption>{svg}</figure>")
    return f'<div class="grid">{"".join(cells)}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], code: Sequence[str] = ()) -> str:
    """A table; numbers to the right and floats to three digits, None as a dash, columns named in `code` in a fixed width."""
    body = [list(row) for row in rows]
    right = [
        all(isinstance(row[i], int | float | None) for row in body) and bool(body) for i in range(len(heads))
    ]
    top = "".join(f"<th{' class=n' if r else ''}>{escape(h)}</th>" for h, r in zip(heads, right, strict=True))
    lines = []
    for row in body:
        cells = [escape(_text(value)) for value in row]
        cells = [f"<code>{c}</code>" if h in code else c for c, h in zip(cells, heads, strict=True)]
        marked = zip(cells, right, strict=True)
        lines.append("<tr>" + "".join(f"<td{' class=n' if r else ''}>{c}</td>" for c, r in marked) + "</tr>")
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(lines)}</table></div>'


def _text(value: object) -> str:
    if value is None or isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
