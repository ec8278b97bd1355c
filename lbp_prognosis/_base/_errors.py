"""The errors of the library, and the one sentence shape they share.

``LBPError``
├── ``ArgumentError`` (ValueError)        an argument is not accepted
│   ├── ``OutcomeError``                  the outcome is of a kind this call cannot take
│   └── ``LeakageError``                  the call would let the answer into the question
├── ``DataError`` (ValueError)            a table or file is not what it must be; carries ``failures``
├── ``DisclosureError`` (ValueError)      what is asked for would give single patients away
├── ``EstimationError`` (ArithmeticError) a fit did not reach an answer
└── ``MissingPackageError`` (ImportError) an optional package is absent

A message says which argument, what is accepted, what arrived, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ArgumentError",
    "DataError",
    "DisclosureError",
    "EstimationError",
    "LBPError",
    "LeakageError",
    "MissingPackageError",
    "OutcomeError",
    "argument_error",
    "describe",
]


class LBPError(Exception):
    """Any error this library raises on purpose.

    Attributes
    ----------
    failures : pandas.DataFrame or None
        Where several things are wrong with a table or file, a row each: ``table, row, field, reason, value, message``.
    """

    failures: pd.DataFrame | None = None


class ArgumentError(LBPError, ValueError):
    """An argument is not accepted."""


class OutcomeError(ArgumentError):
    """The outcome is of a kind that this call cannot take."""


class LeakageError(ArgumentError):
    """The call would let the outcome, the future or a patient's other rows into the predictors."""


class DisclosureError(LBPError, ValueError):
    """A release would disclose individual patients."""


class DataError(LBPError, ValueError):
    """A table or file is not what it must be.

    Attributes
    ----------
    failures : pandas.DataFrame or None
        One row per failure: ``table, row, field, reason, value, message``.
    """

    def __init__(self, message: str, failures: pd.DataFrame | None = None) -> None:
        super().__init__(message)
        self.failures = failures


class EstimationError(LBPError, ArithmeticError):
    """A fit did not reach an answer (no events, separation, no convergence)."""


class MissingPackageError(LBPError, ImportError):
    """An optional package is absent."""


def describe(value: Any, limit: int = 80) -> str:
    """Say in a few words what arrived, for an error message."""
    shape = getattr(value, "shape", None)
    if shape is not None and shape != ():
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, tuple | list) and len(value) and all(np.ndim(part) > 0 for part in value):
        return f"{type(value).__name__} of {len(value)} sequences"
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def argument_error(
    name: str,
    accepted: str,
    got: Any,
    remedy: str | None = None,
    *,
    kind: type[ArgumentError] = ArgumentError,
) -> ArgumentError:
    """Build the one sentence shape of all argument errors.

    Parameters
    ----------
    name : str
        The argument, without back-ticks.
    accepted : str
        What is accepted, completing "must be …".
    got : object
        What arrived; a ``str`` is used as it is, anything else is described.
    remedy : str, optional
        What to do, as a sentence.
    kind : type, default ArgumentError
        The class to build.
    """
    arrived = got if isinstance(got, str) else describe(got)
    message = f"`{name}` must be {accepted}; got {arrived}."
    return kind(f"{message} {remedy}" if remedy else message)
