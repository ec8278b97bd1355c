"""``pool_likelihood_ratio``: likelihood ratio test of nested models on imputed tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from lbp_prognosis._base import (
    argument_error,
    check_choice,
    numbers_in,
    read_frame,
    takes_rows,
)
from lbp_prognosis._kernels import PooledTest, cox_fit, d3_test
from lbp_prognosis.survival import check_outcome

__all__ = ["pool_likelihood_ratio"]


@takes_rows()
def pool_likelihood_ratio(
    models: Sequence[Any], null_models: Sequence[Any] | None, X: Any, y: np.ndarray, *, intercept: str = "pooled"
) -> PooledTest:
    """Test the added coefficients of the larger models over imputations (D3 of Meng and Rubin).

    Parameters
    ----------
    models : sequence of fitted LogisticRisk or CoxPH, one per table
        The larger model of each table, unpenalised, fitted without weights, strata or offset.
    null_models : sequence of fitted LogisticRisk or CoxPH, one per table, or None
        The smaller models; None for no predictor at all.
    X : MultiplyImputed or sequence of DataFrame of shape (n, p)
        Completed tables with the columns of both models, in the order of the models.
    y : ndarray of shape (n,)
        `Status.at` or `Surv.right`, the same in every table.
    intercept : {"pooled", "re-estimated"}, default "pooled"
        Intercept of a logistic model at the pooled coefficients: pooled too (Meng and Rubin), or refitted to each table
        with the pooled coefficients fixed (as mice does).

    Returns
    -------
    PooledTest
        ``statistic`` (F), ``df1`` (added coefficients), ``df2``, ``riv`` and ``p``.

    Raises
    ------
    ArgumentError
        If the models are not nested, are penalised, or do not match the tables.

    Notes
    -----
    With d̄ the mean likelihood ratio at each table's own estimates, and d̃ at the coefficients pooled over tables,
    r = (m + 1) (d̄ − d̃) / (k (m − 1)) and F = d̃ / (k (1 + r)).

    References
    ----------
    Meng XL, Rubin DB. Performing likelihood ratio tests with multiply-imputed data sets. Biometrika 1992;79:103-111.
    doi:10.1093/biomet/79.1.103
    """
    if hasattr(X, "tables"):
        return pool_likelihood_ratio(models, null_models, list(X.tables), y, intercept=intercept)
    check_choice("intercept", intercept, ("pooled", "re-estimated"))
    kind = check_outcome(y, ("status", "right"), caller="pool_likelihood_ratio")
    tables = list(X)
    names = [
        _names("models", models, len(tables)),
        [] if null_models is None else _names("null_models", null_models, len(tables)),
    ]
    k = len(names[0]) - len(names[1])
    if k < 1 or not set(names[1]) < set(names[0]):
        raise argument_error("null_models", "models of fewer of the columns of `models`", f"{names[1]} in {names[0]}")
    own, pooled = np.zeros(len(tables)), np.zeros(len(tables))
    if null_models is None:
        ties = getattr(models[0], "ties", "efron")
        alone = 2 * _log_likelihood(y, kind, np.zeros(y.shape[0]), None, ties)
        own, pooled = own - alone, pooled - alone
    for sign, fits in ((1, models), *(() if null_models is None else ((-1, null_models),))):
        slopes = np.mean([np.asarray(fit.coef_, dtype=float) for fit in fits], axis=0)
        level = float(np.mean([getattr(fit, "intercept_", 0.0) for fit in fits]))
        for t, (fit, table) in enumerate(zip(fits, tables)):
            matrix = numbers_in(read_frame(table), fit.feature_names_in_)
            ties = getattr(fit, "ties", "efron")
            mine = matrix @ np.asarray(fit.coef_, dtype=float)
            own[t] += sign * 2 * _log_likelihood(y, kind, mine, float(getattr(fit, "intercept_", 0.0)), ties)
            anew = None if intercept == "re-estimated" else level
            pooled[t] += sign * 2 * _log_likelihood(y, kind, matrix @ slopes, anew, ties)
    return d3_test(own, pooled, k)


def _names(argument: str, fits: Sequence[Any], m: int) -> list[str]:
    fits = list(fits)
    known = [fit for fit in fits if hasattr(fit, "coef_") and hasattr(fit, "feature_names_in_")]
    if len(fits) != m or m < 2 or len(known) != m:
        raise argument_error(argument, f"{m} models fitted to frames, one per table, of two tables or more", fits)
    penalties = [getattr(fit, "penalty", None) for fit in fits]
    if any(penalty is not None and np.any(np.asarray(penalty) != 0) for penalty in penalties):
        raise argument_error(argument, "unpenalised models", "a penalty", "A penalised likelihood has no χ² law.")
    if any(getattr(fit, "strata", None) is not None or getattr(fit, "offset", None) is not None for fit in fits):
        raise argument_error(argument, "models without strata or offset", fits[0])
    columns = [[str(name) for name in fit.feature_names_in_] for fit in fits]
    if any(names != columns[0] for names in columns):
        raise argument_error(argument, "models of the same columns in every table", columns)
    return columns[0]


def _log_likelihood(y: np.ndarray, kind: str, score: np.ndarray, level: float | None, ties: str) -> float:
    """Return the log likelihood of a linear predictor; for a state, with this intercept or the best intercept."""
    if kind == "right":
        entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
        time, event = y["time"].astype(float), y["event"] == 1
        return float(cox_fit(score[:, None], time, event, entry=entry, offset=score, ties=ties, max_iter=1).loglik_null)
    seen = y["status"] >= 0
    state, eta = y["status"][seen].astype(float), score[seen]
    if level is None:
        level = float(brentq(lambda a: float(np.mean(expit(eta + a)) - state.mean()), -60.0, 60.0, xtol=1e-13))
    eta = eta + level
    return float(np.sum(state * eta - np.logaddexp(0, eta)))
