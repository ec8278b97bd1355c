"""Scores of earlier visits that a prediction takes into account."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, check_number

__all__ = ["observed_scores", "place_of_visit"]


def place_of_visit(visits: np.ndarray, visit: Any) -> int:
    """Return the position of a visit among the fitted ones."""
    at = check_number("visit", visit)
    place = np.flatnonzero(np.isclose(visits, at, rtol=1e-9, atol=0))
    if not place.size:
        raise argument_error("visit", f"one of the fitted visits {visits.tolist()}", visit)
    return int(place[0])


def observed_scores(observed: Any, visits: np.ndarray, limits: tuple[float, float], n: int) -> np.ndarray:
    """Return the observed scores, of shape (n, V), NaN elsewhere.

    Parameters
    ----------
    observed : mapping of float to array of shape (n,), DataFrame or None
        Scores by visit.
    visits : ndarray of shape (V,)
        Fitted visits.
    limits : (float, float)
        Range of the score.
    n : int
        Rows.
    """
    out = np.full((n, visits.size), np.nan)
    if observed is None:
        return out
    if not hasattr(observed, "items"):
        raise argument_error(
            "observed",
            "a mapping from visits to scores, or a frame whose columns are visits",
            observed,
            f"predict_mean(X, {visits[-1]:g}, observed={{{visits[0]:g}: scores}}).",
        )
    for visit, values in observed.items():
        try:
            place = place_of_visit(visits, float(visit))
        except (TypeError, ValueError):
            raise argument_error("observed", f"of the fitted visits {visits.tolist()}", visit) from None
        scores = np.asarray(values, dtype=float)
        if scores.shape != (n,):
            raise argument_error("observed", f"of {n} rows, as many as `X`", f"shape {scores.shape}")
        if ((scores < limits[0]) | (scores > limits[1])).any():
            raise argument_error(
                "observed",
                f"between {limits[0]:g} and {limits[1]:g}, the range of the score, or missing",
                "other values",
            )
        out[:, place] = scores
    return out
