"""Folder of compiled kernels when neither the installation nor the home directory is writable.

numba asks for a place when a kernel is decorated, and ends the import where there is none. Then a folder of this user
among the temporary files takes them, or nothing does: one line says so.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

__all__ = ["prepare_cache"]


def prepare_cache() -> None:
    """Give numba a folder that can be written, if it finds none by itself."""
    import numba

    if _finds_a_place(numba):
        return
    folder = _own_folder()
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
        if _finds_a_place(numba):
            return
    from numba.core.dispatcher import Dispatcher

    Dispatcher.enable_caching = lambda self: None  # type: ignore[method-assign]
    sys.stderr.write("lbp_prognosis: no folder for compiled kernels can be written; they are compiled at each start.\n")


def _finds_a_place(numba: object) -> bool:
    def probe() -> None:
        return None

    try:
        numba.njit(cache=True)(probe)  # type: ignore[attr-defined]
    except RuntimeError:
        return False
    return True


def _own_folder() -> Path | None:
    """Return a folder that this user alone can enter; one that another user made before is not taken."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"lbp-prognosis-kernels-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    mine = stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == user)
    return folder if mine and not found.st_mode & 0o077 and os.access(folder, os.W_OK) else None


prepare_cache()
