"""``takes_rows``: every row-wise argument of a public function passes one intake before its first line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base.intake._column_kind import holds
from lbp_prognosis._base.intake._foreign import as_pandas
from lbp_prognosis._base.intake._labels import in_order_of, is_counter, label_codes_of, labels_of, outcome_labels
from lbp_prognosis._base.intake._numbers import as_labels, as_numbers
from lbp_prognosis._base.intake._read_frame import read_frame
from lbp_prognosis._base.intake._roles import ROLES, Role
from lbp_prognosis._base.intake._rows import rows_in_words
from lbp_prognosis._base.intake._sparse_table import is_sparse_frame, read_sparse

__all__ = ["takes_rows"]

F = TypeVar("F", bound=Callable[..., Any])

_UNPAIRED = ("outcome", "frame")


class _Path(tuple[Any, Any]):
    """Place of a value in a mapping of mappings: scores of each reader with each modality."""


class _Item(int):
    """Place of a table in a list of tables of the same rows: those of an imputation."""


def takes_rows(*, beside: str = "", **roles: Role | None) -> Callable[[F], F]:
    """Return a decorator that puts all row-wise arguments of a function in one order and one form.

    The function then gets: frames of pandas with named, plain columns; numbers as float arrays; labels as arrays of
    one kind or a Categorical. Rows are those of ``y`` where it carries labels, else of the first
    labelled argument (predictors first); the others are brought into that order by their labels, or refused.
    ``y`` without labels pairs by position, as arrays do.

    Parameters
    ----------
    beside : str, optional
        Of a method: the attribute of its object that contains the outcome of the same rows. If that has no labels, the
        ``row_labels`` of the object are those of its rows; a default index stands for their order.
    **roles : Role or None
        What an argument is in this function, where its name says otherwise (see `ROLES`); None leaves it alone.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own: dict[str, Role] = {}
        spread = None
        for name, parameter in signature.parameters.items():
            role = roles.get(name, ROLES.get(name)) if name not in roles else roles[name]
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                spread = name
            elif role is not None:
                own[name] = role

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                return function(*args, **kwargs)  # Python's own message
            given = {name: (bound.arguments[name], role) for name, role in own.items() if name in bound.arguments}
            known = None
            if beside:
                given = {beside: (getattr(bound.arguments["self"], beside), "outcome"), **given}
                known = getattr(bound.arguments["self"], "row_labels", None)
            extra = bound.arguments.get(spread, {}) if spread else {}
            for name, value in extra.items():
                if name in ROLES and roles.get(name, "") is not None:
                    given[name] = (value, ROLES[name])
            horizons = bound.arguments.get("horizons")
            sparse = getattr(bound.arguments.get("self"), "_allow_sparse", False)
            for name, value in _taken(given, horizons, sparse=sparse, known=known).items():
                if name in own:
                    bound.arguments[name] = value
                elif name != beside:
                    extra[name] = value
            return function(*bound.args, **bound.kwargs)

        wrapped.row_roles = {**getattr(function, "row_roles", {}), **own}  # type: ignore[attr-defined]
        return wrapped  # type: ignore[return-value]

    return decorate


def _taken(
    given: Mapping[str, tuple[Any, Role]],
    horizons: Any = None,
    *,
    sparse: bool = False,
    known: pd.Index | None = None,
) -> dict[str, Any]:
    """Return all row-wise arguments read, ordered and checked; columns named by horizons in the order of these."""
    parts = {name: _parts(value, role) for name, (value, role) in given.items() if value is not None}
    roles = {name: given[name][1] for name in parts}
    # labels are those of what was given: a frame of another library has none, whatever it becomes
    labels = {(name, key): _index(part) for name, own in parts.items() for key, part in own.items()}
    read = {
        name: {
            key: _by_horizon(
                _told(name, key), _read(_told(name, key), part, roles[name], sparse), roles[name], horizons
            )
            for key, part in own.items()
        }
        for name, own in parts.items()
    }
    base_name, base, coded = _base(read, labels, roles)
    if known is not None and not coded:
        base_name, base = "ids", known
        labels = {place: None if index is None or is_counter(index) else index for place, index in labels.items()}
    n, of = _rows(read, roles)
    out: dict[str, Any] = {}
    for name, own in read.items():
        if roles[name] not in _UNPAIRED:
            own = {
                key: _in_form(
                    _told(name, key),
                    _ordered(_told(name, key), part, labels[name, key], base_name, base, coded=coded),
                    roles[name],
                    n,
                    of,
                )
                for key, part in own.items()
            }
        out[name] = own[None] if set(own) == {None} else _nested(own)
    return out


def _nested(own: Mapping[Any, Any]) -> dict[Any, Any] | list[Any]:
    """Return entries in the list, the mapping or the mapping of mappings from which they came."""
    if own and all(isinstance(key, _Item) for key in own):
        return list(own.values())
    out: dict[Any, Any] = {}
    for key, part in own.items():
        if isinstance(key, _Path):
            out.setdefault(key[0], {})[key[1]] = part
        else:
            out[key] = part
    return out


def _told(name: str, key: Any) -> str:
    if isinstance(key, _Path):
        return f"{name}[{key[0]!r}][{key[1]!r}]"
    return name if key is None else f"{name}[{key!r}]"


def _parts(value: Any, role: Role) -> dict[Any, Any]:
    """Return the entries of a mapping, tables of the same rows one by one, or a value as its only part."""
    if role == "matrix" and isinstance(value, Mapping | list | tuple) and len(value):
        tables: dict[Any, Any] = (
            dict(value) if isinstance(value, Mapping) else {_Item(k): t for k, t in enumerate(value)}
        )
        if all(isinstance(table, pd.DataFrame) for table in tables.values()):
            return tables
    if role not in ("outcome", "matrix", "frame") and isinstance(value, Mapping):
        out: dict[Any, Any] = {}
        for key, part in value.items():
            inner = {_Path((key, own)): each for own, each in part.items()} if isinstance(part, Mapping) else {}
            out |= inner or {key: part}
        return out
    if role == "many labels" and isinstance(value, pd.Series):
        return {str(value.name or "group"): value}  # one variable, named after its series
    return {None: value}


