"""The best of many candidates by a trained model, with uncertainty and novelty, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from cloudkit.corpus.condition import keep_rows
from cloudkit.corpus.facts import Choice, read_rows
from cloudkit.data import builtin_path
from cloudkit.errors import CloudkitError, require
from cloudkit.predict import Failure, Input, Materials, Model
from cloudkit.scope import Scope, canonical_scope, parse, project_scope, reduced_formula
from cloudkit.units import Per

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "id",
    "formula",
    "space_group",
    "novelty",
    "quantity",
    "value",
    "lower",
    "upper",
    "unit",
    "temperature",
    "scope",
)
REFERENCE: Final = (
    "minerals",
    "prototypes",
)  # built-in sets that novelty is judged by unless others are named
KNOWN, FORMULA, NEW = "known", "known formula", "new"


class Wanted(NamedTuple):
    """The ranking criterion. quantity: None for the first that the model predicts; where: a condition on the columns."""

    top: int = 50
    quantity: str | None = None
    lowest: bool = False
    where: str | None = None


@dataclass(slots=True)
class Ranking:
    """table: the best rows, best first, with COLUMNS, elements and every quantity of the model by its name (one called as a
    column is: name_predicted); counts of all others.
    """

    table: "pd.DataFrame"
    quantity: str
    unit: str
    predicted: int = 0
    kept: int = 0
    novel: int = 0
    failures: list[Failure] = field(default_factory=list)


class Reference:
    """Known crystals, by canonical string and by formula."""

    def __init__(self, files: Sequence[str] = ()) -> None:
        self.texts: set[str] = set()
        self.formulas: set[str] = set()
        self.rows = 0
        for given in files or [str(builtin_path(name)) for name in REFERENCE]:
            for row in read_rows(given, Choice(labels=())):
                if row.text is None:
                    continue
                self.rows += 1
                text, formula = _identity(parse(row.text))
                self.texts.add(text)
                self.formulas.add(formula)

    def novelty(self, scope: Scope) -> str:
        """`known`: the same canonical string, or reduced string where that is all that is known; `known formula`; `new`."""
        text, formula = _identity(scope)
        if text in self.texts or (
            scope.dialect != "reduced" and str(project_scope(parse(text), "reduced")) in self.texts
        ):
            return KNOWN
        return FORMULA if formula in self.formulas else NEW


def _identity(scope: Scope) -> tuple[str, str]:
    scope = canonical_scope(scope) if scope.dialect == "orbit" else scope
    return str(scope), reduced_formula(scope)


def rank(
    model: Model | Materials,
    inputs: Iterable[Input],
    wanted: Wanted,
    reference: Reference,
    temperature: float | None = None,
    per: Per = "atom",
) -> Ranking:
    """The best candidates of a stream, by value. temperature: in K, for thermal models.

    Raises CloudkitError for a quantity that the model does not predict and for a condition that cannot be evaluated.
    """
    pandas = require("pandas", "train")
    best: Ranking | None = None
    held: dict[str, Input] = {}
    for table, failures in model.predict_batches(_numbered(inputs, held), temperature, per):
        quantity = wanted.quantity or (str(table["quantity"].iloc[0]) if len(table) else "")
        if best is None and len(table):
            best = Ranking(pandas.DataFrame(columns=list(COLUMNS)), quantity, "")
        if best is None:
            best = Ranking(pandas.DataFrame(columns=list(COLUMNS)), "", "")
        best.failures += [failure._replace(id=held[failure.id].id) for failure in failures]
        if len(table):
            frame = _wide(table, held, best.quantity or quantity, reference)
            best.quantity, best.unit = best.quantity or quantity, str(frame["unit"].iloc[0])
            best.predicted += len(frame)
            frame = keep_rows(frame, wanted.where) if wanted.where is not None else frame
            best.kept += len(frame)
            best.novel += int((frame["novelty"] == NEW).sum())
            joined = pandas.concat([best.table, frame]) if len(best.table) else frame
            best.table = joined.sort_values("value", ascending=wanted.lowest, kind="stable").head(wanted.top)
        held.clear()
    if best is None:
        raise CloudkitError("there is nothing to rank")
    best.table = best.table.reset_index(drop=True)
    return best


def _numbered(inputs: Iterable[Input], held: dict[str, Input]) -> Iterator[Input]:
    """Records under their number, since ids need not be unique; `held` keeps what is on its way."""
    for number, one in enumerate(inputs):
        held[str(number)] = one
        yield one._replace(id=str(number))


def _wide(
    table: "pd.DataFrame", held: dict[str, Input], quantity: str, reference: Reference
) -> "pd.DataFrame":
    """One row per candidate: the wanted quantity with its band, and all quantities as columns of their own."""
    frame = table[table["quantity"] == quantity].set_index("id")
    if not len(frame):
        known = ", ".join(dict.fromkeys(table["quantity"]))
        raise CloudkitError(f"the model predicts no '{quantity}'; it predicts {known}")
    for name, part in table.groupby("quantity"):
        column = str(name)
        frame[f"{column}_predicted" if column in (*COLUMNS, "elements") else column] = part.set_index("id")[
            "value"
        ]
    scopes = [parse(str(held[number].scope)) for number in frame.index]
    frame["formula"] = [reduced_formula(scope) for scope in scopes]
    frame["space_group"] = [scope.space_group for scope in scopes]
    frame["elements"] = [" ".join(scope.composition) for scope in scopes]
    frame["novelty"] = [reference.novelty(scope) for scope in scopes]
    frame["scope"] = [held[number].scope for number in frame.index]
    frame["id"] = [held[number].id for number in frame.index]
    rest = [name for name in frame.columns if name not in COLUMNS]
    return frame[[*COLUMNS, *rest]]
