"""Objections to predictions that appear to be reversed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from lbp_prognosis._base import Objection, inversion_objection, objection

__all__ = ["below_half", "likely_inversion", "upside_down"]


def likely_inversion(
    mean_risk: np.ndarray, observed: np.ndarray, horizons: np.ndarray, area: Callable[[int], float]
) -> tuple[Objection, ...]:
    """Compare the mean risk with the observed frequency, its complement and the mean risk at the previous horizon.

    Horizons with NaN are not compared. ``area`` gives the area under the curve at a horizon by its position.
    """
    doubts = (
        inversion_objection(float(m), float(o), "", float(tau), partial(area, k))
        for k, (m, o, tau) in enumerate(zip(mean_risk, observed, horizons))
    )
    return (*(doubt for doubt in doubts if doubt is not None), *_falls_with_time(mean_risk, horizons))


def _falls_with_time(mean_risk: np.ndarray, horizons: np.ndarray) -> tuple[Objection, ...]:
    """Object to a mean risk that is lower at a later horizon, by more than separate models by horizon differ."""
    known = np.flatnonzero(np.isfinite(mean_risk))
    for before, after in pairwise(known):
        if mean_risk[after] < mean_risk[before] - 0.01:
            return (
                objection(
                    "risk-falls-with-time",
                    earlier_risk=mean_risk[before],
                    earlier=horizons[before],
                    later_risk=mean_risk[after],
                    later=horizons[after],
                ),
            )
    return ()


def below_half(metric: str, value: np.ndarray) -> tuple[Objection, ...]:
    """Object to a discrimination index below one half."""
    with np.errstate(invalid="ignore"):
        low = np.atleast_1d(value)[np.atleast_1d(value) < 0.5]
    if low.size == 0:
        return ()
    return (objection("below-half", metric=metric, value=float(low[0])),)


def upside_down(slope: float) -> tuple[Objection, ...]:
    """Object to a score whose higher values are associated with later events."""
    if not slope < 0:
        return ()
    return (objection("below-half", variant="score"),)
