"""``evaluate_rows``: the evaluation of some rows, with all that is row-wise cut to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import check_clusters
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.survival import check_weights

__all__ = ["evaluate_rows"]

_BY_MODEL = ("linear_predictors", "cumulative_hazards")


def evaluate_rows(
    y: np.ndarray,
    risks: Mapping[str, np.ndarray],
    rows: np.ndarray,
    horizons: Any,
    thresholds: Any,
    options: Mapping[str, Any],
) -> Evaluation:
    """Return `evaluation.evaluate` of a subset of rows.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome of all rows.
    risks : mapping of str to ndarray of shape (n, n_horizons)
        Risks of all rows.
    rows : ndarray of int of shape (m,)
        Which of them to evaluate.
    horizons, thresholds
        As for `evaluation.evaluate`.
    options : mapping
        Further keywords of `evaluation.evaluate`; those with one value per row (weights, clusters, linear predictors,
        cumulative hazards, a censoring model fitted on them) are for all rows.
    """
    n = y.shape[0]
    own = dict(options)
    weights = check_weights(own.pop("sample_weight", None), n)
    units = check_clusters("clusters", own.pop("clusters", None), n=n)
    for argument in _BY_MODEL:
        given = own.get(argument)
        if given is None:
            continue
        named = given if isinstance(given, Mapping) else {next(iter(risks)): given}
        own[argument] = {str(name): np.asarray(each)[rows] for name, each in named.items()}
    censoring = own.get("censoring")
    if hasattr(censoring, "survival_before") and hasattr(censoring, "survival_at"):
        own["censoring"] = _OfRows(censoring, rows, n)
    return evaluate(
        y[rows],
        {name: risk[rows] for name, risk in risks.items()},
        horizons,
        thresholds,
        sample_weight=None if weights is None else weights.take(rows),
        clusters=None if units is None else units[rows],
        **own,
    )


class _OfRows:
    """A censoring model of all rows, read for some of them."""

    def __init__(self, model: Any, rows: np.ndarray, n: int) -> None:
        self.model = model
        self.rows = rows
        self.n = n

    def survival_before(self, times: np.ndarray) -> np.ndarray:
        """Return G(t−) at one time a row."""
        at = np.zeros(self.n)
        at[self.rows] = times
        found: np.ndarray = np.asarray(self.model.survival_before(at), dtype=float)[self.rows]
        return found

    def survival_at(self, horizon: float) -> np.ndarray:
        """Return G(horizon) of each row."""
        found: np.ndarray = np.asarray(self.model.survival_at(horizon), dtype=float)[self.rows]
        return found
