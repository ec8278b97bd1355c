"""``mask_counts``, ``mask_flow``, ``mask_table_one``: deprecated names of functions of `disclosure`."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis import disclosure
from lbp_prognosis._base import deprecated

__all__ = ["mask_counts", "mask_flow", "mask_table_one"]


def mask_counts(frame: pd.DataFrame, columns: tuple[str, ...], smallest: int) -> pd.DataFrame:
    """Return `disclosure.mask_counts`; deprecated."""
    deprecated("report.mask_counts")
    return disclosure.mask_counts(frame, columns, smallest)


def mask_flow(steps: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return `disclosure.mask_flow`; deprecated."""
    deprecated("report.mask_flow")
    return disclosure.mask_flow(steps, smallest)


def mask_table_one(table: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return `disclosure.mask_table_one`; deprecated."""
    deprecated("report.mask_table_one")
    return disclosure.mask_table_one(table, smallest)
