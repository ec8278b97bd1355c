"""Size limit of volumes that are read into memory."""

from __future__ import annotations

from lbp_prognosis._base import DataError

__all__ = ["DEFAULT_MAX_BYTES", "VolumeTooLargeError", "check_size"]

DEFAULT_MAX_BYTES = 4 * 2**30


class VolumeTooLargeError(DataError):
    """A volume needs more memory than this call allows; another call may allow it."""


def check_size(shape: tuple[int, ...], itemsize: int, max_bytes: int, source: str) -> None:
    """Refuse a volume that would need more memory than allowed, before anything is decompressed."""
    needed = itemsize
    for side in shape:
        needed *= int(side)
    if needed > max_bytes:
        raise VolumeTooLargeError(
            f"{source} declares {'×'.join(map(str, shape))} voxels, {needed / 2**30:.1f} GiB unpacked; at most "
            f"{max_bytes / 2**30:.1f} GiB are read. Crop it, or raise `max_bytes`."
        )
