"""What a notebook shows of a string, of a finding and of the findings of many strings, as HTML."""

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from cloudkit.html import paragraph, table, titled
from cloudkit.scope.formula import reduced_formula
from cloudkit.scope.tree import Scope
from cloudkit.tables import SPACE_GROUPS

if TYPE_CHECKING:
    from cloudkit.scope.diagnostics import Diagnostic
    from cloudkit.scope.findings import Findings

SHOWN: Final = 10  # invalid rows of many


def scope_html(scope: Scope) -> str:
    """Formula, space group, and a row for each orbit or site; below it the text itself."""
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
    """How many rows are valid, how often each code occurs, and the first finding of some invalid rows."""
    wrong = np.flatnonzero(~findings.valid)
    codes = Counter(findings.codes.tolist()).most_common()
    first = [(row, findings[row][0]) for row in wrong[:SHOWN].tolist()]
    rows = [(row, one.code, one.message) for row, one in first]
    more = paragraph(f"and {len(wrong) - SHOWN:,} more invalid rows") if len(wrong) > SHOWN else ""
    return titled(
        f"{len(findings):,} strings, {len(wrong):,} invalid",
        table(("code", "findings"), codes) if codes else "",
        table(("row", "code", "first finding"), rows) if rows else "",
        more,
    )
