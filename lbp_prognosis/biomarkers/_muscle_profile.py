"""Profile of the muscles along the spine: area and fat at each disc and at each body between."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers._extraction_result import METHOD_ORDER, ExtractionResult
from lbp_prognosis.biomarkers.anatomy._label_map import MUSCLES
from lbp_prognosis.biomarkers.anatomy._levels import VERTEBRAE
from lbp_prognosis.biomarkers.families._measurement import SOURCE_MARK
from lbp_prognosis.biomarkers.families._muscle import AT_BODY

__all__ = ["muscle_profile"]

_MEASURES = ("csa", "fat_fraction", "fcsa", "muscle_attenuation")
_KEYS = ["patient_id", "study_id", "structure", "side", "level"]


def muscle_profile(result: ExtractionResult) -> pd.DataFrame:
    """Return area and fat of each muscle from top to bottom, one row per level.

    Parameters
    ----------
    result : ExtractionResult
        Result of `extract`. With ``Recipe(muscle_profile=True)`` the levels are discs and bodies, otherwise discs only.

    Returns
    -------
    DataFrame
        ``patient_id, study_id, structure, side, level, at`` (``disc`` or ``body``), ``csa`` (mm²), ``fat_fraction``
        (%), ``fcsa`` (mm²), ``muscle_attenuation`` (HU; columns that were measured), ``fat_method`` and ``reason`` (why
        an area is missing). Area and fat each come from one method for the whole batch: the first in order of
        preference that gave a value.

    Raises
    ------
    ArgumentError
        If the result contains no muscle at a level.

    Examples
    --------
    >>> muscle_profile(extract("cases", Recipe(muscle_profile=True)))  # doctest: +SKIP
    """
    if not isinstance(result, ExtractionResult):
        raise argument_error("result", "an ExtractionResult", result, "Pass the result of `extract`.")
    table = result.table
    rows = table[table["structure"].isin(MUSCLES) & table["measure"].isin(_MEASURES) & table["level"].ne("")].copy()
    if rows.empty:
        raise argument_error(
            "result", "a result with muscles at levels", "none", "Measure the family 'muscle' with named levels."
        )
    formula = rows["method_id"].str.split(SOURCE_MARK).str[0].str.replace(AT_BODY, "", regex=False)
    kept = pd.Series(True, index=rows.index)
    fat_method = ""
    for measure in _MEASURES:
        own = rows["measure"] == measure
        chosen = _preferred(measure, formula[own], set(formula[own & rows["value"].notna()]))
        kept &= ~own | (formula == chosen)
        fat_method = fat_method or (chosen if measure in ("fat_fraction", "fcsa") else "")
    places = pd.MultiIndex.from_frame(rows[_KEYS].drop_duplicates())
    values = rows[kept].groupby([*_KEYS, "measure"], sort=False)["value"].first().unstack("measure").reindex(places)
    area = rows[rows["measure"] == "csa"].assign(other=~kept).sort_values("other", kind="stable")
    reasons = area["reason"].mask(area["other"], "the area was measured by another method than in other studies")
    reasons = reasons.set_axis(pd.MultiIndex.from_frame(area[_KEYS])).groupby(level=_KEYS).first().reindex(places)
    frame = values[[name for name in _MEASURES if name in values]].assign(reason=reasons).reset_index()
    frame["reason"] = frame["reason"].fillna("")
    frame.insert(5, "at", np.where(frame["level"].isin(VERTEBRAE), "body", "disc"))
    frame.insert(list(frame.columns).index("reason"), "fat_method", fat_method)
    frame["_order"] = frame["level"].map(_order)
    frame = frame.sort_values([*_KEYS[:4], "_order"], kind="stable").drop(columns="_order")
    return frame.rename_axis(columns=None).reset_index(drop=True)


def _preferred(measure: str, formulas: pd.Series, measured: set[str]) -> str:
    """Return the first method, in order of preference, with a value; without any value, the first method."""
    known = [*METHOD_ORDER[measure], *sorted(set(formulas))]
    return next((name for name in known if name in measured), next(iter(sorted(set(formulas))), ""))


def _order(level: str) -> float:
    """Return the position of a level from the top: a disc is half a step below its upper vertebra."""
    if level in VERTEBRAE:
        return float(VERTEBRAE.index(level))
    upper = max((name for name in VERTEBRAE if level.startswith(name)), key=len)
    return VERTEBRAE.index(upper) + 0.5
