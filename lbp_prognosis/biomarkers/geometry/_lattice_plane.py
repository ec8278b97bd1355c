"""Plane between inner and outer voxels, estimated more finely than the lattice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["THICK_MM", "LatticePlane", "lattice_plane"]

THICK_MM = 2.0
_ROUGHNESS = (0.5, 0.25, 0.12, 0.06, 0.03)


@dataclass(frozen=True, eq=False)
class LatticePlane:
    """A linear surface ``cc = c0 + c1·ap + c2·left`` between inner and outer voxels.

    Attributes
    ----------
    coefficients : array of shape (3,)
        Coefficients (c0, c1, c2) in the given frame.
    step : float
        Distance between two layers of voxels along the plane's normal, mm.
    layers : int
        Layers of voxels in which at least 3 % of the columns end; across slices of more than 2 mm, those seen in one
        slice (the median). One or two layers contain too little information on the height and on a small tilt.
    flatness : float
        1 where the surface is flat to an eighth of a step, 0 where it is rougher than a quarter.
    """

    coefficients: np.ndarray
    step: float
    layers: float
    flatness: float


def lattice_plane(
    region: Region,
    frame: Frame,
    start: np.ndarray,
    outward: float,
    footprint: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> LatticePlane | None:
    """Fit a plane to the pairs of neighbouring voxels of which one lies inside and one outside.

    The surface passes somewhere between the two centres of such a pair, at an unknown position. This is a regression
    with an interval-censored response, whose likelihood (normal roughness of the surface) is concave. The mean of the
    crossings, by contrast, is biased towards the midpoints between the centres, which biases heights and hides tilts
    wherever the surface runs almost along a face of the lattice.

    Parameters
    ----------
    region : Region
        The structure.
    frame : Frame
        Its columns.
    start : array of shape (3,)
        Coefficients to begin with.
    outward : {1, -1}
        Whether outside lies towards the head (upper surface) or the foot.
    footprint : (ap, left, used)
        Column positions, and which of them may be used.

    Returns
    -------
    LatticePlane or None
        None with fewer than 25 pairs.
    """
    grid = region.grid
    local = (grid.affine[:3, :3].T) @ np.stack([frame.ap, frame.left, frame.cc], axis=1)  # index axes in the frame
    normal = outward * np.array([-start[1], -start[2], 1.0]) / np.sqrt(1 + start[1:] @ start[1:])
    lengths = grid.spacing
    along = (local @ normal) / lengths
    axis = int(np.argmax(np.abs(along)))
    step = float(abs(local[axis] @ normal))
    pairs = _pairs(region.mask, axis, int(np.sign(along[axis])))
    inner = frame.to_local(grid.to_world(pairs.astype(float)))
    outer = inner + np.sign(along[axis]) * local[axis]
    middle = 0.5 * (inner + outer)
    miss = (middle @ [0, 0, 1.0] - _at(start, middle)) * abs(normal[2])
    keep = _in_footprint(middle, footprint) & (np.abs(miss) <= max(1.5, step))
    if keep.sum() < 25:
        return None
    limit = max(0.75 * step, 3 * 1.4826 * float(np.median(np.abs(miss[keep]))))
    keep &= np.abs(miss) <= limit
    if keep.sum() < 25:
        return None
    if outward < 0:
        inner, outer = outer, inner  # below: the lower end of each interval lies outside
    coefficients, roughness = _fit(inner[keep], outer[keep], start, step)
    flatness = float(np.clip((0.25 - roughness) / 0.125, 0, 1))
    aside = int(np.argmax(np.abs(local[:, 1]) / lengths))
    return LatticePlane(coefficients, step, _layers(pairs[keep], axis, aside, float(lengths[aside])), flatness)


def _layers(pairs: np.ndarray, axis: int, aside: int, thickness: float) -> float:
    def number(layers: np.ndarray) -> int:
        counts = np.unique(layers, return_counts=True)[1]
        return int((counts >= 0.03 * counts.sum()).sum())

    if thickness <= THICK_MM or aside == axis:
        return number(pairs[:, axis])
    slices = [pairs[pairs[:, aside] == k, axis] for k in np.unique(pairs[:, aside])]
    return float(np.median([number(layers) for layers in slices]))


def _pairs(mask: np.ndarray, axis: int, sense: int) -> np.ndarray:
    """Return the indices of voxels inside whose next one along the axis is outside (the box has an empty margin)."""
    moved = np.roll(mask, -sense, axis=axis)
    return np.argwhere(mask & ~moved)


def _at(coefficients: np.ndarray, points: np.ndarray) -> np.ndarray:
    return coefficients[0] + points[:, :2] @ coefficients[1:]


def _in_footprint(points: np.ndarray, footprint: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    ap, left, used = footprint
    cell = ap[1] - ap[0]
    row = np.rint((points[:, 0] - ap[0]) / cell).astype(int)
    column = np.rint((points[:, 1] - left[0]) / cell).astype(int)
    valid = (row >= 0) & (row < ap.size) & (column >= 0) & (column < left.size)
    valid[valid] = used[row[valid], column[valid]]
    return valid


def _fit(low: np.ndarray, high: np.ndarray, start: np.ndarray, step: float) -> tuple[np.ndarray, float]:
    """Maximise the likelihood, from rough to smooth surfaces, as long as a smoother one explains the voxels better.

    Returns the coefficients and the roughness in steps.
    """
    centre = 0.5 * (low + high)[:, :2].mean(axis=0)
    theta = np.array([start[0] + start[1:] @ centre, *start[1:]])
    below = np.column_stack([np.ones(len(low)), low[:, :2] - centre])
    above = np.column_stack([np.ones(len(high)), high[:, :2] - centre])
    best, roughness = -np.inf, _ROUGHNESS[0]
    for share in _ROUGHNESS:
        new, value = _newton(below, low[:, 2], above, high[:, 2], theta, share * step)
        if value < best:
            break
        theta, best, roughness = new, value, share
    return np.array([theta[0] - theta[1:] @ centre, *theta[1:]]), roughness


def _newton(
    below: np.ndarray, low: np.ndarray, above: np.ndarray, high: np.ndarray, theta: np.ndarray, scale: float
) -> tuple[np.ndarray, float]:
    value, gradient, hessian = _likelihood(below, low, above, high, theta, scale)
    for _ in range(25):
        move = np.linalg.lstsq(hessian, -gradient, rcond=1e-10)[0]
        share = 1.0
        while share > 1e-4:
            trial = theta + share * move
            found = _likelihood(below, low, above, high, trial, scale)
            if found[0] >= value:
                break
            share /= 2
        else:
            break
        gain = found[0] - value
        theta, (value, gradient, hessian) = trial, found
        if gain < 1e-6:
            break
    return theta, value


def _likelihood(
    below: np.ndarray, low: np.ndarray, above: np.ndarray, high: np.ndarray, theta: np.ndarray, scale: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log-likelihood Σ log(Φ(u) − Φ(v)), its gradient and its Hessian."""
    u, v = (high - above @ theta) / scale, (low - below @ theta) / scale
    u = np.maximum(u, v + 1e-6)
    flip = v > 0  # both in the upper tail: the same difference, without cancellation, in the lower one
    a, b = np.where(flip, -v, u), np.where(flip, -u, v)
    top = log_ndtr(a)
    log_p = top + np.log(-np.expm1(np.minimum(log_ndtr(b) - top, -1e-15)))
    density = -0.5 * np.log(2 * np.pi)
    du = np.exp(np.minimum(density - 0.5 * u**2 - log_p, 300.0))
    dv = np.exp(np.minimum(density - 0.5 * v**2 - log_p, 300.0))
    gradient = (dv @ below - du @ above) / scale
    uu, vv, uv = -u * du - du**2, v * dv - dv**2, du * dv
    cross = (above * uv[:, None]).T @ below
    hessian = ((above * uu[:, None]).T @ above + (below * vv[:, None]).T @ below + cross + cross.T) / scale**2
    return float(log_p.sum()), gradient, hessian
