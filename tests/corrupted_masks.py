"""Masks as segmenters spoil them: twelve kinds of damage, drawn at random on any label volume of vertebral bodies.

`corrupt` returns the spoilt volume and the levels whose values the damage makes wrong; `varied_spine` draws intact
anatomy that looks odd (scoliosis, transitional vertebrae, implants, fractures), which a gate must let through.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from stacked_spine import StackedSpine, random_spine

KINDS = (
    "mixed",
    "doubled",
    "merged",
    "split",
    "swapped",
    "stray",
    "missing",
    "torn",
    "flipped",
    "displaced",
    "joined",
    "sacral_name",
)
NUMBERS = {"t12": 40, "l1": 41, "l2": 42, "l3": 43, "l4": 44, "l5": 45, "l6": 46}
NAMES = {number: name for name, number in NUMBERS.items()}


@dataclass
class Spoilt:
    """A damaged mask: its voxels, the kind, and the levels that a reader must be warned of."""

    data: np.ndarray
    kind: str
    levels: tuple[str, ...]


def _along(data: np.ndarray, affine: np.ndarray, number: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels of a label and their place along a RAS axis."""
    found = np.argwhere(data == number)
    return found, (found @ affine[:3, :3].T + affine[:3, 3])[:, axis]


def corrupt(data: np.ndarray, affine: np.ndarray, kind: str, rng: np.random.Generator) -> Spoilt:
    """Spoil a volume whose bodies (or vertebrae) bear the numbers of `NUMBERS`, discs 91–95 and 100."""
    out = data.copy()
    present = [n for n in sorted(NAMES) if (data == n).any()]
    inner = [n for n in present[1:-1]] or present
    x = int(rng.choice(inner))
    up = bool(rng.random() < 0.5)
    y = x - 1 if up else x + 1
    pair = tuple(NAMES[n] for n in sorted((x, y)))
    if kind == "mixed":  # a slab at one end, or a side, goes to the neighbour
        share = rng.uniform(0.25, 0.5)
        axis = 2 if rng.random() < 0.6 else int(rng.integers(2))
        voxels, at = _along(data, affine, x, axis)
        low = up if axis == 2 else not up
        cut = np.quantile(at, 1 - share if low else share)
        chosen = voxels[at > cut] if low else voxels[at < cut]
        out[tuple(chosen.T)] = y
        return Spoilt(out, kind, pair)
    if kind == "doubled":
        out[data == x] = y
        return Spoilt(out, kind, (NAMES[y],))
    if kind == "merged":
        between = {(40, 41): 91, (41, 42): 92, (42, 43): 93, (43, 44): 94, (44, 45): 95}.get(tuple(sorted((x, y))))
        keep = max(x, y) if rng.random() < 0.5 else min(x, y)
        both = np.isin(data, [x, y])
        reach = int(np.ceil(9.0 / np.linalg.norm(affine[:3, :3], axis=0).min()))
        box = ndimage.find_objects(both.astype(np.uint8))[0]
        grown = tuple(slice(max(s.start - reach, 0), s.stop + reach) for s in box)
        closed = both.copy()
        closed[grown] = ndimage.binary_closing(both[grown], iterations=reach) & np.isin(
            data[grown], [0, between or 0, x, y]
        )
        out[both | closed] = keep
        return Spoilt(out, kind, (NAMES[keep],))
    if kind == "split":  # one vertebra is taken for two, and all names below move on by one
        voxels, at = _along(data, affine, x, 2)
        share = rng.uniform(0.35, 0.65)
        for n in [n for n in present if n > x][::-1]:
            out[data == n] = n + 1
        out[tuple(voxels[at < np.quantile(at, share)].T)] = x + 1
        return Spoilt(out, kind, (NAMES[x], NAMES[x + 1]))
    if kind == "swapped":
        out[data == x], out[data == y] = y, x
        return Spoilt(out, kind, pair)
    if kind == "stray":
        return _stray(data, affine, x, rng)
    if kind == "missing":
        out[data == x] = 0
        if rng.random() < 0.5:  # the names below close up
            for n in [n for n in present if n > x]:
                out[data == n] = n - 1
        return Spoilt(out, kind, pair)
    if kind == "torn":
        share = rng.uniform(0.30, 0.45)
        axis = int(rng.integers(3))
        voxels, at = _along(data, affine, x, axis)
        chosen = voxels[at > np.quantile(at, 1 - share)] if rng.random() < 0.5 else voxels[at < np.quantile(at, share)]
        out[tuple(chosen.T)] = 0
        return Spoilt(out, kind, (NAMES[x],))
    every = tuple(NAMES[n] for n in present)
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if kind == "flipped":  # a mask that falls on itself is not damaged
        bone = np.isin(data, present)
        rows = [int(row) for row in rng.permutation([0, 1, 2])]
        axes = [int(np.argmax(np.abs(cosines[row]))) for row in rows]
        overlap = [(bone & np.flip(bone, axis)).sum() / bone.sum() for axis in axes]
        axis = next((axis for axis, share in zip(axes, overlap) if share < 0.8), axes[int(np.argmin(overlap))])
        return Spoilt(np.flip(data, axis).copy(), kind, every)
    if kind == "displaced":
        row = int(rng.choice([0, 1, 2]))
        axis = int(np.argmax(np.abs(cosines[row])))
        size = float(np.linalg.norm(affine[:3, axis]))
        steps = round(rng.uniform(7, 14) / size) * int(rng.choice([-1, 1]))
        return Spoilt(_shifted(data, axis, steps), kind, every)
    if kind == "joined":
        return _joined(data, affine, present, rng)
    if kind == "sacral_name":
        return _sacral_name(data, affine, present, rng)
    raise KeyError(kind)


