"""The best of many candidates by a trained model, with uncertainty and novelty, in bounded memory."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cloudkit.corpus.facts import ColumnNames, read_rows
from cloudkit.data import builtin_path
from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError, require
from cloudkit.predict import Failure, Predictor
from cloudkit.scope import Scope, canonical_scope, parse, project_scope, reduced_formula
from cloudkit.units import Per

if TYPE_CHECKING:
    import pandas as pd

PLAIN: Final = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.Compare, ast.cmpop),
    *(ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr),
)  # fmt: skip
TEXT_METHODS: Final = ("contains", "startswith", "endswith")
MAX_LENGTH: Final = 2000  # characters
EXAMPLE: Final = "value > 20 and novelty == 'new' and elements.str.contains('O')"


def keep_rows(frame: "pd.DataFrame", condition: str) -> "pd.DataFrame":
    """The rows for which a condition holds. Raises CloudkitError unless it compares columns of the frame with plain values."""
    try:
        _check(condition)
        holds = frame.eval(condition, engine="python", local_dict={}, global_dict={})
        if getattr(getattr(holds, "dtype", None), "kind", "") != "b":
            raise ValueError("it is neither true nor false of a row")
    except Exception as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        columns = ", ".join(map(str, frame.columns))
        raise CloudkitError(
            f'--where "{condition}": {why}; write it like "{EXAMPLE}" with the columns {columns}'
        ) from error
    kept: Any = frame[holds]
    return kept


def _check(condition: str) -> None:
    """Raise ValueError for what is more than comparisons: pandas would call methods that write files."""
    if len(condition) > MAX_LENGTH:
        raise ValueError(f"more than {MAX_LENGTH:,} characters")
    waiting: list[ast.AST] = [ast.parse(condition.strip(), mode="eval")]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=ast.Name(), attr="str"), attr=name),
                args=[ast.Constant()],
                keywords=[],
            ) if name in TEXT_METHODS:
                continue
            case _ if isinstance(node, PLAIN):
                waiting.extend(ast.iter_child_nodes(node))
            case _:
                raise ValueError(f"'{ast.unparse(node)}' is more than a comparison")


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
STABILITY: Final = "formation_energy"  # what candidates are ranked by first
KNOWN, FORMULA, NEW = "known", "known formula", "new"


class RankOptions(NamedTuple):
    """The ranking criterion.

    quantity: None for the formation energy, or else the first that the model predicts; lowest: whether the lowest values
    are the best, None for energies alone; where: a condition on the columns.
    """

    top: int = 50
    quantity: str | None = None
    lowest: bool | None = None
    where: str | None = None

    def choose(self, predicted: Sequence[str]) -> str:
        """The quantity to rank by, of those that are predicted."""
        if self.quantity is not None:
            return self.quantity
        return STABILITY if STABILITY in predicted else next(iter(predicted), "")

    def is_rising(self, quantity: str) -> bool:
        """Whether the best candidates are those of the lowest values."""
        return quantity.endswith("energy") if self.lowest is None else self.lowest


@dataclass(slots=True)
class Ranking:
    """The best candidates.

    table: the best rows, best first, with COLUMNS, elements and every quantity of the model in a column of its own
    (`column`); quantity, unit: what they are ranked by; units: quantity -> unit; counts of all candidates.
    """

    table: "pd.DataFrame"
    quantity: str
    unit: str
    units: dict[str, str] = field(default_factory=dict)
    predicted: int = 0
    kept: int = 0
    novel: int = 0
    failures: list[Failure] = field(default_factory=list)

    def column(self, quantity: str) -> str:
        """The column of `table` that holds a quantity: of its name, unless another column has that."""
        return _column(quantity)


class Reference:
    """Known crystals, by canonical string and by formula."""

    def __init__(self, files: Sequence[str] = ()) -> None:
        self.texts: set[str] = set()
        self.formulas: set[str] = set()
        self.rows = 0
        for given in files or [str(builtin_path(name)) for name in REFERENCE]:
            for row, _, _ in read_rows(given, ColumnNames(labels=())):
                if row.scope is None:
                    continue
                self.rows += 1
                text, formula = _identity(parse(row.scope))
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


def _column(quantity: str) -> str:
    return f"{quantity}_predicted" if quantity in (*COLUMNS, "elements") else quantity


def _identity(scope: Scope) -> tuple[str, str]:
    scope = canonical_scope(scope) if scope.dialect == "orbit" else scope
    return str(scope), reduced_formula(scope)


def rank(
    model: Predictor,
    inputs: Iterable[Encoded],
    wanted: RankOptions,
    reference: Reference,
    temperature: float | None = None,
    per: Per = "atom",
) -> Ranking:
    """The best candidates of a stream, by value. temperature: in K, for thermal models.

    Raises CloudkitError for a quantity that the model does not predict and for a condition that cannot be evaluated.
    """
    pandas = require("pandas", "train")
    best = Ranking(pandas.DataFrame(columns=list(COLUMNS)), "", "")
    held: dict[str, Encoded] = {}
    for table, failures in model.predict_batches(_numbered(inputs, held), temperature, per):
        best.failures += [failure._replace(id=held[failure.id].id) for failure in failures]
        if len(table):
            best.units |= dict(zip(table["quantity"], table["unit"], strict=True))
            best.quantity = best.quantity or wanted.choose(list(best.units))
            frame = _wide(table, held, best.quantity, reference)
            best.unit = best.units[best.quantity]
            best.predicted += len(frame)
            frame = keep_rows(frame, wanted.where) if wanted.where is not None else frame
            best.kept += len(frame)
            best.novel += int((frame["novelty"] == NEW).sum())
            joined = pandas.concat([best.table, frame]) if len(best.table) else frame
            rising = wanted.is_rising(best.quantity)
            best.table = joined.sort_values("value", ascending=rising, kind="stable").head(wanted.top)
        held.clear()
    if not best.predicted and not best.failures:
        raise CloudkitError("there is nothing to rank")
    best.table = best.table.reset_index(drop=True)
    return best


def _numbered(inputs: Iterable[Encoded], held: dict[str, Encoded]) -> Iterator[Encoded]:
    """Records under their number, since ids need not be unique; `held` keeps what is on its way."""
    for number, one in enumerate(inputs):
        held[str(number)] = one
        yield one._replace(id=str(number))


def _wide(
    table: "pd.DataFrame", held: dict[str, Encoded], quantity: str, reference: Reference
) -> "pd.DataFrame":
    """One row per candidate: the wanted quantity with its band, and all quantities as columns of their own."""
    frame = table[table["quantity"] == quantity].set_index("id")
    if not len(frame):
        known = ", ".join(dict.fromkeys(table["quantity"]))
        raise CloudkitError(f"the model predicts no '{quantity}'; it predicts {known}")
    if _has_classes(frame):
        each = ", ".join(name for name in dict.fromkeys(table["quantity"]) if name.startswith(f"{quantity}_"))
        raise CloudkitError(
            f"{quantity} is a class, which has no order; rank by the probability of one: {each}"
        )
    for name, part in table.groupby("quantity"):
        own = part.set_index("id")
        frame[_column(str(name))] = own["class" if _has_classes(own) else "value"]
    scopes = [parse(str(held[number].scope)) for number in frame.index]
    frame["formula"] = [reduced_formula(scope) for scope in scopes]
    frame["space_group"] = [scope.space_group for scope in scopes]
    frame["elements"] = [" ".join(scope.composition) for scope in scopes]
    frame["novelty"] = [reference.novelty(scope) for scope in scopes]
    frame["scope"] = [held[number].scope for number in frame.index]
    frame["id"] = [held[number].id for number in frame.index]
    rest = [name for name in frame.columns if name not in (*COLUMNS, "class")]
    return frame[[*COLUMNS, *rest]]


def _has_classes(rows: "pd.DataFrame") -> bool:
    return "class" in rows and bool((rows["class"] != "").all())
