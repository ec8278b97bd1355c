"""``AalenAdditive``: hazards that add up, with effects that change over time."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_confidence,
    check_vector,
    norm,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import row_products, step_at
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._collinear import kept_columns
from lbp_prognosis.models._cox_checks import column_sd
from lbp_prognosis.models._lifelines_adapter import additive_hazards
from lbp_prognosis.models._survival_regression import SurvivalCurves, risk_from_origin
from lbp_prognosis.survival import OutcomeKind

__all__ = ["AalenAdditive"]

_VISIBLE = 0.01  # of risk
_SHARE = 0.05  # of the training rows


class AalenAdditive(SurvivalCurves, RiskEstimator):
    """Aalen's additive hazards model.

    Aalen's model: h(t | x) = b₀(t) + x·b(t). Effects are differences of hazards, of any shape over time: nothing is
    assumed to be proportional. The cumulative effects B(t) are estimated by least squares at each event time
    (lifelines), so that slopes of B against time show when a predictor matters.

    Parameters
    ----------
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it no effect.

    Attributes
    ----------
    times_ : ndarray of shape (k,)
        Event times at which effects are estimated.
    baseline_events_ : ndarray of int of shape (k,)
        Events at each.
    cumulative_baseline_ : ndarray of shape (k,)
        Cumulative hazard of a patient with the mean predictors ``centre_``.
    cumulative_coef_ : ndarray of shape (k, p)
        Cumulative differences of hazards per unit of each column.
    increments_ : ndarray of shape (k, p + 1)
        Increments of both at each of ``times_``, the baseline first: 1 less the baseline increment is the factor of
        the product limit at mean predictors.
    variance_ : ndarray of shape (k, p + 1)
        Variances of the baseline and cumulative coefficients; NaN with weights that are not frequencies, which
        lifelines has none for.
    centre_ : ndarray of shape (p,)
        Means of the columns.
    max_time_ : float
        End of follow-up, or the last of ``times_`` if effects could not be estimated up to there; risks beyond are NaN.
    negative_share_ : float
        Share of the training rows whose estimated risk is 0 or negative at a quartile of the event times.
    raised_share_, largest_raise_ : float
        Share of the training rows whose risk at the quartiles of the event times is more than 0.01 above the estimate
        there (or above 0, where the estimate is negative), because the estimate has fallen; and the largest difference.

    Notes
    -----
    risk = 1 − S(τ), with S the smallest of 1 and ∏ (1 − dB₀(t) − x·dB(t)), t ≤ s, over s ≤ τ, and no factor below 0:
    increments can be negative for some x, and a risk may not fall. Where ``negative_share_`` or ``raised_share_`` is
    above 0.05, ``objections_`` says so: the mean risk is then too high.

    A least-squares increment is d/n where predictors have no effect, so the product is the Kaplan–Meier estimate, also
    where many events share a date or a visit. exp(−B), which lifelines uses, takes d/n for −log(1 − d/n): if two thirds
    have the event by 12 months its risk is 0.02 lower on dates in whole months, 0.09 on visits every six months.
    Files of earlier versions keep that form.

    Effects are estimated at event times with three rows at risk per column and linearly independent columns among
    them, the rule of ``survival::aareg``. Events of other causes count as censored, and absolute risks are then
    refused. Delayed entry, strata, offsets and clusters are refused: lifelines has none. Its ridge penalty is not
    offered: it shrinks the baseline too.

    References
    ----------
    Aalen OO (1989). A linear regression model for the analysis of life times. Statistics in Medicine 8, 907–925.
    doi:10.1002/sim.4780080803

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import AalenAdditive
    >>> y = Surv.right([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 1, 0, 1, 0, 0])
    >>> model = AalenAdditive().fit(np.zeros((6, 0)), y)
    >>> model.cumulative_baseline_.round(4).tolist()  # 1/6, + 1/5, + 1/3
    [0.1667, 0.3667, 0.7]
    >>> model.predict_risk(np.zeros((1, 0)), [1.0, 2.0, 4.0]).round(4).tolist()  # 1 − 5/6 · 4/5 · 2/3
    [[0.1667, 0.3333, 0.5556]]
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right",)
    _instead: ClassVar[str] = "For outcomes known between visits use PiecewiseExponential or RoystonParmar."
    _single_cause: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True

    def __init__(self, *, collinear: str = "error") -> None:
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
    ) -> AalenAdditive:
        """Estimate the cumulative effects.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right`, without delayed entry.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; unless they are frequencies, there are no standard errors.
        strata, offset, clusters : None
            Not taken.

        Raises
        ------
        EstimationError
            Without events, or if there are fewer than three rows per column.
        MissingPackageError
            If lifelines is not installed.
        """
        name = type(self).__name__
        self._refuse(strata=strata, offset=offset, clusters=clusters)
        design = self._start_fit(X, y, sample_weight, None, None, None)
        if design.entry is not None and (design.entry > 0).any():
            raise argument_error(
                "y",
                f"without delayed entry for {name}, whose risk sets begin at 0",
                "delayed entry",
                "CoxPH, RoystonParmar and PiecewiseExponential take it.",
            )
        rows = design.taking_part
        matrix, time, event = design.X[rows], y["time"][rows], y["event"][rows] == 1
        if not event.any():
            raise EstimationError(f"{name} needs events of cause 1 to fit; there is none among {time.size} rows.")
        kept = kept_columns(matrix, None, self._names(), self.collinear)
        weights = np.ones(time.size) if design.weights is None else design.weights[rows]
        self.centre_ = matrix.mean(axis=0)
        scale = column_sd(matrix, None, "n-1")[kept]
        inner = ((matrix - self.centre_)[:, kept]) / scale
        found = additive_hazards(inner, time, event, weights, caller=name)
        self.times_, self.baseline_events_ = found.times, found.events
        self.cumulative_baseline_ = found.cumulative[:, -1]
        self.cumulative_coef_ = np.zeros((found.times.size, matrix.shape[1]))
        self.cumulative_coef_[:, kept] = found.cumulative[:, :-1] / scale
        cumulative = np.column_stack([self.cumulative_baseline_, self.cumulative_coef_])
        self.increments_ = np.diff(cumulative, axis=0, prepend=0.0)
        self.variance_ = np.zeros((found.times.size, matrix.shape[1] + 1))
        self.variance_[:, 0] = found.variance[:, -1]
        self.variance_[:, 1 + np.flatnonzero(kept)] = found.variance[:, :-1] / scale**2
        if design.weights is not None and not design.frequency:
            self.variance_ = np.full_like(self.variance_, np.nan)
        if found.stopped:
            self.max_time_ = float(found.times[-1])
        self._judge(matrix)
        return self

    def _judge(self, X: np.ndarray) -> None:
        """Find where risks are higher because they may not fall."""
        at = self.score_horizons_[self.score_horizons_ <= self.max_time_]
        estimated = step_at(self.times_, np.maximum(self._estimated(X), 0.0).T, at, left=0.0).T
        raised = self._risk(X, at, 1, None, None) - estimated
        worst = raised.max(axis=1, initial=0.0)
        self.negative_share_ = float((estimated <= 0).any(axis=1).mean())
        self.raised_share_ = float((worst > _VISIBLE).mean())
        self.largest_raise_ = float(worst.max())

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: risks that would fall."""
        self._check_fitted()
        if max(self.negative_share_, self.raised_share_) <= _SHARE:
            return ()
        return (
            objection(
                "falling-cumulative-hazard",
                negative=self.negative_share_,
                fallen=self.raised_share_,
                largest=self.largest_raise_,
            ),
        )

    def _hazard(self, X: np.ndarray) -> np.ndarray:
        """Cumulative hazard at ``times_``, which may fall; shape (n, k)."""
        return self.cumulative_baseline_ + row_products(X - self.centre_, self.cumulative_coef_.T)

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        rising = np.maximum.accumulate(np.maximum(self._estimated(X), 0.0), axis=1)
        return step_at(self.times_, rising.T, horizons, left=0.0).T

    def _estimated(self, X: np.ndarray) -> np.ndarray:
        """Risk at ``times_`` as estimated, which may fall and be negative; shape (n, k)."""
        if not hasattr(self, "increments_"):  # a file of an earlier version
            return -np.expm1(-self._hazard(X))
        factors = 1.0 - self.increments_[:, 0] - row_products(X - self.centre_, self.increments_[:, 1:].T)
        return 1.0 - np.cumprod(np.maximum(factors, 0.0), axis=1)

    @takes_rows()
    def predict_cumulative_hazard(self, X: Any, times: Any) -> np.ndarray:
        """Return H(t | x) as estimated, which may decrease or be negative; shape (n, n_times), NaN beyond `max_time_`.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        times : float or sequence of float
            Times ≥ 0.
        """
        matrix, _, _ = self._start_predict(X)
        at = check_vector("times", np.atleast_1d(times), low=0)
        return np.where(at <= self.max_time_, step_at(self.times_, self._hazard(matrix).T, at, left=0.0).T, np.nan)

    @staticmethod
    def _curve_steps(part: Any) -> list[np.ndarray]:
        return [part.times_]

    @takes_rows()
    def predict_survival(self, X: Any, times: Any) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond `max_time_`. Arguments as `predict_risk`."""
        return 1.0 - risk_from_origin(times, lambda at: self.predict_risk(X, at))

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return the cumulative effects, one row per event time and term; the baseline is at the mean predictors.

        Columns ``time, term, cumulative, low, high, se, confidence``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the pointwise intervals.
        """
        self._check_fitted()
        level = check_confidence(confidence)
        terms = ["(baseline)", *self._names()]
        cumulative = np.column_stack([self.cumulative_baseline_, self.cumulative_coef_])
        se = np.sqrt(self.variance_)
        half = norm.ppf(0.5 + level / 2) * se
        return pd.DataFrame(
            {
                "time": np.repeat(self.times_, len(terms)),
                "term": np.tile(terms, self.times_.size),
                "cumulative": cumulative.ravel(),
                "low": (cumulative - half).ravel(),
                "high": (cumulative + half).ravel(),
                "se": se.ravel(),
                "confidence": level,
            }
        )
