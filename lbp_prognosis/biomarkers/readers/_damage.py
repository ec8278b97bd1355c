"""A damaged file becomes an error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lbp_prognosis._base import DataError, LBPError

__all__ = ["naming"]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what a reader raises about the content of a file into an error that names the file.

    Errors of the disk (which have a number) and of memory pass: another try may not have them.

    Raises
    ------
    DataError
        If the content breaks the reader.
    """
    try:
        yield
    except (LBPError, MemoryError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError(f"{path} is damaged or cut short: {error}. Fetch or export it again.") from error
    except Exception as error:  # readers have classes of their own for what they can't make out
        raise DataError(
            f"{path} is damaged, or not written as the standard says: {error}. Fetch or export it again."
        ) from error
