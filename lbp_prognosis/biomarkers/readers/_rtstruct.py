"""DICOM structure sets (RTSTRUCT): closed contours on the slices of an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._label_canvas import LabelCanvas, names_to_labels
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._volume_size import check_size

__all__ = ["fill_contours", "read_rtstruct"]

_OFF_SLICE = 0.1
"""Part of the distance between slices by which a contour may miss one."""


def read_rtstruct(head: Any, file: Path, label_map: LabelMap, image: Image, max_bytes: int) -> Mask:
    """Return the contours that the map names as voxels of the image: a voxel is inside if its centre is.

    Contours of one slice are combined by parity, so that a contour inside another cuts a hole.
    """
    names = {int(part.ROINumber): str(part.get("ROIName", "")) for part in head.get("StructureSetROISequence", [])}
    labels = names_to_labels(list(names.values()), label_map, file)
    check_size(image.grid.shape, 2, max_bytes, file.name)
    canvas = LabelCanvas(image.grid.shape, file.name)
    for part in head.get("ROIContourSequence", []):
        name = names.get(int(part.ReferencedROINumber), "")
        if name not in labels:
            continue
        drawn = [_contour(contour, name, file) for contour in part.get("ContourSequence", [])]
        if drawn:
            _paint(canvas, [image.grid.to_index(points) for points in drawn], labels[name], name, image)
    return Mask(canvas.data, image.affine, str(file))


def _contour(contour: Any, name: str, file: Path) -> np.ndarray:
    """Return the corners of a contour, RAS."""
    kind = str(contour.get("ContourGeometricType", ""))
    points = np.array([float(value) for value in contour.get("ContourData", [])])
    if kind not in {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"} or points.size % 3 or points.size < 9:
        raise DataError(
            f"{file.name}: the structure {name!r} contains a contour of type {kind or 'unknown'} with "
            f"{points.size // 3} points, and only closed contours enclose voxels. "
            "Export closed contours, or leave it out of the map."
        )
    return points.reshape(-1, 3) * [-1, -1, 1]


def _paint(canvas: LabelCanvas, contours: list[np.ndarray], label: int, name: str, image: Image) -> None:
    shape = np.array(image.grid.shape)
    axis = int(np.argmin([max(float(np.ptp(points[:, k])) for points in contours) for k in range(3)]))
    across = [k for k in range(3) if k != axis]
    by_slice: dict[int, list[np.ndarray]] = {}
    for points in contours:
        at = round(float(points[:, axis].mean()))
        off = float(np.abs(points[:, axis] - at).max())
        outside = (points[:, across] < -1).any() or (points[:, across] > shape[across]).any()
        if off > _OFF_SLICE or outside or not 0 <= at < shape[axis]:
            raise argument_error(
                "mask",
                "drawn on the slices of the image",
                f"a contour of {name!r} in {canvas.source} "
                + ("outside the image" if outside or not 0 <= at < shape[axis] else f"{off:.2g} slices from one"),
                "Give the series that the contours were drawn on.",
            )
        others = by_slice.setdefault(at, [])
        corners = np.unique(points[:, across], axis=0)  # from whichever corner, in either sense
        if any(np.array_equal(corners, np.unique(other, axis=0)) for other in others):
            raise DataError(
                f"{canvas.source}: a contour of {name!r} is given twice, and a contour inside another cuts a hole. "
                "Export the structures again, each contour once."
            )
        others.append(points[:, across])
    places = np.array(sorted(by_slice))
    if places.size > 2 and np.median(np.diff(places)) > 1:
        raise DataError(
            f"{canvas.source}: contours of {name!r} are on every {int(np.median(np.diff(places)))} slices only, and "
            "nothing is drawn between. Interpolate them in the program that drew them."
        )
    lone = places[:-1][np.diff(places) == 2]
    if lone.size:
        raise DataError(
            f"{canvas.source}: contours of {name!r} leave out slice {int(lone[0]) + 2} of {shape[axis]}, and are on "
            "both of its neighbours. Draw it, or interpolate it in the program that drew the others."
        )
    for at, members in by_slice.items():
        box: list[slice | int] = [slice(None)] * 3
        box[axis] = at
        canvas.paint(tuple(box), fill_contours(members, tuple(shape[across])), label, name)


def fill_contours(contours: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return the cells of a lattice whose centres lie inside an odd number of closed contours.

    Parameters
    ----------
    contours : list of arrays of shape (n, 2)
        Corners in cells; the centre of cell (i, j) is at (i, j). A centre on a contour counts on one of its two sides.
    shape : tuple of int
        Number of cells.

    Returns
    -------
    bool array of ``shape``
    """
    start = np.concatenate(contours)
    end = np.concatenate([np.roll(points, -1, axis=0) for points in contours])
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first, last = (np.clip(np.ceil(edge), 0, shape[1]).astype(int) for edge in (low, high))
    counts = last - first  # rows j that the edge crosses: low <= j < high
    edge = np.repeat(np.arange(counts.size), counts)
    row = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (row - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
    cell = np.clip(np.ceil(start[edge, 0] + share * (end[edge, 0] - start[edge, 0])), 0, shape[0]).astype(int)
    crossings = np.zeros((shape[0] + 1, shape[1]), dtype=np.int64)
    np.add.at(crossings, (cell, row), 1)
    return np.asarray(np.cumsum(crossings, axis=0)[:-1] % 2 == 1)