def _joined(data: np.ndarray, affine: np.ndarray, present: list[int], rng: np.random.Generator) -> Spoilt:
    """Move all labels above or below a disc by 6 to 12 mm forwards, backwards or aside: a mask joined from two."""
    k = int(rng.integers(1, len(present)))
    centres = [np.argwhere(data == n).mean(axis=0) @ affine[:3, :3].T + affine[:3, 3] for n in present[k - 1 : k + 1]]
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    above = (grid - np.mean(centres, axis=0)) @ (centres[0] - centres[1]) > 0
    for number in present:  # a tilted plane would cut a body's corner off
        above[data == number] = number < present[k]
    upper = bool(rng.random() < 0.5)
    moves = above if upper else ~above
    row = 1 if rng.random() < 0.7 else 0
    axis = int(np.argmax(np.abs(affine[row, :3]) / np.linalg.norm(affine[:3, :3], axis=0)))
    size = float(np.linalg.norm(affine[:3, axis]))
    steps = max(round(rng.uniform(6, 12) / size), 1) * int(rng.choice([-1, 1]))
    moved = _shifted(np.where(moves, data, 0), axis, steps)
    out = np.where(moved > 0, moved, np.where(moves, 0, data))
    return Spoilt(out, "joined", tuple(NAMES[n] for n in present if (n < present[k]) == upper))


def _sacral_name(data: np.ndarray, affine: np.ndarray, present: list[int], rng: np.random.Generator) -> Spoilt:
    """Name the last lumbar vertebra s1, and all others one too low; the sacrum has no label, or a remnant of it has."""
    out = data.copy()
    out[(data == 50) | (data == 100)] = 0
    if rng.random() < 0.5:  # the upper part of the sacrum bears the same label
        voxels, at = _along(data, affine, 50, 2)
        out[tuple(voxels[at > np.quantile(at, rng.uniform(0.75, 0.95))].T)] = 50
    out[data == present[-1]] = 50
    for number in present[:-1][::-1]:
        out[data == number] = number + 1
    for disc in (95, 94, 93, 92):
        out[data == disc] = 100 if disc == 95 else disc + 1
    return Spoilt(out, "sacral_name", tuple(NAMES[n + 1] for n in present[:-1]))


def _shifted(data: np.ndarray, axis: int, steps: int) -> np.ndarray:
    out = np.zeros_like(data)
    source = [slice(None)] * 3
    target = [slice(None)] * 3
    source[axis] = slice(max(-steps, 0), data.shape[axis] - max(steps, 0))
    target[axis] = slice(max(steps, 0), data.shape[axis] - max(-steps, 0))
    out[tuple(target)] = data[tuple(source)]
    return out


