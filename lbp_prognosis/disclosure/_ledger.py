"""``ReleaseLedger``: the patients of each release, so that no difference of releases discloses a few patients."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, DisclosureError, argument_error, file_lock, write_file
from lbp_prognosis.disclosure._identifier_text import identifier_text

__all__ = ["ReleaseLedger"]

_FORMAT = "lbp_prognosis release ledger 1"
_SHAPE: dict[str, dict[str, type]] = {
    "releases": {"title": str, "smallest_cell": int, "content": str, "members": list},
    "models": {"name": str, "members": list},
    "recalled": {"title": str, "reason": str, "members": list},
}
_WAYS_OUT = (
    "Release patients who are in no earlier release, or all of an earlier one together with new ones; write the page "
    "`not-for-release`; or, if every copy of the earlier release has been destroyed (after a withdrawal, say), state "
    "that with ReleaseLedger.recall(title, reason=…)."
)


class ReleaseLedger:
    """A file next to the data with the patients of each release as keyed hashes.

    Keep the file with the data: it shows for any identifier whether that patient was included. Only its owner
    may read it.

    Parameters
    ----------
    path : path
        File of the ledger, created at the first release. Its folder must exist.

    Raises
    ------
    ArgumentError
        If the folder of the file is not there.
    DataError
        If the file exists and is not a ledger.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise argument_error("ledger", "a file in a folder that is there", str(self.path))
        self._held: dict[str, Any] = {"format": _FORMAT, "key": secrets.token_hex(32)}
        self._held |= {"releases": [], "models": [], "recalled": []}
        if self.path.exists():
            self._held = _read(self.path)

    @property
    def releases(self) -> tuple[str, ...]:
        """Titles of the releases, the first one first."""
        return tuple(entry["title"] for entry in self._held["releases"])

    def check(self, ids: Iterable[object], smallest: int, content: str = "") -> None:
        """Raise if a release of these patients could be combined with earlier ones to fewer than ``smallest``.

        Parameters
        ----------
        ids : iterable
            Identifiers of the patients of the new release.
        smallest : int
            k; that of an earlier release counts where it is larger.
        content : str, default ""
            Digest of the content to release; the same patients are released again only with the same content.

        Raises
        ------
        DisclosureError
            If any set that follows from the releases by union, intersection and difference has 1 to k − 1 patients, or
            the same patients would be released with other numbers.

        Notes
        -----
        Sums over cohorts can be added and subtracted. They can isolate each set of patients who share the same
        releases; each such set must be empty or contain at least k patients, for any number of releases.
        """
        members = self._hashes(ids)
        earlier = [(entry, set(entry["members"])) for entry in self._held["releases"]]
        k = max([smallest, *(int(entry["smallest_cell"]) for entry, _ in earlier)])
        for entry, known in earlier:
            if known == members and content and entry["content"] != content:
                raise DisclosureError(
                    f"The patients of the release {entry['title']!r} would be released again with other numbers, "
                    "and both releases together would disclose more than either. Release the same page, or wait for "
                    "more patients."
                )
        pattern: Counter[tuple[bool, ...]] = Counter()
        for member in set().union(members, *(known for _, known in earlier)):
            pattern[(member in members, *(member in known for _, known in earlier))] += 1
        for where, count in pattern.items():
            if 0 < count < k:
                near = [entry["title"] for (entry, _), inside in zip(earlier, where[1:]) if inside != where[0]]
                names = ", ".join(map(repr, near or [entry["title"] for entry, _ in earlier]))
                raise DisclosureError(
                    f"This cohort and that of {names} single out 1 to {k - 1} patients, whose numbers would follow by "
                    f"subtraction. Wait for more patients. {_WAYS_OUT}"
                )

    def layers(self, ids: Iterable[object]) -> np.ndarray:
        """Return the set of earlier releases that each of the patients was in, as a code.

        Parameters
        ----------
        ids : iterable
            Identifiers of the patients of the new release, one per row.

        Returns
        -------
        ndarray of int of shape (n_rows,)
            Rows with the same code were in the same earlier releases. A release of exactly these patients is a
            repetition, and is compared with the releases before it.

        Raises
        ------
        DisclosureError
            If an earlier release has some of these patients and also others: the numbers of the others follow by
            subtraction, and the ledger cannot check whether they may be released.
        """
        own = [self._hash(one) for one in _listed(ids)]
        members = set(own)
        codes = np.zeros(len(own), dtype=int)
        for entry in self._held["releases"]:
            known = set(entry["members"])
            if known == members:
                break
            if not known & members:
                continue
            if known - members:
                raise DisclosureError(
                    f"Patients of the release {entry['title']!r} are not in this cohort, and their numbers would "
                    f"follow by subtraction. {_WAYS_OUT}"
                )
            codes = np.unique(2 * codes + np.isin(own, sorted(known)), return_inverse=True)[1]
        return codes

    def add(
        self,
        title: str,
        ids: Iterable[object],
        smallest: int,
        content: str = "",
        layers: np.ndarray | None = None,
    ) -> None:
        """Record a release; a repeated release is recorded once.

        Parameters
        ----------
        title : str
            Of the page.
        ids : iterable
            Identifiers of its patients.
        smallest : int
            k.
        content : str, default ""
            Digest of the released content.
        layers : ndarray of int of shape (n_rows,), optional
            Result of `layers` when the release was opened; another release of these patients may have been recorded
            since.

        Raises
        ------
        DisclosureError
            If earlier releases forbid this one.
        """
        ids = _listed(ids)
        with self._changing():
            self.check(ids, smallest, content)
            if layers is not None and not np.array_equal(layers, self.layers(ids)):
                raise DisclosureError(
                    "Another release of some of these patients was written meanwhile, which this one was not compared "
                    "with. Write it again."
                )
            entry = {
                "title": title,
                "smallest_cell": int(smallest),
                "content": content,
                "members": sorted(self._hashes(ids)),
            }
            if not any({**held, "title": title} == entry for held in self._held["releases"]):
                self._held["releases"].append(entry)
                self._write()

    def add_model(self, name: str, ids: Iterable[object]) -> None:
        """Record the training patients of a model.

        Parameters
        ----------
        name : str
            Of the model.
        ids : iterable
            Identifiers of its training patients.
        """
        with self._changing():
            entry = {"name": name, "members": sorted(self._hashes(ids))}
            if entry not in self._held["models"]:
                self._held["models"].append(entry)
                self._write()

    def trained_with(self, ids: Iterable[object]) -> tuple[str, ...]:
        """Return the models trained with any of these patients; they must be refitted after a withdrawal.

        Parameters
        ----------
        ids : iterable
            Identifiers of the patients who withdrew.
        """
        gone = self._hashes(ids)
        return tuple(entry["name"] for entry in self._held["models"] if gone & set(entry["members"]))

    def recall(self, title: str, *, reason: str) -> None:
        """Recall a release: later releases are not compared with it.

        Nothing can tell the ledger whether a page was passed on. Recall it only if no copy is left: it never left, or
        every copy was destroyed. Pages released later with its patients say that they rest on this, and why.

        Parameters
        ----------
        title : str
            Title of the release; all releases with that title are recalled.
        reason : str
            Why, and how it is known that no copy is left; kept in the ledger, and shown, without its numbers, on pages
            released later. It must name no patient.

        Raises
        ------
        ArgumentError
            If the ledger has no release of that title, or the reason is empty.
        """
        if not isinstance(reason, str) or not reason.strip():
            raise argument_error("reason", "why no copy of the release is left", repr(reason))
        with self._changing():
            kept = [entry for entry in self._held["releases"] if entry["title"] != title]
            taken = [entry for entry in self._held["releases"] if entry["title"] == title]
            if not taken:
                raise argument_error("title", f"one of {list(self.releases)}", repr(title))
            self._held["releases"] = kept
            self._held["recalled"] += [
                {"title": title, "reason": reason.strip(), "members": entry["members"]} for entry in taken
            ]
            self._write()

    def recalled_with(self, ids: Iterable[object]) -> tuple[str, ...]:
        """Return the titles of the recalled releases that any of these patients was in.

        Parameters
        ----------
        ids : iterable
            Identifiers of the patients.
        """
        return tuple(title for title, _ in self.recalls_with(ids))

    def recalls_with(self, ids: Iterable[object]) -> tuple[tuple[str, str], ...]:
        """Return title and reason of the recalled releases that any of these patients was in.

        Parameters
        ----------
        ids : iterable
            Identifiers of the patients.
        """
        own = self._hashes(ids)
        recalled = self._held["recalled"]
        return tuple((entry["title"], entry["reason"]) for entry in recalled if own & set(entry["members"]))

    def released_with(self, ids: Iterable[object]) -> tuple[str, ...]:
        """Return the titles of the releases that any of these patients was in.

        Parameters
        ----------
        ids : iterable
            Identifiers of the patients.
        """
        gone = self._hashes(ids)
        return tuple(entry["title"] for entry in self._held["releases"] if gone & set(entry["members"]))

    def _hashes(self, ids: Iterable[object]) -> set[str]:
        return {self._hash(one) for one in _listed(ids)}

    def _hash(self, identifier: object) -> str:
        return hmac.new(bytes.fromhex(self._held["key"]), _bytes(identifier), hashlib.sha256).hexdigest()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the file, as another run has written it since: its releases are not lost, and its key is the file's."""
        with file_lock(self.path):
            if self.path.exists():
                self._held = _read(self.path)
            yield

    def _write(self) -> None:
        write_file(self.path, json.dumps(self._held, indent=1) + "\n", private=True)


