"""``ordinal_indices``: what ``rms`` in R prints under a fitted ordinal model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import OutcomeError, argument_error, describe, takes_rows
from lbp_prognosis._kernels import concordance_pairs, ordinal_fit, ordinal_link, ordinal_score_test
from lbp_prognosis.models._ordinal_regression import OrdinalRegression
from lbp_prognosis.survival import check_outcome

__all__ = ["ordinal_indices"]


@takes_rows()
def ordinal_indices(model: OrdinalRegression, X: Any, y: np.ndarray, *, offset: Any = None) -> pd.DataFrame:
    """Return likelihood ratio, pseudo-R², rank correlations and g-indices of an ordinal model in its training rows.

    Parameters
    ----------
    model : OrdinalRegression
        Fitted, without weights.
    X : DataFrame or ndarray of shape (n, p)
        The predictors of the fit.
    y : ndarray of shape (n,)
        The outcome of the fit, made by `Measured.at`.
    offset : array-like of shape (n,), optional
        The offset of the fit.

    Returns
    -------
    DataFrame
        Columns ``index, value, meaning``: ``model_lr``, ``score`` (Rao), ``df``, ``r2`` (Nagelkerke), ``r2_n``,
        ``r2_df_n``, ``r2_m``, ``r2_df_m`` (1 − exp(−LR/n), adjusted for df, and with the effective sample size m of a
        score of few levels), ``c``, ``dxy``, ``gamma``, ``tau_a``, ``rho`` (Spearman), ``g``, ``gr``, ``gp`` (Gini's
        mean difference of the linear predictor, its exponential, and of P(Y ≥ middle level)), ``brier`` and ``pdm``
        (mean |P(Y ≥ median) − ½|).

    Raises
    ------
    ArgumentError
        If the model is no fitted `OrdinalRegression`, or the rows are others than those of the fit.

    Notes
    -----
    They are apparent values; use ``evaluation`` to validate predictions. m = n (1 − Σ f³) with f the share of each
    level. Harrell FE (2015), Regression Modeling Strategies, 2nd ed., doi:10.1007/978-3-319-19425-7.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import OrdinalRegression, ordinal_indices
    >>> x = np.arange(12.0)[:, None]
    >>> y = Measured.at(12, [0, 0, 1, 0, 1, 2, 1, 2, 1, 2, 2, 2], lower=0, upper=2)
    >>> table = ordinal_indices(OrdinalRegression().fit(x, y), x, y)
    >>> round(float(table.set_index("index").loc["c", "value"]), 3)
    0.915
    """
    from scipy.stats import rankdata

    if not isinstance(model, OrdinalRegression):
        raise argument_error("model", "an OrdinalRegression", describe(model))
    check_outcome(y, ("measured",), caller="ordinal_indices")
    eta_all = model.linear_predictor(X, offset=offset)
    used = ~np.isnan(y["value"])
    value, eta = y["value"][used], eta_all[used]
    levels, level = np.unique(value, return_inverse=True)
    if value.size != model.n_ or not np.array_equal(levels, model.levels_):
        raise argument_error(
            "y", f"the outcome of the fit ({model.n_} rows)", f"{value.size} rows of other scores", kind=OutcomeError
        )
    n, count = value.size, levels.size
    ratio = 2 * (model.log_likelihood_ - model.log_likelihood_null_)
    df = float(np.sum(model.coef_ != 0))
    share = np.bincount(level, minlength=count) / n
    m = n * (1 - float(np.sum(share**3)))
    matrix = model._start_predict(X, None, offset)[0][used]
    shift = None if offset is None else np.asarray(offset, dtype=float)[used]
    null = ordinal_fit(matrix[:, :0], level, count, link=model.link, offset=shift)
    score = ordinal_score_test(null.alpha, matrix, level, model.link, shift)
    pairs = _pairs(eta, level, count)
    concordant, discordant, tied = pairs
    comparable = concordant + discordant + tied
    probability = 1 - ordinal_link(model.thresholds_ - eta[:, None], model.link)[0]  # P(Y ≥ level), without the first
    middle = (count - 2 + 1) // 2
    reached = level > middle
    median = min(max(int(np.searchsorted(levels, np.median(value))) - 1, 0), count - 2)
    rows = [
        ("model_lr", ratio, "likelihood ratio χ²"),
        ("score", score, "score χ² of all coefficients"),
        ("df", df, "coefficients"),
        ("r2", (1 - np.exp(-ratio / n)) / (1 - np.exp(2 * model.log_likelihood_null_ / n)), "Nagelkerke's R²"),
        ("r2_n", 1 - np.exp(-ratio / n), "R² of n"),
        ("r2_df_n", 1 - np.exp(-max(ratio - df, 0) / n), "R² of n, less coefficients"),
        ("r2_m", 1 - np.exp(-ratio / m), "R² of the effective sample size"),
        ("r2_df_m", 1 - np.exp(-max(ratio - df, 0) / m), "R² of the effective sample size, less coefficients"),
        ("c", (concordant + tied / 2) / comparable, "concordance"),
        ("dxy", (concordant - discordant) / comparable, "Somers' Dxy"),
        ("gamma", (concordant - discordant) / (concordant + discordant), "Goodman and Kruskal's gamma"),
        ("tau_a", (concordant - discordant) / (n * (n - 1) / 2), "Kendall's tau-a"),
        ("rho", float(np.corrcoef(rankdata(eta), rankdata(value))[0, 1]), "Spearman's ρ of linear predictor and score"),
        ("g", _gini(eta), "Gini's mean difference of the linear predictor"),
        ("gr", float(np.exp(_gini(eta))), "exp(g)"),
        ("gp", _gini(probability[:, middle]), "Gini's mean difference of P(Y ≥ middle level)"),
        ("brier", float(np.mean((probability[:, middle] - reached) ** 2)), "Brier score of Y ≥ middle level"),
        ("pdm", float(np.mean(np.abs(probability[:, median] - 0.5))), "mean |P(Y ≥ median) − ½|"),
    ]
    return pd.DataFrame(rows, columns=["index", "value", "meaning"])


def _pairs(eta: np.ndarray, level: np.ndarray, count: int) -> tuple[float, float, float]:
    event, ones = level.astype(np.int64) + 1, np.ones(level.size)
    _, totals = concordance_pairs(
        np.argsort(-eta), -eta, event, np.zeros_like(event), event - 1, ones, ones, ones, count
    )
    return totals


def _gini(x: np.ndarray) -> float:
    """Mean absolute difference of two patients."""
    ascending, n = np.sort(x), x.size
    return float(2 * np.sum((2 * np.arange(1, n + 1) - n - 1) * ascending) / (n * (n - 1)))
