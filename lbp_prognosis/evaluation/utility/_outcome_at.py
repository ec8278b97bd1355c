"""The outcome at one horizon as weighted states, so that means over patients carry influence values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_choice,
    check_clusters,
    check_horizons,
    check_vector,
    influence_se,
)
from lbp_prognosis._kernels import censoring_process, followed_times, influence_from_process, weights_from_process
from lbp_prognosis.survival import cause_codes, check_cause, check_outcome, status_horizon

__all__ = ["OutcomeAt", "check_probability"]


def check_probability(name: str, risk: Any, n: int, *, missing: bool = False) -> np.ndarray:
    """Return risks of one horizon as a vector in [0, 1]; NaN passes only where ``missing`` is allowed."""
    if not missing:
        return check_vector(name, risk, n=n, low=0, high=1)
    array = np.asarray(risk, dtype=float)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    check_vector(name, np.nan_to_num(array, nan=0.5), n=n, low=0, high=1)
    return array


@dataclass(frozen=True)
class OutcomeAt:
    """Rows with a known state at the horizon, and the machinery to average over all.

    Attributes
    ----------
    keep : ndarray of int
        Rows of the original outcome that are used (a state that was not observed is left out).
    state : ndarray of shape (m,)
        1 with the target at the horizon, 0 without it, and 0 with weight zero if censored.
    weight : ndarray of shape (m,)
        Inverse probability of censoring weights (ones for a `Status`).
    clusters : ndarray of shape (m,) or None
        Codes.
    """

    horizon: float
    keep: np.ndarray
    state: np.ndarray
    weight: np.ndarray
    clusters: np.ndarray | None
    _process: Any = None
    _event: Any = None

    @property
    def n(self) -> int:
        """Rows used."""
        return self.keep.size

    @classmethod
    def read(cls, y: Any, horizon: Any, *, cause: int, target: str, clusters: Any, caller: str) -> OutcomeAt:
        """Check the outcome and weigh its rows."""
        kind = check_outcome(
            y, ("right", "status"), caller=caller, instead="For outcomes seen at visits use Status.at(visit, state)."
        )
        check_choice("target", target, ("event", "no_event"))
        check_cause(y, cause)
        if horizon is None and kind == "status":
            horizon = status_horizon(y)  # a state knows its visit
        times, scalar = check_horizons(horizon)
        if not scalar:
            raise argument_error("horizon", "one number", horizon, "A policy is about one horizon.")
        tau = float(times[0])
        codes = check_clusters("clusters", clusters, n=y.shape[0])
        if kind == "status":
            visit = status_horizon(y)
            if visit is not None and not np.isclose(visit, tau):
                raise argument_error("horizon", f"the visit of the Status outcome ({visit:g})", tau)
            keep = np.flatnonzero(y["status"] >= 0)
            state = y["status"][keep].astype(float)
            weight, process, event = np.ones(keep.size), None, None
        else:
            if "entry" in y.dtype.names:
                raise argument_error("y", f"without delayed entry for {caller}", "an outcome with `entry`")
            keep = np.arange(y.shape[0])
            time, event = y["time"].astype(float), cause_codes(y, cause)
            if not (time >= tau).any():
                raise argument_error("horizon", f"at most the longest follow-up ({time.max():g})", tau)
            time, _ = followed_times(time, event, times)  # censored where follow-up ends for all: known at the end
            process = censoring_process(time, event)
            weight = weights_from_process(process, time, event, tau)
            state = ((event == 1) & (time <= tau)).astype(float)
        if target == "no_event":
            state = 1 - state
        return cls(tau, keep, state, weight, None if codes is None else codes[keep], process, event)

    def mean(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the weighted mean of ``values`` (which may depend on the state) and its influence values."""
        product = np.where(self.weight > 0, self.weight * values, 0.0)
        if self._process is None:
            theta = float(product.mean())
            return theta, product - theta
        theta, psi = influence_from_process(self._process, self._event, self.horizon, product)
        return float(theta), psi

    def se(self, psi: np.ndarray) -> float:
        """Standard error of a mean from its influence values."""
        return float(influence_se(psi, self.clusters))
