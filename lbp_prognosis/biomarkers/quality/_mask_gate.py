"""Gate between a mask and its measurement: trusted levels, and reasons against the others.

Segmentation tools confuse, duplicate, merge, split and lose labels. Faults of a level are found along the line through
the bodies (`read_column`), by comparison with the level's own neighbours. No population norm is used, so that short,
scoliotic or fractured spines are compared with themselves.

The limits below are empirical. They were set on synthetic spines and their damaged masks (seeds below 3000 of
``tests/corrupted_masks.py``) and are evaluated on others (``tests/truth/test_corrupted_masks.py``). Evaluate a changed
limit on seeds that were not used to set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._levels import level_rank, neighbours, split_disc
from lbp_prognosis.biomarkers.anatomy._spine import Spine
from lbp_prognosis.biomarkers.quality._column import SHARE, Column, ellipse_points, label_of, read_column
from lbp_prognosis.biomarkers.quality._edges import EdgeAgreement, edge_agreement
from lbp_prognosis.biomarkers.quality._label_pieces import is_riddled, loose_pieces
from lbp_prognosis.biomarkers.quality._steps import doubtful_parts, steps_across
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["MaskGate", "judge_mask"]

END_MM = 6.0
"""Length that a body may extend beyond its own stretch of the line: its ends are oblique and rounded."""

PIECE_MM = 1.5
"""Smallest amount of a label outside its own stretch, as mm of a full ellipse, that counts as a separate piece."""

TALL = 1.5
"""Height relative to that of the neighbours above which a label is taken to cover two bodies."""

SPLIT_GAP_MM = 1.5
SPLIT_SUM = 1.35
"""Largest gap, and total height in heights of a usual neighbour, at which two labels are taken for one body."""

MISSING_GAP_MM = 20.0
"""Smallest space between two bodies that has room for another body."""

TORN_HALF = 0.75
TORN_AREA = 0.80
FULL = 0.97
"""A side is missing if half the ellipse is filled by less than the first, or by less than the last while the area
relative to the neighbours is below the second (a body cut out next to a screw is small, and its label is full)."""

TORN_LOSS_MM = 5.0
TORN_GAP_MM = 5.0
"""Height by which a body is lower than its neighbours, and width by which the space next to it exceeds the others."""

SMALL = 0.35
"""Volume relative to that of the neighbours below which a label is a remnant."""

EDGE = 1.15
EDGE_SIDES = 1.25
EDGE_ONE = 0.8
EDGE_MEAN = 1.3
"""Ratios of `edge_agreement` below which the image shows no border: to the front, or both up and down; to both sides;
of one direction of such a pair; geometric mean of all."""

RAYS_OF_ONE = 15
EDGE_OF_ONE = 1.0
"""Number of rays to the front of one body, and the ratio below which so few show no border (organs touch the spine)."""

ELSEWHERE = 1.0
"""Agreement of mask and image at another position over that at its own, above which the mask is displaced."""

END_OF_LEVEL = 0.5
SMALL_LOSS_MM = 4.0
SMALL_AREA = 0.9
"""Change of the image at an end of a level, relative to that at the other ends, below which its label ends inside bone,
provided that bone is missing: the level is lower than its neighbours by this many mm, has less than this share of their
area, or the space at that end is wider than the others by as many mm."""

FRONT_DEG = 60.0
"""Angle between the front of the structures and that of the header from which the two contradict each other."""

FEW = 2
"""Number of levels up to which a level has too few others for a comparison."""

LONG = 1.4
"""Height of a body over its own depth or width from which it is taken for two bodies; in whole ones it is 0.6 to
1.1."""

BESIDE = 0.55
"""Length of a label above and below its body, over the height of the body, from which it also lies on another body."""

FAR_LEVELS = 7
"""Distance in names (t13 counts) from which a vertebra is not a neighbour for comparison."""

SENTENCES: Mapping[str, str] = {
    "label_shared": "part of one vertebra has the label of its neighbour",
    "label_doubled": "the label covers two vertebrae",
    "label_merged": "the label spans two vertebrae",
    "label_split": "one vertebra has two labels",
    "part_missing": "part of the vertebra has no label",
    "remnant": "the label is a remnant",
    "between_missing": "a vertebra between them has no label",
    "label_with_holes": "the label has holes within",
    "label_in_pieces": "pieces of the label lie elsewhere",
    "numbering_jump": "names and vertebrae do not match along the spine",
    "beside_missing_level": "the vertebra next to it has no label",
    "border_inside_bone": "the image does not change where the label of this level ends",
    "part_displaced": "above or below a step in the mask, the image agrees with the mask only without the step",
    "step_unseen": "a step that is a slip, or a mask joined from two parts: no image shows which",
    "image_disagrees": "the image does not change where the mask ends",
    "front_against_header": "the front of the mask contradicts the header",
}
"""Meaning of each reason."""

_WITHHELD = frozenset(
    {
        "label_shared",
        "label_doubled",
        "label_merged",
        "label_split",
        "label_with_holes",
        "part_missing",
        "remnant",
        "between_missing",
    }
)
"""Reasons that withhold values; the others lower the confidence."""

_CONFIDENCE = {
    "numbering_jump": 0.25,
    "image_disagrees": 0.25,
    "front_against_header": 0.25,
    "part_displaced": 0.25,
    "step_unseen": 0.75,
}


@dataclass
class MaskGate:
    """Findings on the levels of a mask.

    Attributes
    ----------
    reasons : dict
        From level to the codes of `SENTENCES` that were found for it, in order of detection.
    spaces : dict
        From disc to the code that was found for the space between its two bodies.
    edges : EdgeAgreement or None
        Agreement with the image, where there is one.
    """

    reasons: dict[str, list[str]] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    edges: EdgeAgreement | None = None

    def add(self, code: str, *levels: str) -> None:
        """Record a finding against levels."""
        for level in levels:
            found = self.reasons.setdefault(level, [])
            if code not in found:
                found.append(code)

    def flags(self, level: str) -> tuple[str, ...]:
        """Return the reasons against a level, or against a disc and both its vertebrae."""
        if not level:
            return ()
        codes = [code for name in self._parts(level) for code in self.reasons.get(name, [])]
        return tuple(dict.fromkeys([*codes, *([self.spaces[level]] if level in self.spaces else [])]))

    def confidence(self, level: str) -> float:
        """Return the confidence that the level's label is its vertebra: 0 (withheld), 0.25, 0.5, 0.75 or 1."""
        flags = self.flags(level)
        if set(flags) & _WITHHELD:
            return 0.0
        return min([1.0, *(_CONFIDENCE.get(code, 0.5) for code in flags)])

    def withheld(self, level: str) -> str:
        """Return the reason why values of a level are withheld, or an empty text."""
        for name in self._parts(level) if level else []:
            for code in self.reasons.get(name, []):
                if code in _WITHHELD:
                    return f"{SENTENCES[code]} ({name})"
        if level in self.spaces:
            return f"{SENTENCES[self.spaces[level]]} ({level})"
        return ""

    @property
    def lost(self) -> frozenset[str]:
        """Vertebrae whose values are withheld."""
        return frozenset(level for level, codes in self.reasons.items() if set(codes) & _WITHHELD)

    @staticmethod
    def _parts(level: str) -> tuple[str, ...]:
        try:
            return (level, *split_disc(level))
        except ValueError:
            return (level,)


