"""A condition on columns, as in `predict --where`: comparisons only, nothing that executes."""

import ast
from typing import TYPE_CHECKING, Any, Final

from cloudkit.errors import CloudkitError

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
