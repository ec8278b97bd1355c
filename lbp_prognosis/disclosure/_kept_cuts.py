"""``kept_cuts``: thresholds whose bands contain enough patients with and without the target, for all models."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from lbp_prognosis._kernels import threshold_bins
from lbp_prognosis.disclosure._patients import Patients

__all__ = ["bands_are_safe", "kept_cuts", "moves_are_safe"]


def kept_cuts(
    patients: Patients, candidates: Iterable[float], smallest: int, most: int
) -> tuple[list[float], list[float]]:
    """Return releasable thresholds, and the others.

    Differences between numbers at two thresholds (net benefit, patients above, events found) are numbers of the band
    between them. A threshold is therefore kept only if all resulting bands have at least ``smallest`` patients with the
    target and as many without it, and none or as many of unknown state; the same applies in each layer of patients.

    Parameters
    ----------
    patients : Patients
        With ``scores``.
    candidates : iterable of float
        Declared thresholds, in order of priority.
    smallest : int
        k.
    most : int
        Thresholds kept at most.

    Returns
    -------
    kept, dropped : list of float
        ``kept`` in increasing order.
    """
    kept: list[float] = []
    dropped: list[float] = []
    for cut in dict.fromkeys(float(cut) for cut in candidates):
        trial = sorted([*kept, cut])
        if len(trial) <= most and all(bands_are_safe(patients, s, trial, smallest) for s in patients.scores.values()):
            kept = trial
        else:
            dropped.append(cut)
    return kept, dropped


def bands_are_safe(patients: Patients, score: np.ndarray, cuts: Sequence[float], smallest: int) -> bool:
    """Return whether every band between the cuts is releasable.

    Parameters
    ----------
    patients : Patients
        Patients with their states.
    score : ndarray of shape (n_rows,)
        Risk of the target; a risk at a cut belongs to the band above.
    cuts : sequence of float
        In increasing order.
    smallest : int
        k.
    """
    code = threshold_bins(score, np.asarray(cuts, dtype=float))
    for band, layer in itertools.product(range(len(cuts) + 1), patients.each_layer()):
        with_it, without, unknown = patients.parts((code == band) & layer)
        if with_it == without == unknown == 0:
            continue
        if min(with_it, without) < smallest or 0 < unknown < smallest:
            return False
    return True


def moves_are_safe(patients: Patients, first: np.ndarray, second: np.ndarray, cut: float, smallest: int) -> bool:
    """Return whether a paired difference at a threshold is releasable.

    The difference discloses the number of patients whom only one model treats. Each of their groups (with the target,
    without it, unknown) must be empty or have at least ``smallest`` patients, in each layer.

    Parameters
    ----------
    patients : Patients
        Patients with their states.
    first, second : ndarray of shape (n_rows,)
        Risks of the target by the two models.
    cut : float
        The threshold.
    smallest : int
        k.
    """
    above = [threshold_bins(score, np.array([cut])) == 1 for score in (first, second)]
    moved = (above[0] & ~above[1], above[1] & ~above[0])
    cells = [count for rows in moved for layer in patients.each_layer() for count in patients.parts(rows & layer)]
    return not any(0 < count < smallest for count in cells)