def _listed(ids: Iterable[object]) -> list[object]:
    if isinstance(ids, str):
        raise argument_error("ids", "a list of identifiers", repr(ids))
    return list(ids)


def _bytes(identifier: object) -> bytes:
    return identifier_text(identifier).encode("utf-8", "surrogatepass")


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a folder, no UTF-8, no JSON, a number without end
        raise DataError(f"{path.name!r} is no ledger of releases: {error}") from None
    if not isinstance(held, dict) or held.get("format") != _FORMAT:
        raise DataError(f"{path.name!r} is no ledger of releases of this version ({_FORMAT}).")
    held.setdefault("recalled", [])  # ledgers of before there was a recall
    for part, kinds in _SHAPE.items():
        entries = held.get(part)
        if not isinstance(entries, list) or not all(_is_entry(entry, kinds) for entry in entries):
            raise DataError(f"{path.name!r} is a broken ledger of releases: its {part} are not what they must be.")
    key = held.get("key")
    if not isinstance(key, str) or len(key) != 64 or set(key) - set("0123456789abcdef"):
        raise DataError(f"{path.name!r} is a broken ledger of releases: it has no key.")
    return held


def _is_entry(entry: Any, kinds: dict[str, type]) -> bool:
    if not isinstance(entry, dict) or set(entry) != set(kinds):
        return False
    if not all(type(entry[name]) is kind for name, kind in kinds.items()):
        return False
    return all(isinstance(member, str) for member in entry["members"])
