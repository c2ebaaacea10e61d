"""HTML for notebooks: a string, a diagnostic, and the findings of many strings."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from cloudkit.html import paragraph, table, titled
from cloudkit.scope.formula import reduced_formula
from cloudkit.tables import SPACE_GROUPS

if TYPE_CHECKING:
    from cloudkit.scope.diagnostics import Diagnostic
    from cloudkit.scope.findings import Findings
    from cloudkit.scope.tree import Scope

MAX_ROWS: Final = 10  # invalid rows shown


def scope_html(scope: "Scope") -> str:
    """Formula, space group, a row for each orbit or site, and the text."""
    group = SPACE_GROUPS[scope.space_group - 1] if scope.space_group else None
    place = f"{group.symbol} ({group.number}), {group.crystal_system}" if group else "unknown space group"
    sites = "site symmetry" if group else ""
    rows = [
        (o.symbol, o.site_text, group.position(o.letter).site_symmetry if group else "") for o in scope.orbits
    ]
    shares = "".join(f"{element} {share:g} " for element, share in scope.fractions)
    return titled(
        f"{reduced_formula(scope)} · {place} · {scope.dialect}",
        table(("position", "species", sites), rows),
        paragraph(f"fractions: {shares}") if shares else "",
        paragraph(str(scope)),
    )


def diagnostic_html(diagnostic: "Diagnostic") -> str:
    """Code, place, message and hint."""
    where = f"{diagnostic.severity} {diagnostic.code} at byte {diagnostic.offset}"
    hint = paragraph(f"hint: {diagnostic.hint}") if diagnostic.hint else ""
    return titled(where, paragraph(diagnostic.message), hint)


def findings_html(findings: "Findings") -> str:
    """Number of invalid rows, count of each code, and the first finding of some invalid rows."""
    wrong = np.flatnonzero(~findings.valid)
    codes = Counter(findings.codes.tolist()).most_common()
    first = [(row, findings[row][0]) for row in wrong[:MAX_ROWS].tolist()]
    rows = [(row, one.code, one.message) for row, one in first]
    more = paragraph(f"and {len(wrong) - MAX_ROWS:,} more invalid rows") if len(wrong) > MAX_ROWS else ""
    return titled(
        f"{len(findings):,} strings, {len(wrong):,} invalid",
        table(("code", "findings"), codes) if codes else "",
        table(("row", "code", "first finding"), rows) if rows else "",
        more,
    )
