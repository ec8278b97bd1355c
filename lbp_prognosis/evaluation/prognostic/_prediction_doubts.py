"""Predictions that look as if they were upside down are said to be so."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lbp_prognosis._base import Objection, inversion_objection

__all__ = ["below_half", "likely_inversion", "upside_down"]


def likely_inversion(mean_risk: np.ndarray, observed: np.ndarray, horizons: np.ndarray) -> tuple[Objection, ...]:
    """Compare the mean risk with the observed frequency, its complement, and the mean risk at the horizon before.

    A horizon with NaN is not known.
    """
    doubts = (inversion_objection(float(m), float(o), "", float(h)) for m, o, h in zip(mean_risk, observed, horizons))
    return (*(doubt for doubt in doubts if doubt is not None), *_falls_with_time(mean_risk, horizons))


def _falls_with_time(mean_risk: np.ndarray, horizons: np.ndarray) -> tuple[Objection, ...]:
    """Object to a mean risk that is lower at a later horizon, by more than models fitted horizon by horizon differ."""
    known = np.flatnonzero(np.isfinite(mean_risk))
    for before, after in pairwise(known):
        if mean_risk[after] < mean_risk[before] - 0.01:
            return (
                Objection(
                    "risk-falls-with-time",
                    f"The mean risk falls from {mean_risk[before]:.3f} at {horizons[before]:g} to "
                    f"{mean_risk[after]:.3f} at {horizons[after]:g}, as P(event by the horizon) cannot: are the "
                    "columns in the order of the horizons, and risks, not survival?",
                ),
            )
    return ()


def below_half(metric: str, value: np.ndarray) -> tuple[Objection, ...]:
    """Object to an index of discrimination below one half."""
    with np.errstate(invalid="ignore"):
        low = np.atleast_1d(value)[np.atleast_1d(value) < 0.5]
    if low.size == 0:
        return ()
    return (
        Objection(
            "below-half",
            f"The {metric} is {float(low[0]):.3g}, below 0.5: either the prediction orders patients worse than chance, "
            "or it is a survival probability, for which higher means later.",
        ),
    )


def upside_down(slope: float) -> tuple[Objection, ...]:
    """Object to a score whose higher values go with later events."""
    if not slope < 0:
        return ()
    return (Objection("below-half", "Patients with higher scores have the event later: was survival given as score?"),)
