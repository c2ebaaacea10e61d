"""The best of many candidates by a trained model, with intervals and novelty, in bounded memory."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cloudkit.corpus.facts import ColumnNames, Source, read_rows
from cloudkit.data import builtin_path
from cloudkit.encoding import Encoded
from cloudkit.errors import CloudkitError, nearest, require
from cloudkit.predict import Failure, Predictor
from cloudkit.predict.training_crystals import site_hash
from cloudkit.scope import Scope, canonical_scope, parse, project_scope, reduced_formula
from cloudkit.units import Per

if TYPE_CHECKING:
    import pandas as pd

ALLOWED_NODES: Final = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.Compare, ast.cmpop),
    *(ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitAnd, ast.BitOr),
)  # fmt: skip
TEXT_METHODS: Final = ("contains", "startswith", "endswith")
MAX_LENGTH: Final = 2000  # characters
EXAMPLE: Final = "value > 20 and novelty == 'new' and elements.str.contains('O')"


def _keep_rows(frame: "pd.DataFrame", condition: str) -> "pd.DataFrame":
    """Keep the rows for which a condition holds; raise CloudkitError unless it only compares columns with plain values."""
    try:
        _check(condition)
        holds = frame.eval(condition, engine="python", local_dict={}, global_dict={})
        if getattr(getattr(holds, "dtype", None), "kind", "") != "b":
            raise ValueError("not true or false for each row")
    except Exception as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        columns = ", ".join(map(str, frame.columns))
        found = re.fullmatch(r"name '(\w+)' is not defined", str(why))
        if found and (near := nearest(found[1], map(str, frame.columns), cutoff=0.5)):
            why = f"no column '{found[1]}'; did you mean '{near[0]}'"
        raise CloudkitError(
            f'--where "{condition}": {why}; write it like "{EXAMPLE}" with the columns {columns}'
        ) from error
    kept: Any = frame[holds]
    return kept


def _check(condition: str) -> None:
    """Raise ValueError for more than comparisons, because pandas would call methods, such as those that write files."""
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
            case _ if isinstance(node, ALLOWED_NODES):
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
REFERENCE: Final = ("minerals", "prototypes")  # built-in tables of known crystals
STABILITY: Final = "formation_energy"
KNOWN, FORMULA, NEW = "known", "known formula", "new"


class RankOptions(NamedTuple):
    """How to rank candidates.

    Attributes
    ----------
    top : int
        Number of candidates in the result.
    quantity : str, optional
        By default the formation energy, or the first quantity of a model without it.
    lowest : bool, optional
        Whether the lowest values are the best; by default only for energies.
    where : str, optional
        Condition on the columns, such as "value > 20 and novelty == 'new'".

    Examples
    --------
    >>> RankOptions().choose(["band_gap", "formation_energy"]), RankOptions().is_rising("band_gap")
    ('formation_energy', False)
    """

    top: int = 50
    quantity: str | None = None
    lowest: bool | None = None
    where: str | None = None

    def choose(self, predicted: Sequence[str]) -> str:
        """Return the quantity to rank by, of those that are predicted."""
        if self.quantity is not None:
            return self.quantity
        return STABILITY if STABILITY in predicted else next(iter(predicted), "")

    def is_rising(self, quantity: str) -> bool:
        """Return whether the lowest values are the best."""
        return quantity.endswith("energy") if self.lowest is None else self.lowest


@dataclass(slots=True)
class Ranking:
    """Result of `rank`.

    Attributes
    ----------
    table : DataFrame
        Best first; COLUMNS, elements, and a column for each quantity of the model (see `column`).
    quantity, unit : str
        What candidates are ranked by.
    units : dict
        quantity -> unit.
    reference : str
        The known crystals, in words.
    predicted, kept, novel : int
        Number of all candidates with a prediction, those that meet the condition, and new ones among these.
    failures : list of Failure
        Candidates without a prediction.

    Examples
    --------
    >>> import pandas
    >>> Ranking(pandas.DataFrame(), "value", "eV").column("value")
    'value_predicted'
    """

    table: "pd.DataFrame"
    quantity: str
    unit: str
    units: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    predicted: int = 0
    kept: int = 0
    novel: int = 0
    failures: list[Failure] = field(default_factory=list)

    def column(self, quantity: str) -> str:
        """Return the column of `table` with a quantity: its name, unless another column has that name."""
        return _column(quantity)


class Reference:
    """Known crystals, by canonical string, by formula and Wyckoff positions, and by formula.

    Parameters
    ----------
    files
        Tables of strings or structures; by default the built-in minerals and prototypes.
    model
        Model whose training crystals are known too.

    Examples
    --------
    >>> Reference(["strings.csv"]).novelty(parse("1 0 0 | Cl 1a Na 1b"))
    'known formula'
    """

    def __init__(self, files: Sequence[str] = (), model: Predictor | None = None) -> None:
        self.texts: set[str] = set()
        self.formulas: set[str] = set()
        rows = 0
        for given in files or [str(builtin_path(name)) for name in REFERENCE]:
            for row, _, _ in read_rows(given, ColumnNames(labels=()), Source(given)):
                if row.scope is None:
                    continue
                rows += 1
                text, formula = _identity(parse(row.scope))
                self.texts.add(text)
                self.formulas.add(formula)
        learned = list(model.training_crystals.identities()) if model and model.training_crystals else []
        self.learned = set(learned)
        self.formulas |= {formula for formula, _ in learned}
        names = ", ".join(Path(name).name for name in files) or "the built-in minerals and prototypes"
        self.description = f"{rows:,} crystals of {names}"
        if model and learned:
            self.description += f", and the {len(learned):,} training crystals of {model.name}"

    def novelty(self, scope: Scope) -> str:
        """Return "known", "known formula" or "new".

        A crystal is known if a file has its canonical string, or its reduced string, or if a training crystal has its formula,
        space group and Wyckoff positions (training crystals are stored without the element of each position).
        """
        text, formula = _identity(scope)
        if text in self.texts or (formula, site_hash(parse(text))) in self.learned:
            return KNOWN
        if scope.dialect != "reduced" and str(project_scope(parse(text), "reduced")) in self.texts:
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
    options: RankOptions,
    reference: Reference,
    temperature: float | None = None,
    per: Per = "atom",
) -> Ranking:
    """Rank a stream of candidates by a predicted value.

    Parameters
    ----------
    model
        Trained model, from `cloudkit.load`.
    inputs
        Encoded structures or strings.
    options
        Quantity, order, condition and number of results.
    reference
        Known crystals.
    temperature
        In K, for thermal models.
    per
        What molar quantities are counted per.

    Returns
    -------
    Ranking
        The best candidates, and counts of all.

    Raises
    ------
    CloudkitError
        If the model does not predict the quantity, the condition cannot be evaluated, or there are no candidates.

    Examples
    --------
    >>> from cloudkit.encoding import encode_files
    >>> from cloudkit.predict import load
    >>> found = rank(load("elastic"), encode_files(["two.extxyz"]), RankOptions(), Reference(["strings.csv"]))
    >>> list(found.table["formula"]), found.quantity, found.novel
    (['Po', 'CsCl'], 'bulk_modulus', 2)
    """
    pandas = require("pandas", "train")
    best = Ranking(pandas.DataFrame(columns=list(COLUMNS)), "", "", reference=reference.description)
    held: dict[str, Encoded] = {}
    for table, failures in model.predict_batches(_numbered(inputs, held), temperature, per):
        best.failures += [failure._replace(id=held[failure.id].id) for failure in failures]
        if len(table):
            best.units |= dict(zip(table["quantity"], table["unit"], strict=True))
            best.quantity = best.quantity or options.choose(list(best.units))
            frame = _wide(table, held, best.quantity, reference)
            best.unit = best.units[best.quantity]
            best.predicted += len(frame)
            frame = _keep_rows(frame, options.where) if options.where is not None else frame
            best.kept += len(frame)
            best.novel += int((frame["novelty"] == NEW).sum())
            joined = pandas.concat([best.table, frame]) if len(best.table) else frame
            rising = options.is_rising(best.quantity)
            best.table = joined.sort_values("value", ascending=rising, kind="stable").head(options.top)
        held.clear()
    if not best.predicted and not best.failures:
        raise CloudkitError("nothing to rank: the input has no structures or strings")
    best.table = best.table.reset_index(drop=True)
    return best


def _numbered(inputs: Iterable[Encoded], held: dict[str, Encoded]) -> Iterator[Encoded]:
    """Yield records with their number as id, since ids need not be unique; `held` keeps them until they are predicted."""
    for number, one in enumerate(inputs):
        held[str(number)] = one
        yield one._replace(id=str(number))


def _wide(
    table: "pd.DataFrame", held: dict[str, Encoded], quantity: str, reference: Reference
) -> "pd.DataFrame":
    """Return one row per candidate: the quantity with its interval, and a column for each quantity."""
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
