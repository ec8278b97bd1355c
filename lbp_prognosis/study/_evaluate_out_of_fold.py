"""``evaluate_out_of_fold``: all metrics of out-of-fold risks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from lbp_prognosis._base import Objection
from lbp_prognosis.evaluation import Evaluation, RiskGroups, ThresholdRange, decision_curve, evaluate, risk_groups
from lbp_prognosis.survival import OutcomeSpec, known_at, measured_to_status, outcome_kind

__all__ = ["decision_grid", "evaluate_out_of_fold", "groups_out_of_fold"]


def evaluate_out_of_fold(
    y: np.ndarray,
    risks: Mapping[str, Any],
    spec: OutcomeSpec,
    thresholds: ThresholdRange | None,
    *,
    step: float,
    resamples: int,
    seed: int,
    synthetic: bool,
    doubts: tuple[Objection, ...] = (),
) -> Evaluation:
    """Return `evaluate` of the risks; for outcomes observed at visits, with a decision curve at the main horizon.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome.
    risks : mapping of str to ndarray of shape (n, n_horizons) or ScoreForecast
        By model; for a score, the predicted distributions.
    spec : OutcomeSpec
        Horizons and polarity.
    thresholds : ThresholdRange or None
        Of the decision.
    step : float
        Distance between neighbouring thresholds.
    resamples, seed : int
        Resamples and seed for bands and for intervals of calibration distances.
    synthetic : bool
        Whether the data were simulated.
    doubts : tuple of Objection
        Objections attached to the result.
    """
    kind, target = outcome_kind(y), spec.target
    at_one_visit = kind in ("status", "measured")
    horizons = np.array([spec.main_horizon] if at_one_visit else spec.horizons, dtype=float)
    shared: dict[str, Any] = {"target": target, "n_resamples": resamples, "random_state": seed}
    grid = None if thresholds is None else decision_grid(thresholds, step)
    found = evaluate(y, risks, horizons, None if kind == "interval" else grid, **shared)
    if kind == "interval" and thresholds is not None:
        main = spec.main_horizon
        place = int(np.flatnonzero(np.isclose(horizons, main))[0])
        curve = decision_curve(
            known_at(y, main), {name: risk[:, place] for name, risk in risks.items()}, [main], grid, **shared
        )
        pairs = [curve.difference(second, first) for first, second in combinations(risks, 2)]
        pairs += [curve.difference(name) for name in risks]
        found = replace(
            found,
            decision=curve,
            net_benefit_differences=tuple(pairs),
            objections=(*found.objections, *curve.objections),
        )
    if found.decision is not None:
        found = replace(found, decision=replace(found.decision, threshold_range=thresholds, synthetic=synthetic))
    every = tuple(dict.fromkeys((*doubts, *found.objections)))
    return replace(found, synthetic=synthetic, objections=every)


def decision_grid(thresholds: ThresholdRange, step: float) -> np.ndarray:
    """Return the declared thresholds, and further ones on either side for the figure.

    Parameters
    ----------
    thresholds : ThresholdRange
        Declared.
    step : float
        Distance between neighbouring thresholds.
    """
    count = int(0.15 / step)
    beside = step * np.arange(1, count + 1)
    every = np.round(np.concatenate([thresholds.grid(step), thresholds.low - beside, thresholds.high + beside]), 12)
    return np.unique(every[(every > 0.005) & (every < 0.995)])


def groups_out_of_fold(
    y: np.ndarray, risk: np.ndarray, spec: OutcomeSpec, thresholds: ThresholdRange | None, model: str, synthetic: bool
) -> RiskGroups:
    """Return groups of out-of-fold risk at the main horizon, cut at the declared thresholds (else at thirds).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome.
    risk : ndarray of shape (n,)
        P(event by the main horizon).
    spec : OutcomeSpec
        The outcome.
    thresholds : ThresholdRange or None
        Low and high thresholds separate the groups.
    model : str
        Model of the risks.
    synthetic : bool
        Whether the data were simulated.
    """
    main = spec.main_horizon
    seen = known_at(y, main) if outcome_kind(y) == "interval" else y
    seen = measured_to_status(y) if outcome_kind(y) == "measured" else seen
    cut: dict[str, Any] = (
        {"quantiles": (1 / 3, 2 / 3)} if thresholds is None else {"thresholds": (thresholds.low, thresholds.high)}
    )
    groups = risk_groups(seen, risk, main, target=spec.target, **cut)
    return replace(groups, model=model, synthetic=synthetic)
