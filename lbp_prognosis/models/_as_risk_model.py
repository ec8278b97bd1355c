"""``as_risk_model``: models of other libraries, formulas and classifiers in this library's currency.

Objects are recognised by their methods; none of the other libraries is imported.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from lbp_prognosis._base import (
    OutcomeError,
    argument_error,
    check_choice,
    check_clusters,
    check_horizons,
    check_number,
    check_risk,
    linear_predictor_of,
    linear_predictor_scale,
    takes_rows,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._foreign_models import (
    FIT,
    PREDICT,
    end_of_follow_up,
    looks_fitted,
    takes_clusters,
    through_steps,
    weights_argument,
)
from lbp_prognosis.models._statsmodels_results import is_hazard_model, is_statsmodels
from lbp_prognosis.models._whole_folds import tunes_on_folds, with_whole_folds
from lbp_prognosis.survival import OutcomeKind, Weights, check_outcome, status_horizon

__all__ = ["AdaptedModel", "as_risk_model"]

_KINDS = ("lifelines", "sksurv", "hazardous", "statsmodels", "classifier", "search", "pipeline", "callable")


def as_risk_model(
    model: Any, *, kind: str = "auto", horizon: float | None = None, max_time: float | None = None
) -> Any:
    """Give a foreign model ``fit`` and ``predict_risk``.

    Parameters
    ----------
    model : object
        One of: a lifelines fitter; a scikit-survival estimator (``predict_survival_function``); a hazardous estimator
        (``predict_cumulative_incidence``); what ``fit()`` of statsmodels returned (Logit, Probit, GLM or GEE of the
        Binomial family, PHReg); a scikit-learn classifier of the state 0/1 at one horizon; a scikit-learn
        search (``GridSearchCV`` …) over a classifier or over an object with ``predict_risk``; a scikit-learn
        ``Pipeline`` that ends in an object with ``predict_risk``; a function
        ``f(X, horizons) -> risk`` of shape (n, n_horizons), or (n,) for one horizon, such as a published formula; or
        anything with ``predict_risk``, which is returned as it is. Fitted, or to be fitted by ``fit`` (statsmodels:
        fitted).
    kind : {"auto", "lifelines", "sksurv", "hazardous", "statsmodels", "classifier", "search", "pipeline", "callable"}
        Type of the object, if it cannot be recognised (``"auto"``, the default).
    horizon : float, optional
        Horizon of the probabilities of a classifier or a binary regression; required for a fitted object.
    max_time : float, optional
        End of follow-up in the development data, beyond which risks are NaN, if the object does not store it.

    Returns
    -------
    AdaptedModel
        With ``fit(X, y)`` and ``predict_risk(X, horizons, cause=1)``; the object given is not changed.

    Raises
    ------
    ArgumentError
        By `fit` or `predict_risk` of the result: if the object is of no kind listed here, or a horizon is needed and
        not given.

    See Also
    --------
    lbp_prognosis.evaluation.evaluate : How good are these predictions?
    lbp_prognosis.fusion.RiskPipeline : How do preparation and model become one estimator?

    Notes
    -----
    An object that tunes on folds (a parameter ``cv``) gets folds that keep patients together if ``fit`` gets
    ``clusters``, as validation does in resamples, where the copies of a patient are one cluster, and with ``groups``.

    Step functions are read as right-continuous steps. lifelines itself runs straight lines between the event times of a
    Cox model, and pairs Efron's coefficients with Breslow's baseline; the first is undone here, the second can't be.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.models import as_risk_model
    >>> published = as_risk_model(lambda X, horizons: 1 - np.exp(-0.01 * np.outer(np.exp(X[:, 0]), horizons)))
    >>> published.predict_risk(np.array([[0.0], [1.0]]), [12]).round(3).tolist()
    [[0.113], [0.278]]
    """
    if hasattr(model, "predict_risk"):
        return model
    return AdaptedModel(model, kind=kind, horizon=horizon, max_time=max_time)


def _last_step(model: Any) -> Any:
    """Return the last step of a scikit-learn pipeline; None of anything else."""
    steps = getattr(model, "steps", None)
    return steps[-1][1] if isinstance(steps, list) and steps and hasattr(model, "named_steps") else None


def _with_score(model: AdaptedModel) -> bool:
    inner = (getattr(model.estimator, "estimator", None), _last_step(model.estimator))
    return any(hasattr(each, "linear_predictor") for each in inner)


class AdaptedModel(RiskEstimator):
    """A foreign model behind ``fit`` and ``predict_risk``; made by `as_risk_model`.

    Parameters
    ----------
    estimator : object
        The foreign model.
    kind : {"auto", "lifelines", "sksurv", "hazardous", "statsmodels", "classifier", "search", "pipeline", "callable"}
        Type of the model; ``"auto"``, the default, detects it.
    horizon : float, optional
        Horizon of the probabilities of a classifier or a binary regression.
    max_time : float, optional
        End of follow-up, if the model does not store it.

    Attributes
    ----------
    estimator_ : object
        The fitted copy, after ``fit``.
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "status")

    def __init__(
        self, estimator: Any, *, kind: str = "auto", horizon: float | None = None, max_time: float | None = None
    ) -> None:
        self.estimator = estimator
        self.kind = kind
        self.horizon = horizon
        self.max_time = max_time

    # ---- what it is --------------------------------------------------------------------------------------------

    def _kind(self) -> str:
        if self.kind != "auto":
            return check_choice("kind", self.kind, _KINDS)
        model = self.estimator
        if hasattr(_last_step(model), "predict_risk"):
            return "pipeline"
        if any(base.__module__.split(".")[0] == "lifelines" for base in type(model).__mro__):
            return "lifelines"
        if is_statsmodels(model):
            return "statsmodels"
        if hasattr(model, "predict_cumulative_incidence"):
            return "hazardous"
        if hasattr(model, "predict_survival_function"):
            return "sksurv"
        if hasattr(model, "predict_proba"):
            return "classifier"
        if hasattr(getattr(model, "estimator", None), "predict_risk"):
            return "search"
        if callable(model):
            return "callable"
        raise argument_error(
            "model",
            "a lifelines, scikit-survival, hazardous or statsmodels model, a classifier with predict_proba, a "
            "search over models with predict_risk, a pipeline that ends in one, a function of (X, horizons), or an "
            "object with predict_risk",
            model,
        )

    @property
    def fixed(self) -> bool:
        """Whether the model needs no fit: a published formula, or the result of a fit elsewhere."""
        return self._kind() in ("callable", "statsmodels")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_") or self._kind() == "callable" or looks_fitted(self.estimator, self._kind())

    @property
    def folds_keep_clusters(self) -> bool:
        """Whether the model tunes on folds, and so needs to know which rows are copies of one patient."""
        last = _last_step(self.estimator)
        if not hasattr(last, "predict_risk"):
            return tunes_on_folds(self.estimator)
        before = any(tunes_on_folds(step) for _, step in self.estimator.steps[:-1])
        return before or bool(getattr(last, "folds_keep_clusters", tunes_on_folds(last)))

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
    ) -> AdaptedModel:
        """Fit a copy of the foreign model.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Handed on as it is.
        y : ndarray of shape (n,)
            Made by `Surv.right`; by `Status.at` for a classifier, whose unobserved rows are left out.
        sample_weight : array-like of shape (n,) or Weights, optional
            Handed on, if the foreign ``fit`` takes weights.
        clusters : array-like of shape (n,), optional
            Who each row is: whatever tunes on folds parts none of them, and a model of ours at the end of a pipeline
            or inside a search is told. It changes nothing elsewhere, since no variance is offered.
        strata, offset : None
            Not taken.
        """
        self._refuse(strata=strata, offset=offset)
        kind = self._kind()
        if kind == "statsmodels":
            raise argument_error(
                "model",
                "one that can be fitted to other rows, for fit()",
                type(self.estimator).__name__,
                "It predicts as it is. To validate a fit in resamples use LogisticRisk, CoxPH or a function that fits.",
            )
        wanted: OutcomeKind = "status" if kind == "classifier" else "right"
        told = "Use Status.at for a classifier." if kind == "classifier" else "Use Surv.right for this model."
        if kind in ("search", "pipeline"):
            check_outcome(y, ("right", "interval", "status"), caller=f"as_risk_model of a {kind}")
        elif kind != "callable":
            check_outcome(y, (wanted,), caller=f"as_risk_model({type(self.estimator).__name__})", instead=told)
        weights = None
        if sample_weight is not None:
            weights = sample_weight.values if isinstance(sample_weight, Weights) else np.asarray(sample_weight, float)
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = np.shape(X)[1]
        self.strata_levels_: list = []
        self.offset_fitted_ = False
        if kind == "callable":
            self.estimator_ = self.estimator
            self.causes_, self.max_time_ = np.array([1]), np.inf if self.max_time is None else float(self.max_time)
            self.score_horizons_ = np.quantile(y["time"], [0.5]) if "time" in (y.dtype.names or ()) else np.array([1.0])
            return self
        model = _copy(self.estimator)
        units = check_clusters("clusters", clusters, n=y.shape[0])
        if kind == "classifier":
            self._fit_classifier(model, X, y, weights, units)
        elif kind == "search":
            self._fit_search(model, X, y, weights, units)
        elif kind == "pipeline":
            self._fit_pipeline(model, X, y, sample_weight, units)
        else:
            self._read_outcome(y, "right")
            if kind != "hazardous" and (self.causes_ > 1).any():
                raise argument_error(
                    "y",
                    f"of one cause for a {kind} model",
                    f"codes {self.causes_.tolist()}",
                    "Use CauseSpecificCox, FineGray or BoostedCox for competing events.",
                    kind=OutcomeError,
                )
            if units is not None:
                with_whole_folds(model, X, _event_labels(y), units)
            FIT[kind](model, X, y, weights)
        self.estimator_ = model
        return self

    def _fit_search(
        self, model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None, units: np.ndarray | None
    ) -> None:
        given: dict[str, Any] = {} if weights is None else {"sample_weight": weights}
        if units is not None:
            with_whole_folds(model, X, _event_labels(y), units)
            given |= {"clusters": units} if takes_clusters(model.estimator) else {}
        model.fit(X, y, **given)
        self._read_model(model.best_estimator_)

    def _fit_pipeline(self, model: Any, X: Any, y: np.ndarray, sample_weight: Any, units: np.ndarray | None) -> None:
        name, last = model.steps[-1]
        given = {} if sample_weight is None else {f"{name}__sample_weight": sample_weight}
        if units is not None:
            told = takes_clusters(last)
            for _, step in model.steps[:-1] if told else model.steps:
                with_whole_folds(step, X, _event_labels(y), units)
            given |= {f"{name}__clusters": units} if told else {}
        model.fit(X, y, **given)
        self._read_model(last)

    def _read_model(self, model: Any) -> None:
        self.causes_ = np.asarray(getattr(model, "causes_", [1]))
        self.max_time_ = float(getattr(model, "max_time_", np.inf))
        self.score_horizons_ = np.asarray(getattr(model, "score_horizons_", [self.max_time_]))

    def _fit_classifier(
        self, model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None, units: np.ndarray | None
    ) -> None:
        horizon = status_horizon(y) if self.horizon is None else self.horizon
        if horizon is None:
            raise argument_error("horizon", "given, because `y` has lost its visit time", "None")
        seen = y["status"] >= 0
        kept = X[seen]
        if units is not None:
            with_whole_folds(model, kept, y["status"][seen].astype(int), units[seen])
        extra = {} if weights is None else weights_argument(model, weights[seen])
        model.fit(kept, y["status"][seen].astype(int), **extra)
        self.horizon_ = self.max_time_ = float(horizon)
        self.causes_, self.score_horizons_ = np.array([1]), np.array([self.horizon_])
        self.n_missing_ = int((~seen).sum())

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of the linear predictor of the model inside a search or a pipeline; None for others."""
        model = getattr(self, "estimator_", self.estimator)
        for inner in (getattr(model, "best_estimator_", None), getattr(model, "estimator", None), _last_step(model)):
            if inner is not None:
                return linear_predictor_scale(inner)
        return None

    def _as_fitted(self, X: Any) -> Any:
        """Return the columns of the fit in their order: other libraries go by position, or refuse another order."""
        names = getattr(self, "feature_names_in_", None)
        if names is None or not isinstance(X, pd.DataFrame):
            return X
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise argument_error(
                "X", f"a table with the columns of the fit, {len(names)} in all", f"one without {absent[:5]}"
            )
        return X[list(names)]

    @available_if(_with_score)
    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1) -> np.ndarray:
        """Return the linear predictor of the model that a search chose, or a pipeline ends in; shape (n,)."""
        model, X = getattr(self, "estimator_", self.estimator), self._as_fitted(X)
        last = _last_step(model)
        if last is None:
            return linear_predictor_of(model.best_estimator_, X, cause)
        return linear_predictor_of(last, through_steps(model, X), cause)

    # ---- predictions -------------------------------------------------------------------------------------------

    @takes_rows()
    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the probability of the event of ``cause`` by each horizon.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Handed on as it is.
        horizons : float or sequence of float
            In the unit of the training outcome.
        cause : int, default 1
            Event code; other than 1 only for hazardous models.
        strata, offset : None
            Not taken.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks; NaN beyond follow-up, and for a classifier or binary regression at all horizons but its own.
        """
        self._refuse(strata=strata, offset=offset)
        times, _ = check_horizons(horizons)
        kind, X = self._kind(), self._as_fitted(X)
        model = getattr(self, "estimator_", self.estimator)
        if kind not in ("hazardous", "search", "pipeline") and cause != 1:
            raise argument_error("cause", f"1 for a {kind} model", cause)
        if not hasattr(self, "estimator_") and not looks_fitted(model, kind):
            raise NotFittedError(f"The {type(model).__name__} is not fitted yet. Call fit(X, y) first.")
        known = getattr(self, "max_time_", None) if self.max_time is None else check_number("max_time", self.max_time)
        limit = end_of_follow_up(model, kind) if known is None else known
        at_one_time = kind == "classifier" or (kind == "statsmodels" and not is_hazard_model(model))
        out = np.full((np.shape(X)[0], times.size), np.nan)
        inside = times <= limit
        if at_one_time:
            horizon = getattr(self, "horizon_", self.horizon)
            if horizon is None:
                raise argument_error("horizon", "the time to which the model's probabilities refer", "None")
            inside = np.isclose(times, horizon, rtol=1e-9, atol=0)
        if inside.any():
            risk = np.asarray(PREDICT[kind](model, X, times[inside], int(cause)), dtype=float)
            # products of the other library's arithmetic may pass the bounds by a rounding
            risk = np.where((risk > -1e-9) & (risk < 1 + 1e-9), np.clip(risk, 0.0, 1.0), risk)
            told = f"risk of {type(model).__name__}"
            out[:, inside] = check_risk(told, risk, n=out.shape[0], n_horizons=int(inside.sum()))
        return out


def _event_labels(y: np.ndarray) -> np.ndarray:
    """Labels by which the folds of a search are balanced."""
    for name in ("event", "status"):
        if name in (y.dtype.names or ()):
            return y[name].astype(int)
    return np.isfinite(y["upper"]).astype(int)


def _copy(model: Any) -> Any:
    """An unfitted copy of a scikit-learn-like estimator; a deep copy, to be fitted afresh, of anything else."""
    return clone(model) if hasattr(model, "get_params") else copy.deepcopy(model)
