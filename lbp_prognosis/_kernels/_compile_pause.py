"""No garbage collection while one of our kernels is compiled.

A compilation makes millions of small objects that live to its end. The collector goes through them, and through
everything else in memory, again and again and finds little: an eighth of the time of all compilations.
"""

from __future__ import annotations

import gc
import threading

from numba.core import event

__all__ = ["CompilePause"]

_ROOM = __name__.partition(".")[0] + "."


class CompilePause(event.Listener):
    """Stops the collector at the start of the outermost compilation, and lets it go on at the end of the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._was_on = False

    def on_start(self, event: event.Event) -> None:
        """Count a compilation in."""
        if not _is_own(event):
            return
        with self._lock:
            if self._depth == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._depth += 1

    def on_end(self, event: event.Event) -> None:
        """Count a compilation out, whether it succeeded or not."""
        if not _is_own(event):
            return
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._was_on:
                gc.enable()


def _is_own(happening: event.Event) -> bool:
    return str(happening.data["dispatcher"].py_func.__module__).startswith(_ROOM)


event.register("numba:compile", CompilePause())
