"""Evaluation of arithmetic over columns, written as text; nothing but arithmetic is possible."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    numbers_in,
)

__all__ = ["column_formula"]

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
_ACCEPTED = f"columns, numbers, + - * / **, one comparison, and {', '.join(_FUNCTIONS)}"


def column_formula(expression: str, table: pd.DataFrame) -> np.ndarray:
    """Evaluate arithmetic over the columns of a table.

    Parameters
    ----------
    expression : str
        E.g. ``"weight / (height / 100) ** 2"``. Columns, numbers, ``+ - * / **``, one comparison (giving 0 and 1), and
        ``abs, exp, log, sqrt, maximum, minimum``. Nothing else is accepted, so that text from a file cannot run code.
    table : DataFrame
        Table with the columns.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ArgumentError
        For anything that is not such arithmetic, or an unknown column.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError:
        raise argument_error("expression", _ACCEPTED, expression) from None
    value = np.asarray(_value(tree.body, expression, table), dtype=float)
    return np.broadcast_to(value, (len(table),)).copy()


def _value(node: ast.expr, expression: str, table: pd.DataFrame) -> Any:
    def inner(part: ast.expr) -> Any:
        return _value(part, expression, table)

    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in table.columns:
            raise argument_error("expression", "made of columns that exist", f"no column {node.id!r} in {expression!r}")
        return numbers_in(table, [node.id], "table")[:, 0]
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](inner(node.left), inner(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -inner(node.operand)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        return np.asarray(_COMPARE[type(node.ops[0])](inner(node.left), inner(node.comparators[0])), dtype=float)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id in _FUNCTIONS:
            return _FUNCTIONS[node.func.id](*(inner(part) for part in node.args))
    raise argument_error("expression", _ACCEPTED, expression)
