"""The concordance a model would have if its predictions were right: what case-mix alone allows."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import RandomState, argument_error, check_choice, check_number, check_vector, generator

__all__ = ["model_based_concordance"]


def model_based_concordance(
    predictions: Any, *, outcome: str = "binary", max_rows: int = 5000, random_state: RandomState = 0
) -> float:
    """Expected concordance of a perfectly calibrated model in a population with these predictions.

    Parameters
    ----------
    predictions : array-like of shape (n,)
        Risks in [0, 1] (``"binary"``), or linear predictors of a proportional-hazards model (``"survival"``).
    outcome : {"binary", "survival"}, default "binary"
        Kind of outcome.
    max_rows : int, default 5000
        Survival: above this many rows a million pairs are sampled (Monte-Carlo error below 0.0005).
    random_state : int, Generator or None, default 0
        Seed of that sample.

    Notes
    -----
    Binary: Σ_{i≠j} p_i (1 − p_j) [1(p_i > p_j) + ½ 1(p_i = p_j)] / Σ_{i≠j} p_i (1 − p_j), by sorting. Survival: the
    mean over pairs of 1 / (1 + exp(−|lp_i − lp_j|)).

    References
    ----------
    van Klaveren et al. (2016), https://doi.org/10.1002/sim.6997.
    """
    check_choice("outcome", outcome, ("binary", "survival"))
    x = check_vector("predictions", predictions)
    if x.size < 2:
        raise argument_error("predictions", "of at least two patients", f"{x.size}")
    if outcome == "survival":
        return _survival(x, int(check_number("max_rows", max_rows, low=2, whole=True)), random_state)
    p = np.sort(check_vector("predictions", x, low=0, high=1))
    q = 1 - p
    values, first, counts = np.unique(p, return_index=True, return_counts=True)
    below = np.concatenate([[0.0], np.cumsum(q)])[first]
    same = counts * (1 - values)
    lower = np.repeat(below, counts)
    tied = np.repeat(same, counts) - q  # others with the same prediction
    pairs = p.sum() * q.sum() - np.sum(p * q)
    if pairs <= 0:
        raise argument_error(
            "predictions",
            "risks under which some pair has one event",
            f"risks of {p[0]:g} only",
            "None or all of the patients would have the event.",
        )
    return float(np.sum(p * (lower + 0.5 * tied)) / pairs)


def _survival(lp: np.ndarray, max_rows: int, random_state: RandomState) -> float:
    if lp.size <= max_rows:
        total, n = 0.0, lp.size
        for i in range(n - 1):
            total += float(np.sum(1 / (1 + np.exp(-np.abs(lp[i + 1 :] - lp[i])))))
        return total / (n * (n - 1) / 2)
    rng = generator(random_state)
    first = rng.integers(0, lp.size, 1_000_000)
    second = (first + rng.integers(1, lp.size, first.size)) % lp.size
    return float(np.mean(1 / (1 + np.exp(-np.abs(lp[first] - lp[second])))))
