"""Input of harmonisation: features, the batch of each row, and covariates as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    LeakageError,
    argument_error,
    holds,
    is_number,
    numbers_in,
)

__all__ = ["CovariateDesign", "batch_codes", "batch_labels", "feature_matrix", "refuse_outcome"]


def batch_labels(frame: pd.DataFrame, batch: str) -> pd.Series:
    """Return the batch of each row; a missing batch is refused."""
    if not isinstance(batch, str) or batch not in frame.columns:
        raise argument_error("batch", "the name of a column of `X`", f"{batch!r}, which `X` does not have")
    labels = frame[batch]
    if labels.isna().any():
        raise argument_error(
            "batch",
            "known for every row",
            f"{int(labels.isna().sum())} rows without {batch!r}",
            "A value from an unknown scanner cannot be harmonised: name it, or give these rows a batch of their own.",
        )
    return labels


def batch_codes(labels: pd.Series, batches: Sequence[Any]) -> np.ndarray:
    """Return the index of each label among the known batches; −1 for an unknown label."""
    return pd.Index(batches).get_indexer(pd.Index(labels))


def feature_matrix(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return features as floats with NaN for missing; text and infinities are refused."""
    text = [column for column in columns if not is_number(frame[column])]
    if text:
        held = " and ".join(sorted({holds(frame[column]) for column in text}))
        raise argument_error("columns", "numeric columns", f"{text[:5]}, which contain {held}")
    values = numbers_in(frame, columns)
    if np.isinf(values).any():
        bad = [column for column, found in zip(columns, np.isinf(values).any(axis=0)) if found]
        raise argument_error("X", "free of infinite values", f"some in {bad[:5]}")
    return values


class CovariateDesign:
    """Encoder of covariates as numbers; categories become dummies against the first category of the training rows."""

    def __init__(self, frame: pd.DataFrame, covariates: Sequence[str]) -> None:
        self.covariates = list(covariates)
        self.categories: dict[str, list[Any]] = {}
        for name in self.covariates:
            if not is_number(frame[name]):
                self.categories[name] = sorted(pd.unique(frame[name].dropna()), key=str)

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """Return an array of shape (n, q)."""
        parts = [np.empty((len(frame), 0))]
        for name in self.covariates:
            values = frame[name]
            if values.isna().any():
                raise argument_error(
                    "covariates",
                    "complete",
                    f"{int(values.isna().sum())} missing values of {name!r}",
                    "Impute the covariates in a step before this one.",
                )
            if name in self.categories:
                known = self.categories[name]
                strange = sorted(set(map(str, values)) - set(map(str, known)))
                if strange:
                    raise argument_error("X", f"a table whose {name!r} is among {known}", f"{strange[:3]}")
                parts.append((values.to_numpy()[:, None] == np.array(known[1:], dtype=object)).astype(float))
            else:
                parts.append(numbers_in(frame, [name]))
        return np.column_stack(parts)


def refuse_outcome(frame: pd.DataFrame, covariates: Sequence[str], y: Any) -> None:
    """Refuse a covariate that equals the outcome."""
    names = getattr(getattr(y, "dtype", None), "names", None)
    if not names:
        return
    for covariate in covariates:
        values = pd.to_numeric(frame[covariate], errors="coerce").to_numpy(dtype=float)
        for field in names:
            outcome = np.asarray(y[field], dtype=float)
            both = np.isfinite(values) & np.isfinite(outcome)
            if both.sum() < 3 or np.ptp(values[both]) == 0 or np.ptp(outcome[both]) == 0:
                continue
            if abs(np.corrcoef(values[both], outcome[both])[0, 1]) > 1 - 1e-9:
                raise argument_error(
                    "covariates",
                    "known at prediction, never the outcome",
                    f"{covariate!r}, which is `{field}` of `y`",
                    "Harmonisation that preserves the outcome needs it for new patients too, and lets it leak.",
                    kind=LeakageError,
                )
