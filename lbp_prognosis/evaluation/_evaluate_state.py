"""``evaluate_state``: performance of predicted probabilities of being in a state at a given time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from lbp_prognosis._base import (
    MetricResult,
    RandomState,
    argument_error,
    check_clusters,
    check_risks,
    describe,
    influence_se,
    interval,
    takes_rows,
)
from lbp_prognosis.evaluation._evaluate import evaluate
from lbp_prognosis.evaluation._evaluation import Evaluation
from lbp_prognosis.evaluation.prognostic import OverHorizons
from lbp_prognosis.survival import MultiState, state_at, state_occupancy, state_pseudo_values

__all__ = ["evaluate_state"]

_MOST_STEPS = 50

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Patients:
    """Labels of the patients of courses, who may have several rows each."""

    ids: Any
    row_labels: pd.Index | None

    @classmethod
    def of(cls, courses: MultiState) -> _Patients:
        if courses.label is not None and len(courses) == courses.n_patients:
            return cls(courses, None)  # labels of rows are those of patients
        return cls(np.zeros(courses.n_patients), pd.Index(list(courses.ids)))

    @takes_rows(beside="ids")
    def in_order(self, risks: Any, clusters: Any) -> tuple[Any, Any]:
        return risks, clusters


def _by_patients(function: F) -> F:
    """Bring risks and clusters, one per patient, into the order of the patients by their labels."""

    @wraps(function)
    def wrapped(courses: Any, risks: Any, *args: Any, clusters: Any = None, **options: Any) -> Any:
        if isinstance(courses, MultiState):
            risks, clusters = _Patients.of(courses).in_order(risks, clusters)
        return function(courses, risks, *args, clusters=clusters, **options)

    return cast(F, wrapped)


@_by_patients
@takes_rows()
def evaluate_state(
    courses: MultiState,
    risks: Any,
    time: float,
    state: str,
    thresholds: Any = None,
    *,
    clusters: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    random_state: RandomState = 0,
    min_at_risk: int = 10,
) -> Evaluation:
    """Evaluate predicted probabilities of state occupancy, e.g. of being in pain at twelve months.

    Parameters
    ----------
    courses : MultiState
        Courses of the patients, with late entry if there is any.
    risks : array-like of shape (n_patients,), or mapping from name to such arrays
        P(in ``state`` at ``time``), in the order of ``courses.ids``, or in any order if labelled by them:
        ``predict_risk(X, time, state=state)`` of a `MultiStateCox`.
    time : float
        Time of evaluation.
    state : str
        Name of the state.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds on the probability of the state.
    clusters : array-like of shape (n_patients,), optional
        Cluster of each patient, for the standard errors; in the same order, or labelled.
    confidence : float, default 0.95
        Level of intervals.
    n_resamples : int, default 200
        Number of resamples for simultaneous bands of net benefit and for intervals of calibration distances.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed of the resamples.
    min_at_risk : int, default 10
        Smallest accepted number of patients with a known state; below it the value is NaN with a reason. With late
        entry also of patients under observation, as in `state_at`.

    Returns
    -------
    Evaluation
        AUC, Brier score, calibration and net benefit in patients with a known state, weighted by the inverse
        probability of a known state (`state_at`). ``calibration_slope_pseudo``, ``calibration_intercept_pseudo`` (logit
        regressions of pseudo-values) and ``observed_occupancy`` (Aalen–Johansen) use all patients. With late entry
        there are no pseudo-values, and these two are NaN with a reason.

    Raises
    ------
    ArgumentError
        If an argument is not of one value per patient, or the states of the patients do not represent all at the time,
        as in `state_at`.

    Notes
    -----
    State occupancy differs from cumulative incidence: a patient who recovers and relapses is in pain again. The
    standard errors treat the weights as known. With late entry, results refer to all patients without an absorbing
    state at the earliest start, if entry is independent of the course and of the predictors.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.evaluation import evaluate_state
    >>> from lbp_prognosis.survival import MultiState
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=200)
    >>> t = rng.exponential(10 * np.exp(-x))
    >>> stop = np.minimum(t, 24)
    >>> state = np.where(t < 24, "recovered", "censored")
    >>> courses = MultiState.from_long(range(200), np.zeros(200), stop, state, initial="pain")
    >>> found = evaluate_state(courses, np.exp(-12 * np.exp(x) / 10), 12, "pain", n_resamples=0)
    >>> round(found.metric("observed_occupancy").value, 3)
    0.35
    """
    if not isinstance(courses, MultiState):
        raise argument_error("courses", "made by MultiState.from_long or from_visits", describe(courses))
    n = courses.n_patients
    models = check_risks(risks, n=n, n_horizons=1)
    status, weights = state_at(courses, time, state, min_at_risk=min_at_risk)
    found = evaluate(
        status,
        models,
        time,
        thresholds,
        sample_weight=weights,
        clusters=clusters,
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=random_state,
        min_at_risk=min_at_risk,
    )
    units = check_clusters("clusters", clusters, n=n)
    pseudo = None if courses.late_entry else state_pseudo_values(courses, time)[:, 0, courses.code(state)]
    shared = {"time": float(time), "confidence": confidence, "clusters": units, "n": n}
    metrics = {}
    for name in found.models:
        own = [*_lines(pseudo, models[name][:, 0], shared), _observed(courses, state, shared)]
        metrics[name] = {**found.metrics[name], **{part.metric: part.labelled(model=name) for part in own}}
    more = [
        metrics[second][key].minus(metrics[first][key])
        for i, first in enumerate(found.models)
        for second in found.models[i + 1 :]
        for key in ("calibration_intercept_pseudo", "calibration_slope_pseudo")
    ]
    return replace(
        found,
        metrics=metrics,
        differences=(*found.differences, *more),
        objections=tuple(dict.fromkeys((*courses.objections, *found.objections))),
    )


def _result(
    metric: str, value: float, own: np.ndarray, method: str, shared: dict[str, Any], reason: str
) -> MetricResult:
    own = np.where(bool(reason), np.nan, own)
    se = float(influence_se(own, shared["clusters"]))
    value = np.nan if reason else value
    low, high = interval(value, se, shared["confidence"])
    return OverHorizons(
        metric=metric,
        tier="prognostic",
        value=float(value),
        se=se,
        low=float(low),
        high=float(high),
        confidence=shared["confidence"],
        method=method,
        horizon=shared["time"],
        target="event",
        n=shared["n"],
        reason=reason,
        influence=own,
        clusters=shared["clusters"],
    )


def _observed(courses: MultiState, state: str, shared: dict[str, Any]) -> MetricResult:
    found = state_occupancy(courses, shared["time"])
    k = courses.code(state)
    own = found.influence[:, 0, k] * shared["n"]
    reason = "" if np.isfinite(found.value[0, k]) else "no patient is followed to this time"
    return _result("observed_occupancy", float(found.value[0, k]), own, "Aalen–Johansen", shared, reason)


def _lines(pseudo: np.ndarray | None, risk: np.ndarray, shared: dict[str, Any]) -> list[MetricResult]:
    """Logit regression of pseudo-values on the logit of the risk, by estimating equations."""
    words = "logit line through pseudo-values"
    x = logit(np.clip(risk, 1e-8, 1 - 1e-8))
    design = np.column_stack([np.ones(x.size), x])
    reason = "all predictions are equal" if np.ptp(x) < 1e-10 else ""
    reason = (
        "late entry: the mean of pseudo-values given predictors is not the probability" if pseudo is None else reason
    )
    theta, own = np.array([0.0, 1.0]), np.full((x.size, 2), np.nan)
    if pseudo is not None and not reason:
        for _ in range(_MOST_STEPS):
            mean = expit(design @ theta)
            slope = (mean * (1 - mean))[:, None] * design
            step = np.linalg.lstsq(slope.T @ design, design.T @ (pseudo - mean), rcond=None)[0]
            theta = theta + np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-10:
                break
        else:
            reason = "the line through pseudo-values did not converge"
    if pseudo is not None and not reason:
        mean = expit(design @ theta)
        bread = np.linalg.inv(((mean * (1 - mean))[:, None] * design).T @ design / x.size)
        own = (design * (pseudo - mean)[:, None]) @ bread
    return [
        _result(f"calibration_{what}_pseudo", float(theta[k]), own[:, k], words, shared, reason)
        for k, what in enumerate(("intercept", "slope"))
    ]
