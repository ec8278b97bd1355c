"""``read_exact`` and ``cells_of``: tables read and compared in the same way by every version of pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["cells_of", "read_exact"]


def read_exact(path: Path, **options: Any) -> pd.DataFrame:
    """Read a table; pandas below 3 rounds unless it is told not to, from 3 on it must not be told."""
    if int(pd.__version__.split(".")[0]) < 3:
        options["float_precision"] = "round_trip"
    return pd.read_csv(path, **options)


def cells_of(column: pd.Series) -> list[Any]:
    """Return the cells of a column, None where missing, whatever text is stored in."""
    return column.astype(object).where(column.notna(), None).tolist()
