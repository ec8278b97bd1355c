"""Conversion of label volumes to named structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.anatomy._label_map import Label, LabelMap
from lbp_prognosis.biomarkers.anatomy._levels import level_rank, neighbours
from lbp_prognosis.biomarkers.geometry._grid import Grid
from lbp_prognosis.biomarkers.geometry._region import Region, union
from lbp_prognosis.biomarkers.readers._mask import Mask

__all__ = ["Anatomy", "build_anatomy"]

Key = tuple[str, str, str]

ARTICULAR: tuple[str, ...] = ("superior_articular_process", "inferior_articular_process")
"""Processes of the facet joints: separate structures that are also part of the posterior elements."""

_IN_VERTEBRAE = ("vertebral_body", "posterior_elements", "bony_endplate", *ARTICULAR)


@dataclass
class Anatomy:
    """Structures of one case.

    Attributes
    ----------
    grid : Grid
        The lattice of the label volume.
    regions : dict
        From (structure, level, side) to `Region`.
    modality : str
        ``mri`` or ``ct`` if the conventions exist for one of them only.
    numbering : str
        Source of the names of the levels: ``named``, ``from_bottom`` or ``instance``.
    """

    grid: Grid
    regions: dict[Key, Region]
    modality: str = ""
    numbering: str = "named"
    notes: list[str] = field(default_factory=list)

    def get(self, structure: str, level: str = "", side: str = "") -> Region | None:
        """Return a structure, or None if it has no label."""
        return self.regions.get((structure, level, side))

    def levels(self, structure: str) -> list[str]:
        """Return the levels at which a structure is present, top to bottom."""
        return sorted({key[1] for key in self.regions if key[0] == structure and key[1]}, key=level_rank)

    def of(self, structure: str) -> list[Region]:
        """Return every region of a structure."""
        return [region for key, region in self.regions.items() if key[0] == structure]

    @property
    def canal(self) -> Region | None:
        """Everything in the spinal canal, if the canal or the dural sac has a label."""
        if not (self.of("canal") or self.of("dural_sac") or self.of("csf")):
            return None
        inside = [r for name in ("canal", "dural_sac", "csf", "spinal_cord") for r in self.of(name)]
        return union(inside, "canal")

    @property
    def dural_sac(self) -> Region | None:
        """The dural sac with cord and roots, if it has a label."""
        if not self.of("dural_sac"):
            return None
        return union([r for name in ("dural_sac", "csf", "spinal_cord") for r in self.of(name)], "dural_sac")


def build_anatomy(masks: Sequence[tuple[Mask, LabelMap]]) -> Anatomy:
    """Name the structures of one or more label volumes on the same lattice.

    A structure without level in one volume (vertebral bodies as one label, sub-regions) takes the level of the vertebra
    that contains it in another volume. A single label for all discs is divided into pieces, each named after the two
    bodies it lies between. Articular processes are kept as separate structures by side, and also as part of the
    posterior elements.

    Raises
    ------
    ArgumentError
        If a label is not in the stated convention, or the lattices differ.
    """
    first = masks[0][0]
    parts: dict[Key, list[Region]] = {}
    placeless: list[Region] = []
    for mask, label_map in masks:
        if mask is not first:
            mask = mask.on_grid_of(first)
        for region in _regions(mask, label_map):
            for part in (region, *_as_posterior(region)):
                if part.structure in {*_IN_VERTEBRAE, "disc"} and not part.level:
                    placeless.append(part)
                else:
                    parts.setdefault((part.structure, part.level, part.side), []).append(part)
    regions = {key: found[0] if len(found) == 1 else union(found, *key) for key, found in parts.items()}
    modalities = {label_map.modality for _, label_map in masks} - {""}
    numbering = "from_bottom" if any(m.numbering == "from_bottom" for _, m in masks) else "named"
    anatomy = Anatomy(first.grid, regions, modalities.pop() if len(modalities) == 1 else "", numbering)
    for structure in _IN_VERTEBRAE:
        _place_in_vertebrae(anatomy, [r for r in placeless if r.structure == structure], structure)
    _place_discs(anatomy, [r for r in placeless if r.structure == "disc"])
    return anatomy


def _as_posterior(region: Region) -> tuple[Region, ...]:
    """Return an articular process as a part of the posterior elements; nothing for other structures."""
    if region.structure not in ARTICULAR:
        return ()
    return (replace(region, structure="posterior_elements", side="" if region.level else region.side),)


def _regions(mask: Mask, label_map: LabelMap) -> list[Region]:
    data = mask.data
    present, boxes = _boxes(data, list(label_map.labels))
    strange = [value for value in present if not label_map.knows(value)]
    if strange:
        raise argument_error(
            "convention",
            f"the one the mask was drawn with: {label_map.convention!r} has no label "
            + ", ".join(map(str, strange[:8]))
            + ("…" if len(strange) > 8 else ""),
            mask.source or "a mask with these labels",
            "State the right convention, or write a TOML table for the tool.",
        )
    grid = mask.grid
    found = []
    for value in present:
        label: Label | None = label_map.labels.get(value)
        if label is None:
            continue
        box = boxes[value]
        inside = np.pad(data[box] == value, 1)
        start = np.array([side.start - 1 for side in box])
        found.append(
            Region(label.structure, label.level, label.side, inside, start, grid, label.partial, label.from_bottom)
        )
    return found


def _boxes(data: np.ndarray, wanted: Sequence[int]) -> tuple[list[int], dict[int, tuple[slice, ...]]]:
    """Return the labels of a volume without 0, and the boxes of the wanted ones.

    The volume is read slab by slab along its slowest axis in memory, so that only labelled voxels are examined and a
    whole CT is never copied.
    """
    order = np.argsort([-abs(stride) for stride in data.strides], kind="stable")
    view = data.transpose(order)
    length = int(data.max()) + 1
    known = np.zeros(length, dtype=bool)
    known[[value for value in wanted if 0 < value < length]] = True
    counts = np.zeros(length, dtype=np.int64)
    low, high = np.full((3, length), np.iinfo(np.int64).max), np.full((3, length), -1)
    for k, slab in enumerate(view):
        flat = slab.reshape(-1)
        labelled = np.flatnonzero(flat != 0)  # ten times as fast as a search in the labels themselves
        places, values = np.unravel_index(labelled, slab.shape), flat[labelled]
        counts += np.bincount(values, minlength=length)
        kept = known[values]
        values = values[kept]
        seen = np.flatnonzero(np.bincount(values))
        low[order[0], seen] = np.minimum(low[order[0], seen], k)
        high[order[0], seen] = k
        for axis, place in zip(order[1:], places):
            np.minimum.at(low[axis], values, place[kept])
            np.maximum.at(high[axis], values, place[kept])
    present = [int(value) for value in np.flatnonzero(counts)]
    return present, {
        value: tuple(slice(int(low[axis, value]), int(high[axis, value]) + 1) for axis in range(3))
        for value in present
        if known[value]
    }


def _place_in_vertebrae(anatomy: Anatomy, parts: list[Region], structure: str) -> None:
    """Divide structures without level among the vertebrae of another volume by the voxels they share."""
    for part in parts:
        left = part.mask.copy()
        for level in anatomy.levels("vertebra") + [k[1] for k in anatomy.regions if k[0] == "sacral_vertebra"]:
            vertebra = anatomy.get("vertebra", level) or anatomy.get("sacral_vertebra", level)
            assert vertebra is not None
            shared = left & _in_box_of(vertebra, part)
            if shared.any():
                side = part.side if structure in ARTICULAR else ""
                piece = _trimmed(part.keep(shared, structure=structure, level=level, side=side))
                key = (structure, level, side)
                known = anatomy.regions.get(key)
                anatomy.regions[key] = piece if known is None else union([known, piece], *key)
                left &= ~shared
        if left.any():
            key = (structure, "", part.side)
            rest = _trimmed(part.keep(left))
            known = anatomy.regions.get(key)
            anatomy.regions[key] = rest if known is None else union([known, rest], *key)


def _place_discs(anatomy: Anatomy, parts: list[Region]) -> None:
    """Divide a label of all discs into connected pieces, and name each after the two bodies it lies between."""
    if not parts:
        return
    whole = union(parts, "disc")
    bodies = {}
    for level in anatomy.levels("vertebral_body") or anatomy.levels("vertebra"):
        region = anatomy.get("vertebral_body", level) or anatomy.get("vertebra", level)
        if region is not None:
            bodies[level] = region
    s1 = anatomy.get("sacral_vertebra", "s1") or anatomy.get("sacrum", "s1")
    if s1 is not None:
        bodies.setdefault("s1", s1)
    named = np.zeros_like(whole.mask)
    pieces = ndimage.label(whole.mask)[0]
    for upper, lower in neighbours(bodies):
        a, b = bodies[upper].centroid, bodies[lower].centroid
        axis = (b - a) / np.linalg.norm(b - a)
        along = (whole.points - a) @ axis
        between = (along > 0) & (along < np.linalg.norm(b - a))
        near = np.linalg.norm(whole.points - a - along[:, None] * axis, axis=1) < np.linalg.norm(b - a) * 1.5
        labels = pieces[tuple(whole.indices.T)]
        counts = np.bincount(labels[between & near], minlength=labels.max() + 1)
        if counts[1:].max(initial=0) == 0:
            continue
        piece = (pieces == int(np.argmax(counts[1:]) + 1)) & ~named
        inside = np.zeros_like(piece)
        inside[tuple(whole.indices[between & near].T)] = True
        piece &= inside
        if piece.any():
            named |= piece
            key = ("disc", upper + lower, "")
            anatomy.regions[key] = _trimmed(whole.keep(piece, level=upper + lower))
    rest = whole.mask & ~named
    if rest.any():
        anatomy.regions[("disc", "", "")] = _trimmed(whole.keep(rest))


def _in_box_of(region: Region, other: Region) -> np.ndarray:
    """Return the mask of ``region`` in the box of ``other``."""
    out = np.zeros_like(other.mask)
    low = np.maximum(region.start, other.start)
    high = np.minimum(region.start + region.mask.shape, other.start + other.mask.shape)
    if (high > low).all():
        into = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, other.start))
        from_ = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, region.start))
        out[into] = region.mask[from_]
    return out


def _trimmed(region: Region) -> Region:
    """Return the region in the smallest box with a margin of one voxel."""
    box = ndimage.find_objects(region.mask.astype(np.uint8))[0]
    start = region.start + np.array([side.start for side in box]) - 1
    return region.keep(np.pad(region.mask[box], 1), start=start)
