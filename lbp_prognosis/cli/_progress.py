"""``progress``: messages on the current step, on the terminal and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Yield a function that takes a sentence at each step; steps and their seconds go to stderr."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda words: None
        return
    started = time.perf_counter()
    current: list[str] = []

    def finished() -> None:
        if current:
            console.print(f"{time.perf_counter() - started:6.1f} s  {current[0]}", markup=False)

    with console.status("Starting") as status:

        def say(words: str) -> None:
            finished()
            current[:] = [words]
            status.update(words.replace("[", "\\["))

        yield say
        finished()
