"""Pages and pictures of builds, audits and candidates."""

from cloudkit.report.build_page import write_report
from cloudkit.report.card import write_card
from cloudkit.report.corpus_pages import audit_page, rank_page
from cloudkit.report.curves import CurvePlot, read_points
from cloudkit.report.sheet import sheet_page

__all__ = [
    "CurvePlot", "audit_page", "rank_page", "read_points", "sheet_page", "write_card", "write_report",
]  # fmt: skip