def judge_mask(anatomy: Anatomy, spine: Spine, image: Image | None = None) -> MaskGate:
    """Judge the labels of all vertebral bodies.

    Parameters
    ----------
    anatomy : Anatomy
    spine : Spine
    image : Image, optional
        The image that the mask was drawn on.

    Returns
    -------
    MaskGate
    """
    gate = MaskGate()
    column = read_column(anatomy, spine)
    if column is not None:
        _pieces(gate, column, spine)
        _shared(gate, column)
        _sizes(gate, column, spine)
        _spaces(gate, column, spine)
        _fragments(gate, anatomy, spine)
    if len(spine.bodies) - len(spine.fragments) <= FEW:
        _alone(gate, anatomy, spine)
    _holes(gate, anatomy, spine)
    _front(gate, spine)
    steps = steps_across(spine)
    if image is not None and spine.bodies:
        gate.edges = edge_agreement(anatomy, spine, image, steps)
        _image(gate, spine, gate.edges)
        if column is not None:
            _border_of_level(gate, gate.edges, column, spine)
    for code, levels in doubtful_parts(list(spine.bodies), steps, {} if gate.edges is None else gate.edges.parts):
        gate.add(code, *levels)
    return gate


def _pieces(gate: MaskGate, column: Column, spine: Spine) -> None:
    """Find labels that occur on the line a second time."""
    for level, (first, last) in column.runs.items():
        share = column.filled[level]
        outside = (column.at < first - END_MM) | (column.at > last + END_MM)
        extra = float(share[outside].sum())
        if extra < PIECE_MM:
            continue
        if extra >= 0.55 * (last - first):
            gate.add("label_doubled", level)
        held = column.at[outside & (share > 0.05)]
        for other, (top, bottom) in column.runs.items():
            near = (held >= top - 4.0) & (held <= bottom + 4.0)
            if other != level and near.any() and float(share[outside & np.isin(column.at, held[near])].sum()) >= 1.0:
                gate.add("label_shared", level, other)
        if not gate.reasons.get(level) and not spine.bodies[level].region.cut:
            gate.add("label_in_pieces", level)


