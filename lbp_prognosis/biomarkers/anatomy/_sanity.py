"""Checks that a mask, read by the stated convention, is anatomically possible."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis._base import DataError
from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._levels import level_rank, neighbours, split_disc
from lbp_prognosis.biomarkers.anatomy._sacrum import sacral_taper
from lbp_prognosis.biomarkers.anatomy._spine import Spine
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["check_anatomy", "level_confidence", "sacrum_like_lumbar"]

STEP_MM = (6.0, 75.0)
"""Smallest and largest plausible distance between the centres of neighbouring vertebrae."""


def check_anatomy(anatomy: Anatomy, spine: Spine) -> None:
    """Refuse a mask whose structures are in anatomically impossible positions.

    Checked in millimetres: no level is in two large pieces; vertebrae are in cranio-caudal order and at plausible
    distances; every disc lies between its two vertebrae; the canal lies behind the bodies; left structures lie to the
    left of their right counterparts.

    Raises
    ------
    DataError
        If a check fails. The message names every finding; ``failures`` contains one row per finding.
    """
    findings = [*_pieces(anatomy), *_order(spine), *_discs(anatomy, spine), *_canal(anatomy, spine), *_sides(anatomy)]
    if findings:
        import pandas as pd

        frame = pd.DataFrame(
            [("mask", None, field, "anatomy", None, text) for field, text in findings],
            columns=["table", "row", "field", "reason", "value", "message"],
        )
        raise DataError(
            "The mask is anatomically impossible: "
            + "; ".join(text for _, text in findings)
            + ". Check `convention` and the orientation in the header.",
            frame,
        )


def _pieces(anatomy: Anatomy) -> list[tuple[str, str]]:
    """Find levels whose label is in two large pieces: the second has at least 60 % of the first."""
    found = []
    for (structure, level, _), region in anatomy.regions.items():
        if structure not in {"vertebra", "vertebral_body", "disc"} or not level or region.cut:
            continue
        pieces = ndimage.label(region.mask, structure=np.ones((3, 3, 3)))[0]
        sizes = np.sort(np.bincount(pieces.ravel())[1:])
        if sizes.size > 1 and sizes[-2] >= 0.6 * sizes[-1] and sizes[-2] >= 50:
            found.append(("level", f"the {structure.replace('_', ' ')} {level} is in two large pieces"))
    return found


def _order(spine: Spine) -> list[tuple[str, str]]:
    """Find levels that are out of order, or too close to or too far from each other.

    The field of view may show only the spinous process of a vertebra, far behind and hardly above the next body. Such a
    pair is out of order only if it is also out of order along the spine, which is tilted in an oblique image.
    """
    found = []
    centres = [body.region.centroid for body in spine.bodies.values() if not body.region.cut]
    along = centres[0] - centres[-1] if len(centres) > 1 else np.array([0.0, 0.0, 1.0])
    for upper, lower in neighbours(spine.bodies):
        step = spine.bodies[upper].region.centroid - spine.bodies[lower].region.centroid
        distance = float(np.linalg.norm(step))
        cut = spine.bodies[upper].region.cut or spine.bodies[lower].region.cut
        if step[2] <= 0 and not (cut and along[2] > 0 and step @ along > 0):
            found.append(("level", f"{upper} is below {lower}"))
        elif not cut and not STEP_MM[0] <= distance <= STEP_MM[1]:
            found.append(("level", f"{upper} and {lower} are {distance:.0f} mm apart"))
    return found


def _discs(anatomy: Anatomy, spine: Spine) -> list[tuple[str, str]]:
    found = []
    for level in anatomy.levels("disc"):
        upper, lower = split_disc(level)
        disc = anatomy.get("disc", level)
        assert disc is not None
        above = spine.bodies.get(upper)
        below = spine.bodies.get(lower)
        if above is not None and (disc.centroid - above.region.centroid) @ above.frame.cc >= 0:
            found.append(("disc", f"disc {level} is above {upper}"))
        if below is not None and (disc.centroid - below.region.centroid) @ below.frame.cc <= 0:
            found.append(("disc", f"disc {level} is below {lower}"))
        if above is not None and below is not None:
            span = float(np.linalg.norm(above.region.centroid - below.region.centroid))
            middle = 0.5 * (above.region.centroid + below.region.centroid)
            if np.linalg.norm(disc.centroid - middle) > 0.75 * span:
                found.append(("disc", f"disc {level} is next to {upper} and {lower}, not between them"))
    return found


def _canal(anatomy: Anatomy, spine: Spine) -> list[tuple[str, str]]:
    canal = anatomy.canal
    if canal is None:
        return []
    found = []
    for level, body in spine.bodies.items():
        near = canal.points[np.abs((canal.points - body.region.centroid) @ body.frame.cc) < 10]
        if near.shape[0] < 10:
            continue
        behind = body.region.centroid[1] - near.mean(axis=0)[1]
        if behind <= 0:
            found.append(("canal", f"the canal is in front of {level}"))
    return found


def _sides(anatomy: Anatomy) -> list[tuple[str, str]]:
    found = []
    for (structure, level, side), region in anatomy.regions.items():
        partner = anatomy.get(structure, level, "right") if side == "left" else None
        if partner is not None and not _left_of(region, partner):
            found.append(("side", f"the left {structure} is to the right of the right one"))
    return found


def _left_of(left: Region, right: Region) -> bool:
    return bool(left.centroid[0] < right.centroid[0])


CERVICAL_DEPTH_MM = 28.0
"""Front-to-back length of a body above which the name of a cervical or upper thoracic level is doubted."""

LEAST_DEPTH_MM = 9.0
"""Front-to-back length below which every level name is doubted, as of a cord that is divided into levels."""

LUMBAR_ML = (10.0, 100.0)
"""Range of the volume of a whole body outside which the name of a lumbar level is doubted."""


SACRAL_DEG = 30.0
"""Angle between the endplates of the lowest body from which it may be the first sacral one. In a public CT it was at
most 17° for five whole bodies and 41° for the first sacral one."""

SQUARE = 0.85
"""Ratio of lower to upper depth above which a vertebra named s1 has the shape of a lumbar one. In a public CT it is
0.93 to 0.98 for four lumbar vertebrae and 0.76 for the first sacral one. A lumbarised s1 is square too, so that its
level names are also in doubt."""


def level_confidence(anatomy: Anatomy, spine: Spine) -> tuple[float, tuple[str, ...]]:
    """Return the confidence in the names of levels, with reasons for doubt.

    * 1.0: named by the tool, with five lumbar vertebrae or no sign against them.
    * 0.75: counted from the bottom, which assumes that the lowest mobile vertebra is the last lumbar one.
    * 0.5: a transitional sign (four or six lumbar vertebrae, or a thirteenth thoracic one).
    * 0.25: bodies named cervical (or t1 to t4) are as deep as lumbar ones, as when running instance numbers are read as
    levels; bodies named lumbar have a size that no lumbar body has, or are flatter than any, as in a mask of another
    structure; the lowest body has the shape of the sacrum and no sacrum is labelled; or a vertebra named s1 has the
    shape of a lumbar one, as a lumbarised s1 has [1]_.

    The confidence is a rank for filtering, not an estimated probability.

    References
    ----------
    .. [1] Tokgoz N et al. Are spinal or paraspinal anatomic markers helpful for vertebral numbering and diagnosing
       lumbosacral transitional vertebrae? Korean J Radiol. 2014;15(2):258–266. doi:10.3348/kjr.2014.15.2.258
    """
    levels = list(spine.bodies)
    upper = {level for level in levels if level.startswith("c")} | {"t1", "t2", "t3", "t4"}
    deep = [b for level, b in spine.bodies.items() if level in upper and b.depth > CERVICAL_DEPTH_MM]
    odd = [
        b
        for level, b in spine.bodies.items()
        if level.startswith("l") and not b.region.cut and not LUMBAR_ML[0] <= b.region.volume_mm3 / 1000 <= LUMBAR_ML[1]
    ]
    thin = [b for b in spine.bodies.values() if not b.region.cut and b.depth < LEAST_DEPTH_MM]
    if deep or odd or thin:
        return 0.25, ("size_unlike_level",)
    has_sacrum = bool(anatomy.get("sacrum", "s1") or anatomy.get("sacral_vertebra", "s1"))
    if levels and levels[-1].startswith("l") and not has_sacrum and _wedge(spine, levels[-1]) > SACRAL_DEG:
        return 0.25, ("lowest_like_sacrum",)
    if sacrum_like_lumbar(spine):
        return 0.25, ("sacrum_like_lumbar",)
    signs = []
    if "l6" in levels:
        signs.append("six_lumbar")
    if "t13" in levels:
        signs.append("thirteen_thoracic")
    lumbar = sorted((level for level in levels if level.startswith("l")), key=level_rank)
    if has_sacrum and lumbar and lumbar[-1] == "l4":
        signs.append("four_lumbar")
    if signs:
        return 0.5, tuple(signs)
    if anatomy.numbering == "from_bottom":
        return 0.75, ("counted_from_bottom",)
    return 1.0, ()


def sacrum_like_lumbar(spine: Spine) -> bool:
    """Return whether the vertebra named s1 is shaped like a lumbar one, so that all names may be one too high."""
    if spine.sacral_region is None or spine.sacral_frame is None or not spine.bodies:
        return False
    return sacral_taper(spine.sacral_region, spine.sacral_frame, list(spine.bodies.values())[-1]) >= SQUARE


def _wedge(spine: Spine, level: str) -> float:
    """Return the angle in degrees between the endplates of a whole body; NaN if either is not visible."""
    body = spine.bodies[level]
    if body.region.cut or body.superior is None or body.inferior is None:
        return float("nan")
    return float(np.degrees(np.arccos(np.clip(body.superior.normal @ body.inferior.normal, -1.0, 1.0))))
