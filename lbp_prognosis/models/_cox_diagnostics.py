"""Residuals of a Cox model and the test of proportional hazards, for the rows it was fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    check_choice,
    chi2,
    takes_rows,
)
from lbp_prognosis._kernels import CoxPieces, cox_pieces, kaplan_meier_steps, step_at
from lbp_prognosis.models._proportional_hazards import ProportionalHazardsTest
from lbp_prognosis.survival import Weights, check_outcome, check_weights

__all__ = ["CoxDiagnostics"]

_KINDS = ("martingale", "deviance", "score", "dfbeta")
_TRANSFORMS = ("km", "identity", "log", "rank")


class CoxDiagnostics:
    """Methods of `CoxPH` that look at the training rows again."""

    coef_: np.ndarray
    covariance_model_: np.ndarray
    ties: str

    def _pieces(
        self, X: Any, y: np.ndarray, sample_weight: Any, strata: Any, offset: Any, *, of_hazard: bool = False
    ) -> tuple[CoxPieces, np.ndarray | None]:
        """Sums over the risk sets of the given rows at the fitted coefficients, and the weights."""
        model: Any = self
        if self.ties == "exact" and not of_hazard:  # its baseline is Breslow's, its score is not
            raise argument_error("ties", '"efron" or "breslow" for residuals of the score', '"exact"')
        check_outcome(y, ("right",), caller="CoxPH")
        matrix, codes, shift = model._start_predict(X, strata, offset)
        if matrix.shape[0] != y.shape[0]:
            raise argument_error("X", f"of {y.shape[0]} rows, as many as `y`", f"{matrix.shape[0]} rows")
        weights = check_weights(sample_weight, y.shape[0])
        values = None if weights is None else weights.values
        frequency = weights is not None and weights.kind == "frequency"
        data = model._risk_sets(X, matrix, y, codes, values)
        pieces = cox_pieces(data, self.coef_, weights=values, offset=shift, ties=self.ties, frequency=frequency)
        return pieces, values

    @takes_rows()
    def residuals(
        self,
        X: Any,
        y: np.ndarray,
        kind: str = "martingale",
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
    ) -> np.ndarray:
        """Return residuals of the rows the model was fitted on.

        Parameters
        ----------
        X, y, sample_weight, strata, offset
            The data given to `fit`.
        kind : {"martingale", "deviance", "score", "dfbeta"}, default "martingale"
            ``martingale``: events minus expected events; ``deviance``: the same made symmetric; ``score``: the row's
            part of the gradient, without its weight; ``dfbeta``: approximate change of the coefficients if the row were
            left out (weighted, sign as estimate with minus estimate without). The last two are not defined under
            ``ties="exact"``.

        Returns
        -------
        ndarray of shape (n,) or (n, p)
            One value per row; one per coefficient for ``score`` and ``dfbeta``.
        """
        check_choice("kind", kind, _KINDS)
        model: Any = self
        of_hazard = kind in ("martingale", "deviance")
        pieces, weights = self._pieces(X, y, sample_weight, strata, offset, of_hazard=of_hazard)
        if kind == "score":
            return pieces.score()
        if kind == "dfbeta":
            score = pieces.score() if weights is None else pieces.score() * weights[:, None]
            return score @ self.covariance_model_
        martingale = pieces.martingale()
        if kind == "martingale":
            return martingale
        event = y["event"] == model._own_cause
        expected = np.where(event, np.maximum(event - martingale, np.finfo(float).tiny), 1.0)
        return np.sign(martingale) * np.sqrt(np.maximum(-2 * (martingale + event * np.log(expected)), 0.0))

    @takes_rows()
    def schoenfeld_residuals(
        self,
        X: Any,
        y: np.ndarray,
        *,
        scaled: bool = False,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
    ) -> pd.DataFrame:
        """Return, for each event in order of time, its predictors minus their mean over the risk set.

        Parameters
        ----------
        X, y, sample_weight, strata, offset
            The data given to `fit`.
        scaled : bool, default False
            Scaled by the covariance and the number of events (the sum of their weights) and shifted by the coefficient:
            a smooth curve through them against time estimates the coefficient as a function of time.

        Returns
        -------
        DataFrame
            Columns ``row, time`` and one per predictor.
        """
        model: Any = self
        pieces, _ = self._pieces(X, y, sample_weight, strata, offset)
        rows, residual = pieces.schoenfeld()
        if scaled:
            residual = pieces.tied.event_weights.sum() * residual @ self.covariance_model_ + self.coef_
        frame = pd.DataFrame(residual, columns=model._names())
        frame.insert(0, "row", rows)
        frame.insert(1, "time", y["time"][rows])
        return frame

    @takes_rows()
    def proportional_hazards_test(
        self,
        X: Any,
        y: np.ndarray,
        transform: str = "km",
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
    ) -> ProportionalHazardsTest:
        """Test whether coefficients change with time (proportional hazards).

        Score test of ``β_j + θ_j g(t)`` for each predictor and for all together (Grambsch and Therneau's test in the
        exact form, with the information of the extended model).

        Parameters
        ----------
        X, y, sample_weight, strata, offset
            The data given to `fit`. If the data contain no information on a trend, the statistic is NaN.
        transform : {"km", "identity", "log", "rank"}, default "km"
            ``g``: one minus the Kaplan–Meier curve just before t, t itself, its logarithm, or its rank among the
            times of all rows. Frequency weights count as copies here, other weights (above 0) as one row each.

        References
        ----------
        Grambsch PM, Therneau TM (1994). Proportional hazards tests and diagnostics based on weighted residuals.
        Biometrika 81:515–526.
        """
        model: Any = self
        check_choice("transform", transform, _TRANSFORMS)
        pieces, _ = self._pieces(X, y, sample_weight, strata, offset)
        grid = pieces.data.times
        g = self._scale_of_time(y, grid, transform, _copies(check_weights(sample_weight, y.shape[0])))
        gradient, information = pieces.trend(g - g.min())
        p = self.coef_.size
        used = np.flatnonzero(np.diag(self.covariance_model_) > 0)
        statistic, df = np.full(p + 1, np.nan), np.ones(p + 1, dtype=int)
        for j in [*used.tolist(), p]:
            extra = used + p if j == p else np.array([j + p])
            kept = np.concatenate([used, extra])
            block, df[j] = information[np.ix_(kept, kept)], extra.size
            scale = np.sqrt(np.diag(block))
            if not (scale > 0).all() or np.linalg.cond(block / np.outer(scale, scale)) > 1e12:
                continue  # no information on a trend, e.g. a curve that is zero after the first late entrants
            statistic[j] = float(gradient[kept] @ np.linalg.solve(block, gradient[kept]))
        scaled = self.schoenfeld_residuals(X, y, scaled=True, sample_weight=sample_weight, strata=strata, offset=offset)
        place = {value: at for value, at in zip(grid.tolist(), g.tolist())}
        return ProportionalHazardsTest(
            terms=(*model._names(), "GLOBAL"),
            statistic=statistic,
            df=df,
            p_value=chi2.sf(statistic, df),
            transform=transform,
            times=scaled["time"].to_numpy(),
            transformed=np.array([place[value] for value in scaled["time"].tolist()]),
            scaled_residuals=scaled.iloc[:, 2:].to_numpy(),
            coef=self.coef_,
        )

    def _scale_of_time(self, y: np.ndarray, grid: np.ndarray, transform: str, copies: np.ndarray | None) -> np.ndarray:
        model: Any = self
        if transform == "identity":
            return grid
        if transform == "log":
            if grid.min() <= 0:
                raise argument_error("transform", 'other than "log" with an event at time 0', '"log"')
            return np.log(grid)
        if transform == "rank":
            times, place = np.unique(y["time"], return_inverse=True)
            count = np.bincount(place, weights=copies, minlength=times.size)
            rank = np.cumsum(count) - (count - 1) / 2  # tied times share their mean rank
            return rank[np.searchsorted(times, grid)]
        event = y["event"] == model._own_cause
        entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
        curve = kaplan_meier_steps(y["time"], event, entry=entry, weights=copies)
        return 1.0 - step_at(curve.times, curve.survival, grid, before=True, left=1.0)


def _copies(weights: Weights | None) -> np.ndarray | None:
    """Number of patients per row: its frequency, or one unless it has no weight."""
    if weights is None:
        return None
    return weights.values if weights.kind == "frequency" else (weights.values > 0).astype(float)
