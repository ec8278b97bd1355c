"""A drawn spine with facet joints, lateral recesses and ligaments of known angle, height and thickness.

Two volumes on one lattice, as SPINEPS gives them: vertebrae with their numbers, and sub-regions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from spine_phantom import LEVELS, Phantom

VERTEBRA = {"l5": 24, "l4": 23, "s1": 26}
ARCH, CORPUS, CANAL, DISC = 41, 49, 61, 100
SUPERIOR, INFERIOR = {1.0: 45, -1.0: 46}, {1.0: 47, -1.0: 48}
FLAVUM = 7


@dataclass
class FacetPhantom(Phantom):
    """l4 and l5: behind their disc two joints with plane faces; each vertebra has a flat back wall.

    ``facet`` are the angles of the left and the right joint to the midsagittal plane; ``space`` the distance of the
    two faces. ``recess`` is the distance, at the inner border of the pedicle of l5, of the roof from the back wall, and
    ``roof`` its angle to that wall (opening inwards). ``flavum`` is the thickness of the ligament of either side.
    """

    n: int = 2
    facet: tuple[float, float] = (40.0, 52.0)
    space: float = 2.0
    recess: tuple[float, float] = (5.0, 3.5)
    roof: tuple[float, float] = (20.0, 35.0)
    flavum: tuple[float, float] = (3.0, 4.5)
    joint: tuple[float, float] = (-37.0, 17.0)  # ap and side of its middle, in the frame of the disc
    reach: float = 7.0  # half the length of the joint across the spine

    _known: dict = field(default_factory=dict)
    inner = 12.0  # inner border of the pedicles
    top = 7.0  # their upper border above the middle of the body

    def _local(self, name: str, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self._known.get(name, (None,))[0] is not p:
            block = self.blocks[name]
            d = p - block.centre
            self._known[name] = p, (d @ block.front, d @ block.left, d @ block.axis)
        return self._known[name][1]

    def body(self, level: str, p: np.ndarray) -> np.ndarray:
        """A cylinder in front, a box behind: the back wall is flat."""
        block = self.blocks[level]
        a, left, _ = self._local(level, p)
        box = (a <= 0) & (a >= -self.depth / 2) & (np.abs(left) <= self.width / 2)
        between = ((p - block.low) @ block.low_normal >= 0) & ((p - block.high) @ block.high_normal < 0)
        return block.holds(p) | (box & between)

    def process(self, kind: str, p: np.ndarray, sign: float) -> np.ndarray:
        """A slab of 6 mm on its side of the joint space: in front and outside of it the superior one."""
        a, left, c = self._local("l4l5", p)
        angle = np.radians(self.facet[0 if sign > 0 else 1])
        x, y = a - self.joint[0], sign * left - self.joint[1]
        along = -x * np.cos(angle) + y * np.sin(angle)
        outwards = x * np.sin(angle) + y * np.cos(angle)
        if kind == "inferior":
            outwards = -outwards
        thick = (outwards >= self.space / 2) & (outwards <= self.space / 2 + 6)
        return thick & (np.abs(along) <= self.reach) & (np.abs(c) <= 9)

    def roof_of(self, p: np.ndarray, sign: float) -> np.ndarray:
        """The foot of the superior process of l5: a wedge behind the recess, from the top of the pedicle upwards."""
        a, left, c = self._local("l5", p)
        k = 0 if sign > 0 else 1
        inwards = self.inner - sign * left
        front = -self.depth / 2 - self.recess[k] - inwards * np.tan(np.radians(self.roof[k]))
        return (a <= front) & (a >= front - 6) & (inwards > -2) & (inwards < 8) & (np.abs(c - self.top) < 4)

    def ligament(self, p: np.ndarray, sign: float) -> np.ndarray:
        """A slab of 12 mm length at 30° to the midsagittal plane, in front of the joint's inner end."""
        a, left, c = self._local("l4l5", p)
        angle = np.radians(30.0)
        x, y = a + 33.0, sign * left - 6.0
        along, across = -x * np.sin(angle) + y * np.cos(angle), x * np.cos(angle) + y * np.sin(angle)
        return (np.abs(along) <= 6) & (np.abs(across) <= self.flavum[0 if sign > 0 else 1] / 2) & (np.abs(c) <= 8)

    def volumes(
        self, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), degrees: tuple[float, float, float] = (0.0,) * 3
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return vertebrae, sub-regions, ligaments (7 and 8 of left and right) and the matrix to RAS."""
        names = {**VERTEBRA, "l4l5": 1, "l5s1": 2, "canal": 3}
        blank, affine = self.draw(names, spacing=spacing, degrees=degrees, margin=20.0)
        grid = np.stack(np.meshgrid(*map(np.arange, blank.shape), indexing="ij"), axis=-1)
        p = (grid @ affine[:3, :3].T + affine[:3, 3]).reshape(-1, 3)
        whole, parts, yellow = (np.zeros(p.shape[0], dtype=np.int32) for _ in range(3))

        def paint(into: np.ndarray, inside: np.ndarray, value: int) -> None:
            into[inside & (into == 0)] = value

        for level in LEVELS[: self.n]:
            body = self.body(level, p)
            paint(whole, body, VERTEBRA[level])
            paint(parts, body, CORPUS)
        for sign in (1.0, -1.0):
            slab = self.process("superior", p, sign) | self.roof_of(p, sign)
            paint(whole, slab, VERTEBRA["l5"])
            paint(parts, slab, SUPERIOR[sign])
            slab = self.process("inferior", p, sign)
            paint(whole, slab, VERTEBRA["l4"])
            paint(parts, slab, INFERIOR[sign])
            paint(yellow, self.ligament(p, sign), FLAVUM + (sign < 0))
        for level in LEVELS[: self.n]:
            arch = self._arch(level, p)
            paint(whole, arch & (parts == 0), VERTEBRA[level])
            paint(parts, arch, ARCH)
        paint(whole, self.blocks["s1"].holds(p), VERTEBRA["s1"])
        for disc in ("l4l5", "l5s1"):
            paint(parts, self.blocks[disc].holds(p) & (whole == 0), DISC)
        paint(parts, self.tubes["canal"].holds(p) & (whole == 0), CANAL)
        return (*(v.reshape(blank.shape) for v in (whole, parts, yellow)), affine)
