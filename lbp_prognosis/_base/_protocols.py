"""What the rooms expect of each other's objects, by shape and not by inheritance."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = ["CensoringModel", "RiskModel"]


@runtime_checkable
class RiskModel(Protocol):
    """Anything with ``fit`` and ``predict_risk``."""

    def fit(self, X: Any, y: np.ndarray) -> Any:
        """Fit on predictors and a structured outcome; return self."""
        ...

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        """Return P(T ≤ horizon, event = cause | x), of shape (n_samples, n_horizons)."""
        ...


@runtime_checkable
class CensoringModel(Protocol):
    """Anything that can say how likely a row was to be still under observation."""

    def fit(self, y: np.ndarray, X: Any = None) -> Any:
        """Fit the distribution of the censoring time; return self."""
        ...

    def survival_before(self, times: np.ndarray) -> np.ndarray:
        """Return G(t−) for each row's own time."""
        ...

    def survival_at(self, horizon: float) -> np.ndarray:
        """Return G(horizon) for each row."""
        ...
