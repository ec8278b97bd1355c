"""``inert_cells``: a table whose cells and headers no spreadsheet takes for formulas."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from lbp_prognosis._base._visible import visible
from lbp_prognosis._base.intake import holds

__all__ = ["inert_cell", "inert_cells"]

# what a spreadsheet begins to calculate at, the wide forms of East Asian keyboards too
_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_NUMBER = r"[-+\u2212]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:[eE][-+]?\d+)?\s?%?"
# a number, an estimate with its interval, a mean (SD), or quartiles: "-0.02 (-0.05 to 0.01)", "-0.1 (1.0)"
_PLAIN = re.compile(rf"{_NUMBER}(?: to {_NUMBER})?(?: [(\[]{_NUMBER}(?:(?: to |, ?|; | - |–){_NUMBER})?[)\]])?\Z")
_LONGEST = 120  # of such a cell; longer text is not searched for one


def inert_cell(cell: Any) -> Any:
    """Return text that would be calculated with an apostrophe before it, and hidden characters as their codes.

    Numbers, empty cells and words stay as they are.
    """
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    control = cell[:1] in ("\t", "\r", "\n") and text != ""
    plain = len(text) <= _LONGEST and _PLAIN.match(text)
    if control or (text.startswith(_STARTS) and not plain):
        return f"'{visible(cell)}"
    return visible(cell)


def inert_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame to be written as CSV: formulas in cells, headers and categories are text.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis._base import inert_cells
    >>> inert_cells(pd.DataFrame({"x": ["-2+3+cmd|' /C calc'!A0", "-2.5", ""]}))["x"].tolist()
    ["'-2+3+cmd|' /C calc'!A0", '-2.5', '']
    """
    columns = [_inert_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    out = pd.concat(columns, axis=1) if columns else frame.copy()
    out.columns = [inert_cell(name) for name in frame.columns]
    return out


def _inert_column(series: pd.Series) -> pd.Series:
    if holds(series) in ("number", "truth value", "date"):
        return series
    return series.astype(object).map(inert_cell)
