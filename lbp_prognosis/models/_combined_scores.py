"""Averages and stacks of models of a score: cross-fitted distributions, and their combination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils.metaestimators import available_if

from lbp_prognosis._base import argument_error, check_horizons, labels_of, takes_rows
from lbp_prognosis._kernels import ranked_losses
from lbp_prognosis.models._combined_risk import CombinedRisk
from lbp_prognosis.models._combined_rows import Rows, take_rows_of
from lbp_prognosis.models._known_states import KnownScores
from lbp_prognosis.models._score_cut import risk_at_cut
from lbp_prognosis.survival import OutcomeKind, ScoreForecast, check_outcome, check_weights, measured_spec

__all__ = ["CombinedScores"]


def _of_scores(model: Any) -> bool:
    """Whether all learners predict the distribution of a score."""
    given = model._given()
    learners = list(given.values()) if isinstance(given, Mapping) else [given]
    return bool(learners) and all(hasattr(learner, "predict_forecast") for learner in learners)


class CombinedScores(CombinedRisk):
    """Base of models that combine other models of a time to event, a state or a score."""

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval", "status", "measured")
    _instead: ClassVar[str] = "For scores at several visits use LongitudinalOutcome."

    # ---- input -------------------------------------------------------------------------------------------------

    def _begin(self, X: Any, y: np.ndarray, sample_weight: Any, strata: Any, offset: Any, clusters: Any) -> Rows:
        rows = super()._begin(X, y, sample_weight, strata, offset, clusters)
        self.of_scores_ = rows.kind == "measured"
        if not self.of_scores_:
            return rows
        for name, learner in self._named().items():
            if not hasattr(learner, "predict_forecast"):
                raise argument_error(
                    f"learners[{name!r}]",
                    "a model of a score, with `predict_forecast`, where `y` is a score",
                    learner,
                    "Take OrdinalRegression, LinearOutcome, BoostedOutcome or TwoPartOutcome.",
                )
        spec = measured_spec(y)
        self.horizon_, self.lower_, self.upper_ = spec.horizon, spec.lower, spec.upper
        self.at_most_, self.at_least_ = spec.at_most, spec.at_least
        return rows

    @property
    def _fitted_to_scores(self) -> bool:
        return bool(getattr(self, "of_scores_", False))  # models of files made before have no such attribute

    # ---- learners ----------------------------------------------------------------------------------------------

    def _forecast_of(self, name: str, model: Any, frame: pd.DataFrame, given: Mapping[str, Any]) -> ScoreForecast:
        return model.predict_forecast(frame, **({"offset": given["offset"]} if "offset" in given else {}))

    def _cross_fit_scores(self, rows: Rows, labels: np.ndarray) -> tuple[KnownScores, np.ndarray]:
        """Distribution functions of each row by learners that were fitted without its fold, (n, cells, learners)."""
        columns, there = self._columns(list(rows.frame.columns)), self._available(rows.frame)
        parts: list[tuple[np.ndarray, int, ScoreForecast]] = []
        for fold in range(int(labels.max()) + 1):
            held = labels == fold
            for k, (name, own) in enumerate(columns.items()):
                model = self._fit_learner(name, rows, ~held & there[:, k], own)
                use = held & there[:, k]
                if use.any():
                    given = {key: take_rows_of(value, use) for key, value in rows.given.items()}
                    parts.append((use, k, self._forecast_of(name, model, rows.frame.loc[use, own], given)))
        value = rows.y["value"]
        grid = np.unique(np.concatenate([value[~np.isnan(value)], *(forecast.levels for _, _, forecast in parts)]))
        below = np.full((value.size, grid.size - 1, len(columns)), np.nan)
        for use, k, forecast in parts:
            below[use, :, k] = forecast.below(grid[:-1])
        return KnownScores.of(grid, value, rows.weights, rows.weight_kind, rows.clusters), below

    @property
    def levels_(self) -> np.ndarray:
        """Scores that the distribution has mass on: those of all learners, increasing."""
        if not self._fitted_to_scores:
            raise AttributeError(f"This {type(self).__name__} is not fitted to scores.")
        return np.unique(np.concatenate([model.levels_ for model in self.models_.values()]))

    def _all_below(self, frame: pd.DataFrame, given: Mapping[str, Any]) -> np.ndarray:
        """P(Y ≤ level) by the learners that stay, shape (n, K, learners); NaN where a row lacks their modalities."""
        levels, there = self.levels_, self._available(frame)
        out = np.full((len(frame), levels.size, len(self.models_)), np.nan)
        for k, (name, model) in enumerate(self.models_.items()):
            use = there[:, k]
            if use.any():
                own = {key: take_rows_of(value, use) for key, value in given.items() if value is not None}
                forecast = self._forecast_of(name, model, frame.loc[use, self.columns_[name]], own)
                out[use, :, k] = forecast.below(levels)
        return out

    def _below(self, frame: pd.DataFrame, given: Mapping[str, Any]) -> np.ndarray:
        """P(Y ≤ level) of the combination, shape (n, K)."""
        raise NotImplementedError

    # ---- output ------------------------------------------------------------------------------------------------

    def _check_scores(self) -> None:
        self._check_fitted()
        if not self._fitted_to_scores:
            raise argument_error("y", "a score (Measured.at) at fit, for its distribution", "another outcome")

    @available_if(_of_scores)
    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return P(Y = level) for each of ``levels_``, after a fit to scores; shape (n, K).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the learners where given.
        """
        self._check_scores()
        below = self._below(self._ordered(X), {"offset": offset})
        return np.maximum(np.diff(below, axis=1, prepend=0.0), 0.0)

    @available_if(_of_scores)
    @takes_rows()
    def predict_forecast(self, X: Any, *, offset: Any = None) -> ScoreForecast:
        """Return the predicted distribution of the score with its levels, as `evaluate` takes it.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the learners where given.
        """
        shares = self.predict_distribution(X, offset=offset)
        return ScoreForecast(self.levels_, shares, labels_of(X))

    @available_if(_of_scores)
    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected score, Σ level · P(Y = level); shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the learners where given.
        """
        return self.predict_distribution(X, offset=offset) @ self.levels_

    @available_if(_of_scores)
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
            As in `ScoreForecast.quantile`.
        offset : array-like of shape (n,), optional
            Passed to the learners where given.
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
        """Return the probability of the event by each horizon, or of a score of at most (at least) a cut at the visit.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        horizons : float or sequence of float, optional
            Prediction times, increasing, in the unit of the training outcome; by default the visit of a score.
        cause : int, default 1
            Event code.
        strata, offset : array-like of shape (n,), optional
            Passed to the learners where given.
        at_most, at_least : float or array-like of shape (n,), optional
            Cut of a score; by default the one declared with the training outcome.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks in [0, 1]; a column beyond the longest follow-up of the training data is NaN, and of a score that of
            another time than the visit.

        Raises
        ------
        ArgumentError
            If the model was fitted to scores and no cut is known, or to another outcome and a cut is given.
        """
        self._check_fitted()
        if not self._fitted_to_scores:
            self._refuse(at_most=at_most, at_least=at_least)
            return super().predict_risk(X, horizons, cause, strata=strata, offset=offset)
        self._refuse(strata=strata)
        times, _ = check_horizons(self.horizon_ if horizons is None else horizons)
        risk = risk_at_cut(self, cause, at_most, at_least, maker="Measured.at")(self.predict_forecast(X, offset=offset))
        out = np.full((risk.size, times.size), np.nan)
        out[:, np.isclose(times, self.horizon_, rtol=1e-9, atol=0)] = risk[:, None]
        return out

    @takes_rows()
    def score(self, X: Any, y: np.ndarray, *, horizons: Any = None, sample_weight: Any = None) -> float:
        """Return minus the Brier score of the event of interest (of a score: minus the CRPS); higher is better.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Outcome of the kind of the fit.
        horizons : float or sequence of float, optional
            Times at which to score; None for a score.
        sample_weight : array-like of shape (n,), optional
            Row weights.
        """
        self._check_fitted()
        if not self._fitted_to_scores:
            return super().score(X, y, horizons=horizons, sample_weight=sample_weight)
        self._refuse(horizons=horizons)
        check_outcome(y, ("measured",), caller=f"{type(self).__name__}.score")
        weights = check_weights(sample_weight, y.shape[0])
        seen = ~np.isnan(y["value"])
        if not seen.any():
            return float("nan")
        forecast = self.predict_forecast(X)
        loss = ranked_losses(forecast.levels, forecast.cumulative()[seen], y["value"][seen])
        return -float(np.average(loss, weights=None if weights is None else weights.values[seen]))
