"""``visit_scores``: performance of models of several visits at the visits before the horizon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.survival import Measured, measured_spec
from lbp_prognosis.validation import cross_validate_risk

__all__ = ["visit_scores"]


def visit_scores(
    study: Study,
    data: StudyData,
    models: dict[str, Any],
    *,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> dict[float, Evaluation]:
    """Return out-of-fold performance at each earlier visit, in the same folds; empty without models of several visits.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.
    models : dict of str to estimator
        Unfitted.
    n_jobs, checkpoint
        As in `cross_validate_risk`; each visit has a folder of its own in ``checkpoint``.
    """
    several = [plan.name for plan in study.models if plan.kind == "longitudinal_outcome"]
    if data.earlier is None or not several:
        return {}
    spec, out = measured_spec(data.y), {}
    for time in data.earlier.columns:
        there = {name: clone(models[name]).set_params(visit=float(time)) for name in several}
        folds = cross_validate_risk(
            there,
            data.X,
            data.y,
            [spec.horizon],
            n_splits=study.validation.folds,
            n_repeats=study.validation.repeats,
            random_state=study.seed,
            n_jobs=n_jobs,
            checkpoint=None if checkpoint is None else Path(checkpoint, f"{float(time):g}"),
        )
        seen = Measured.at(
            float(time),
            data.earlier[time].to_numpy(dtype=float),
            lower=spec.lower,
            upper=spec.upper,
            kind=spec.kind,
            at_most=spec.at_most,
            at_least=spec.at_least,
        )
        if np.isfinite(seen["value"]).sum() > 1:
            out[float(time)] = evaluate(seen, folds.forecasts, None, target=data.spec.target, n_resamples=0)
    return out
