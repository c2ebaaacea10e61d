"""Self-contained pages: no script, no outside reference, light and dark. Jinja2 templates with autoescape."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudkit import html
from cloudkit.evaluate.display import baseline_name, quantity_name, short_scope
from cloudkit.report.charts import css

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


class Figure(NamedTuple):
    """A figure of a page; title and caption may be empty."""

    title: str
    caption: str
    svg: str


def render(template: str, **values: Any) -> str:
    """Render a template of ``templates/``; text is escaped."""
    return _environment().get_template(template).render(**values)


def formula_html(text: str) -> "Markup":
    """Return a chemical formula with subscripts."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[A-Za-z)])[\d.]+", r"<sub>\g<0></sub>", str(escape(text))))


@cache
def _environment() -> "Environment":
    import jinja2
    from markupsafe import Markup

    def table(heads: Sequence[str], rows: Iterable[Sequence[object]], **options: Any) -> Any:
        return Markup(html.table(heads, rows, **options))

    found: Environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cloudkit.report"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.globals.update(table=table, chart_css=lambda: Markup(css()))
    found.filters.update(
        number=html.format_number,
        thousands=lambda value: f"{value:,}",
        quantity=quantity_name,
        baseline=baseline_name,
        short=short_scope,
        formula=formula_html,
        svg=Markup,  # drawn by charts.py, which escapes its labels
    )
    return found
