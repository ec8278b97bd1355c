"""Figure of a measured case, for visual checks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import write_file

__all__ = ["LINE_NAMES", "draw_overlay"]

_COLOURS = {
    "vertebral_body": "#ffb000",
    "vertebra": "#ffb000",
    "disc": "#35d0ff",
    "canal": "#5dff6f",
    "dural_sac": "#00c853",
    "spinal_cord": "#b388ff",
    "sacrum": "#ff8a65",
    "sacral_vertebra": "#ff8a65",
    "multifidus": "#ff66cc",
    "erector_spinae": "#40c4ff",
    "psoas": "#ffd740",
    "quadratus_lumborum": "#b2ff59",
    "superior_articular_process": "#40c4ff",
    "inferior_articular_process": "#b2ff59",
    "ligamentum_flavum": "#ffffff",
}
_LINES: dict[str, tuple[str, float, Any]] = {
    "endplate": ("#ff3366", 1.2, "-"),
    "height": ("#ffffff", 1.0, "-"),
    "body_height": ("#ffffff", 1.0, ":"),
    "slip": ("#ffff00", 1.6, "-"),
    "plane": ("#5dff6f", 0.9, ":"),
    "part": ("#ea80fc", 1.0, "-"),
    "fluid": ("#b9f6ca", 1.0, "--"),
    "foramen": ("#ffea00", 1.2, "-"),
    "facet": ("#ffea00", 1.6, "-"),
    "recess": ("#ff6d00", 1.6, "-"),
    "flavum": ("#ff1744", 2.0, "-"),
    "hips": ("#ffab40", 1.2, "--"),
    "plumb": ("#ff8a80", 1.2, "--"),
    "pit": ("#76ff03", 1.6, "-"),
    "modic": ("#e040fb", 2.0, "-"),
    "sample": ("#40c4ff", 1.0, ":"),
    "own": ("#00e5ff", 1.4, "--"),
}
LINE_NAMES = {
    "endplate": "endplate plane",
    "height": "disc height",
    "body_height": "height of a body",
    "slip": "slip",
    "plane": "plane across the canal",
    "part": "nucleus and annulus",
    "fluid": "disc and fluid of their ratio",
    "foramen": "foramen",
    "facet": "facet joint",
    "recess": "lateral recess",
    "flavum": "thickness of a ligament",
    "hips": "sacral endplate to hip axis (and t1)",
    "plumb": "plumb line of c7",
    "pit": "depth of an endplate defect",
    "modic": "extent of Modic changes",
    "sample": "bone that was sampled",
    "own": "own families",
}
"""Kinds of lines, and their names in the legend."""

_OTHER = "#ff66cc"
_DPI = 110
LEGEND_COLUMNS = 6


def draw_overlay(panels: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Write the panels of a case as a PNG.

    Parameters
    ----------
    panels : sequence of mapping
        Each with ``title, extent, image, contours, lines, labels``, and ``window`` where the grey values have one.
    path : Path
        File to write.
    title : str
        Heading.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    count = max(len(panels), 1)
    columns = min(3, count)
    rows = -(-count // columns)
    shown = _legend_entries(panels)
    below = 0.5 + 0.17 * -(-len(shown) // LEGEND_COLUMNS)  # inches for the axis and the rows of the legend
    width, height = 5.2 * columns, 5.6 * rows + below
    figure = Figure(figsize=(width, height), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    # Fixed margins in inches: a layout engine draws every panel once more to measure it.
    figure.subplots_adjust(
        left=0.5 / width,
        right=1 - 0.15 / width,
        bottom=(0.3 + below) / height,
        top=1 - 0.65 / height,
        wspace=0.12,
        hspace=0.14,
    )
    plain = "".join(c if c.isprintable() else "?" for c in title)
    figure.suptitle(plain, y=1 - 0.15 / height, va="top", parse_math=False)
    for k, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(rows, columns, k + 1), panel)
    _legend(figure, shown)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # names in a script that the font lacks show as boxes
        canvas.draw()
    # Nothing is transparent; without that channel and with less effort the file is as small, and written in less time.
    pixels = Image.fromarray(np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    write_file(path, lambda file: pixels.save(file, format="png", dpi=(_DPI, _DPI), compress_level=4), private=True)


def _legend_entries(panels: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return one line for each colour that is drawn."""
    from matplotlib.lines import Line2D

    kinds = dict.fromkeys(kind for panel in panels for _, kind, _ in panel["contours"])
    lines = dict.fromkeys(kind for panel in panels for kind, _ in panel["lines"])
    shown = [Line2D([], [], color=_COLOURS.get(k, _OTHER), label=k.replace("_", " ")) for k in kinds]
    shown += [Line2D([], [], color=_LINES[k][0], linestyle=_LINES[k][2], label=LINE_NAMES[k]) for k in lines]
    return shown


def _legend(figure: Any, shown: list[Any]) -> None:
    """Say once what each colour is."""
    if shown:
        box = figure.legend(handles=shown, loc="lower center", ncols=min(len(shown), LEGEND_COLUMNS), fontsize=8)
        box.get_frame().set_facecolor("#333333")
        for text in box.get_texts():
            text.set_color("white")


def _draw_panel(ax: Any, panel: Mapping[str, Any]) -> None:
    from contourpy import contour_generator
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke
    from matplotlib.ticker import MultipleLocator

    extent = panel["extent"]
    ax.set_facecolor("black")
    image = panel["image"]
    if image is not None and np.isfinite(image).any():
        low, high = panel.get("window") or np.nanquantile(image, (0.01, 0.995))
        dx, dy = (
            0.5 * (extent[k + 1] - extent[k]) / max(n - 1, 1) for k, n in ((0, image.shape[1]), (2, image.shape[0]))
        )
        edges = (extent[0] - dx, extent[1] + dx, extent[2] - dy, extent[3] + dy)  # pixels are centred on their points
        ax.imshow(
            image,
            cmap="gray",
            origin="lower",
            extent=edges,
            vmin=low,
            vmax=max(high, low + 1e-6),
            interpolation="nearest",
        )
    for _, kind, soft in panel["contours"]:
        x = np.linspace(extent[0], extent[1], soft.shape[1])
        y = np.linspace(extent[2], extent[3], soft.shape[0])
        lines: Any = contour_generator(x, y, soft, line_type="Separate").lines(0.5)
        ax.add_collection(LineCollection(lines, colors=_COLOURS.get(kind, _OTHER), linewidths=0.9), autolim=False)
    for kind, ends in panel["lines"]:
        colour, width, style = _LINES[kind]
        ax.plot(ends[:, 0], ends[:, 1], color=colour, linewidth=width, linestyle=style)
    for text, (x, y) in panel["labels"]:
        label = ax.text(x, y, text, color="white", fontsize=8, ha="center", va="center")
        label.set_path_effects([withStroke(linewidth=2, foreground="black")])  # read on bright bone too
    ax.set_xlim(extent[0], extent[1])
    ax.set_ylim(extent[2], extent[3])
    ax.set_aspect("equal")
    ax.set_title(panel["title"], fontsize=9, y=1.0)  # a stated place is not searched for
    for axis, low, high in ((ax.xaxis, extent[0], extent[1]), (ax.yaxis, extent[2], extent[3])):
        axis.set_major_locator(MultipleLocator(20 if high - low < 120 else 50))
    ax.set_xlabel("mm", fontsize=8)
    ax.tick_params(labelsize=7)
