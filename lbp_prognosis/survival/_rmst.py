"""Restricted mean survival time."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    check_clusters,
    check_confidence,
    check_horizons,
    check_number,
    influence_se,
    interval,
    takes_rows,
)
from lbp_prognosis._kernels import KMSteps, distinct_times, kaplan_meier_steps, step_at
from lbp_prognosis.survival._curve_rows import CurveRows, curve_rows

__all__ = ["rmst"]


@takes_rows()
def rmst(
    y: Any,
    horizons: Any,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 1,
) -> MetricResult:
    """Estimate the restricted mean event-free time up to a horizon.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; events of all causes count.
    horizons : float or sequence of float
        Restriction times τ, in the unit of the outcome.
    sample_weight : Weights or array-like of shape (n,), optional
        Frequency weights count as copies; otherwise each row is one patient.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the variance; each row is independent by default.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 1
        Smallest accepted number at risk at a horizon (``time >= τ``); below it the value is NaN with a reason, unless
        the curve reaches zero before the horizon.

    Returns
    -------
    MetricResult
        ``metric="rmst"`` in the unit of the outcome, with per-row ``influence``.

    Notes
    -----
    ∫_0^τ S(u) du with the Kaplan–Meier curve; variance Σ_{t≤τ} (∫_t^τ S(u) du)² d/(Y(Y − d)) (Greenwood's plug-in),
    which is the variance of the estimator, not of min(T, τ). With sampling weights or clusters, the variance is the sum
    of squared influence values.

    References
    ----------
    Royston P, Parmar MKB. Restricted mean survival time: an alternative to the hazard ratio for the design and analysis
    of randomized trials with a time-to-event outcome. BMC Med Res Methodol 2013;13:152.
    https://doi.org/10.1186/1471-2288-13-152

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv, rmst
    >>> rmst(Surv.right([1, 2, 3, 4], [1, 1, 1, 1]), 4).value
    2.5
    """
    taus, scalar = check_horizons(horizons)
    check_confidence(confidence)
    check_number("min_at_risk", min_at_risk, low=0)
    codes = check_clusters("clusters", clusters, n=y.shape[0])
    rows = curve_rows(y, sample_weight, caller="rmst")
    used = np.ones(y.shape[0], dtype=bool)
    if rows.time.size != y.shape[0]:  # rows of weight zero have no influence values
        used = np.asarray(getattr(sample_weight, "values", sample_weight), dtype=float) > 0
    steps = kaplan_meier_steps(rows.time, rows.event, entry=rows.entry, weights=rows.weights)
    count = _Counter(rows)
    value, se, reasons = [], [], []
    influence = np.zeros((y.shape[0], taus.size))
    place = distinct_times(rows.time)[1]
    for column, tau in enumerate(taus):
        mean, greenwood, moved = _restricted_mean(rows, steps, place, float(tau))
        psi = influence[:, column]
        psi[used] = moved * y.shape[0]
        ended = float(step_at(steps.times, steps.survival, float(tau), left=1.0, before=True)) == 0
        followed = count.at_risk(float(tau)) >= min_at_risk or ended
        robust = codes is not None or rows.robust
        error = float(tau * influence_se(psi / tau, codes)) if robust else greenwood
        value.append(mean if followed else np.nan)
        se.append(error if followed else np.nan)
        reasons.append("" if followed else f"fewer than {min_at_risk:g} at risk at {tau:g}")
        if not followed:
            psi[:] = np.nan
    low, high = interval(value, se, confidence)

    def shaped(values: Any) -> Any:
        return float(np.asarray(values)[0]) if scalar else np.asarray(values, dtype=float)

    return MetricResult(
        metric="rmst",
        tier="",
        value=shaped(value),
        se=shaped(se),
        low=shaped(low),
        high=shaped(high),
        confidence=float(confidence),
        method="area under Kaplan–Meier, Greenwood variance"
        if codes is None and not rows.robust
        else "area under Kaplan–Meier, robust variance",
        horizon=shaped(taus),
        n=rows.size,
        n_events=count.events(),
        reason=reasons[0] if scalar else tuple(reasons),
        influence=influence[:, 0] if scalar else influence,
        clusters=codes,
    )


class _Counter:
    """Unweighted numbers of patients at risk and events."""

    def __init__(self, rows: CurveRows) -> None:
        self.rows = rows
        self.size = np.ones(rows.time.size) if rows.counts is None else rows.counts

    def at_risk(self, tau: float) -> float:
        here = self.rows.time >= tau
        if self.rows.entry is not None:
            here &= self.rows.entry < tau
        return float(self.size[here].sum())

    def events(self) -> int:
        return int(self.size[self.rows.event > 0].sum())


def _restricted_mean(rows: CurveRows, steps: KMSteps, place: np.ndarray, tau: float) -> tuple[float, float, np.ndarray]:
    """Area to τ, its Greenwood standard error, and the influence of each row (whose sum of squares is a variance).

    ``place`` (n,) is the position of each row's time among ``steps.times``.
    """
    used = steps.times < tau
    grid = np.concatenate([[0.0], steps.times[used], [tau]])
    height = np.concatenate([[1.0], steps.survival[used]])
    width = np.diff(grid)
    area = np.concatenate([[0.0], np.cumsum(height * width)])  # ∫_0^grid S
    mean = float(area[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = steps.at_risk > steps.events
        jump = np.where(stays, 1.0 / np.where(stays, steps.at_risk - steps.events, 1.0), 0.0)
    term = np.where(stays, steps.events / np.where(steps.at_risk > 0, steps.at_risk, 1.0) * jump, 0.0)
    rest = mean - area[1:-1]  # ∫_t^τ S at each used time; the curve is 0 after a time at which no patient stays
    greenwood = float(tau * np.sqrt(np.sum((rest / tau) ** 2 * term[used])))  # squares of times may overflow
    grown = np.cumsum(term)
    # ψ_i / n = −∫ S(u) b_i(u) du with b_i = δ_i/(Y − d)(T_i) − [g(T_i ∧ u) − g(E_i)]
    level = np.concatenate([[0.0], grown[used]])
    mixed = np.concatenate([[0.0], np.cumsum(height * level * width)])  # ∫_0^grid S g
    stop = np.minimum(steps.times, tau)

    def up_to(total: np.ndarray, slope: np.ndarray, at: np.ndarray) -> np.ndarray:
        where = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, width.size - 1)
        return total[where] + slope[where] * (at - grid[where])

    s_stop, sg_stop = up_to(area, height, stop), up_to(mixed, height * level, stop)
    late = np.where(steps.times < tau, mean - s_stop, 0.0)
    if rows.entry is None:
        while_in = sg_stop[place]
        g_in: np.ndarray | float = 0.0
    else:
        begin = np.minimum(rows.entry, tau)
        g_in = step_at(steps.times, grown, begin, left=0.0)
        while_in = sg_stop[place] - up_to(mixed, height * level, begin)
        while_in = while_in - g_in * (s_stop[place] - up_to(area, height, begin))
    final = np.where(rows.event > 0, jump[place], 0.0) - (grown[place] - g_in)
    moved = while_in - final * late[place]
    return mean, greenwood, moved if rows.weights is None else rows.weights * moved
