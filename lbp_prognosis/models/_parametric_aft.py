"""``ParametricAFT``: accelerated failure time models by exact maximum likelihood.

lifelines fits these models too, but on the reference tables its coefficients stop 4e-7 to 3e-3 (relative) from the
maximum whatever tolerance is asked for, its generalised gamma regression stops 50 log-likelihood units below it, and it
knows neither offsets nor clusters. The likelihood is concave on another parametrisation, where Newton's method reaches
the maximum in five steps, so it is done here.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    check_choice,
    check_horizons,
    check_vector,
    takes_rows,
)
from lbp_prognosis._kernels import TransformationFit, generalised_gamma_scale, row_products, transformation_scale
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns
from lbp_prognosis.models._delta_method import average_of_gradients
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._survival_regression import SurvivalRegression, risk_from_origin
from lbp_prognosis.models._transformation_model import (
    TransformationProblem,
    event_times,
    exponential_start,
    few_event_times,
    intercept_alone,
    likelihood_times,
    log_time_line,
    shifted_times,
)
from lbp_prognosis.survival import OutcomeKind

__all__ = ["ParametricAFT"]

_SCALES = {"exponential": "hazard", "weibull": "hazard", "loglogistic": "odds", "lognormal": "normal"}
_STEP = 1e-3  # in the shape of the generalised gamma; five-point differences leave an error of its fourth power


class ParametricAFT(SurvivalRegression, RiskEstimator):
    """Parametric accelerated failure time model.

    log T = intercept + x·coef + offset + scale · W, with W standard extreme-value (Weibull; scale 1: exponential),
    logistic (log-logistic), normal (log-normal) or log generalised gamma (Prentice's shape: 1 is Weibull, 0 log-normal,
    the scale itself gamma).

    Parameters
    ----------
    distribution : {"weibull", "exponential", "lognormal", "loglogistic", "generalised_gamma"}, default "weibull"
        Distribution of the time.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich) with clusters or with weights that are not frequencies, and the inverse of the
        observed information otherwise.
    offset : str, optional
        Column of ``X`` that is a fixed part of log time.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Effects on log time: positive means later.
    intercept_, scale_ : float
        Location and scale of log time; the scale of the exponential is 1.
    shape_ : float
        Shape of the generalised gamma; NaN for the others.
    covariance_ : ndarray
        Covariance of intercept, coefficients, log scale (not for the exponential) and shape (generalised gamma).
    log_likelihood_, log_likelihood_null_ : float
        At the maximum, on the time scale, and without predictors.
    hazard_ratios_ : ndarray of shape (p,)
        exp(−coef / scale) for Weibull and exponential, NaN for the others.
    variance_ : str
        ``"model"`` or ``"robust"``: the kind of ``covariance_``.
    n_exact_events_, n_event_times_ : int
        Events with exact times, and distinct times among them.
    n_iter_ : int
        Newton iterations.

    Notes
    -----
    Rows contribute S(t) if right-censored, f(t) if exact, S(lower) − S(upper) if in an interval, all divided by
    S(entry). Events of other causes count as censored, and absolute risks are then refused. An event at time 0 is
    refused.

    References
    ----------
    Kalbfleisch JD, Prentice RL (2002). The Statistical Analysis of Failure Time Data, 2nd ed. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import ParametricAFT
    >>> y = Surv.right([1.0, 2.0, 4.0, 5.0, 8.0, 9.0], [1, 1, 1, 0, 1, 0])
    >>> model = ParametricAFT("exponential").fit(np.array([[0], [1], [0], [1], [0], [1.0]]), y)
    >>> round(float(np.exp(model.intercept_)), 4)  # 13 time units, 3 events
    4.3333
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval")
    _instead: ClassVar[str] = "For a state at a later visit use LogisticRisk."
    _single_cause: ClassVar[bool] = True
    _linear_predictor_scale: ClassVar[str | None] = "log_time"
    weights_equal_copies: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True

    def __init__(
        self,
        distribution: str = "weibull",
        *,
        variance: str = "auto",
        offset: str | None = None,
        collinear: str = "error",
    ) -> None:
        self.distribution = distribution
        self.variance = variance
        self.offset = offset
        self.collinear = collinear

    def _check_parameters(self) -> None:
        check_choice("distribution", self.distribution, (*_SCALES, "generalised_gamma"))
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
    ) -> ParametricAFT:
        """Fit by maximum likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Surv.interval`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; unless they are frequencies, the covariance is robust.
        strata : None
            Not taken: fit one model per stratum.
        offset : array-like of shape (n,), optional
            Fixed part of log time.
        clusters : array-like of shape (n,), optional
            Units of the robust covariance.

        Raises
        ------
        EstimationError
            Without events, or if the likelihood has no maximum.
        """
        self._check_parameters()
        self._refuse(strata=strata)
        design = self._start_fit(X, y, sample_weight, None, offset, clusters)
        times = shifted_times(likelihood_times(design, type(self).__name__), design.offset)
        self.n_exact_events_, self.n_event_times_ = event_times(times, design.weights)
        fixed = self.distribution == "exponential"
        kept = kept_columns(design.X, design.weights, self._names(), self.collinear)
        basis = intercept_alone if fixed else log_time_line
        problem = TransformationProblem(design, times, basis, kept, variance=self.variance, fixed_slope=fixed)
        self.variance_ = "robust" if problem.robust else "model"
        start = exponential_start(times, problem.weights)[: 1 if fixed else 2]
        if self.distribution == "generalised_gamma":
            found, shape = _fit_shape(problem, start, True)
            null = problem.loglik(_fit_shape(problem, start, False)[0])
            scale: Any = generalised_gamma_scale(shape)
            covariance = _shape_covariance(problem, found, shape)
        else:
            scale, shape = transformation_scale(_SCALES[self.distribution]), np.nan
            found = problem.fit(scale, start, type(self).__name__)
            null = problem.loglik(problem.fit(scale, start, type(self).__name__, columns=False))
            covariance = problem.covariance(scale, found)
        self.log_likelihood_, self.log_likelihood_null_ = problem.loglik(found), null
        self.n_iter_ = found.iterations
        self._learn(problem, found, covariance, shape)
        return self

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: exact times that are in fact visits."""
        return few_event_times(type(self).__name__, self.n_exact_events_, self.n_event_times_)

    def _learn(
        self, problem: TransformationProblem, found: TransformationFit, covariance: np.ndarray, shape: float
    ) -> None:
        """From z = γ₀ + γ₁ log t + xβ to log T = −γ₀/γ₁ − xβ/γ₁ + W/γ₁, with the delta method."""
        theta, matrix = problem.to_columns(found.coef, np.array([0]))
        extra = covariance.shape[0] - matrix.shape[1]  # the shape of the generalised gamma
        full = np.zeros((matrix.shape[0] + extra, covariance.shape[0]))
        full[: matrix.shape[0], : matrix.shape[1]] = matrix
        full[matrix.shape[0] :, matrix.shape[1] :] = np.eye(extra)
        fixed = problem.width == 1
        slope = 1.0 if fixed else float(theta[1])
        location = -np.concatenate([theta[:1], theta[problem.width :]]) / slope
        size = location.size
        jacobian = np.zeros((size + (0 if fixed else 1) + extra, full.shape[0]))
        jacobian[0, 0] = -1 / slope
        jacobian[np.arange(1, size), problem.width + np.arange(size - 1)] = -1 / slope
        if not fixed:
            jacobian[:size, 1] = -location / slope
            jacobian[size, 1] = -1 / slope
        if extra:
            jacobian[-1, -1] = 1.0
        full = jacobian @ full
        self.intercept_, self.coef_ = float(location[0]), location[1:]
        self.scale_, self.shape_ = 1 / slope, float(shape)
        self.covariance_ = full @ covariance @ full.T
        proportional = self.distribution in ("weibull", "exponential")
        with np.errstate(over="ignore"):  # per unit of a column whose values are tiny
            ratios = np.exp(-self.coef_ * slope)
        self.hazard_ratios_ = ratios if proportional else np.full(self.coef_.size, np.nan)

    def _scale(self) -> Any:
        if self.distribution == "generalised_gamma":
            return generalised_gamma_scale(self.shape_)
        return transformation_scale(_SCALES[self.distribution])

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        location = self.intercept_ + row_products(X, self.coef_) + (0.0 if offset is None else offset)
        z = (np.log(horizons)[None, :] - location[:, None]) / self.scale_
        return -np.expm1(self._scale()(z)[0])

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
            In the unit of the study.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        offset : array-like of shape (n,), optional
            Fixed part of log time.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g); NaN beyond follow-up.
        """
        risk = self.predict_risk(X, horizons, offset=offset)
        matrix, _, shift = self._start_predict(X, None, offset)
        times, _ = check_horizons(horizons)
        location = self.intercept_ + row_products(matrix, self.coef_) + (0.0 if shift is None else shift)
        z = (np.log(times) - location[:, None]) / self.scale_
        slope = np.where(np.isnan(risk), np.nan, np.exp(self._scale()(z)[1]))
        inner = -np.column_stack([np.ones(len(matrix)), matrix]) / self.scale_
        more = [] if self.distribution == "exponential" else [-z]
        if self.distribution == "generalised_gamma":
            with np.errstate(divide="ignore", invalid="ignore"):  # a risk that the shape does not move has no slope
                more.append(np.where(slope > 0, self._shape_slope(z) / slope, 0.0))
        parts = [np.column_stack([inner, *(part[:, k] for part in more)]) for k in range(times.size)]
        return average_of_gradients(group_means(groups, len(matrix)), risk, slope, parts, self.covariance_)

    def _shape_slope(self, z: np.ndarray) -> np.ndarray:
        """Return the derivative of the risk in the shape, by five-point differences."""
        risks = [-np.expm1(generalised_gamma_scale(self.shape_ + k * _STEP)(z)[0]) for k in (-2, -1, 1, 2)]
        return (risks[0] - 8 * risks[1] + 8 * risks[2] - risks[3]) / (12 * _STEP)

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return −(x·coef + offset), minus the log of time up to a constant: higher means sooner.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of log time.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        return -(row_products(matrix, self.coef_) + (0.0 if shift is None else shift))

    @takes_rows()
    def predict_quantile(self, X: Any, probabilities: Any, *, offset: Any = None) -> np.ndarray:
        """Return the times by which the event has happened with the given probabilities, ``(n, k)``.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        probabilities : float or sequence of float
            In (0, 1); 0.5 is the median time. The times may lie beyond follow-up.
        offset : array-like of shape (n,), optional
            Fixed part of log time.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        levels = check_vector("probabilities", np.atleast_1d(probabilities), low=0, high=1)
        location = self.intercept_ + row_products(matrix, self.coef_) + (0.0 if shift is None else shift)
        w = _quantile(self.distribution, levels, self.shape_)
        return np.exp(location[:, None] + self.scale_ * w[None, :])

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond follow-up. Arguments as `predict_risk`."""
        return 1.0 - risk_from_origin(times, lambda at: self.predict_risk(X, at, strata=strata, offset=offset))

    def baseline_cumulative_hazard(self, times: Any) -> np.ndarray:
        """Return −log S(t) at predictors and offset 0.

        Parameters
        ----------
        times : array-like of shape (k,)
            Times ≥ 0, in the unit of the training outcome.
        """
        self._check_fitted()
        at = check_vector("times", np.atleast_1d(times), low=0)
        with np.errstate(divide="ignore"):
            z = (np.log(at) - self.intercept_) / self.scale_
        return np.where(at > 0, -self._scale()(np.where(at > 0, z, 0.0))[0], 0.0)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per parameter.

        Columns ``term, coef, time_ratio, low, high, se, z, p, confidence, variance, coef_low, coef_high``: the ratio is
        exp(coef), by which times are multiplied, with its limits. Scale and shape multiply no times and have none.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        terms, values = ["(intercept)", *self._names()], [self.intercept_, *self.coef_]
        if self.distribution != "exponential":
            terms, values = [*terms, "log(scale)"], [*values, np.log(self.scale_)]
        if self.distribution == "generalised_gamma":
            terms, values = [*terms, "shape"], [*values, self.shape_]
        return coefficient_table(
            terms,
            np.array(values),
            self.covariance_,
            ratio="time_ratio",
            confidence=confidence,
            variance=self.variance_,
            has_ratio=np.array([term not in ("log(scale)", "shape") for term in terms]),
        )