def _stray(data: np.ndarray, affine: np.ndarray, x: int, rng: np.random.Generator) -> Spoilt:
    """Put a ball of 0.5 to 3 ml of a label elsewhere, or name a remnant above the first vertebra."""
    out = data.copy()
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    radius = float((3 * rng.uniform(500, 3000) / (4 * np.pi)) ** (1 / 3))
    present = [n for n in sorted(NAMES) if (data == n).any()]
    world = affine[:3, :3], affine[:3, 3]
    if rng.random() < 0.4 and present[0] - 1 in NAMES:
        number = present[0] - 1
        voxels, _ = _along(data, affine, present[0], 2)
        centre = voxels.mean(axis=0) @ world[0].T + world[1] + np.array([0, 0, rng.uniform(24, 30)])
    else:
        number = x
        voxels, _ = _along(data, affine, x, 2)
        away = rng.normal(size=3)
        away[2] *= 2
        centre = voxels.mean(axis=0) @ world[0].T + world[1] + away / np.linalg.norm(away) * rng.uniform(45, 70)
    index = (centre - world[1]) @ np.linalg.inv(world[0]).T
    index = np.clip(index, radius / spacing + 2, np.array(data.shape) - radius / spacing - 3)
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1)
    ball = (((grid - index) * spacing) ** 2).sum(axis=-1) <= radius**2
    own = ndimage.binary_dilation(data == number, iterations=3)
    out[ball & ~own] = number
    return Spoilt(out, "stray", (NAMES[number],))


def spine_image(data: np.ndarray, affine: np.ndarray, modality: str, rng: np.random.Generator) -> np.ndarray:
    """Return an image of an intact drawn mask: bone with a rim, discs, muscle, fat and noise."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    bone = np.isin(data, [*NAMES, 50])
    disc = np.isin(data, [91, 92, 93, 94, 95, 100])
    canal = data == 2
    rim = bone & (ndimage.distance_transform_edt(bone, sampling=spacing) <= max(1.5, spacing.min()))
    soft = ndimage.gaussian_filter(rng.normal(size=data.shape), 6.0 / spacing)
    soft = soft / soft.std()
    if modality == "ct":
        image = np.where(soft > 0.6, -80.0, 50.0)
        image[disc], image[canal], image[bone], image[rim] = 90.0, 20.0, rng.uniform(70, 220), 350.0
        noise = 25.0
    else:
        image = np.where(soft > 0.6, 420.0, 130.0)
        image[disc], image[canal], image[bone], image[rim] = rng.uniform(100, 320), 500.0, rng.uniform(230, 330), 60.0
        noise = 20.0
    image = ndimage.gaussian_filter(image, 0.5)
    return np.round(image + rng.normal(scale=noise, size=data.shape)).astype(np.int16)


def as_totalspineseg(data: np.ndarray) -> np.ndarray:
    """Return the numbers of that tool: only the last thoracic vertebra has another one here."""
    out = data.copy()
    out[data == NUMBERS["t12"]] = 32
    return out


@dataclass
class Drawn:
    """An intact drawn case."""

    data: np.ndarray
    affine: np.ndarray
    image: np.ndarray
    modality: str
    oddity: str


ODDITIES = ("plain", "scoliosis", "transitional", "implant", "fracture")


def varied_spine(seed: int, oddity: str | None = None, *, canal: bool | None = None, coarse: bool = False) -> Drawn:
    """Draw an intact spine with TotalSpineSeg's numbers, with an oddity, an image, and a canal label or none."""
    rng = np.random.default_rng([7, seed])
    oddity = ODDITIES[seed % len(ODDITIES)] if oddity is None else oddity
    spine = random_spine(rng, slipped=bool(seed % 2))
    settings = {
        name: getattr(spine, name)
        for name in (
            "slope",
            "disc",
            "wedge",
            "body",
            "body_wedge",
            "tilt",
            "twist",
            "slip",
            "aside",
            "depth",
            "width",
            "canal_ap",
            "canal_lr",
            "gap",
        )
    }
    if oddity == "scoliosis":
        sign = rng.choice([-1, 1])
        settings["tilt"] = tuple(sign * t for t in (-9.0, -6.0, 2.0, 8.0, 10.0))
        settings["twist"] = tuple(sign * t for t in (3.0, 5.0, 5.0, 3.0, 2.0))
    if oddity == "fracture":
        k = int(rng.integers(1, 5))
        loss = rng.uniform(0.2, 0.5)
        body, wedge = list(settings["body"]), list(settings["body_wedge"])
        body[k] = body[k] * (1 - loss / 2)
        wedge[k] = -float(np.degrees(np.arctan(loss * body[k] / settings["depth"])))
        settings["body"], settings["body_wedge"] = tuple(body), tuple(wedge)
    spine = StackedSpine(**settings)
    thick = bool(rng.random() < 0.5) or coarse
    spacing = (4.0, 1.2, 1.2) if thick else (1.6, 1.6, 1.6)
    turn = Rotation.from_euler("xyz", rng.uniform(-8, 8, 3), degrees=True)
    data, affine = spine.draw(
        spacing, turn, tuple(rng.permutation(3)), tuple(rng.random(3) < 0.5), rng.uniform(0, 1, 3), margin=18.0
    )
    modality = "ct" if rng.random() < 0.5 else "mri"
    image = spine_image(data, affine, modality, rng)
    if oddity == "transitional":
        if rng.random() < 0.5:  # six lumbar vertebrae: the last is l6, the first l2
            for n in (45, 44, 43, 42, 41):
                data[data == n] = n + 1
            for old, new in ((100, 0), (95, 0), (94, 95), (93, 94), (92, 93)):
                data[data == old] = new
        else:  # four: the first bears the name of the last thoracic one
            for old, new in ((41, 40), (42, 41), (43, 42), (44, 43), (45, 44)):
                data[data == old] = new
            for old, new in ((92, 91), (93, 92), (94, 93), (95, 94), (100, 0)):
                data[data == old] = new
    if oddity == "implant":
        _screws(data, image, affine, spine, rng)
    if canal is False or (canal is None and rng.random() < 0.5):
        data[data == 2] = 0
    if rng.random() < 0.5:  # tools that label bodies alone
        data[(data > 90) & (data < 101)] = 0
    return Drawn(data, affine, image, modality, oddity)


