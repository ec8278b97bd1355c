"""``RiskPipeline``: preprocessing and model as one estimator, so that resampling repeats all steps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    FeatureMap,
    Objection,
    argument_error,
    check_choice,
    fit_on_stretches,
    linear_predictor_scale,
    takes_rows,
)
from lbp_prognosis.fusion._completions import MultipleStep
from lbp_prognosis.fusion._frame import as_frame, coarse_ranges, match_columns
from lbp_prognosis.fusion._pipeline_predictions import Branch, PipelinePredictions
from lbp_prognosis.fusion._pipeline_rows import beside
from lbp_prognosis.fusion._step_output import fitted_output, step_output
from lbp_prognosis.fusion._tell_categories import tell_categories
from lbp_prognosis.fusion._without_columns import without_columns

__all__ = ["RiskPipeline"]


class RiskPipeline(PipelinePredictions, BaseEstimator):
    """Pipeline of transformers and a risk model that are fitted together.

    Parameters
    ----------
    steps : sequence of transformers or (name, transformer)
        Objects with scikit-learn's ``fit`` and ``transform``; output frames keep their names. At most one step may
        return several completed tables (`MultipleImputation`); the steps after it are then fitted on each.
    model : estimator
        Object with ``fit(X, y)`` and ``predict_risk(X, horizons)``.
    modalities : mapping of str to sequence of str, optional
        Columns by modality. If given, columns outside it are not predictors (see ``unused_columns_``), and a step may
        name columns of a modality that is entirely absent from ``X``, so that a pipeline can be refitted without a
        modality.
    combine : {"risk", "cloglog", "logit"}, default "risk"
        Scale on which the risks of the completed tables' models are averaged. ``"cloglog"`` averages coefficients and
        log baselines of proportional-hazards models, ``"logit"`` those of logistic models.

    Attributes
    ----------
    steps_ : list of (str, transformer)
        Fitted steps, up to and including the imputation.
    models_ : list
        Fitted models, one per completed table; a single model without imputation.
    feature_names_in_ : ndarray of str
        Columns of ``X`` at the fit.
    training_ranges_ : dict of str to tuple
        Per numeric column: coarse lower and upper bound, and the number of training rows at or beyond each.
    unused_columns_ : tuple of str
        Columns of ``X`` that belong to no modality and were not used.

    Notes
    -----
    Columns that the model reads by name (its ``strata`` and ``offset``) bypass the steps unchanged. A column that a
    step names as context (the batch of `ComBat`) is passed to the steps although it belongs to no modality.

    Prediction uses no outcome. A row with missing values is completed several times given its observed values, and its
    risk is the mean over the completions: ∫ risk(x) dF(x_missing | x_observed).

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
            Passed to the model if given.
        """
        given = {"sample_weight": sample_weight, "strata": strata, "offset": offset, "clusters": clusters}
        extra = {name: value for name, value in given.items() if value is not None}
        return self._fit(X, y, lambda model, table: model.fit(table, y, **extra))

    @takes_rows()
    def fit_stretches(self, X: Any, y: np.ndarray, rows: Any, stretches: np.ndarray, *, weights: Any) -> RiskPipeline:
        """Fit the steps to patients and the model to stretches of their follow-up.

        A patient is imputed once; all stretches of the patient have the same values.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors, one row per patient.
        y : ndarray of shape (n,)
            Outcome of the patients, which the steps use.
        rows : ndarray of int of shape (m,)
            Patient of each stretch, as the position in ``X``; also the unit of the standard errors.
        stretches : ndarray of shape (m,)
            Outcome of the stretches, with delayed entry.
        weights : Weights
            Of the stretches, shape (m,).
        """
        place = np.asarray(rows, dtype=int)
        return self._fit(X, y, lambda model, table: fit_on_stretches(model, table, y, place, stretches, weights))

    def _fit(self, X: Any, y: np.ndarray, fit_model: Callable[[Any, pd.DataFrame], Any]) -> RiskPipeline:
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
        self._fit_steps(frame[used], y, frame[self.held_columns_], fit_model)
        self.models_ = [branch.model for branch in self.branches_]
        return self

    def _fit_steps(self, inner: pd.DataFrame, y: np.ndarray, held: pd.DataFrame, fit_model: Any) -> None:
        absent = self._absent(inner)
        adapted = [(name, without_columns(step, absent)) for name, step in self._named_steps()]
        named = [(name, step) for name, step in adapted if step is not None]
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
            model = fit_model(clone(self.model), beside(table, held))
            self.branches_.append(Branch(steps, model))

    def _held(self, frame: pd.DataFrame) -> list[str]:
        held: list[str] = []
        for parameter in ("strata", "offset"):
            named = getattr(self.model, parameter, None)
            names = [named] if isinstance(named, str) else list(named) if isinstance(named, list | tuple) else []
            held += [name for name in names if isinstance(name, str) and name in frame.columns]
        return list(dict.fromkeys(held))

    def without_columns(self, absent: Any) -> RiskPipeline:
        """Return an unfitted pipeline whose steps name none of some columns.

        Parameters
        ----------
        absent : collection of str
            Columns of tables that the pipeline will not be given, such as those of a modality left out.

        Returns
        -------
        RiskPipeline
            Lists of columns without them; a formula without the terms that name them.
        """
        gone = {str(column) for column in absent}
        steps = [(name, without_columns(step, gone)) for name, step in self._named_steps()]
        return clone(self).set_params(steps=[(name, step) for name, step in steps if step is not None])

    def _absent(self, frame: pd.DataFrame) -> set[str]:
        """Return the columns of modalities that are entirely absent."""
        if self.modalities is None:
            return set()
        groups = [set(group) for group in self.modalities.values()]
        return {column for group in groups if not group & set(frame.columns) for column in group}

    @takes_rows()
    def calibrate(self, X: Any) -> RiskPipeline:
        """Return a copy whose harmonisation is calibrated for new sites, from their rows without outcome.

        Parameters
        ----------
        X : DataFrame
            Rows of unseen sites; used for nothing else (see `ComBat.calibrate`).

        Notes
        -----
        The step must precede an imputation. The model and all other steps stay unchanged.
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

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of the linear predictor, as the final model states it."""
        return linear_predictor_scale(self.branches_[0].model if hasattr(self, "branches_") else self.model)

    @property
    def max_time_(self) -> float:
        """Longest follow-up of the training data."""
        return float(self.models_[0].max_time_)

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections of the fitted steps and models, e.g. that the scanner is confounded with the outcome."""
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
