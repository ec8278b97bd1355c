"""``RoystonParmar``: a smooth baseline, a spline of log time, on the hazard, odds or normal scale."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_choice,
    check_horizons,
    check_number,
    check_vector,
    takes_rows,
)
from lbp_prognosis._kernels import log_time_knots, log_time_spline, row_products, transformation_scale
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns
from lbp_prognosis.models._delta_method import average_of_gradients
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._survival_regression import SurvivalRegression, risk_from_origin
from lbp_prognosis.models._transformation_model import (
    LikelihoodTimes,
    TransformationProblem,
    event_times,
    few_event_times,
    likelihood_times,
)
from lbp_prognosis.survival import OutcomeKind

__all__ = ["RoystonParmar"]


class RoystonParmar(SurvivalRegression, RiskEstimator):
    """Flexible parametric survival model with a smooth log cumulative baseline (Royston–Parmar).

    S(t | x) = S₀(s(log t) + x·coef + offset), with s a natural cubic spline and S₀ such that coefficients are log
    hazard ratios (``"hazard"``), log odds ratios (``"odds"``) or probit differences (``"normal"``).

    Parameters
    ----------
    df : int, default 3
        Degrees of freedom of the spline; 1 gives the Weibull, log-logistic and log-normal model.
    scale : {"hazard", "odds", "normal"}, default "hazard"
        Scale of the coefficients.
    knots : sequence of float, optional
        Increasing knots in the unit of time, both boundary knots included, instead of ``df``. By default the extremes
        of the event times and equally spaced centiles between them (an event in an interval counts at its middle).
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich) with clusters or with weights that are not frequencies, and the inverse of the
        observed information otherwise.
    strata : str or list of str, optional
        Columns of ``X`` whose values have separate baselines.
    offset : str, optional
        Column of ``X`` that is a fixed part of the linear predictor.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Effects on the chosen scale; higher means sooner.
    gamma_ : ndarray of shape (n_strata, df + 1)
        Spline coefficients: constant, log time, and the inner knots.
    knots_ : ndarray of shape (df + 1,)
        Knots in log time.
    covariance_ : ndarray
        Covariance of the rows of ``gamma_``, then ``coef_``.
    log_likelihood_, log_likelihood_null_ : float
        At the maximum, on the time scale, and without predictors.
    strata_levels_ : list
        Labels of the strata; empty without strata.
    variance_ : str
        ``"model"`` or ``"robust"``: the kind of ``covariance_``.
    n_exact_events_, n_event_times_ : int
        Events with exact times, and distinct times among them.
    n_iter_ : int
        Newton iterations.

    Notes
    -----
    The basis is that of Royston and Parmar: with x = log t, 1, x, and for each inner knot k,
    (x − k)³₊ − λ(x − k_min)³₊ − (1 − λ)(x − k_max)³₊, λ = (k_max − k)/(k_max − k_min). Rows contribute S(t) if
    right-censored, f(t) if exact, S(lower) − S(upper) if in an interval, all divided by S(entry). Events of other
    causes count as censored, and absolute risks are then refused.

    References
    ----------
    Royston P, Parmar MKB (2002). Flexible parametric proportional-hazards and proportional-odds models for censored
    survival data, with application to prognostic modelling and estimation of treatment effects. Statistics in Medicine
    21, 2175–2197. doi:10.1002/sim.1203

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import RoystonParmar
    >>> y = Surv.right([1.0, 2.0, 4.0, 5.0, 8.0, 9.0], [1, 1, 1, 0, 1, 0])
    >>> model = RoystonParmar(df=1).fit(np.array([[0], [1], [0], [1], [0], [1.0]]), y)
    >>> model.predict_risk(np.array([[0.0]]), [3.0]).round(2).tolist()
    [[0.44]]
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval")
    _instead: ClassVar[str] = "For a state at a later visit use LogisticRisk."
    _single_cause: ClassVar[bool] = True
    weights_equal_copies: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True

    def __init__(
        self,
        df: int = 3,
        *,
        scale: str = "hazard",
        knots: Any = None,
        variance: str = "auto",
        strata: Any = None,
        offset: str | None = None,
        collinear: str = "error",
    ) -> None:
        self.df = df
        self.scale = scale
        self.knots = knots
        self.variance = variance
        self.strata = strata
        self.offset = offset
        self.collinear = collinear

    def _check_parameters(self) -> None:
        check_choice("scale", self.scale, ("hazard", "odds", "normal"))
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        if self.knots is None:
            check_number("df", self.df, low=1, whole=True)
        else:
            given = check_vector("knots", self.knots, low=0)
            if given.size < 2 or given[0] <= 0 or (np.diff(given) <= 0).any():
                raise argument_error("knots", "at least two increasing times above 0", str(given.tolist()))

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
    ) -> RoystonParmar:
        """Fit by maximum likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Surv.interval`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; unless they are frequencies, the covariance is robust.
        strata : array-like of shape (n,), optional
            Strata with splines of their own (common knots).
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        clusters : array-like of shape (n,), optional
            Units of the robust covariance.

        Raises
        ------
        EstimationError
            Without events (in any stratum), if the likelihood has no maximum, or if the fitted curve is not monotone.
        """
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        times = likelihood_times(design, type(self).__name__)
        self.n_exact_events_, self.n_event_times_ = event_times(times, design.weights)
        self.knots_ = self._place_knots(times, design.weights)
        codes = np.zeros(times.kind.size, dtype=np.int64) if design.strata is None else design.strata
        count, width = max(len(design.strata_levels), 1), self.knots_.size
        self._check_strata(times, codes, count)

        def basis(log_time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            values, slopes = log_time_spline(log_time, self.knots_)
            return _blocks(values, codes, count), _blocks(slopes, codes, count)

        kept = kept_columns(design.X, design.weights, self._names(), self.collinear)
        problem = TransformationProblem(design, times, basis, kept, variance=self.variance, offset=design.offset)
        self.variance_ = "robust" if problem.robust else "model"
        start = np.concatenate(
            [_start(times, problem.weights, codes == code, width, design.offset) for code in range(count)]
        )
        scale = transformation_scale(self.scale)
        found = problem.fit(scale, start, type(self).__name__)
        null = problem.fit(scale, start, type(self).__name__, columns=False)
        theta, matrix = problem.to_columns(found.coef, width * np.arange(count))
        self.gamma_, self.coef_ = theta[: count * width].reshape(count, width), theta[count * width :]
        self.covariance_ = matrix @ problem.covariance(scale, found) @ matrix.T
        self.log_likelihood_, self.log_likelihood_null_ = problem.loglik(found), problem.loglik(null)
        self.n_iter_ = found.iterations
        self._check_monotone(times, codes)
        return self

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: exact times that are in fact visits."""
        return few_event_times(type(self).__name__, self.n_exact_events_, self.n_event_times_)

    @property
    def linear_predictor_scale(self) -> str:
        """Scale of ``linear_predictor``: that of the coefficients."""
        return {"hazard": "log_cumulative_hazard", "odds": "log_odds"}.get(self.scale, "probit")

    def _place_knots(self, times: LikelihoodTimes, weights: np.ndarray | None) -> np.ndarray:
        if self.knots is not None:
            return np.log(np.asarray(self.knots, dtype=float))
        df = int(self.df)
        seen = times.kind > 0
        with np.errstate(divide="ignore"):  # rows censored at time 0 are no events
            middle = np.where(times.kind == 2, np.log((np.exp(times.lower) + np.exp(times.time)) / 2), times.time)
        knots = log_time_knots(middle[seen], df, None if weights is None else weights[seen])
        if (np.diff(knots) <= 1e-9).any():
            raise argument_error(
                "df",
                f"small enough for {np.unique(middle[seen]).size} distinct event times",
                df,
                f"Knots at the times {np.exp(knots).round(4).tolist()} coincide: lower df, or give knots.",
            )
        return knots

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        named = self._with_names(names)
        design = named._start_fit(np.zeros((len(y), 1)), y)
        named._place_knots(likelihood_times(design, type(self).__name__), None)

    def _check_strata(self, times: LikelihoodTimes, codes: np.ndarray, count: int) -> None:
        events = np.bincount(codes[times.kind > 0], minlength=count)
        if (events == 0).any():
            empty = [str(self.strata_levels_[code]) for code in np.flatnonzero(events == 0)]
            raise EstimationError(f"RoystonParmar needs events in every stratum; there is none in {empty[:8]}.")

    def _check_monotone(self, times: LikelihoodTimes, codes: np.ndarray) -> None:
        """A spline may turn where no exact event keeps it rising; such a curve is no survival curve."""
        for code, gamma in enumerate(self.gamma_):
            inside = times.time[(codes == code) & np.isfinite(times.time)]
            grid = np.linspace(inside.min(), inside.max(), 500)
            slope = log_time_spline(grid, self.knots_)[1] @ gamma
            if (slope < 0).any():
                at = np.exp(grid[slope < 0])
                raise EstimationError(
                    f"RoystonParmar's fitted survival rises with time between {at.min():.4g} and {at.max():.4g}: the "
                    f"data do not carry a spline of {gamma.size - 1} degrees of freedom. Lower df."
                )

    def _z(self, log_time: np.ndarray, code: int) -> np.ndarray:
        return log_time_spline(log_time, self.knots_)[0] @ self.gamma_[code]

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        codes = self._codes(strata, X.shape[0])
        baseline = np.stack([self._z(np.log(horizons), code) for code in range(self.gamma_.shape[0])])
        z = baseline[codes] + (row_products(X, self.coef_) + (0.0 if offset is None else offset))[:, None]
        return -np.expm1(transformation_scale(self.scale)(z)[0])

    def _codes(self, strata: np.ndarray | None, n: int) -> np.ndarray:
        if strata is None and self.strata_levels_:
            raise argument_error(
                "strata", "given, as at fit", "None", "A risk needs the baseline of the stratum of each row."
            )
        return np.zeros(n, dtype=np.int64) if strata is None else strata

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
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g); NaN beyond follow-up.
        """
        risk = self.predict_risk(X, horizons, strata=strata, offset=offset)
        matrix, given, shift = self._start_predict(X, strata, offset)
        times, _ = check_horizons(horizons)
        codes, n = self._codes(given, len(matrix)), len(matrix)
        basis, _ = log_time_spline(np.log(times), self.knots_)
        baseline = basis @ self.gamma_.T
        z = baseline.T[codes] + (row_products(matrix, self.coef_) + (0.0 if shift is None else shift))[:, None]
        slope = np.where(np.isnan(risk), np.nan, np.exp(transformation_scale(self.scale)(z)[1]))
        parts = [
            np.column_stack([_blocks(np.broadcast_to(row, (n, row.size)), codes, len(self.gamma_)), matrix])
            for row in basis
        ]
        return average_of_gradients(group_means(groups, n), risk, slope, parts, self.covariance_)

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return x·coef + offset: higher means sooner.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        return row_products(matrix, self.coef_) + (0.0 if shift is None else shift)

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond follow-up. Arguments as `predict_risk`."""
        return 1.0 - risk_from_origin(times, lambda at: self.predict_risk(X, at, strata=strata, offset=offset))

    def baseline_cumulative_hazard(self, times: Any, *, stratum: Any = None) -> np.ndarray:
        """Return −log S(t) at predictors and offset 0.

        Parameters
        ----------
        times : array-like of shape (k,)
            Times ≥ 0, in the unit of the training outcome.
        stratum : object, optional
            Label of the stratum, if there are strata.
        """
        self._check_fitted()
        at = check_vector("times", np.atleast_1d(times), low=0)
        codes = self._codes(self._strata_codes(None if stratum is None else [stratum], 1), 1)
        z = self._z(np.log(np.where(at > 0, at, 1.0)), int(codes[0]))
        return np.where(at > 0, -transformation_scale(self.scale)(z)[0], 0.0)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per predictor.

        Columns ``term, coef, hr, low, high, se, z, p, confidence, variance, coef_low, coef_high``; the ratio is called
        ``or`` on the odds scale and stays empty on the normal scale.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        start = self.gamma_.size
        return coefficient_table(
            self._names(),
            self.coef_,
            self.covariance_[start:, start:],
            ratio="or" if self.scale == "odds" else "hr",
            confidence=confidence,
            variance=self.variance_,
            has_ratio=np.full(self.coef_.size, self.scale != "normal"),
        )


def _blocks(values: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Give each stratum its own columns."""
    if count == 1:
        return values
    out = np.zeros((values.shape[0], count, values.shape[1]))
    out[np.arange(codes.size), codes] = values
    return out.reshape(values.shape[0], -1)


def _start(
    times: LikelihoodTimes, weights: np.ndarray, rows: np.ndarray, width: int, offset: np.ndarray | None
) -> np.ndarray:
    """Exponential rate as constant, slope 1, no bend."""
    rows = rows & np.isfinite(times.time)
    exposure = times.time if offset is None else times.time + offset
    total = weights[rows] @ np.exp(exposure[rows])
    start = np.zeros(width)
    start[:2] = np.log((weights[rows] @ (times.kind[rows] > 0)) / total), 1.0
    return start
