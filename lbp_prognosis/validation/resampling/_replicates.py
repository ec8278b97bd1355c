"""Replicates computed in parallel and in order, with checkpoints for interrupted runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lbp_prognosis._base import Checkpoint, content_hash, folder_lock, parallel_map

__all__ = ["run_replicates"]

Arrays = Mapping[str, np.ndarray]


def run_replicates(
    function: Callable[[Any], Arrays],
    tasks: Sequence[Any],
    *,
    what: Sequence[Any],
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
    description: str = "",
    accept: Callable[[Any, Arrays], bool] | None = None,
) -> list[Arrays]:
    """Apply ``function`` to each task and return its named arrays, in order.

    Parameters
    ----------
    function : callable
        Takes a task, returns a mapping from name to array; importable by workers.
    tasks : sequence
        One entry per replicate; anything random comes as the task's own generator.
    what : sequence
        Everything the results depend on (specification, data, seeds): arrays, frames and plain values. Its hash, with
        the version of the library, names the checkpoint.
    n_jobs : int, optional
        As in joblib.
    checkpoint : path, optional
        Folder in which finished replicates are kept.
    progress : bool, default False
        Show a progress bar.
    description : str, default ""
        Its label.
    accept : callable, optional
        Takes a task and the arrays found for it in the checkpoint; what it does not accept is done again.
    """
    if checkpoint is None:
        return parallel_map(function, tasks, n_jobs=n_jobs, progress=progress, description=description)
    from lbp_prognosis import __version__

    store = Checkpoint(checkpoint, content_hash(__version__, np.__version__, len(tasks), *what))
    with folder_lock("checkpoint", store.path):
        found: dict[int, Arrays] = {}
        for number in range(len(tasks)):
            arrays = store.load(number)
            if arrays is not None and (accept is None or store.accepts(number, accept, tasks[number], arrays)):
                found[number] = arrays
        missing = [(number, tasks[number]) for number in range(len(tasks)) if number not in found]
        work = partial(_run_and_keep, function=function, path=store.path, key=store.key)
        fresh = parallel_map(work, missing, n_jobs=n_jobs, progress=progress, description=description)
        found.update((number, arrays) for (number, _), arrays in zip(missing, fresh))
    return [found[number] for number in range(len(tasks))]


def _run_and_keep(numbered: tuple[int, Any], *, function: Callable[[Any], Arrays], path: Any, key: str) -> Arrays:
    number, task = numbered
    arrays = {name: np.asarray(value) for name, value in function(task).items()}
    Checkpoint(path, key).save(number, arrays)
    return arrays
