"""``LinearOutcome``: the mean score at a visit, by analysis of covariance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from lbp_prognosis._base import (
    EstimationError,
    check_choice,
    takes_rows,
)
from lbp_prognosis._kernels import row_products
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns
from lbp_prognosis.models._cox_checks import column_sd
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._score_model import ScoreModel

__all__ = ["LinearOutcome"]


class LinearOutcome(ScoreModel):
    """Linear regression of a score at a visit (ANCOVA with baseline covariates).

    Linear regression of the score on the predictors. With the baseline score among them it is the analysis of
    covariance that trials of back pain report; a change score as outcome is not needed and not advised.

    Parameters
    ----------
    variance : {"auto", "model", "robust"}, default "auto"
        ``"robust"`` is HC3, or the cluster sandwich with clusters; ``"auto"`` is robust with clusters or with weights
        that are not frequencies, and σ²(XᵀX)⁻¹ otherwise.
    offset : str, optional
        Column of ``X`` that enters the mean with coefficient 1.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of columns before it.

    Attributes
    ----------
    intercept_ : float
        Mean of a row of zeros.
    coef_ : ndarray of shape (p,)
        Points of the score per unit.
    covariance_ : ndarray of shape (p + 1, p + 1)
        Covariance of the intercept, then ``coef_``, of the kind in ``variance_``.
    sigma_ : float
        Residual standard deviation (divisor n − p − 1).
    r2_, adjusted_r2_ : float
        Explained share of the variance.
    n_, n_missing_ : int
        Rows used, and rows whose score was not observed.

    Notes
    -----
    `predict_mean` is the fitted line and may leave the range of the instrument. `predict_risk` and
    `predict_distribution` take residuals to be normal, which a score piled at its floor is not: compare with
    `OrdinalRegression`. HC3: MacKinnon and White 1985, doi:10.1016/0304-4076(85)90158-7.
    """

    _linear_predictor_scale = "score"

    def __init__(self, *, variance: str = "auto", offset: str | None = None, collinear: str = "error") -> None:
        self.variance = variance
        self.offset = offset
        self.collinear = collinear

    def _check_parameters(self) -> None:
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
    ) -> LinearOutcome:
        """Fit by (weighted) least squares.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Measured.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : None
            Not taken: a column for each stratum does the same.
        offset : array-like of shape (n,), optional
            Fixed part of the mean.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit.

        Raises
        ------
        EstimationError
            If only one score occurs, or there are not more rows than coefficients.
        """
        self._check_parameters()
        self._refuse(strata=strata)
        design, used, _ = self._start_scores(X, y, sample_weight=sample_weight, offset=offset, clusters=clusters)
        matrix, score = design.X[used], y["value"][used]
        kept = kept_columns(matrix, None, self._names(), self.collinear)
        weights = np.ones(score.size) if design.weights is None else design.weights[used]
        if design.offset is not None:
            score = score - design.offset[used]
        centre, scale = matrix.mean(axis=0), column_sd(matrix, None, "n")
        inner = np.column_stack([np.ones(score.size), ((matrix - centre) / scale)[:, kept]])
        rows = float(weights.sum()) if design.frequency else float(score.size)
        spare = rows - inner.shape[1]
        if spare < 1:
            raise EstimationError(f"LinearOutcome needs more rows than coefficients: {rows:g} and {inner.shape[1]}.")
        root = np.sqrt(weights)
        theta, *_ = np.linalg.lstsq(inner * root[:, None], score * root, rcond=None)
        residual = score - inner @ theta
        bread = np.linalg.inv((inner * weights[:, None]).T @ inner)
        total = weights if design.frequency else weights * (rows / weights.sum())
        self.sigma_ = float(np.sqrt(total @ residual**2 / spare))
        spread = float(weights @ (score - np.average(score, weights=weights)) ** 2)
        self.r2_ = 1 - float(weights @ residual**2) / spread
        self.adjusted_r2_ = 1 - (1 - self.r2_) * (rows - 1) / spare
        robust = design.robust(self.variance)
        self.variance_ = "robust" if robust else "model"
        covariance = bread * (self.sigma_**2 * (1.0 if design.frequency else weights.sum() / rows))
        if robust:
            groups = None if design.clusters is None else design.clusters[used]
            covariance = _sandwich(inner, residual, weights, bread, groups, bool(design.frequency))
        back = np.zeros((matrix.shape[1] + 1, inner.shape[1]))
        back[0, 0], back[0, 1:] = 1.0, -(centre / scale)[kept]
        back[1 + np.flatnonzero(kept), 1 + np.arange(int(kept.sum()))] = 1 / scale[kept]
        estimates = back @ theta
        self.intercept_, self.coef_ = float(estimates[0]), estimates[1:]
        self.covariance_ = back @ covariance @ back.T
        self.levels_ = np.unique(y["value"][used])
        return self

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the mean score; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the mean.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        return self.intercept_ + row_products(matrix, self.coef_) + (0.0 if shift is None else shift)

    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the mean score, the fitted line; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the mean.
        """
        return self.linear_predictor(X, offset=offset)

    @takes_rows()
    def average_prediction(
        self, X: Any, horizons: Any = None, *, groups: Any, offset: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean scores of groups of rows, and the covariance of these means.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the rows are regarded as fixed.
        horizons : None
            The score is that of one visit.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        offset : array-like of shape (n,), optional
            Fixed part of the mean.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, 1), and covariances, shape (1, g, g).
        """
        matrix, _, _ = self._start_predict(X, None, offset)
        mean_of = group_means(groups, len(matrix))
        gradient = mean_of @ np.column_stack([np.ones(len(matrix)), matrix])
        means = mean_of @ self.predict_mean(X, offset=offset)
        return means[:, None], (gradient @ self.covariance_ @ gradient.T)[None]

    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the normal distribution gathered at ``levels_``; shape (n, K).

        Mass is cut half-way between neighbouring levels; the tails belong to the first and the last.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the mean.
        """
        mean = self.linear_predictor(X, offset=offset)
        halfway = (self.levels_[1:] + self.levels_[:-1]) / 2
        below = ndtr((halfway - mean[:, None]) / self.sigma_)
        edge = np.zeros((mean.size, 1))
        return np.diff(np.column_stack([edge, below, edge + 1.0]), axis=1)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient, the intercept first.

        Columns as `coefficient_table` gives them without a ratio: ``term, coef, low, high, se, z, p, confidence,
        variance``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        table = coefficient_table(
            ["(intercept)", *self._names()],
            np.concatenate([[self.intercept_], self.coef_]),
            self.covariance_,
            ratio="or",
            confidence=confidence,
            variance=self.variance_,
        )
        kept = table.drop(columns=["or", "low", "high"]).rename(columns={"coef_low": "low", "coef_high": "high"})
        return kept[["term", "coef", "low", "high", "se", "z", "p", "confidence", "variance"]]


def _sandwich(
    inner: np.ndarray,
    residual: np.ndarray,
    weights: np.ndarray,
    bread: np.ndarray,
    groups: np.ndarray | None,
    frequency: bool,
) -> np.ndarray:
    """HC3 for rows, or the sum of scores within clusters."""
    if groups is None:
        leverage = np.einsum("ij,jk,ik->i", inner, bread, inner) * (1.0 if frequency else weights)
        score = inner * (residual / (1 - np.minimum(leverage, 1 - 1e-12)))[:, None]
        score = score * (np.sqrt(weights) if frequency else weights)[:, None]
    else:
        score = np.zeros((int(groups.max()) + 1, inner.shape[1]))
        np.add.at(score, groups, inner * (weights * residual)[:, None])
    return bread @ (score.T @ score) @ bread
