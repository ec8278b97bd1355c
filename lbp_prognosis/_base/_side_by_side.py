"""Two independent parts of one call on a long table, in two threads."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from lbp_prognosis._base._parallel import in_one_thread

__all__ = ["side_by_side"]

_LONG = 200_000
"""Rows from which on two parts run side by side: nearly all their time is then spent without the interpreter's lock."""

S = TypeVar("S")
T = TypeVar("T")


def side_by_side(first: Callable[[], S], second: Callable[[], T], rows: int) -> tuple[S, T]:
    """Return the results of two calls, computed in two threads from 200,000 rows on where a core is idle.

    Calls are made one after the other on short tables, on one core (`joblib.cpu_count`, which obeys
    ``LOKY_MAX_CPU_COUNT``), under ``joblib.parallel_config(backend="threading")``, and in a worker or thread, whose
    neighbours have the other cores. On long tables linear algebra runs one thread in either case: no number depends on
    the number of cores. If both calls fail, the error is that of the first.

    Parameters
    ----------
    first, second : callable
        Calls without arguments that share no state but caches.
    rows : int
        Length of the table.
    """
    if rows < _LONG:
        return first(), second()
    import scipy.linalg  # noqa: F401  -- its BLAS is another library than NumPy's, and must be loaded to be limited

    # one limit around both threads, for they would restore each other's
    return in_one_thread(partial(_both, first, second), _idle_core())


def _both(first: Callable[[], S], second: Callable[[], T], threads: bool) -> tuple[S, T]:
    if not threads:
        return first(), second()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(copy_context().run, second)
        return first(), other.result()


def _idle_core() -> bool:
    from joblib import cpu_count
    from joblib.parallel import get_active_backend

    if threading.current_thread() is not threading.main_thread() or multiprocessing.parent_process() is not None:
        return False
    backend, _ = get_active_backend()  # that of a task is another, or nested
    return type(backend).__name__ == "LokyBackend" and not backend.nesting_level and int(cpu_count()) > 1
