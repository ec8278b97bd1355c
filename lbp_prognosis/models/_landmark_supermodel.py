"""``landmark_supermodel``: one stacked data set for all landmarks, with effects that may change between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_choice,
    check_number,
    check_vector,
    holds,
    numbers_in,
    refused_kind,
    takes_rows,
)
from lbp_prognosis.models._landmark import at_landmark, named_causes
from lbp_prognosis.survival import Surv, check_outcome

__all__ = ["LandmarkStack", "frame_at", "landmark_supermodel"]


@dataclass(frozen=True, repr=False)
class LandmarkStack(Result):
    """Stacked rows of all landmarks, ready for a Cox model with delayed entry.

    Fit with ``CoxPH(ties="breslow").fit(stack.X, stack.y, strata=stack.strata, clusters=stack.clusters)`` (strata only
    with ``baseline="strata"``). The clusters are needed: a patient appears once a landmark, and the naive standard
    errors are too small.

    Attributes
    ----------
    X : pandas.DataFrame of shape (m, q)
        Predictors, then the products ``<column>:s`` (and ``<column>:s2``), then ``s, s2`` for a smooth baseline.
    y : ndarray of shape (m,)
        Right-censored with entry at the landmark; times on the clock of the study.
    landmark : ndarray of shape (m,)
        Landmark of each row.
    strata : ndarray of shape (m,) or None
        The landmark again, or None with a smooth baseline.
    clusters, rows : ndarray of shape (m,)
        Position of the patient in the arrays given.
    landmarks : ndarray
        The landmarks used.
    width : float
        Length of the window.
    """

    X: pd.DataFrame = field(compare=False)
    y: np.ndarray = field(compare=False)
    landmark: np.ndarray = field(compare=False)
    strata: np.ndarray | None = field(compare=False)
    clusters: np.ndarray = field(compare=False)
    rows: np.ndarray = field(compare=False)
    landmarks: np.ndarray = field(compare=False)
    width: float
    interactions: tuple[str, ...]
    degree: int
    baseline: str

    @takes_rows()
    def design(self, X: pd.DataFrame, at: float) -> pd.DataFrame:
        """Return the columns of the stacked model for predictors ``X`` known at the landmark ``at``.

        The fitted model then answers P(T ≤ at + width | T > at) at the horizon ``at + width``: with stratum ``at`` for
        a stratified baseline. With a smooth baseline it is 1 − S(at + width) / S(at).
        """
        return _design(X, at, self.landmarks.max(), self.interactions, self.degree, self.baseline)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per landmark: ``landmark, n, n_events``."""
        table = pd.DataFrame({"landmark": self.landmark, "n": 1, "n_events": (self.y["event"] == 1).astype(int)})
        return table.groupby("landmark", as_index=False).sum()

    def _summary(self) -> str:
        return f"{self.rows.size} rows at {self.landmarks.size} landmarks, {int((self.y['event'] == 1).sum())} events"


def frame_at(X: Any, at: float) -> Any:
    """Return the table of a landmark, of a mapping from landmark to table."""
    if not isinstance(X, Mapping):
        return X
    if at not in X:
        raise argument_error("X", f"a mapping with a table at every landmark, {at:g} too", f"tables at {list(X)}")
    return X[at]


def _design(
    X: pd.DataFrame, at: float, last: float, interactions: Sequence[str], degree: int, baseline: str
) -> pd.DataFrame:
    s = at / last if last > 0 else 0.0
    for name in X.columns:
        if (what := holds(X[name])) in ("date", "duration", "complex", "mixed"):
            raise refused_kind("X", what, "numbers", column=name)
    columns = {name: X[name].to_numpy() for name in X.columns}
    changing = numbers_in(X, interactions)
    for j, name in enumerate(interactions):
        for power in range(1, degree + 1):
            columns[f"{name}:s{power if power > 1 else ''}"] = changing[:, j] * s**power
    if baseline == "smooth":
        columns["s"] = np.full(len(X), s)
        columns["s2"] = np.full(len(X), s**2)
    return pd.DataFrame(columns, index=X.index)


@takes_rows()
def landmark_supermodel(
    y: np.ndarray,
    X: pd.DataFrame | Mapping[float, pd.DataFrame] | Callable[[float], pd.DataFrame],
    landmarks: Any,
    width: float,
    *,
    interactions: Sequence[str] = (),
    degree: int = 1,
    baseline: str = "strata",
) -> LandmarkStack:
    """Landmark supermodel: effects that change with the landmark, fitted to one stacked data set.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`, on the clock of the study.
    X : DataFrame of shape (n, p), mapping or callable
        Predictors of all patients; a mapping or a function from the landmark to a frame of the same rows gives the
        values known at each landmark.
    landmarks : array-like of shape (k,)
        Increasing landmarks ≥ 0, in the unit of ``y``.
    width : float
        Each row is followed to its landmark + width.
    interactions : sequence of str, default ()
        Columns whose effect may change: β(s) = β₀ + β₁ s / s_max (+ β₂ (s / s_max)²), s_max the last landmark.
    degree : int, default 1
        1 or 2: the power up to which effects change.
    baseline : {"strata", "smooth"}, default "strata"
        A separate baseline hazard for each landmark, or one baseline and the terms s / s_max and (s / s_max)².

    Returns
    -------
    LandmarkStack
        Predictors, outcome with entry, strata and clusters.

    Notes
    -----
    Use Breslow's ties: the stacked likelihood repeats an event once a landmark, and these copies are not ties of
    different patients. Standard errors must be robust to clusters.

    References
    ----------
    van Houwelingen HC (2007). Dynamic prediction by landmarking in event history analysis. Scandinavian Journal of
    Statistics 34, 70–85. doi:10.1111/j.1467-9469.2006.00529.x
    """
    check_outcome(y, ("right",), caller="landmark_supermodel")
    points = check_vector("landmarks", np.atleast_1d(landmarks), low=0)
    if (np.diff(points) <= 0).any():
        raise argument_error("landmarks", "strictly increasing", str(points.tolist()))
    width = check_number("width", width, low=0, open_low=True)
    check_choice("baseline", baseline, ("strata", "smooth"))
    if degree not in (1, 2):
        raise argument_error("degree", "1 or 2", degree)
    frames, codes = [], []
    for at in points:
        frame = X(at) if callable(X) else frame_at(X, float(at))
        if not isinstance(frame, pd.DataFrame) or len(frame) != y.shape[0]:
            raise argument_error("X", f"a frame of {y.shape[0]} rows, as `y`, at every landmark", frame)
        absent = [name for name in interactions if name not in frame.columns]
        if absent:
            raise argument_error("interactions", f"columns of X ({list(frame.columns)[:8]} …)", str(absent))
        rows, time, event, *_ = at_landmark(y, float(at), width)
        frames.append(_design(frame.iloc[rows], float(at), points[-1], interactions, degree, baseline))
        codes.append((rows, time, event, np.full(rows.size, at)))
    rows, time, event, at_row = (np.concatenate(parts) for parts in zip(*codes))
    if rows.size == 0:
        raise argument_error("landmarks", "moments at which some row is at risk", str(points.tolist()))
    stacked = Surv.right(time, event, entry=at_row, censored=0, causes=named_causes(y))
    return LandmarkStack(
        pd.concat(frames, ignore_index=True),
        stacked,
        at_row,
        at_row if baseline == "strata" else None,
        rows,
        rows,
        points,
        width,
        tuple(interactions),
        degree,
        baseline,
    )
