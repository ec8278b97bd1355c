"""``candidate_parameters``: number of candidate parameters of each model for the event of interest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis.deployment import PublishedModel
from lbp_prognosis.study._dated_at_visit import unwrapped_model

__all__ = ["candidate_parameters"]


def candidate_parameters(models: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of coefficients for the event of interest by model; trees, nets and stacks have none.

    Coefficients that a penalty sets to zero are counted, because they were candidates. Baselines and published models
    are not counted.

    Parameters
    ----------
    models : mapping of str to fitted model
        By name.
    """
    found = {name: _count(model) for name, model in models.items()}
    return {name: count for name, count in found.items() if count}


def _count(model: Any) -> int:
    inner = unwrapped_model(model)
    inner = (getattr(inner, "branches_", None) and inner.models_[0]) or inner
    if isinstance(inner, PublishedModel):
        return 0
    coef = getattr(inner, "coef_", None)
    if isinstance(coef, Mapping):
        coef = coef[min(coef)]
    return 0 if coef is None else int(np.shape(np.atleast_1d(coef))[-1])
