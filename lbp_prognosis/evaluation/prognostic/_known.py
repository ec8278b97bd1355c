"""Patients known to be cases or event-free at a horizon, with their weights, for each kind of outcome.

Metrics of predicted risks are implemented once, for `Known`; only this file distinguishes kinds of outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from lbp_prognosis._base import Objection, argument_error, objection
from lbp_prognosis._kernels import (
    CensoringProcess,
    censoring_process,
    followed_by_visits,
    influence_from_process,
    step_at,
    weights_from_process,
)
from lbp_prognosis.evaluation.prognostic._setting import MOST_KEPT, Setting

__all__ = ["Known", "censoring_of", "known_at_horizons", "right_guards"]


@dataclass(frozen=True)
class Known:
    """Known states at one horizon.

    ``case`` (n,) is True for the event of interest by the horizon; ``weight`` (n,) is the inverse probability of being
    known, 0 where unknown, averaging 1; ``influence`` maps the products w h (n,) to their mean and its influence values
    for one copy of a row. ``reason`` says why nothing can be estimated.
    """

    case: np.ndarray
    weight: np.ndarray
    influence: Callable[[np.ndarray], tuple[float, np.ndarray]]
    reason: str = ""
    objections: tuple[Objection, ...] = field(default=())


def known_at_horizons(setting: Setting) -> Iterator[Known]:
    """Yield `Known` for each horizon."""
    if setting.shared and setting.n * setting.horizons.size <= MOST_KEPT:
        yield from setting.kept("known", lambda: tuple(_known(setting)))
    else:
        yield from _known(setting)


def _known(setting: Setting) -> Iterator[Known]:
    if setting.kind == "status":
        yield _from_status(setting)
    elif setting.kind == "interval":
        for tau in setting.horizons:
            yield _from_interval(setting, float(tau))
    else:
        yield from _from_right(setting)


def censoring_of(setting: Setting) -> CensoringProcess:
    """Return the censoring process of right-censored rows, computed once."""
    weights = None if setting.weights is None else setting.row_weight
    return setting.kept("censoring", lambda: censoring_process(setting.followed, setting.y["event"], weights))


def _mean(weighted: np.ndarray, row_weight: np.ndarray, weight: np.ndarray) -> tuple[float, np.ndarray]:
    """Weighted mean and influence values, with weights taken as known."""
    theta = float(np.sum(row_weight * weighted) / row_weight.sum())
    return theta, weighted - theta * weight


def _from_status(setting: Setting) -> Known:
    status, row = setting.y["status"], setting.row_weight
    known = (status >= 0) & (row > 0)
    share = row[known].sum() / row.sum()
    weight = np.where(known, 1 / share, 0.0) if share > 0 else np.zeros(setting.n)
    observed = float(setting.copies[known].sum())
    reason = (
        f"the state is known for {observed:g} patients, fewer than {setting.min_at_risk:g} (min_at_risk)"
        if observed < setting.min_at_risk or share == 0
        else ""
    )
    objections: tuple[Objection, ...] = ()
    if share < 1 and setting.weights is None and not reason:
        objections = (objection("status-missing", missing=setting.n - observed, n=setting.n),)
    return Known(status == 1, weight, partial(_mean, row_weight=row, weight=weight), reason, objections)


def right_guards(
    setting: Setting, process: CensoringProcess, mean_weight: np.ndarray
) -> tuple[list[str], list[Objection]]:
    """Return reasons by horizon without a weighted estimate, and objections to estimates from a few rows."""
    reasons: list[str] = []
    objections: list[Objection] = []
    present = np.bincount(process.code, weights=setting.copies, minlength=process.times.size)
    still = np.append(np.cumsum(present[::-1])[::-1], 0.0)
    last = process.times[present > 0].max()
    probability = step_at(process.times, process.right, setting.horizons, left=1.0)
    for tau, free, mean in zip(setting.horizons, probability, mean_weight):
        at_risk = float(still[np.searchsorted(process.times, tau, side="left")])
        survivors = bool(last > tau)
        reason = ""
        if at_risk < setting.min_at_risk or last < tau:
            reason = (
                f"{at_risk:g} at risk at {tau:g}, fewer than {setting.min_at_risk:g} (min_at_risk)"
                if at_risk < setting.min_at_risk
                else f"no patient is followed until {tau:g}"
            )
        elif survivors and free < setting.min_censoring_survival:
            reason = (
                f"the probability of being uncensored at {tau:g} is {free:.3g}, below "
                f"{setting.min_censoring_survival:g} (min_censoring_survival)"
            )
        elif not abs(mean - 1) < 1e-6:
            lost = (
                f"no patient is followed beyond {tau:g} although not all had an event: the state at {tau:g} of those "
                "censored there is unknown (take a horizon just before it)"
            )
            if setting.min_at_risk > 0 or not np.isfinite(mean):
                reason = lost
            else:  # without guards: the estimate from the known rows, and its missing weight
                objections.append(objection("weights-below-one", horizon=tau, mean=mean, reason=lost))
        elif survivors and free < 0.10:
            objections.append(objection("few-uncensored", horizon=tau, probability=free))
        reasons.append(reason)
    return reasons, objections


def _from_right(setting: Setting) -> Iterator[Known]:
    time, event, row = setting.followed, setting.y["event"], setting.row_weight
    weights = None if setting.weights is None else row
    process = censoring_of(setting)
    strata = None
    if setting.censoring is None:
        columns = weights_from_process(process, time, event, setting.horizons)
        mean = row @ columns / row.sum()
    else:
        columns = _model_weights(setting)
        mean = np.where(np.isfinite(columns).all(axis=0), 1.0, np.inf)
        strata = _curves_of_strata(setting, columns)
    reasons, objections = right_guards(setting, process, mean)
    for k, tau in enumerate(setting.horizons):
        weight = np.ascontiguousarray(columns[:, k])
        influence: Callable[[np.ndarray], tuple[float, np.ndarray]]
        if setting.censoring is None:
            influence = partial(_estimated, process=process, event=event, tau=float(tau), weights=weights)
        elif strata is not None:
            influence = partial(_estimated_by_stratum, strata=strata, event=event, tau=float(tau), row_weight=row)
        else:
            influence = partial(_mean, row_weight=row, weight=np.ones(setting.n))
        yield Known((event == setting.cause) & (time <= tau), weight, influence, reasons[k], tuple(objections))


_Strata = list[tuple[np.ndarray, CensoringProcess]]


def _curves_of_strata(setting: Setting, columns: np.ndarray) -> _Strata | None:
    """Return rows and censoring process of each stratum, if the model consists of their curves on these rows."""
    codes = getattr(setting.censoring, "codes_", None)
    if codes is None or np.shape(codes) != (setting.n,):
        return None
    time, event, row = setting.followed, setting.y["event"], setting.row_weight
    out, again = [], np.empty_like(columns)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        process = censoring_process(time[rows], event[rows], None if setting.weights is None else row[rows])
        again[rows] = weights_from_process(process, time[rows], event[rows], setting.horizons)
        out.append((rows, process))
    return out if np.allclose(again, columns, rtol=1e-10, atol=0, equal_nan=True) else None


def _estimated_by_stratum(
    weighted: np.ndarray, strata: _Strata, event: np.ndarray, tau: float, row_weight: np.ndarray
) -> tuple[float, np.ndarray]:
    psi, total = np.empty(weighted.size), 0.0
    for rows, process in strata:
        theta, own = influence_from_process(process, event[rows], tau, weighted[rows], row_weight[rows])
        psi[rows] = own + theta
        total += theta * row_weight[rows].sum()
    theta = total / row_weight.sum()
    return float(theta), psi - theta


def _model_weights(setting: Setting) -> np.ndarray:
    """Inverse probabilities from a fitted censoring model, of shape (n, k)."""
    time, event, n = setting.y["time"], setting.y["event"], setting.n
    before = np.asarray(setting.censoring.survival_before(time), dtype=float)
    beyond = [
        # patients censored where follow-up ends for all were followed to that time: their censoring does not count
        np.asarray(
            setting.censoring.survival_before(np.full(n, tau))
            if tau == setting.ends_at
            else setting.censoring.survival_at(float(tau)),
            dtype=float,
        )
        for tau in setting.horizons
    ]
    if before.shape != (n,) or any(at.shape != (n,) for at in beyond):
        raise argument_error(
            "censoring",
            f"a model fitted on the {n} rows of `y`, in their order",
            f"probabilities of shape {beyond[0].shape}",
        )
    with np.errstate(divide="ignore"):
        own = np.where(event != 0, 1 / before, 0.0)
        later = 1 / np.stack(beyond, axis=1)
    return np.where(setting.followed[:, None] > setting.horizons, later, own[:, None])


def _estimated(
    weighted: np.ndarray, process: CensoringProcess, event: np.ndarray, tau: float, weights: np.ndarray | None
) -> tuple[float, np.ndarray]:
    return influence_from_process(process, event, tau, weighted, weights)


def _from_interval(setting: Setting, tau: float) -> Known:
    """Known states at the visit; a patient with an unknown state left after the last visit with a known state."""
    y, row = setting.y, setting.row_weight
    happened, free = y["upper"] <= tau, y["lower"] >= tau
    free &= ~((y["lower"] == y["upper"]) & happened)
    time, event = followed_by_visits(y["lower"], y["upper"], y["event"], tau)
    weights = None if setting.weights is None else row
    if setting.weights is not None and setting.weights.kind == "attrition":
        # the caller models attendance: use the known rows with the caller's weights
        known = (happened | free) & (row > 0)
        share = row[known].sum() / row.sum()
        weight = np.where(known, 1 / share, 0.0) if share > 0 else np.zeros(setting.n)
        count = float(setting.copies[known].sum())
        reason = (
            ""
            if share > 0 and count >= setting.min_at_risk
            else f"the state at {tau:g} is known for {count:g} patients"
        )
        return Known(
            happened & (y["event"] == setting.cause), weight, partial(_mean, row_weight=row, weight=weight), reason
        )
    process = censoring_process(time, event, weights)
    weight = weights_from_process(process, time, event, tau)
    mean = np.array([np.sum(row * weight) / row.sum()])
    single = replace(setting, horizons=np.array([tau]))
    reasons, objections = right_guards(single, process, mean)
    influence = partial(_estimated, process=process, event=event, tau=tau, weights=weights)
    case = happened & (y["event"] == setting.cause)
    astride = float(setting.copies[~happened & ~free & np.isfinite(y["upper"])].sum())
    if astride > 0:
        objections.append(objection("state-between-visits", n=astride, horizon=tau))
    return Known(case, weight, influence, reasons[0], tuple(objections))
