"""Overlap and surface distance of two label volumes, structure by structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, metric_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Overlap", "overlap"]


@dataclass(frozen=True, repr=False)
class Overlap(Result):
    """Agreement of two segmentations of one image.

    Attributes
    ----------
    table : DataFrame
        One row per label: ``label, structure, level, n_first, n_second, dice, jaccard, hd95, assd, reason``; distances
        in mm.
    spacing : tuple of float
        Voxel size in mm, in the order of the array's axes.
    """

    table: pd.DataFrame
    spacing: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per label and metric (``dice, jaccard, hd95, assd``); ``group`` is the structure."""
        rows = [
            {
                "tier": "technical",
                "metric": metric,
                "group": row.structure,
                "value": getattr(row, metric),
                "method": "voxel surfaces, distances in mm" if metric in {"hd95", "assd"} else "voxel counts",
                "reason": row.reason,
                "level": row.level,
            }
            for row in self.table.itertuples()
            for metric in ("dice", "jaccard", "hd95", "assd")
        ]
        return metric_frame(rows, extra=("level",))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw Dice and Jaccard of every structure; distances are in `to_frame`.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = [
            {
                "label": " ".join(filter(None, (str(r.structure), str(r.level or "")))),
                "series": name.capitalize(),
                "value": getattr(r, name),
            }
            for r in self.table.itertuples()
            for name in ("dice", "jaccard")
        ]
        axes = draw_estimates(pd.DataFrame(rows), axis="overlap", neutral=1.0, ax=ax)
        axes.set_xlim(0.0, 1.02)
        return axes

    def _summary(self) -> str:
        return f"{len(self.table)} structures, mean Dice {self.table['dice'].mean():.3f}"


def overlap(
    first: Any,
    second: Any,
    spacing: Sequence[float],
    *,
    structures: Mapping[int, str | tuple[str, str]] | None = None,
) -> Overlap:
    """Dice, Jaccard, 95 % Hausdorff distance and average surface distance of each label.

    Parameters
    ----------
    first, second : array-like of int
        Label volumes on one grid; 0 is background.
    spacing : sequence of float
        Voxel size in mm, one entry per axis.
    structures : mapping of int to str or (structure, level), optional
        Names of the labels to compare; by default every label that occurs.

    Returns
    -------
    Overlap
        One row per label. A label absent from one volume has Dice 0 and no distance, with the reason; absent from both
        it has none.

    Raises
    ------
    ArgumentError
        If the grids differ, labels are not whole numbers, or the spacing does not fit.

    Notes
    -----
    The surface is the set of voxels lost by one erosion. HD95 is the larger of the two directed 95th percentiles of
    surface distances, ASSD the mean over both directions' distances together. Distances come from SciPy's exact
    Euclidean transform.
    """
    a, b = _labels("first", first), _labels("second", second)
    if a.shape != b.shape:
        raise argument_error(
            "second",
            f"on the grid of `first`, shape {a.shape}",
            f"shape {b.shape}",
            "Resample one of them first, with nearest-neighbour interpolation.",
        )
    try:
        step = tuple(float(s) for s in spacing)
    except TypeError:
        raise argument_error("spacing", f"{a.ndim} positive voxel sizes in mm, one an axis", spacing) from None
    if len(step) != a.ndim or any(not np.isfinite(s) or s <= 0 for s in step):
        raise argument_error("spacing", f"{a.ndim} positive voxel sizes in mm", str(list(spacing)))
    if structures is None:
        named: dict[int, Any] = {int(v): str(int(v)) for v in np.union1d(np.unique(a), np.unique(b)) if v != 0}
    else:
        named = dict(structures)
    rows = []
    for label, name in named.items():
        structure, level = name if isinstance(name, tuple) else (name, "")
        rows.append({"label": label, "structure": structure, "level": level, **_one(a == label, b == label, step)})
    columns = ["label", "structure", "level", "n_first", "n_second", "dice", "jaccard", "hd95", "assd", "reason"]
    return Overlap(pd.DataFrame(rows, columns=columns), step)


def _labels(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim not in (2, 3) or array.size == 0:
        raise argument_error(name, "a two- or three-dimensional label volume", value)
    if array.dtype.kind == "f":
        if not np.array_equal(array, np.floor(array)):
            raise argument_error(
                name, "whole-number labels", "fractions", "A probability map must be thresholded first."
            )
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise argument_error(name, "whole-number labels", value)
    return array


def _one(x: np.ndarray, y: np.ndarray, spacing: tuple[float, ...]) -> dict[str, Any]:
    nx, ny = int(x.sum()), int(y.sum())
    nan = float("nan")
    if nx == 0 and ny == 0:
        return {
            "n_first": 0,
            "n_second": 0,
            "dice": nan,
            "jaccard": nan,
            "hd95": nan,
            "assd": nan,
            "reason": "absent from both volumes",
        }
    both = int(np.count_nonzero(x & y))
    dice, jaccard = 2 * both / (nx + ny), both / (nx + ny - both)
    if nx == 0 or ny == 0:
        where = "first" if nx == 0 else "second"
        return {
            "n_first": nx,
            "n_second": ny,
            "dice": dice,
            "jaccard": jaccard,
            "hd95": nan,
            "assd": nan,
            "reason": f"absent from the {where} volume",
        }
    there, back = _surface_distances(x, y, spacing)
    return {
        "n_first": nx,
        "n_second": ny,
        "dice": dice,
        "jaccard": jaccard,
        "hd95": float(max(np.percentile(there, 95), np.percentile(back, 95))),
        "assd": float(np.concatenate([there, back]).mean()),
        "reason": "",
    }


def _surface_distances(x: np.ndarray, y: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    from scipy.ndimage import binary_erosion, distance_transform_edt

    # the box around both structures is enough, and one voxel of background closes their surfaces
    places = np.argwhere(x | y)
    box = tuple(slice(low, high + 1) for low, high in zip(places.min(axis=0), places.max(axis=0)))
    x, y = (np.pad(volume[box], 1) for volume in (x, y))
    edge_x, edge_y = x & ~binary_erosion(x), y & ~binary_erosion(y)
    to_x = distance_transform_edt(~edge_x, sampling=spacing)
    to_y = distance_transform_edt(~edge_y, sampling=spacing)
    return to_y[edge_x], to_x[edge_y]
