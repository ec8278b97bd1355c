"""Influence values of a regression of pseudo-values that know the pseudo-values of all rows are correlated."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._pseudo_values import incidence_influence

__all__ = ["pseudo_fit_influence"]

_STEP = 1e-4  # of the central difference: its error is of the order of the square


def pseudo_fit_influence(
    X: np.ndarray,
    coef: np.ndarray,
    offset: np.ndarray | None,
    pseudo: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    tau: float,
    weights: np.ndarray | None = None,
    first: np.ndarray | None = None,
) -> np.ndarray:
    """Derivative of the coefficients of `cloglog_pseudo_fit` by the weight of each row, of shape (n, p).

    The equation is Σ w_i d_i (θ_i − μ_i) = 0 with d_i = (dμ_i/dη_i) x_i and θ_i = F + W F_i, where F is the incidence,
    F_i its derivative by the weight of row i and W the sum of the weights. The sandwich takes θ_i as given; another
    weight of row j also moves every θ_i, by F_j + F_i + W F_ij, and that Σ w_i d_i F_ij is the derivative of F_j along
    the direction w d: a central difference of two passes over the curve. The bread is the observed one, which under a
    misspecified link is not Fisher's.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns, the intercept included.
    coef : ndarray of shape (p,)
        The solution.
    offset : ndarray of shape (n,) or None
    pseudo : ndarray of shape (n,)
    time, code : ndarray of shape (n,)
        0 censored, 1 the cause of interest, 2 any other.
    tau : float
        Horizon of the pseudo-values.
    weights : ndarray of shape (n,), optional
        Row weights.
    first : ndarray of shape (n,), optional
        `incidence_influence` of these rows, where it is known already.

    References
    ----------
    Overgaard M, Parner ET, Pedersen J. Asymptotic theory of generalized estimating equations based on jack-knife
    pseudo-observations. Ann Stat 2017;45:1988–2015. doi:10.1214/16-AOS1516.
    """
    w = np.ones(time.size) if weights is None else weights
    eta = X @ coef if offset is None else offset + X @ coef
    hazard = np.exp(np.minimum(eta, 50.0))
    survival = np.exp(-hazard)
    slope = hazard * survival
    residual = pseudo - 1 + survival
    curvature = slope**2 - slope * (1 - hazard) * residual
    if weights is not None:
        curvature *= w
    columns = np.ascontiguousarray(X.T)
    bread = np.array([[(curvature * column) @ other for other in columns] for column in columns])
    total = float(w.sum())
    if first is None:
        first = incidence_influence(time, code, tau, weights)
    meat = np.empty(X.shape)
    for k, column in enumerate(columns):
        d = column * slope
        meat[:, k] = d * residual
        size = float(max(d.max(), -d.min()))
        if size == 0:
            continue
        step = _STEP / size
        own = step * d
        up, down = 1 + own, np.subtract(1, own, out=own)
        if weights is not None:
            up *= w
            down *= w
        up = incidence_influence(time, code, tau, up)
        up -= incidence_influence(time, code, tau, down)
        up *= total
        up /= 2 * step
        weighted = d if weights is None else w * d
        up += float(w @ d) * first + float(weighted @ first)
        meat[:, k] += up
    return meat @ np.linalg.pinv(bread).T
