"""Risk-adjusted CUSUM: scores, the chart, and limits that follow from the risks of the patients seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Chart", "cusum", "cusum_scores_binary", "cusum_scores_survival", "cusum_with_limits"]


class Chart(NamedTuple):
    """A chart over patients in order: ``value``, ``limit`` and ``alarm``, each (n,).

    The chart and its limits start again after an alarm.
    """

    value: np.ndarray
    limit: np.ndarray
    alarm: np.ndarray


def cusum_scores_binary(p: np.ndarray, y: np.ndarray, odds_ratio: float, null: float = 1.0) -> np.ndarray:
    """Return log likelihood ratios (n,) of odds multiplied by ``odds_ratio`` against ``null`` (Steiner 2000).

    Parameters
    ----------
    p : ndarray of shape (n,)
        Predicted risks.
    y : ndarray of shape (n,)
        1 with the event, 0 without.
    odds_ratio, null : float
        What the odds are multiplied by if the process has changed, and if it has not.
    """
    at_null, changed = 1 - p + null * p, 1 - p + odds_ratio * p
    return np.log(at_null / changed) + np.where(y == 1, np.log(odds_ratio / null), 0.0)


def cusum_scores_survival(expected: np.ndarray, event: np.ndarray, rho: float) -> np.ndarray:
    """Return log likelihood ratios (n,) of hazards multiplied by ``rho``: d log ρ − (ρ − 1) Λ.

    Parameters
    ----------
    expected : ndarray of shape (n,)
        Cumulative hazard that the model gives a patient up to the end of follow-up.
    event : ndarray of shape (n,)
        Whether it ended with the event.
    rho : float
        Hazard ratio of the change looked for.
    """
    return np.log(rho) * event - (rho - 1) * expected


def cusum(scores: np.ndarray) -> np.ndarray:
    """Return C_t = max(0, C_{t−1} + W_t), starting at 0."""
    sums = np.cumsum(scores)
    return sums - np.minimum(np.minimum.accumulate(sums), 0.0)


def cusum_with_limits(
    scores: np.ndarray,
    draw: Callable[[int, int, np.random.Generator], np.ndarray],
    alpha: float,
    *,
    paths: int,
    random: np.random.Generator,
) -> Chart:
    """Return a chart whose probability of a false alarm at each patient, given none before, is ``alpha``.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores of the patients, in order.
    draw : callable
        ``draw(i, size, random)`` gives scores of patient ``i`` under no change.
    alpha : float
        Probability of a false alarm at each patient: 1/alpha patients is the average run length.
    paths : int
        Charts simulated beside the real one.
    random : Generator
        Source of the draws.

    Notes
    -----
    Paths without change are carried along with the risks of the very patients; the limit at a patient is the value that
    the wanted share of them exceeds, and these are put out. So the rate of false alarms holds whatever the case mix.
    Where few values are possible a limit may put out too few; later ones make up for it.

    References
    ----------
    Zhang X, Woodall WH (2015). Dynamic probability control limits for risk-adjusted Bernoulli CUSUM charts. Stat Med
    34:3336–3348. doi:10.1002/sim.6547
    """
    n = scores.size
    value, limit, alarm = np.empty(n), np.empty(n), np.zeros(n, dtype=bool)
    own, simulated, steps, gone = 0.0, np.zeros(paths), 0, 0.0
    for i in range(n):
        steps += 1
        own = max(0.0, own + float(scores[i]))
        simulated = np.maximum(0.0, simulated + draw(i, paths, random))
        due = 1 - (1 - alpha) ** steps
        # the next path exceeds the (out + 1)-th largest of the others with probability (out + 1)/(paths + 1) where
        # values are continuous, and out/paths where many are the same: half way between
        out = max(int(np.floor((paths + 1) * max(due - gone, 0.0) / (1 - gone) - 0.5)), 0)
        # the smallest value that no more than `out` paths exceed
        bound = float(np.partition(simulated, paths - 1 - out)[paths - 1 - out])
        above = simulated > bound
        left = int(above.sum())
        gone += (1 - gone) * (left + 0.5) / (paths + 1)
        value[i], limit[i] = own, bound
        if left:
            rest = simulated[~above]
            simulated[above] = rest[random.integers(rest.size, size=left)]
        if own > bound:
            alarm[i] = True
            own, simulated, steps, gone = 0.0, np.zeros(paths), 0, 0.0
    return Chart(value, limit, alarm)
