"""``takes_rows``: every row-wise argument of a public function passes one intake before its first line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base.intake._foreign import as_pandas
from lbp_prognosis._base.intake._labels import in_order_of, is_counter, label_codes_of, labels_of, outcome_labels
from lbp_prognosis._base.intake._numbers import as_labels, as_numbers
from lbp_prognosis._base.intake._read_frame import read_frame
from lbp_prognosis._base.intake._roles import ROLES, Role

__all__ = ["takes_rows"]

F = TypeVar("F", bound=Callable[..., Any])

_UNPAIRED = ("outcome", "frame")


def takes_rows(**roles: Role | None) -> Callable[[F], F]:
    """Return a decorator that puts all row-wise arguments of a function in one order and one form.

    The function then gets: frames of pandas with named, plain columns; numbers as float arrays; labels as arrays of
    one kind or a Series of declared categories. Rows are those of ``y`` where it carries labels, else of the first
    labelled argument (predictors first); the others are brought into that order by their labels, or refused.
    ``y`` without labels pairs by position, as arrays do.

    Parameters
    ----------
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
            extra = bound.arguments.get(spread, {}) if spread else {}
            for name, value in extra.items():
                if name in ROLES and roles.get(name, "") is not None:
                    given[name] = (value, ROLES[name])
            for name, value in _taken(given).items():
                if name in own:
                    bound.arguments[name] = value
                else:
                    extra[name] = value
            return function(*bound.args, **bound.kwargs)

        wrapped.row_roles = own  # type: ignore[attr-defined]
        return wrapped  # type: ignore[return-value]

    return decorate


def _taken(given: Mapping[str, tuple[Any, Role]]) -> dict[str, Any]:
    """Return all row-wise arguments read, ordered and checked."""
    read = {name: _read(name, value, role) for name, (value, role) in given.items() if value is not None}
    base_name, base = _base(read, given)
    n, of = _rows(read, given)
    out: dict[str, Any] = {}
    for name, value in read.items():
        role = given[name][1]
        if role in _UNPAIRED:
            out[name] = value
            continue
        parts = value if isinstance(value, Mapping) else {None: value}
        done = {}
        for key, part in parts.items():
            told = name if key is None else f"{name}[{key!r}]"
            if base is not None and told != base_name:
                part = _ordered(told, part, base_name, base)
            done[key] = _in_form(told, part, role, n, of)
        out[name] = done if isinstance(value, Mapping) else done[None]
    return out


def _read(name: str, value: Any, role: Role) -> Any:
    """Read frames and columns of other libraries; mappings by their entries."""
    if role == "outcome":
        return value
    if role in ("matrix", "frame"):
        return read_frame(value, name)
    if isinstance(value, Mapping):
        return {key: as_pandas(part, f"{name}[{key!r}]") for key, part in value.items()}
    return as_pandas(value, name)


def _base(read: Mapping[str, Any], given: Mapping[str, tuple[Any, Role]]) -> tuple[str, pd.Index | None]:
    """Return whose labels give the order: those of the outcome, else of the predictors, else the first labelled."""
    for name, value in read.items():
        if given[name][1] == "outcome" and (carried := outcome_labels(value)) is not None:
            return name, carried
    ranked = sorted(
        (name for name in read if given[name][1] not in _UNPAIRED), key=lambda name: given[name][1] != "matrix"
    )
    for name in ranked:
        value = read[name]
        for key, part in (value if isinstance(value, Mapping) else {None: value}).items():
            index = _index(part)
            if index is not None:
                return (name if key is None else f"{name}[{key!r}]"), index
    return "", None


def _index(value: Any) -> pd.Index | None:
    index = labels_of(value)
    return getattr(value, "row_labels", None) if index is None else index


def _rows(read: Mapping[str, Any], given: Mapping[str, tuple[Any, Role]]) -> tuple[int | None, str]:
    """Return how many rows there are and which argument says so."""
    for wanted in ("outcome", "matrix"):
        for name, value in read.items():
            shape: tuple[int, ...] = getattr(value, "shape", ())
            if given[name][1] == wanted and len(shape) == (1 if wanted == "outcome" else 2):
                return int(shape[0]), name
    return None, ""


def _ordered(name: str, value: Any, other: str, theirs: pd.Index) -> Any:
    index = _index(value)
    if index is None:
        return value
    if other == "y" and theirs.dtype == np.uint64:
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
    elif role == "risks" and isinstance(value, pd.DataFrame):
        return pd.DataFrame(
            {each: as_numbers(f"{name}[{each!r}]", value[each]) for each in value.columns}, index=value.index
        )
    else:
        out = as_numbers(name, value)
    if n is not None and out.ndim == 1 and role != "risks" and len(out) != n:
        raise argument_error(name, f"of length {n}, one value a row of `{of}`", f"length {len(out)}")
    return out
