"""``score_totals``: totals that come without items, range-checked and banded like scored ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.instruments._registry import instruments
from lbp_prognosis.instruments._score import ScoreResult, assign_bands, changes_frame, total_range
from lbp_prognosis.schema import failure_frame

__all__ = ["score_totals"]


def score_totals(
    name: str, totals: Any, *, bands: Mapping[str, Sequence[tuple[str, float, float]]] | None = None
) -> ScoreResult:
    """Check the range of totals of a score, and name their bands.

    Parameters
    ----------
    name : str
        A score: ``"odi"``, ``"tsk11"``, ``"fabq_w"`` ….
    totals : array-like of shape (n,)
        Numbers; missing ones stay missing.
    bands : mapping, optional
        As in `score`.

    Returns
    -------
    ScoreResult
        Totals out of range are missing and listed in ``failures``.

    Notes
    -----
    The groups of STarT Back need the psychosocial subscale in addition to the total, so a total alone has no group.

    Examples
    --------
    >>> from lbp_prognosis.instruments import score_totals
    >>> score_totals("odi", [12, 44, 140]).bands["odi"].tolist()
    ['minimal', 'severe', '']
    """
    owner = {scale.name: known for known in instruments().values() for scale in known.scales}
    if name not in owner:
        hint = "Say 'pain_cat' for the Pain Catastrophizing Scale." if name == "pcs" else None
        raise argument_error("name", f"one of {', '.join(owner)}", repr(name), hint)
    try:
        values = np.asarray(totals, dtype=float)
    except (TypeError, ValueError):
        raise argument_error("totals", "numbers", totals) from None
    if values.ndim != 1:
        raise argument_error("totals", "one-dimensional", f"shape {values.shape}")
    low, high = total_range(name)
    with np.errstate(invalid="ignore"):
        bad = (values < low) | (values > high) | np.isinf(values)
    rows = [
        {
            "table": name,
            "row": int(row) + 1,
            "field": name,
            "reason": "range",
            "value": values[row],
            "message": f"totals lie between {low:g} and {high:g}",
        }
        for row in np.flatnonzero(bad)
    ]
    index = totals.index if isinstance(totals, pd.Series) else None
    scores = pd.DataFrame({name: np.where(bad, np.nan, values)}, index=index)
    unknown = pd.DataFrame({name: pd.array([pd.NA] * len(values), dtype="Int64")}, index=index)
    changes = changes_frame(owner[name])
    return ScoreResult(
        owner[name].name,
        scores,
        unknown,
        {name: "a total without items"},
        assign_bands(owner[name], scores, bands),
        failure_frame(rows),
        changes[changes["score"].eq(name)].reset_index(drop=True),
    )