def _quantile(distribution: str, levels: np.ndarray, q: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        if distribution in ("weibull", "exponential"):
            return np.log(-np.log1p(-levels))
        if distribution == "loglogistic":
            return special.logit(levels)
        if distribution == "lognormal" or abs(q) < 1e-6:
            return stats.norm.ppf(levels)
        k = q**-2
        u = special.gammaincinv(k, levels) if q > 0 else special.gammainccinv(k, levels)
        return np.log(u / k) / q


def _fit_shape(problem: TransformationProblem, start: np.ndarray, columns: bool) -> tuple[TransformationFit, float]:
    """Maximise over the shape: a coarse grid, Brent's method between its neighbours, and at each shape Newton's."""
    fits: dict[float, TransformationFit] = {}

    def loss(q: float) -> float:
        try:
            fits[q] = problem.fit(generalised_gamma_scale(q), start, "ParametricAFT", columns=columns)
        except EstimationError:
            if q in (0.0, 1.0):  # log-normal and Weibull always have a maximum, if there is any
                raise
            return 1e300
        return -fits[q].loglik

    grid = np.array([-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    best = int(np.argmin([loss(float(q)) for q in grid]))
    if best in (0, grid.size - 1):
        raise EstimationError(
            f"ParametricAFT('generalised_gamma') found the likelihood still rising at the shape {grid[best]:g}: the "
            "data do not determine it. Use 'weibull', 'lognormal' or RoystonParmar."
        )
    found = optimize.minimize_scalar(
        loss, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-6}
    )
    q = float(found.x)
    for _ in range(20):  # Newton on the profile: its slope is the partial derivative at the inner maximum
        if loss(q) == 1e300:
            raise EstimationError(f"ParametricAFT('generalised_gamma') found no maximum near the shape {q:.3g}.")
        slope, curvature = _profile_slope(problem, fits[q], q, columns)
        step = slope / curvature
        if not curvature > 0 or abs(step) < 1e-8:
            break
        q += step
    loss(q)
    return fits[q], q


def _profile_slope(
    problem: TransformationProblem, found: TransformationFit, q: float, columns: bool
) -> tuple[float, float]:
    """First derivative of the profile log-likelihood in the shape, and the negative second."""
    theta = np.zeros(problem.rows.time.shape[1])
    theta[: found.coef.size] = found.coef
    slope, second, cross = _shape_derivatives(problem, theta, q)
    cross = cross[: found.coef.size]
    return slope, -second - float(cross @ np.linalg.solve(found.information, cross))


def _shape_derivatives(problem: TransformationProblem, theta: np.ndarray, q: float) -> tuple[float, float, np.ndarray]:
    """First and second derivative of the log-likelihood in the shape, and of its score, by five-point differences."""
    h = _STEP
    values, scores = [], []
    for k in (-2, -1, 0, 1, 2):
        loglik, score = problem.row_scores(generalised_gamma_scale(q + k * h), theta)
        values.append(loglik.sum())
        scores.append(score.sum(axis=0))
    first = np.array([1, -8, 0, 8, -1]) / (12 * h)
    second = np.array([-1, 16, -30, 16, -1]) / (12 * h * h)
    return float(first @ values), float(second @ values), first @ np.array(scores)


def _shape_covariance(problem: TransformationProblem, found: TransformationFit, q: float) -> np.ndarray:
    _, second, cross = _shape_derivatives(problem, found.coef, q)
    size = found.coef.size
    information = np.empty((size + 1, size + 1))
    information[:size, :size] = found.information
    information[:size, size] = information[size, :size] = -cross
    information[size, size] = -second
    inverse = np.linalg.inv(information)
    if not problem.robust:
        return inverse
    _, score = problem.row_scores(generalised_gamma_scale(q), found.coef)
    stencil = np.array([1, -8, 0, 8, -1]) / (12 * _STEP)
    slopes = sum(
        c * problem.row_scores(generalised_gamma_scale(q + k * _STEP), found.coef)[0]
        for k, c in zip((-2, -1, 0, 1, 2), stencil)
    )
    meat = problem.sum_of_squares(np.column_stack([score, slopes]))
    return inverse @ meat @ inverse
