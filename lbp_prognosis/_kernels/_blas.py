"""One thread for small matrix products: starting the others costs more than the product, and changes its last bits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

__all__ = ["one_thread"]


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  -- its BLAS is another library than NumPy's, and must be loaded to be seen
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager:
    """Return a context in which BLAS runs one thread (entering costs about 10 µs)."""
    return _controller().limit(limits=1, user_api="blas")
