"""``Ledger``: versions of a model as a chain of lines, each with the digest of the line before."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import argument_error, folder_lock, write_file
from lbp_prognosis.deployment._chain import chained, chained_text, date_or_now, read_chain

__all__ = ["Ledger"]

_FIELDS = ("artifact_sha256", "reason", "actor", "date", "metrics")


class Ledger:
    """A file with one JSON line per version.

    Parameters
    ----------
    path : path
        The file, usually ``*.jsonl``; it need not exist yet.

    Notes
    -----
    Each line contains its digest and that of the line before it; a changed, removed or inserted line breaks the chain.
    Removing lines at the end does not, so keep the digest of the last line elsewhere.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from lbp_prognosis.deployment import Ledger
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger(pathlib.Path(folder.name) / "versions.jsonl")
    >>> line = ledger.append("a" * 64, reason="first version", actor="A. Statistician", date="2026-01-31")
    >>> ledger.verify()["n"].tolist()
    [1]
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def append(
        self,
        artifact_sha256: str,
        *,
        reason: str,
        actor: str = "",
        date: str | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Add a version.

        Parameters
        ----------
        artifact_sha256 : str
            Digest of the model file.
        reason : str
            Reason for this version.
        actor : str, default ""
            Person who made the version.
        date : str, optional
            ISO date or time; now (UTC) by default.
        metrics : mapping of str to float, optional
            Performance of the version.

        Returns
        -------
        dict
            The line.
        """
        if not re.fullmatch(r"[0-9a-f]{64}", str(artifact_sha256)):
            raise argument_error("artifact_sha256", "64 hexadecimal digits", artifact_sha256)
        if not isinstance(reason, str) or not reason.strip():
            raise argument_error("reason", "a sentence with the reason for this version", reason)
        with folder_lock("path", self.path.parent):
            lines = self._lines()
            entry = chained(
                lines,
                {
                    "artifact_sha256": artifact_sha256,
                    "reason": reason.strip(),
                    "actor": str(actor),
                    "date": date_or_now(date),
                    "metrics": {str(name): float(value) for name, value in (metrics or {}).items()},
                },
            )
            write_file(self.path, chained_text([*lines, entry]))
        return entry

    def verify(self) -> pd.DataFrame:
        """Check the chain and return it, one row per version.

        Returns
        -------
        DataFrame
            ``n, date, actor, reason, artifact_sha256, prev_sha256, sha256`` and one column per metric.

        Raises
        ------
        ModelFileError
            If a line was changed, removed or inserted; the message names it.
        """
        rows = []
        for line in self._lines():
            named = {
                key: line[key] for key in ("n", "date", "actor", "reason", "artifact_sha256", "prev_sha256", "sha256")
            }
            rows.append({**named, **line["metrics"]})
        columns = ["n", "date", "actor", "reason", "artifact_sha256", "prev_sha256", "sha256"]
        frame = pd.DataFrame(rows)
        return frame if len(frame) else pd.DataFrame(columns=columns)

    def diff(self, old: int, new: int) -> pd.DataFrame:
        """Return the differences between two versions: ``field, old, new``.

        Parameters
        ----------
        old, new : int
            Numbers of the versions, from 1.
        """
        lines = self._lines()
        chosen = []
        for name, n in (("old", old), ("new", new)):
            if not 1 <= n <= len(lines):
                raise argument_error(name, f"a version from 1 to {len(lines)}", n)
            line = lines[n - 1]
            flat = {key: line[key] for key in ("date", "actor", "reason", "artifact_sha256")}
            chosen.append({**flat, **{f"metric {key}": value for key, value in line["metrics"].items()}})
        names = dict.fromkeys([*chosen[0], *chosen[1]])
        rows = [
            {"field": name, "old": chosen[0].get(name), "new": chosen[1].get(name)}
            for name in names
            if chosen[0].get(name) != chosen[1].get(name)
        ]
        return pd.DataFrame(rows, columns=["field", "old", "new"])

    def _lines(self) -> list[dict[str, Any]]:
        return read_chain(self.path, _FIELDS, "ledger")
