"""``decision_curve``: net benefit of decisions by predicted risks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    Objection,
    RandomState,
    argument_error,
    check_beside,
    check_choice,
    check_clusters,
    check_confidence,
    check_horizons,
    check_number,
    check_risks,
    check_thresholds,
    clip_to_range,
    generator,
    inside_range,
    interval,
    inversion_objection,
    known_area,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import censoring_curve, followed_times, order_of_times, step_at
from lbp_prognosis.evaluation.utility._decision_curve_result import (
    NO_RISK,
    TREAT_ALL,
    TREAT_NONE,
    DecisionCurve,
    simultaneous_factor,
)
from lbp_prognosis.evaluation.utility._decision_data import DecisionData, Point
from lbp_prognosis.evaluation.utility._threshold_range import ThresholdRange
from lbp_prognosis.survival import cause_codes, check_outcome, check_weights, status_horizon

__all__ = ["decision_curve"]


@takes_rows()
def decision_curve(
    y: np.ndarray,
    risks: Any,
    horizons: Any = None,
    thresholds: Any = None,
    *,
    cause: int = 1,
    target: str = "event",
    estimator: str = "km",
    at_threshold: str = "treat",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    random_state: RandomState = 0,
    min_at_risk: int = 10,
    min_censoring_survival: float = 0.02,
) -> DecisionCurve:
    """Return the net benefit of treating patients whose risk reaches a threshold, by threshold.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` (censored, with competing events if there are any) or `Status.at`.
    risks : ndarray of shape (n, n_horizons), or mapping from name to such arrays
        P(event of ``cause`` by the horizon), also when ``target="no_event"``.
    horizons : float or sequence of float, optional
        Prediction horizons, in the unit of ``y``; a `Status` contains its own.
    thresholds : array-like of shape (n_thresholds,) or ThresholdRange
        Distinct risks of the TARGET in (0, 1) at or above which a patient is treated. Results keep their order. A range
        is expanded to its grid in steps of 0.01. Required.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Outcome that treatment should prevent, or that the decision concerns. ``"no_event"``: the event has not happened
        by the horizon (competing events count as not happened); the predicted risk is then 1 − risk.
    estimator : {"km", "ipcw"}, default "km"
        ``"km"``: Kaplan–Meier (with competing events Aalen–Johansen) among the treated. ``"ipcw"``: inverse probability
        of censoring weights from all patients.
    at_threshold : {"treat", "spare"}, default "treat"
        Whether a patient with a risk equal to the threshold is treated. Equality has a tolerance of 1e-7, which exceeds
        the rounding error of single precision and of 1 − (1 − p) at a risk of 0.35.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights.
    clusters : array-like of shape (n,), optional
        Unit of the variance and of resampling, e.g. the centre.
    confidence : float, default 0.95
        Level of intervals and bands.
    n_resamples : int, default 200
        Number of resamples for the simultaneous bands; 0 omits the bands.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed of the resamples.
    min_at_risk : int, default 10
        Smallest accepted number of patients followed to the horizon; below it the value is NaN with a reason.
    min_censoring_survival : float, default 0.02
        Smallest accepted probability of being uncensored at the horizon with ``"ipcw"``; below it the value is NaN with
        a reason.

    Returns
    -------
    DecisionCurve
        Net benefit with standard errors, pointwise intervals and simultaneous bands; methods ``difference``, ``at``,
        ``standardised``, ``interventions_avoided``, ``weighted_area``, ``plot``.

    Raises
    ------
    OutcomeError
        For an outcome of another kind, or with delayed entry (the share treated at time zero is then unknown).
    ArgumentError
        For risks outside [0, 1], missing risks, or wrong shapes.

    See Also
    --------
    lbp_prognosis.evaluation.ThresholdRange : At which risks would one act?
    lbp_prognosis.evaluation.evaluate : How good are these predictions?

    Notes
    -----
    With w = t/(1 − t), NB(t) = TP − w·FP, where TP and FP are shares of all patients; treating all has π − w(1 − π).
    With ``"km"`` TP = P(treated)·F(τ | treated), and a treated patient with a competing event counts as a false
    positive, without benefit. Where follow-up among the treated ends before the horizon, their last estimate is carried
    forward and flagged. The variance is that of the influence values: Greenwood's variance among the treated plus the
    binomial variance of being treated. Bands come from resampling cells of equal patients, refitting every curve;
    beyond 20,000 rows from normal multiples of the influence values, summed in 10,000 random blocks of rows.

    References
    ----------
    Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models. Med Decis Making
    2006;26:565–574. doi:10.1177/0272989X06295361.
    Vickers AJ, Cronin AM, Elkin EB, Gonen M. Extensions to decision curve analysis. BMC Med Inform Decis Mak 2008;8:53.
    doi:10.1186/1472-6947-8-53.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Status
    >>> from lbp_prognosis.evaluation import decision_curve
    >>> y = Status.at(12, [1, 1, 0, 0, 0])
    >>> curve = decision_curve(y, [0.8, 0.4, 0.5, 0.1, 0.2], 12, [0.2, 0.5], n_resamples=0)
    >>> curve.value[0, 0].round(3).tolist()
    [0.3, 0.0]
    """
    kind = check_outcome(
        y,
        ("right", "status"),
        caller="decision_curve",
        instead="For outcomes seen at visits use Status.at(visit, state) at each visit.",
    )
    check_choice("target", target, ("event", "no_event"))
    check_choice("estimator", estimator, ("km", "ipcw"))
    check_choice("at_threshold", at_threshold, ("treat", "spare"))
    confidence = check_confidence(confidence)
    n_resamples = int(check_number("n_resamples", n_resamples, low=0, whole=True))
    check_number("min_at_risk", min_at_risk, low=0, whole=True)
    check_number("min_censoring_survival", min_censoring_survival, low=0, high=1)
    grid, declared = _grid(thresholds)
    if horizons is None and kind == "status":
        horizons = status_horizon(y)
    times, scalar = check_horizons(horizons)
    if "entry" in (y.dtype.names or ()):
        raise argument_error(
            "y",
            "without delayed entry for decision_curve",
            "an outcome with `entry`",
            "Who would have been treated at time zero is unknown among late entrants: use landmark data.",
        )
    n = y.shape[0]
    check_beside("risks", risks, sample_weight=sample_weight, clusters=clusters)
    models = check_risks(risks, n=n, n_horizons=times.size)
    for name in (TREAT_ALL, TREAT_NONE):
        if name in models:
            raise argument_error("risks", f"without a model named {name!r}", repr(name), "It is added by itself.")
    weights = check_weights(sample_weight, n)
    groups = check_clusters("clusters", clusters, n=n)
    keep, time, code, objections = _rows(y, kind, cause, times)
    values = None if weights is None else weights.values[keep]
    copies = np.ones(keep.size) if values is None else (values > 0).astype(float)
    if weights is not None and values is not None and weights.kind == "frequency":
        copies = values
    if kind == "right" and min_at_risk > 0:  # without guards a censoring at the horizon weighs 0, as in R
        time, _ = followed_times(time, code, times, copies)
    reason, doubts = _reasons(kind, time, code, times, values, copies, estimator, min_at_risk, min_censoring_survival)
    objections += doubts
    stack = np.empty((len(models), keep.size, times.size))
    for given, risk in zip(stack, models.values()):
        np.take(risk, keep, axis=0, out=given, mode="clip")
    missing = np.isnan(stack[:, 0])  # a risk is missing in no row of a horizon, or in all
    if missing.any():
        stack = np.where(missing[:, None], 0.0, stack)
    if target == "no_event":
        stack = 1 - stack
    data = _prepare(
        time,
        code,
        stack,
        np.ones_like(times) if kind == "status" else times,
        grid,
        values,
        None if weights is None else weights.kind,
        None if groups is None else groups[keep],
        at_threshold == "spare",
        target == "no_event",
        estimator == "ipcw",
        missing,
    )
    curve = _estimate(data, (*models, TREAT_ALL), times, reason, confidence, n_resamples, random_state)
    mean = np.where(missing, np.nan, np.average(stack, axis=1, weights=values))

    def area(m: int, h: int) -> float:
        gone = time <= (1.0 if kind == "status" else times[h])
        weight = np.where((code > 0) | ~gone, 1.0 if values is None else values, 0.0)
        found = known_area(stack[m, :, h], gone & (code == 1), weight)
        return found if target == "event" else 1 - found

    objections += _inversions(tuple(models), mean, curve["observed"], reason, times, area)
    events = (code == 1) if kind == "status" else (code == 1) & (time <= times[-1])
    return DecisionCurve(
        models=(*models, TREAT_ALL),
        horizons=times,
        thresholds=grid,
        confidence=confidence,
        method=_method(kind, estimator, bool((code == 2).any()), at_threshold),
        cause=None if kind == "status" else cause,
        target=target,
        at_threshold=at_threshold,
        n=round(float(copies.sum())),
        n_events=round(float(copies[events].sum())),
        threshold_range=declared,
        objections=tuple(dict.fromkeys(objections)),
        scalar=scalar,
        **curve,
    )


def _grid(thresholds: Any) -> tuple[np.ndarray, ThresholdRange | None]:
    """Return the thresholds, and the range that declares them."""
    if thresholds is None:
        raise argument_error(
            "thresholds",
            "given: the risks at which the decision turns, or a ThresholdRange",
            "None",
            "Declare the range in which the decision is really taken, e.g. np.arange(0.10, 0.41, 0.01).",
        )
    declared = thresholds if isinstance(thresholds, ThresholdRange) else None
    # 0.1 + 0.2 as a threshold is 0.3 for the reader
    return np.round(check_thresholds(declared.grid() if declared else thresholds, ordered=False), 12), declared


def _rows(
    y: np.ndarray, kind: str, cause: int, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Objection]]:
    """Return the rows used, their times and codes; a state is an event at time 1 or none, with the horizon at 1."""
    if kind == "right":
        return np.arange(y.shape[0]), y["time"].astype(float), cause_codes(y, cause), []
    visit = status_horizon(y)
    if times.size != 1 or (visit is not None and not np.isclose(times[0], visit)):
        known = "" if visit is None else f" ({visit:g})"
        raise argument_error("horizons", f"the one visit of the Status outcome{known}", str(times.tolist()))
    keep = np.flatnonzero(y["status"] >= 0)
    if keep.size == 0:
        raise argument_error("y", "a Status with at least one observed state", "none observed")
    state = y["status"][keep]
    objections = []
    if keep.size < y.shape[0]:
        objections.append(objection("status-not-observed", missing=y.shape[0] - keep.size, n=y.shape[0]))
    return keep, np.where(state == 1, 1.0, 2.0), state.astype(np.int64), objections


def _reasons(
    kind: str,
    time: np.ndarray,
    code: np.ndarray,
    times: np.ndarray,
    weights: np.ndarray | None,
    copies: np.ndarray,
    estimator: str,
    min_at_risk: int,
    min_censoring_survival: float,
) -> tuple[tuple[str, ...], list[Objection]]:
    if kind == "status":
        return ("",) * times.size, []
    out, doubts = [], []
    grid, _, right = censoring_curve(time, code, weights)
    last = time[copies > 0].max()
    for tau in times:
        followed = float(copies[time >= tau].sum())
        g = float(step_at(grid, right, tau, left=1.0))
        survivors = last > tau
        if followed < min_at_risk or tau > last:
            out.append(f"{followed:g} at risk at {tau:g}, fewer than {max(min_at_risk, 1)}")
        elif estimator == "ipcw" and survivors and g < min_censoring_survival:
            out.append(f"probability of being uncensored at {tau:g} is {g:.3g}, below {min_censoring_survival:g}")
        else:
            out.append("")
            if estimator == "ipcw" and survivors and g < 0.10:
                doubts.append(objection("few-uncensored", horizon=tau, probability=g))
    return tuple(out), doubts


def _inversions(
    models: tuple[str, ...],
    mean: np.ndarray,
    observed: np.ndarray,
    reason: tuple[str, ...],
    times: np.ndarray,
    area: Callable[[int, int], float],
) -> list[Objection]:
    """Object to models whose mean risk (n_models, n_horizons) looks like that of the opposite outcome."""
    found = [
        inversion_objection(mean[m, h], observed[h], name, times[h], partial(area, m, h))
        for m, name in enumerate(models)
        for h in range(times.size)
        if not reason[h] and not np.isnan(mean[m, h])
    ]
    return [objection for objection in found if objection is not None]


def _prepare(
    time: np.ndarray,
    code: np.ndarray,
    risks: np.ndarray,
    horizons: np.ndarray,
    thresholds: np.ndarray,
    weights: np.ndarray | None,
    weight_kind: str | None,
    clusters: np.ndarray | None,
    strict: bool,
    complement: bool,
    ipcw: bool,
    missing: np.ndarray,
) -> DecisionData:
    order = order_of_times(time)
    every = np.empty((risks.shape[0] + 1, *risks.shape[1:]))
    np.take(risks, order, axis=1, out=every[:-1], mode="clip")
    every[-1] = 1.0
    frequency = weight_kind == "frequency"
    scale = weights
    if frequency and clusters is None and weights is not None:
        scale = np.sqrt(weights)  # as many patients as the count, each with its own small influence
    labels = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    return DecisionData(
        order,
        time[order],
        code[order],
        every,
        horizons,
        thresholds,
        _taken(weights, order),
        _taken(scale, order),
        _taken(labels, order),
        frequency,
        strict,
        complement,
        ipcw,
        np.concatenate([missing, np.zeros((1, horizons.size), dtype=bool)]),
    )


def _taken(values: np.ndarray | None, order: np.ndarray) -> np.ndarray | None:
    return None if values is None else np.ascontiguousarray(values[order])


def _estimate(
    data: DecisionData,
    models: tuple[str, ...],
    times: np.ndarray,
    reason: tuple[str, ...],
    confidence: float,
    n_resamples: int,
    random_state: RandomState,
) -> dict[str, Any]:
    shape = (len(models), times.size, data.thresholds.size)
    out: dict[str, Any] = {
        name: np.full(shape, np.nan)
        for name in (
            "value",
            "se",
            "low",
            "high",
            "band_low",
            "band_high",
            "treated",
            "true_positive",
            "false_positive",
        )
    }
    out["carried_forward"] = np.zeros(shape, dtype=bool)
    out["observed"] = np.full(times.size, np.nan)
    resamples: list[np.ndarray | None] = [None] * times.size
    seeds = generator(random_state) if n_resamples else None
    for h in range(times.size):
        if reason[h]:
            continue
        out["observed"][h] = data.incidence(h)
        if seeds is not None:
            resamples[h] = data.resamples(h, n_resamples, seeds)
        for m in range(len(models)):
            if data.missing[m, h]:
                continue
            point: Point = data.point(m, h)
            out["value"][m, h], out["se"][m, h] = point.net_benefit, point.se
            out["treated"][m, h], out["true_positive"][m, h] = point.treated, point.true_positive
            out["false_positive"][m, h] = point.false_positive
            out["carried_forward"][m, h] = _carried_forward(data, m, h)
            draws = resamples[h]
            if draws is not None:
                half = simultaneous_factor(draws[:, m] - point.net_benefit, point.se, confidence) * point.se
                out["band_low"][m, h] = clip_to_range("net_benefit", point.net_benefit - half)
                out["band_high"][m, h] = clip_to_range("net_benefit", point.net_benefit + half)
    limits = interval(out["value"], out["se"], confidence)
    out["low"], out["high"], _ = inside_range("net_benefit", out["value"], *limits)
    gone = [NO_RISK if not r and data.missing[:-1, h].all() else r for h, r in enumerate(reason)]
    return {**out, "reason": tuple(gone), "_data": data, "_resamples": tuple(resamples)}


def _carried_forward(data: DecisionData, model: int, h: int) -> np.ndarray:
    """Say at which thresholds the last of the treated was censored before the horizon."""
    last = data.longest_follow_up(model, h)
    last = np.maximum.accumulate(last[::-1])[::-1][1:][data.rank]
    ends = np.where(last >= 0, data.time[np.maximum(last, 0) // 2], np.inf)
    return (last >= 0) & (last % 2 == 1) & (ends < data.horizons[h])


def _method(kind: str, estimator: str, competing: bool, at_threshold: str) -> str:
    side = "risk ≥ threshold" if at_threshold == "treat" else "risk > threshold"
    if kind == "status":
        return f"observed states; {side}"
    if estimator == "ipcw":
        return f"IPCW, marginal Kaplan–Meier censoring; {side}"
    return f"{'Aalen–Johansen' if competing else 'Kaplan–Meier'} among the treated; {side}"