def _shared(gate: MaskGate, column: Column) -> None:
    """Find labels within the stretch of another level."""
    for level in column.filled:
        for other, (top, bottom) in column.runs.items():
            if other != level and column.amount(level, top + 5.0, bottom - 5.0) >= PIECE_MM:
                gate.add("label_shared", level, other)


def _alone(gate: MaskGate, anatomy: Anatomy, spine: Spine) -> None:
    """Find labels of several vertebrae by the body's own shape, if too few levels are labelled for a comparison."""
    for level, body in spine.bodies.items():
        if level in spine.fragments or not np.isfinite([body.depth, body.width]).all():
            continue
        reach = np.arange(-1.5 * body.depth, 1.5 * body.depth, 1.0)
        cloud = ellipse_points(
            body.frame.origin + reach[:, None] * body.frame.cc,
            np.tile(-body.frame.cc, (reach.size, 1)),
            np.tile(body.frame.ap, (reach.size, 1)),
            np.full(reach.size, SHARE * body.depth),
            np.full(reach.size, SHARE * body.width),
        )
        own = (body.region.sample(cloud) >= 0.5).mean(axis=1) >= 0.5
        filled = (label_of(anatomy, level).sample(cloud) >= 0.5).mean(axis=1)
        if not own.any():
            continue
        first, last = reach[own][[0, -1]]
        height = last - first + 1.0
        if height > LONG * min(body.depth, body.width):
            gate.add("label_merged", level)
        elif filled[(reach < first - END_MM) | (reach > last + END_MM)].sum() >= BESIDE * height:
            gate.add("label_doubled", level)


def _reference(values: Mapping[str, float], level: str) -> float:
    """Return the median of the nearest four others, none farther than `FAR_LEVELS`; NaN with fewer than two."""
    rank = level_rank(level)
    away = sorted((abs(level_rank(name) - rank), value) for name, value in values.items() if name != level)
    others = [value for distance, value in away[:4] if distance <= FAR_LEVELS]
    return float(np.median(others)) if len(others) >= 2 else float("nan")


