"""Penalty factors by modality: one plan for each combination that is to be tried."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.models._cox_checks import column_factors, column_name

__all__ = ["factor_plans"]


def factor_plans(
    modalities: Mapping[str, Any] | None,
    modality_factors: Mapping[str, Any] | None,
    penalty_factors: Any,
    names: list[str],
) -> list[tuple[dict[str, float], np.ndarray]]:
    """Return, for each combination of modality factors, the combination and the factor of each column (p,).

    Parameters
    ----------
    modalities : mapping of str to sequence of str or int, or None
        Columns of each modality.
    modality_factors : mapping of str to float or sequence of float, or None
        Factors to try.
    penalty_factors : array-like of shape (p,), mapping of str to float or None
        Factor of each column.
    names : list of str
        Columns of the fit.
    """
    own = column_factors(penalty_factors, names, "penalty_factors")
    if modality_factors is None:
        return [({}, own)]
    if modalities is None:
        raise argument_error("modalities", "given with `modality_factors`", "None")
    unknown = set(modality_factors) - set(modalities)
    if unknown:
        raise argument_error("modality_factors", "a mapping from modalities", f"unknown {sorted(unknown)}")
    options = [np.atleast_1d(np.asarray(value, dtype=float)).tolist() for value in modality_factors.values()]
    if any(value < 0 for option in options for value in option):
        raise argument_error("modality_factors", "numbers of at least 0", dict(modality_factors))
    plans = []
    for combination in product(*options):
        plan, factors = dict(zip(modality_factors, combination)), own.copy()
        for modality, factor in plan.items():
            columns = [column_name(column, names) for column in modalities[modality]]
            missing = [column for column in columns if column not in names]
            if missing:
                raise argument_error("modalities", "a mapping to columns of `X`", f"{missing} under {modality!r}")
            factors[[names.index(column) for column in columns]] *= factor
        plans.append((plan, factors))
    return plans
