"""Layers that show values under the pointer, read from the artists of a figure: only values that the figure shows.

The layer lies over a static figure. It works by style sheet alone: pages contain no script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from lbp_prognosis._base import visible
from lbp_prognosis.report._wording import estimate, number

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Spot", "add_spots", "calibration_spots", "forest_spots", "layer", "threshold_spots"]

_GROUP = re.compile(r'[ \t]*<g id="hover-(\d+)">.*?</g>\n?', re.DOTALL)
_VIEW = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_LINE = 13.0  # height of a line of text, in points of the figure
_MOST = 40  # adjacent strips: the pointer cannot hit narrower strips


@dataclass(frozen=True)
class Spot:
    """A place in a figure that responds to the pointer.

    Attributes
    ----------
    x, y : ndarray of shape (n,)
        Corners of an area, or points of a curve, in units of the axes.
    lines : tuple of str
        Text to show.
    color : str
        Colour of a curve; empty for an area.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    lines: tuple[str, ...]
    color: str = ""


def add_spots(ax: Any, spots: Sequence[Spot]) -> None:
    """Draw the places as artists named ``hover-0``, ``hover-1``, …, so that their coordinates are those of the file."""
    limits = ax.get_xlim(), ax.get_ylim()
    for k, spot in enumerate(spots):
        made = ax.plot(spot.x, spot.y) if spot.color else ax.fill(spot.x, spot.y)
        made[0].set_gid(f"hover-{k}")
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def layer(svg: str, spots: Sequence[Spot]) -> tuple[str, str]:
    """Return the figure without the artists of ``add_spots``, and the layer made from them.

    Parameters
    ----------
    svg : str
        As matplotlib writes it.
    spots : sequence of Spot
        As given to ``add_spots``.
    """
    view = _VIEW.search(svg)
    assert view is not None, "matplotlib writes a viewBox"
    width, height = float(view[1]), float(view[2])
    parts = []
    for found in _GROUP.finditer(svg):
        spot = spots[int(found[1])]
        path = re.search(r' d="([^"]+)"', found[0])
        if path is None:  # no part of the curve is inside the axes
            continue
        place = " ".join(path[1].split())
        style = f' class="curve" stroke="{spot.color}"' if spot.color else ' class="area"'
        words = "".join(
            f'<text x="6" y="{height + 4 + _LINE * (k + 0.8):.1f}">{escape(visible(line))}</text>'
            for k, line in enumerate(spot.lines)
        )
        box = f'<rect x="0" y="{height:.1f}" width="{width:.1f}" height="{_LINE * len(spot.lines) + 8:.1f}" rx="3"/>'
        parts.append(f'<g><path{style} d="{place}"/><g class="told">{box}{words}</g></g>')
    drawing = f'<svg class="hover" viewBox="0 0 {width:g} {height:g}" aria-hidden="true">{"".join(parts)}</svg>'
    return _GROUP.sub("", svg), drawing


def threshold_spots(ax: Any, models: Sequence[str], table: dict[str, npt.NDArray[np.float64]]) -> list[Spot]:
    """Return a strip per threshold with the values of all curves, and the curve of each model.

    Parameters
    ----------
    ax : Axes
        With curves named ``model-0``, ``model-1``, … .
    models : sequence of str
        Their names.
    table : dict
        ``threshold`` of shape (k,); ``value``, ``low``, ``high`` of shape (len(models), k).
    """
    at = table["threshold"]
    spots = []
    for k, left, right in _strips(ax, at):
        values = (table[name][:, k] for name in ("value", "low", "high"))
        rows = [f"{model}: {estimate(*row)}" for model, row in zip(models, zip(*values))]
        spots.append(_area((left, right), ax.get_ylim(), (f"Threshold {number(at[k], 2)}", *rows)))
    low, high = ax.get_ylim()
    for k, model in enumerate(models):
        for line in _named(ax, f"model-{k}"):
            x, y = np.asarray(line.get_xydata(), dtype=float).T
            spots.append(Spot(x, np.where((y >= low) & (y <= high), y, np.nan), (model,), line.get_color()))
    return spots


def calibration_spots(ax: Any) -> list[Spot]:
    """Return a strip per segment of the curve, and a small area per group with its interval.

    Parameters
    ----------
    ax : Axes
        Drawn by ``draw_calibration``: artists ``curve`` and ``groups``.
    """
    spots = []
    for line in _named(ax, "curve"):
        points = np.asarray(line.get_xydata(), dtype=float)
        points = points[np.isfinite(points).all(axis=1)]
        for k, left, right in _strips(ax, points[:, 0]):
            words = f"Predicted {points[k, 0]:.0%}, observed {points[k, 1]:.0%} (smooth curve)"
            spots.append(_area((left, right), ax.get_ylim(), (words,)))
    half = 0.02 * (ax.get_xlim()[1] - ax.get_xlim()[0])
    for bars in _named(ax, "groups-interval"):
        points = np.concatenate([line.get_xydata() for line in _named(ax, "groups")])
        for (x, y), (low, high) in zip(points, _ends(bars)[:, :, 1]):
            if np.isfinite([x, y]).all():
                between = f" ({low:.0%} to {high:.0%})" if np.isfinite([low, high]).all() else ""
                words = f"Group of patients: predicted {x:.0%}, observed {y:.0%}{between}"
                spots.append(_area((x - half, x + half), (y - half, y + half), (words,)))
    return spots


def forest_spots(ax: Any) -> list[Spot]:
    """Return a strip per row of a forest plot.

    Parameters
    ----------
    ax : Axes
        Drawn by ``draw_forest``: artists ``sites`` and ``sites-interval``.
    """
    names = dict(zip((float(y) for y in ax.get_yticks()), (text.get_text() for text in ax.get_yticklabels())))
    spots = []
    for dots, bars in zip(_named(ax, "sites"), _named(ax, "sites-interval")):
        places = np.ma.filled(dots.get_offsets().astype(float), np.nan)
        for (value, row), (low, high) in zip(places, _ends(bars)[:, :, 0]):
            if np.isfinite(value):
                words = f"{names[float(row)]}: {estimate(value, low, high)}"
                spots.append(_area(ax.get_xlim(), (row - 0.5, row + 0.5), (words,)))
    return spots


def _area(across: tuple[float, float], up: tuple[float, float], lines: tuple[str, ...]) -> Spot:
    (left, right), (low, high) = across, up
    return Spot(np.array([left, right, right, left]), np.array([low, low, high, high]), lines)


def _ends(bars: Any) -> npt.NDArray[np.float64]:
    """Return both ends of each interval, (n, 2, 2): x and y, NaN where there is no interval."""
    return np.array([path.vertices for path in bars.get_paths()], dtype=float).reshape(-1, 2, 2)


def _named(ax: Any, name: str) -> list[Any]:
    return [artist for artist in ax.get_children() if artist.get_gid() == name]


def _strips(ax: Any, at: npt.NDArray[np.float64]) -> list[tuple[int, float, float]]:
    """Return the places of at most ``_MOST`` values, each with the nearest segment of the axis."""
    if not at.size:
        return []
    kept = np.unique(np.linspace(0, at.size - 1, min(at.size, _MOST)).round().astype(int))
    low, high = ax.get_xlim()
    middle = (at[kept][1:] + at[kept][:-1]) / 2
    edges = np.clip(np.concatenate([[low], middle, [high]]), low, high)
    return list(zip(kept.tolist(), edges[:-1].tolist(), edges[1:].tolist()))
