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

    A pipeline says by ``modalities`` which columns are its own; if a model does not say so, every column is looked at.
    """
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    used: set[Any] = set()
    for model in models.values():
        modalities = getattr(model, "modalities", None)
        if not isinstance(modalities, Mapping):
            used = set(table.columns)
            break
        used |= {column for columns in modalities.values() for column in columns}
    return screen(table[[c for c in table.columns if c in used]], y, horizons, cause=cause, groups=groups).objections
