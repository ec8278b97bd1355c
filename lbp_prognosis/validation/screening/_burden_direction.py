"""Direction of the association of pain and disability with the event: a reversed one suggests swapped codes."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from lbp_prognosis._base import objection
from lbp_prognosis.survival import outcome_kind
from lbp_prognosis.validation.screening._column_strength import as_numbers
from lbp_prognosis.validation.screening._screening import Finding

__all__ = ["burden_direction"]

# measures of which more is worse, as registries and instruments abbreviate them
_BURDEN = re.compile(
    r"(^|[^a-z])(pain|nrs|vas|bpi|odi|oswestry|rmdq|rdq|roland|disab\w*|qbpds|pcs_total|catastroph\w*|tsk|kinesio\w*|"
    r"fabq|depress\w*|phq\w*|distress|keele|startback)"
)
_Z = 4.0


def burden_direction(table: pd.DataFrame, y: np.ndarray, cause: int, polarity: str) -> list[Finding]:
    """Return a finding per column of burden that goes the wrong way; its value is the z of a log-rank trend.

    Parameters
    ----------
    table : DataFrame of n rows
        Predictors.
    y : ndarray of shape (n,)
        Right- or interval-censored.
    cause : int
        Event of interest.
    polarity : {"good", "bad"}
        Of the event.

    Notes
    -----
    z is the standardised score of a Cox model at zero (Breslow). Patients with more pain recover later; a z of 4 in the
    other direction is said.
    """
    time = y["time"] if outcome_kind(y) == "right" else np.where(np.isfinite(y["upper"]), y["upper"], y["lower"])
    out = []
    for name in table.columns:
        if not _BURDEN.search(str(name).lower()):
            continue
        numbers = as_numbers(table[name])
        if numbers is None:
            continue
        known = ~np.isnan(numbers)
        z = _trend(numbers[known], time[known], y["event"][known] == cause)
        if (z if polarity == "good" else -z) > _Z:
            when = "sooner" if polarity == "good" else "later"
            doubt = objection("causes-swapped", column=str(name), when=when, z=z, polarity=polarity)
            out.append(Finding("causes-swapped", str(name), z, doubt.sentence))
    return out


def _trend(x: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Standardised Cox score at zero."""
    if event.sum() < 20:
        return 0.0
    order = np.argsort(-time, kind="stable")
    x, time, event = x[order] - x.mean(), time[order], event[order]
    last = np.searchsorted(-time, -time, side="right") - 1  # all patients with a time at least as long
    size = last + 1.0
    mean = np.cumsum(x)[last] / size
    variance = np.cumsum(x * x)[last] / size - mean**2
    total = float(variance[event].sum())
    return float((x[event] - mean[event]).sum() / np.sqrt(total)) if total > 0 else 0.0
