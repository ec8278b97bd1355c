"""``ScoreForecast``: predicted distributions of a score, one per patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    argument_error,
    as_numbers,
    check_choice,
    check_number,
    describe,
    in_order_of,
    labels_of,
)

__all__ = ["ScoreForecast"]


@dataclass(frozen=True, repr=False)
class ScoreForecast:
    """Predicted distribution of a score: P(Y = level) for each patient.

    Models of scores return it (`OrdinalRegression.predict_forecast`); `evaluate` and the metrics of scores accept it.

    Attributes
    ----------
    levels : ndarray of shape (K,)
        Scores with positive probability, in increasing order.
    probability : ndarray of shape (n, K)
        Rows sum to 1.
    row_labels : Index or None
        Labels of the patients, which determine the order if other arguments are labelled.
    objections : tuple of Objection
        To the data that the model was fitted to; `evaluate` repeats them.

    Raises
    ------
    ArgumentError
        If levels are not increasing, or a row is not a probability distribution.

    Examples
    --------
    >>> from lbp_prognosis.survival import ScoreForecast
    >>> forecast = ScoreForecast([0, 1, 2], [[0.2, 0.3, 0.5], [1, 0, 0]])
    >>> forecast.mean().round(2).tolist(), forecast.at_most(1).tolist()
    ([1.3, 0.0], [0.5, 1.0])
    """

    levels: np.ndarray
    probability: np.ndarray
    row_labels: pd.Index | None = field(default=None, compare=False)
    objections: tuple[Objection, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels, dtype=float)
        probability = np.asarray(self.probability, dtype=float)
        if levels.ndim != 1 or levels.size == 0 or not np.isfinite(levels).all() or (np.diff(levels) <= 0).any():
            raise argument_error("levels", "increasing finite scores", describe(self.levels))
        if probability.ndim != 2 or probability.shape[1] != levels.size:
            raise argument_error(
                "probability", f"of shape (n, {levels.size}), one column per level", describe(self.probability)
            )
        total = probability.sum(axis=1)
        bad = np.flatnonzero(~((probability >= -1e-9).all(axis=1) & (np.abs(total - 1) < 1e-6)))
        if bad.size:
            raise argument_error(
                "probability",
                "rows that are not negative and sum to 1",
                f"others at rows {bad[:5].tolist()} ({bad.size} in all)",
            )
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "probability", np.maximum(probability, 0.0))

    def __len__(self) -> int:
        return int(self.probability.shape[0])

    def __repr__(self) -> str:
        low, high = self.levels[0], self.levels[-1]
        return f"<ScoreForecast: {len(self)} patients, {self.levels.size} levels from {low:g} to {high:g}>"

    def take(self, rows: np.ndarray) -> ScoreForecast:
        """Return the forecasts of the chosen rows, in their order."""
        labels = None if self.row_labels is None else self.row_labels[rows]
        return ScoreForecast(self.levels, self.probability[rows], labels, self.objections)

    def mean(self) -> np.ndarray:
        """Return the expected scores, shape (n,)."""
        return self.probability @ self.levels

    def cumulative(self) -> np.ndarray:
        """Return P(Y ≤ level), shape (n, K); the last column is 1."""
        below = np.minimum(np.cumsum(self.probability, axis=1), 1.0)
        below[:, -1] = 1.0
        return below

    def below(self, cuts: np.ndarray) -> np.ndarray:
        """Return P(Y ≤ cut) at increasing cuts, whether or not they are levels of the forecast; shape (n, n_cuts)."""
        place = np.searchsorted(self.levels, cuts, side="right")
        return np.concatenate([np.zeros((len(self), 1)), self.cumulative()], axis=1)[:, place]

    def _slack(self) -> float:
        # a level computed as 10 − 8 equals the cut 2 despite rounding error
        return 1e-9 * max(float(np.abs(self.levels).max()), 1.0)

    def _cut(self, name: str, cut: Any) -> np.ndarray:
        index = labels_of(cut)
        if index is not None and self.row_labels is not None:
            order = in_order_of(name, index, "forecast", self.row_labels)
            cut = cut if order is None else cut.iloc[order]
        out = as_numbers(name, cut)
        if np.isnan(out).any():
            lost = np.flatnonzero(np.isnan(np.atleast_1d(out)))
            raise argument_error(
                name,
                "known for every patient",
                f"missing values at rows {lost[:5].tolist()} ({lost.size} in all)",
                "Predict for the patients whose cut is known.",
            )
        if out.ndim > 1 or (out.ndim == 1 and out.size != len(self)) or not np.isfinite(out).all():
            raise argument_error(name, f"a number, or {len(self)} of them", describe(cut))
        return np.broadcast_to(out, (len(self),))[:, None]

    def at_most(self, cut: Any) -> np.ndarray:
        """Return P(Y ≤ cut), shape (n,); one cut, or one per patient."""
        inside = self.levels <= self._cut("at_most", cut) + self._slack()
        return np.clip((self.probability * inside).sum(axis=1), 0.0, 1.0)

    def at_least(self, cut: Any) -> np.ndarray:
        """Return P(Y ≥ cut), shape (n,); one cut, or one per patient."""
        inside = self.levels >= self._cut("at_least", cut) - self._slack()
        return np.clip((self.probability * inside).sum(axis=1), 0.0, 1.0)

    def quantile(self, q: float = 0.5, *, method: str = "discrete") -> np.ndarray:
        """Return quantiles of the scores, shape (n,).

        Parameters
        ----------
        q : float, default 0.5
            Probability in (0, 1).
        method : {"discrete", "interpolated"}, default "discrete"
            ``"discrete"`` is the smallest level with P(Y ≤ level) ≥ q. ``"interpolated"`` joins the levels as
            ``rms::Quantile`` in R does, which gives scores between the levels.
        """
        check_number("q", q, low=0, high=1, open_low=True, open_high=True)
        check_choice("method", method, ("interpolated", "discrete"))
        below, levels = np.cumsum(self.probability, axis=1)[:, :-1], self.levels
        if method == "discrete":
            return levels[(below < q).sum(axis=1)]
        exceed = np.column_stack([1 - below, np.zeros(below.shape[0])])  # P(Y ≥ level) of all but the first, then 0
        out = np.empty(below.shape[0])
        for i, reached in enumerate(exceed):
            span = reached[-2] - reached[0]
            inner = (reached[:-1] - reached[0]) / span if span != 0 else np.zeros(reached.size - 1)
            share = np.concatenate([[0.0], inner, [1.0]])
            at = (1 - share) * np.concatenate([levels[:1], levels]) + share * np.concatenate([levels, levels[-1:]])
            out[i] = np.interp(1 - q, np.concatenate([[1.0], reached])[::-1], at[::-1])
        return out
