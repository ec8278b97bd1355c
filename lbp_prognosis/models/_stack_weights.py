"""Weights of the models of a stack, optimised over predictions for held-out rows."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import convex_minimum, cox_nonnegative, quadratic_minimum
from lbp_prognosis.models._known_states import Known

__all__ = ["brier_moments", "brier_weights", "cox_weights", "log_score_weights"]


def brier_moments(states: Known, risks: np.ndarray) -> np.ndarray:
    """Return each row's part of the quadratic loss, shape (n, k (k + 1)): products of risks, then with the state.

    The loss of weights α is ``αᵀ H α − 2 cᵀ α`` plus a constant, H and c being means of these parts.
    """
    n, _, k = risks.shape
    weighted = states.weight[:, :, None] * risks
    products = np.einsum("nhk,nhl->nkl", weighted, risks).reshape(n, k * k)
    return np.hstack([products, np.einsum("nhk,nh->nk", weighted, states.case)])


def brier_weights(moments: np.ndarray) -> np.ndarray:
    """Return the weights (k,) of least IPCW Brier score, from mean (or summed) moments (k (k + 1),)."""
    k = int((np.sqrt(4 * moments.size + 1) - 1) / 2 + 0.5)
    H = moments[: k * k].reshape(k, k)
    scale = max(float(np.trace(H)), 1e-300)
    return quadratic_minimum((H + H.T) / (2 * scale), moments[k * k :] / scale)


def log_score_weights(states: Known, risks: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Return the weights (k,) of least IPCW log score; ``copies`` (n,) weigh the rows."""
    k = risks.shape[2]
    F = np.clip(risks.reshape(-1, k), 1e-8, 1 - 1e-8)
    weight = (copies[:, None] * states.weight).ravel()
    used = weight > 0
    F, weight, case = F[used], weight[used] / weight.sum(), states.case.ravel()[used]

    def at(alpha: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        risk = F @ alpha
        value = -float(weight @ np.where(case > 0, np.log(risk), np.log1p(-risk)))
        pull = weight * (risk - case) / (risk * (1 - risk))
        bend = weight * np.where(case > 0, 1 / risk**2, 1 / (1 - risk) ** 2)
        return value, F.T @ pull, (F.T * bend) @ F

    alpha, converged = convex_minimum(at, np.full(k, 1 / k))
    if not converged:
        raise EstimationError("The weights of least log score were not found: check risks near 0 and 1.")
    return alpha


def cox_weights(scores: np.ndarray, y: np.ndarray, copies: np.ndarray, free: np.ndarray, frequency: bool) -> np.ndarray:
    """Return the coefficients (k,) of a Cox model of the learners' scores that may not be negative but where free."""
    coef, converged = cox_nonnegative(
        scores, y["time"], y["event"] == 1, weights=copies, free=free, frequency=frequency
    )
    if not converged:
        raise EstimationError(
            "The Cox model of the learners' scores has no finite maximum: their cross-fitted risks separate patients "
            'with the event from the others. Take meta="brier_simplex".'
        )
    return coef
