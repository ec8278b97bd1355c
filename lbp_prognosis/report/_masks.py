"""``mask_counts``, ``mask_flow``, ``mask_table_one``: deprecated names of functions of `disclosure`."""

from __future__ import annotations

import warnings

import pandas as pd

from lbp_prognosis import disclosure

__all__ = ["mask_counts", "mask_flow", "mask_table_one"]


def mask_counts(frame: pd.DataFrame, columns: tuple[str, ...], smallest: int) -> pd.DataFrame:
    """Return `disclosure.mask_counts`; deprecated."""
    _moved("mask_counts")
    return disclosure.mask_counts(frame, columns, smallest)


def mask_flow(steps: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return `disclosure.mask_flow`; deprecated."""
    _moved("mask_flow")
    return disclosure.mask_flow(steps, smallest)


def mask_table_one(table: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return `disclosure.mask_table_one`; deprecated."""
    _moved("mask_table_one")
    return disclosure.mask_table_one(table, smallest)


def _moved(name: str) -> None:
    warnings.warn(
        f"report.{name} has moved: use disclosure.{name}, which masks one table, or a release, which knows them all",
        DeprecationWarning,
        stacklevel=3,
    )
