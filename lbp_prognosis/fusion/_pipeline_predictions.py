"""Predictions of a fitted `RiskPipeline`: each row is completed, predicted in every branch, and averaged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    argument_error,
    check_confidence,
    check_horizons,
    labels_of,
    linear_predictor_of,
    takes_rows,
)
from lbp_prognosis.fusion._frame import as_frame
from lbp_prognosis.fusion._pipeline_rows import Scored, beside, rows_of
from lbp_prognosis.fusion._step_output import step_output
from lbp_prognosis.survival import ScoreForecast

__all__ = ["Branch", "PipelinePredictions", "RiskBand"]


class RiskBand(NamedTuple):
    """Risk and its range over the missing values; arrays of shape (n, n_horizons)."""

    risk: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Branch(NamedTuple):
    """Branch of a pipeline: the steps after the imputation and the model, fitted on one completed table."""

    steps: list[Any]
    model: Any


def _model_has(name: str) -> Any:
    return available_if(lambda pipeline: hasattr(pipeline.model, name))


def _averaged(values: np.ndarray, row: np.ndarray, weight: np.ndarray, n: int) -> np.ndarray:
    """Return the weighted sum of the completions of each of n rows."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    if len(row) == n and np.bincount(row, minlength=n).all():  # complete rows: each has one completion
        out = np.zeros(flat.shape)
        out[row] += flat * weight[:, None]
    else:
        out = np.stack([np.bincount(row, column, minlength=n) for column in flat.T * weight], axis=1)
    return out.reshape(n, *values.shape[1:])


