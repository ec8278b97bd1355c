"""``fit_study``: the models of a study, fitted to all patients without validation."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from threadpoolctl import threadpool_limits

from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._dated_at_visit import unwrapped_model
from lbp_prognosis.study._read_study_data import read_study_data
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData

__all__ = ["fit_study"]


def fit_study(study: Study, data: StudyData | None = None) -> dict[str, Any]:
    """Read a study's data and fit its models to all patients; nothing is validated (see `run_study`).

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData, optional
        Result of `read_study_data`, for instance without patients who withdrew; read by the function if not given.

    Returns
    -------
    dict of str to fitted model
        By name.
    """
    with threadpool_limits(1):
        data = read_study_data(study) if data is None else data
        fitted = {name: clone(model).fit(data.X, data.y) for name, model in build_models(study, data).items()}
    return {name: unwrapped_model(model) for name, model in fitted.items()}