def _read(name: str, value: Any, role: Role, sparse: bool = False) -> Any:
    """Read frames and columns of other libraries, and sparse matrices where they are taken."""
    if role == "outcome":
        return _without_mask(name, value) if isinstance(value, np.ma.MaskedArray) else value
    if sparse and role == "matrix" and (issparse(value) or is_sparse_frame(value)):
        return read_sparse(value, name)
    return read_frame(value, name) if role in ("matrix", "frame") else as_pandas(value, name)


def _without_mask(name: str, value: np.ma.MaskedArray[Any, Any]) -> np.ndarray:
    hidden: Any = value.mask
    if hidden.dtype.names:
        hidden = np.any([hidden[field] for field in hidden.dtype.names], axis=0)
    if np.any(hidden):
        raise argument_error(
            name,
            "free of masked rows",
            f"masked rows {rows_in_words(hidden)}",
            "Leave them out of all arguments.",
        )
    return np.asarray(value.data)


def _by_horizon(name: str, value: Any, role: Role, horizons: Any) -> Any:
    """Return columns that are named by their horizons in the order in which the horizons were given."""
    if role not in ("numbers", "risks", "many numbers") or not isinstance(value, pd.DataFrame) or horizons is None:
        return value
    asked = pd.Index(np.atleast_1d(as_numbers("horizons", horizons)))
    named = pd.Index(pd.to_numeric(pd.Series(value.columns, dtype=object), errors="coerce"), dtype=float)
    if is_counter(value.columns) or asked.equals(named) or len(asked) != len(named) or named.hasnans:
        return value
    order = named.get_indexer(asked) if named.is_unique else np.full(len(named), -1)
    if (order < 0).any():
        if holds(value.columns) != "number":
            return value  # a text that happens to be a number
        raise argument_error(
            name,
            f"of one column per horizon, named {asked.tolist()}",
            f"columns named {value.columns.tolist()}",
            "Name them by their horizons, or give an array.",
        )
    return value.iloc[:, order]


def _base(
    read: Mapping[str, Mapping[Any, Any]],
    labels: Mapping[tuple[str, Any], pd.Index | None],
    roles: Mapping[str, Role],
) -> tuple[str, pd.Index | None, bool]:
    """Return whose labels give the order (of the outcome, else of the predictors, else the first), and if as codes."""
    for name, own in read.items():
        if roles[name] == "outcome" and (carried := outcome_labels(own[None])) is not None:
            return name, carried, True
    paired = [(name, key) for name, key in labels if roles[name] not in _UNPAIRED]
    for name, key in sorted(paired, key=lambda place: roles[place[0]] != "matrix"):
        index = labels[name, key]
        if index is not None:
            return _told(name, key), index, False
    return "", None, False


def _index(value: Any) -> pd.Index | None:
    index = labels_of(value)
    return getattr(value, "row_labels", None) if index is None else index


def _rows(read: Mapping[str, Mapping[Any, Any]], roles: Mapping[str, Role]) -> tuple[int | None, str]:
    """Return how many rows there are and which argument says so."""
    for wanted in ("outcome", "matrix"):
        for name, own in read.items():
            shape: tuple[int, ...] = getattr(own.get(None), "shape", ())
            if roles[name] == wanted and len(shape) == (1 if wanted == "outcome" else 2):
                return int(shape[0]), name
    return None, ""


def _ordered(name: str, value: Any, index: pd.Index | None, other: str, theirs: pd.Index | None, *, coded: bool) -> Any:
    """Return a value in the order of the base; what has no labels keeps its own."""
    if theirs is None or name == other:
        return value
    if index is None:
        if isinstance(value, pd.DataFrame) and len(value) == len(theirs):
            return value.set_axis(theirs, axis=0)  # of another library: by position, and from here on with the labels
        return value
    if coded and not index.equals(theirs):
        codes = pd.Index(label_codes_of(index))
        if is_counter(index) and not codes.equals(theirs):
            in_order_of(name, index, other, theirs)
        index = codes
    order = in_order_of(name, index, other, theirs)
    if order is None:
        return value
    return value.iloc[order] if isinstance(value, pd.Series | pd.DataFrame) else value.take(order)


def _is_rowwise(value: Any) -> bool:
    """Whether a value can hold one thing a row; names, numbers, models and outcomes cannot."""
    if isinstance(value, list | tuple | range | pd.api.extensions.ExtensionArray):
        return True
    if getattr(getattr(value, "dtype", None), "names", None):
        return False
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return len(shape) > 0


def _in_form(name: str, value: Any, role: Role, n: int | None, of: str) -> Any:
    """Return numbers as floats and labels as labels; whatever is no row-wise value (a name, a number) as it came."""
    if role == "matrix":
        return value
    if not _is_rowwise(value):
        return value
    if role == "labels" or role == "many labels":
        out = as_labels(name, value)
    elif role in ("risks", "many numbers") and isinstance(value, pd.DataFrame):
        return pd.DataFrame(
            {each: as_numbers(f"{name}[{each!r}]", value[each]) for each in value.columns}, index=value.index
        )
    else:
        out = as_numbers(name, value)
    if n is not None and out.ndim == 1 and role != "risks" and len(out) != n:
        raise argument_error(name, f"of length {n}, one value per row of `{of}`", f"length {len(out)}")
    return out
