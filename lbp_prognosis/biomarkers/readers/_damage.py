"""A damaged file becomes an error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lbp_prognosis._base import DataError, LBPError

__all__ = ["naming"]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Convert errors of a reader about the content of a file into an error that names the file.

    Disk errors (which have a number) and memory errors are passed on, because they may be transient.

    Raises
    ------
    DataError
        If the reader fails on the content of the file.
    """
    try:
        yield
    except (LBPError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError(f"{path} is damaged or cut short: {error}. Fetch or export it again.") from error
    except Exception as error:  # readers raise their own classes for content that they cannot read
        raise DataError(
            f"{path} is damaged, or not written as the standard says: {error}. Fetch or export it again."
        ) from error
