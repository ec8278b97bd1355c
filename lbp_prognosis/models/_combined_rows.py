"""``Rows``, ``Stretches``: the patients that averages, stacks and risk groups are fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.models._known_states import KnownStates, states_at
from lbp_prognosis.survival import Weights, measured_to_status

__all__ = ["Rows", "Stretches", "take_rows_of"]


@dataclass(frozen=True)
class Stretches:
    """Parts of the follow-up of patients that learners are fitted to.

    Attributes
    ----------
    patient : ndarray of int of shape (m,)
        Position of the patient.
    y : ndarray of shape (m,)
        Outcome of each part, with delayed entry.
    weights : Weights
        Of the parts.
    """

    patient: np.ndarray
    y: np.ndarray
    weights: Weights

    def of(self, use: np.ndarray) -> tuple[np.ndarray, np.ndarray, Weights]:
        """Return patient (counted among those in use), outcome and weights of the parts of some patients (n,)."""
        kept, place = use[self.patient], np.cumsum(use) - 1
        return place[self.patient[kept]], self.y[kept], take_rows_of(self.weights, kept)

    def weights_at(self, times: np.ndarray) -> np.ndarray:
        """Return the weight of the part in which each time (n, h) lies; 1 where there is none."""
        out = np.ones(times.shape)
        start, stop, own = self.y["entry"], self.y["time"], self.weights.values
        for j in range(times.shape[1]):
            at = times[self.patient, j]
            inside = (start < at) & (at <= stop)
            out[self.patient[inside], j] = own[inside]
        return out


@dataclass(frozen=True)
class Rows:
    """Input of a fit: ``given`` contains the row-wise keywords that learners are passed."""

    frame: pd.DataFrame
    y: np.ndarray
    kind: str
    weights: np.ndarray | None
    weight_kind: str | None
    clusters: np.ndarray | None
    given: dict[str, Any]
    stretches: Stretches | None = None

    @property
    def event(self) -> np.ndarray:
        """Whether a row has the event of interest, or its score was observed, shape (n,)."""
        if self.kind == "measured":
            return ~np.isnan(self.y["value"])
        return self.y["status"] == 1 if self.kind == "status" else self.y["event"] == 1

    def states(self, horizons: np.ndarray, cause: int = 1) -> KnownStates:
        """Return the known state at each horizon; for a score, the side of its declared cut."""
        scored = self.kind == "measured"
        known = states_at(
            measured_to_status(self.y) if scored else self.y,
            "status" if scored else self.kind,
            horizons,
            cause,
            weights=self.weights,
            weight_kind=self.weight_kind,
            clusters=self.clusters,
        )
        if self.stretches is None:
            return known
        tilt = self.stretches.weights_at(np.minimum(known.time, known.horizons))
        return replace(known, weight=known.weight * tilt, tilt=tilt)


def take_rows_of(value: Any, use: np.ndarray) -> Any:
    """Return the chosen rows of an argument."""
    if isinstance(value, Weights):
        return Weights(value.values[use], value.kind)
    return value[use] if hasattr(value, "iloc") else np.asarray(value)[use]
