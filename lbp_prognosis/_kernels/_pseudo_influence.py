"""Influence values of a regression of pseudo-values that know the pseudo-values of all rows are correlated."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._outcome_cells import OutcomeCells, cell_influence
from lbp_prognosis._kernels._row_parts import row_parts

__all__ = ["pseudo_fit_influence"]

_STEP = 1e-4  # of the central difference: its error is of the order of the square


def pseudo_fit_influence(
    X: np.ndarray,
    coef: np.ndarray,
    offset: np.ndarray | None,
    pseudo: np.ndarray,
    cells: OutcomeCells,
    tau: float,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Derivative of the coefficients of `cloglog_pseudo_fit` by the weight of each row, of shape (n, p).

    The equation is Σ w_i d_i (θ_i − μ_i) = 0 with d_i = (dμ_i/dη_i) x_i and θ_i = F + W F_i, where F is the incidence,
    F_i its derivative by the weight of row i and W the sum of the weights. The sandwich takes θ_i as given; another
    weight of row j also moves every θ_i, by F_j + F_i + W F_ij, and that Σ w_i d_i F_ij is the derivative of F_j along
    the direction w d: a central difference of two passes over the curve. The bread is the observed one, which under a
    misspecified link is not Fisher's.

    The curve sees rows of one time and code as one: what it adds to a row's value is found by cell.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns, the intercept included.
    coef : ndarray of shape (p,)
        The solution.
    offset : ndarray of shape (n,) or None
    pseudo : ndarray of shape (n,)
    cells : OutcomeCells
        Times and codes of the rows.
    tau : float
        Horizon of the pseudo-values.
    weights : ndarray of shape (n,), optional
        Row weights.

    References
    ----------
    Overgaard M, Parner ET, Pedersen J. Asymptotic theory of generalized estimating equations based on jack-knife
    pseudo-observations. Ann Stat 2017;45:1988–2015. doi:10.1214/16-AOS1516.
    """
    n, p = X.shape
    m, bread = cells.time.size, np.zeros((p, p))
    sums, size = np.zeros((p, m)), np.zeros(p)

    def of(rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Columns, directions d, residuals and curvatures; found twice, for a table of them costs more to keep."""
        mine = np.ascontiguousarray(X[rows].T)
        eta = coef @ mine if offset is None else offset[rows] + coef @ mine
        hazard = np.exp(np.minimum(eta, 50.0, out=eta), out=eta)
        survival = np.exp(-hazard)
        slope = hazard * survival
        residual = pseudo[rows] - 1 + survival
        return mine, mine * slope, residual, slope**2 - slope * (1 - hazard) * residual

    # sums by cell are made part by part where there are few cells
    for rows in row_parts(n) if m < n // 8 else [slice(0, n)]:
        mine, directions, residual, curvature = of(rows)
        own = None if weights is None else weights[rows]
        bread += (mine * (curvature if own is None else curvature * own)) @ mine.T
        np.maximum(size, np.abs(directions).max(axis=1), out=size)
        for k, d in enumerate(directions):
            sums[k] += np.bincount(cells.cell[rows], weights=d if own is None else own * d, minlength=m)
    mass = np.bincount(cells.cell, weights=weights, minlength=m).astype(float)
    total, first, moved = float(mass.sum()), cell_influence(cells, tau, mass), np.zeros((p, m))
    for summed, move, largest in zip(sums, moved, size):
        if largest == 0:
            continue
        step = _STEP / largest
        up, down = (cell_influence(cells, tau, mass + sign * step * summed) for sign in (1, -1))
        move += total * (up - down) / (2 * step) + float(summed.sum()) * first + float(summed @ first)
    inverse = np.linalg.pinv(bread)
    moved = inverse @ moved
    out = np.empty((n, p))
    for rows in row_parts(n):
        _, directions, residual, _ = of(rows)
        part = inverse @ (directions * residual)
        part += np.take(moved, cells.cell[rows], axis=1)
        out[rows] = part.T
    return out
