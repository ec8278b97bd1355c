"""Heights of a body or disc at the back, in the middle and at the front."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.geometry._caps import Caps, boundary_sd
from lbp_prognosis.biomarkers.geometry._grid import Grid

__all__ = ["central_columns", "height_sd", "heights_along_depth", "sagittal_span"]


def central_columns(caps: Caps, inside: np.ndarray, share: float) -> np.ndarray:
    """Return which columns lie in the central share of the width."""
    rows = np.flatnonzero(inside.any(axis=0))
    low, high = caps.left[rows[0]], caps.left[rows[-1]]
    half = max(0.5 * share * (high - low), 1.5)
    return np.abs(caps.left - 0.5 * (low + high)) <= half


def sagittal_span(caps: Caps, central: np.ndarray) -> tuple[float, float]:
    """Return the back and front end of the structure at mid-height in the central columns, mm.

    The ends lie where the mean occupancy crosses one half.
    """
    profile = caps.middle[:, central].mean(axis=1)
    inner = np.flatnonzero(profile >= 0.5)
    if inner.size < 3:
        return float("nan"), float("nan")

    def edge(at: int, direction: int) -> float:
        beyond = at + direction
        if not 0 <= beyond < profile.size:
            return float(caps.ap[at])
        share = (profile[at] - 0.5) / max(profile[at] - profile[beyond], 1e-9)
        return float(caps.ap[at] + direction * min(share, 1.0) * (caps.ap[1] - caps.ap[0]))

    return edge(int(inner[0]), -1), edge(int(inner[-1]), 1)


def heights_along_depth(
    caps: Caps, height: np.ndarray, points: tuple[float, ...], share: float
) -> tuple[tuple[float, ...], float]:
    """Return the mean height about each point of the depth, and the depth.

    Parameters
    ----------
    caps : Caps
        Columns of the structure.
    height : array of shape (na, nl)
        Height of each column, NaN outside.
    points : tuple of float
        Shares of the depth from the back.
    share : float
        Share of the width over which columns are averaged; along the depth, ±5 % are averaged.
    """
    inside = np.isfinite(height)
    if not inside.any():
        return tuple(float("nan") for _ in points), float("nan")
    central = central_columns(caps, inside, share)
    back, front = sagittal_span(caps, central)
    depth = front - back
    found = []
    for point in points:
        near = np.abs(caps.ap - (back + point * depth)) <= max(0.05 * depth, 1.0)
        window = height[np.ix_(near, central)]
        window = window[np.isfinite(window)]
        found.append(float(window.mean()) if window.size >= 3 else float("nan"))
    return tuple(found), float(depth)


def height_sd(grid: Grid, direction: np.ndarray) -> float:
    """Predict the SD in mm of a distance between two surfaces that are known to whole voxels only.

    Both edges are quantised; averaging over columns that cross the lattice at different phases halves the error.
    """
    return float(np.sqrt(2) * boundary_sd(grid, direction) * 0.5)
