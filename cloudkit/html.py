"""HTML for notebooks and pages. Tables have no style of their own, so that they look like the page around them."""

from collections.abc import Iterable, Sequence
from html import escape


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    code: Sequence[str] = (),
    kind: str = "",
    highlight: int | None = None,
) -> str:
    """Return a table in which every text is escaped.

    Parameters
    ----------
    heads
        Names of the columns, escaped unless they have an ``__html__`` method; no header if all are empty.
    rows
        Cells: numbers are aligned right, floats have three significant digits, None is a dash. A cell with an ``__html__``
        method, such as markupsafe's Markup, is inserted as it is.
    code
        Names of columns in a fixed-width font.
    kind, highlight
        CSS class of the table; index of the row of class "model".

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> table(["name", "mass"], [("Na", 22.99)])
    '<table><thead><tr><th>name</th><th class="n">mass</th></tr></thead><tbody><tr><td>Na</td><td class="n">23.0</td></tr></tbody></table>'
    """
    body = [list(row) for row in rows]
    numeric = [
        bool(body) and all(isinstance(row[i], int | float | None) for row in body) for i in range(len(heads))
    ]
    top = "".join(_tag("th", _cell(head, False), right) for head, right in zip(heads, numeric, strict=True))
    top = f"<thead><tr>{top}</tr></thead>" if any(heads) else ""
    lines = []
    for number, row in enumerate(body):
        cells = [_cell(value, head in code) for value, head in zip(row, heads, strict=True)]
        line = "".join(_tag("td", cell, right) for cell, right in zip(cells, numeric, strict=True))
        lines.append(f'<tr class="model">{line}</tr>' if number == highlight else f"<tr>{line}</tr>")
    start = f'<table class="{escape(kind)}">' if kind else "<table>"
    return f"{start}{top}<tbody>{''.join(lines)}</tbody></table>"


def _tag(name: str, content: str, right: bool) -> str:
    return f'<{name} class="n">{content}</{name}>' if right else f"<{name}>{content}</{name}>"


def _cell(value: object, code: bool) -> str:
    if hasattr(value, "__html__"):
        return str(value.__html__())
    if value is None or isinstance(value, float):
        text = format_number(value)
    else:
        text = f"{value:,}" if isinstance(value, int) else escape(str(value))
    return f"<code>{text}</code>" if code else text


def format_number(value: float | None) -> str:
    """Return a number with three significant digits, without an exponent where that is readable.

    Parameters
    ----------
    value
        None and NaN are a dash.

    Returns
    -------
    str
        With thousands separators and a true minus sign.

    Examples
    --------
    >>> format_number(0.03412), format_number(1407.3), format_number(None)
    ('0.0341', '1,407', '–')
    """
    if value is None or value != value:
        return "–"
    if value and abs(value) < 1e-4:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{value:,.{digits}f}" if abs(value) >= 0.1 else f"{value:.3g}"
    return text.replace("-", "−")


def titled(title: str, *parts: str) -> str:
    """Return HTML parts under a title in bold.

    Parameters
    ----------
    title
        Text, which is escaped.
    *parts
        HTML.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> titled("NaCl", paragraph("< 5 eV"))
    '<div><strong>NaCl</strong><p>&lt; 5 eV</p></div>'
    """
    return f"<div><strong>{escape(title)}</strong>{''.join(parts)}</div>"


def paragraph(text: str) -> str:
    """Return a paragraph of text, which is escaped.

    Parameters
    ----------
    text
        Not HTML.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> paragraph("< 5 eV")
    '<p>&lt; 5 eV</p>'
    """
    return f"<p>{escape(text)}</p>"
