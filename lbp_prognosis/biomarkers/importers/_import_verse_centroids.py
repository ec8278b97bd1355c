"""``import_verse_centroids``: centroid lists of VerSe and SPINEPS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.anatomy._levels import VERTEBRAE, level_rank
from lbp_prognosis.biomarkers.importers._import_source import number_or_missing, read_json, source_name
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask

__all__ = ["import_verse_centroids"]

_AXES = {"L": (0, -1), "R": (0, 1), "P": (1, -1), "A": (1, 1), "I": (2, -1), "S": (2, 1)}
_NAMES = {
    **{k: f"c{k}" for k in range(1, 8)},
    **{k + 7: f"t{k}" for k in range(1, 13)},
    **{k + 19: f"l{k}" for k in range(1, 7)},
    26: "s1",
    28: "t13",
}


def import_verse_centroids(source: Any, image: Image | Mask | None = None) -> pd.DataFrame:
    """Read a centroid list as one row per vertebra.

    Parameters
    ----------
    source : path or list
        ``*_ctd.json``: a list whose first entry gives the axis directions, and one entry per vertebra.
    image : Image or Mask, optional
        The image whose voxels the file counts; with it, positions in millimetres are also returned.

    Returns
    -------
    DataFrame
        ``label, level, i, j, k`` (voxels along the axes of the file, whose letters stand in ``direction``), and with
        an image ``x, y, z`` (RAS, mm); ordered from head to foot.

    Raises
    ------
    DataError
        If the file is not a centroid list, a label occurs twice, the vertebrae are not in anatomical order, or a
        centroid lies outside the image.

    Notes
    -----
    Numbering is that of VerSe: 1-7 cervical, 8-19 thoracic, 20-25 L1-L6, 26 sacrum, 28 T13; other labels have no level.
    The file counts voxels of the image reoriented to its directions, not of the image as it is stored.
    """
    content, where = read_json(source), source_name(source)
    if (
        not isinstance(content, list)
        or not content
        or not isinstance(content[0], dict)
        or "direction" not in content[0]
    ):
        raise DataError(f"{where} is no centroid list: its first entry must give the `direction` of three axes.")
    letters = "".join(str(letter).upper() for letter in content[0]["direction"])
    if len(letters) != 3 or sorted(_AXES.get(letter, (9, 0))[0] for letter in letters) != [0, 1, 2]:
        raise DataError(f"{where}: the directions {content[0]['direction']} are not three patient axes.")
    rows = []
    for entry in content[1:]:
        if not isinstance(entry, dict) or not {"label", "X", "Y", "Z"} <= set(entry):
            raise DataError(f"{where}: {entry!r} has no label and X, Y, Z.")
        point = [number_or_missing(entry[axis], where=f"{where}, {axis}") for axis in ("X", "Y", "Z")]
        label = int(number_or_missing(entry["label"], where=f"{where}, label"))
        rows.append((label, _NAMES.get(label, ""), *point))
    frame = pd.DataFrame(rows, columns=["label", "level", "i", "j", "k"])
    if frame.empty or frame["label"].duplicated().any() or frame[["i", "j", "k"]].isna().any(axis=None):
        raise DataError(f"{where} contains no centroids, a centroid twice, or a centroid without a position.")
    frame.insert(2, "direction", letters)
    axis = next(k for k, letter in enumerate(letters) if letter in "IS")
    down = frame["ijk"[axis]] * (1 if letters[axis] == "I" else -1)
    frame = frame.iloc[np.argsort(down.to_numpy(), kind="stable")].reset_index(drop=True)
    ranks = [level_rank(level) for level in frame["level"] if level in VERTEBRAE]
    if ranks != sorted(ranks):
        raise DataError(
            f"{where}: from head to foot the vertebrae are {[x for x in frame['level'] if x]}, out of order."
        )
    if image is None:
        return frame
    if not isinstance(image, Image | Mask):
        raise argument_error("image", "an Image or a Mask", image)
    return frame.assign(**dict(zip("xyz", _world(frame[["i", "j", "k"]].to_numpy(), letters, image, where).T)))


def _world(points: np.ndarray, letters: str, image: Image | Mask, where: str) -> np.ndarray:
    """Convert voxels counted along ``letters`` to voxels of the stored image, and these to millimetres."""
    grid = image.grid
    stored = [_AXES[letter] for letter in grid.orientation]
    index = np.empty_like(points, dtype=float)
    for column, letter in enumerate(letters):
        patient_axis, sense = _AXES[letter]
        own = next(k for k, (axis, _) in enumerate(stored) if axis == patient_axis)
        n = grid.shape[own]
        index[:, own] = points[:, column] if stored[own][1] == sense else n - 1 - points[:, column]
    if (index < -0.5).any() or (index > np.array(grid.shape) - 0.5).any():
        raise DataError(
            f"{where}: centroids lie outside the image of {grid.shape} voxels; they belong to another image."
        )
    return grid.to_world(index)