def _sizes(gate: MaskGate, column: Column, spine: Spine) -> None:
    """Compare height, filling and volume with those of the neighbours."""
    whole = [level for level, body in spine.bodies.items() if not body.region.cut]
    heights = {level: last - first for level, (first, last) in column.runs.items() if level in whole}
    volumes = {level: spine.bodies[level].region.volume_mm3 for level in whole}
    areas = {level: volumes[level] / heights[level] for level in heights}
    for level in whole:
        if level not in column.runs:
            gate.add("remnant" if volumes[level] < SMALL * _reference(volumes, level) else "part_missing", level)
            continue
        if volumes[level] < SMALL * _reference(volumes, level):
            gate.add("remnant", level)
        if heights[level] > TALL * _reference(heights, level):
            gate.add("label_merged", level)
        first, last = column.runs[level]
        margin = 0.1 * (last - first)
        inner = (column.at >= first + margin) & (column.at <= last - margin)
        half = float(np.median(column.halves[level][inner])) if inner.any() else 1.0
        if half < TORN_HALF or (half < FULL and areas[level] < TORN_AREA * _reference(areas, level)):
            gate.add("part_missing", level)


def _small(column: Column, spine: Spine) -> set[str]:
    """Return the whole levels that are lower or narrower than their neighbours by more than most levels are."""
    whole = [level for level in column.runs if not spine.bodies[level].region.cut]
    heights = {level: column.runs[level][1] - column.runs[level][0] for level in whole}
    areas = {level: spine.bodies[level].region.volume_mm3 / heights[level] for level in whole}
    return {
        level
        for level in whole
        if _reference(heights, level) - heights[level] >= SMALL_LOSS_MM
        or areas[level] < SMALL_AREA * _reference(areas, level)
    }


def _spaces(gate: MaskGate, column: Column, spine: Spine) -> None:
    """Check the space between each two consecutive bodies, and the names on both sides."""
    order = [level for level in spine.bodies if level in column.runs and "remnant" not in gate.reasons.get(level, [])]
    heights = {level: column.runs[level][1] - column.runs[level][0] for level in order}
    gaps = {(a, b): column.runs[b][0] - column.runs[a][1] for a, b in pairwise(order)}
    jumped = False
    for (upper, lower), gap in gaps.items():
        follows = bool(neighbours([upper, lower]))
        if gap >= MISSING_GAP_MM:
            gate.spaces[upper + lower] = "between_missing"
            gate.add("beside_missing_level", upper, lower)
            jumped = jumped or follows
        elif not follows:
            jumped = True
        both = {level: h for level, h in heights.items() if level not in (upper, lower)}
        usual = float(np.median(list(both.values()))) if both else float("nan")
        if gap < SPLIT_GAP_MM and heights[upper] + heights[lower] + max(gap, 0.0) <= SPLIT_SUM * usual:
            gate.add("label_split", upper, lower)
            jumped = True
    if jumped:
        gate.add("numbering_jump", *spine.bodies)
    for level in order:
        if spine.bodies[level].region.cut:
            continue
        lack = _reference(heights, level) - heights[level]
        beside = [gap for pair, gap in gaps.items() if level in pair]
        others = [gap for pair, gap in gaps.items() if level not in pair and gap < MISSING_GAP_MM]
        if beside and others and max(beside) < MISSING_GAP_MM:
            wide = max(beside) - float(np.median(others))
            if lack >= TORN_LOSS_MM and wide >= max(TORN_GAP_MM, 0.6 * lack):
                gate.add("part_missing", level)


def _fragments(gate: MaskGate, anatomy: Anatomy, spine: Spine) -> None:
    """Find pieces of a label that cannot belong to its vertebra.

    A posterior element may be connected only by bone that thick slices do not show; this then occurs at other levels
    too.
    """
    whole = {
        level: body for level, body in spine.bodies.items() if not body.region.cut
    }  # else cropping cuts pieces off
    if not whole:
        return
    depth, width = (
        float(np.nanmedian([getattr(body, side) for body in whole.values()])) for side in ("depth", "width")
    )
    behind: list[str] = []
    for level, body in whole.items():
        label = label_of(anatomy, level)
        for centre in loose_pieces(label, body.region.centroid):
            if label.structure == "vertebral_body" or not _is_behind(body.frame.to_local(centre), depth, width):
                gate.add("label_in_pieces", level)
            elif level not in behind:
                behind.append(level)
    if 0 < len(behind) < 0.5 * len(whole):
        gate.add("label_in_pieces", *behind)


