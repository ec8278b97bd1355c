"""Checks of predictions that are implausibly good, far from the outcome, or repeated too often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import MetricResult, Objection, check_clusters, objection
from lbp_prognosis._kernels import MOST_COMPARED, copied_rows
from lbp_prognosis.survival import aalen_johansen, outcome_kind, outcome_screen

__all__ = ["screen_predictions"]

_IMPLAUSIBLE_AUC = 0.97  # no prognostic model of back pain approaches it; a copied outcome does
_LEAST = 100  # patients below which so high an AUC is uninformative
_FACTOR = 3.0  # O/E, or its odds, beyond which an explanation is needed, not recalibration
_FACTOR_AT_LIMIT = 2.0  # and the odds at the nearer limit
_APART = 0.2  # least difference of observed and expected whose odds are looked at
_UNITS = (  # conversion factor between two units, and its wording
    (365.25 / 12, "days, and horizons in months"),
    (365.25, "days, and horizons in years"),
    (12.0, "months, and horizons in years"),
    (7.0, "days, and horizons in weeks"),
    (365.25 / 84, "weeks, and horizons in months"),
)


def screen_predictions(
    y: np.ndarray,
    models: Mapping[str, np.ndarray],
    horizons: np.ndarray,
    found: Mapping[str, Mapping[str, MetricResult]],
    *,
    cause: int,
    target: str,
    clusters: Any = None,
) -> list[Objection]:
    """Return objections to predictions and outcomes that suggest a data error instead of a poor model.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Structured outcome.
    models : mapping of str to ndarray of shape (n, n_horizons)
        Risks of the event.
    horizons : ndarray of shape (n_horizons,)
        Prediction times.
    found : mapping of str to mapping of str to MetricResult
        Metrics by model.
    cause : int
        Event of interest.
    target : {"event", "no_event"}
        Target of O/E.
    clusters : array-like of shape (n,), optional
        Cluster of each row; rows of one cluster may be alike.

    Returns
    -------
    list of Objection
        Codes ``unit-of-time``, ``events-at-one-time``, ``outcome-values-piled``, ``discrimination-implausible``,
        ``observed-expected-implausible``, ``causes-swapped``, ``patients-copied``.
    """
    out = list(outcome_screen(y, horizons, cause))
    said = {o.code for o in out}
    for name, risk in models.items():
        out += _of_model(name, y, risk, horizons, found[name], cause, target, "unit-of-time" in said)
    out += _copies(y, models, clusters)
    return list({(o.code, o.sentence): o for o in out}.values())


def _of_model(
    name: str,
    y: np.ndarray,
    risk: np.ndarray,
    horizons: np.ndarray,
    metrics: Mapping[str, MetricResult],
    cause: int,
    target: str,
    unit_said: bool,
) -> list[Objection]:
    out = []
    area = np.atleast_1d(np.asarray(metrics["auc"].value if "auc" in metrics else np.nan, dtype=float))
    if y.shape[0] >= _LEAST and np.isfinite(area).any() and np.nanmax(area) >= _IMPLAUSIBLE_AUC:
        out.append(objection("discrimination-implausible", model=name, area=float(np.nanmax(area))))
    swapped = _swapped(name, y, risk, horizons, cause, float(np.nanmax(area)) if np.isfinite(area).any() else np.nan)
    if swapped:
        return [*out, swapped]
    oe = metrics.get("observed_expected")
    if oe is None:
        return out
    for h in range(horizons.size):
        value, low, high = (float(np.atleast_1d(part)[h]) for part in (oe.value, oe.low, oe.high))
        expected = float(np.mean(risk[:, h]))
        if target == "no_event" and np.isfinite(value):  # the ratio refers to the complement: convert it to the event
            value, low, high = ((1 - part * (1 - expected)) / max(expected, 1e-12) for part in (value, high, low))
        at = float(area[min(h, area.size - 1)])
        if not (low > _FACTOR or high < 1 / _FACTOR or (at > 0.5 and _odds_apart(expected, value, low, high))):
            continue
        why = "" if unit_said else _why(y, expected, value, horizons[h], cause)
        out.append(
            objection("observed-expected-implausible", model=name, horizon=float(horizons[h]), ratio=value, why=why)
        )
        break
    return out


def _odds_apart(expected: float, ratio: float, low: float, high: float) -> bool:
    """Return whether observed and expected risks are far apart although their ratio is not: 0.9 and 0.45.

    Of frequent events the ratio of risks has no room; that of the odds has. Risks that rank patients the wrong way are
    inverted, which is said elsewhere.
    """

    def odds(risk: float) -> float:
        return np.inf if risk >= 1 else risk / (1 - risk)

    own = odds(expected)
    if not (own > 0 and abs(ratio - 1) * expected > _APART):
        return False
    if ratio > 1:
        return odds(ratio * expected) > _FACTOR * own and odds(low * expected) > _FACTOR_AT_LIMIT * own
    return odds(ratio * expected) * _FACTOR < own and odds(high * expected) * _FACTOR_AT_LIMIT < own


def _why(y: np.ndarray, expected: float, ratio: float, horizon: float, cause: int) -> str:
    """Return the error that would explain the ratio: per cent instead of fractions, or a unit of time."""
    if 0.8 <= ratio / 100 <= 1.25 or 0.8 <= ratio * 100 <= 1.25:
        return "A factor of 100 separates them: were per cent and fractions mixed?"
    if outcome_kind(y) == "right":
        curve = aalen_johansen(y, cause=cause)
        for factor, words in _UNITS:
            observed = float(np.asarray(curve.at([horizon * factor]).value)[0])
            if np.isfinite(observed) and 0.8 <= observed / expected <= 1.25:
                return f"They agree at {horizon * factor:.4g}: are times in {words}?"
    return "Are the risks, the horizon and the outcome of one definition?"


def _swapped(
    name: str, y: np.ndarray, risk: np.ndarray, horizons: np.ndarray, cause: int, area: float
) -> Objection | None:
    """Return objections if the mean risk fits the frequency of another cause and reverses the ranking of patients."""
    if outcome_kind(y) != "right" or not area < 0.5:
        return None
    known = np.flatnonzero(~np.isnan(risk).any(axis=0))
    codes = [code for code in np.unique(y["event"]) if code > 0]
    if known.size == 0 or len(codes) < 2:
        return None
    tau, mean = float(horizons[known[-1]]), float(risk[:, known[-1]].mean())
    observed = {int(code): float(np.asarray(aalen_johansen(y, cause=int(code)).at([tau]).value)[0]) for code in codes}
    own = abs(mean - observed.get(cause, np.nan))
    for code, frequency in observed.items():
        if code != cause and own > 0.1 and abs(mean - frequency) < own / 3:
            return objection(
                "causes-swapped",
                variant="risk",
                model=name,
                horizon=tau,
                mean=mean,
                other=code,
                frequency=frequency,
                cause=cause,
                observed=observed[cause],
            )
    return None


def _copies(y: np.ndarray, models: Mapping[str, np.ndarray], clusters: Any) -> list[Objection]:
    units = check_clusters("clusters", clusters, n=y.shape[0])
    rows: Any = slice(MOST_COMPARED) if units is None else np.unique(units, return_index=True)[1][:MOST_COMPARED]
    values = np.column_stack([risk[rows] for risk in models.values()])
    outcome = np.column_stack([y[name][rows].astype(float) for name in y.dtype.names or ()])
    count, how = copied_rows(values, np.nan_to_num(outcome, posinf=-1.0))
    if not how:
        return []
    variant = "risks" if how == "exact" else "near"
    n = y.shape[0] if units is None else np.unique(units).size
    return [objection("patients-copied", variant=variant, count=count, n=n)]
