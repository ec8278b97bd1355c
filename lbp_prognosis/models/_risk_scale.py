"""Risks on the scale on which they are averaged, and a line that calibrates them there."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import convex_minimum

__all__ = ["calibrating_line", "on_scale", "to_risk"]

LEAST_RISK = 1e-8  # risks closer to 0 or 1 are moved to this distance on an unbounded scale


def on_scale(risk: np.ndarray, scale: str) -> np.ndarray:
    """Return risks as ``log(−log(1 − r))`` (``"cloglog"``) or log odds (``"logit"``)."""
    inside = np.clip(risk, LEAST_RISK, 1 - LEAST_RISK)
    return logit(inside) if scale == "logit" else np.log(-np.log1p(-inside))


def to_risk(value: np.ndarray, scale: str) -> np.ndarray:
    """Undo `on_scale`."""
    if scale == "logit":
        return expit(value)
    with np.errstate(over="ignore"):
        return -np.expm1(-np.exp(value))


def calibrating_line(
    level: np.ndarray, place: np.ndarray, case: np.ndarray, weight: np.ndarray, scale: str
) -> tuple[float, float]:
    """Return intercept a and slope b ≥ 0 of the risks whose value on the scale is ``level + a + (b − 1) place``.

    Parameters
    ----------
    level : ndarray of shape (n, h)
        Predicted values on the scale.
    place : ndarray of shape (n,)
        Deviation of each row from the centre.
    case, weight : ndarray of shape (n, h)
        Whether the event occurred, and the weight of the observation.
    scale : {"cloglog", "logit"}
        Link.

    Notes
    -----
    Maximum likelihood of all horizons together, each row weighted for censoring.
    """
    total = float(weight.sum())

    def at(line: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eta = level + line[0] + (line[1] - 1) * place[:, None]
        with np.errstate(over="ignore"):
            risk = np.clip(to_risk(eta, scale), 1e-15, 1 - 1e-15)
            rise = risk * (1 - risk) if scale == "logit" else -(1 - risk) * np.log1p(-risk)
        value = -float((weight * np.where(case > 0, np.log(risk), np.log1p(-risk))).sum()) / total
        variance = risk * (1 - risk)
        pull = (weight * (risk - case) * rise / variance).sum(axis=1) / total
        bend = (weight * rise**2 / variance).sum(axis=1) / total
        slope = np.array([pull.sum(), pull @ place])
        cross = bend @ place
        return value, slope, np.array([[bend.sum(), cross], [cross, bend @ place**2]])

    line, converged = convex_minimum(at, np.array([0.0, 1.0]), total=None, free=np.array([True, False]))
    if not converged:
        raise EstimationError(
            "The average can't be recalibrated: its cross-fitted risks separate patients with the event from those "
            "without. Set recalibrate=False, or take more patients."
        )
    return float(line[0]), float(line[1])
