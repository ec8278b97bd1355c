"""Long tables taken part by part, so that what is made of a part stays in the cache."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["row_parts"]

PART = 1 << 14


def row_parts(n: int) -> Iterator[slice]:
    """Yield the rows 0 … n − 1 in parts of 16,384; one empty part if there are none."""
    return (slice(low, min(low + PART, n)) for low in range(0, max(n, 1), PART))
