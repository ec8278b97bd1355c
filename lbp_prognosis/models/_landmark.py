"""``landmark``: the patients still at risk at a later moment, followed from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_number,
    takes_rows,
)
from lbp_prognosis.survival import Surv, cause_names, check_outcome

__all__ = ["LandmarkData", "landmark"]


@dataclass(frozen=True, repr=False)
class LandmarkData(Result):
    """Rows at risk at a landmark, with the outcome counted from it.

    Attributes
    ----------
    X : pandas.DataFrame of shape (m, p)
        Predictors of the rows kept.
    y : ndarray of shape (m,)
        Right-censored outcome; time runs from the landmark, in the unit of the study.
    rows : ndarray of shape (m,)
        Positions of the rows kept in the arrays given.
    at : float
        The landmark.
    width : float
        Length of the window; infinite without administrative censoring.
    n_left : int
        Rows whose follow-up ended at or before the landmark.
    n_not_entered : int
        Rows that came under observation after the landmark.
    """

    X: pd.DataFrame = field(compare=False)
    y: np.ndarray = field(compare=False)
    rows: np.ndarray = field(compare=False)
    at: float
    width: float
    n_left: int
    n_not_entered: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row: ``at, width, n, n_events, n_left, n_not_entered``."""
        return pd.DataFrame(
            {
                "at": [self.at],
                "width": [self.width],
                "n": [self.rows.size],
                "n_events": [int((self.y["event"] == 1).sum())],
                "n_left": [self.n_left],
                "n_not_entered": [self.n_not_entered],
            }
        )

    def _summary(self) -> str:
        return f"{self.rows.size} at risk at {self.at:g}, {int((self.y['event'] == 1).sum())} events"


def named_causes(y: np.ndarray) -> dict[str, int] | None:
    """Return the names of causes as `Surv.right` takes them."""
    return {name: code for code, name in cause_names(y).items()} or None


def as_decimals(values: np.ndarray, largest: float) -> np.ndarray:
    """Round sums and differences of decimal times to decimals: 23.9 + 23.7 is 47.6 and not a hair less.

    Twelve digits of the ``largest`` time remain.
    """
    return np.round(values, min(12 - int(np.ceil(np.log10(largest))), 300)) if largest > 0 else values


def at_landmark(y: np.ndarray, at: float, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Return positions at risk just after ``at``, their times cut at ``at + width``, codes, and the two counts."""
    left = y["time"] <= at
    waiting = y["entry"] > at if "entry" in (y.dtype.names or ()) else np.zeros(y.shape[0], dtype=bool)
    rows = np.flatnonzero(~left & ~waiting)
    end = float(as_decimals(np.array(at + width), max(at + width, at))) if np.isfinite(width) else width
    time = np.minimum(y["time"][rows], end)
    event = np.where(y["time"][rows] <= end, y["event"][rows], 0).astype(np.int8)
    return rows, time, event, int(left.sum()), int((waiting & ~left).sum())


@takes_rows()
def landmark(y: np.ndarray, X: Any, at: float, width: float | None = None) -> LandmarkData:
    """Patients at risk at a landmark, followed for a window after it.

    A row is kept if its follow-up ends strictly after the landmark. A model fitted on the result predicts
    P(T ≤ at + h | T > at) at the horizon h. The predictors must be values known at the landmark: a value measured
    later would let the future into the question.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`; a row with delayed entry after the landmark is not at risk there and is left out.
    X : DataFrame of shape (n, p)
        Predictors as known at the landmark.
    at : float
        The landmark, in the unit of ``y``.
    width : float, optional
        Rows without an event by ``at + width`` are censored there; no administrative censoring if None.

    Returns
    -------
    LandmarkData
        The rows kept, their outcome with time from the landmark, and the counts of those left out.

    Raises
    ------
    OutcomeError
        If ``y`` is not right-censored.
    ArgumentError
        If no patient is at risk at the landmark.

    References
    ----------
    van Houwelingen HC (2007). Dynamic prediction by landmarking in event history analysis. Scandinavian Journal of
    Statistics 34, 70–85. doi:10.1111/j.1467-9469.2006.00529.x

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import landmark
    >>> kept = landmark(Surv.right([2.0, 3.0, 5.0, 20.0], [1, 1, 1, 1]), pd.DataFrame({"age": [30, 40, 50, 60]}), 3, 12)
    >>> kept.y["time"].tolist(), kept.y["event"].tolist()
    ([2.0, 12.0], [1, 0])
    """
    check_outcome(y, ("right",), caller="landmark")
    at = check_number("at", at, low=0)
    width = np.inf if width is None else check_number("width", width, low=0, open_low=True)
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    if len(frame) != y.shape[0]:
        raise argument_error("X", f"of {y.shape[0]} rows, as `y`", f"{len(frame)} rows")
    rows, time, event, n_left, n_waiting = at_landmark(y, at, width)
    if rows.size == 0:
        raise argument_error(
            "at", "a moment at which some row is at risk", at, f"The longest follow-up is {y['time'].max():g}."
        )
    kept = Surv.right(as_decimals(time - at, float(time.max())), event, censored=0, causes=named_causes(y))
    return LandmarkData(frame.iloc[rows], kept, rows, at, width, n_left, n_waiting)
