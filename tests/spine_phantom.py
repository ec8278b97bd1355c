"""A spine of elliptic cylinders whose every length, angle and area is known, drawn on any lattice.

The patient lies in RAS millimetres. Bodies and discs are cut from elliptic cylinders by the planes of their endplates;
going up from the sacrum each disc and each body opens forwards by its own angle. The lattice may be oblique,
anisotropic, permuted and flipped: the anatomy stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LEVELS = ("l5", "l4", "l3", "l2", "l1")


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """Return the rotation about x, then y, then z."""
    a, b, c = np.radians(degrees)
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


@dataclass
class Block:
    """An elliptic cylinder between two planes; ``taper`` is the size of its section below over that above."""

    low: np.ndarray
    low_normal: np.ndarray
    high: np.ndarray
    high_normal: np.ndarray
    depth: float
    width: float
    taper: float = 1.0

    @property
    def axis(self) -> np.ndarray:
        total = self.low_normal + self.high_normal
        return total / np.linalg.norm(total)

    @property
    def centre(self) -> np.ndarray:
        return (self.low + self.high) / 2

    @property
    def left(self) -> np.ndarray:
        vector = np.cross(self.axis, [0.0, 1.0, 0.0])
        return vector / np.linalg.norm(vector)

    @property
    def front(self) -> np.ndarray:
        return np.cross(self.left, self.axis)

    def holds(self, p: np.ndarray) -> np.ndarray:
        d = p - self.centre
        size = 1.0
        if self.taper != 1:
            up = ((p - self.low) @ self.axis) / ((self.high - self.low) @ self.axis)
            size = np.clip(self.taper + (1 - self.taper) * up, 0.1, 1.0)
        ring = ((d @ self.front) / (self.depth / 2)) ** 2 + ((d @ self.left) / (self.width / 2)) ** 2
        return (ring <= size**2) & ((p - self.low) @ self.low_normal >= 0) & ((p - self.high) @ self.high_normal < 0)


@dataclass
class Tube:
    """A tube of elliptic cross-section around a line through points."""

    path: np.ndarray  # (n, 3), upwards
    ap: float
    lr: float

    def holds(self, p: np.ndarray) -> np.ndarray:
        order = np.argsort(self.path[:, 2])
        path = self.path[order]
        x = np.interp(p[:, 2], path[:, 2], path[:, 0])
        y = np.interp(p[:, 2], path[:, 2], path[:, 1])
        # The section across the line, not the horizontal one: a spine that leans is cut obliquely by a level plane.
        slopes = [np.interp(p[:, 2], path[:, 2], np.gradient(path[:, k], path[:, 2])) for k in (0, 1)]
        along = np.column_stack([*slopes, np.ones(len(p))])
        along /= np.linalg.norm(along, axis=1)[:, None]
        level = np.column_stack([p[:, 0] - x, p[:, 1] - y, np.zeros(len(p))])
        across = level - (level * along).sum(axis=1)[:, None] * along
        front = np.array([0.0, 1.0, 0.0]) - along[:, 1:2] * along
        front /= np.linalg.norm(front, axis=1)[:, None]
        a, b = (across * front).sum(axis=1), (across * np.cross(along, front)).sum(axis=1)
        inside = (a / (self.ap / 2)) ** 2 + (b / (self.lr / 2)) ** 2 <= 1
        return inside & (p[:, 2] >= path[0, 2]) & (p[:, 2] <= path[-1, 2])


@dataclass
class Phantom:
    """A lumbar spine with known measures.

    Attributes name heights and angles from the sacrum upwards (``l5s1`` first, body ``l5`` first).
    """

    sacral_slope: float = 30.0
    disc_height: tuple[float, ...] = (9.0, 11.0, 10.0, 9.5, 9.0)
    disc_angle: tuple[float, ...] = (12.0, 9.0, 7.0, 5.0, 4.0)
    body_height: tuple[float, ...] = (27.0, 27.5, 27.0, 26.5, 26.0)
    body_angle: tuple[float, ...] = (4.0, 2.0, 1.0, 0.0, 0.0)
    tilt: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)  # coronal opening of each disc, degrees (left side up)
    slip: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    depth: float = 34.0
    width: float = 46.0
    canal_ap: float = 16.0
    canal_lr: float = 22.0
    canal_gap: float = 2.0  # between the back wall of the bodies and the canal
    multifidus: tuple[float, float] = (24.0, 20.0)  # diameters, left and right
    erector: tuple[float, float] = (34.0, 34.0)
    psoas: tuple[float, float] = (30.0, 26.0)
    n: int = 5
    posterior: bool = True
    blocks: dict[str, Block] = field(default_factory=dict)
    tubes: dict[str, Tube] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def turned(normal: np.ndarray, sagittal: float, coronal: float = 0.0) -> np.ndarray:
            # opening forwards tilts the upper plate's normal backwards
            return rotation((sagittal, coronal, 0.0)) @ normal

        def halfway(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return (a + b) / np.linalg.norm(a + b)

        top = np.array([0.0, 0.0, 0.0])
        normal = rotation((-self.sacral_slope, 0, 0)) @ np.array([0.0, 0.0, 1.0])
        self.blocks["s1"] = Block(top - 30 * normal, normal, top, normal, self.depth, self.width, taper=0.65)
        lower = "s1"
        for k in range(self.n):
            level = LEVELS[k]
            upper_normal = turned(normal, self.disc_angle[k], self.tilt[k])
            axis = halfway(normal, upper_normal)
            low = top + self.disc_height[k] * axis
            front = np.cross(np.cross(axis, [0.0, 1.0, 0.0]), axis)
            shift = self.slip[k] * front / np.linalg.norm(front)
            self.blocks[level + lower] = Block(top, normal, low, upper_normal, self.depth, self.width)
            high_normal = turned(upper_normal, self.body_angle[k])
            body_axis = halfway(upper_normal, high_normal)
            low = low + shift
            high = low + self.body_height[k] * body_axis
            self.blocks[level] = Block(low, upper_normal, high, high_normal, self.depth, self.width)
            top, normal, lower = high, high_normal, level
        self._tubes()

    def _tubes(self) -> None:
        def line(offset_back: float, offset_left: float) -> np.ndarray:
            points = []
            for name in ["s1", *LEVELS[: self.n]]:
                block = self.blocks[name]
                for share in (0.1, 0.5, 0.9):
                    on_axis = block.low + share * (block.high - block.low)
                    points.append(on_axis - offset_back * block.front + offset_left * np.array([-1.0, 0, 0]))
            path = np.array(points)
            ends = np.array([path[0] - [0, 0, 0], path[-1]])
            return np.vstack([ends[:1], path[1:-1], ends[1:]])

        back = self.depth / 2 + self.canal_gap + self.canal_ap / 2
        self.tubes["canal"] = Tube(line(back, 0.0), self.canal_ap, self.canal_lr)
        for name, sizes, behind, aside in (
            ("multifidus", self.multifidus, back + 26, 15.0),
            ("erector_spinae", self.erector, back + 24, 46.0),
            ("psoas", self.psoas, 2.0, 42.0),
        ):
            for side, size, sign in (("left", sizes[0], 1), ("right", sizes[1], -1)):
                self.tubes[f"{name}_{side}"] = Tube(line(behind, sign * aside), size, size)

    def truth(self, name: str) -> Block:
        return self.blocks[name]

    def _arch(self, level: str, p: np.ndarray) -> np.ndarray:
        """Pedicles beside the canal and an arch with a spinous process behind it, at mid-body height."""
        body = self.blocks[level]
        d = p - body.centre
        a, left, c = d @ body.front, np.abs(d @ body.left), d @ body.axis
        canal_front = -self.depth / 2 - self.canal_gap
        canal_back = canal_front - self.canal_ap
        half = self.canal_lr / 2
        beside = (left > half + 1) & (left < half + 9) & (np.abs(c) < 7)
        pedicle = beside & (a < -0.3 * self.depth) & (a > canal_back - 6)
        lamina = (left < half + 9) & (a < canal_back - 1) & (a > canal_back - 6) & (np.abs(c) < 9)
        spinous = (left < 3) & (a < canal_back - 5) & (a > canal_back - 28) & (np.abs(c) < 9)
        return pedicle | lamina | spinous

    def draw(
        self,
        labels: dict[str, int],
        *,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        degrees: tuple[float, float, float] = (0.0, 0.0, 0.0),
        order: tuple[int, int, int] = (0, 1, 2),
        flips: tuple[bool, bool, bool] = (False, False, False),
        margin: float = 12.0,
        shift: float = 0.0,
        keep: tuple[float, float] = (0.0, 1.0),
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a label volume and its matrix to RAS.

        ``spacing`` is along right-left, front-back and up-down of the (turned) lattice, before ``order`` permutes and
        ``flips`` reverse the axes; ``keep`` cuts the field of view along the third. Names of ``labels``: levels, discs,
        ``canal`` and muscles with their side; whole vertebrae hold their posterior elements, ``body_l4`` does not.
        """
        turn = rotation(degrees)
        ends = self._extent(labels)
        local = ends @ turn
        low, high = local.min(axis=0) - margin + shift, local.max(axis=0) + margin
        span = high[2] - low[2]
        low[2], high[2] = low[2] + keep[0] * span, low[2] + keep[1] * span
        shape = np.ceil((high - low) / np.array(spacing)).astype(int) + 1
        affine = np.eye(4)
        affine[:3, :3] = turn * np.array(spacing)
        affine[:3, 3] = turn @ low
        data = np.zeros(shape, dtype=np.int32)
        for name, value in sorted(labels.items(), key=lambda item: item[0] == "s1"):
            self._paint(data, affine, name, value)
        for axis, flip in enumerate(flips):
            if flip:
                data = np.flip(data, axis)
                affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
                affine[:3, axis] *= -1
        return np.ascontiguousarray(data.transpose(order)), affine[:, [*order, 3]]

    def _extent(self, labels: dict[str, int]) -> np.ndarray:
        points = []
        for name in labels:
            name = name.removeprefix("body_")
            if name in self.blocks:
                b = self.blocks[name]
                back = 2.4 if name in LEVELS and self.posterior else 1.0
                for end in (b.low, b.high):
                    for s in (-1, 1):
                        points += [
                            end + s * b.width / 2 * b.left,
                            end + b.depth / 2 * b.front,
                            end - back * b.depth / 2 * b.front,
                        ]
            else:
                tube = self.tubes[name]
                mid = tube.path[(tube.path[:, 2] > -15)]
                for s in (-1, 1):
                    aside, behind = np.array([s * tube.lr / 2, 0, 0]), np.array([0, s * tube.ap / 2, 0])
                    points += [*(mid + aside), *(mid + behind)]
        return np.array(points)

    def _paint(self, data: np.ndarray, affine: np.ndarray, name: str, value: int) -> None:
        whole = not name.startswith("body_")
        name = name.removeprefix("body_")
        ends = self._extent({name: 1}) if name in self.blocks else None
        if ends is None:
            tube = self.tubes[name]
            reach = max(tube.ap, tube.lr)
            ends = np.vstack([tube.path - reach, tube.path + reach])
        corners = np.array(np.meshgrid(*zip(ends.min(0) - 4, ends.max(0) + 4), indexing="ij")).reshape(3, -1).T
        inverse = np.linalg.inv(affine)
        index = corners @ inverse[:3, :3].T + inverse[:3, 3]
        low = np.clip(np.floor(index.min(0)).astype(int), 0, data.shape)
        high = np.clip(np.ceil(index.max(0)).astype(int) + 1, 0, data.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high))
        grid = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high)], indexing="ij"), axis=-1)
        p = (grid @ affine[:3, :3].T + affine[:3, 3]).reshape(-1, 3)
        if name in self.blocks:
            inside = self.blocks[name].holds(p)
            if whole and self.posterior and name in LEVELS:
                inside |= self._arch(name, p)
        else:
            inside = self.tubes[name].holds(p)
        view = data[box]
        inside = inside.reshape(view.shape)
        view[inside & (view == 0)] = value


