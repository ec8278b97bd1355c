"""``RiskPipeline``: preprocessing and model as one thing, so that resampling repeats all of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    FeatureMap,
    Objection,
    argument_error,
    check_choice,
    check_confidence,
    check_horizons,
    labels_of,
    linear_predictor_of,
    linear_predictor_scale,
    takes_rows,
)
from lbp_prognosis.fusion._completions import MultipleStep
from lbp_prognosis.fusion._frame import as_frame, coarse_ranges, match_columns
from lbp_prognosis.fusion._pipeline_rows import Scored, beside, rows_of
from lbp_prognosis.fusion._step_output import fitted_output, step_output
from lbp_prognosis.fusion._tell_categories import tell_categories
from lbp_prognosis.survival import ScoreForecast

__all__ = ["Branch", "RiskBand", "RiskPipeline"]


class RiskBand(NamedTuple):
    """A risk and what the missing values could still make of it; arrays of shape (n, n_horizons)."""

    risk: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Branch(NamedTuple):
    """Steps after the imputation, and the model, fitted on one completed table."""

    steps: list[Any]
    model: Any


def _model_has(name: str) -> Any:
    return available_if(lambda pipeline: hasattr(pipeline.model, name))


class RiskPipeline(BaseEstimator):
    """Transformers, then a risk model, fitted together.

    Parameters
    ----------
    steps : sequence of transformers or (name, transformer)
        Anything with scikit-learn's ``fit`` and ``transform``; output frames keep their names. At most one step may
        make several completed tables (`MultipleImputation`); what follows it is then fitted on each.
    model : estimator
        Anything with ``fit(X, y)`` and ``predict_risk(X, horizons)``.
    modalities : mapping of str to sequence of str, optional
        Columns by modality. Given, columns outside it are no predictors (see ``unused_columns_``), and a step may name
        columns of a modality that is absent from ``X`` as a whole: so a pipeline can be refitted without a modality.
    combine : {"risk", "cloglog", "logit"}, default "risk"
        Scale on which the risks of the completed tables' models are averaged. ``"cloglog"`` is the averaging of
        coefficients and log-baselines of proportional-hazards models, ``"logit"`` that of logistic models.

    Attributes
    ----------
    steps_ : list of (str, transformer)
        Fitted steps, up to and including the one that imputes.
    models_ : list
        Fitted models, one per completed table; one in all without imputation.
    feature_names_in_ : ndarray of str
        Columns of ``X`` at the fit.
    training_ranges_ : dict of str to tuple
        Of each numeric column: coarse low and high bound, and how many training rows lie at or beyond them.
    unused_columns_ : tuple of str
        Columns of ``X`` that are of no modality and so were not used.

    Notes
    -----
    Columns that the model reads by name (its ``strata`` and ``offset``) go past the steps untouched. A column that a
    step names as context (the batch of `ComBat`) reaches the steps although it is of no modality.

    At prediction no outcome is looked at. A row with missing values is completed several times given what is observed
    in it, and its risk is the mean over the completions: ∫ risk(x) dF(x_missing | x_observed).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import CoxPH, Surv
    >>> from lbp_prognosis.fusion import RiskPipeline, Standardise
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(50, 10, 60), "pain": rng.integers(0, 11, 60)})
    >>> y = Surv.right(rng.exponential(12, 60), rng.random(60) < 0.7)
    >>> RiskPipeline([Standardise()], CoxPH()).fit(X, y).predict_risk(X, [3, 6]).shape
    (60, 2)
    """

    def __init__(
        self,
        steps: Sequence[Any],
        model: Any,
        *,
        modalities: Mapping[str, Sequence[str]] | None = None,
        combine: str = "risk",
    ) -> None:
        self.steps = steps
        self.model = model
        self.modalities = modalities
        self.combine = combine

    # ---- parameters ----------------------------------------------------------------------------------------------

    def _named_steps(self) -> list[tuple[str, Any]]:
        named: list[tuple[str, Any]] = []
        taken: dict[str, int] = {}
        for step in self.steps:
            if isinstance(step, tuple) and len(step) == 2:
                name, transformer = step
            else:
                name, transformer = type(step).__name__.lower(), step
                taken[name] = taken.get(name, 0) + 1
                name = name if taken[name] == 1 else f"{name}-{taken[name]}"
            named.append((str(name), transformer))
        names = [name for name, _ in named]
        own = {"steps", "model", "modalities", "combine"}
        if len(set(names)) != len(names) or own & set(names) or any("__" in name for name in names):
            raise argument_error("steps", f"of distinct names without '__' and not among {sorted(own)}", str(names))
        return named

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep`` those of the steps and the model too, as ``name__parameter``."""
        parameters = super().get_params(deep=deep)
        if deep:
            for name, step in self._named_steps():
                parameters[name] = step
                if hasattr(step, "get_params"):
                    parameters.update({f"{name}__{key}": value for key, value in step.get_params(deep=True).items()})
        return parameters

    def set_params(self, **parameters: Any) -> RiskPipeline:
        """Set parameters by the names that `get_params` gives."""
        for key in ("steps", "model", "modalities", "combine"):
            if key in parameters:
                setattr(self, key, parameters.pop(key))
        names = [name for name, _ in self._named_steps()]
        rest: dict[str, Any] = {}
        for key, value in parameters.items():
            name, _, inner = key.partition("__")
            if name not in names:
                rest[key] = value
            elif inner:
                self._named_steps()[names.index(name)][1].set_params(**{inner: value})
            else:
                steps = list(self.steps)
                steps[names.index(name)] = (name, value)
                self.steps = steps
        super().set_params(**rest)
        return self

    # ---- fitting -------------------------------------------------------------------------------------------------

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
    ) -> RiskPipeline:
        """Fit the steps and the model.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors, with missing values if a step imputes.
        y : ndarray of shape (n,)
            Structured outcome.
        sample_weight, strata, offset, clusters : array-like of shape (n,), optional
            Passed to the model where given.
        """
        check_choice("combine", self.combine, ("risk", "cloglog", "logit"))
        frame = as_frame(X)
        if not hasattr(self.model, "predict_risk") or not hasattr(self.model, "fit"):
            raise argument_error("model", "an estimator with `fit` and `predict_risk`", self.model)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.held_columns_ = self._held(frame)
        context = {name for _, step in self._named_steps() for name in getattr(step, "context_columns", ())}
        used = [column for column in frame.columns if column not in self.held_columns_ or column in context]
        self.unused_columns_: tuple[str, ...] = ()
        if self.modalities is not None:
            mapped = context | set(FeatureMap({str(k): tuple(v) for k, v in self.modalities.items()}).columns)
            self.unused_columns_ = tuple(column for column in used if column not in mapped)
            used = [column for column in used if column in mapped]
        if not set(used) - context:
            raise argument_error("X", "a table with at least one predictor", f"columns {list(frame.columns)[:5]}")
        self.columns_, self.training_ranges_ = used, coarse_ranges(frame[used])
        given = {"sample_weight": sample_weight, "strata": strata, "offset": offset, "clusters": clusters}
        extra = {name: value for name, value in given.items() if value is not None}
        held = frame[self.held_columns_]
        self._fit_steps(frame[used], y, held, extra)
        self.models_ = [branch.model for branch in self.branches_]
        return self

    def _fit_steps(self, inner: pd.DataFrame, y: np.ndarray, held: pd.DataFrame, extra: dict[str, Any]) -> None:
        named = [(name, self._adapted(step, inner)) for name, step in self._named_steps()]
        multiple = [k for k, (_, step) in enumerate(named) if isinstance(step, MultipleStep)]
        if len(multiple) > 1:
            raise argument_error("steps", "at most one step that makes several tables", f"{len(multiple)} of them")
        cut = multiple[0] if multiple else len(named)
        self.steps_: list[tuple[str, Any]] = []
        for name, step in named[:cut]:
            inner = fitted_output(step, inner, y)
            self.steps_.append((name, step))
        tables = [inner]
        self.imputer_ = None
        if multiple:
            name, self.imputer_ = named[cut]
            tell_categories(self.imputer_, inner, [step for _, step in named[cut + 1 :]])
            tables = self.imputer_.complete_training(inner, y)
            self.steps_.append((name, self.imputer_))
        self.branches_: list[Branch] = []
        for table in tables:
            steps = [clone(step) for _, step in named[cut + 1 :]]
            for step in steps:
                table = fitted_output(step, table, y)
            model = clone(self.model).fit(beside(table, held), y, **extra)
            self.branches_.append(Branch(steps, model))

    def _held(self, frame: pd.DataFrame) -> list[str]:
        held: list[str] = []
        for parameter in ("strata", "offset"):
            named = getattr(self.model, parameter, None)
            names = [named] if isinstance(named, str) else list(named) if isinstance(named, list | tuple) else []
            held += [name for name in names if isinstance(name, str) and name in frame.columns]
        return list(dict.fromkeys(held))

    def _adapted(self, step: Any, frame: pd.DataFrame) -> Any:
        """Clone a step; columns it names that belong to a modality absent as a whole are taken off its list."""
        copy = clone(step)
        columns = getattr(copy, "columns", None)
        if self.modalities is None or columns is None or isinstance(columns, str):
            return copy
        absent = {
            column for group in self.modalities.values() if not set(group) & set(frame.columns) for column in group
        }
        if absent & set(columns):
            copy.set_params(columns=[column for column in columns if column not in absent])
        return copy

    # ---- prediction ----------------------------------------------------------------------------------------------

    def _prepare(self, X: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        check_is_fitted(self, "branches_")
        frame = as_frame(X)
        wanted = [*self.columns_, *self.held_columns_]
        absent = [column for column in wanted if column not in frame.columns]
        if absent:
            raise argument_error("X", f"a table with the {len(wanted)} columns of the fit", f"one without {absent[:5]}")
        inner = frame[self.columns_]
        for _, step in self.steps_:
            if step is not self.imputer_:
                inner = step_output(step, inner)
        return inner, frame[self.held_columns_]

    @takes_rows()
    def seen_by_model(self, X: Any) -> tuple[Any, pd.DataFrame]:
        """Return the model fitted on the first completed table, and rows without missing values as it sees them.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Complete rows.
        """
        return self.seen_by_models(X)[0]

    @takes_rows()
    def seen_by_models(self, X: Any) -> list[tuple[Any, pd.DataFrame]]:
        """Return the model of each completed table, and rows without missing values as it sees them.

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

        One array a branch.
        """
        n = len(inner)
        if self.imputer_ is None:
            rows = np.arange(n)
            return [np.asarray(predict(b.model, self._model_input(b, inner, held, rows), rows)) for b in self.branches_]
        complete, averages = self.imputer_.completer(inner), []
        for branch in self.branches_:
            done = complete(self._score(branch, held))
            values = np.asarray(predict(branch.model, self._model_input(branch, done.frame, held, done.row), done.row))
            columns = values.reshape(len(values), -1).T * done.weight
            sums = [np.bincount(done.row, column, minlength=n) for column in columns]
            averages.append(np.stack(sums, axis=1).reshape(n, *values.shape[1:]))
        return averages

    @takes_rows()
    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return P(T ≤ horizon, event = cause | what is observed of x).

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        horizons : float or sequence of float
            Prediction times, in the unit of the outcome.
        cause : int, default 1
            Event code.
        strata, offset : array-like of shape (n,), optional
            Passed to the model where given.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks; a column beyond the model's follow-up is NaN.
        """
        inner, held = self._prepare(X)

        def risks(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict_risk(table, horizons, cause, **rows_of(row, strata=strata, offset=offset))

        return self._combined(self._over_completions(inner, held, risks))

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

    @takes_rows()
    def predict_risk_band(
        self, X: Any, horizons: Any, cause: int = 1, *, confidence: float = 0.95, strata: Any = None, offset: Any = None
    ) -> RiskBand:
        """Return the risk and the range in which it would lie were the missing values known.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors, with missing values.
        horizons : float or sequence of float
            Prediction times.
        cause : int, default 1
            Event code.
        confidence : float, default 0.95
            Share of the conditional distribution of the missing values that the range covers.
        strata, offset : array-like of shape (n,), optional
            Passed to the model where given.

        Notes
        -----
        The range is not a confidence interval of the risk: it says what an image not yet taken could still tell. For
        a complete row it has no width.
        """
        from scipy.stats import norm

        check_confidence(confidence)
        inner, held = self._prepare(X)
        times, _ = check_horizons(horizons)
        keywords = {"strata": strata, "offset": offset}
        risk = self.predict_risk(X, horizons, cause, strata=strata, offset=offset)
        if self.imputer_ is None:
            return RiskBand(risk, risk.copy(), risk.copy())
        z = float(norm.ppf(0.5 + confidence / 2))
        lows, highs = [], []
        complete = self.imputer_.completer(inner)
        for branch in self.branches_:
            done = complete(self._score(branch, held), nodes=np.array([-z, z]))
            table = self._model_input(branch, done.frame, held, done.row)
            values = branch.model.predict_risk(table, times, cause, **rows_of(done.row, **keywords))
            low, high = np.empty((len(inner), times.size)), np.empty((len(inner), times.size))
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

    @takes_rows()
    def calibrate(self, X: Any) -> RiskPipeline:
        """Return a copy whose harmonisation knows new sites too, from their rows without outcome.

        Parameters
        ----------
        X : DataFrame
            Rows of sites that the fit did not see; used for nothing else (see `ComBat.calibrate`).

        Notes
        -----
        The step has to come before an imputation. The model and all other steps stay as they were fitted.
        """
        check_is_fitted(self, "branches_")
        inner = match_columns(X, self.columns_)
        steps: list[tuple[str, Any]] = []
        for name, step in self.steps_:
            steps.append((name, step.calibrate(inner) if hasattr(step, "calibrate") else step))
            if step is self.imputer_:
                break
            inner = step_output(steps[-1][1], inner)
        late = [type(step).__name__ for step in self.branches_[0].steps if hasattr(step, "calibrate")]
        if late or all(new is old for (_, new), (_, old) in zip(steps, self.steps_)):
            raise argument_error(
                "steps", "with a step before the imputation that can be calibrated (ComBat)", f"{late or 'none'}"
            )
        made = copy.copy(self)
        made.steps_ = steps
        return made

    @_model_has("linear_predictor")
    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1, **keywords: Any) -> np.ndarray:
        """Return the linear predictor, averaged over completions and completed tables; shape (n,)."""
        scores = self._over_completions(
            *self._prepare(X),
            lambda model, table, row: linear_predictor_of(model, table, cause, **rows_of(row, **keywords)),
        )
        return np.mean(scores, axis=0)

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of the linear predictor, as the model at the end states it."""
        return linear_predictor_scale(self.branches_[0].model if hasattr(self, "branches_") else self.model)

    @_model_has("predict_survival")
    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(T > t) of any event, averaged over completions and completed tables; shape (n, n_times)."""
        inner, held = self._prepare(X)

        def survival(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict_survival(table, times, **rows_of(row, strata=strata, offset=offset))

        return np.mean(self._over_completions(inner, held, survival), axis=0)

    @_model_has("predict_forecast")
    @takes_rows()
    def predict_forecast(self, X: Any, *, offset: Any = None) -> ScoreForecast:
        """Return the predicted distribution of a score, averaged over completions and completed tables.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors; missing values are allowed if a step imputes.
        offset : array-like of shape (n,), optional
            Passed to the model where given.
        """
        inner, held = self._prepare(X)

        def shares(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict_distribution(table, **rows_of(row, offset=offset))

        levels = self.models_[0].levels_  # every completed table has the scores of the same patients
        return ScoreForecast(levels, np.mean(self._over_completions(inner, held, shares), axis=0), labels_of(X))

    @_model_has("predict_forecast")
    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected score, averaged over completions and completed tables; shape (n,).

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the model where given.
        """
        inner, held = self._prepare(X)

        def means(model: Any, table: pd.DataFrame, row: np.ndarray) -> np.ndarray:
            return model.predict_mean(table, **rows_of(row, offset=offset))

        return np.mean(self._over_completions(inner, held, means), axis=0)

    @_model_has("score")
    @takes_rows()
    def score(self, X: Any, y: np.ndarray, **keywords: Any) -> float:
        """Return the model's own score of the pipeline's risks (proper by default; higher is better)."""
        check_is_fitted(self, "branches_")
        scorer = Scored(self)
        return float(type(self.models_[0]).score(scorer.like(self.models_[0]), X, y, **keywords))

    @property
    def max_time_(self) -> float:
        """Longest follow-up of the training data."""
        return float(self.models_[0].max_time_)

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections of the fitted steps and models, e.g. a scanner that is confounded with the outcome."""
        check_is_fitted(self, "branches_")
        steps = [step for _, step in self.steps_] + [step for branch in self.branches_ for step in branch.steps]
        steps += self.models_
        return tuple(dict.fromkeys(found for step in steps for found in getattr(step, "objections_", ())))

    @property
    def causes_(self) -> np.ndarray:
        """Event codes that occurred in the training data."""
        return self.models_[0].causes_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "branches_")
