"""Counts by time and group, the input of all group comparisons."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels import distinct_times
from lbp_prognosis.survival._curve_rows import CurveRows

__all__ = ["group_tables"]


def group_tables(
    rows: CurveRows, codes: np.ndarray, k: int, events: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return numbers at risk, and events of each indicator, as (m, k) tables over the distinct times."""
    times, place = distinct_times(rows.time)
    m = times.size
    cell = place * k + codes

    def table(values: np.ndarray | None) -> np.ndarray:
        return np.bincount(cell, weights=values, minlength=m * k).reshape(m, k).astype(float)

    leaving = table(None)
    if rows.entry is None:
        at_risk = np.cumsum(leaving[::-1], axis=0)[::-1]
    else:
        gone = np.cumsum(leaving, axis=0) - leaving
        come = np.stack(
            [np.searchsorted(np.sort(rows.entry[codes == j]), times, side="left") for j in range(k)], axis=1
        )
        at_risk = come - gone
    return at_risk, [table(indicator.astype(float)) for indicator in events]
