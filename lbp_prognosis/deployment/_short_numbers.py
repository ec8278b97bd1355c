"""Numbers of a few significant digits."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["digits", "floor_digits"]


def digits(values: Any, count: int) -> np.ndarray:
    """Round to significant digits."""
    array = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where((array == 0) | ~np.isfinite(array), 0.0, np.floor(np.log10(np.abs(array))))
    scale = 10.0 ** (count - 1 - power)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(np.isfinite(array) & (array != 0), np.round(array * scale) / scale, array)


def floor_digits(value: float, count: int = 3) -> float:
    """Round down to significant digits; shorter numbers are unchanged."""
    if not np.isfinite(value) or value <= 0:
        return value
    power = int(np.floor(np.log10(value)))
    step = 10.0 ** (power - count + 1)
    return float(f"{np.floor(round(value / step, 6)) * step:.{count}g}")
