"""A site's results for a model: estimates, standard errors and sums, before the disclosure gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import logit

from lbp_prognosis._kernels import TaylorSums, followed_by_visits, ipcw_influence, ipcw_weights, taylor_sums
from lbp_prognosis.evaluation import brier, concordance, decision_curve, time_dependent_auc
from lbp_prognosis.survival import aalen_johansen

__all__ = ["SiteNumbers", "site_numbers", "state_at"]

_CLIP = 1e-8
_NO_ERROR = 1e-12


@dataclass(frozen=True)
class SiteNumbers:
    """Numbers of one cohort.

    ``sums`` are those of `known` weights w (mean 1): Σ p, Σ w y, Σ w y p, Σ w p². ``estimates`` are value and standard
    error by name, ``influence`` (n,) where the metric has it, ``pairs`` concordant, discordant and tied, ``decisions``
    by threshold the number treated, net benefit, its error and that of its gain over treating all, ``paired``
    differences from the comparator, ``by_table`` the numbers of each imputed table.
    """

    n: int
    events: int
    without: int
    unknown: int
    sums: dict[str, float]
    estimates: dict[str, tuple[float, float]]
    influence: dict[str, np.ndarray] = field(repr=False)
    pairs: tuple[float, float, float] = (0.0, 0.0, 0.0)
    taylor: TaylorSums | None = None
    decisions: dict[float, tuple[int, float, float, float]] = field(default_factory=dict)
    paired: dict[str, tuple[float, float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    by_table: tuple[SiteNumbers, ...] = field(default=(), repr=False)


def state_at(y: np.ndarray, kind: str, horizon: float, cause: int) -> np.ndarray:
    """Return 1 with the event by the horizon, 0 if event-free, −1 if unknown (n,)."""
    if kind == "status":
        return np.asarray(y["status"], dtype=np.int64)
    if kind == "interval":
        time, event = followed_by_visits(y["lower"], y["upper"], y["event"], horizon)
        state = np.where(event != 0, (event == cause).astype(np.int64), -1)
        return np.where((event == 0) & (time > horizon), 0, state)
    happened = (y["event"] != 0) & (y["time"] <= horizon)
    state = np.where(happened, (y["event"] == cause).astype(np.int64), -1)
    return np.where(~happened & (y["time"] > horizon), 0, state)


def site_numbers(
    y: np.ndarray,
    kind: str,
    risk: np.ndarray,
    horizon: float,
    cause: int,
    *,
    score: np.ndarray | None,
    expected: np.ndarray | None,
    thresholds: Sequence[float] = (),
    comparator: np.ndarray | None = None,
) -> SiteNumbers:
    """Compute everything once.

    Parameters
    ----------
    y, kind : ndarray of shape (n,), str
        `Surv.right` (``"right"``), `Surv.interval` (``"interval"``) or `Status.at` (``"status"``).
    risk, comparator : ndarray of shape (n,)
        Risks by the horizon.
    horizon, cause : float, int
        Horizon and event code of the risk.
    score : ndarray of shape (n,) or None
        Score that ranks patients; the risk by default.
    expected : ndarray of shape (n,) or None
        Cumulative hazard that the model gives each patient up to the end of follow-up or the horizon; None where
        calibration is of the state.
    thresholds : sequence of float
        Those that the gate keeps.
    """
    state = state_at(y, kind, horizon, cause)
    n = state.size
    weight = _weights(y, kind, state, horizon)
    case = (state == 1).astype(float)
    sums = {
        "predicted": float(risk.sum()),
        "observed": float(weight @ case),
        "observed_predicted": float(weight @ (case * risk)),
        "predicted_squared": float(weight @ risk**2),
        "observed_se": _observed_se(y, kind, state, horizon, cause),
    }
    estimates: dict[str, tuple[float, float]] = {}
    influence: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    at = None if kind == "status" else horizon
    options: dict[str, Any] = {} if kind == "status" else {"cause": cause}
    results: dict[str, Any] = {}
    found = brier(y, risk, at, **options)
    results["brier"], results["ipa"] = found, found.ipa
    results["auc"] = time_dependent_auc(y, risk, at, **options)
    pairs = (0.0, 0.0, 0.0)
    ranks = risk if score is None else score
    if kind != "status":
        c = concordance(y, ranks, cause=cause)
        results["concordance"] = c
        pairs = (float(c.concordant), float(c.discordant), float(c.tied))
    else:
        pairs = _pairs(ranks[state == 1], ranks[state == 0])
    for name, result in results.items():
        _take(name, result, estimates, influence, reasons)
    decisions: dict[float, tuple[int, float, float, float]] = {}
    paired: dict[str, tuple[float, float]] = {}
    if comparator is not None:
        other = brier(y, comparator, at, **options)
        pairs_of = {
            "brier": (found, other),
            "ipa": (found.ipa, other.ipa),
            "auc": (results["auc"], time_dependent_auc(y, comparator, at, **options)),
        }
        for name, (first, second) in pairs_of.items():
            change = first.minus(second)
            paired[name] = (float(change.value), float(change.se))
    if len(thresholds) and kind == "interval":
        decisions, gains = _at_visits(y, risk, comparator, case, horizon, thresholds)
        paired.update(gains)
    elif len(thresholds):
        models = {"model": risk} if comparator is None else {"model": risk, "comparator": comparator}
        curve = decision_curve(y, models, at, thresholds, n_resamples=0, **options)
        for cut in thresholds:
            point = curve.at(cut, model="model")
            treated = int((risk >= cut - 1e-7).sum())
            gain_over_all = curve.at(cut, model="model", reference="treat all")
            decisions[float(cut)] = (treated, float(point.value), float(point.se), float(gain_over_all.se))
            if comparator is not None:
                gain = curve.at(cut, model="model", reference="comparator")
                paired[f"net_benefit@{cut:g}"] = (float(gain.value), float(gain.se))
    return SiteNumbers(
        n=n,
        events=int((state == 1).sum()),
        without=int((state == 0).sum()),
        unknown=int((state < 0).sum()),
        sums=sums,
        estimates=estimates,
        influence=influence,
        pairs=pairs,
        taylor=_taylor(y, kind, risk, weight, case, expected, cause, horizon),
        decisions=decisions,
        paired=paired,
        reasons=reasons,
    )


def _take(
    name: str,
    result: Any,
    estimates: dict[str, tuple[float, float]],
    influence: dict[str, np.ndarray],
    reasons: dict[str, str],
) -> None:
    value, se = float(result.value), float(result.se)
    if not (np.isfinite(value) and np.isfinite(se)):
        # words with numbers would tell counts of a few patients, such as those at risk at the horizon
        told = str(result.reason) or "not estimable"
        reasons[name] = "too few patients at risk or known" if any(sign.isdigit() for sign in told) else told
        return
    if se < _NO_ERROR:  # its weight would be infinite where sites are pooled
        reasons[name] = "its standard error is 0: all risks are equal, or they order all pairs alike"
        return
    estimates[name] = (value, se)
    if result.influence is not None:
        influence[name] = np.asarray(result.influence).reshape(-1)


def _weights(y: np.ndarray, kind: str, state: np.ndarray, horizon: float) -> np.ndarray:
    """Inverse probability of being known (n,), with the site's own censoring curve; mean 1."""
    if kind == "status":
        known = state >= 0
        return known / known.mean()
    time, event = _follow_up(y, kind, horizon)
    return np.asarray(ipcw_weights(time, event, np.array([horizon])))[:, 0]


