"""Common part of models of a score at a visit: the predicted distribution, and risks at a cut."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    check_horizons,
    labels_of,
    takes_rows,
)
from lbp_prognosis._kernels import ranked_losses
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._score_cut import risk_at_cut
from lbp_prognosis.survival import MeasuredSpec, OutcomeKind, ScoreForecast, check_outcome, check_weights, measured_spec

__all__ = ["ScoreModel"]


class ScoreModel(RiskEstimator):
    """Base of models of a `Measured` outcome.

    Attributes
    ----------
    levels_ : ndarray of shape (K,)
        Scores that the distribution has mass on, increasing.
    horizon_, lower_, upper_ : float
        Visit and range of the score.
    at_most_, at_least_ : float or None
        Declared cut of the training outcome, the default of `predict_risk`.
    n_, n_missing_ : int
        Rows used, and rows left out because the score was not observed.
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("measured",)
    _instead: ClassVar[str] = "For a state at a visit use LogisticRisk, for a time to event CoxPH."
    _allow_no_column: ClassVar[bool] = True

    def _start_scores(self, X: Any, y: np.ndarray, **given: Any) -> tuple[Design, np.ndarray, MeasuredSpec]:
        """Check the call, remember visit and range, and return the design and which rows are used."""
        design = self._start_fit(X, y, given.get("sample_weight"), None, given.get("offset"), given.get("clusters"))
        spec = measured_spec(y)
        seen = ~np.isnan(y["value"])
        used = seen if design.weights is None else seen & (design.weights > 0)
        if np.unique(y["value"][used]).size < 2:
            raise EstimationError(
                f"{type(self).__name__} needs two different scores among the observed rows; {int(used.sum())} rows "
                "have one."
            )
        self.horizon_ = self.max_time_ = spec.horizon
        self.lower_, self.upper_ = spec.lower, spec.upper
        self.at_most_, self.at_least_ = spec.at_most, spec.at_least
        self.causes_ = np.array([1])
        self.score_horizons_ = np.array([spec.horizon])
        self.n_, self.n_missing_ = int(used.sum()), int((~seen).sum())
        return design, used, spec

    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return P(Y = level) for each of ``levels_``; shape (n, K).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        raise NotImplementedError

    @takes_rows()
    def predict_forecast(self, X: Any, *, offset: Any = None) -> ScoreForecast:
        """Return the predicted distribution with its levels, as `evaluate` takes it.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        return ScoreForecast(self.levels_, self.predict_distribution(X, offset=offset), labels_of(X))

    @takes_rows()
    def score(self, X: Any, y: np.ndarray, *, horizons: Any = None, sample_weight: Any = None) -> float:
        """Return minus the continuous ranked probability score, so that higher is better (a proper score).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Measured.at`.
        horizons : None
            Not taken: the visit is that of the outcome.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.

        Returns
        -------
        float
            −mean ∫ (P(Y ≤ s) − 1{y ≤ s})² ds over the rows whose score was observed, in points of the score; NaN if
            there is none. Gneiting and Raftery 2007, doi:10.1198/016214506000001437.
        """
        self._refuse(horizons=horizons)
        check_outcome(y, ("measured",), caller=f"{type(self).__name__}.score")
        weights = check_weights(sample_weight, y.shape[0])
        seen = ~np.isnan(y["value"])
        if not seen.any():
            return float("nan")
        forecast = self.predict_forecast(X)
        loss = ranked_losses(self.levels_, forecast.cumulative()[seen], y["value"][seen])
        return -float(np.average(loss, weights=None if weights is None else weights.values[seen]))

    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected score, Σ level · P(Y = level); shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        return self.predict_distribution(X, offset=offset) @ self.levels_

    @takes_rows()
    def predict_quantile(
        self, X: Any, q: float = 0.5, *, method: str = "interpolated", offset: Any = None
    ) -> np.ndarray:
        """Return quantiles of the predicted score; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        q : float, default 0.5
            Probability in (0, 1).
        method : {"interpolated", "discrete"}, default "interpolated"
            ``"discrete"`` is the smallest level with P(Y ≤ level) ≥ q. ``"interpolated"`` joins the levels as
            ``rms::Quantile`` in R does, which gives scores between the levels.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        return self.predict_forecast(X, offset=offset).quantile(q, method=method)

    @takes_rows(at_most="numbers", at_least="numbers")
    def predict_risk(
        self,
        X: Any,
        horizons: Any = None,
        cause: int = 1,
        *,
        strata: Any = None,
        offset: Any = None,
        at_most: Any = None,
        at_least: Any = None,
    ) -> np.ndarray:
        """Return the probability of a score of at most (or at least) a cut at the visit.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        horizons : float or sequence of float, optional
            By default the visit; other times are NaN.
        cause : int, default 1
            Must be 1.
        strata : None
            Not taken.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        at_most, at_least : float or array-like of shape (n,), optional
            The cut; by default the one declared with the training outcome. One value per row is a cut that depends on
            the baseline (a minimal important change).

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Probabilities.

        Raises
        ------
        ArgumentError
            If no cut is known.
        """
        self._refuse(strata=strata)
        self._check_fitted()
        times, _ = check_horizons(self.horizon_ if horizons is None else horizons)
        risk_of = risk_at_cut(self, cause, at_most, at_least, maker="Measured.at")
        risk = risk_of(self.predict_forecast(X, offset=offset))
        out = np.full((risk.size, times.size), np.nan)
        out[:, np.isclose(times, self.horizon_, rtol=1e-9, atol=0)] = risk[:, None]
        return out
