"""A second drawn spine, made another way: rigid blocks stacked one on another, a canal swept along a smooth line.

It shares no code and no formula with `spine_phantom`: blocks are placed by rotation vectors (wedge, coronal tilt and
axial twist at once), discs shear between slipped bodies, and the canal's section is elliptic at right angles to its
line, whatever the spine does. Truths are computed from the placed planes, not from the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

LEVELS = ("l5", "l4", "l3", "l2", "l1")
RIGHT, FRONT, UP = np.eye(3)
TOTALSPINESEG = {
    "l5": 45,
    "l4": 44,
    "l3": 43,
    "l2": 42,
    "l1": 41,
    "l5s1": 100,
    "l4l5": 95,
    "l3l4": 94,
    "l2l3": 93,
    "l1l2": 92,
    "canal": 2,
    "s1": 50,
}


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


@dataclass
class Plate:
    """A plane with its own right, front and up."""

    point: np.ndarray
    turn: Rotation

    @property
    def up(self) -> np.ndarray:
        return self.turn.apply(UP)

    @property
    def front(self) -> np.ndarray:
        return self.turn.apply(FRONT)


@dataclass
class Segment:
    """What lies between two plates, elliptic about the line from one centre to the other.

    ``taper`` is the size of its section below over that above.
    """

    low: Plate
    high: Plate
    mid: Rotation
    depth: float
    width: float
    taper: float = 1.0

    def holds(self, p: np.ndarray) -> np.ndarray:
        axis, up = self.high.point - self.low.point, self.mid.apply(UP)
        size = np.clip(self.taper + (1 - self.taper) * ((p - self.low.point) @ up / (axis @ up)), 0.1, 1.0)
        d = p - (self.low.point + ((p - self.low.point) @ up / (axis @ up))[:, None] * axis)
        ring = (d @ self.mid.apply(FRONT) * 2 / self.depth) ** 2 + (d @ self.mid.apply(RIGHT) * 2 / self.width) ** 2
        return (
            (ring <= size**2) & ((p - self.low.point) @ self.low.up >= 0) & ((p - self.high.point) @ self.high.up < 0)
        )

    def height(self, share: float = 0.0) -> float:
        """Return the height along the axis at a share of half the depth to the front."""
        up = self.mid.apply(UP)
        at = 0.5 * (self.low.point + self.high.point) + 0.5 * share * self.depth * self.mid.apply(FRONT)
        ends = [(plate.point - at) @ plate.up / (up @ plate.up) for plate in (self.low, self.high)]
        return float(ends[1] - ends[0])

    def corners(self) -> np.ndarray:
        sides = [(a, b) for a in (-0.5, 0.5) for b in (-0.5, 0.5)]
        return np.array(
            [
                plate.point + a * self.depth * plate.front + b * self.width * plate.turn.apply(RIGHT)
                for plate in (self.low, self.high)
                for a, b in sides
            ]
        )


@dataclass
class StackedSpine:
    """Five bodies on a sacrum; settings from the sacrum upwards."""

    slope: float
    disc: tuple[float, ...]
    wedge: tuple[float, ...]
    body: tuple[float, ...]
    body_wedge: tuple[float, ...]
    tilt: tuple[float, ...]
    twist: tuple[float, ...]
    slip: tuple[float, ...] = (0.0,) * 5
    aside: tuple[float, ...] = (0.0,) * 5
    depth: float = 34.0
    width: float = 46.0
    canal_ap: float = 16.0
    canal_lr: float = 22.0
    gap: float = 2.0
    parts: dict[str, Segment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        turn = Rotation.from_euler("x", -self.slope, degrees=True)
        top, below = Plate(np.zeros(3), turn), "s1"
        self.parts["s1"] = Segment(Plate(-30 * top.up, turn), top, turn, self.depth, self.width, taper=0.65)
        for k, level in enumerate(LEVELS):
            step = np.array([self.wedge[k], -self.tilt[k], self.twist[k]])
            mid = top.turn * Rotation.from_rotvec(step / 2, degrees=True)
            moved = self.slip[k] * top.front - self.aside[k] * top.turn.apply(RIGHT)
            floor = Plate(
                top.point + self.disc[k] * mid.apply(UP) + moved, top.turn * Rotation.from_rotvec(step, degrees=True)
            )
            self.parts[level + below] = Segment(top, floor, mid, self.depth, self.width)
            half, whole = (Rotation.from_euler("x", s * self.body_wedge[k], degrees=True) for s in (0.5, 1.0))
            axis = floor.turn * half
            top = Plate(floor.point + self.body[k] * axis.apply(UP), floor.turn * whole)
            self.parts[level] = Segment(floor, top, axis, self.depth, self.width)
            below = level
        self._sweep()

    def _sweep(self) -> None:
        back = self.depth / 2 + self.gap + self.canal_ap / 2
        at = [self.parts[name] for name in ("s1", *LEVELS)]
        points = np.array([0.5 * (s.low.point + s.high.point) - back * s.mid.apply(FRONT) for s in at])
        points = np.vstack([1.6 * points[0] - 0.6 * points[1], points, 1.5 * points[-1] - 0.5 * points[-2]])
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        line = CubicSpline(along, points)
        t = np.linspace(0, along[-1], 2500)
        self.line, slope = line(t), line(t, 1)
        self.direction = slope / np.linalg.norm(slope, axis=1)[:, None]
        self.tree = cKDTree(self.line)

    def _canal(self, p: np.ndarray) -> np.ndarray:
        distance, nearest = self.tree.query(p, distance_upper_bound=max(self.canal_ap, self.canal_lr) / 2 + 0.1)
        near = np.isfinite(distance)
        i = nearest[near]
        along, d = self.direction[i], p[near] - self.line[i]
        front = FRONT - along[:, 1:2] * along
        front /= np.linalg.norm(front, axis=1)[:, None]
        a, b = (d * front).sum(axis=1), (d * np.cross(front, along)).sum(axis=1)
        inside = np.zeros(len(p), dtype=bool)
        inside[near] = (2 * a / self.canal_ap) ** 2 + (2 * b / self.canal_lr) ** 2 <= 1
        inside[near] &= (i > 0) & (i < len(self.line) - 1)
        return inside

    def draw(self, spacing, turn, order, flips, offset, margin: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
        """Return a label volume (TotalSpineSeg's numbers) on a turned, permuted and flipped lattice, and its matrix."""
        turn = turn.as_matrix()
        ends = np.vstack([self.line, *(part.corners() for part in self.parts.values())]) @ turn
        pad = max(self.canal_ap, self.canal_lr) / 2
        low, high = ends.min(axis=0) - margin - pad + offset, ends.max(axis=0) + margin + pad
        spacing = np.array(spacing, dtype=float)
        shape = np.ceil((high - low) / spacing).astype(int) + 1
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = turn * spacing, turn @ low
        data = np.zeros(shape, np.int16)
        for name, value in TOTALSPINESEG.items():
            known = (self.line if name == "canal" else self.parts[name].corners()) @ turn
            reach = pad + 2 if name == "canal" else 2.0
            a = np.clip(np.floor((known.min(axis=0) - reach - low) / spacing).astype(int), 0, shape)
            b = np.clip(np.ceil((known.max(axis=0) + reach - low) / spacing).astype(int) + 1, 0, shape)
            box = tuple(slice(i, j) for i, j in zip(a, b))
            grid = np.stack(np.meshgrid(*map(np.arange, a, b), indexing="ij"), axis=-1).reshape(-1, 3)
            p = grid @ affine[:3, :3].T + affine[:3, 3]
            inside = self._canal(p) if name == "canal" else self.parts[name].holds(p)
            view = data[box]
            view[inside.reshape(view.shape) & (view == 0)] = value
        for axis, flip in enumerate(flips):
            if flip:
                data = np.flip(data, axis)
                affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
                affine[:3, axis] *= -1
        return np.ascontiguousarray(data.transpose(order)), affine[:, [*order, 3]]

    def truths(self) -> dict[tuple[str, str], float]:
        """Return the measures by (measure, level); slips and heights of discs beside a slip are left out."""
        bodies = [self.parts[level] for level in LEVELS]
        left = -_unit(np.mean([body.mid.apply(RIGHT) for body in bodies], axis=0))
        front = _unit(np.mean([body.mid.apply(FRONT) for body in bodies], axis=0))

        def angle(a: np.ndarray, b: np.ndarray, axis: np.ndarray) -> float:
            a, b = a - (a @ axis) * axis, b - (b @ axis) * axis
            return float(np.degrees(np.arctan2(np.cross(a, b) @ axis, a @ b)))

        found: dict[tuple[str, str], float] = {}
        below = "s1"
        for k, level in enumerate(LEVELS):
            disc, body, under = self.parts[level + below], self.parts[level], self.parts[below]
            name = level + below
            if not self.slip[k] and not self.aside[k]:
                found["disc_height", name] = disc.height()
            found["disc_wedge", name] = angle(body.low.up, under.high.up, left)
            found["segmental_lordosis", name] = angle(body.high.up, under.high.up, left)
            found["canal_area", name] = np.pi / 4 * self.canal_ap * self.canal_lr
            found["disc_area", name] = np.pi / 4 * self.depth * self.width
            for part, share in (("posterior", -0.8), ("middle", 0.0), ("anterior", 0.8)):
                found[f"body_height_{part}", level] = body.height(share)
            below = level
        found["lumbar_lordosis", ""] = angle(bodies[-1].high.up, self.parts["s1"].high.up, left)
        found["sacral_slope", ""] = angle(UP, self.parts["s1"].high.up, left)
        up = np.cross(front, left)
        up *= np.sign(up[2])
        found["cobb", ""] = float(
            np.ptp([angle(up, plate.up, front) for body in bodies for plate in (body.low, body.high)])
        )
        return found


def random_spine(rng: np.random.Generator, *, slipped: bool) -> StackedSpine:
    """Return a spine with everything drawn at random; a third of the bodies slipped where asked."""

    def five(low: float, high: float) -> tuple[float, ...]:
        return tuple(rng.uniform(low, high, 5))

    def some(low: float, high: float) -> tuple[float, ...]:
        return tuple(np.where(rng.random(5) < 0.3, rng.uniform(low, high, 5), 0.0)) if slipped else (0.0,) * 5

    return StackedSpine(
        slope=rng.uniform(15, 45),
        disc=five(6, 13),
        wedge=five(0, 14),
        body=five(23, 30),
        body_wedge=five(-3, 5),
        tilt=five(-5, 5),
        twist=five(-4, 4),
        slip=some(-4, 9),
        aside=some(-4, 4),
        depth=rng.uniform(30, 38),
        width=rng.uniform(40, 52),
        canal_ap=rng.uniform(10, 19),
        canal_lr=rng.uniform(17, 26),
        gap=rng.uniform(1, 3),
    )
