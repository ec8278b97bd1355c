"""The distributions behind intervals and tests, without SciPy's statistics until one of the rarer ones is asked.

``scipy.stats`` takes half a second to import, a third of what a first evaluation imports at all, and nearly every
interval needs the normal alone, which ``scipy.special`` has. Names and arguments are those of ``scipy.stats``, and so
are the values, to the last bit.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
from scipy import special

__all__ = ["chi2", "fisher", "nct", "norm", "student"]


class _Normal:
    """The standard normal."""

    def ppf(self, q: Any) -> Any:
        return special.ndtri(q)

    def cdf(self, x: Any) -> Any:
        return special.ndtr(x)

    def sf(self, x: Any) -> Any:
        return special.ndtr(np.negative(x))

    def pdf(self, x: Any) -> Any:
        return np.exp(-(np.asarray(x, dtype=float) ** 2) / 2.0) / math.sqrt(2.0 * math.pi)


class _Later:
    """A distribution of ``scipy.stats``, imported when it is first asked."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):
            raise AttributeError(method)
        return getattr(getattr(importlib.import_module("scipy.stats"), self._name), method)


norm = _Normal()
chi2, fisher, student, nct = _Later("chi2"), _Later("f"), _Later("t"), _Later("nct")