def _holes(gate: MaskGate, anatomy: Anatomy, spine: Spine) -> None:
    """Find vertebrae and discs whose label is riddled: surfaces and heights would be those of the holes."""
    for level in spine.bodies:
        if is_riddled(label_of(anatomy, level)):
            gate.add("label_with_holes", level)
    for disc in anatomy.of("disc"):
        if disc.level and disc.level not in gate.spaces and is_riddled(disc):
            gate.spaces[disc.level] = "label_with_holes"


def _is_behind(local: np.ndarray, depth: float, width: float) -> bool:
    """Say whether a piece lies where a posterior element of its vertebra can."""
    ap, left, up = (float(x) for x in local)
    return -0.5 * depth - 60.0 <= ap <= -0.3 * depth and abs(left) <= 0.5 * width + 20.0 and -45.0 <= up <= 20.0


def _front(gate: MaskGate, spine: Spine) -> None:
    """Compare the front that the structures determine with that of the header."""
    if spine.front_from == "image" or not spine.bodies:
        return
    front = np.mean([body.frame.ap for body in spine.bodies.values()], axis=0)
    if front[1] < np.cos(np.radians(FRONT_DEG)) * np.linalg.norm(front):
        gate.add("front_against_header", *spine.bodies)


def _image(gate: MaskGate, spine: Spine, edges: EdgeAgreement) -> None:
    """Doubt all levels if the image shows no border in a direction, or a better one at another position."""
    ratio = edges.ratio
    seen = [value for value in ratio.values() if np.isfinite(value)]
    mean = float(np.exp(np.mean(np.log(np.maximum(seen, 1e-9))))) if len(seen) >= 3 else float("inf")
    blind = (
        ratio["front"] < (EDGE if edges.rays["front"] > RAYS_OF_ONE else EDGE_OF_ONE)
        or np.fmax(ratio["left"], ratio["right"]) < EDGE_SIDES
        or np.fmax(ratio["up"], ratio["down"]) < EDGE
        or np.fmin(ratio["left"], ratio["right"]) < EDGE_ONE
        or np.fmin(ratio["up"], ratio["down"]) < EDGE_ONE
        or mean < EDGE_MEAN
        or edges.elsewhere > ELSEWHERE
    )
    if blind:
        gate.add("image_disagrees", *spine.bodies)


def _border_of_level(gate: MaskGate, edges: EdgeAgreement, column: Column, spine: Spine) -> None:
    """Doubt a level whose label ends where the image does not change, and that lacks height or area.

    Either alone is common in intact spines: a short body, a border against tissue of the same signal. Bone that a label
    lacks at an end reduces the level's own size and widens the space next to it.
    """
    small, wide = _small(column, spine), _wide(column)
    for level, ends in edges.ends.items():
        if any(change < END_OF_LEVEL and (level in small or (level, end) in wide) for end, change in ends.items()):
            gate.add("border_inside_bone", level)


def _wide(column: Column) -> set[tuple[str, str]]:
    """Return the ends of levels (``up``, ``down``) next to a space that is wider than the others by more than most."""
    order = sorted(column.runs, key=lambda level: column.runs[level][0])
    gaps = {(a, b): column.runs[b][0] - column.runs[a][1] for a, b in pairwise(order)}
    found: set[tuple[str, str]] = set()
    for (upper, lower), gap in gaps.items():
        others = [other for pair, other in gaps.items() if pair != (upper, lower)]
        if len(others) >= 2 and gap - float(np.median(others)) >= SMALL_LOSS_MM:
            found |= {(upper, "down"), (lower, "up")}
    return found
