"""Detection of times and horizons in different units, which metrics cannot detect."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.survival._outcome import outcome_kind

__all__ = ["horizon_unit_doubt"]

_RATIO = 10.0  # days to months is 30, days to years 365, weeks to years 52
_SHARE = 0.05  # an intended early horizon (30 days after surgery) covers a larger share of the events


def horizon_unit_doubt(y: np.ndarray, horizons: np.ndarray, cause: int = 1) -> str:
    """Return a sentence if times and horizons appear to have different units, otherwise an empty string.

    Parameters
    ----------
    y : ndarray
        Structured outcome.
    horizons : ndarray of shape (k,)
        Prediction times.
    cause : int, default 1
        Event of interest.

    Notes
    -----
    Times are probably in a smaller unit if the longest horizon is less than a tenth of the median follow-up and fewer
    than one event in twenty occurred by it. Times are probably in a larger unit if the shortest horizon exceeds ten
    times the longest follow-up.
    """
    kind = outcome_kind(y)
    if kind not in ("right", "interval"):
        return ""
    seen = y["time"] if kind == "right" else np.where(np.isfinite(y["upper"]), y["upper"], y["lower"])
    last, median = float(np.max(horizons)), float(np.median(seen))
    event = y["event"] == cause
    by_last = float(np.mean(seen[event] <= last)) if event.any() else 0.0
    if last * _RATIO < median and by_last < _SHARE:
        return (
            f"The longest horizon is {last:g}, but half of the patients were followed beyond {median:g} and "
            f"{by_last:.1%} of the events happened by it: are times and horizons in one unit (days against months)?"
        )
    longest = float(np.max(seen))
    if float(np.min(horizons)) > _RATIO * longest:
        return (
            f"The shortest horizon is {float(np.min(horizons)):g}, but no patient was followed beyond {longest:g}: are "
            "times and horizons in one unit (years against months)?"
        )
    return ""
