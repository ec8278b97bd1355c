"""``NullModel``: the observed risk for all patients, the reference of every model."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_horizons,
    takes_rows,
)
from lbp_prognosis._kernels import step_at
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._hazard_steps import events_at
from lbp_prognosis.survival import OutcomeKind, Weights, aalen_johansen, status_horizon, turnbull

__all__ = ["NullModel"]


class NullModel(RiskEstimator):
    """Null model: one risk for all patients.

    Kaplan–Meier (one cause) or Aalen–Johansen (competing causes) for right-censored outcomes, Turnbull's estimate for
    outcomes seen at visits, the prevalence among those seen for a state at a visit. Predictors are not looked at: they
    may hold text and missing values.

    Parameters
    ----------
    strata : str or list of str, optional
        Columns of ``X`` whose values have curves of their own.
    horizon : float, optional
        For a `Status` that has lost its visit time.

    Attributes
    ----------
    times_ : dict of int to list of ndarray
        For each cause and stratum, the times at which the incidence rises.
    incidence_ : dict of int to list of ndarray
        The incidence from each of these times on.
    baseline_events_ : dict of int to list of ndarray
        Rows with the event at each of these times; of intervals, the number of rows expected to have it by then and
        not by the time before, in whole numbers that add up. Not of states.
    interpolated_ : bool
        Whether the incidence runs straight between the times (Turnbull's intervals, inside which it is not known)
        instead of in steps.
    n_missing_ : int
        Rows left out because the state was not observed.

    Notes
    -----
    Without events the risk is 0. With delayed entry the curve starts where ten patients are at risk, if events came
    before.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import NullModel
    >>> model = NullModel().fit(np.zeros((4, 1)), Surv.right([1, 2, 3, 4], [1, 2, 1, 0]))
    >>> model.predict_risk(np.zeros((1, 1)), [1, 3]).tolist(), model.predict_risk(np.zeros((1, 1)), 3, cause=2).tolist()
    ([[0.25, 0.5]], [[0.25]])
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval", "status")
    weights_equal_copies: ClassVar[bool] = True

    def __init__(self, *, strata: Any = None, horizon: float | None = None) -> None:
        self.strata = strata
        self.horizon = horizon

    def _own_columns(self, X: Any, strata: Any, offset: Any) -> tuple[Any, Any, Any]:
        """Take the strata out of ``X`` and replace the other columns, which are not used, by zeros."""
        X, strata, offset = super()._own_columns(X, strata, offset)
        if isinstance(X, pd.DataFrame):
            names = list(X.columns) or ["none"]
            return pd.DataFrame(np.zeros((len(X), len(names))), columns=names), strata, offset
        shape = np.shape(X)
        return np.zeros(shape if len(shape) == 2 and shape[1] else (len(X), 1)), strata, offset

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
    ) -> NullModel:
        """Estimate the curve.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Not used, except for its strata.
        y : ndarray of shape (n,)
            Made by `Surv.right`, `Surv.interval` or `Status.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : array-like of shape (n,), optional
            Labels of separate curves.
        offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Not used: the model has no standard error.
        """
        self._refuse(offset=offset)
        design = self._start_fit(X, y, sample_weight, strata, None, clusters)
        used = np.ones(y.shape[0], dtype=bool) if design.weights is None else design.weights > 0
        codes = np.zeros(y.shape[0], dtype=np.int64) if design.strata is None else design.strata
        self.n_missing_ = 0
        self.interpolated_ = design.kind == "interval"
        if design.kind == "status":
            self._fit_status(design, used, codes)
            return self
        self.causes_ = np.unique(np.append(self.causes_, 1))
        self.times_: dict[int, list[np.ndarray]] = {}
        self.incidence_: dict[int, list[np.ndarray]] = {}
        for cause in self.causes_.tolist():
            pairs = [_curve(design, used & (codes == code), cause) for code in range(codes.max() + 1)]
            self.times_[cause], self.incidence_[cause] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if design.kind == "right":
            self.baseline_events_ = {
                cause: events_at(self.times_[cause], y["time"], used & (y["event"] == cause), codes)
                for cause in self.times_
            }
        else:
            rows = np.bincount(codes[used], minlength=codes.max() + 1)
            self.baseline_events_ = {
                cause: [_expected_events(n, levels) for n, levels in zip(rows, self.incidence_[cause])]
                for cause in self.incidence_
            }
        return self

    def _fit_status(self, design: Design, used: np.ndarray, codes: np.ndarray) -> None:
        horizon = status_horizon(design.y) if self.horizon is None else self.horizon
        if horizon is None:
            raise argument_error(
                "y",
                "a Status with its visit time",
                "one that has lost it",
                "Say NullModel(horizon=…), in the unit of the study.",
            )
        seen = design.y["status"] >= 0
        weights = np.ones(seen.size) if design.weights is None else design.weights
        total = np.bincount(codes, weights=weights * seen)
        if (total == 0).any():
            raise EstimationError("NullModel needs an observed state (in every stratum); there is none.")
        events = np.bincount(codes, weights=weights * (design.y["status"] == 1))
        self.horizon_ = self.max_time_ = float(horizon)
        self.causes_, self.score_horizons_ = np.array([1]), np.array([self.horizon_])
        self.times_ = {1: [np.array([self.horizon_])] * total.size}
        self.incidence_ = {1: [np.array([share]) for share in events / total]}
        self.n_missing_ = int((~seen & used).sum())

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        if strata is None and self.strata_levels_:
            raise argument_error("strata", "given, as at fit", "None", "A risk needs the stratum of each row.")
        read = []
        for times, incidence in zip(self.times_[cause], self.incidence_[cause]):
            if self.interpolated_:
                read.append(np.interp(horizons, np.append(0.0, times), np.append(0.0, incidence)))
            else:
                read.append(step_at(times, incidence, horizons, left=0.0))
        table = np.clip(np.stack(read), 0.0, 1.0)
        return table[np.zeros(X.shape[0], dtype=np.int64) if strata is None else strata]

    @takes_rows()
    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the observed probability of the event by each horizon, the same in every row (of a stratum).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Only the number of rows matters, and the strata.
        horizons : float or sequence of float
            In the unit of the training outcome; after a fit on a `Status` all but its time are NaN.
        cause : int, default 1
            Event code.
        strata : array-like of shape (n,), optional
            Stratum of each row, if the model was fitted with strata.
        offset : None
            Not taken.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks; a column beyond follow-up is NaN.
        """
        out = super().predict_risk(X, horizons, cause, strata=strata, offset=offset)
        if hasattr(self, "horizon_"):
            out[:, ~np.isclose(check_horizons(horizons)[0], self.horizon_, rtol=1e-9, atol=0)] = np.nan
        return out

    def to_frame(self) -> pd.DataFrame:
        """Return the curves: ``cause, stratum, time, incidence``."""
        self._check_fitted()
        labels = self.strata_levels_ or [None]
        tables = [
            pd.DataFrame(
                {
                    "cause": cause,
                    "stratum": str(label) if self.strata_levels_ else "",
                    "time": times,
                    "incidence": incidence,
                }
            )
            for cause in self.times_
            for label, times, incidence in zip(labels, self.times_[cause], self.incidence_[cause])
        ]
        return pd.concat(tables, ignore_index=True)


def _expected_events(n: int, incidence: np.ndarray) -> np.ndarray:
    """Return how many of ``n`` rows the incidence expects from each time to the next: whole numbers that add up."""
    by_then = np.floor(n * np.maximum.accumulate(incidence) + 1e-6)
    return np.diff(by_then, prepend=0.0).astype(int)


def _curve(design: Design, rows: np.ndarray, cause: int) -> tuple[np.ndarray, np.ndarray]:
    """Times at which the incidence of a cause rises, and its heights."""
    if not rows.any():
        raise EstimationError("NullModel needs rows of positive weight in every stratum.")
    weights = None
    if design.weights is not None and design.weight_kind is not None:
        weights = Weights(design.weights[rows], design.weight_kind)
    y = design.y[rows]
    if not (y["event"] == cause).any():
        return np.empty(0), np.empty(0)
    if design.kind == "right":
        curve = aalen_johansen(y, cause=cause, sample_weight=weights)
        rises = np.diff(curve.value, prepend=0.0) > 0
        return curve.times[rises], curve.value[rises]
    found = turnbull(y, cause=cause, sample_weight=weights)
    mine = (found.causes == cause) & np.isfinite(found.right) & (found.mass > 0)
    after = np.cumsum(found.mass[mine])
    # each interval rises straight from its left to its right end; a point is a jump
    ends = np.column_stack([found.left[mine], found.right[mine]]).ravel()
    return ends, np.column_stack([after - found.mass[mine], after]).ravel()
