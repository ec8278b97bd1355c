"""Ridge path of a Cox likelihood, in gradients over rows and few informations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import group_sums, information_matrix, lived_hazard, tied_events
from lbp_prognosis._kernels._ridge_path import ridge_path

__all__ = ["cox_ridge_path"]


class _Cox:
    """Partial likelihood of columns scaled to standard deviation 1."""

    def __init__(
        self, data: CoxData, weights: np.ndarray, offset: np.ndarray | None, efron: bool, frequency: bool
    ) -> None:
        self.data, self.rows = data, replace(data, X=np.empty((data.event.size, 0)))
        self.offset, self.efron = offset, efron
        self.tied, self.few = (tied_events(part, weights, frequency) for part in (data, self.rows))
        self.eta = np.zeros(data.event.size)

    def at(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        self.eta = self.data.X @ (theta / self.data.scale)
        if self.offset is not None:
            self.eta += self.offset
        sums = group_sums(self.rows, self.few, self.eta, self.efron)
        loglik = sums.loglik + float(self.few.event_weights @ (self.eta - sums.shift))
        residual = lived_hazard(self.rows, sums)
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(residual, sums.risk, out=residual, where=residual > 0)
            np.subtract(self.few.event_weights, residual, out=residual)
            return loglik, (residual @ self.data.X) / self.data.scale

    def information(self) -> np.ndarray:
        sums = group_sums(self.data, self.tied, self.eta, self.efron)
        return information_matrix(self.data, self.tied, sums, self.efron) / np.outer(self.data.scale, self.data.scale)


def cox_ridge_path(
    data: CoxData,
    ridges: Iterable[np.ndarray],
    *,
    weights: np.ndarray,
    offset: np.ndarray | None = None,
    ties: str = "efron",
    frequency: bool = False,
) -> Iterator[tuple[np.ndarray, float] | None]:
    """Yield the coefficients (p,) and the log partial likelihood at each penalty; None without a finite maximum.

    Parameters
    ----------
    data : CoxData
        Risk sets; rows of weight 0 do not count.
    ridges : iterable of ndarray of shape (p,)
        Penalty of each column, from strong to weak.
    weights, offset, ties, frequency
        As for `cox_fit`; ties are Efron's or Breslow's.
    """
    w = np.ascontiguousarray(data.sorted(weights), dtype=float)
    shift = None if offset is None else np.ascontiguousarray(data.sorted(offset), dtype=float)
    of = _Cox(data, w, shift, ties == "efron", frequency)
    scaled = (ridge / data.scale**2 for ridge in ridges)
    for found in ridge_path(of, scaled, np.zeros(data.scale.size)):
        yield None if found is None else (found[0] / data.scale, found[1])
