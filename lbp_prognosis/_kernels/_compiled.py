"""The two decorators of compiled functions: what Python calls, and what only they call.

One set of options for all. What numba compiles for its own use, such as the making of an array, is compiled once more
for each set of options; and beside each function it compiles an entry from Python and one from C. Nothing here is
called from C, and functions that only kernels call need no entry from Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.registry import CPUDispatcher

__all__ = ["Inner", "compiled", "inner"]


class Inner(CPUDispatcher):
    """A compiled function without an entry from Python, where there is nothing to be called."""

    def __call__(self, *arguments: Any) -> Any:
        """Refuse; otherwise the machine would jump to address 0."""
        name = self.py_func.__name__
        raise TypeError(f"{name} is called by compiled functions only; from Python call {name}.py_func")


def compiled(**options: Any) -> Callable[[Callable[..., Any]], CPUDispatcher]:
    """Return the decorator of a function that Python calls.

    Parameters
    ----------
    **options
        For ``numba.njit``, where they differ. What is divided by zero is infinite or not a number; the lock of the
        interpreter is released.
    """
    return njit(**{"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **options})


def inner(**options: Any) -> Callable[[Callable[..., Any]], CPUDispatcher]:
    """Return the decorator of a function that only compiled ones call; options as for `compiled`."""

    def decorate(function: Callable[..., Any]) -> CPUDispatcher:
        made = compiled(no_cpython_wrapper=True, **options)(function)
        made.__class__ = Inner
        return made

    return decorate