def _follow_up(y: np.ndarray, kind: str, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    if kind == "interval":
        return followed_by_visits(y["lower"], y["upper"], y["event"], horizon)
    return y["time"], y["event"]


_Decisions = dict[float, tuple[int, float, float, float]]


def _at_visits(
    y: np.ndarray,
    risk: np.ndarray,
    comparator: np.ndarray | None,
    case: np.ndarray,
    horizon: float,
    thresholds: Sequence[float],
) -> tuple[_Decisions, dict[str, tuple[float, float]]]:
    """Net benefit from the states known at a visit, weighted for patients lost to follow-up, and paired differences."""
    time, event = _follow_up(y, "interval", horizon)

    def mean(values: np.ndarray) -> tuple[float, float]:
        theta, psi = ipcw_influence(time, event, horizon, values)
        return float(theta), float(np.sqrt(psi @ psi)) / case.size

    decisions: _Decisions = {}
    paired: dict[str, tuple[float, float]] = {}
    for cut in map(float, thresholds):
        worth = case - cut / (1 - cut) * (1 - case)
        treated = risk >= cut - 1e-7
        decisions[cut] = (int(treated.sum()), *mean(treated * worth), mean((treated - 1.0) * worth)[1])
        if comparator is not None:
            paired[f"net_benefit@{cut:g}"] = mean((treated - 1.0 * (comparator >= cut - 1e-7)) * worth)
    return decisions, paired


def _observed_se(y: np.ndarray, kind: str, state: np.ndarray, horizon: float, cause: int) -> float:
    """Standard error of Σ w y: of a share among those known, or Greenwood's."""
    n = state.size
    if kind == "status":
        known = int((state >= 0).sum())
        mean = float((state == 1).sum() / known)
        return n * float(np.sqrt(mean * (1 - mean) / known))
    if kind == "interval":
        psi = ipcw_influence(*_follow_up(y, kind, horizon), horizon, (state == 1).astype(float))[1]
        return float(np.sqrt(psi @ psi))
    return n * float(np.ravel(aalen_johansen(y, cause=cause).at(horizon).se)[0])


def _pairs(cases: np.ndarray, controls: np.ndarray) -> tuple[float, float, float]:
    """Return concordant, discordant and tied pairs of a case and a control."""
    ordered = np.sort(controls)
    below = np.searchsorted(ordered, cases, side="left")
    upto = np.searchsorted(ordered, cases, side="right")
    return float(below.sum()), float((ordered.size - upto).sum()), float((upto - below).sum())


def _taylor(
    y: np.ndarray,
    kind: str,
    risk: np.ndarray,
    weight: np.ndarray,
    case: np.ndarray,
    expected: np.ndarray | None,
    cause: int,
    horizon: float,
) -> TaylorSums:
    p = np.clip(risk, _CLIP, 1 - _CLIP)
    if expected is not None and kind == "right":
        happened = ((y["event"] == cause) & (y["time"] <= horizon)).astype(float)
        return taylor_sums(np.log(-np.log1p(-p)), happened - expected, expected, expected)
    v = weight * p * (1 - p)
    return taylor_sums(logit(p), weight * (case - p), v, v * (1 - 2 * p))
