"""``StrictTable``: tables of a file that a person wrote, read by the types they must have, all faults in one frame.

Nothing is guessed: ``"false"`` is no truth value, ``5.5`` no whole number, one word no list of words, and a key that is
not known is refused with the nearest one that is.
"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from lbp_prognosis._base._errors import ArgumentError, argument_error, describe

__all__ = ["StrictTable", "nearest"]

T = TypeVar("T")
_COLUMNS = ("table", "row", "field", "reason", "value", "message")


def nearest(name: Any, known: Iterable[str]) -> str:
    """Return a remedy that names the nearest known word, or nothing."""
    found = difflib.get_close_matches(str(name), [str(word) for word in known], n=1, cutoff=0.6)
    return f"Did you mean {found[0]!r}?" if found else ""


class StrictTable:
    """Reads parts of a file and gathers what is wrong with them.

    Parameters
    ----------
    source : str
        What the file is, as the first column of the frame: ``study``, ``mapping``, ``recipe``.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.rows: list[dict[str, Any]] = []

    def add(self, field: str, reason: str, error: ArgumentError, value: Any = None) -> None:
        """Note a fault.

        Parameters
        ----------
        field : str
            Path of the key: ``model.2.options``.
        reason : str
            ``unknown_key``, ``missing_key``, ``type``, ``not_finite``, ``text``, ``range``, ``choice``, ``reference``
            or ``conflict``.
        error : ArgumentError
            Its sentence is the message.
        value : object, optional
            What stood there.
        """
        row = next((int(part) for part in field.split(".") if part.isdigit()), None)
        shown = "" if value is None else _safe(describe(value))
        rows = (self.source, row, field, reason, shown, _safe(str(error)))
        self.rows.append(dict(zip(_COLUMNS, rows)))

    def fault(self, field: str, reason: str, name: str, accepted: str, got: Any, remedy: str = "") -> None:
        """Note a fault in the sentence of all argument errors."""
        shown = _safe(got if isinstance(got, str) else describe(got))
        self.add(field, reason, argument_error(name, accepted, shown, remedy or None), got)

    def take(self, field: str, error: ArgumentError) -> None:
        """Note the faults of an error that a part of the file raised: its failures, or itself."""
        if error.failures is None:
            self.add(field, "range", error)
            return
        for row in error.failures.to_dict("records"):
            self.rows.append({str(key): value for key, value in row.items()} | {"table": self.source})

    def raise_if_any(self) -> None:
        """Raise one error for all faults; it carries them as ``failures``."""
        if not self.rows:
            return
        import pandas as pd

        more = len(self.rows) - 1
        words = self.rows[0]["message"] + (f" ({more} more of the {self.source}: see the failures.)" if more else "")
        error = ArgumentError(words)
        error.failures = pd.DataFrame(self.rows, columns=list(_COLUMNS)).astype({"row": "Int64"})
        raise error

    def keys(self, field: str, table: Any, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Any]:
        """Return the entries of a table whose keys are known; others, and those that lack, are faults."""
        if not isinstance(table, Mapping):
            self.fault(field, "type", field, "a table", table)
            return {}
        for key in table:
            if key not in known:
                words = f"a table of {', '.join(known)}"
                self.fault(f"{field}.{key}", "unknown_key", field, words, [key], nearest(key, known))
        absent = [key for key in needed if key not in table]
        for key in absent:
            self.fault(
                f"{field}.{key}", "missing_key", field, f"a table with {', '.join(needed)}", f"one without {key!r}"
            )
        return {key: value for key, value in table.items() if key in known}

    def value(self, field: str, hint: Any, value: Any) -> Any:
        """Return a value of a type, lists as tuples; MISSING, with the fault noted, if it is of another."""
        before = len(self.rows)
        found = self._typed(field, hint, value)
        return MISSING if len(self.rows) > before else found

    def record(self, kind: type[T], field: str, table: Any, *, known: Sequence[str] | None = None) -> T | None:
        """Return a frozen record from a table, or None with its faults noted.

        Parameters
        ----------
        kind : type
            A dataclass; its annotations are the types.
        field : str
            Path of the table.
        table : mapping
            What stood there.
        known : sequence of str, optional
            Keys that are accepted, where not all of the record's are.
        """
        before = len(self.rows)
        own = {entry.name: entry for entry in fields(kind) if entry.init}  # type: ignore[arg-type]
        allowed = list(own) if known is None else list(known)
        needed = [n for n, e in own.items() if e.default is MISSING and e.default_factory is MISSING and n in allowed]
        given = self.keys(field, table, allowed, needed)
        hints = typing.get_type_hints(kind)
        made = {key: self.value(f"{field}.{key}", hints[key], value) for key, value in given.items()}
        if len(self.rows) > before:
            return None
        try:
            return kind(**made)
        except (ArgumentError, TypeError, ValueError, OverflowError) as error:
            self.add(field, "range", error if isinstance(error, ArgumentError) else ArgumentError(str(error)))
            return None

    # ---- types -------------------------------------------------------------------------------------------------

    def _typed(self, field: str, hint: Any, value: Any) -> Any:
        origin, parts = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any or isinstance(hint, TypeVar):
            return self._anything(field, value)
        if origin in (typing.Union, types.UnionType):
            return self._either(field, hint, parts, value)
        if is_dataclass(hint) and isinstance(hint, type):
            return value if isinstance(value, hint) else self.record(hint, field, value)
        if origin is tuple or hint is tuple:
            return self._tuple(field, parts, value)
        if origin is Sequence:
            return self._tuple(field, (*parts, ...), value)
        if isinstance(origin or hint, type) and issubclass(origin or hint, Mapping):
            return self._mapping(field, parts, value)
        return self._scalar(field, hint, value)

    def _either(self, field: str, hint: Any, parts: tuple[Any, ...], value: Any) -> Any:
        faults: list[list[dict[str, Any]]] = []
        for part in parts:
            trial = StrictTable(self.source)
            found = None if part is type(None) and value is None else trial._typed(field, part, value)
            if not trial.rows:
                return found
            faults.append(trial.rows)
        # where one of them is of the right kind its own fault is the telling one
        telling = [rows for rows in faults if all(row["reason"] != "type" or row["field"] != field for row in rows)]
        if telling:
            self.rows += telling[0]
        else:
            self.fault(field, "type", field, _words(hint), value)
        return None

    def _tuple(self, field: str, parts: tuple[Any, ...], value: Any) -> Any:
        if not isinstance(value, list | tuple):
            words = "a list" if not parts else f"a list of {_words(parts[0], many=True)}"
            self.fault(
                field, "type", field, words, value, "Put it in brackets: [ … ]." if isinstance(value, str) else ""
            )
            return None
        if parts and parts[-1] is not Ellipsis:
            if len(value) != len(parts):
                self.fault(field, "range", field, f"a list of {len(parts)} {_words(parts[0], many=True)}", value)
                return None
            return tuple(self._typed(f"{field}.{k}", p, v) for k, (p, v) in enumerate(zip(parts, value), start=1))
        hint = parts[0] if parts else Any
        return tuple(self._typed(f"{field}.{k}", hint, v) for k, v in enumerate(value, start=1))

    def _mapping(self, field: str, parts: tuple[Any, ...], value: Any) -> Any:
        if not isinstance(value, Mapping):
            self.fault(field, "type", field, "a table", value)
            return None
        hint = parts[1] if len(parts) == 2 else Any
        out = {}
        for key, item in value.items():
            if isinstance(key, str):
                self._text(f"{field}.{key}", key)
                if not key.strip():
                    self.fault(field, "text", field, "a table whose keys are words", repr(key))
            out[key] = self._typed(f"{field}.{key}", hint, item)
        return out

    def _scalar(self, field: str, hint: Any, value: Any) -> Any:
        if hint is bool:
            if not isinstance(value, bool):
                remedy = "Without quotes." if str(value).lower() in ("true", "false") else ""
                self.fault(field, "type", field, "true or false", value, remedy)
        elif hint is str:
            if isinstance(value, str):
                self._text(field, value)
            else:
                self.fault(field, "type", field, "text", value, "Put it in quotes.")
        elif hint in (int, float):
            right = isinstance(value, int) if hint is int else isinstance(value, int | float)
            if isinstance(value, bool) or not right:
                self.fault(field, "type", field, _words(hint), value)
            elif not math.isfinite(_as_float(value)):
                self.fault(field, "not_finite", field, "finite", value)
        elif hint is type(None):
            if value is not None:
                self.fault(field, "type", field, "nothing", value)
        elif not (isinstance(hint, type) and isinstance(value, hint)):
            self.fault(field, "type", field, _words(hint), value)
        return value

    def _anything(self, field: str, value: Any) -> Any:
        """Return any value that TOML knows; numbers in it are finite, text in it can be written."""
        if isinstance(value, str):
            self._text(field, value)
        elif isinstance(value, list | tuple):
            return tuple(self._anything(f"{field}.{k}", item) for k, item in enumerate(value, start=1))
        elif isinstance(value, Mapping):
            return {key: self._anything(f"{field}.{key}", item) for key, item in value.items()}
        elif isinstance(value, int | float) and not math.isfinite(_as_float(value)):
            self.fault(field, "not_finite", field, "finite", value)
        return value

    def _text(self, field: str, value: str) -> None:
        bad = [c for c in value if "\ud800" <= c <= "\udfff" or (ord(c) < 32 and c not in "\n\t\r\0") or ord(c) == 127]
        if bad:
            self.fault(field, "text", field, "text that can be written", f"the character U+{ord(bad[0]):04X} in it")


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _safe(text: str) -> str:
    """Return text that can be printed and written: lone surrogates and controls are spelt out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _words(hint: Any, many: bool = False) -> str:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(part, many) for part in parts if part is not type(None))
    if origin in (tuple, Sequence) or hint is tuple:
        return f"a list of {_words(parts[0], many=True)}" if parts else "a list"
    if isinstance(origin or hint, type) and (issubclass(origin or hint, Mapping) or is_dataclass(hint)):
        return "tables" if many else "a table"
    one = {str: ("text", "texts"), bool: ("true or false",) * 2, int: ("a whole number", "whole numbers")}
    return {**one, float: ("a number", "numbers")}.get(hint, ("a value", "values"))[many]