def _screws(
    data: np.ndarray, image: np.ndarray, affine: np.ndarray, spine: StackedSpine, rng: np.random.Generator
) -> None:
    """Drive two screws of 6 mm through the back of two bodies; the mask leaves them out."""
    k = int(rng.integers(0, 4))
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    for level in ("l5", "l4", "l3", "l2", "l1")[k : k + 2]:
        part = spine.parts[level]
        centre = 0.5 * (part.low.point + part.high.point)
        for side in (-1, 1):
            d = grid - (centre + side * 0.22 * spine.width * part.mid.apply([1.0, 0, 0]))
            front = part.mid.apply([0, 1.0, 0])
            along = d @ front
            radius = np.linalg.norm(d - along[..., None] * front, axis=-1)
            metal = (radius <= 3.0) & (along < 8.0) & (along > -spine.depth / 2 - 15)
            data[metal & (data > 39) & (data < 50)] = 0
            image[metal] = 3000 if image.min() < 0 else 5


def judged(data: np.ndarray, affine: np.ndarray, image: np.ndarray | None):
    """Return the gate's findings and the levels with a body; the words of the refusal where there is no anatomy."""
    gate, bodies, _ = judged_with_names(data, affine, image)
    return gate, bodies


def judged_with_names(data: np.ndarray, affine: np.ndarray, image: np.ndarray | None):
    """Return the findings and levels of `judged`, and the confidence in the names of all levels."""
    from lbp_prognosis._base import DataError
    from lbp_prognosis.biomarkers import Image, LabelMap, Mask
    from lbp_prognosis.biomarkers.anatomy._anatomy import build_anatomy
    from lbp_prognosis.biomarkers.anatomy._sanity import check_anatomy, level_confidence
    from lbp_prognosis.biomarkers.anatomy._spine import build_spine
    from lbp_prognosis.biomarkers.quality._mask_gate import judge_mask

    anatomy = build_anatomy([(Mask(as_totalspineseg(data), affine), LabelMap("totalspineseg"))])
    spine = build_spine(anatomy)
    try:
        check_anatomy(anatomy, spine)
    except DataError as error:
        return str(error), list(spine.bodies), 0.0
    gate = judge_mask(anatomy, spine, None if image is None else Image(image, affine))
    return gate, list(spine.bodies), level_confidence(anatomy, spine)[0]


def is_caught(spoilt: Spoilt, affine: np.ndarray, image: np.ndarray) -> bool:
    """Say whether every level that the damage touches is withheld or doubted, or the mask refused."""
    gate, bodies, names = judged_with_names(spoilt.data, affine, image)
    if spoilt.kind == "sacral_name":  # a doubt about the shape of a body is none about its name
        return isinstance(gate, str) or names <= 0.25
    return isinstance(gate, str) or all(gate.confidence(level) < 1 for level in spoilt.levels if level in bodies)
