"""Container of a model file: a zip file of fixed structure in which every byte is checked.

Members are stored and not compressed, in one order, dated 1980: equal content gives equal bytes on every machine. The
reader rebuilds the zip from the contents and compares the bytes, so that no data can be hidden between the members and
every flipped bit is detected.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lbp_prognosis.deployment._codec import DTYPES
from lbp_prognosis.deployment._file_error import ModelFileError

__all__ = ["MOST_BYTES", "canonical", "manifest_of", "read_container", "written_container"]

MOST_BYTES = 512 * 2**20
_ARRAYS = {f"arrays/{name}.npy": name for name in DTYPES}
_NAMES = ("manifest.json", "params.json", *_ARRAYS)
_DATE = 33  # 1 January 1980, as zip files count
Buffer = bytes | memoryview


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys and no spaces; numbers as Python writes them, which read back to the same bits."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def _npy(name: str, array: np.ndarray) -> list[Buffer]:
    """Return header and numbers of a flat array in version 1.0 of NumPy's format, little-endian."""
    little = np.ascontiguousarray(array).astype(np.dtype(DTYPES[name]).newbyteorder("<"), copy=False)
    return [_npy_header(name, little.size), little.view(np.uint8).data]


def _npy_header(name: str, size: int) -> bytes:
    words = np.dtype(DTYPES[name]).newbyteorder("<").str
    text = f"{{'descr': '{words}', 'fortran_order': False, 'shape': ({size},), }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")


def _array(name: str, data: memoryview) -> np.ndarray:
    """Read an array written by `_npy`, without a copy; the header is compared and never evaluated."""
    dtype = np.dtype(DTYPES[name]).newbyteorder("<")
    if len(data) < 10:
        raise ModelFileError("An array of the model file is cut short.")
    begin = 10 + struct.unpack("<H", data[8:10])[0]
    size, rest = divmod(len(data) - begin, dtype.itemsize)
    if size < 0 or rest or data[:begin] != _npy_header(name, size):
        raise ModelFileError("An array of the model file has another type, shape or length than its name implies.")
    if name == "b1" and (np.frombuffer(data, np.uint8, offset=begin) > 1).any():
        raise ModelFileError("An array of truth values of the model file contains others.")
    return np.frombuffer(data, dtype=dtype, offset=begin).astype(DTYPES[name], copy=False)


def _heads(name: str, size: int, check: int, offset: int) -> tuple[bytes, bytes]:
    """Return the header of a member and its entry in the directory, as Python's `zipfile` writes them."""
    words = name.encode("ascii")
    shared = struct.pack("<4H3L2H", 0, 0, 0, _DATE, check, size, size, len(words), 0)
    head = b"PK\x03\x04" + struct.pack("<2B", 20, 0) + shared + words
    entry = b"PK\x01\x02" + struct.pack("<4B", 20, 3, 20, 0) + shared
    return head, entry + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, offset) + words


def _sealed(members: Mapping[str, Sequence[Buffer]]) -> bytes:
    """Return the bytes of the zip; members come in pieces, so that large arrays are copied once."""
    out: list[Buffer] = []
    directory, at = [], 0
    for name in _NAMES:
        if name in members:
            size = sum(len(piece) for piece in members[name])
            head, entry = _heads(name, size, _checked(members[name]), at)
            out += [head, *members[name]]
            directory.append(entry)
            at += len(head) + size
    return b"".join([*out, *_tail(directory, at)])


def _tail(directory: Sequence[bytes], at: int) -> list[bytes]:
    size, count = sum(map(len, directory)), len(directory)
    return [*directory, b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, size, at, 0)]


def _checked(pieces: Sequence[Buffer]) -> int:
    check = 0
    for piece in pieces:
        check = zlib.crc32(piece, check)
    return check


def _digest(pieces: Sequence[Buffer]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def written_container(manifest: Mapping[str, Any], params: Any, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a model file; the manifest gets the digests of the other members."""
    members: dict[str, list[Buffer]] = {"params.json": [canonical(params)]}
    members |= {f"arrays/{name}.npy": _npy(name, array) for name, array in arrays.items()}
    digests = {name: _digest(pieces) for name, pieces in members.items()}
    members["manifest.json"] = [canonical({**manifest, "members": digests})]
    data = _sealed(members)
    if len(data) > MOST_BYTES:
        raise ModelFileError(f"The model would be a file of {len(data) >> 20} MB; at most {MOST_BYTES >> 20} are read.")
    return data


def manifest_of(data: bytes) -> dict[str, Any]:
    """Return the manifest of a file that was just written; files from elsewhere are read completely."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return manifest


def read_container(data: bytes) -> tuple[dict[str, Any], Any, dict[str, np.ndarray]]:
    """Return manifest, parameters and arrays of a model file.

    Raises
    ------
    ModelFileError
        If any byte differs from those that writing the same content would give.
    """
    if len(data) > MOST_BYTES:
        raise ModelFileError(f"The model file has {len(data) >> 20} MB; at most {MOST_BYTES >> 20} are read.")
    members = _members(data)
    for name in ("manifest.json", "params.json"):
        if name not in members:
            raise ModelFileError(f"The model file has no {name}.")
    manifest, params = (_json(name, members[name]) for name in ("manifest.json", "params.json"))
    if not isinstance(manifest, dict) or not isinstance(manifest.get("members"), dict):
        raise ModelFileError("The manifest of the model file has no digests.")
    digests = {name: _digest([body]) for name, body in members.items() if name != "manifest.json"}
    if manifest["members"] != digests:
        raise ModelFileError("The digests of the model file are not those of its members: it was changed or damaged.")
    arrays = {_ARRAYS[name]: _array(_ARRAYS[name], body) for name, body in members.items() if name in _ARRAYS}
    return manifest, params, arrays


def _members(data: bytes) -> dict[str, memoryview]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(set(names)) != len(names) or not set(names) <= set(_NAMES):
                raise ModelFileError(f"The model file contains unknown members: {names[:4]!r}.")
            if any(e.compress_type != zipfile.ZIP_STORED or e.file_size > len(data) for e in entries):
                raise ModelFileError("A member of the model file is compressed, or larger than the file.")
            sizes = {entry.filename: entry.file_size for entry in entries}
    except ModelFileError:
        raise
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        ValueError,
        EOFError,
        OSError,
        struct.error,
    ) as error:
        raise ModelFileError(f"The file is no whole model file: {str(error)[:80] or type(error).__name__}.") from error
    return _laid_out(memoryview(data), sizes)


def _laid_out(data: memoryview, sizes: Mapping[str, int]) -> dict[str, memoryview]:
    """Return the members; every byte around them is compared with those that `_sealed` would write."""
    members: dict[str, memoryview] = {}
    directory, at, same = [], 0, True
    for name in (name for name in _NAMES if name in sizes):
        begin = at + 30 + len(name)
        members[name] = data[begin : begin + sizes[name]]
        head, entry = _heads(name, sizes[name], zlib.crc32(members[name]), at)
        same &= data[at:begin] == head
        directory.append(entry)
        at = begin + sizes[name]
    if not same or data[at:] != b"".join(_tail(directory, at)):
        raise ModelFileError("The model file contains bytes that belong to no member: it was changed or damaged.")
    return members


def _json(name: str, data: memoryview) -> Any:
    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of strict JSON")

    try:
        value = json.loads(bytes(data).decode("utf-8"), parse_constant=refuse)
        if canonical(value) != data:
            raise ValueError("it is not in its one form")
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} of the model file can't be read: {str(error)[:80]}.") from error
    return value
