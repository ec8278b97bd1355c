"""Rows that share time and code: what a curve sees of them is the sum of their weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._net_benefit import influence_of_all
from lbp_prognosis._kernels._steps import distinct_times

__all__ = ["OutcomeCells", "cell_influence", "outcome_cells"]


class OutcomeCells(NamedTuple):
    """Distinct pairs of time and code in increasing order: ``cell`` (n,) is the position of each row's own pair."""

    cell: np.ndarray
    time: np.ndarray
    code: np.ndarray


def outcome_cells(time: np.ndarray, code: np.ndarray) -> OutcomeCells:
    """Find the cells; follow-up in days has a few thousand of them, however many rows there are.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Finite, ≥ 0, in any order.
    code : ndarray of int of shape (n,)
        0 censored, 1 the cause of interest, 2 any other.
    """
    times, place = distinct_times(time)
    key = place * 3
    key += np.minimum(code, 2)
    seen = np.zeros(3 * times.size, dtype=bool)
    seen[key] = True
    kept = np.flatnonzero(seen)
    return OutcomeCells((np.cumsum(seen) - 1)[key], times[kept // 3], kept % 3)


def cell_influence(cells: OutcomeCells, tau: float, mass: np.ndarray) -> np.ndarray:
    """Return `incidence_influence` of a row of each cell (m,), given the sum of the weights in each cell (m,)."""
    stop = int(np.searchsorted(cells.time, tau, side="right"))
    return influence_of_all(cells.time, cells.code, stop, mass)
