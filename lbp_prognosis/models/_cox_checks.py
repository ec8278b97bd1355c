"""Checks of a Cox fit, with errors in terms of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_vector
from lbp_prognosis._kernels import CoxFit, CoxPieces
from lbp_prognosis.models._penalty_remedy import penalty_remedy
from lbp_prognosis.models._rare_causes import NotDetermined

__all__ = [
    "check_cox_fit",
    "check_events",
    "check_exact_weights",
    "check_precision",
    "column_factors",
    "column_name",
    "column_sd",
]

_LOST = 1e-4  # relative rounding errors of the sums over risk sets; coefficients move by less of a standard error


def check_events(event: np.ndarray, weights: np.ndarray | None, cause: int = 1) -> None:
    """Refuse an outcome without a single (weighted) event."""
    counted = event if weights is None else event & (weights > 0)
    if not counted.any():
        raise NotDetermined(
            f"No event of cause {cause} among {event.size} rows: a hazard can't be estimated. "
            "Check the coding of `event` (1 is the event of interest) and the follow-up."
        )


def check_exact_weights(weights: np.ndarray | None) -> None:
    """Refuse fractional weights: the discrete likelihood counts subsets of rows."""
    if weights is not None and not np.isin(weights, (0.0, 1.0)).all():
        raise argument_error(
            "sample_weight", 'None, or 0 and 1, with ties="exact"', "other weights", 'Use ties="efron".'
        )


def check_cox_fit(
    fit: CoxFit,
    names: list[str],
    scale: np.ndarray,
    X: np.ndarray,
    collinear: str,
    *,
    penalty: float,
    factors: np.ndarray,
    max_iter: int,
) -> None:
    """Raise `EstimationError` where the fit has no unique, finite answer, naming the columns and what helps."""
    if fit.aliased.any() and collinear == "error":
        columns = [name for name, aliased in zip(names, fit.aliased) if aliased]
        told = ", ".join(repr(column) for column in columns[:8]) + (", …" if len(columns) > 8 else "")
        why = (
            f"There are {len(names)} columns and {len(X)} rows"
            if len(names) >= len(X)
            else "Among the rows at risk at an event they are constant or linear combinations of columns before them"
        )
        remedy = penalty_remedy(penalty, factors, names, np.flatnonzero(fit.aliased).tolist())
        raise NotDetermined(
            f"The coefficients of {told} are not determined. {why}. Drop these columns, set collinear='drop' (their "
            f"coefficients become 0), or use ElasticNetCox. {remedy}, if all of them are to stay."
        )
    if not fit.converged:
        # a category of few patients has a small standard deviation: its range is used instead
        guilty = _drifting(fit.coef * scale) or _drifting(fit.coef * np.ptp(X, axis=0) / 2)
        if not guilty and fit.iterations >= max_iter:
            raise EstimationError(
                f"The partial likelihood still rises after {fit.iterations} iterations, and no coefficient drifts off "
                "yet. Raise `max_iter`."
            )
        which = f" Largest coefficients: {', '.join(repr(names[j]) for j in guilty)}." if guilty else ""
        raise NotDetermined(
            "The partial likelihood has no finite maximum within reach: a combination of columns separates patients "
            f"with the event from those still at risk.{which} {penalty_remedy(penalty, factors, names, guilty)}, merge "
            "sparse categories, or drop the column."
        )


def _drifting(effects: np.ndarray) -> list[int]:
    large = np.abs(effects)
    return [int(j) for j in np.argsort(-large)[:3] if large[j] > max(5.0, 0.2 * large.max())]


def check_precision(pieces: CoxPieces, penalty: float) -> None:
    """Refuse a fit whose baseline overflows, or whose sums over risk sets are lost to rounding (late entry)."""
    hazard = pieces.hazard[pieces.tied.count > 0]
    if not (np.isfinite(hazard).all() and (hazard > 0).all()):
        raise EstimationError(
            f"Linear predictors range over {np.ptp(pieces.eta):.3g}, so that the baseline hazard, of a row at the mean "
            "of all columns, is 0 or infinite in double precision. Check outlying values of the columns and `offset`."
        )
    if not pieces.lost_precision() <= _LOST:
        raise EstimationError(
            "Linear predictors lie so far apart that, with delayed entry, sums over risk sets are lost in rounding: "
            f"they range over {np.ptp(pieces.eta):.3g}, and a difference of 10 is a hazard 22000 times as high. Check "
            f"`offset` and outlying values of the columns, or give a {'larger ' if penalty else ''}`penalty`."
        )


def column_name(column: Any, names: list[str]) -> Any:
    """Return the name of a column given by its number, if ``X`` was an array; otherwise the argument unchanged."""
    if isinstance(column, int | np.integer) and 0 <= column < len(names) and names[column] == f"x{column}":
        return names[column]
    return column


def column_factors(factors: Any, names: list[str], parameter: str) -> np.ndarray:
    """Return one non-negative penalty factor per column, from None (ones), a vector, or a mapping by name."""
    if factors is None:
        return np.ones(len(names))
    if isinstance(factors, Mapping):
        factors = {column_name(key, names): value for key, value in factors.items()}
        unknown = [key for key in factors if key not in names]
        if unknown:
            raise argument_error(parameter, "a mapping from columns of `X` to factors", f"unknown columns {unknown}")
        return check_vector(parameter, [factors.get(name, 1.0) for name in names], low=0)
    vector = check_vector(parameter, factors, low=0)
    if vector.size != len(names):
        raise argument_error(parameter, f"of length {len(names)}, one factor per column", f"length {vector.size}")
    return vector


def column_sd(X: np.ndarray, counts: np.ndarray | None, divisor: str) -> np.ndarray:
    """Standard deviation of each column, divisor ``"n"`` or ``"n-1"``; counts stand for copies. 1 where it is 0."""
    if counts is None:
        centred = X - X.mean(axis=0)
        total, size = np.einsum("ij,ij->j", centred, centred), float(X.shape[0])
    else:
        size = float(counts.sum())
        centred = X - (counts @ X) / size
        total = counts @ centred**2
    sd = np.sqrt(total / max(size - (divisor == "n-1"), 1.0))
    return np.where(sd > 0, sd, 1.0)
