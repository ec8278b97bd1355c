"""Positions of labels along the line through the vertebral bodies.

Posterior elements of neighbouring vertebrae touch and overlap in height; bodies do not. A mask is therefore read inside
an ellipse about the line through the bodies, step by step from the head to the foot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._levels import level_rank
from lbp_prognosis.biomarkers.anatomy._spine import Spine
from lbp_prognosis.biomarkers.geometry._frame import unit
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["SHARE", "Column", "ellipse_points", "label_of", "read_column"]

Floats = npt.NDArray[np.float64]

STEP_MM = 1.0
REACH_MM = 40.0
SHARE = 0.42
"""Half axes of the ellipse, as shares of the depth and the width of the bodies."""

RADII = (0.35, 0.61, 0.79, 0.94)  # rings of equal area
ANGLES = 12


@dataclass(frozen=True, eq=False)
class Column:
    """Labels along the line through the bodies.

    Attributes
    ----------
    at : array of shape (n,)
        Position along the line, mm, from the head to the foot.
    points, down, front : arrays of shape (n, 3)
        RAS positions of the line, and its directions to the foot and to the patient's front.
    filled : dict
        From level to an array of shape (n,): share of the ellipse that has the level's label, 0 to 1.
    halves : dict
        From level to an array of shape (n,): the same in the emptiest of four halves (front, back, left, right).
    runs : dict
        From level to the longest stretch, (first, last) mm, in which at least half of the ellipse has its label.
    """

    at: Floats
    points: Floats
    down: Floats
    front: Floats
    filled: dict[str, Floats]
    halves: dict[str, Floats]
    runs: dict[str, tuple[float, float]]

    def amount(self, level: str, first: float, last: float) -> float:
        """Return the length of a level between two positions, as mm of a full ellipse."""
        inside = (self.at >= first) & (self.at <= last)
        return float(self.filled[level][inside].sum() * STEP_MM)


def label_of(anatomy: Anatomy, level: str) -> Region:
    """Return the label that a body comes from: its own, or that of the whole vertebra."""
    region = anatomy.get("vertebral_body", level) or anatomy.get("vertebra", level)
    assert region is not None  # every body of a spine has one of the two
    return region


def read_column(anatomy: Anatomy, spine: Spine) -> Column | None:
    """Read the labels of all levels along the line through their bodies; None with fewer than two bodies."""
    levels = [level for level in spine.bodies if level not in spine.fragments]
    if len(levels) < 2:
        return None
    order = sorted(levels, key=lambda level: -float(spine.bodies[level].region.centroid[2]))
    centres = np.array([spine.bodies[level].region.centroid for level in order])
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    s = np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1.0))])
    at = np.arange(-REACH_MM, s[-1] + REACH_MM + STEP_MM, STEP_MM)
    points, down = _line(s, centres, at)
    fronts = np.array([spine.bodies[level].frame.ap for level in order])
    front = np.stack([np.interp(at, s, fronts[:, k]) for k in range(3)], axis=1)
    front = front - (front * down).sum(axis=1)[:, None] * down
    front = front / np.linalg.norm(front, axis=1)[:, None]
    sizes = np.array([_size(spine, level) for level in order])
    depth, width = (np.interp(at, s, sizes[:, k]) for k in range(2))
    cloud = ellipse_points(points, down, front, SHARE * depth, SHARE * width)
    held = {level: label_of(anatomy, level).sample(cloud) >= 0.5 for level in levels}
    filled = {level: inside.mean(axis=1) for level, inside in held.items()}
    halves = {level: _emptiest(inside) for level, inside in held.items()}
    runs = {level: run for level in levels if (run := _longest(at, filled[level])) is not None}
    return Column(at, points, down, front, filled, halves, runs)


def _line(s: Floats, centres: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Return the line through the centres and its direction, straight beyond the first and the last."""
    if len(s) == 2:
        down = np.tile(unit(centres[1] - centres[0]), (at.size, 1))
        return centres[0] + at[:, None] * down, down
    curve = CubicSpline(s, centres, bc_type="natural")
    inside = np.clip(at, s[0], s[-1])
    down = curve(inside, 1)
    down = down / np.linalg.norm(down, axis=1)[:, None]
    return curve(inside) + (at - inside)[:, None] * down, down


def _size(spine: Spine, level: str) -> tuple[float, float]:
    """Return depth and width of a level: medians over it and its neighbours up to two names away, whole ones first."""
    near = [body for name, body in spine.bodies.items() if abs(level_rank(name) - level_rank(level)) <= 2]
    near = [body for body in near if not body.region.cut and np.isfinite([body.depth, body.width]).all()] or near
    return float(np.nanmedian([b.depth for b in near])), float(np.nanmedian([b.width for b in near]))


def ellipse_points(points: Floats, down: Floats, front: Floats, ap: Floats, lr: Floats) -> Floats:
    """Return points spread over an ellipse across the line at each of its positions, (n, points, 3)."""
    angle = 2 * np.pi * np.arange(ANGLES) / ANGLES
    a = ap[:, None] * np.concatenate([r * np.cos(angle) for r in RADII])
    b = lr[:, None] * np.concatenate([r * np.sin(angle) for r in RADII])
    side = np.cross(front, down)
    return points[:, None] + a[..., None] * front[:, None] + b[..., None] * side[:, None]


def _emptiest(inside: npt.NDArray[np.bool_]) -> Floats:
    """Return the share of the emptiest of the four halves of the ellipse, each without the line between them."""
    angle = np.tile(2 * np.pi * np.arange(ANGLES) / ANGLES, len(RADII))
    sides = [np.cos(angle - turn) > 0.1 for turn in np.pi / 2 * np.arange(4)]
    return np.min([inside[:, side].mean(axis=1) for side in sides], axis=0)


def _longest(at: Floats, share: Floats) -> tuple[float, float] | None:
    """Return the ends of the longest stretch with a share of at least one half, interpolated between steps."""
    inside = np.concatenate([[False], share >= 0.5, [False]])
    edges = np.flatnonzero(np.diff(inside.astype(int)))
    if edges.size == 0:
        return None
    starts, ends = edges[::2], edges[1::2] - 1
    best = int(np.argmax(ends - starts))
    first, last = int(starts[best]), int(ends[best])

    def crossing(inner: int, outer: int) -> float:
        if not 0 <= outer < at.size:
            return float(at[inner])
        return float(np.interp(0.5, [share[outer], share[inner]], [at[outer], at[inner]]))

    begin, end = crossing(first, first - 1), crossing(last, last + 1)
    return (begin, end) if end > begin else None  # a single step of just one half has no length
