"""Tasks shared between this process and others.

A process that only waits for its workers leaves a core idle while they start, and one more process has to import
everything. On two cores this process therefore works beside one other. joblib starts as many workers as there are
jobs and has no such arrangement.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base._errors import argument_error, describe

__all__ = ["end_with_parent", "other_processes", "processes_ready", "work_beside"]

_MOST_JOBS = 4
"""Above, joblib's workers share large arrays on disk, which counts for more than one start."""

_IDLE_SECONDS = 300.0
_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "BLIS_NUM_THREADS",
    )
}
_LOOK_SECONDS = 0.5
_watching: set[int] = set()  # by process: a fork has no thread that watches
_pools: dict[tuple[int, int], Any] = {}  # by process and number: the pool of a parent never answers a fork


def other_processes(n_jobs: int | None) -> int:
    """Return how many processes work beside this one; 0 where joblib decides.

    Whatever is no number of jobs is refused here, for all functions that have ``n_jobs``.

    joblib decides without ``n_jobs``, in a task, on another backend, in a thread, in a child of `multiprocessing`, and
    for more than four jobs.
    """
    from joblib.parallel import get_active_backend

    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs == 0):
        raise argument_error(
            "n_jobs", "a whole number other than 0, or None", describe(n_jobs), "-1 stands for all cores."
        )
    if n_jobs is None or threading.current_thread() is not threading.main_thread():
        return 0
    if multiprocessing.parent_process() is not None:  # its exit would wait for them: no hook of theirs runs in a child
        return 0
    backend, _ = get_active_backend()
    if type(backend).__name__ != "LokyBackend" or backend.nesting_level:
        return 0
    jobs = int(backend.effective_n_jobs(n_jobs))
    return jobs - 1 if 2 <= jobs <= _MOST_JOBS else 0


def work_beside(call: Callable[[Any], Any], tasks: Sequence[Any], others: int) -> Iterator[Any]:
    """Yield the result of each task, in order, of this process and ``others``; the first failure ends the work.

    Parameters
    ----------
    call : callable
        Takes a task; importable by the other processes.
    tasks : sequence
        One entry per call.
    others : int
        Processes beside this one.
    """
    shared = _Shared(call, tasks, _pool(others))
    done: dict[int, Any] = {}
    given = 0
    try:
        for _ in range(min(others, len(tasks) - 1)):
            shared.hand_over()
        while (task := shared.take()) is not None:
            done[task] = _in_task(call, tasks[task])
            done |= shared.finished()
            while given in done:
                yield done.pop(given)
                given += 1
        for task in range(given, len(tasks)):
            yield done.pop(task) if task in done else shared.result(task)
    except BaseException as failure:
        done |= shared.stop()
        _dismiss(others)
        if not isinstance(failure, GeneratorExit):
            yield from (done[task] for task in sorted(done))  # what they warned of is still to be said
        raise


@contextlib.contextmanager
def processes_ready(n_jobs: int | None, *modules: str) -> Iterator[None]:
    """Let other processes start and import ``modules`` while this one prepares their tasks; they end with an error."""
    others = other_processes(n_jobs)
    try:
        with contextlib.suppress(RuntimeError):  # one has just been killed: the work does without, or says so
            for _ in range(others):
                _pool(others).submit(_import, modules)
        yield
    except BaseException:
        if others:
            _dismiss(others)
        raise


def end_with_parent(parent: int) -> None:
    """End this process soon after the process that gave it tasks, whatever it does then.

    A process that is killed tells its workers nothing: they would finish their task, then wait for the next one for
    minutes, with the rows of patients in memory. On Windows, and where ``parent`` did not start this process (a worker
    of a cluster), nothing is watched.
    """
    if os.name != "posix" or os.getppid() != parent or os.getpid() in _watching:
        return
    _watching.add(os.getpid())

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, name="end-with-parent", daemon=True).start()


class _Shared:
    """Tasks not begun yet, and those handed over."""

    def __init__(self, call: Callable[[Any], Any], tasks: Sequence[Any], pool: Any) -> None:
        self.call, self.tasks, self.pool = call, tasks, pool
        self.lock = threading.RLock()
        self.waiting = deque(range(len(tasks)))
        self.handed: dict[int, Any] = {}

    def take(self) -> int | None:
        with self.lock:
            return self.waiting.popleft() if self.waiting else None

    def hand_over(self, previous: Any = None) -> None:
        """Give the process that finished ``previous`` the next task."""
        with self.lock:
            if not self.waiting or (previous is not None and previous.exception() is not None):
                return
            task = self.waiting.popleft()
            try:
                future = self.handed[task] = self.pool.submit(_in_task, self.call, self.tasks[task])
            except RuntimeError:  # a process was killed, which its own task reports
                self.waiting.appendleft(task)
                return
        future.add_done_callback(self.hand_over)

    def finished(self) -> dict[int, Any]:
        """Return new results of the other processes; raise what one of them raised."""
        with self.lock:
            found = {task: future.result() for task, future in self.handed.items() if future.done()}
            for task in found:
                del self.handed[task]
            return found

    def result(self, task: int) -> Any:
        with self.lock:
            future = self.handed[task]
        return future.result()

    def stop(self) -> dict[int, Any]:
        """Hand out no more, and return the results there are."""
        with self.lock:
            self.waiting.clear()
            found = {}
            for task, future in self.handed.items():
                if future.done() and not future.cancelled() and future.exception() is None:
                    found[task] = future.result()
            return found


def _in_task(call: Callable[[Any], Any], task: Any) -> Any:
    from joblib import parallel_config

    with parallel_config(backend="threading"):  # as in a task of joblib: no processes of its own
        return call(task)


def _pool(others: int) -> Any:
    from joblib.externals.loky import ProcessPoolExecutor

    key = (os.getpid(), others)
    if key in _pools and _pools[key]._flags.broken is not None:  # a process was killed while it was idle
        _dismiss(others)
    if key not in _pools:
        _pools[key] = ProcessPoolExecutor(
            max_workers=others,
            timeout=_IDLE_SECONDS,
            env=_ONE_THREAD,
            initializer=end_with_parent,
            initargs=(os.getpid(),),
        )
    return _pools[key]


def _dismiss(others: int) -> None:
    """End the processes, whatever they do."""
    pool = _pools.pop((os.getpid(), others), None)
    if pool is not None:
        pool.shutdown(wait=True, kill_workers=True)


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)
