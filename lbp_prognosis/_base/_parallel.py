"""All parallel work goes through joblib; inside a replicate the numerical libraries run one thread.

``joblib.parallel_config(backend="dask")`` therefore moves a study to a cluster unchanged, and no backend or number of
workers changes a bit of a result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

__all__ = ["parallel_map"]

T = TypeVar("T")
_POOLED = ("numpy", "scipy.linalg", "sklearn", "xgboost", "torch", "shap")


@cache
def _controller(loaded: tuple[str, ...]) -> Any:
    """Find the thread pools once for each set of numerical packages in memory: the search costs some milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread(function: Callable[..., T], task: Any) -> T:
    loaded = tuple(name for name in _POOLED if name in sys.modules)
    with _controller(loaded).limit(limits=1):
        return function(task)


def parallel_map(
    function: Callable[[Any], T],
    tasks: Sequence[Any],
    *,
    n_jobs: int | None = None,
    description: str = "",
    progress: bool = False,
) -> list[T]:
    """Apply ``function`` to each task, in order, on ``n_jobs`` workers.

    Parameters
    ----------
    function : callable
        Takes one task; must be importable by the workers (a module-level function or a `functools.partial` of one).
    tasks : sequence
        One entry a call. Anything random must come in as the task's own generator.
    n_jobs : int, optional
        As in joblib; None obeys `joblib.parallel_config`.
    description : str
        Label of the progress bar.
    progress : bool, default False
        Show a progress bar on a terminal.
    """
    from joblib import Parallel, delayed

    calls = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(_one_thread)(function, task) for task in tasks)
    return list(_shown(calls, len(tasks), description) if progress else calls)


def _shown(items: Iterable[T], total: int, description: str) -> Iterable[T]:
    from rich.progress import track

    return track(items, total=total, description=description or "Working", transient=True)
