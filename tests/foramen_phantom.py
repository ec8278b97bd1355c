"""A drawn spine with joints behind its foramina, and their truth by counting points of the drawn shapes themselves."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from spine_phantom import LEVELS, Block, Phantom


class Sacrum(Block):
    """An upper block with pedicles 6 mm below its endplate that run into the wings, and a pillar behind the foramen."""

    def holds(self, p: np.ndarray) -> np.ndarray:
        d = p - self.centre
        a, left, c = d @ self.front, np.abs(d @ self.left), d @ self.axis
        aside = (left > 12) & (left < 32)
        pedicle = aside & (c < 9) & (c > -15) & (a < -10) & (a > -41)
        return super().holds(p) | pedicle | (aside & (left < 20) & (a > -30) & (a < -25) & (c > 0) & (c < 34))


class ForamenPhantom(Phantom):
    """Pedicles of 14 × 8 mm; a pillar of the lower vertebra reaches up behind each foramen to the one above."""

    pillar = (-30.0, -25.0)
    pedicle = 16.0  # from the middle to its centre: half the canal, 1 mm, and half of 8 mm

    def _arch(self, level: str, p: np.ndarray) -> np.ndarray:
        body = self.blocks[level]
        d = p - body.centre
        a, left, c = d @ body.front, np.abs(d @ body.left), d @ body.axis
        half = self.canal_lr / 2
        aside = (left > half + 1) & (left < half + 9)
        up = level != LEVELS[self.n - 1]
        return super()._arch(level, p) | (up & aside & (a > self.pillar[0]) & (a < self.pillar[1]) & (c > 0) & (c < 34))

    def _extent(self, labels: dict[str, int]) -> np.ndarray:
        points = [super()._extent(labels)]
        if "s1" in labels and isinstance(self.blocks["s1"], Sacrum):
            body = self.blocks["s1"]
            points.append(np.array([body.centre - 43 * body.front, body.centre + 36 * body.axis - 28 * body.front]))
        for name in labels:
            if name in LEVELS[: self.n - 1]:
                body = self.blocks[name]
                points.append((body.centre + 36 * body.axis - 28 * body.front)[None])
        return np.vstack(points)

    def true_foramen(self, upper: str, lower: str, sign: float, step: float = 0.05) -> tuple[float, float]:
        """Return height and area, on the plane through the pedicles, of the space between the drawn shapes."""
        ends = []
        for level in (upper, lower):
            body = self.blocks[level]
            ends.append(body.centre + sign * self.pedicle * body.left - (self.depth / 2 + 4) * body.front)
        along = ends[0] - ends[1]
        up = along / np.linalg.norm(along)
        front = self.blocks[upper].front + self.blocks[lower].front
        front = front - (front @ up) * up
        front /= np.linalg.norm(front)
        a, c = np.arange(-16, 14, step), np.arange(-22, 22, step)
        p = ((ends[0] + ends[1]) / 2 + a[:, None, None] * front + c[None, :, None] * up).reshape(-1, 3)
        holds = {k: self.blocks[k].holds(p) | self._arch(k, p) for k in (upper, lower)}
        shapes = [holds[upper], holds[lower], self.blocks[upper + lower].holds(p)]
        above, below = (shape.reshape(a.size, c.size) for shape in shapes[:2])
        spaces, _ = ndimage.label(~np.any(shapes, axis=0).reshape(a.size, c.size))
        space = spaces == spaces[a.size * 16 // 30, c.size // 2]
        assert not any(edge.any() for edge in (space[0], space[-1], space[:, 0], space[:, -1]))
        lengths = []
        for row in np.flatnonzero(space.any(axis=1)):
            cells = np.flatnonzero(space[row])
            if below[row, cells[0] - 1] and above[row, cells[-1] + 1]:
                lengths.append(cells.size)
        return float(np.quantile(lengths, 0.9)) * step, float(space.sum()) * step**2