class PipelinePredictions:
    """Prediction methods of `RiskPipeline`."""

    model: Any
    combine: str
    branches_: list[Branch]
    models_: list[Any]
    imputer_: Any
    steps_: list[tuple[str, Any]]
    columns_: list[str]
    held_columns_: list[str]

    def _prepare(self, X: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        check_is_fitted(self, "branches_")
        frame = as_frame(X)
        wanted = [*self.columns_, *self.held_columns_]
        if wanted == list(frame.columns) and not self.held_columns_:
            inner = frame.copy()  # no name need be looked up
        else:
            absent = [column for column in wanted if column not in frame.columns]
            if absent:
                told = f"a table with the {len(wanted)} columns of the fit"
                raise argument_error("X", told, f"one without {absent[:5]}")
            inner = frame[self.columns_]
        for _, step in self.steps_:
            if step is not self.imputer_:
                inner = step_output(step, inner)
        return inner, frame[self.held_columns_]

    @takes_rows()
    def seen_by_model(self, X: Any) -> tuple[Any, pd.DataFrame]:
        """Return the model fitted on the first completed table, and complete rows as transformed for it.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Complete rows.
        """
        return self.seen_by_models(X)[0]

    @takes_rows()
    def seen_by_models(self, X: Any) -> list[tuple[Any, pd.DataFrame]]:
        """Return the model of each completed table, and complete rows as transformed for it.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Complete rows.
        """
        inner, held = self._prepare(X)
        rows = np.arange(len(inner))
        return [(branch.model, self._model_input(branch, inner, held, rows)) for branch in self.branches_]

    @staticmethod
    def _model_input(branch: Branch, inner: pd.DataFrame, held: pd.DataFrame, row: np.ndarray) -> pd.DataFrame:
        for step in branch.steps:
            inner = step_output(step, inner)
        return inner if held.shape[1] == 0 else beside(inner, held.iloc[row].set_axis(inner.index, axis=0))

    def _score(self, branch: Branch, held: pd.DataFrame) -> Any:
        if not hasattr(branch.model, "linear_predictor"):
            return None
        return lambda table, row: np.asarray(
            branch.model.linear_predictor(self._model_input(branch, table, held, row)), dtype=float
        )

    def _over_completions(self, inner: pd.DataFrame, held: pd.DataFrame, predict: Any) -> list[np.ndarray]:
        """Apply ``predict(model, table, row)`` to the completed rows and average it over each row's completions.

        Return one array per branch.
        """
        n = len(inner)
        if self.imputer_ is None:
            rows = np.arange(n)
            return [np.asarray(predict(b.model, self._model_input(b, inner, held, rows), rows)) for b in self.branches_]
        complete, averages = self.imputer_.completer(inner), []
        for branch in self.branches_:
            done = complete(self._score(branch, held))
            values = np.asarray(predict(branch.model, self._model_input(branch, done.frame, held, done.row), done.row))
            averages.append(_averaged(values, done.row, done.weight, n))
        return averages

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
        """Return P(T ≤ horizon, event = cause | what is observed of x), or that of a score at most (at least) a cut.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        horizons : float or sequence of float, optional
            Prediction times, in the unit of the outcome; by default the visit of a score.
        cause : int, default 1
            Event code.
        strata, offset : array-like of shape (n,), optional
            Passed to the model if given.
        at_most, at_least : float or array-like of shape (n,), optional
            Cut of a score; by default the one declared with the training outcome.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks; a column beyond the model's follow-up is NaN.

        Raises
        ------
        ArgumentError
            If a cut is given, or no horizon, for a model of another outcome than a score.
        """
        inner, held = self._prepare(X)
        self._check_cut(horizons, at_most, at_least)
        keywords = {"strata": strata, "offset": offset, "at_most": at_most, "at_least": at_least}

        def risks(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict_risk(table, horizons, cause, **rows_of(row, **keywords))

        return self._combined(self._over_completions(inner, held, risks))

    def _check_cut(self, horizons: Any, at_most: Any, at_least: Any) -> None:
        """Refuse a cut, and no horizon, where the model is of no score."""
        if hasattr(self.models_[0], "predict_forecast"):
            return
        for name, cut in (("at_most", at_most), ("at_least", at_least)):
            if cut is not None:
                raise argument_error(name, "left out: the model was not fitted to scores", "a cut")
        if horizons is None:
            raise argument_error("horizons", "a number or a sequence of numbers", "none")

    def _combined(self, risks: list[np.ndarray]) -> np.ndarray:
        if len(risks) == 1:
            return risks[0]
        stack = np.stack(risks)
        if self.combine == "risk":
            return stack.mean(axis=0)
        inside = np.clip(stack, 1e-15, 1 - 1e-15)
        if self.combine == "logit":
            return expit(logit(inside).mean(axis=0))
        return -np.expm1(-np.exp(np.log(-np.log1p(-inside)).mean(axis=0)))

    @_model_has("predict")
    @takes_rows()
    def predict(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the score of the model's ``predict``, averaged over completions and completed tables; shape (n,).

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        offset : array-like of shape (n,), optional
            Passed to the model if given.
        """
        inner, held = self._prepare(X)

        def scores(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict(table, **rows_of(row, offset=offset))

        return np.mean(self._over_completions(inner, held, scores), axis=0)

    @_model_has("predict_survival_function")
    @takes_rows()
    def predict_survival_function(
        self, X: Any, *, return_array: bool = False, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the survival curve of each row, as scikit-survival does, averaged as risks are.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        return_array : bool, default False
            Numbers instead of functions.
        strata, offset : array-like of shape (n,), optional
            Passed to the model if given.

        Returns
        -------
        ndarray of shape (n,) of SurvivalFunction, or (n, n_times) of float
            P(T > t) of any event at the model's ``unique_times_``.

        Raises
        ------
        ArgumentError
            If the model has no survival curve, or models of several tables have curves at different times.
        """
        inner, held = self._prepare(X)
        kept: list[Any] = []

        def risks(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            given = rows_of(row, strata=strata, offset=offset)
            first = {name: value[:1] for name, value in given.items()}
            kept.extend(model.predict_survival_function(table.iloc[:1], **first))
            return 1.0 - model.predict_survival_function(table, return_array=True, **given)

        found = self._over_completions(inner, held, risks)
        if any(not np.array_equal(one.x, kept[0].x) for one in kept):
            raise argument_error(
                "self", "of models with curves at the same times", "others", "Ask for times: predict_risk(X, horizons)."
            )
        survival = 1.0 - self._combined(found)
        if return_array:
            return survival
        out = np.empty(len(survival), dtype=object)
        out[:] = [replace(kept[0], y=row) for row in survival]
        return out

    @takes_rows(at_most="numbers", at_least="numbers")
    def predict_risk_band(
        self,
        X: Any,
        horizons: Any = None,
        cause: int = 1,
        *,
        confidence: float = 0.95,
        strata: Any = None,
        offset: Any = None,
        at_most: Any = None,
        at_least: Any = None,
    ) -> RiskBand:
        """Return the risk and the range of risks over the possible values of the missing predictors.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors, with missing values.
        horizons : float or sequence of float, optional
            Prediction times; by default the visit of a score.
        cause : int, default 1
            Event code.
        confidence : float, default 0.95
            Share of the conditional distribution of the missing values that the range covers.
        strata, offset : array-like of shape (n,), optional
            Passed to the model if given.
        at_most, at_least : float or array-like of shape (n,), optional
            Cut of a score, as for `predict_risk`.

        Notes
        -----
        The range is not a confidence interval of the risk: it shows how much an image not yet taken could change the
        risk. For a complete row it has zero width.
        """
        from scipy.stats import norm

        check_confidence(confidence)
        inner, held = self._prepare(X)
        times = None if horizons is None else check_horizons(horizons)[0]
        keywords = {"strata": strata, "offset": offset, "at_most": at_most, "at_least": at_least}
        risk = self.predict_risk(X, horizons, cause, **keywords)
        if self.imputer_ is None or not len(inner):
            return RiskBand(risk, risk.copy(), risk.copy())
        z = float(norm.ppf(0.5 + confidence / 2))
        lows, highs = [], []
        complete = self.imputer_.completer(inner)
        for branch in self.branches_:
            done = complete(self._score(branch, held), nodes=np.array([-z, z]))
            table = self._model_input(branch, done.frame, held, done.row)
            values = branch.model.predict_risk(table, times, cause, **rows_of(done.row, **keywords))
            low, high = np.empty(risk.shape), np.empty(risk.shape)
            order = np.argsort(done.row, kind="stable")
            pieces = np.split(order, np.searchsorted(done.row[order], np.arange(1, len(inner))))
            for i, piece in enumerate(pieces):
                if done.exact[i]:
                    low[i], high[i] = values[piece].min(axis=0), values[piece].max(axis=0)
                else:
                    low[i], high[i] = np.quantile(values[piece], [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
            lows.append(low)
            highs.append(high)
        return RiskBand(risk, self._combined(lows), self._combined(highs))

    @_model_has("linear_predictor")
    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1, **keywords: Any) -> np.ndarray:
        """Return the linear predictor, averaged over completions and completed tables; shape (n,)."""
        scores = self._over_completions(
            *self._prepare(X),
            lambda model, table, row: linear_predictor_of(model, table, cause, **rows_of(row, **keywords)),
        )
        return np.mean(scores, axis=0)

    @_model_has("predict_survival")
    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(T > t) of any event, averaged over completions and completed tables; shape (n, n_times)."""
        inner, held = self._prepare(X)

        def survival(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict_survival(table, times, **rows_of(row, strata=strata, offset=offset))

        return np.mean(self._over_completions(inner, held, survival), axis=0)

    @property
    def levels_(self) -> np.ndarray:
        """Scores with positive probability in the distribution of a model of scores, increasing."""
        return np.asarray(self.models_[0].levels_)

    @_model_has("predict_forecast")
    @takes_rows()
    def predict_distribution(self, X: Any, visit: float | None = None, *, offset: Any = None) -> np.ndarray:
        """Return P(score = level) for each of ``levels_``, averaged over completions and completed tables.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        visit : float, optional
            Visit of a model of several visits (`LongitudinalOutcome`); the last by default.
        offset : array-like of shape (n,), optional
            Passed to the model if given.

        Returns
        -------
        ndarray of shape (n, K)

        Raises
        ------
        ArgumentError
            If a visit is given to a model of a single visit.
        """
        return np.mean(self._of_scores("predict_distribution", X, visit, offset), axis=0)

    def _of_scores(self, method: str, X: Any, visit: float | None, offset: Any) -> list[np.ndarray]:
        """Return what a method of the model of scores gives, per completed table."""
        inner, held = self._prepare(X)
        if visit is not None and not hasattr(self.model, "predict_sd"):
            raise argument_error("visit", "left out for a model of one visit", visit)
        at = {} if visit is None else {"visit": visit}

        def predict(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return getattr(model, method)(table, **at, **rows_of(row, offset=offset))

        return self._over_completions(inner, held, predict)

    @_model_has("predict_forecast")
    @takes_rows()
    def predict_forecast(self, X: Any, visit: float | None = None, *, offset: Any = None) -> ScoreForecast:
        """Return the predicted distribution of a score, averaged over completions and completed tables.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        visit : float, optional
            Visit of a model of several visits (`LongitudinalOutcome`); the last by default.
        offset : array-like of shape (n,), optional
            Passed to the model if given.

        Raises
        ------
        ArgumentError
            If a visit is given to a model of a single visit.
        """
        shares = self.predict_distribution(X, visit, offset=offset)
        return ScoreForecast(self.levels_, shares, labels_of(X))  # all completed tables have the same patients

    @_model_has("predict_forecast")
    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected score, averaged over completions and completed tables; shape (n,).

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the model if given.
        """
        return np.mean(self._of_scores("predict_mean", X, None, offset), axis=0)

    @_model_has("predict_forecast")
    @takes_rows()
    def predict_quantile(
        self,
        X: Any,
        q: float = 0.5,
        *,
        visit: float | None = None,
        method: str = "interpolated",
        offset: Any = None,
    ) -> np.ndarray:
        """Return quantiles of the averaged distribution of a score; shape (n,).

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors.
        q : float, default 0.5
            Probability in (0, 1).
        visit : float, optional
            As for `predict_forecast`.
        method : {"interpolated", "discrete"}, default "interpolated"
            As in `ScoreForecast.quantile`.
        offset : array-like of shape (n,), optional
            Passed to the model if given.
        """
        return self.predict_forecast(X, visit, offset=offset).quantile(q, method=method)

    @_model_has("score")
    @takes_rows()
    def score(self, X: Any, y: np.ndarray, **keywords: Any) -> float:
        """Return the model's own scoring rule for the pipeline's risks (proper by default; higher is better)."""
        check_is_fitted(self, "branches_")
        scorer = Scored(self)
        return float(type(self.models_[0]).score(scorer.like(self.models_[0]), X, y, **keywords))
