"""Objections to the biomarkers of a cohort."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis._base import Objection, objection

__all__ = ["biomarker_doubts"]

_SURE = 0.5  # confidence below which the name of a level is a guess
_ALL = 0.95  # share imaged from which imaged patients represent the cohort


def biomarker_doubts(markers: pd.DataFrame, n_patients: int) -> tuple[Objection, ...]:
    """Return objections: few imaged, several program versions under one measure, uncertain names of levels."""
    if markers.empty:
        return ()
    found = []
    imaged = markers["patient_id"].nunique() / n_patients
    if imaged < _ALL:
        found.append(objection("imaged-by-indication", imaged=imaged))
    if "extractor_version" in markers.columns:
        versions = markers.groupby("measure")["extractor_version"].nunique()
        changed = sorted(versions[versions > 1].index)
        if changed:
            found.append(objection("extractor-version", measures=", ".join(changed[:5])))
    if "level_confidence" in markers.columns:
        unsure = markers["level_confidence"] < _SURE
        if unsure.any():
            n = markers.loc[unsure, "patient_id"].nunique()
            found.append(objection("level-names", n=n))
    return tuple(found)
