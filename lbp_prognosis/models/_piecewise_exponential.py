"""``PiecewiseExponential``: hazards that are constant within intervals, with effects of their own in each."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_number,
    check_vector,
    takes_rows,
)
from lbp_prognosis._kernels import row_products
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._event_likelihood import EventProblem, event_problem
from lbp_prognosis.models._lifelines_adapter import maximise, piecewise_likelihood
from lbp_prognosis.models._survival_regression import SurvivalCurves, risk_from_origin
from lbp_prognosis.models._transformation_model import few_event_times
from lbp_prognosis.survival import OutcomeKind

__all__ = ["PiecewiseExponential"]


class PiecewiseExponential(SurvivalCurves, RiskEstimator):
    """Piecewise-exponential hazards model with effects by interval.

    h(t | x) = exp(intercept_k + x·coef_k) in interval k, which ends at its breakpoint: the likelihood of a Poisson
    regression of events on time at risk, with a coefficient per column and interval (lifelines' piecewise exponential
    regression). ``penalty`` draws the effects of an interval towards the column's mean over the intervals, so that a
    large one gives proportional hazards.

    Parameters
    ----------
    breakpoints : int or sequence of float, default 2
        Times at which the hazard changes, or how many of them: they are then quantiles of the event times, so that
        each interval has about the same number of events.
    penalty : float, default 0.0
        Added to the mean negative log-likelihood: ``penalty`` times the variance over intervals of the effects per
        standard deviation, summed over columns.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich) with clusters or with weights that are not frequencies, and the inverse of the
        observed information otherwise. With a penalty, the information contains it.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0.

    Attributes
    ----------
    breakpoints_ : ndarray of shape (K − 1,)
        Ends of all intervals but the last.
    intercept_ : ndarray of shape (K,)
        Log hazards at predictors 0, per unit of time.
    coef_ : ndarray of shape (K, p)
        Log hazard ratios per unit, by interval.
    covariance_ : ndarray of shape (K(p + 1), K(p + 1))
        Covariance of intercept and coefficients of the first interval, then of the next.
    events_ : ndarray of float of shape (K,)
        Weight of the events in each interval; an event between two visits counts in the interval of the later visit.
    log_likelihood_ : float
        At the maximum, without the penalty.
    variance_ : str
        ``"model"`` or ``"robust"``.
    n_exact_events_, n_event_times_ : int
        Events with exact times, and distinct times among them.
    n_iter_ : int
        Newton's steps.

    Notes
    -----
    An event at a breakpoint belongs to the interval that ends there; lifelines itself takes the mean of the two hazards
    there. Follow-up beyond the last breakpoint has the last hazard. There is no linear predictor: effects change over
    time. Events of other causes count as censored, and absolute risks are then refused.

    References
    ----------
    Friedman M (1982). Piecewise exponential models for survival data with covariates. Annals of Statistics 10, 101–113.
    doi:10.1214/aos/1176345693

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import PiecewiseExponential
    >>> y = Surv.right([1.0, 2.0, 4.0, 5.0, 8.0, 9.0], [1, 1, 1, 0, 1, 0])
    >>> model = PiecewiseExponential([4.0]).fit(np.zeros((6, 0)), y)
    >>> np.exp(model.intercept_).round(4).tolist()  # 3 events in 19 months, then 1 in 10
    [0.1579, 0.1]
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval")
    _instead: ClassVar[str] = "For a state at a later visit use LogisticRisk."
    _single_cause: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True
    weights_equal_copies: ClassVar[bool] = False  # quantiles and standard deviations are those of rows

    def __init__(
        self, breakpoints: Any = 2, *, penalty: float = 0.0, variance: str = "auto", collinear: str = "error"
    ) -> None:
        self.breakpoints = breakpoints
        self.penalty = penalty
        self.variance = variance
        self.collinear = collinear

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
    ) -> PiecewiseExponential:
        """Fit by maximum (penalised) likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Surv.interval`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; unless they are frequencies, the covariance is robust.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Units of the robust covariance.

        Raises
        ------
        EstimationError
            Without events in an interval, or if the likelihood has no finite maximum.
        MissingPackageError
            If lifelines is not installed.
        """
        name = type(self).__name__
        penalty = check_number("penalty", self.penalty, low=0)
        self._refuse(strata=strata, offset=offset)
        problem = event_problem(self, self._start_fit(X, y, sample_weight, None, None, clusters))
        rows = problem.rows
        self.breakpoints_ = self._breakpoints(problem)
        cuts = self.breakpoints_ / problem.unit
        self.events_ = _by_interval(cuts, rows.time, rows.weights * (rows.kind > 0))
        empty = np.flatnonzero(self.events_ <= 0)
        if empty.size:
            ends = [0.0, *self.breakpoints_.tolist(), np.inf]
            told = ", ".join(f"({ends[k]:g}, {ends[k + 1]:g}]" for k in empty)
            raise EstimationError(f"{name} has no event in {told}: drop a breakpoint, or move it.")
        exposure = np.diff(np.append(np.minimum(cuts, rows.time[:, None]), rows.time[:, None], axis=1), prepend=0.0)
        start = np.log(rows.weights @ exposure / self.events_)
        names = [f"lambda_{k}_" for k in range(cuts.size + 1)]
        found = maximise(
            piecewise_likelihood(cuts.tolist(), penalty, caller=name),
            rows,
            dict.fromkeys(names, problem.columns),
            {key: np.append(start[k], np.zeros(problem.columns.shape[1] - 1)) for k, key in enumerate(names)},
            caller=name,
            remedy="in some interval a combination of columns separates those with the event from those without. Use "
            "fewer breakpoints, merge sparse categories, drop columns, or give a penalty.",
        )
        estimates = np.stack([-problem.back @ found.theta[key] for key in names])
        self.intercept_, self.coef_ = estimates[:, 0] - np.log(problem.unit), estimates[:, 1:]
        back = np.kron(np.eye(len(names)), problem.back)
        self.covariance_ = back @ problem.covariance(found) @ back.T
        self.variance_ = "robust" if problem.robust else "model"
        self.log_likelihood_ = found.log_likelihood + problem.density_unit
        self.n_iter_ = found.iterations
        exact = rows.kind == 1
        self.n_exact_events_, self.n_event_times_ = int(exact.sum()), int(np.unique(rows.time[exact]).size)
        return self

    def _breakpoints(self, problem: EventProblem) -> np.ndarray:
        """Return the declared times, or quantiles of the event times that have events after them."""
        if np.ndim(self.breakpoints) == 1:
            given = check_vector("breakpoints", self.breakpoints, low=0)
            if (given <= 0).any() or (np.diff(given) <= 0).any():
                raise argument_error("breakpoints", "positive and increasing", given.tolist())
            return given
        count = int(check_number("breakpoints", self.breakpoints, low=0, high=50, whole=True))
        found = problem.rows.time[problem.rows.kind > 0]
        cuts = np.unique(np.quantile(found, np.arange(1, count + 1) / (count + 1)))
        return cuts[(cuts >= found.min()) & (cuts < found.max())] * problem.unit

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: exact times that are in fact visits."""
        return few_event_times(type(self).__name__, self.n_exact_events_, self.n_event_times_)

    def _cumulative_hazard(self, X: np.ndarray, times: np.ndarray) -> np.ndarray:
        ends = np.minimum(np.append(self.breakpoints_, np.inf)[:, None], times)
        with np.errstate(over="ignore"):
            hazard = np.exp(self.intercept_ + row_products(X, self.coef_.T))
        return row_products(hazard, np.diff(ends, axis=0, prepend=0.0))

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        return -np.expm1(-self._cumulative_hazard(X, horizons))

    @takes_rows()
    def predict_survival(self, X: Any, times: Any) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond follow-up. Arguments as `predict_risk`."""
        return 1.0 - risk_from_origin(times, lambda at: self.predict_risk(X, at))

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per interval and term, the intercept first.

        Columns ``start, end, term, coef, hr, low, high, se, z, p, confidence, variance, coef_low, coef_high``; terms
        are named with their interval, ``age (0, 3]``, so that a reader's table is complete.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        ends = np.concatenate([[0.0], self.breakpoints_, [np.inf]])
        terms = ["(intercept)", *self._names()]
        labels = [f"({a:g}, {b:g}]" if np.isfinite(b) else f"> {a:g}" for a, b in pairwise(ends)]
        table = coefficient_table(
            [f"{term} {label}" for label in labels for term in terms],
            np.column_stack([self.intercept_, self.coef_]).ravel(),
            self.covariance_,
            ratio="hr",
            confidence=confidence,
            variance=self.variance_,
            has_ratio=np.tile(np.arange(len(terms)) > 0, len(labels)),
        )
        table.insert(0, "start", np.repeat(ends[:-1], len(terms)))
        table.insert(1, "end", np.repeat(ends[1:], len(terms)))
        return table


def _by_interval(cuts: np.ndarray, times: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum counts by the interval in which their times lie; a breakpoint ends its interval."""
    return np.bincount(np.searchsorted(cuts, times, side="left"), counts, minlength=cuts.size + 1)
