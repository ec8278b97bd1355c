"""``movement_without_pain``: measures of movement among predictors that contain no baseline pain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lbp_prognosis._base import Objection, objection

__all__ = ["movement_without_pain"]


def movement_without_pain(
    measured: Iterable[str],
    columns: Iterable[str],
    clinical_minimum: Mapping[str, str | Iterable[str]] | None = None,
) -> tuple[Objection, ...]:
    """Object to measures of movement without baseline pain among the predictors: they reflect pain as a state.

    Range of motion, endurance, strength and gait are poorer while a patient is in pain. If the comparator contains no
    pain, one question on pain could explain part of their added value.

    Parameters
    ----------
    measured : iterable of str
        Columns that measure movement, strength, endurance or activity.
    columns : iterable of str
        All predictors of the larger model.
    clinical_minimum : mapping of str to str or iterable of str, optional
        Construct to the column(s) that measure it; ``pain`` counts here.

    Returns
    -------
    tuple of Objection
        One objection with the code ``state-not-trait``, or none.

    References
    ----------
    Wernli K et al. Does movement change when low back pain changes? A systematic review. J Orthop Sports Phys Ther
    2020;50:664-670. doi:10.2519/jospt.2020.9635

    Examples
    --------
    >>> from lbp_prognosis.evidence import movement_without_pain
    >>> [doubt.code for doubt in movement_without_pain(["sorensen_time"], ["age", "sorensen_time"])]
    ['state-not-trait']
    >>> movement_without_pain(["sorensen_time"], ["nrs_back", "sorensen_time"], {"pain": "nrs_back"})
    ()
    """
    held = set(columns)
    found = [column for column in measured if column in held]
    named = (clinical_minimum or {}).get("pain", ())
    pain = (named,) if isinstance(named, str) else tuple(named)
    if not found or held & set(pain):
        return ()
    return (objection("state-not-trait", variant="" if pain else "undeclared", columns=", ".join(found)),)
