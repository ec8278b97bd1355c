"""DICOM segmentation objects (SEG): one bit per voxel and segment, or a map of segment numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.geometry._grid import Grid
from lbp_prognosis.biomarkers.readers._dicom import _pixels, _Slice, _slices, _tag
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._label_canvas import LabelCanvas, names_to_labels
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._volume_size import check_size

__all__ = ["read_seg"]

_SHARE = 0.1
"""Part of the smallest voxel side by which a frame may miss the lattice."""


def read_seg(pydicom: Any, head: Any, file: Path, label_map: LabelMap, image: Image | None, max_bytes: int) -> Mask:
    """Return the segments that the map names on the lattice of the image, or on their own without one.

    Empty frames are usually left out of the file, so each frame is placed by its position.
    """
    segments = {int(part.SegmentNumber): str(part.get("SegmentLabel", "")) for part in head.get("SegmentSequence", [])}
    labels = names_to_labels(list(segments.values()), label_map, file)
    kind = str(head.get("SegmentationType", "BINARY")).upper()
    places = _slices(head, file)
    grid = image.grid if image is not None else _own_grid(head, places, file)
    frames, rows, columns = len(places), int(head.Rows), int(head.Columns)
    check_size((columns, rows, frames), 2, max_bytes, file.name)
    check_size(grid.shape, 2, max_bytes, file.name)
    pixels = _pixels(pydicom, file, (frames, rows, columns))[0]
    if kind == "FRACTIONAL":
        pixels = _whole_share(pixels, head, file)
    canvas = LabelCanvas(grid.shape, file.name)
    drawn: dict[tuple[int, str], int] = {}
    for place in places:
        box, turned = _on_grid(place, pixels[place.frame], grid, file)
        number = 0 if kind == "LABELMAP" else _segment_of(head, place, file)
        before = drawn.setdefault((number, str(box)), place.frame)
        if before != place.frame:
            raise DataError(
                f"{file.name}: frames {before + 1} and {place.frame + 1} show the same slice"
                f"{f' of segment {number}' if number else ''}, so that another has none. Export the segmentation again."
            )
        if kind == "LABELMAP":
            values = [int(value) for value in np.unique(turned) if int(value) in segments]
            parts = [(segments[value], turned == value) for value in values]
        else:
            if number not in segments:
                raise DataError(
                    f"{file.name}: frame {place.frame + 1} shows segment {number}, which the file does not describe. "
                    "Export the segmentation again."
                )
            parts = [(segments[number], turned > 0)]
        for name, inside in parts:
            if name in labels:
                canvas.paint(box, inside, labels[name], name)
    return Mask(canvas.data, grid.affine, str(file))


def _segment_of(head: Any, place: _Slice, file: Path) -> int:
    groups, shared = head.get("PerFrameFunctionalGroupsSequence"), head.get("SharedFunctionalGroupsSequence")
    sources = (groups[place.frame] if groups else None, shared[0] if shared else None)
    number = _tag(head, sources, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
    if number is None:
        raise DataError(
            f"{file.name}: frame {place.frame + 1} does not say which segment it shows. Export the segmentation again, "
            "or convert it to a NIfTI label file."
        )
    return int(number)


def _whole_share(pixels: np.ndarray, head: Any, file: Path) -> np.ndarray:
    """Return a fractional segmentation whose voxels are all 0 or 1 as labels; probabilities are not labels."""
    most = int(head.get("MaximumFractionalValue", 255))
    between = int(((pixels != 0) & (pixels != most)).sum())
    if between:
        raise argument_error(
            "mask",
            "a binary DICOM segmentation",
            f"{between} fractional voxels in {file.name}",
            "Export it as binary: a probability is no label.",
        )
    return pixels


def _own_grid(head: Any, places: list[_Slice], file: Path) -> Grid:
    """Return the lattice that the frames lie on, from the lowest to the highest."""
    first = places[0]
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    if any(np.abs(place.orientation - first.orientation).max() > 1e-3 for place in places):
        raise DataError(f"{file.name} has frames of several orientations. Give the image it was drawn on.")
    along = np.sort([float(place.position @ normal) for place in places])
    apart = np.diff(along)[np.diff(along) > 1e-3]
    groups, shared = head.get("PerFrameFunctionalGroupsSequence"), head.get("SharedFunctionalGroupsSequence")
    sources = (groups[0] if groups else None, shared[0] if shared else None)
    stated = _tag(head, sources, "PixelMeasuresSequence", "SpacingBetweenSlices")
    thick = _tag(head, sources, "PixelMeasuresSequence", "SliceThickness")
    step = float(stated or (apart.min() if apart.size else thick or 1.0))
    count = round((along[-1] - along[0]) / step)
    step = float(along[-1] - along[0]) / count if count else step
    lowest = min(places, key=lambda place: float(place.position @ normal))
    between = apart / step
    if (np.abs(between - np.rint(between)) > _SHARE).any():
        raise DataError(f"{file.name}: frames are unevenly apart. Give the image it was drawn on.")
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[:3] * first.spacing[1]
    affine[:3, 1] = first.orientation[3:] * first.spacing[0]
    affine[:3, 2] = normal * step
    affine[:3, 3] = lowest.position
    affine[:2] *= -1  # LPS to RAS
    return Grid((int(head.Columns), int(head.Rows), count + 1), affine)


def _on_grid(place: _Slice, frame: np.ndarray, grid: Grid, file: Path) -> tuple[tuple[slice | int, ...], np.ndarray]:
    """Return the part of the lattice that a frame covers, and the frame with its axes in that order and sense."""
    rows, columns = frame.shape
    right, down = place.orientation[:3] * place.spacing[1], place.orientation[3:] * place.spacing[0]
    corners = np.array([place.position, place.position + (columns - 1) * right, place.position + (rows - 1) * down]) * [
        -1,
        -1,
        1,
    ]
    index = grid.to_index(corners)
    whole = np.rint(index).astype(int)
    off = float(np.linalg.norm((index - whole) * grid.spacing, axis=1).max())
    steps = whole[1:] - whole[0]
    axes = [int(np.argmax(np.abs(step))) for step in steps]
    sizes = [abs(int(step[axis])) for step, axis in zip(steps, axes)]
    fits = sizes == [columns - 1, rows - 1] and all(np.abs(s).sum() == n for s, n in zip(steps, sizes))
    last = np.array(grid.shape) - 1
    seen = (whole >= 0).all() and (whole <= last).all()
    if not fits or not seen or off > _SHARE * float(grid.spacing.min()) or (axes[0] == axes[1] and rows > 1):
        raise argument_error(
            "mask",
            "on the grid of the image",
            f"frame {place.frame + 1} of {file.name} {_miss(fits, bool(seen), off)}",
            "Give the series it was drawn on, or resample the mask to the image with nearest-neighbour interpolation.",
        )
    turned = frame.T  # columns first
    box: list[slice | int] = [int(n) for n in whole[0]]
    for at, axis in enumerate(axes):
        start = int(min(whole[0][axis], whole[at + 1][axis]))
        if steps[at][axis] < 0:
            turned = np.flip(turned, axis=at)
        box[axis] = slice(start, start + turned.shape[at])
    return tuple(box), turned if axes[0] < axes[1] else turned.T


def _miss(fits: bool, seen: bool, off: float) -> str:
    if not fits:
        return "with other voxel sides or directions"
    return f"{off:.2g} mm from its voxels" if seen else "outside it"
