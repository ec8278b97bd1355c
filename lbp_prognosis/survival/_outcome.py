"""Recognition of the kind of an outcome ``y``, with refusal of other inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from lbp_prognosis._base import (
    OutcomeError,
    argument_error,
    check_number,
    describe,
    holds,
)

__all__ = [
    "OutcomeKind",
    "cause_codes",
    "cause_names",
    "check_cause",
    "check_outcome",
    "outcome_kind",
    "status_horizon",
]

OutcomeKind = Literal["right", "interval", "status", "reference", "measured", "repeated"]

_MAKERS: dict[str, str] = {
    "right": "Surv.right(time, event)",
    "interval": "Surv.interval(lower, upper)",
    "status": "Status.at(horizon, value)",
    "reference": "Reference.now(value)",
    "measured": "Measured.at(horizon, value, lower=…, upper=…)",
    "repeated": "Measured.at_visits({visit: scores, …}, lower=…, upper=…)",
}


def outcome_kind(y: Any) -> OutcomeKind:
    """Return the kind of an outcome, one of `OutcomeKind`, read from the field names.

    Raises
    ------
    OutcomeError
        For any other input; for a bare 0/1 vector, the message asks for its meaning.
    """
    names = getattr(getattr(y, "dtype", None), "names", None)
    if names:
        fields = set(names) - {"entry", "label"}
        for kind, wanted in (
            ("right", {"time", "event"}),
            ("interval", {"lower", "upper", "event"}),
            ("status", {"status"}),
            ("reference", {"reference"}),
            ("measured", {"value"}),
            ("repeated", {"values"}),
        ):
            if fields == wanted:
                return kind  # type: ignore[return-value]
    flat = np.asarray(y)
    bare = not names and flat.ndim == 1 and holds(flat) in ("number", "truth value")
    if bare and set(flat.tolist()) <= {0, 1}:
        raise argument_error(
            "y",
            "an outcome that says what it is",
            "a bare 0/1 vector",
            "Is it an outcome later, or a reference now? Use Status.at(horizon, value) for a state at a later visit, "
            "Surv.right(time, event) for a time to event, Reference.now(value) for a reference standard at the time "
            "of the test.",
            kind=OutcomeError,
        )
    remedy = None
    if names and len(names) == 2 and any(y.dtype[name].kind == "b" for name in names):
        remedy = "This looks like an outcome of scikit-survival: convert it by from_sksurv(y)."
    elif hasattr(y, "columns"):
        remedy = "Take its columns: Surv.right(frame[time], frame[event]); a frame made by to_frame goes to from_frame."
    elif isinstance(y, tuple | list) and len(y) == 2:
        remedy = "For a time and an event code per patient write Surv.right(time, event)."
    raise argument_error("y", "made by " + ", ".join(_MAKERS.values()), describe(y), remedy, kind=OutcomeError)


def check_outcome(y: Any, accepted: tuple[OutcomeKind, ...], *, caller: str, instead: str = "") -> OutcomeKind:
    """Return the kind of ``y`` if ``caller`` accepts it; otherwise raise an error that names the accepted kinds.

    Parameters
    ----------
    y : ndarray
        Structured outcome.
    accepted : tuple of str
        Kinds accepted by the caller.
    caller : str
        Public name of the function or class.
    instead : str, optional
        A sentence that names a function for this kind.
    """
    kind = outcome_kind(y)
    if kind not in accepted:
        raise argument_error(
            "y",
            f"made by {' or '.join(_MAKERS[k] for k in accepted)} for {caller}",
            f"an outcome made by {_MAKERS[kind]}",
            instead or None,
            kind=OutcomeError,
        )
    if y.shape[0] == 0:
        raise argument_error("y", "an outcome of at least one row", "an empty array", kind=OutcomeError)
    return kind


def cause_names(y: np.ndarray) -> dict[int, str]:
    """Return the names given with ``causes=``, by code; empty if none were given or the array lost them."""
    metadata: Mapping[str, Any] = y.dtype.metadata or {}
    names = metadata.get("causes", ())
    return dict(enumerate(names, start=1))


def check_cause(y: np.ndarray, cause: Any) -> int:
    """Return an event code of at least 1; a name given with ``causes=`` is refused with its code."""
    if isinstance(cause, str):
        codes = {name: code for code, name in cause_names(y).items()}
        raise argument_error(
            "cause",
            "a whole number of at least 1",
            cause,
            f"{cause!r} has the code {codes[cause]}: cause={codes[cause]}."
            if cause in codes
            else f"Codes of the named causes are {codes}."
            if codes
            else "It is the code of the event in `y`.",
        )
    return int(check_number("cause", cause, low=1, whole=True))


def status_horizon(y: np.ndarray) -> float | None:
    """Return the visit time of a `Status`, or None if the array lost it."""
    metadata: Mapping[str, Any] = y.dtype.metadata or {}
    value = metadata.get("horizon")
    return None if value is None else float(value)


def cause_codes(y: np.ndarray, cause: int) -> np.ndarray:
    """Return 0 censored, 1 the cause of interest, 2 any other cause, for a right- or interval-censored outcome.

    Raises
    ------
    ArgumentError
        If ``cause`` is not a positive whole number.
    """
    cause = check_cause(y, cause)
    event = y["event"]
    return np.where(event == cause, 1, np.where(event > 0, 2, 0)).astype(np.int64)
