"""SCOPE text: parsing, diagnostics, canonical form, projections, AFLOW labels, and candidates of reduced strings."""

from cloudkit.scope.aflow import aflow_label, from_aflow
from cloudkit.scope.candidates import MAX_ATOMS, Candidates, candidates
from cloudkit.scope.canonical import canonical_letters, canonical_scope, canonical_text
from cloudkit.scope.deep import check_deep, check_tree
from cloudkit.scope.diagnostics import Diagnostic, render, validate
from cloudkit.scope.findings import Findings, validate_batch
from cloudkit.scope.formula import formula_amounts, formula_text, reduced_formula
from cloudkit.scope.project import project, project_scope
from cloudkit.scope.tree import Orbit, Scope, parse, parse_batch, read, to_tree

__all__ = [
    "MAX_ATOMS",
    "Candidates",
    "Diagnostic",
    "Findings",
    "Orbit",
    "Scope",
    "aflow_label",
    "candidates",
    "canonical_letters",
    "canonical_scope",
    "canonical_text",
    "check_deep",
    "check_tree",
    "formula_amounts",
    "formula_text",
    "from_aflow",
    "parse",
    "parse_batch",
    "project",
    "project_scope",
    "read",
    "reduced_formula",
    "render",
    "to_tree",
    "validate",
    "validate_batch",
]  # fmt: skip
