"""Columns that measure the construct of a scale."""

from __future__ import annotations

from lbp_prognosis.instruments._registry import instruments

__all__ = ["same_construct"]

# single ratings of the intensity of back pain, and the items of questionnaires that ask for it
_PAIN = ("nrs_back", "vas_back", "odi_1", "orebro_pain", "impact_pain")


def same_construct(scale: str) -> tuple[str, ...]:
    """Return the columns that measure the construct of a scale: it, its items and, for back pain, all ratings of it.

    Parameters
    ----------
    scale : str
        Name of a score, e.g. ``"odi"``. A name that is no known scale is returned alone.

    Examples
    --------
    >>> from lbp_prognosis.instruments import same_construct
    >>> same_construct("nrs_back")
    ('nrs_back', 'vas_back', 'odi_1', 'orebro_pain', 'impact_pain')
    """
    found = [scale]
    for known in instruments().values():
        for part in known.scales:
            if part.name == scale:
                found += part.items
    if scale in _PAIN:
        found += _PAIN
    return tuple(dict.fromkeys(found))
