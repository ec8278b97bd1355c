"""Reasons for not answering a round: too few patients, a column of one patient, probing coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lbp_prognosis.federation._policy import Policy

__all__ = [
    "Parts",
    "constant_columns",
    "few_patients",
    "few_patients_behind",
    "outside_trust",
    "stands_for",
    "weighs_few",
]

Parts = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""Log-likelihood, score and information at given coefficients."""


def stands_for(weights: np.ndarray) -> float:
    """Return (Σw)²/Σw²: as many equal patients would weigh the same."""
    total = float(weights.sum())
    return total**2 / float(weights @ weights) if total > 0 else 0.0


def few_patients(n: float, events: float, parameters: int, policy: Policy) -> str:
    """Return the reason why a site is too small for a round, or an empty string."""
    if n < policy.min_n:
        return "insufficient: fewer patients than the site's minimum"
    if min(events, n - events) < policy.min_events:
        return "insufficient: fewer events or non-events than the site's minimum"
    if parameters > n * policy.release_budget:
        return "insufficient: more parameters than the release budget"
    if events < policy.events_per_parameter * parameters:
        return "insufficient: fewer events for each parameter than the site's minimum"
    return ""


def few_patients_behind(X: np.ndarray, columns: Sequence[str], weights: np.ndarray, policy: Policy) -> str:
    """Return the columns determined by fewer patients than the cell limit, or an empty string.

    If a column is 0 except for one patient, its row of the information contains that patient's covariates. The same
    applies to a column with a single extreme value: patients are counted by the weight of their squared deviations.
    """
    found = []
    taking = weights > 0
    for name, column in zip(columns, X.T):
        values, counts = np.unique(column[taking], return_counts=True)
        off = int(counts.sum() - counts.max())
        deviation = (column[taking] - np.median(column[taking])) ** 2
        if 0 < off < policy.min_cell or (values.size > 1 and stands_for(deviation) < policy.min_cell):
            found.append(name)
    return f"few patients behind the columns {', '.join(found)}" if found else ""


def weighs_few(eta: np.ndarray, weights: np.ndarray, policy: Policy) -> str:
    """Return a reason if relative hazards give few patients most of the weight, or an empty string."""
    eta, weights = eta[weights > 0], weights[weights > 0]  # without weight there is no part in the sums
    with np.errstate(under="ignore"):
        relative = weights * np.exp(eta - eta.max(initial=-np.inf))
    if stands_for(relative) < 2 * policy.min_cell:
        return "probing: at these coefficients the sums are those of a few patients"
    return ""


def outside_trust(
    parts: Parts, previous: np.ndarray, asked: np.ndarray, policy: Policy, constant: np.ndarray | None = None
) -> str:
    """Return a reason if coefficients are too far from the last ones and the site's own step, or an empty string.

    The distance is (Δ − t s)ᵀ I (Δ − t s) ≤ p · trust² with the nearest t in [0, 1] and the site's Newton step s.
    Coefficients of ``constant`` columns (p,), which change no sum, may move freely.
    """
    _, score, information = parts(previous)
    scale = np.sqrt(np.maximum(np.diag(information), 0.0))
    scale[scale == 0] = 1.0  # in standard errors: units of columns are of no account
    unit = information / np.outer(scale, scale)
    own = np.linalg.lstsq(unit, score / scale, rcond=None)[0]
    move = (asked - previous) * scale
    length = float(own @ unit @ own)
    share = float(np.clip((move @ unit @ own) / length, 0, 1)) if length > 0 else 0.0
    rest = move - share * own
    if constant is not None:
        rest[constant] = 0.0
    distance = float(rest @ unit @ rest) / max(asked.size, 1)
    blind = np.abs(rest) > 1e-12  # coefficients on which the site has no information have no standard error
    if distance > policy.trust**2 or (blind & ~(np.diag(information) > 0)).any():
        return "probing: the coefficients lie outside the region of trust"
    return ""


def constant_columns(X: np.ndarray, weights: np.ndarray, strata: np.ndarray | None) -> np.ndarray:
    """Return the columns (p,) that have one value in each stratum: a partial likelihood never sees them."""
    taking = weights > 0
    X, codes = X[taking], np.zeros(int(taking.sum()), dtype=np.int64) if strata is None else strata[taking]
    return np.all([(X[codes == code] == X[codes == code][:1]).all(axis=0) for code in np.unique(codes)], axis=0)
