"""``motion_doubts``: objection to measures of movement in a model without baseline pain."""

from __future__ import annotations

from lbp_prognosis._base import FeatureMap, Objection
from lbp_prognosis.evidence import movement_without_pain
from lbp_prognosis.study._study import Study

__all__ = ["motion_doubts"]


def motion_doubts(study: Study, modalities: FeatureMap) -> tuple[Objection, ...]:
    """Return the objection for the model with the addition, or for the main model.

    Measures of movement are the columns of ``biomechanical``, and the columns from the table ``motion``.

    Parameters
    ----------
    study : Study
        The protocol.
    modalities : FeatureMap
        Columns by modality.
    """
    name = study.comparison[1] if study.comparison else study.main_model
    plan = next(plan for plan in study.models if plan.name == name)
    if plan.kind == "null":
        return ()
    columns = plan.columns(modalities)
    moved = [c for c in columns if modalities.provenance.get(c, {}).get("table") == "motion"]
    measured = dict.fromkeys([*modalities.get("biomechanical", ()), *moved])
    return movement_without_pain(measured, columns, study.clinical_minimum)
