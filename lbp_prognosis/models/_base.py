"""Shared base of the models: checks of input, predictions as risks, dictionaries instead of pickles.

To write a model:

1. ``class MyModel(RiskEstimator)``; ``__init__`` only stores its keyword arguments (scikit-learn's rule).
2. Say which outcomes it takes: ``_accepts = ("right",)`` and, in ``_instead``, what takes the others. A model that
   knows one cause only and treats the others as censored says ``_single_cause = True``: then ``predict_risk`` after a
   fit on competing codes is refused. If frequency weights give exactly the fit of copied rows:
   ``weights_equal_copies = True``, and a ``resampler`` may spare resampling most of its work. If predictors may be
   missing: ``_allow_missing = True``. If the model has a baseline or intercepts that stand alone:
   ``_allow_no_column = True``. If it works on a ``csc_array`` (of a scipy sparse matrix, or a frame of sparse
   columns) without filling it: ``_allow_sparse = True``.
3. ``fit(self, X, y, *, sample_weight=None, strata=None, offset=None, clusters=None)`` begins with
   ``design = self._start_fit(X, y, sample_weight, strata, offset, clusters)``, which checks everything and sets
   ``feature_names_in_`` (frames only), ``n_features_in_``, ``max_time_`` (end of follow-up), ``causes_`` (codes in
   ``y``), ``strata_levels_`` and ``score_horizons_``; then sets what it learned in attributes ending with an
   underscore, and returns self.
   What a model can't use (offsets, strata …) it passes to ``_refuse(strata=strata, offset=offset)``.
4. ``_risk(self, X, horizons, cause, strata, offset)`` returns ``(n, n_horizons)`` for a checked matrix, increasing
   horizons within follow-up, strata as codes and offset as a vector (both None if not given). ``predict_risk`` of the
   base does the rest: columns beyond ``max_time_`` are NaN. ``score`` follows (minus the Brier score); a model of
   interval outcomes has to bring its own.
5. A model with a ``linear_predictor`` (higher is sooner) sets ``_linear_predictor_scale``, one of
   `LINEAR_PREDICTOR_SCALES`: whoever uses the number asks what it is.
6. ``to_dict`` saves the parameters and all public attributes that end with an underscore (numbers, text, arrays,
   frames, lists, mappings, our own models); keep nothing else. Attributes of other types need ``_state``/``_restore``.

A model that has ``strata`` or ``offset`` among its constructor parameters reads those columns from ``X`` and takes
them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

from lbp_prognosis._base import (
    OutcomeError,
    SparseTable,
    argument_error,
    check_clusters,
    check_horizons,
    check_vector,
    column_names,
    read_frame,
    read_matrix,
    read_sparse,
    takes_rows,
)
from lbp_prognosis._kernels import ipcw_weights, training_ranges
from lbp_prognosis.models._cox_checks import column_factors
from lbp_prognosis.models._design import Design, strata_labels, take_columns
from lbp_prognosis.models._reading_table import reading_table
from lbp_prognosis.models._state import decode, digest_of, encode
from lbp_prognosis.survival import OutcomeKind, Surv, check_outcome, check_weights, status_horizon

__all__ = ["RiskEstimator"]

Self = TypeVar("Self", bound="RiskEstimator")


class RiskEstimator(BaseEstimator):
    """Base of everything with ``fit(X, y)`` and ``predict_risk(X, horizons, cause=1)``.

    Attributes
    ----------
    feature_names_in_ : ndarray of str
        Names of the predictors, if `fit` was given a frame.
    n_features_in_ : int
        Number of predictors.
    training_ranges_ : ndarray of shape (p, 4)
        Coarse lower and upper bound of each predictor, and the number of training rows at or beyond each.
    max_time_ : float
        Longest follow-up in the training data; risks beyond it are NaN.
    causes_ : ndarray of int
        Event codes that occurred.
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right",)
    _instead: ClassVar[str] = ""
    _single_cause: ClassVar[bool] = False
    _allow_missing: ClassVar[bool] = False
    _allow_no_column: ClassVar[bool] = False
    _allow_sparse: ClassVar[bool] = False
    _clusters_are_patients: bool = False  # set by fits to courses that were given no clusters
    weights_equal_copies: ClassVar[bool] = False
    _linear_predictor_scale: ClassVar[str | None] = None
    _registry: ClassVar[dict[str, type[RiskEstimator]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("lbp_prognosis."):
            RiskEstimator._registry[cls.__name__] = cls

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of ``linear_predictor``, e.g. ``"log_hazard"``; None without one."""
        return self._linear_predictor_scale

    @property
    def _own_cause(self) -> int:
        """Event code that `score` and single-cause predictions are about."""
        return 1

    # ---- settings ----------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        """Refuse settings with which no data could be fitted; ``fit`` does so first, a study before all fits."""

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        """Refuse settings that name other columns, or ask more of the outcome than it has; a study does so before fits.

        Nothing is fitted. What depends on more than names and outcome is left to ``fit``.
        """
        if getattr(self, "penalty_factors", None) is not None:
            column_factors(self.penalty_factors, names, "penalty_factors")

    def _with_names(self, names: list[str]) -> Any:
        """Return an unfitted copy that knows the names of its predictors."""
        named = clone(self)
        named.feature_names_in_, named.n_features_in_ = np.asarray(names, dtype=object), len(names)
        return named

    # ---- input -------------------------------------------------------------------------------------------------

    def _start_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
        *,
        allow_missing: bool = False,
    ) -> Design:
        """Check all arguments of ``fit`` and remember names, follow-up and causes."""
        name = type(self).__name__
        if isinstance(X, str):
            read_matrix(X)
        if isinstance(X, np.ndarray) and X.dtype.names and not getattr(getattr(y, "dtype", None), "names", None):
            raise argument_error(
                "X",
                "a frame or a two-dimensional array of predictors",
                "an outcome",
                "The order is fit(X, y): first the predictors, then the outcome.",
            )
        kind = check_outcome(y, self._accepts, caller=name, instead=self._instead)
        n = y.shape[0]
        predictors, strata, offset = self._own_columns(read_frame(X), strata, offset)
        names = self._given_names(predictors)
        matrix = self._read_predictors(predictors, allow_missing or self._allow_missing, fitting=True)
        if matrix.shape[0] != n:
            raise argument_error("X", f"of {n} rows, as many as `y`", f"{matrix.shape[0]} rows")
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.n_features_in_ = matrix.shape[1]
        self.training_ranges_ = training_ranges(matrix)
        weights = check_weights(sample_weight, n)
        codes, levels = None, []
        if strata is not None:
            labels = strata_labels(strata, n)
            levels = sorted(set(labels), key=lambda label: (str(type(label)), label))
            place = {label: code for code, label in enumerate(levels)}
            codes = np.array([place[label] for label in labels], dtype=np.int64)
        self.strata_levels_ = levels
        shift = None if offset is None else check_vector("offset", offset, n=n)
        self.offset_fitted_ = shift is not None
        # a row of weight 0 takes no part: neither its cause nor its follow-up counts
        taking_part = None if weights is None or (weights.values > 0).all() else weights.values > 0
        self._read_outcome(y if taking_part is None else y[taking_part], kind)
        return Design(
            X=matrix,
            y=y,
            kind=kind,
            entry=y["entry"] if "entry" in (y.dtype.names or ()) else None,
            weights=None if weights is None else weights.values,
            weight_kind=None if weights is None else weights.kind,
            strata=codes,
            strata_levels=levels,
            offset=shift,
            clusters=check_clusters("clusters", clusters, n=n),
            clusters_are_patients=self._clusters_are_patients,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._takes_sparse()
        return tags

    def _takes_sparse(self) -> bool:
        """Whether the model takes a sparse matrix with its present settings."""
        return self._allow_sparse

    def _read_predictors(self, X: Any, allow_missing: bool, *, fitting: bool) -> np.ndarray:
        """Return predictors (read by `read_frame`) as numbers; a model of categories learns and applies codes here."""
        if self._allow_sparse and (issparse(X) or isinstance(X, SparseTable)):
            return read_sparse(X).finite()  # a csc_array, where the class takes one
        return read_matrix(X, allow_missing=allow_missing, allow_no_column=self._allow_no_column, read=True)

    @staticmethod
    def _given_names(X: Any) -> list[str] | None:
        """Return the names of the columns, where they have any."""
        if isinstance(X, SparseTable):
            return None if X.names is None else list(X.names)
        return column_names(X) if isinstance(X, pd.DataFrame) else None

    def _own_columns(self, X: Any, strata: Any, offset: Any) -> tuple[Any, Any, Any]:
        """Take the columns named by the constructor's ``strata`` and ``offset`` out of ``X``."""
        for parameter, given in (("strata", strata), ("offset", offset)):
            wanted = getattr(self, parameter, None)
            if wanted is None:
                continue
            if given is not None:
                raise argument_error(
                    parameter,
                    "given once, in the constructor or in the call",
                    "both",
                    f"Drop the argument: {type(self).__name__} reads {wanted!r} from `X`.",
                )
            names, rest = take_columns(X, wanted, parameter)
            if parameter == "strata":
                strata = X[names]
            elif len(names) == 1:
                offset = X[names[0]]
            else:
                raise argument_error("offset", "one column", f"{len(names)} columns")
            X = rest
        return X, strata, offset

    def _read_outcome(self, y: np.ndarray, kind: str) -> None:
        if kind in ("right", "interval"):
            self.causes_ = np.unique(y["event"][y["event"] > 0]).astype(int)
            if kind == "right":
                self.max_time_ = float(y["time"].max())
                times = y["time"][y["event"] == self._own_cause]
            else:
                self.max_time_ = float(np.where(np.isfinite(y["upper"]), y["upper"], y["lower"]).max())
                times = y["upper"][y["event"] == self._own_cause]
            inside = np.unique(np.quantile(times, [0.25, 0.5, 0.75])) if times.size else np.empty(0)
            self.score_horizons_ = inside[inside > 0]

    def _refuse(self, **given: Any) -> None:
        """Refuse arguments this model can't use."""
        for name, value in given.items():
            if value is not None:
                raise argument_error(name, f"None for {type(self).__name__}, which can't use it", value)

    def _names(self) -> list[str]:
        """Names of the predictors; x0, x1, … for an array."""
        names = getattr(self, "feature_names_in_", None)
        return [f"x{j}" for j in range(self.n_features_in_)] if names is None else list(names)

    def _check_fitted(self) -> None:
        if not hasattr(self, "n_features_in_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet. Call fit(X, y) first.")

    def _start_predict(
        self, X: Any, strata: Any = None, offset: Any = None, *, allow_missing: bool = False, with_strata: bool = True
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return the matrix (columns brought into the fitted order by name), strata codes and offset of new rows."""
        self._check_fitted()
        X, strata, offset = self._own_columns(X, strata, offset)
        names = self._given_names(X)
        fitted = getattr(self, "feature_names_in_", None)
        if fitted is None and names is not None and set(names) == set(self._names()):
            fitted = self._names()  # of an array, named as the columns of an array are
        if names is not None and fitted is not None and names != list(fitted):
            given, known = set(names), set(fitted)
            missing, extra = [c for c in fitted if c not in given], [c for c in names if c not in known]
            if missing or extra:
                told = [f"without {missing}"] * bool(missing) + [f"with unknown {extra}"] * bool(extra)
                raise argument_error("X", "a frame with the columns of the fit", " and ".join(told))
            if isinstance(X, SparseTable):
                X = X.select(list(fitted))
            else:
                X = X[list(fitted)]
        matrix = self._read_predictors(X, allow_missing or self._allow_missing, fitting=False)
        if matrix.shape[1] != self.n_features_in_:
            raise argument_error("X", f"of {self.n_features_in_} columns, as fitted", f"{matrix.shape[1]} columns")
        n = matrix.shape[0]
        if offset is None and self.offset_fitted_:
            raise argument_error(
                "offset",
                f"given to a {type(self).__name__} fitted with an offset",
                "None",
                "Pass zeros if these rows have none.",
            )
        shift = None if offset is None else check_vector("offset", offset, n=n)
        return matrix, self._strata_codes(strata, n) if with_strata else None, shift

    def _strata_codes(self, strata: Any, n: int) -> np.ndarray | None:
        levels = self.strata_levels_
        if strata is None:
            if levels:
                raise argument_error(
                    "strata",
                    f"given to a {type(self).__name__} fitted with strata",
                    "None",
                    f"Fitted strata are {[str(level) for level in levels][:8]}.",
                )
            return None
        if not levels:
            raise argument_error("strata", f"None for a {type(self).__name__} fitted without strata", strata)
        place = {label: code for code, label in enumerate(levels)}
        labels = strata_labels(strata, n)
        unknown = sorted({str(label) for label in labels if label not in place})
        if unknown:
            raise argument_error(
                "strata",
                f"among the fitted strata {[str(level) for level in levels][:8]}",
                f"{unknown[:8]}",
                "A stratum without a baseline has no risk: fit without strata, or estimate its baseline.",
            )
        return np.array([place[label] for label in labels], dtype=np.int64)

    @takes_rows()
    def resampler(
        self, X: Any, y: np.ndarray, *, strata: Any = None, offset: Any = None, clusters: Any = None
    ) -> Callable[[np.ndarray], RiskEstimator | None] | None:
        """Return a shortcut from numbers of copies of the rows of this fit to the model fitted to these copies.

        Resampling asks for it, and draws rows and fits them where there is none.

        Parameters
        ----------
        X, y, strata, offset, clusters
            As given to `fit`, which had no weights.

        Returns
        -------
        callable or None
            Takes numbers of copies (n,), returns a model that predicts what ``fit`` of the copied rows would, or None
            where that has to be fitted after all.
        """
        return None

    # ---- output ------------------------------------------------------------------------------------------------

    @takes_rows()
    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the probability of the event of ``cause`` by each horizon.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        horizons : float or sequence of float
            Prediction times, increasing, in the unit of the training outcome.
        cause : int, default 1
            Event code.
        strata : array-like of shape (n,), optional
            Stratum of each row, if the model was fitted with strata.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks in [0, 1]; a column beyond the longest follow-up of the training data is NaN.
        """
        matrix, codes, shift = self._start_predict(X, strata, offset)
        times, _ = check_horizons(horizons)
        self._check_cause(cause)
        out = np.full((matrix.shape[0], times.size), np.nan)
        inside = times <= self.max_time_
        if inside.any():
            out[:, inside] = self._risk(matrix, times[inside], int(cause), codes, shift)
        return out

    def _check_cause(self, cause: Any) -> None:
        name = type(self).__name__
        if self._single_cause:
            others = [int(code) for code in self.causes_ if code != 1]
            if others:
                raise argument_error(
                    "y",
                    f"free of competing events for absolute risks from {name}",
                    f"codes {others} besides 1 at fit",
                    "Its coefficients are those of the cause-specific hazard, but 1 − exp(−H) would treat patients "
                    "with a competing event as if they could still have the event: use CauseSpecificCox or FineGray.",
                    kind=OutcomeError,
                )
            if cause != 1:
                raise argument_error("cause", f"1 for {name}, which has one cause", cause)
        elif isinstance(cause, bool) or not isinstance(cause, int | np.integer) or cause not in self.causes_:
            raise argument_error("cause", f"one of the event codes at fit, {self.causes_.tolist()}", repr(cause))

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        raise NotImplementedError

    @takes_rows()
    def score(self, X: Any, y: np.ndarray, *, horizons: Any = None, sample_weight: Any = None) -> float:
        """Return minus the Brier score of the event of interest, so that higher is better (a proper score).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Outcome made by `Surv.right`, `Surv.interval` (events dated at the visit that found them) or `Status.at`.
        horizons : float or sequence of float, optional
            Times at which to score; by default the quartiles of the event times of the training data.
        sample_weight : array-like of shape (n,), optional
            Row weights.

        Returns
        -------
        float
            Mean over horizons; censoring is weighted by the inverse of its Kaplan–Meier curve in ``y``. Horizons
            without patients at risk in ``y`` are left out; NaN if none is left. A row whose interval contains the
            horizon is left out there: its state is not known.
        """
        self._check_fitted()
        kind = check_outcome(y, ("right", "interval", "status"), caller=f"{type(self).__name__}.score")
        weights = check_weights(sample_weight, y.shape[0])
        rows = np.ones(y.shape[0]) if weights is None else weights.values
        if kind == "status":
            seen = y["status"] >= 0
            horizon = status_horizon(y) if horizons is None else horizons
            risk = self.predict_risk(X, self.max_time_ if horizon is None else horizon)[:, 0]
            loss = (risk - y["status"])[seen] ** 2
            return -float(np.average(loss, weights=rows[seen])) if seen.any() else float("nan")
        if "entry" in (y.dtype.names or ()):
            raise argument_error("y", "without delayed entry for the default score", "delayed entry")
        times, _ = check_horizons(self.score_horizons_ if horizons is None else horizons)
        unknown = np.zeros((y.shape[0], 1), dtype=bool)
        if kind == "interval":
            times = times[times < np.where(np.isfinite(y["upper"]), y["upper"], y["lower"]).max()]
            found = np.isfinite(y["upper"])
            unknown = (found[:, None] & (y["lower"][:, None] < times)) & (times < y["upper"][:, None])
            y = Surv.interval_to_right(y, at="visit")
        times = times[times < y["time"].max()]
        if times.size == 0:
            return float("nan")
        risk = self.predict_risk(X, times, self._own_cause)
        known = ipcw_weights(y["time"], y["event"], times, rows)
        case = (y["time"][:, None] <= times) & (y["event"] == self._own_cause)[:, None]
        with np.errstate(invalid="ignore"):
            loss = np.where((known > 0) & ~unknown, known * (case - risk) ** 2, 0.0)
        return -float((rows @ loss / (rows @ ~unknown)).mean())

    # ---- files -------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        """Learned attributes to be saved."""
        return {name: value for name, value in vars(self).items() if name.endswith("_") and not name.startswith("_")}

    def _restore(self, learned: dict[str, Any]) -> None:
        """Put saved attributes back."""
        for name, value in learned.items():
            setattr(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return parameters and fitted attributes in types of strict JSON, with a digest of them.

        Raises
        ------
        ArgumentError
            If a parameter or attribute is of a type that can't be saved without pickle; it is named.
        """
        name = type(self).__name__
        if RiskEstimator._registry.get(name) is not type(self):
            raise argument_error("self", "one of this library's models", name, "Its own class has to save it.")
        params = {key: encode(value, f"{name}.{key}") for key, value in self.get_params(deep=False).items()}
        learned = {key: encode(value, f"{name}.{key}") for key, value in self._state().items()}
        state: dict[str, Any] = {"format": 1, "class": name, "params": params, "learned": learned}
        return {**state, "digest": digest_of(state)}

    @classmethod
    def from_dict(cls: type[Self], state: dict[str, Any]) -> Self:
        """Rebuild a model from `to_dict`; only this library's models are built.

        Parameters
        ----------
        state : dict
            As returned by `to_dict`, possibly after a round trip through JSON.

        Raises
        ------
        ArgumentError
            If it is none, of another class, or was changed since.
        """
        if not isinstance(state, dict) or state.get("format") != 1:
            raise argument_error("state", "a dictionary made by `to_dict`, format 1", state)
        if state.get("digest") != digest_of(state):
            raise argument_error(
                "state",
                "as `to_dict` made it",
                "another digest: something was changed, cut or added since",
                "Save the model again, and predict a changed one from an Equation.",
            )
        built = RiskEstimator._registry.get(str(state.get("class")))
        if built is None or not issubclass(built, cls):
            raise argument_error("state", f"of a {cls.__name__}", f"the state of {state.get('class')!r}")
        params = {key: decode(value, RiskEstimator.from_dict) for key, value in state["params"].items()}
        model: Any = built(**params)
        model._restore({key: decode(value, RiskEstimator.from_dict) for key, value in state["learned"].items()})
        return model

    def to_frame(self) -> pd.DataFrame:
        """Return the fitted model as a table, if it has a table."""
        raise NotImplementedError(f"{type(self).__name__} has no table of coefficients.")

    def table(self) -> pd.DataFrame:
        """Return the coefficients for reading: one row per term, the ratio with its interval and p as text.

        Columns ``term`` (after ``cause``, where there are several), the ratio (of hazards, odds or times) with its
        interval, ``p``; an intercept or a scale shows its coefficient. `to_frame` contains the numbers.
        """
        frame = self.to_frame()
        if not {"term", "coef"} <= set(frame.columns):
            raise NotImplementedError(f"{type(self).__name__} has no table of coefficients.")
        return reading_table(frame)
