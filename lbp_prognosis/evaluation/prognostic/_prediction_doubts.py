"""Predictions that look as if they were upside down are said to be so."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import Objection, inversion_objection

__all__ = ["below_half", "likely_inversion", "upside_down"]


def likely_inversion(mean_risk: np.ndarray, observed: np.ndarray, horizons: np.ndarray) -> tuple[Objection, ...]:
    """Compare the mean risk with the observed frequency and with its complement, horizon by horizon (NaN: unknown)."""
    doubts = (inversion_objection(float(m), float(o), "", float(h)) for m, o, h in zip(mean_risk, observed, horizons))
    return tuple(doubt for doubt in doubts if doubt is not None)


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
