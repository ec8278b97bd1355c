"""`CoxPH`: proportional hazards by partial likelihood."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    argument_error,
    check_choice,
    check_confidence,
    check_horizons,
    chi2,
    norm,
    takes_rows,
)
from lbp_prognosis._kernels import (
    CoxData,
    CoxPieces,
    cox_data,
    cox_fit_prepared,
    cox_pieces,
    row_products,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._cox_checks import (
    check_cox_fit,
    check_events,
    check_exact_weights,
    check_precision,
    column_factors,
)
from lbp_prognosis.models._cox_diagnostics import CoxDiagnostics
from lbp_prognosis.models._cox_resampler import CoxResampler
from lbp_prognosis.models._cox_ridge import CoxRidge
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._hazard_steps import baseline_at_zero, events_at, steps_at
from lbp_prognosis.models._ridge_choice import (
    check_penalty,
)
from lbp_prognosis.models._survival_regression import SurvivalRegression, risk_from_origin

__all__ = ["CoxPH"]


class CoxPH(CoxRidge, CoxDiagnostics, SurvivalRegression, RiskEstimator):
    """Cox proportional hazards model with risks by a horizon.

    Cox's proportional hazards model with Efron, Breslow or exact ties, strata, weights, offsets, delayed entry, ridge
    penalties, and a baseline hazard that belongs to the ties method.

    Parameters
    ----------
    ties : {"efron", "breslow", "exact"}, default "efron"
        Handling of tied events. ``"exact"`` is the discrete likelihood (its cost grows with the size of the tied
        groups); its baseline is Breslow's.
    penalty : float or "cv", default 0.0
        Ridge penalty θ: the log-likelihood minus ``θ/2 Σ_j f_j (s_j β_j)²``. ``"cv"`` chooses it by cross-validated
        partial likelihood (see the notes).
    penalty_factors : array-like of shape (p,) or mapping of str to float, optional
        Factors ``f_j``, 1 by default; 0 leaves a column unpenalised.
    standardize : bool, default True
        ``s_j`` is the standard deviation of the column (divisor n − 1); otherwise 1.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (Lin–Wei sandwich) with clusters or with sampling or attrition weights, and the inverse
        information otherwise.
    strata : str or list of str, optional
        Columns of ``X`` that define strata, each with a baseline of its own; they are no predictors.
    offset : str, optional
        Column of ``X`` that enters the linear predictor with coefficient 1.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a linear combination of preceding columns: raise, or give it the
        coefficient 0.
    max_iter : int, default 30
        Newton iterations.
    tol : float, default 1e-9
        Converged when a step moves no coefficient by more than this, in standard deviations of its column.
    choose : {"min", "one_se"}, default "min"
        Rule for ``penalty="cv"``: the penalty with the smallest cross-validated deviance, or the largest penalty within
        one standard error of that.
    cv : int, default 5
        Number of folds for ``penalty="cv"``. Rows of one cluster stay in one fold.
    random_state : int, Generator or None, default 0
        Draws the folds of ``penalty="cv"``.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Log hazard ratios, in the order of the predictors.
    covariance_ : ndarray of shape (p, p)
        Covariance of ``coef_``, of the kind in ``variance_``.
    covariance_model_ : ndarray of shape (p, p)
        Inverse of the (penalised) information.
    variance_ : str
        ``"model"`` or ``"robust"``.
    log_likelihood_, log_likelihood_null_ : float
        Log partial likelihood at ``coef_`` (without penalty) and at zero.
    score_statistic_ : float
        Score test of all coefficients.
    df_ : float
        Degrees of freedom: number of coefficients, effective under a penalty.
    penalty_ : float
        The penalty used.
    cv_ : DataFrame or None
        For ``penalty="cv"``: ``penalty, mean, se``, the cross-validated deviance per event.
    n_, n_events_ : int
        Rows and events of cause 1 (sums of frequency weights).
    centre_ : ndarray of shape (p,)
        Means to which the stored baseline refers.
    baseline_times_, baseline_hazard_ : list of ndarray
        For each stratum: event times and cumulative hazard of a row at ``centre_`` without offset.
    baseline_events_ : list of ndarray
        Rows with the event at each of these times.
    strata_levels_ : list
        Labels of the strata.
    n_iter_ : int
        Evaluations of the information.

    Raises
    ------
    EstimationError
        By `fit`: no event; a constant or collinear column, or at least as many columns as rows (unless
        ``collinear="drop"`` or a penalty); separation, where the likelihood has no finite maximum (unless penalised).
        One event, or all events at one time, is a legitimate fit.

    Notes
    -----
    Other event codes than 1 are treated as censored, which is right for the cause-specific coefficients; absolute risks
    are then refused, because they need the hazards of all causes.

    Efron's partial likelihood gives the ``l``-th of ``d`` tied events the denominator ``S0 − (l/d) D0``, where ``S0``
    sums ``w exp(η)`` over the risk set and ``D0`` over the tied events; with weights each term has their mean weight.
    Frequency weights count copies as tied events, so they equal the fit to copied rows exactly.

    ``penalty="cv"`` tries up to 13 penalties from 32 to 0.001 times the number of events, from strong to weak, and ends
    where the mean deviance has risen three times in a row to more than one standard error (of the difference between
    folds) above its minimum. The deviance of a fold is that of all rows minus that of the training rows, both at the
    coefficients of the training rows (van Houwelingen). As in ``glmnet``, a fold's penalty is smaller in proportion to
    its rows. Standard errors then take the penalty as given.

    References
    ----------
    Cox DR (1972). Regression models and life-tables. J R Stat Soc B 34:187–220.
    Efron B (1977). The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 72:557–565.
    Lin DY, Wei LJ (1989). The robust inference for the Cox proportional hazards model. J Am Stat Assoc 84:1074–1078.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import CoxPH, Surv
    >>> y = Surv.right([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0])
    >>> model = CoxPH().fit(np.array([[0.5], [1.2], [0.1], [1.0], [-0.3], [0.2]]), y)
    >>> model.predict_risk(np.array([[0.5]]), [2.0, 4.0]).shape
    (1, 2)
    """

    _single_cause = True
    _linear_predictor_scale = "log_hazard"
    _instead = "For interval-censored outcomes use DiscreteTimeHazard or RoystonParmar."
    weights_equal_copies = True
    _allow_no_column = True

    def __init__(
        self,
        *,
        ties: str = "efron",
        penalty: Any = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        variance: str = "auto",
        strata: Any = None,
        offset: str | None = None,
        collinear: str = "error",
        max_iter: int = 30,
        tol: float = 1e-9,
        choose: str = "min",
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.ties = ties
        self.penalty = penalty
        self.penalty_factors = penalty_factors
        self.standardize = standardize
        self.variance = variance
        self.strata = strata
        self.offset = offset
        self.collinear = collinear
        self.max_iter = max_iter
        self.tol = tol
        self.choose = choose
        self.cv = cv
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_choice("ties", self.ties, ("efron", "breslow", "exact"))
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        tuned = check_penalty(self.penalty, self.choose, self.cv)
        if tuned and self.ties == "exact":
            raise argument_error("ties", '"efron" or "breslow" with penalty="cv"', '"exact"')

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
    ) -> CoxPH:
        """Maximise the partial likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Numeric predictors without missing values.
        y : ndarray of shape (n,)
            Made by `Surv.right`, with or without ``entry``.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; a bare array is taken as sampling weights.
        strata : array-like of shape (n,) or DataFrame, optional
            Labels of separate baselines.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit; they stay in one fold.
        folds : array-like of shape (n,), optional
            Fold of each row, instead of ``cv``.
        """
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        check_events(y["event"] == 1, design.weights)
        if self.ties == "exact":
            check_exact_weights(design.weights)
        self._maximise(X, design, folds)
        return self

    @takes_rows()
    def resampler(
        self, X: Any, y: np.ndarray, *, strata: Any = None, offset: Any = None, clusters: Any = None
    ) -> CoxResampler[CoxPH] | None:
        """Return models of any numbers of copies of the rows of this fit, without sorting again; see the base."""
        self._check_fitted()
        if self.penalty == "cv" or self.ties == "exact" or not (np.diag(self.covariance_model_) > 0).all():
            return None
        bare = clone(self)
        bare.penalty_ = self.penalty_
        design = bare._start_fit(X, y, None, strata, offset, clusters)
        data = bare._risk_sets(X, design.X, y, design.strata, None)
        return CoxResampler(design, data, self.coef_, self.covariance_model_, self.ties, bare._ridge, bare._moved_to)

    def _moved_to(
        self, coef: np.ndarray, centre: np.ndarray, times: list[np.ndarray], hazard: list[np.ndarray], longest: float
    ) -> CoxPH:
        """Return a copy that predicts by these coefficients and baselines, and claims no more."""
        model = copy(self)
        model.coef_, model.centre_, model.max_time_ = coef, centre, longest
        model.baseline_times_, model.baseline_hazard_ = times, hazard
        model.__dict__.pop("baseline_events_", None)
        return model

    def _widened(self, names: list[str] | None, centre: np.ndarray) -> CoxPH:
        """Return this fit without predictors as one to columns with means ``centre`` (p,) and no effects."""
        wide, p = copy(self), centre.size
        wide.n_features_in_, wide.centre_ = p, centre
        if names is not None:
            wide.feature_names_in_ = np.asarray(names, dtype=object)
        wide.coef_ = np.zeros(p)
        wide.covariance_ = wide.covariance_model_ = np.zeros((p, p))
        wide.baseline_mean_ = [np.zeros((part.shape[0], p)) for part in self.baseline_mean_]
        return wide

    def _risk_sets(
        self, X: Any, matrix: np.ndarray, y: np.ndarray, strata: np.ndarray | None, weights: np.ndarray | None
    ) -> CoxData:
        """Prepare the risk sets; ``X`` is the user's input, ``matrix`` its checked predictors."""
        entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
        return cox_data(matrix, y["time"], y["event"] == 1, entry=entry, strata=strata)

    def _maximise(self, X: Any, design: Design, folds: Any) -> None:
        data = self._risk_sets(X, design.X, design.y, design.strata, design.weights)
        self._choose_penalty(X, design, data, folds)
        ridge = self._ridge(design.X, design.weights if design.frequency else None)
        fit = cox_fit_prepared(
            data,
            weights=design.weights,
            offset=design.offset,
            ties=self.ties,
            penalty=ridge,
            frequency=design.frequency,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        check_cox_fit(
            fit,
            self._names(),
            data.scale,
            design.X,
            self.collinear,
            penalty=self.penalty_,
            factors=column_factors(self.penalty_factors, self._names(), "penalty_factors"),
            max_iter=self.max_iter,
        )
        pieces = cox_pieces(
            data, fit.coef, weights=design.weights, offset=design.offset, ties=self.ties, frequency=design.frequency
        )
        check_precision(pieces, self.penalty_)
        self.coef_ = fit.coef
        self.covariance_model_ = fit.covariance
        self.log_likelihood_, self.log_likelihood_null_ = fit.loglik, fit.loglik_null
        self.score_statistic_ = fit.score
        self.n_iter_ = fit.iterations
        free = fit.information if ridge is None else fit.information - np.diag(ridge)
        self.df_ = float((~fit.aliased).sum()) if ridge is None else float(np.sum(fit.covariance * free))
        counts = design.weights if design.frequency and design.weights is not None else np.ones(data.event.size)
        self.n_ = int(counts.sum())
        self.n_events_ = int(counts[design.y["event"] == self._own_cause].sum())
        self.centre_ = data.centre
        self._store_variance(design, pieces)
        self._store_baseline(data, pieces)
        mine = design.y["event"] == self._own_cause
        self.baseline_events_ = events_at(self.baseline_times_, design.y["time"], mine, design.strata)

    def _robust(self, design: Design) -> bool:
        return design.robust(self.variance)

    def _row_scores(self, design: Design, pieces: CoxPieces) -> np.ndarray:
        """Unweighted part of each row in the gradient, for the sandwich."""
        return pieces.score()

    def _store_variance(self, design: Design, pieces: CoxPieces) -> None:
        robust = self._robust(design)
        self.variance_ = "robust" if robust else "model"
        self.covariance_ = self.covariance_model_
        if not robust:
            return
        if self.ties == "exact":
            raise argument_error("variance", '"model" with ties="exact"', "robust", 'Use ties="efron".')
        self.covariance_ = design.products(self._row_scores(design, pieces) @ self.covariance_model_)

    def _store_baseline(self, data: CoxData, pieces: CoxPieces) -> None:
        parts = (pieces.hazard, pieces.hazard_variance, pieces.hazard_mean)
        start = 0
        self.baseline_times_: list[np.ndarray] = []
        self.baseline_hazard_: list[np.ndarray] = []
        self.baseline_variance_: list[np.ndarray] = []
        self.baseline_mean_: list[np.ndarray] = []
        for end in data.ends:
            self.baseline_times_.append(data.times[start:end].copy())
            for store, part in zip((self.baseline_hazard_, self.baseline_variance_, self.baseline_mean_), parts):
                store.append(np.cumsum(part[start:end], axis=0))
            start = int(end)

    # ---- predictions -------------------------------------------------------------------------------------------

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return ``X β`` (not centred), plus the offset if there is one; shape (n,), higher is sooner."""
        matrix, _, shift = self._start_predict(X, None, offset, with_strata=False)
        eta = row_products(matrix, self.coef_)
        return eta if shift is None else eta + shift

    def _relative_hazard(self, X: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
        eta = row_products(X - self.centre_, self.coef_)
        with np.errstate(over="ignore"):
            return np.exp(eta if offset is None else eta + offset)

    def _cumulative_hazard(
        self, X: np.ndarray, times: np.ndarray, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        base = steps_at(self.baseline_times_, self.baseline_hazard_, strata, times)
        with np.errstate(invalid="ignore"):
            return np.where(base > 0, base * self._relative_hazard(X, offset)[:, None], 0.0)

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        return -np.expm1(-self._cumulative_hazard(X, horizons, strata, offset))

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond follow-up."""
        return 1.0 - self.predict_incidence(X, times, self._own_cause, strata=strata, offset=offset)

    @takes_rows()
    def predict_incidence(
        self, X: Any, times: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the cumulative incidence at each time, shape (n, n_times); for one cause this is the risk."""
        return risk_from_origin(times, lambda at: self.predict_risk(X, at, cause, strata=strata, offset=offset))

    @takes_rows()
    def risk_se(self, X: Any, horizons: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return the standard error of each predicted risk, shape (n, n_horizons).

        It contains the uncertainty of the coefficients (in the covariance of ``variance_``) and of the baseline; NaN
        beyond follow-up.
        """
        matrix, codes, shift = self._start_predict(X, strata, offset)
        times, _ = check_horizons(horizons)
        self._check_cause(self._own_cause)
        hazard = self._cumulative_hazard(matrix, times, codes, shift)
        relative = self._relative_hazard(matrix, shift)[:, None]
        known = steps_at(self.baseline_times_, self.baseline_variance_, codes, times)
        mean = steps_at(self.baseline_times_, self.baseline_mean_, codes, times)
        base = steps_at(self.baseline_times_, self.baseline_hazard_, codes, times)
        slope = base[..., None] * (matrix - self.centre_)[:, None, :] - mean
        known, cross = self._level_errors(times, known)
        variance = known + np.einsum("nkp,pq,nkq->nk", slope, self.covariance_, slope)
        if cross is not None:
            variance += 2 * np.einsum("nkp,kp->nk", slope, cross)
        out = np.exp(-hazard) * relative * np.sqrt(variance)
        out[:, times > self.max_time_] = np.nan
        return out

    def _level_errors(self, times: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the variance of the baseline at known coefficients (s, h), and its covariance with them (h, p)."""
        return known, None  # a martingale, uncorrelated with the coefficients

    @takes_rows()
    def average_prediction(
        self, X: Any, horizons: Any, *, groups: Any, strata: Any = None, offset: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean risks of groups of rows, and the covariance of these means by the delta method.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the rows are regarded as fixed.
        horizons : float or sequence of float
            In the unit of the study.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        strata, offset : array-like of shape (n,), optional
            As for `predict_risk`.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g), with the uncertainty of the
            coefficients and of the baseline as in `risk_se`; NaN beyond follow-up.
        """
        matrix, codes, shift = self._start_predict(X, strata, offset)
        times, _ = check_horizons(horizons)
        self._check_cause(self._own_cause)
        mean_of = group_means(groups, len(matrix))
        hazard = self._cumulative_hazard(matrix, times, codes, shift)
        slope = np.exp(-hazard) * self._relative_hazard(matrix, shift)[:, None]  # of each risk in its baseline
        base = steps_at(self.baseline_times_, self.baseline_hazard_, codes, times)
        mean = steps_at(self.baseline_times_, self.baseline_mean_, codes, times)
        known = steps_at(
            self.baseline_times_, self.baseline_variance_, None if codes is None else np.unique(codes), times
        )
        known, cross = self._level_errors(times, known)
        stratum = np.zeros(len(matrix), dtype=int) if codes is None else np.unique(codes, return_inverse=True)[1]
        centred = matrix - self.centre_
        covariance = np.empty((times.size, len(mean_of), len(mean_of)))
        for k in range(times.size):
            gradient = mean_of @ (slope[:, k, None] * (base[:, k, None] * centred - mean[:, k]))
            shares = mean_of @ (slope[:, k, None] * (stratum[:, None] == np.arange(len(known))))
            covariance[k] = gradient @ self.covariance_ @ gradient.T + (shares * known[:, k]) @ shares.T
            if cross is not None:
                both = (gradient @ cross[k])[:, None] * shares[:, 0]
                covariance[k] += both + both.T
        means = mean_of @ -np.expm1(-hazard)
        beyond = times > self.max_time_
        means[:, beyond], covariance[beyond] = np.nan, np.nan
        return means, covariance

    def baseline_cumulative_hazard(self, times: Any, *, stratum: Any = None) -> Any:
        """Return the cumulative hazard of a row with all predictors (and the offset) at 0.

        Parameters
        ----------
        times : float or sequence of float
            In the unit of the training outcome.
        stratum : object, optional
            Label of one stratum.

        Returns
        -------
        ndarray of shape (n_times,)
            NaN beyond follow-up. For a model with strata and no ``stratum``: a dict from label to such an array.
        """
        self._check_fitted()
        return baseline_at_zero(self, times, stratum)

    # ---- tables ------------------------------------------------------------------------------------------------

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient: ``term, coef, hr, low, high, se, z, p, confidence, variance``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the interval of the hazard ratio.
        """
        self._check_fitted()
        level = check_confidence(confidence)
        se = np.sqrt(np.diag(self.covariance_))
        z = np.divide(self.coef_, se, out=np.full(se.size, np.nan), where=se > 0)
        half = norm.ppf(0.5 + level / 2) * se
        with np.errstate(over="ignore"):  # per unit of a column whose values are tiny
            hr, low, high = np.exp([self.coef_, self.coef_ - half, self.coef_ + half])
        return pd.DataFrame(
            {
                "term": self._names(),
                "coef": self.coef_,
                "hr": hr,
                "low": low,
                "high": high,
                "se": se,
                "z": z,
                "p": 2 * norm.sf(np.abs(z)),
                "confidence": level,
                "variance": self.variance_,
            }
        )

    def fit_statistics(self) -> pd.DataFrame:
        """Return the tests of all coefficients: one row each for ``likelihood_ratio, wald, score``.

        Columns ``test, statistic, df, p``, and the same on every row: ``n, n_events, log_likelihood,
        log_likelihood_null, aic``. The Wald test uses ``covariance_``.
        """
        self._check_fitted()
        used = np.diag(self.covariance_) > 0
        inner = self.covariance_[np.ix_(used, used)]
        wald = float(self.coef_[used] @ np.linalg.solve(inner, self.coef_[used])) if used.any() else 0.0
        statistic = np.array([2 * (self.log_likelihood_ - self.log_likelihood_null_), wald, self.score_statistic_])
        return pd.DataFrame(
            {
                "test": ["likelihood_ratio", "wald", "score"],
                "statistic": statistic,
                "df": self.df_,
                "p": chi2.sf(statistic, self.df_),
                "n": self.n_,
                "n_events": self.n_events_,
                "log_likelihood": self.log_likelihood_,
                "log_likelihood_null": self.log_likelihood_null_,
                "aic": 2 * self.df_ - 2 * self.log_likelihood_,
            }
        )
