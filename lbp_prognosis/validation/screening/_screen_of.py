"""The screening of what some models are given, wherever models are validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection
from lbp_prognosis.validation.screening._screen import screen

__all__ = ["screen_of"]


def screen_of(
    models: Mapping[str, Any], X: Any, y: np.ndarray, horizons: np.ndarray, cause: int, groups: np.ndarray | None
) -> tuple[Objection, ...]:
    """Return the objections of `screen` to the columns that the models use.

    A pipeline says by ``modalities`` which columns are its own, a fitted model by the names it was fitted with, others
    by ``columns``. A fitted model that says nothing may have been given the whole table, outcome included, and read
    two columns of it: then the outcome is looked at, and no predictor.
    """
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    used: set[Any] = set()
    for model in models.values():
        own = _columns_of(model)
        if own is None:
            used = set(table.columns) if hasattr(model, "fit") else set()
            break
        used |= own
    return screen(table[[c for c in table.columns if c in used]], y, horizons, cause=cause, groups=groups).objections


def _columns_of(model: Any) -> set[Any] | None:
    modalities = getattr(model, "modalities", None)
    if isinstance(modalities, Mapping):
        return {column for columns in modalities.values() for column in columns}
    for name in ("feature_names_in_", "columns"):
        columns = getattr(model, name, None)
        if isinstance(columns, list | tuple | np.ndarray):
            return set(columns)
    return None
