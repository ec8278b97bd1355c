"""``OrdinalRegression``: the whole distribution of a score at a visit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_choice,
    check_horizons,
    check_number,
    takes_rows,
)
from lbp_prognosis._kernels import (
    OrdinalFit,
    ordinal_fit,
    ordinal_link,
    ordinal_rows,
    partial_odds_fit,
    row_products,
    solve_tridiagonal,
    tridiagonal_inverse_diagonal,
)
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns, undetermined
from lbp_prognosis.models._cox_checks import column_factors, column_sd
from lbp_prognosis.models._delta_method import score_weights, thresholds_covariance
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._penalty_remedy import penalty_remedy
from lbp_prognosis.models._score_model import ScoreModel

__all__ = ["OrdinalRegression"]

_LARGEST_SANDWICH = 120  # thresholds and coefficients whose robust covariance is kept


class OrdinalRegression(ScoreModel):
    """Ordinal regression of a score at a visit (cumulative link).

    Cumulative link model, P(Y ≤ k | x) = F(α_k − xβ), by maximum likelihood or with a ridge penalty. Each distinct
    score is a level, so that a score of hundreds of values can be fitted without a distribution being assumed for it
    (``rms::orm`` in R). Positive coefficients go with higher scores.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}, default "logit"
        ``"logit"`` is the proportional-odds model.
    penalty : float, default 0.0
        Ridge penalty θ: the log-likelihood minus ``θ/2 Σ_j f_j (s_j β_j)²``; thresholds are free.
    penalty_factors : array-like of shape (p,) or mapping of str to float, optional
        Factors ``f_j``, 1 by default.
    standardize : bool, default True
        ``s_j`` is the standard deviation of the column (divisor n − 1); otherwise 1.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich) with clusters or with weights that are not frequencies, and the inverse
        observed information otherwise.
    offset : str, optional
        Column of ``X`` that enters the linear predictor with coefficient 1.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of columns before it.
    partial : sequence of str, optional
        Columns with a coefficient for each threshold (partial proportional odds), where `proportional_odds_test` says
        that one does not do. Without a penalty.

    Attributes
    ----------
    levels_ : ndarray of shape (K,)
        Observed scores, increasing.
    thresholds_ : ndarray of shape (K − 1,)
        α, increasing.
    coef_ : ndarray of shape (p,)
        Log odds ratios of a higher score (for the logit link); NaN for the columns in ``partial``.
    partial_coef_ : ndarray of shape (K − 1, q)
        Coefficients of the columns in ``partial`` at each threshold.
    covariance_ : ndarray of shape (p, p)
        Of ``coef_``, of the kind in ``variance_``; with ``partial`` of the rows of `to_frame`.
    threshold_errors_ : ndarray of shape (K − 1,)
        Standard errors of the thresholds, from the observed information.
    log_likelihood_, log_likelihood_null_ : float
        Log likelihood at the estimates (without the penalty), and with the thresholds only.
    n_, n_missing_, n_iter_ : int
        Rows used, rows whose score was not observed, Newton steps.

    Notes
    -----
    Rows without a score are left out and counted: predictions then hold for patients like those seen, unless weights
    correct for attrition. Walker and Duncan 1967, doi:10.1093/biomet/54.1-2.167; McCullagh 1980,
    doi:10.1111/j.2517-6161.1980.tb01109.x; Liu et al. 2017, doi:10.1002/sim.7433 (continuous scores).

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import OrdinalRegression
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> score = np.clip(np.round(3 + 2 * x[:, 0] + rng.logistic(size=300)), 0, 10)
    >>> y = Measured.at(12, score, lower=0, upper=10, at_most=2)
    >>> model = OrdinalRegression().fit(x, y)
    >>> model.predict_risk([[-1.0], [1.0]]).round(2).tolist()
    [[0.82], [0.06]]
    """

    _linear_predictor_scale = "score"
    weights_equal_copies = True

    def __init__(
        self,
        *,
        link: str = "logit",
        penalty: float = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        variance: str = "auto",
        offset: str | None = None,
        collinear: str = "error",
        partial: Sequence[str] | None = None,
    ) -> None:
        self.link = link
        self.penalty = penalty
        self.penalty_factors = penalty_factors
        self.standardize = standardize
        self.variance = variance
        self.offset = offset
        self.collinear = collinear
        self.partial = partial

    @property
    def linear_predictor_scale(self) -> str | None:
        """``"score"``; None with ``partial``, which has no single linear predictor."""
        return None if self.partial is not None and len(self.partial) else self._linear_predictor_scale

    def _check_parameters(self) -> None:
        check_choice("link", self.link, ("logit", "probit", "cloglog"))
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        check_number("penalty", self.penalty, low=0)
        if self.partial is not None and self.penalty > 0:
            raise argument_error(
                "penalty", "0 with `partial`", self.penalty, "Shrink a model with common coefficients."
            )

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        self._check_partial(names)

    def _check_partial(self, names: list[str]) -> None:
        lost = [name for name in self.partial or () if name not in names]
        if lost:
            raise argument_error("partial", f"names of predictors, {names[:8]}", f"{lost[:5]}")

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
    ) -> OrdinalRegression:
        """Fit by (penalised) maximum likelihood.

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
            Fixed part of the linear predictor.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit.

        Raises
        ------
        EstimationError
            If only one score occurs, or the likelihood has no finite maximum (separation).
        """
        self._check_parameters()
        self._refuse(strata=strata)
        design, used, _ = self._start_scores(X, y, sample_weight=sample_weight, offset=offset, clusters=clusters)
        self.levels_, level = np.unique(y["value"][used], return_inverse=True)
        self._fit_rows(design, used, level)
        return self

    def _fit_rows(self, design: Design, used: np.ndarray, level: np.ndarray) -> None:
        X, names = design.X[used], self._names()
        weights = None if design.weights is None else design.weights[used]
        offset = None if design.offset is None else design.offset[used]
        counts = weights if design.frequency else None
        kept = kept_columns(X, None, names, self.collinear) if self.penalty == 0 else np.ones(X.shape[1], dtype=bool)
        centre, scale = X.mean(axis=0), column_sd(X, None, "n")
        inner = ((X - centre) / scale)[:, kept]
        factors = column_factors(self.penalty_factors, names, "penalty_factors")
        ridge = self.penalty * factors
        if self.standardize:
            ridge = ridge * column_sd(X, counts, "n-1") ** 2
        options: dict[str, Any] = {"link": self.link, "weights": weights, "offset": offset}
        found = ordinal_fit(inner, level, self.levels_.size, ridge=(ridge / scale**2)[kept], **options)
        if not found.converged or _drifts(found):
            worst = [int(np.flatnonzero(kept)[np.argmax(np.abs(found.beta))])] if found.beta.size else []
            which = f" Largest coefficient: {str(names[worst[0]])!r}." if worst else ""
            raise EstimationError(
                "The likelihood has no finite maximum within reach: a combination of columns separates the scores."
                f"{which} {penalty_remedy(self.penalty, factors, names, worst)}, merge sparse categories, or drop the "
                "column."
            )
        shift = float(found.beta @ (centre / scale)[kept])
        self.coef_ = np.zeros(X.shape[1])
        self.coef_[kept] = found.beta / scale[kept]
        self.thresholds_ = found.alpha + shift
        self.log_likelihood_, self.n_iter_ = found.loglik, found.iterations
        self.log_likelihood_null_ = ordinal_fit(inner[:, :0], level, self.levels_.size, **options).loglik
        self.partial_coef_ = np.zeros((self.levels_.size - 1, 0))
        self._delta: dict[str, Any] = {}
        if self.partial is not None and len(self.partial):
            self._relax(design, used, inner, level, found, kept, centre, scale)
        else:
            self._delta = {"centre": centre[kept], "scale": scale[kept], "kept": kept}
            self._store_variance(design, used, inner, level, found, kept, centre, scale)

    def _robust(self, design: Design) -> bool:
        return design.robust(self.variance)

    def _relax(
        self,
        design: Design,
        used: np.ndarray,
        inner: np.ndarray,
        level: np.ndarray,
        found: OrdinalFit,
        kept: np.ndarray,
        centre: np.ndarray,
        scale: np.ndarray,
    ) -> None:
        """Give the columns in ``partial`` a coefficient for each threshold, from the common ones on."""
        names, cuts = self._names(), self.levels_.size - 1
        self._check_partial(names)
        dropped = [name for name in self.partial or () if not kept[names.index(name)]]
        if dropped:
            raise argument_error("partial", "columns that are estimated", f"{dropped}, dropped as collinear")
        own = np.array([name in set(self.partial or ()) for name in names])
        free, one = own[kept], ~own[kept]
        start = np.concatenate([found.alpha, np.tile(found.beta[free], cuts), found.beta[one]])
        weights = None if design.weights is None else design.weights[used]
        fit = partial_odds_fit(
            start,
            inner[:, one],
            inner[:, free],
            level,
            self.levels_.size,
            link=self.link,
            weights=weights,
            offset=None if design.offset is None else design.offset[used],
        )
        if not fit.converged or undetermined(fit.information[cuts:, cuts:]):
            raise EstimationError(
                f"With a coefficient for each of {cuts} thresholds the likelihood has no finite maximum within reach: "
                "some thresholds have too few scores on one side. Merge scores, or name fewer columns in `partial`."
            )
        q, pull = int(free.sum()), (centre / scale)[kept]
        gamma, beta = fit.theta[cuts : cuts * (1 + q)].reshape(cuts, q), fit.theta[cuts * (1 + q) :]
        self.thresholds_ = fit.theta[:cuts] + gamma @ pull[free] + beta @ pull[one]
        self.partial_coef_ = gamma / scale[own]
        self.coef_[own] = np.nan
        self.coef_[np.flatnonzero(kept & ~own)] = beta / scale[kept & ~own]
        self.log_likelihood_, self.n_iter_ = fit.loglik, self.n_iter_ + fit.iterations
        inverse = np.linalg.inv(fit.information)
        back = np.eye(fit.theta.size)
        for k in range(cuts):
            back[k, cuts + k * q : cuts + (k + 1) * q] = pull[free]
        back[:cuts, cuts * (1 + q) :] = pull[one]
        self.threshold_errors_ = np.sqrt(np.diag(back @ inverse @ back.T))[:cuts]
        robust = self._robust(design)
        self.variance_ = "robust" if robust else "model"
        if robust:
            inverse = inverse @ design.products(fit.scores, used) @ inverse
        factor = np.concatenate([np.tile(1 / scale[own], cuts), 1 / scale[kept & ~own]])
        self.covariance_ = inverse[cuts:, cuts:] * np.outer(factor, factor)

    def _store_variance(
        self,
        design: Design,
        used: np.ndarray,
        inner: np.ndarray,
        level: np.ndarray,
        found: OrdinalFit,
        kept: np.ndarray,
        centre: np.ndarray,
        scale: np.ndarray,
    ) -> None:
        solved = solve_tridiagonal(found.band, found.cross)  # A⁻¹ B, K − 1 by p
        inverse = np.linalg.inv(found.inner - found.cross.T @ solved) if found.beta.size else np.zeros((0, 0))
        # errors of α + β·centre/scale need the whole inverse only on the diagonal and in its last block
        pull = (centre / scale)[kept]
        spread = pull[None, :] - solved
        own = tridiagonal_inverse_diagonal(found.band)
        self.threshold_errors_ = np.sqrt(own + np.einsum("kj,jl,kl->k", spread, inverse, spread))
        robust = self._robust(design)
        self.variance_ = "robust" if robust else "model"
        if not robust:
            self._delta.update(band=found.band, cross=found.cross, inverse=inverse)
        elif found.alpha.size + found.beta.size <= _LARGEST_SANDWICH:
            self._delta.update(covariance=self._whole_sandwich(design, used, inner, level, found))
        if robust:
            inverse = self._sandwich(design, used, inner, level, found, solved, inverse)
        factor = np.zeros((scale.size, int(kept.sum())))
        factor[np.flatnonzero(kept), np.arange(int(kept.sum()))] = 1 / scale[kept]
        self.covariance_ = factor @ inverse @ factor.T

    def _sandwich(
        self,
        design: Design,
        used: np.ndarray,
        inner: np.ndarray,
        level: np.ndarray,
        found: OrdinalFit,
        solved: np.ndarray,
        inverse: np.ndarray,
    ) -> np.ndarray:
        """Efficient scores of β (thresholds projected out), summed within clusters."""
        padded = np.concatenate([[-np.inf], found.alpha, [np.inf]])
        eta = inner @ found.beta + (0.0 if design.offset is None else design.offset[used])
        _, d_low, d_high, *_ = ordinal_rows(padded[level] - eta, padded[level + 1] - eta, self.link)
        ends = np.vstack([np.zeros((1, solved.shape[1])), solved, np.zeros((1, solved.shape[1]))])
        score = -(d_low + d_high)[:, None] * inner - d_low[:, None] * ends[level] - d_high[:, None] * ends[level + 1]
        return inverse @ design.products(score, used) @ inverse

    def _whole_sandwich(
        self, design: Design, used: np.ndarray, inner: np.ndarray, level: np.ndarray, found: OrdinalFit
    ) -> np.ndarray:
        """Robust covariance of thresholds and coefficients."""
        padded = np.concatenate([[-np.inf], found.alpha, [np.inf]])
        eta = inner @ found.beta + (0.0 if design.offset is None else design.offset[used])
        _, d_low, d_high, *_ = ordinal_rows(padded[level] - eta, padded[level + 1] - eta, self.link)
        rows, m = np.arange(level.size), found.alpha.size
        score = np.zeros((level.size, m + 2))  # a column for the limit below the first level, and above the last
        score[rows, level] = d_low
        score[rows, level + 1] = d_high
        score = np.column_stack([score[:, 1:-1], -(d_low + d_high)[:, None] * inner])
        information = np.zeros((score.shape[1], score.shape[1]))
        information[:m, :m] = np.diag(found.band[1])
        information[np.arange(m - 1), np.arange(1, m)] = information[np.arange(1, m), np.arange(m - 1)] = found.band[
            0, 1:
        ]
        information[:m, m:], information[m:, m:] = found.cross, found.inner
        information[m:, :m] = found.cross.T
        inverse = np.linalg.inv(information)
        return inverse @ design.products(score, used) @ inverse

    @takes_rows()
    def average_prediction(
        self, X: Any, horizons: Any = None, *, groups: Any, quantity: str = "risk", offset: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean risks or scores of groups of rows, and the covariance of these means by the delta method.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the rows are regarded as fixed.
        horizons : float or sequence of float, optional
            By default the visit; other times are NaN. Of a risk only.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        quantity : {"risk", "mean"}, default "risk"
            Risk at the declared cut, or mean score.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g), with the uncertainty of
            coefficients and thresholds.

        Raises
        ------
        ArgumentError
            Without a declared cut; with ``partial``; for a robust fit with more than 120 thresholds and coefficients.
        """
        check_choice("quantity", quantity, ("risk", "mean"))
        matrix, _, shift = self._start_predict(X, None, offset)
        held = getattr(self, "_delta", {})
        if "covariance" not in held and "inverse" not in held:
            raise argument_error(
                "self",
                f"without `partial`, not locked, and robust only up to {_LARGEST_SANDWICH} thresholds and coefficients",
                f"{self.thresholds_.size} thresholds",
                "Take the bootstrap.",
            )
        if quantity == "risk":
            self.predict_risk(X, horizons, offset=offset)  # refuses an unknown cut
        times = np.array([self.horizon_]) if horizons is None else check_horizons(horizons)[0]
        constant, weights = score_weights(self.levels_, quantity, self.at_most_, self.at_least_)
        z = (matrix[:, held["kept"]] - held["centre"]) / held["scale"]
        eta = row_products(matrix, self.coef_) + (0.0 if shift is None else shift)
        value, density, _ = ordinal_link(self.thresholds_ - eta[:, None], self.link)
        mean_of = group_means(groups, len(matrix))
        first = mean_of @ (density * weights)
        second = -mean_of @ ((density @ weights)[:, None] * z)
        if "covariance" in held:
            both = np.column_stack([first, second])
            spread = both @ held["covariance"] @ both.T
        else:
            spread = thresholds_covariance(held["band"], held["cross"], held["inverse"], first, second)
        known = np.isclose(times, self.horizon_, rtol=1e-9, atol=0)
        mean = np.where(known, (mean_of @ (constant + value @ weights))[:, None], np.nan)
        return mean, np.where(known[:, None, None], spread, np.nan)

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return xβ, higher for higher scores; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        self._check_fitted()
        if self.partial_coef_.shape[1]:
            raise argument_error(
                "partial",
                "None for a linear predictor",
                f"{list(self.partial or ())}",
                "With a coefficient for each threshold there is no one score: use predict_mean or predict_risk.",
            )
        matrix, _, shift = self._start_predict(X, None, offset)
        return row_products(matrix, self.coef_) + (0.0 if shift is None else shift)

    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return P(Y = level) for each of ``levels_``; shape (n, K).

        With ``partial`` the lines of two thresholds can cross for a patient unlike those of the fit; their cumulative
        probabilities are then put in order.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        common = np.where(np.isnan(self.coef_), 0.0, self.coef_)
        eta = row_products(matrix, common) + (0.0 if shift is None else shift)
        limits = self.thresholds_ - eta[:, None]
        if self.partial_coef_.shape[1]:
            limits = np.sort(limits - matrix[:, np.isnan(self.coef_)] @ self.partial_coef_.T, axis=1)
        below, _, _ = ordinal_link(limits, self.link)
        edge = np.zeros((eta.size, 1))
        return np.diff(np.column_stack([edge, below, edge + 1.0]), axis=1)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient.

        Columns ``term, coef, or, low, high, se, z, p, confidence, variance, coef_low, coef_high``; ``or`` is an odds
        ratio for the logit link, and exp(coef) otherwise. Columns in ``partial`` have a row per threshold, named
        ``"age: > 2"``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        names, coef = self._names(), self.coef_
        if self.partial_coef_.shape[1]:
            own = [name for name, value in zip(names, self.coef_) if np.isnan(value)]
            others = [name for name, value in zip(names, self.coef_) if not np.isnan(value)]
            names = [f"{name}: > {level:g}" for level in self.levels_[:-1] for name in own] + others
            coef = np.concatenate([self.partial_coef_.ravel(), self.coef_[~np.isnan(self.coef_)]])
        return coefficient_table(
            names, coef, self.covariance_, ratio="or", confidence=confidence, variance=self.variance_
        )


def _drifts(found: OrdinalFit) -> bool:
    """Say whether a coefficient per standard deviation has drifted off, thresholds projected out."""
    try:
        solved = solve_tridiagonal(found.band, found.cross)
    except np.linalg.LinAlgError:
        return True
    return undetermined(found.inner - found.cross.T @ solved)