def labels_of(convention: str, n: int = 5) -> dict[str, int]:
    """Return names of the phantom's structures with the numbers of a convention."""
    levels, discs = LEVELS[:n], [upper + lower for upper, lower in zip(LEVELS[:n], ("s1", *LEVELS))]
    if convention == "spider":
        return {**{v: k + 1 for k, v in enumerate(levels)}, **{d: 201 + k for k, d in enumerate(discs)}, "canal": 100}
    if convention == "totalspineseg":
        table = {"l5s1": 100, "l4l5": 95, "l3l4": 94, "l2l3": 93, "l1l2": 92}
        return {**{v: 45 - k for k, v in enumerate(levels)}, **{d: table[d] for d in discs}, "canal": 2, "s1": 50}
    if convention == "mrspineseg":
        return {**{v: 2 + k for k, v in enumerate(levels)}, **{d: 11 + k for k, d in enumerate(discs)}, "s1": 1}
    if convention == "totalsegmentator_vertebrae_pp":
        return {f"body_{v}": 24 - k for k, v in enumerate(levels)}
    if convention == "musclemap":
        base = {"multifidus": 5101, "erector_spinae": 5111, "psoas": 5121}
        return {f"{m}_{s}": b + (s == "right") for m, b in base.items() for s in ("left", "right")}
    raise KeyError(convention)
