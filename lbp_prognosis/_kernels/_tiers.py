"""Kernels that are interpreted while little is asked of them, and compiled once that pays.

A first compilation costs a second or so, about as long as the interpreter needs for a million steps of a kernel; the
evaluation of a few hundred patients asks for fewer. Both tiers run the same source in the same order of operations and
give the same bits, so that no number depends on which one was used (a test holds them together).
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.registry import CPUDispatcher

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["Tiered", "exponential", "exponential_minus_one", "natural_log", "tiered"]

_LARGEST = math.log(np.finfo(float).max)  # Python's own exponential raises an error above it
STEPS = 400_000  # interpreted in about a third of the time that one kernel takes to compile


class Tiered:
    """A kernel with both tiers.

    Parameters
    ----------
    function : callable
        The kernel in Python; what it calls may be compiled functions of the same module.
    steps : callable
        Takes the kernel's arguments and returns about how many steps a call takes, each of some ten operations.
    **options
        For `compiled`.
    """

    def __init__(self, function: Callable[..., Any], steps: Callable[..., float], **options: Any) -> None:
        self.compiled = compiled(**options)(function)
        self.function, self._steps = function, steps
        self._plain: Callable[..., Any] | None = None
        self._left: float | None = None

    def __call__(self, *arguments: Any) -> Any:
        if self._left is None:
            self._left = 0.0 if is_kept(self.compiled) else STEPS
        if self._left > 0:
            self._left -= self._steps(*arguments)
            if self._left > 0:
                return self.interpreted(*arguments)
        return self.compiled(*arguments)

    def interpreted(self, *arguments: Any) -> Any:
        """Run the kernel in Python, as the compiled one would: what is divided by zero is infinite or not a number."""
        if self._plain is None:
            self._plain = _uncompiled(self.function)
        with np.errstate(all="ignore"):
            return self._plain(*arguments)


def tiered(steps: Callable[..., float], **options: Any) -> Callable[[Callable[..., Any]], Tiered]:
    """Return the decorator that makes a kernel `Tiered`; arguments as there."""
    return lambda function: Tiered(function, steps, **options)


@compiled()
def natural_log(x):
    """Return the logarithm of the C library, the same in both tiers: NumPy's own may differ in the last bit."""
    if x > 0.0:
        return math.log(x)
    return -np.inf if x == 0.0 else np.nan


@compiled()
def exponential(x):
    """Return the exponential of the C library, infinite where it is too large."""
    if x > _LARGEST:
        return np.inf
    return math.exp(x)


@compiled()
def exponential_minus_one(x):
    """Return exp(x) − 1 of the C library, infinite where it is too large."""
    if x > _LARGEST:
        return np.inf
    return math.expm1(x)


def is_kept(kernel: CPUDispatcher) -> bool:
    """Return whether this machine keeps a compilation of the kernel's present source."""
    source = Path(kernel.py_func.__code__.co_filename)
    folder = kernel.stats.cache_path
    if folder is None or not source.exists():
        return False
    line = kernel.py_func.__code__.co_firstlineno
    indices = Path(folder).glob(f"{source.stem}.{kernel.py_func.__qualname__}-{line}.*.nbi")
    return any(index.stat().st_mtime >= source.stat().st_mtime for index in indices)


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with everything it calls uncompiled too."""
    scope = dict(function.__globals__)
    for name in function.__code__.co_names:
        if isinstance(scope.get(name), CPUDispatcher):
            scope[name] = _uncompiled(scope[name].py_func)
    return types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
