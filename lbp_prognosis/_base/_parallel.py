"""All parallel work goes through joblib; inside a replicate the numerical libraries run one thread.

``joblib.parallel_config(backend="dask")`` therefore moves a study to a cluster unchanged, and no backend or number of
workers changes a bit of a result. Up to four local jobs are this process and others beside it. Warnings of other
processes are repeated here, under the filters of the caller.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from lbp_prognosis._base._shared_work import end_with_parent, other_processes, work_beside

__all__ = ["in_one_thread", "parallel_map", "surviving_map"]

T = TypeVar("T")
_POOLED = ("numpy", "scipy.linalg", "sklearn", "xgboost", "torch", "shap")


@cache
def _controller(loaded: tuple[str, ...]) -> Any:
    """Find the thread pools once for each set of numerical packages in memory: the search costs some milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def in_one_thread(function: Callable[..., T], task: Any) -> T:
    """Return ``function(task)``, computed with one thread of each numerical library."""
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
        One entry per call. Anything random must come in as the task's own generator.
    n_jobs : int, optional
        As in joblib; None obeys `joblib.parallel_config`.
    description : str
        Label of the progress bar.
    progress : bool, default False
        Show a progress bar on a terminal.
    """
    others = other_processes(n_jobs)
    return list(_stream(function, tasks, n_jobs, description, progress, others))


def surviving_map(
    function: Callable[[Any], T],
    tasks: Sequence[Any],
    killed: Callable[[Any], T],
    *,
    n_jobs: int | None = None,
    description: str = "",
    progress: bool = False,
) -> list[T]:
    """Apply ``function`` to each task as `parallel_map` does; a worker that is killed costs its task alone.

    A killed worker takes all workers with it, and no message names its task. The tasks that can have been under way
    are then done one by one, each in a process that may die; the rest go on side by side.

    Parameters
    ----------
    function, tasks, n_jobs, description, progress
        As in `parallel_map`. Work that was done before the kill is done again unless ``function`` finds it on disk.
    killed : callable
        Gives the result of a task whose own process was killed.
    """
    from concurrent.futures.process import BrokenProcessPool

    done: list[T] = []
    alone = 0
    while len(done) < len(tasks):
        rest = tasks[len(done) :]
        if alone:
            done.append(_in_own_process(function, rest[0], killed))
            alone -= 1
            continue
        try:
            for result in _stream(function, rest, n_jobs, description, progress):
                done.append(result)
        except BrokenProcessPool:
            alone = min(len(tasks) - len(done), 4 * _workers(n_jobs))
    return done


def _stream(
    function: Callable[..., T],
    tasks: Sequence[Any],
    n_jobs: int | None,
    description: str,
    progress: bool,
    others: int = 0,
) -> Iterable[T]:
    from joblib import Parallel, delayed

    if others:
        calls = work_beside(partial(_with_warnings, function), tasks, others)
    else:
        here = os.getpid()
        calls = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_with_warnings)(function, t, here) for t in tasks
        )
    told: dict[tuple[Any, ...], None] = {}  # what several tasks warn of is repeated once
    try:
        for result, warned in _shown(calls, len(tasks), description) if progress else calls:
            told |= dict.fromkeys(warned)
            yield result
    finally:  # a task that fails, or a worker that is killed, leaves what the others warned of
        _repeat(told)


def _repeat(told: Iterable[tuple[Any, ...]]) -> None:
    for words, category, *place in told:
        warnings.warn_explicit(_warning(words, category), None, *place)


def _with_warnings(function: Callable[..., T], task: Any, home: int = 0) -> tuple[T, list[tuple[Any, ...]]]:
    """Return the result of a task, and what it warned of unless it was done in the process ``home``."""
    if os.getpid() == home:
        return in_one_thread(function, task), []
    if home:
        end_with_parent(home)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        result = in_one_thread(function, task)
    names = {getattr(module, "__file__", None): name for name, module in list(sys.modules.items())} if caught else {}
    return result, [
        (str(one.message), one.category, one.filename, one.lineno, names.get(one.filename)) for one in caught
    ]


def _warning(words: str, category: type[Warning]) -> Warning:
    try:
        return category(words)
    except TypeError:  # made of more than words
        return UserWarning(words)


def _workers(n_jobs: int | None) -> int:
    from joblib import effective_n_jobs

    return max(1, int(effective_n_jobs(n_jobs)))


def _in_own_process(function: Callable[[Any], T], task: Any, killed: Callable[[Any], T]) -> T:
    """Run a task in a fresh process; return its placeholder if that process is killed."""
    from concurrent.futures.process import BrokenProcessPool

    from joblib.externals.loky import ProcessPoolExecutor

    with ProcessPoolExecutor(max_workers=1) as pool:
        try:
            result, warned = pool.submit(_with_warnings, function, task, os.getpid()).result()
        except BrokenProcessPool:
            return killed(task)
    _repeat(dict.fromkeys(warned))
    return result


def _shown(items: Iterable[T], total: int, description: str) -> Iterable[T]:
    from rich.progress import track

    return track(items, total=total, description=description or "Working", transient=True)
