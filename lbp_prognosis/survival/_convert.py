"""Conversion of outcomes to and from frames and scikit-survival arrays."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import OutcomeError, argument_error, describe
from lbp_prognosis.survival._measured import Measured, measured_spec, repeated_spec
from lbp_prognosis.survival._outcome import check_outcome, outcome_kind, status_horizon
from lbp_prognosis.survival._status import Reference, Status
from lbp_prognosis.survival._surv import Surv

__all__ = ["from_frame", "from_sksurv", "to_frame", "to_sksurv"]


def to_frame(y: np.ndarray) -> pd.DataFrame:
    """Return the outcome as a frame with one column per field (and the declaration of a `Status` or `Measured`)."""
    kind = outcome_kind(y)
    if kind == "repeated":
        repeated = repeated_spec(y)
        said = {name: value for name, value in asdict(repeated.last).items() if value is not None and name != "horizon"}
        columns = {f"values[{visit!r}]": y["values"][:, k] for k, visit in enumerate(repeated.visits)}
        return pd.DataFrame(columns).assign(**said)
    frame = pd.DataFrame({name: y[name] for name in y.dtype.names or () if name != "label"})
    if kind == "status" and status_horizon(y) is not None:
        frame["horizon"] = status_horizon(y)
    if kind == "measured":
        for name, said in asdict(measured_spec(y)).items():
            if said is not None:
                frame[name] = said
    return frame


def from_frame(frame: pd.DataFrame) -> np.ndarray:
    """Return the outcome from a frame written by `to_frame`."""
    names = set(frame.columns)
    if {"value", "horizon", "lower", "upper", "kind"} <= names:
        said = frame[[name for name in frame.columns if name != "value"]].drop_duplicates()
        if len(said) == 1:
            return Measured.at(value=frame["value"], **{str(name): cell for name, cell in said.iloc[0].items()})
    visits = [str(name) for name in frame.columns if re.fullmatch(r"values\[.+\]", str(name))]
    if visits and {"lower", "upper", "kind"} <= names:
        said = frame.drop(columns=visits).drop_duplicates()
        if len(said) == 1:
            cells = {str(name): cell for name, cell in said.iloc[0].items()}
            return Measured.at_visits({float(name[7:-1]): frame[name] for name in visits}, **cells)
    entry = frame["entry"] if "entry" in names else None
    if {"time", "event"} <= names:
        return Surv.right(frame["time"], frame["event"], entry=entry, censored=0)
    if {"lower", "upper", "event"} <= names:
        return Surv.interval(frame["lower"], frame["upper"], frame["event"], entry=entry)
    if {"status", "horizon"} <= names and frame["horizon"].nunique() == 1:
        return Status.at(float(frame["horizon"].iloc[0]), frame["status"])
    if "reference" in names:
        return Reference.now(frame["reference"])
    raise argument_error(
        "frame",
        "a frame with `time, event`, `lower, upper, event`, `status, horizon`, `reference`, or `value, horizon, lower, "
        "upper, kind`",
        f"columns {sorted(map(str, names))[:8]}",
        kind=OutcomeError,
    )


def to_sksurv(y: np.ndarray, cause: int = 1) -> np.ndarray:
    """Return scikit-survival's structured pair ``(event: bool, time: float)`` for one cause."""
    check_outcome(y, ("right",), caller="to_sksurv")
    out = np.empty(y.shape[0], dtype=[("event", "?"), ("time", "f8")])
    out["event"] = y["event"] == cause
    out["time"] = y["time"]
    return out


def from_sksurv(y: Any) -> np.ndarray:
    """Return an outcome from scikit-survival's structured pair: event indicator (bool), then time."""
    names = getattr(getattr(y, "dtype", None), "names", None)
    if not names or len(names) != 2 or y.dtype[0] != np.dtype(bool):
        raise argument_error("y", "a structured array of (bool event, float time)", describe(y), kind=OutcomeError)
    return Surv.right(y[names[1]], y[names[0]])
