"""``reading_table``: coefficients as a paper prints them."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["reading_table"]

_RATIOS = {"hr": "hazard ratio", "or": "odds ratio", "time_ratio": "time ratio", "ratio": "ratio"}


def reading_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``term`` (after ``cause``, where there are several), the ratio with its interval, and p, as text.

    An intercept or a scale shows its coefficient, which the column of the term states.
    """
    ratio = next((name for name in _RATIOS if name in frame), "coef")
    # where one column bounds the ratio, another pair bounds the coefficient
    low, high = (name if name in frame else None for name in ("low", "high"))
    out = frame[[name for name in ("cause", "term") if name in frame]].copy()
    names = frame["term"].astype(str).str.lower()
    # exp of an intercept or of a logarithm of a scale is no ratio of two patients
    plain = (frame[ratio].isna() | names.eq("(intercept)") | names.str.startswith("log(")) & (ratio != "coef")
    if plain.any():
        out["term"] = out["term"].astype(str) + np.where(plain, ", coefficient", "")
    value = frame[ratio].where(~plain, frame["coef"])
    name = _RATIOS.get(ratio, "coefficient")
    if low is None or high is None:
        return out.assign(**{name: [_number(v) for v in value]})
    limits = [frame[side].where(~plain, frame.get(f"coef_{side}", np.nan)) for side in (low, high)]
    level = f"{float(frame['confidence'].iloc[0]):.0%}" if "confidence" in frame and len(frame) else "95%"
    out[f"{name} ({level} interval)"] = [
        _number(v) + (f" ({_number(a)} to {_number(b)})" if np.isfinite(a) and np.isfinite(b) else "")
        for v, a, b in zip(value, *limits)
    ]
    if "p" in frame:
        out["p"] = ["" if not np.isfinite(p) else "< 0.001" if p < 0.001 else f"{p:.3f}" for p in frame["p"]]
    return out


def _number(value: float) -> str:
    """Return a text with three decimals, or three significant digits for small or large values."""
    if not np.isfinite(value):
        return "–"
    return f"{value:.3f}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
