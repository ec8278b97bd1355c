"""``workers``: how many processes."""

from __future__ import annotations

import os

__all__ = ["workers"]


def workers(jobs: int) -> int:
    """Return ``jobs``, or for 0 the cores this process may use, at most four."""
    if jobs > 0:
        return jobs
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, count))
