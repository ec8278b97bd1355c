"""Bytes of a gzip file, unpacked straight into the memory of the volume."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np

__all__ = ["GzipStream"]

_PACKED = 2**16  # bytes read from the file at a time
_UNPACKED = 2**18  # bytes unpacked at a time: they stay in the processor's cache until they are copied
_GZIP = 31  # zlib's number for a stream with the header and the checksum of gzip


class GzipStream(io.RawIOBase):
    """A gzip file to be read from front to back.

    The module ``gzip`` reads in portions of 8 KiB and computes the checksum in a second pass, which takes half as long
    again for a CT.

    Parameters
    ----------
    path : Path
        A file of one or more gzip members, followed by zeros at most.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.name = str(path)
        self._file = path.open("rb")
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._member = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: a place ahead is reached by unpacking what lies before it."""
        return True

    def tell(self) -> int:
        """Return the number of bytes unpacked so far."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place counted from the start."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("a place is counted from the start")
        if offset < self._at:
            self._rewind()
        while self._at < offset and self._next(offset - self._at):
            pass
        return self._at

    def readinto(self, buffer: object) -> int:
        """Fill a buffer, and return the number of bytes: fewer than it takes only at the end of the file."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        filled = 0
        while filled < len(view):
            piece = self._next(len(view) - filled)
            if not piece:
                break
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def fill(self, empty: np.ndarray) -> None:
        """Write the next bytes over an array of zeros, as many as it has.

        Stretches of zeros are not written, so that no memory is taken for them.

        Raises
        ------
        EOFError
            If the file ends before.
        """
        done = 0
        while done < empty.size:
            piece = self._next(empty.size - done)
            if not piece:
                raise EOFError(f"{done} of {empty.size} bytes of voxels")
            written = np.frombuffer(piece, dtype=np.uint8)
            if written.any():
                empty[done : done + len(piece)] = written
            done += len(piece)

    def check(self) -> None:
        """Unpack one byte more: where the file ends here, its checksum and length are compared.

        Raises
        ------
        EOFError
            If the file ends before its checksum.
        zlib.error
            If they disagree.
        """
        self._next(1)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _next(self, limit: int) -> bytes:
        """Return at most so many bytes, none at the end of the last member."""
        while True:
            if self._member.eof:
                rest = self._member.unused_data.lstrip(b"\0")
                while not rest:
                    read = self._file.read(_PACKED)
                    if not read:
                        return b""
                    rest = read.lstrip(b"\0")
                self._member, self._packed = zlib.decompressobj(_GZIP), rest
            packed = self._packed or self._file.read(_PACKED)
            if not packed:
                raise EOFError("it ends before its end-of-stream marker")
            piece = self._member.decompress(packed, min(limit, _UNPACKED))
            self._packed = self._member.unconsumed_tail
            if piece:
                self._at += len(piece)
                return piece
