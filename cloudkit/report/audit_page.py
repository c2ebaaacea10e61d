"""The report of an audit as one page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from cloudkit.evaluate.display import short_scope
from cloudkit.report.charts import Axis, Series, chart
from cloudkit.report.page import grid, page, table
from cloudkit.tables import ELEMENTS

LISTED: Final = 20


def audit_page(report: Mapping[str, Any]) -> str:
    """A self-contained page of what `audit` found."""
    names = [entry["file"] for entry in report["files"]]
    title = names[0] if len(names) == 1 else f"{len(names)} files"
    sections = [_lead(report), _files(report), _overlaps(report), _splits(report), _labels(report)]
    return page(title, [*sections, _duplicates(report), _coverage(report), _invalid(report)], "audit")


def _lead(report: Mapping[str, Any]) -> str:
    found = report["duplicates"]
    strings, rows = found["distinct_strings"], found["rows"]
    return f'<p class="lead">{rows:,} valid rows are {strings:,} distinct strings; {found["repeated"]:,} strings occur more than once.</p>'


def _files(report: Mapping[str, Any]) -> str:
    heads = ("file", "rows", "invalid", "distinct strings", "dialects", "labels")
    keys = ("file", "rows", "invalid", "strings", "dialects")
    rows = [[*(entry[key] for key in keys), ", ".join(entry["labels"])] for entry in report["files"]]
    return f"<h2>Files</h2>{table(heads, rows)}"


def _pairs(pairs: Iterable[Mapping[str, Any]], crystal: str, extra: Sequence[str] = ()) -> str:
    heads = (
        *extra,
        "first",
        "second",
        "same string",
        f"same {crystal}",
        "rows of the first",
        "rows of the second",
    )
    rows = [
        [
            *(pair[name] for name in extra), pair["first"], pair["second"], pair["string"]["shared"], pair["crystal"]["shared"],
            pair["crystal"]["rows_first"], pair["crystal"]["rows_second"],
        ]
        for pair in pairs
    ]  # fmt: skip
    return table(heads, rows)


def _overlaps(report: Mapping[str, Any]) -> str:
    if len(report["files"]) == 1:
        return ""
    text = (
        "Crystals that two files share: a model trained on one has seen them when it is tested on the other."
    )
    body = (
        _pairs(report["overlaps"], report["same_crystal"])
        if report["overlaps"]
        else "<p>No two files share a crystal.</p>"
    )
    return f'<h2>Overlaps across files</h2><p class="dim">{text}</p>{body}'


def _splits(report: Mapping[str, Any]) -> str:
    if not report["splits"]:
        return ""
    return f"<h2>Splits that leak</h2>{_pairs(report['splits'], report['same_crystal'], ('file',))}"


def _labels(report: Mapping[str, Any]) -> str:
    if not report["labels"]:
        return ""
    heads = (
        "file",
        "label",
        "strings with several rows",
        "with different labels",
        "median spread",
        "largest spread",
        "spread of all (MAD)",
    )
    rows, plots = [], []
    for entry in report["labels"]:
        spreads = (entry[key] for key in ("median_spread", "largest_spread", "mad"))
        rows.append([entry["file"], entry["label"], entry["repeated"], entry["clashing"], *spreads])
        if entry["worst"]:
            low, high = (
                np.array([one[key] for one in entry["worst"]], float) for key in ("lowest", "highest")
            )
            title = f"{entry['label']}: the {len(entry['worst'])} widest clashes"
            cloud = Series(low, high, kind="rings")
            svg = chart(
                [cloud],
                Axis("lowest label"),
                Axis("highest label"),
                title=title,
                diagonal=True,
            )
            plots.append((title, entry["file"], svg))
    text = "Rows with the same string and different labels: no model that reads the string can fit them all."
    worst = [
        [entry["label"], one["formula"], one["space_group"], one["copies"], float(one["lowest"]), float(one["highest"]), short_scope(one["scope"])]
        for entry in report["labels"]
        for one in entry["worst"][:LISTED]
    ]  # fmt: skip
    listed = table(
        ("label", "formula", "space group", "rows", "lowest", "highest", "string"), worst, ("string",)
    )
    return f'<h2>Clashes of labels</h2><p class="dim">{text}</p>{table(heads, rows)}{grid(plots)}{listed if worst else ""}'


def _duplicates(report: Mapping[str, Any]) -> str:
    most = report["duplicates"]["most"]
    if not most:
        return "<h2>Duplicates</h2><p>Every string occurs once.</p>"
    rows = [
        [one["copies"], one["formula"], one["space_group"], one["id"], short_scope(one["scope"])]
        for one in most
    ]
    heads = ("rows", "formula", "space group", "first id", "string")
    return f"<h2>Most frequent strings</h2>{table(heads, rows, ('string',))}"


def _coverage(report: Mapping[str, Any]) -> str:
    order = {element.symbol: element.number for element in ELEMENTS}
    elements = {order[symbol]: count for symbol, count in report["elements"].items()}
    groups = report["space_groups"]
    plots = [
        ("Length", "Tokens of the compact vocabulary, [CLS] and [SEP] included.", _counts(report["tokens"], "tokens", "line")),
        ("Space groups", f"{len(groups)} of 230 occur.", _counts(groups, "space group", "dots")),
        ("Elements", f"{len(elements)} occur.", _counts(elements, "atomic number", "dots")),
        ("Elements of a crystal", "", _counts(report["number_of_elements"], "number of elements", "line")),
        ("Orbits of a crystal", "", _counts(report["orbits"], "orbits", "line")),
    ]  # fmt: skip
    missing = [str(n) for n in range(1, 231) if n not in groups]
    absent = f'<p class="dim">Space groups that do not occur: {", ".join(missing)}.</p>' if missing else ""
    return f"<h2>Coverage, distinct strings</h2>{grid(plots)}{absent}"


def _counts(counts: Mapping[int, int], label: str, kind: str) -> str:
    x, y = (np.array(list(values), float) for values in (counts.keys(), counts.values()))
    return chart(
        [Series(x, y, kind=kind)], Axis(label), Axis("strings", log=True), title=f"strings by {label}"
    )


def _invalid(report: Mapping[str, Any]) -> str:
    rows = [[entry["file"], *one] for entry in report["files"] for one in entry["first_invalid"]]
    return f"<h2>Rows without a valid string</h2>{table(('file', 'id', 'reason'), rows)}" if rows else ""
