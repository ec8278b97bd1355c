"""``LogisticRisk``: the probability of a state at one later visit.

statsmodels fits the unpenalised model too; its regularised fit has no covariance, and importing it costs a third of a
second in every worker. Coefficients, covariance and log-likelihood agree with its own to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import special
from scipy.sparse import issparse
from sklearn.base import clone

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_choice,
    check_horizons,
    check_number,
    takes_rows,
)
from lbp_prognosis._kernels import (
    CategoricalFit,
    PersonRows,
    categorical_fit,
    categorical_parts,
    discrete_ridge_path,
    row_products,
    sparse_columns,
    sparse_logistic_fit,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns, undetermined
from lbp_prognosis.models._cox_checks import column_factors, column_sd
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._penalty_remedy import penalty_remedy
from lbp_prognosis.models._ridge_choice import (
    check_penalty,
    chosen_ridge,
    fold_labels,
    fold_share,
    ridge_grid,
)
from lbp_prognosis.survival import OutcomeKind, status_horizon

__all__ = ["LogisticRisk"]


class LogisticRisk(RiskEstimator):
    """Logistic regression of the state at a visit.

    Logistic regression by maximum likelihood, or with a ridge penalty.

    Parameters
    ----------
    penalty : float or "cv", default 0.0
        Ridge penalty θ: the log-likelihood minus ``θ/2 Σ_j f_j (s_j β_j)²``; the intercept is free. ``"cv"``
        chooses it among up to 13 by the deviance of held-out patients, as in `CoxPH`.
    penalty_factors : array-like of shape (p,) or mapping of str to float, optional
        Factors ``f_j``, 1 by default; 0 leaves a column unpenalised.
    standardize : bool, default True
        ``s_j`` is the standard deviation of the column (divisor n − 1); otherwise 1.
    horizon : float, optional
        Time of the visit, in the unit of the study; needed only if ``y`` has lost it (after concatenation).
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich) with clusters or with weights that are not frequencies, and the inverse
        information otherwise.
    offset : str, optional
        Column of ``X`` that enters the linear predictor with coefficient 1.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0. Under a penalty such a column is determined and kept.
    choose : {"min", "one_se"}, default "min"
        Rule for ``penalty="cv"``: the penalty with the smallest cross-validated deviance, or the largest penalty within
        one standard error of that.
    cv : int, default 5
        Number of folds for ``penalty="cv"``. Rows of one cluster stay in one fold.
    random_state : int, Generator or None, default 0
        Draws the folds of ``penalty="cv"``.

    Attributes
    ----------
    penalty_ : float
        The penalty used.
    cv_ : DataFrame or None
        For ``penalty="cv"``: ``penalty, mean, se``, the mean deviance of a held-out row (event).
    coef_ : ndarray of shape (p,)
        Log odds ratios.
    intercept_ : float
        Log odds of a row of zeros.
    covariance_ : ndarray of shape (p + 1, p + 1) or None
        Covariance of the intercept, then ``coef_``, of the kind in ``variance_``; None for a sparse ``X``, where it
        would take p² numbers.
    variance_ : str
        ``"model"`` or ``"robust"``; ``"none"`` for a sparse ``X``.
    log_likelihood_, log_likelihood_null_ : float
        Log likelihood at the estimates (without the penalty), and with the intercept (and offset) only.
    df_ : float
        Number of coefficients, effective under a penalty; NaN for a sparse ``X``.
    horizon_ : float
        Time at which risks are known; other horizons are NaN.
    n_, n_events_, n_missing_ : int
        Rows used, those with the state 1, and rows left out because the state was not observed.
    n_iter_ : int
        Newton iterations.

    Notes
    -----
    Rows whose state was not observed (−1) are left out and counted: the risks then hold for patients like those seen,
    unless weights correct for attrition.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Status
    >>> from lbp_prognosis.models import LogisticRisk
    >>> model = LogisticRisk().fit(np.array([[0], [0], [1], [1], [1.0], [0]]), Status.at(12, [0, 1, 1, 1, 0, -1]))
    >>> model.predict_risk(np.array([[0], [1.0]]), 12).round(4).tolist(), model.n_missing_
    ([[0.5], [0.6667]], 1)
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("status",)
    _instead: ClassVar[str] = "For a time to event use CoxPH, for visits DiscreteTimeHazard."
    _linear_predictor_scale: ClassVar[str | None] = "log_odds"
    weights_equal_copies: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True
    _allow_sparse: ClassVar[bool] = True

    def __init__(
        self,
        *,
        penalty: Any = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        horizon: float | None = None,
        variance: str = "auto",
        offset: str | None = None,
        collinear: str = "error",
        choose: str = "min",
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.penalty = penalty
        self.penalty_factors = penalty_factors
        self.standardize = standardize
        self.horizon = horizon
        self.variance = variance
        self.offset = offset
        self.collinear = collinear
        self.choose = choose
        self.cv = cv
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        check_penalty(self.penalty, self.choose, self.cv)
        if self.horizon is not None:
            check_number("horizon", self.horizon, low=0)

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
        folds: Any = None,
    ) -> LogisticRisk:
        """Fit by (penalised) maximum likelihood.

        Parameters
        ----------
        X : DataFrame, ndarray or scipy sparse matrix of shape (n, p)
            Predictors. A sparse matrix (or a frame of sparse columns) is not filled, and what is not stored is 0; it
            needs a penalty, and coefficients then have no standard errors.
        y : ndarray of shape (n,)
            Made by `Status.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : None
            Not taken: a column for each stratum does the same.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit; they stay in one fold.
        folds : array-like of shape (n,), optional
            Fold of each row, instead of ``cv``.

        Raises
        ------
        EstimationError
            If only one state occurs, or the likelihood has no finite maximum (separation).
        """
        self._check_parameters()
        self._refuse(strata=strata)
        design = self._start_fit(X, y, sample_weight, None, offset, clusters)
        if issparse(design.X):
            self._check_sparse()
        horizon = status_horizon(y) if self.horizon is None else float(self.horizon)
        if horizon is None:
            raise argument_error(
                "y",
                "a Status with its visit time",
                "one that has lost it",
                "Say LogisticRisk(horizon=…), in the unit of the study.",
            )
        seen = y["status"] >= 0
        used = seen if design.weights is None else seen & (design.weights > 0)
        state = y["status"][used].astype(np.int64)
        if state.size == 0 or state.min() == state.max():
            raise EstimationError(
                f"LogisticRisk needs both states among the observed rows; got {int(state.sum())} with the state 1 "
                f"of {state.size}."
            )
        self.horizon_ = self.max_time_ = float(horizon)
        self.causes_ = np.array([1])
        self.score_horizons_ = np.array([self.horizon_])
        self.n_missing_ = int((~seen).sum())
        self._choose_penalty(design, used, folds)
        self._fit_rows(design, used, state)
        return self

    @property
    def folds_keep_clusters(self) -> bool:
        """Whether resampling must identify copies of patients, so that folds keep them together."""
        return self.penalty == "cv"

    def _choose_penalty(self, design: Design, used: np.ndarray, folds: Any) -> None:
        """Set ``penalty_`` and ``cv_``: held-out rows are scored by minus twice their log-likelihood."""
        self.penalty_, self.cv_ = 0.0, None
        if self.penalty != "cv" or design.X.shape[1] == 0:
            self.penalty_ = 0.0 if self.penalty == "cv" else float(self.penalty)
            return
        state = design.y["status"] == 1
        weights = (np.ones(used.size) if design.weights is None else design.weights) * used
        labels = fold_labels(folds, self.cv, state & used, design.clusters, self.random_state)
        grid = ridge_grid(float(min(weights @ state, weights @ ~state)))

        def deviances(train: np.ndarray) -> Iterator[float]:
            part, held = design.part(train & used), ~train & used
            if len(set(part.y["status"].tolist())) < 2:
                raise EstimationError("A fold leaves only one state to fit to: take fewer folds.")
            share = fold_share(weights[used], train[used], standardize=self.standardize, frequency=design.frequency)
            for intercept, coef in self._path(part, grid * share):
                eta = intercept + design.X[held] @ coef
                eta = eta if design.offset is None else eta + design.offset[held]
                yield 2 * float(weights[held] @ (np.logaddexp(0.0, eta) - state[held] * eta))

        self.penalty_, self.cv_ = chosen_ridge(grid, labels, weights, deviances, self.choose)

    def _path(self, design: Design, penalties: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Yield intercept and coefficients of a fit to all rows at one penalty after the other."""
        trial, everyone = clone(self).set_params(variance="model"), np.ones(design.y.size, dtype=bool)
        trial.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            trial.feature_names_in_ = self.feature_names_in_
        state = design.y["status"].astype(np.int64)
        if issparse(design.X):
            start = None
            for penalty in penalties:
                trial.penalty_ = float(penalty)
                start = trial._fit_rows(design, everyone, state, start)
                yield trial.intercept_, trial.coef_
            return
        centre, scale = design.X.mean(axis=0), column_sd(design.X, None, "n")
        zero = np.zeros(state.size, dtype=np.int64)
        rows = PersonRows(
            X=(design.X - centre) / scale,
            person=np.arange(state.size),
            cell=zero,
            response=state,
            span=zero - 1,
            weights=np.ones(state.size) if design.weights is None else design.weights,
            offset=np.zeros(state.size) if design.offset is None else design.offset,
            possible=np.ones((1, 1), dtype=bool),
            free=np.ones((1, scale.size + 1), dtype=bool),
        )
        ridges = penalties[:, None] * self._unit_ridge(design) / scale**2
        path = discrete_ridge_path(rows, ridges, link="logit", start=np.zeros(rows.free.shape))
        for penalty, theta in zip(penalties, path):
            if theta is None:  # the fit says why
                trial.penalty_ = float(penalty)
                trial._fit_rows(design, everyone, state)
                yield trial.intercept_, trial.coef_
                continue
            coef = theta[0, 1:] / scale
            yield float(theta[0, 0] - centre @ coef), coef

    def _unit_ridge(self, design: Design) -> np.ndarray:
        """Return the penalty of each column at a penalty of 1."""
        factors = column_factors(self.penalty_factors, self._names(), "penalty_factors")
        counts = design.weights if design.frequency else None
        return factors * column_sd(design.X, counts, "n-1") ** 2 if self.standardize else factors

    def _takes_sparse(self) -> bool:
        return bool(self.penalty == "cv" or self.penalty > 0)

    def _check_sparse(self) -> None:
        """Refuse what would need a matrix of columns by columns."""
        if self.penalty == 0:
            raise argument_error("penalty", 'above 0, or "cv", for a sparse `X`', self.penalty)
        if self.variance == "robust":
            raise argument_error(
                "variance",
                '"auto" or "model" for a sparse `X`, whose coefficients have no standard errors',
                self.variance,
                "Give a frame of the columns in use.",
            )

    def _fit_sparse(
        self, design: Design, used: np.ndarray, state: np.ndarray, start: np.ndarray | None
    ) -> np.ndarray | None:
        """Fit a ridge on sparse columns; return the start for the next penalty."""
        weights = None if design.weights is None else design.weights[used]
        offset = None if design.offset is None else design.offset[used]
        rows = design.X if used.all() else design.X[used]
        counts = weights if design.frequency and weights is not None else np.ones(state.size)
        columns, names, size = sparse_columns(rows, counts), self._names(), float(counts.sum())
        factors = column_factors(self.penalty_factors, names, "penalty_factors")
        free = np.flatnonzero((factors == 0) & ~columns.usable)
        if free.size:
            raise EstimationError(f"The column {names[free[0]]!r} is constant and has no penalty: drop it.")
        ridge = self.penalty_ * factors * (size / max(size - 1, 1.0) if self.standardize else 1 / columns.scale**2)
        found = sparse_logistic_fit(columns, state, penalty=ridge, weights=weights, offset=offset, start=start)
        if not found.converged:
            guilty = [int(j) for j in np.argsort(-np.abs(found.coef))[:3]]
            raise EstimationError(
                "The likelihood has no finite maximum within reach: a combination of columns separates the two states. "
                f"{penalty_remedy(self.penalty_, factors, names, guilty)}, merge sparse categories, or drop the column."
            )
        self.coef_ = found.coef / columns.scale
        self.intercept_ = found.intercept - float((columns.origin + columns.mean) @ self.coef_)
        null = categorical_fit(
            np.ones((state.size, 1)), state, weights=weights, offset=None if offset is None else offset[:, None]
        )
        self.log_likelihood_, self.log_likelihood_null_ = found.loglik, null.loglik
        self.covariance_: np.ndarray | None = None
        self.variance_, self.df_ = "none", float("nan")
        self.n_iter_ = found.iterations
        self.n_, self.n_events_ = int(size), int(counts @ state)
        return np.concatenate([[found.intercept], found.coef])

    def _fit_rows(
        self, design: Design, used: np.ndarray, state: np.ndarray, start: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Fit some rows at ``penalty_``; return where a sparse fit of the next penalty may start."""
        if issparse(design.X):
            return self._fit_sparse(design, used, state, start)
        X = design.X[used]
        weights = None if design.weights is None else design.weights[used]
        offset = None if design.offset is None else design.offset[used][:, None]
        counts = weights if design.frequency else None
        names = self._names()
        kept = np.ones(X.shape[1], dtype=bool)
        if self.penalty_ == 0:
            kept = kept_columns(X, None, names, self.collinear)
        centre, scale = X.mean(axis=0), column_sd(X, None, "n")
        inner = np.column_stack([np.ones(state.size), ((X - centre) / scale)[:, kept]])
        factors = column_factors(self.penalty_factors, names, "penalty_factors")
        ridge = self.penalty_ * factors
        if self.standardize:
            ridge = ridge * column_sd(X, counts, "n-1") ** 2
        penalty = np.concatenate([[0.0], (ridge / scale**2)[kept]])
        found = categorical_fit(inner, state, weights=weights, offset=offset, penalty=penalty)
        if not found.converged or undetermined(found.information):
            large = np.abs(found.coef[0, 1:])
            guilty = [int(j) for j, size in zip(np.flatnonzero(kept), large) if size > max(5, large.max() / 5)]
            told = ", ".join(repr(str(names[j])) for j in guilty[:3])
            raise EstimationError(
                "The likelihood has no finite maximum within reach: a combination of columns separates the two states."
                + (f" Largest coefficients: {told}." if guilty else "")
                + f" {penalty_remedy(self.penalty_, factors, names, guilty)}, merge sparse categories, or drop the "
                "column."
            )
        null = categorical_fit(inner[:, :1], state, weights=weights, offset=offset)
        back = np.zeros((X.shape[1] + 1, inner.shape[1]))
        back[0, 0] = 1.0
        back[0, 1:] = -(centre / scale)[kept]
        back[1 + np.flatnonzero(kept), 1 + np.arange(int(kept.sum()))] = 1 / scale[kept]
        theta = back @ found.coef[0]
        self.intercept_, self.coef_ = float(theta[0]), theta[1:]
        inverse = np.linalg.inv(found.information)
        self.df_ = float(np.trace(inverse @ (found.information - np.diag(penalty)))) - 1
        self._store_variance(design, used, inner, found, inverse, back, offset, state)
        self.log_likelihood_, self.log_likelihood_null_ = found.loglik, null.loglik
        self.n_iter_ = found.iterations
        total = np.ones(state.size) if counts is None else counts
        self.n_, self.n_events_ = int(total.sum()), int(total @ state)
        return None

    def _store_variance(
        self,
        design: Design,
        used: np.ndarray,
        inner: np.ndarray,
        found: CategoricalFit,
        inverse: np.ndarray,
        back: np.ndarray,
        offset: np.ndarray | None,
        state: np.ndarray,
    ) -> None:
        robust = design.robust(self.variance)
        self.variance_ = "robust" if robust else "model"
        if robust:
            eta = inner @ found.coef.T + (0.0 if offset is None else offset)
            score = categorical_parts(eta, state, "logit")[1] * inner
            inverse = inverse @ design.products(score, used) @ inverse
        self.covariance_ = back @ inverse @ back.T

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the log odds, intercept included; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        return self.intercept_ + row_products(matrix, self.coef_) + (0.0 if shift is None else shift)

    @takes_rows()
    def predict(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return a score that is higher where the state is more probable; neither a class nor a risk.

        scikit-learn's classifiers return a class here, cut at a probability of 0.5. Which risk calls for an action is a
        decision of the reader: compare `predict_risk` with a threshold.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor, if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n,)
            The linear predictor, log(risk / (1 − risk)).
        """
        return self.linear_predictor(X, offset=offset)

    @takes_rows()
    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the probability of the state at the visit.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        horizons : float or sequence of float
            In the unit of the study; columns other than the visit's time are NaN.
        cause : int, default 1
            Must be 1.
        strata : None
            Not taken.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Probabilities.
        """
        self._refuse(strata=strata)
        eta = self.linear_predictor(X, offset=offset)
        times, _ = check_horizons(horizons)
        self._check_cause(cause)
        out = np.full((eta.size, times.size), np.nan)
        out[:, np.isclose(times, self.horizon_, rtol=1e-9, atol=0)] = special.expit(eta)[:, None]
        return out

    @takes_rows()
    def average_prediction(
        self, X: Any, horizons: Any, *, groups: Any, offset: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean risks of groups of rows, and the covariance of these means by the delta method.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the rows are regarded as fixed.
        horizons : float or sequence of float
            In the unit of the study; NaN other than at the visit's time.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g).
        """
        matrix, _, _ = self._start_predict(X, None, offset)
        risk = self.predict_risk(X, horizons, offset=offset)
        mean_of = group_means(groups, len(matrix))
        slope = risk * (1 - risk)
        inner = np.column_stack([np.ones(len(matrix)), matrix])
        gradients = [mean_of @ (column[:, None] * inner) for column in slope.T]
        return mean_of @ risk, np.stack([gradient @ self.covariance_ @ gradient.T for gradient in gradients])

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient, the intercept first.

        Columns ``term, coef, or, low, high, se, z, p, confidence, variance, coef_low, coef_high``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        terms = ["(intercept)", *self._names()]
        coef = np.concatenate([[self.intercept_], self.coef_])
        variances = np.full(coef.size, np.nan) if self.covariance_ is None else self.covariance_
        return coefficient_table(terms, coef, variances, ratio="or", confidence=confidence, variance=self.variance_)
