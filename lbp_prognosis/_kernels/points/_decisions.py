"""Net benefit of treating above thresholds, from the incidence among those above each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._net_benefit import ThresholdIncidence

__all__ = ["DecisionShares", "decision_shares"]


class DecisionShares(NamedTuple):
    """Shares of all patients at each threshold: treated, true and false positives, and net benefit."""

    treated: np.ndarray
    true_positive: np.ndarray
    false_positive: np.ndarray
    net_benefit: np.ndarray


def decision_shares(
    found: ThresholdIncidence, rank: np.ndarray | slice, total: float, thresholds: np.ndarray, *, complement: bool
) -> DecisionShares:
    """Split the treated by what became of them.

    Parameters
    ----------
    found : ThresholdIncidence
        From `incidence_by_threshold`.
    rank : ndarray of int of shape (k,) or slice
        Where each of the ``thresholds`` (k,) stands in it.
    total : float
        Weight of all patients.
    complement : bool
        Whether the target is the absence of the event.
    """
    treated, incidence = found.weight[rank] / total, found.incidence[rank]
    success = 1 - incidence if complement else incidence
    true, false = treated * success, treated * (1 - success)
    return DecisionShares(treated, true, false, true - thresholds / (1 - thresholds) * false)
