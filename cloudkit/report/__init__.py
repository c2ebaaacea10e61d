"""Pages and pictures of builds, audits and candidates."""

from cloudkit.report.audit_page import audit_page
from cloudkit.report.build_page import write_report
from cloudkit.report.card import write_card
from cloudkit.report.curves import CurvePlot, read_points
from cloudkit.report.rank_page import rank_page
from cloudkit.report.sheet import sheet_page

__all__ = [
    "CurvePlot", "audit_page", "rank_page", "read_points", "sheet_page", "write_card", "write_report",
]  # fmt: skip
