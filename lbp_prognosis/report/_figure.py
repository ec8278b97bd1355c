"""``figure``: a figure as a data URI; the same numbers give the same bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

from lbp_prognosis._base import require
from lbp_prognosis.report._blocks import Picture
from lbp_prognosis.report._hover import Spot, add_spots, layer

__all__ = ["figure"]

_STYLE = {
    "svg.hashsalt": "lbp_prognosis",
    "svg.fonttype": "path",
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.parse_math": False,
}


def figure(
    draw: Callable[[Any], Any],
    *,
    alt: str,
    caption: str,
    size: tuple[float, float] = (4.6, 3.5),
    wide: bool = False,
    bare: bool = True,
    hover: Callable[[Any], Sequence[Spot]] | None = None,
) -> Picture:
    """Draw into axes of one size and return the figure.

    Parameters
    ----------
    draw : callable
        Given axes, draws into them.
    alt, caption : str
        Alternative text, and the caption under the figure.
    size : tuple of float, default (4.6, 3.5)
        Inches: small, so that text stays readable at the width of a phone.
    wide : bool, default False
        Whether the figure takes the whole width.
    bare : bool, default True
        Whether titles above the axes are removed, because the caption repeats them.
    hover : callable, optional
        Takes the finished axes and returns the places that respond to the pointer. Never used for a page for release:
        the gate counts the values in tables and figures, not those under the pointer.
    """
    matplotlib = require("matplotlib", caller="report", extra="report")
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        canvas = Figure(figsize=size, layout="constrained")
        ax = canvas.subplots()
        draw(ax)
        if bare:
            ax.set_title("")
        spots = [] if hover is None else list(hover(ax))
        add_spots(ax, spots)
        out = io.BytesIO()
        canvas.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.06
        )
    svg, over = out.getvalue(), ""
    if spots:
        text, over = layer(svg.decode("utf-8"), spots)
        svg = text.encode("utf-8")
    code = base64.b64encode(svg).decode("ascii")
    return Picture(f"data:image/svg+xml;base64,{code}", alt, caption, wide, over)
