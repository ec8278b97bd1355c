"""Steps across the spine: a slip, or a mask joined from two parts, one of which is displaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from lbp_prognosis.biomarkers.anatomy._levels import neighbours
from lbp_prognosis.biomarkers.anatomy._spine import Spine
from lbp_prognosis.biomarkers.geometry._frame import unit

__all__ = ["doubtful_parts", "steps_across"]

Pair = tuple[str, str]

STEP_MM = 3.0
UNSEEN_STEP_MM = 5.0
PART = 1.0
"""Smallest step across the spine between two bodies that is checked in the image; smallest one that is noted without an
image; and agreement of image and part of the mask without the step, over that at its own position, above which the part
is displaced. A true slip shows in the image: both parts agree with it at their own positions."""


def steps_across(spine: Spine) -> dict[Pair, npt.NDArray[np.float64]]:
    """Return the steps of `STEP_MM` and more across the spine, mm, from a body to the one above it."""
    found = {}
    for upper, lower in neighbours(spine.bodies):
        above, below = spine.bodies[upper], spine.bodies[lower]
        if above.inferior is None or below.superior is None or above.region.cut or below.region.cut:
            continue
        axis = unit(above.inferior.normal + below.superior.normal)
        offset = above.inferior.point - below.superior.point
        offset = offset - (offset @ axis) * axis
        if np.linalg.norm(offset) >= STEP_MM:
            found[upper, lower] = offset
    return found


def doubtful_parts(
    levels: list[str], steps: Mapping[Pair, npt.NDArray[np.float64]], parts: Mapping[Pair, tuple[float, float]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield codes and levels: parts that agree with the image only without the step, large steps without an image.

    ``parts`` are those of `edge_agreement`; empty without an image.
    """
    for pair, step in steps.items():
        above, below = parts.get(pair, (np.nan, np.nan))
        if not np.isfinite([above, below]).any() and np.linalg.norm(step) >= UNSEEN_STEP_MM:
            yield "step_unseen", list(pair)
        first = levels.index(pair[1])
        for part, better in ((levels[:first], above), (levels[first:], below)):
            if better > PART:
                yield "part_displaced", part
