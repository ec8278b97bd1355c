"""Models whose risk is an inverse link of a sum over players: values of coalitions are sums of terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit, ndtr, ndtri

from lbp_prognosis._base import linear_predictor_of
from lbp_prognosis._kernels import exponential_shapley, reachable_sums
from lbp_prognosis.explain._exponential_fit import fitted_exponentials
from lbp_prognosis.explain._worth import CHUNK, Players

__all__ = ["ScoreTerms", "score_terms"]

_EXACT = 1e-9  # relative to the size of the scores
_CHECKED = 60  # rows of the background whose risks must lie on one line against the score
_CELLS = 2_000_000  # coalition × row × background cells at a time


def _cloglog(p: np.ndarray) -> np.ndarray:
    return np.log(-np.log1p(-p))


_LINKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"cloglog": _cloglog, "logit": logit, "probit": ndtri}


@dataclass(frozen=True)
class ScoreTerms:
    """An output F(intercept + slope · score) with a score that is a sum over players.

    Attributes
    ----------
    own : ndarray of shape (n, k)
        Terms of the explained rows, less those of a reference row.
    drawn : ndarray of shape (b, k)
        Terms of the background rows, less those of the reference row.
    link : str
        ``"identity"``, ``"cloglog"``, ``"logit"`` or ``"probit"``.
    intercept, slope : ndarray of shape (n_outputs,)
        Of each output.
    """

    own: np.ndarray
    drawn: np.ndarray
    link: str
    intercept: np.ndarray
    slope: np.ndarray

    def worths(self, members: np.ndarray) -> np.ndarray:
        """Return ``(n_coalitions, n, n_outputs)``: means over the background.

        Parameters
        ----------
        members : ndarray of bool of shape (n_coalitions, k)
            Players whose own values are kept.
        """
        n, b, outputs = self.own.shape[0], self.drawn.shape[0], self.intercept.size
        kept = members.astype(float)
        own, rest = kept @ self.own.T, (1 - kept) @ self.drawn.T
        out = np.empty((members.shape[0], n, outputs))
        if self.link == "identity":
            mean = own + rest.mean(axis=1)[:, None]
            return self.intercept + mean[:, :, None] * self.slope
        step = max(1, _CELLS // max(n * b, 1))
        for start in range(0, members.shape[0], step):
            part = slice(start, start + step)
            for h in range(outputs):
                out[part, :, h] = self._mean(own[part], rest[part], h)
        return out

    def series(self, tolerance: float) -> dict[str, Any] | None:
        """Return Shapley values by a sum of exponentials, for any number of players, with a bound of their error.

        Parameters
        ----------
        tolerance : float
            Largest difference between the sum of exponentials and the link, over the range of the coalitions.

        Returns
        -------
        dict or None
            Parts of a `ShapResult`; None if too many exponentials would be needed.
        """
        low, high = reachable_sums(np.ascontiguousarray(self.own), np.ascontiguousarray(self.drawn))
        fitted = fitted_exponentials(self.link, self.intercept, self.slope, float(low), float(high), tolerance)
        if fitted is None:
            return None
        function, missed = fitted
        quadrature = tolerance / 5
        values = exponential_shapley(self.own, self.drawn, function, quadrature)
        base, prediction = self.worths(np.repeat([[False], [True]], self.own.shape[1], axis=1))
        # the remainder is divided among players that change the score; a player that changes nothing gets zero
        missing = prediction - base - values.sum(axis=1)
        moved = np.abs(self.own - self.drawn.mean(axis=0)) + np.abs(self.drawn - self.drawn.mean(axis=0)).mean(axis=0)
        total = moved.sum(axis=1, keepdims=True)
        share = np.divide(moved, total, out=np.zeros_like(moved), where=total > 0)
        values += share[:, :, None] * missing[:, None, :]
        bound = 2 * missed + quadrature + float(np.abs(share[:, :, None] * missing[:, None, :]).max())
        return {"values": values, "base": base, "prediction": prediction, "method": "series", "error_bound": bound}

    def _mean(self, own: np.ndarray, rest: np.ndarray, h: int) -> np.ndarray:
        a, c = self.intercept[h] + self.slope[h] * own, self.slope[h] * rest
        if self.link == "probit":
            return ndtr(a[:, :, None] + c[:, None, :]).mean(axis=2)
        # e^(a + c) is a product, which saves one exponential per cell
        with np.errstate(over="ignore"):
            size = np.exp(a)[:, :, None] * np.exp(c)[:, None, :]
        if self.link == "cloglog":
            np.negative(size, out=size)
            np.expm1(size, out=size)
            return -size.mean(axis=2)
        size += 1
        np.reciprocal(size, out=size)
        return 1 - size.mean(axis=2)


def score_terms(
    estimator: Any,
    function: Callable[[pd.DataFrame], np.ndarray],
    scale: str,
    X: pd.DataFrame,
    background: pd.DataFrame,
    who: Players,
    cause: int = 1,
) -> ScoreTerms | None:
    """Return the terms of an output that is a link of a sum over players, or None if it is not one.

    The output is evaluated to find this out, to one part in 10⁹: the score of every row must be the sum of the changes
    made by single players, and at each horizon the transformed risk must be a straight line in the score.

    Parameters
    ----------
    estimator : fitted model
        With ``linear_predictor``.
    function : callable
        From a table to the outputs.
    scale : {"linear_predictor", "log_hazard", "risk", "mean"}
        Explained quantity.
    X, background : DataFrame
        Rows to explain, and rows that stand for "not known".
    who : mapping of str to tuple of str
        Columns by player.
    cause : int, default 1
        Event code.
    """
    if not hasattr(estimator, "linear_predictor"):
        return None
    b = len(background)

    def score(table: pd.DataFrame) -> np.ndarray:
        return linear_predictor_of(estimator, table, cause) if scale == "risk" else function(table)[:, 0]

    pool = pd.concat([background, X], ignore_index=True).astype(background.dtypes.to_dict(), errors="ignore")
    if len(pool) > 4 * _CHECKED:  # a few rows reveal most models that are not a sum
        few = np.linspace(0, len(pool) - 1, _CHECKED).astype(int)
        if _terms(pool.iloc[few].reset_index(drop=True), who, score) is None:
            return None
    found = _terms(pool, who, score)
    if found is None:
        return None
    whole, terms = found
    n = len(pool) - b
    drawn, own = terms[:b], terms[b:]
    if scale != "risk":
        return ScoreTerms(own, drawn, "identity", np.array([whole[0]]), np.ones(1))
    checked = np.unique(
        np.r_[np.linspace(0, b + n - 1, min(_CHECKED, b + n)).astype(int), whole.argmin(), whole.argmax()]
    )
    risk = function(pool.iloc[checked].reset_index(drop=True))
    line = _line(risk, whole[checked] - whole[0])
    return None if line is None else ScoreTerms(own, drawn, *line)


def _terms(
    pool: pd.DataFrame, who: Players, score: Callable[[pd.DataFrame], np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the scores, and the change of the first row's score per player; None if they do not add up."""
    try:
        whole = score(pool)
        changed = _alone(pool, who, score)
    except (TypeError, AttributeError, NotImplementedError):
        return None  # the score requires more than the table
    if whole.ndim != 1 or not np.isfinite(whole).all():
        return None
    terms = changed - whole[0]
    size = np.abs(whole).max() + np.abs(terms).max() + 1e-300
    if not np.abs(whole[0] + terms.sum(axis=1) - whole).max() <= _EXACT * size:
        return None
    return whole, terms


