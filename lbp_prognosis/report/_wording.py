"""Numbers and names as a reader wants them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["METRIC_TITLES", "estimate", "number", "readable", "signed"]

METRIC_TITLES: dict[str, str] = {
    "concordance": "Harrell's C", "uno_concordance": "Uno's C", "auc": "AUC", "brier": "Brier score", "ipa": "IPA",
    "log_score": "log score", "observed_expected": "O/E", "calibration_slope": "calibration slope", "ici": "ICI",
    "ici_null": "ICI if perfect", "citl": "calibration in the large", "net_benefit": "net benefit",
    "royston_d": "Royston's D", "nagelkerke_r2": "Nagelkerke's R²",
}  # fmt: skip
_POOLED = re.compile(r"^(count|any)_(eq|ge|le)_(.+)$")
_SIGN = {"eq": "=", "ge": "≥", "le": "≤"}


def readable(name: str) -> str:
    """Return a column's name in words: ``modic__count_eq_1`` as ``modic, count = 1``."""
    parts = []
    for part in str(name).split("__"):
        pooled = _POOLED.match(part)
        if pooled:
            word, sign, bound = pooled.groups()
            parts.append(f"{word} {_SIGN[sign]} {bound.replace('minus', '-').replace('_', '.')}")
        else:
            parts.append(part.replace("_", " "))
    return ", ".join(part for part in parts if part)


def number(value: Any, digits: int = 3) -> str:
    """Return a number with a fixed number of digits and a true minus sign; a dash where there is none."""
    if value is None or pd.isna(value) or not np.isfinite(float(value)):
        return "–"
    text = f"{float(value):.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: Any, digits: int = 3) -> str:
    """Return a number with its sign, for differences."""
    text = number(value, digits)
    return text if text == "–" or text.startswith("−") or float(text) == 0 else f"+{text}"


def estimate(value: Any, low: Any, high: Any, digits: int = 3, *, sign: bool = False) -> str:
    """Return ``0.720 (0.680 to 0.760)``."""
    shown = signed if sign else number
    if number(value, digits) == "–":
        return "–"
    if number(low, digits) == "–" or number(high, digits) == "–":
        return shown(value, digits)
    return f"{shown(value, digits)} ({shown(low, digits)} to {shown(high, digits)})"
