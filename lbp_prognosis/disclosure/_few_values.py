"""``single_out`` and ``told_by_sums``: whether sums over all patients can be solved for a few of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis.disclosure._dominance import is_dominated
from lbp_prognosis.disclosure._patients import Patients

__all__ = ["single_out", "told_by_sums"]

_FEW = 5
_DECIMALS = 9  # equal but for rounding
_NEAR, _MANY = 0.05, 20


def single_out(values: Any, smallest: int) -> bool:
    """Return whether at most five different values occur, one of them in 1 to ``smallest − 1`` patients.

    Parameters
    ----------
    values : array-like of shape (n,)
        One per patient. Missing ones are left out.
    smallest : int
        k.

    Notes
    -----
    Sums and sums of squares of a few known values, over a known number of patients, can be solved for the number of
    patients with each value. With more different values than sums, many numbers of patients have the same sums.

    Examples
    --------
    >>> from lbp_prognosis.disclosure import single_out
    >>> single_out([2] * 198 + [6] * 2, 5), single_out([2] * 195 + [6] * 5, 5)
    (True, False)
    """
    known = np.asarray(values, dtype=float)
    counts = np.unique(known[np.isfinite(known)].round(_DECIMALS), return_counts=True)[1]
    return bool(0 < counts.size <= _FEW and counts.min() < smallest)


def told_by_sums(patients: Patients, smallest: int, rows: np.ndarray | None = None) -> str:
    """Return why sums of predicted risks would disclose a few patients, or an empty string.

    A model of one or two categories predicts few different risks, which the reader knows. Mean risk, Brier score and
    observed risk can then be solved for the patients with each risk and their outcomes. Each such risk is therefore a
    cell like the bands between thresholds, and no single risk may dominate the sum.

    Six to twenty different risks are few too where those within 0.05 are at most five: ten risks near 20 % and one of
    80 % are solved for the patients with that one, as if there were two.

    Parameters
    ----------
    patients : Patients
        With ``scores``.
    smallest : int
        k.
    rows : ndarray of bool of shape (n_rows,), optional
        Part of the patients; all by default.
    """
    inside = np.ones(patients.state.shape[0], dtype=bool) if rows is None else rows
    for score in patients.scores.values():
        values = score.round(_DECIMALS)
        levels = np.unique(values[inside & ~np.isnan(values)])
        if is_dominated(values[inside]):
            return "a single patient makes up most of a sum of predicted risks"
        groups = _near(levels) if _FEW < levels.size <= _MANY else [(level, level) for level in levels]
        if len(groups) > _FEW:
            continue
        different = "different" if len(groups) == levels.size else "clearly different"
        for low, high in groups:
            with_it, without, unknown = patients.parts(inside & (values >= low) & (values <= high))
            if min(with_it, without) < smallest or 0 < unknown < smallest:
                return (
                    f"a model predicts only {len(groups)} {different} risks, and sums would give the few patients with "
                    "one of them, or their outcomes"
                )
    return ""


def _near(levels: np.ndarray) -> list[tuple[float, float]]:
    """Return the lowest and the highest of the ordered risks in each run that is no wider than 0.05."""
    runs: list[tuple[float, float]] = []
    for level in levels:
        if runs and level - runs[-1][0] <= _NEAR + 10.0**-_DECIMALS:
            runs[-1] = (runs[-1][0], level)
        else:
            runs.append((level, level))
    return runs