def _alone(pool: pd.DataFrame, who: Players, score: Callable[[pd.DataFrame], np.ndarray]) -> np.ndarray:
    """Return ``(n_rows, k)``: the score of the first row with the columns of one player of each row, many at a time."""
    rows, players = len(pool), list(who.values())
    out = np.empty((rows, len(players)))
    step = max(1, CHUNK // rows)
    for start in range(0, len(players), step):
        part = players[start : start + step]
        owner = {column: k for k, columns in enumerate(part) for column in columns}
        first, every = np.zeros(rows * len(part), dtype=int), np.arange(rows)
        table = {}
        for column in pool.columns:
            index = first
            if column in owner:
                index = first.copy()
                index[owner[column] * rows : (owner[column] + 1) * rows] = every
            table[column] = pool[column].array.take(index)
        out[:, start : start + step] = score(pd.DataFrame(table, columns=pool.columns)).reshape(len(part), rows).T
    return out


def _line(risk: np.ndarray, score: np.ndarray) -> tuple[str, np.ndarray, np.ndarray] | None:
    """Return the link under which the risks at each horizon are linear in the score."""
    if np.ptp(score) <= 0 or not np.isfinite(risk).all():
        return None
    for name, link in _LINKS.items():
        intercepts, slopes = [], []
        for column in risk.T:
            inside = (column > 1e-12) & (column < 1 - 1e-9)
            if inside.sum() < 3 or not inside.all():
                break
            value = link(column)
            low, high = score.argmin(), score.argmax()
            slope = (value[high] - value[low]) / (score[high] - score[low])
            intercept = value[low] - slope * score[low]
            if np.abs(intercept + slope * score - value).max() > _EXACT * (1 + np.abs(value).max()):
                break
            intercepts.append(intercept)
            slopes.append(slope)
        else:
            return name, np.array(intercepts), np.array(slopes)
    return None
