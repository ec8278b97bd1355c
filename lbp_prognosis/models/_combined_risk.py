"""Common part of averages and stacks: named learners, their columns, and out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_clusters,
    check_horizons,
    check_number,
    describe,
    fit_on_stretches,
    holds,
    nearest,
    objection,
    read_frame,
    takes_rows,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._combined_rows import Rows, Stretches, take_rows_of
from lbp_prognosis.models._known_states import default_horizons
from lbp_prognosis.models._ridge_choice import fold_labels
from lbp_prognosis.survival import OutcomeKind, Weights, check_outcome, check_weights

__all__ = ["CombinedRisk"]


class CombinedRisk(RiskEstimator):
    """Base of models that combine other models, each with a name and its own columns."""

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval", "status")
    _instead: ClassVar[str] = "For a score at a visit take the state at its cut: measured_to_status(y)."
    folds_keep_clusters: ClassVar[bool] = True
    """Cross-fitting never parts rows of one cluster: resampling passes who is a copy of whom."""

    cv: int
    random_state: Any

    # ---- parameters --------------------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep`` those of the learners too, as ``name__parameter``."""
        parameters = super().get_params(deep=deep)
        given = self._given()
        if deep and isinstance(given, Mapping):
            for name, learner in given.items():
                if hasattr(learner, "get_params"):
                    parameters.update({f"{name}__{key}": v for key, v in learner.get_params(deep=True).items()})
        return parameters

    def set_params(self, **parameters: Any) -> CombinedRisk:
        """Set parameters by the names that `get_params` gives."""
        rest: dict[str, Any] = {}
        given = self._given()
        for key, value in parameters.items():
            name, _, inner = key.partition("__")
            if inner and isinstance(given, Mapping) and name in given:
                given[name].set_params(**{inner: value})
            else:
                rest[key] = value
        super().set_params(**rest)
        return self

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: modalities that its table lacked, and causes that learners have the same for all."""
        self._check_fitted()
        gone = getattr(self, "left_out_", ())  # models of earlier files were fitted to all
        lacked = (objection("modality-left-out", names=", ".join(map(repr, gone))),) if gone else ()
        rare = (
            replace(doubt, sentence=f"Learner {name!r}: {doubt.sentence}")
            for name, learner in self.models_.items()
            for doubt in getattr(learner, "objections_", ())
            if doubt.code == "rare-cause"
        )
        return (*lacked, *rare)

    def _given(self) -> Any:
        """Learners as passed."""
        return getattr(self, "learners", None)

    def _named(self) -> dict[str, Any]:
        """Learners by name that take part: those of modalities that the table of the fit lacks are left out."""
        gone = set(getattr(self, "left_out_", ()))
        every = self._all_named()
        named = {name: one for name, one in every.items() if not gone & {part.strip() for part in name.split("+")}}
        if not named:
            words = f"a table with the modalities of a learner of {list(every)}"
            raise argument_error("X", words, f"one without {sorted(gone)}")
        return named

    def _all_named(self) -> dict[str, Any]:
        """Learners by name, as passed; a single estimator means one per modality."""
        modalities = getattr(self, "modalities", None)
        learners = self._given()
        if not isinstance(learners, Mapping):
            if modalities is None or not hasattr(learners, "predict_risk"):
                raise argument_error(
                    "learners",
                    "a mapping from name to estimator, or one estimator together with `modalities`",
                    learners,
                    'Name them: {"clinical": CoxPH(), "trees": BoostedCox()}.',
                )
            learners = {name: learners for name in modalities}
        if len(learners) == 0:
            raise argument_error("learners", "at least one estimator", "none")
        for name, learner in learners.items():
            if not isinstance(name, str) or "__" in name or not name:
                raise argument_error("learners", "named by text without '__'", repr(name))
            if not hasattr(learner, "fit") or not hasattr(learner, "predict_risk"):
                raise argument_error(f"learners[{name!r}]", "an estimator with `fit` and `predict_risk`", learner)
        return dict(learners)

    def _groups(self, names: list[str]) -> dict[str, list[str]]:
        """Columns of each modality."""
        modalities: Mapping[str, Sequence[Any]] = getattr(self, "modalities", None) or {}
        groups = {str(m): [_as_name(c, names) for c in _listed(columns)] for m, columns in modalities.items()}
        gone = set(getattr(self, "left_out_", ()))
        return {m: [c for c in columns if c not in gone] for m, columns in groups.items() if m not in gone}

    def _lacking(self, names: list[str]) -> tuple[str, ...]:
        """Return modalities that learners are named as and a table lacks, and columns of the others that it lacks.

        Validation refits a model to the columns of some modalities, or to a few of one. A column that the table lacks
        and one like it that no learner uses are a slip of the pen: it would leave a modality out without a word.
        """
        parts = {part.strip() for name in self._all_named() for part in name.split("+")}
        out: list[str] = []
        groups = self._groups(names)
        unused = set(names).difference(*groups.values()) if parts <= set(groups) else set()
        for modality, columns in groups.items():
            lost = [column for column in columns if column not in names]
            for column in lost:
                if meant := nearest(column, sorted(unused)):
                    raise argument_error(f"modalities[{modality!r}]", "columns of `X`", repr(column), meant)
            if len(lost) < len(columns):
                out += lost
            elif modality in parts and columns:
                out.append(modality)
        return tuple(out)

    def _columns(self, names: list[str]) -> dict[str, list[str]]:
        """Columns of each learner: those of the modalities in its name (joined by ``+``), or all."""
        groups = self._groups(names)
        lost = sorted({c for columns in groups.values() for c in columns if c not in names})
        if lost:
            raise argument_error("modalities", "a mapping to columns of `X`", f"columns {lost[:5]} that it lacks")
        out = {}
        for learner in self._named():
            parts = [part.strip() for part in learner.split("+")]
            known = [part in groups for part in parts]
            if all(known) and known:
                out[learner] = [column for part in parts for column in groups[part]]
            elif any(known):
                unknown = [part for part, is_known in zip(parts, known) if not is_known]
                raise argument_error("learners", f"named by modalities {list(groups)} or otherwise", f"{unknown}")
            else:
                out[learner] = list(names)
        return out

    def _available(self, frame: pd.DataFrame) -> np.ndarray:
        """Whether a row has the modalities in the name of a learner, shape (n, learners)."""
        groups = self._groups(list(frame.columns))
        absent = {m: frame[columns].isna().all(axis=1).to_numpy() for m, columns in groups.items() if columns}
        out = np.ones((len(frame), len(self._named())), dtype=bool)
        for k, learner in enumerate(self._named()):
            for part in learner.split("+"):
                if part.strip() in absent:
                    out[:, k] &= ~absent[part.strip()]
        return out

    def _check_parameters(self) -> None:
        check_number("cv", self.cv, low=2, whole=True)
        if getattr(self, "horizons", None) is not None:
            check_horizons(self.horizons)

    # ---- input -------------------------------------------------------------------------------------------------

    def _begin(self, X: Any, y: np.ndarray, sample_weight: Any, strata: Any, offset: Any, clusters: Any) -> Rows:
        """Check the arguments of ``fit`` and remember names, follow-up and causes; cells are for the learners."""
        name = type(self).__name__
        kind = check_outcome(y, self._accepts, caller=name, instead=self._instead)
        self._check_parameters()
        self._named()
        frame, named = _as_frame(X)
        n = y.shape[0]
        if len(frame) != n:
            raise argument_error("X", f"of {n} rows, as many as `y`", f"{len(frame)} rows")
        if named:
            self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.n_features_in_ = frame.shape[1]
        self.left_out_: tuple[str, ...] = ()
        self.left_out_ = self._lacking(list(frame.columns))
        self._columns(list(frame.columns))
        weights = check_weights(sample_weight, n)
        counted = np.ones(n, dtype=bool) if weights is None else weights.values > 0
        self._read_outcome(y[counted], kind)
        if kind in ("status", "measured"):
            horizon = default_horizons(y, kind, np.empty(0), getattr(self, "horizons", None))
            self.max_time_, self.causes_, self.score_horizons_ = float(horizon[-1]), np.array([1]), horizon
        given = {"sample_weight": weights, "strata": strata, "offset": offset, "clusters": clusters}
        return Rows(
            frame=frame,
            y=y,
            kind=kind,
            weights=None if weights is None else weights.values,
            weight_kind=None if weights is None else weights.kind,
            clusters=check_clusters("clusters", clusters, n=n),
            given={key: value for key, value in given.items() if value is not None},
        )

    def _begin_stretches(self, X: Any, y: np.ndarray, rows: Any, stretches: np.ndarray, weights: Any) -> Rows:
        """Check the arguments of ``fit_stretches``."""
        begun = self._begin(X, y, None, None, None, None)
        name = f"{type(self).__name__}.fit_stretches"
        check_outcome(y, ("right",), caller=name)
        check_outcome(stretches, ("right",), caller=name)
        if "entry" not in (stretches.dtype.names or ()):
            raise argument_error("stretches", "an outcome with delayed entry", "one without", "Surv.right(…, entry=…).")
        place = np.asarray(rows)
        if place.shape != stretches.shape or holds(place) != "number" or not np.isin(place, range(len(y))).all():
            raise argument_error(
                "rows", f"the position in `y`, 0 to {len(y) - 1}, of the patient of each stretch", describe(rows)
            )
        own = check_weights(weights, stretches.shape[0]) or Weights(np.ones(stretches.shape[0]), "sampling")
        return replace(begun, stretches=Stretches(place.astype(int), stretches, own))

    def _ordered(self, X: Any) -> pd.DataFrame:
        """Return new rows with the columns of the fit, in their order."""
        self._check_fitted()
        frame, named = _as_frame(X)
        names = self._names()
        if not named and frame.shape[1] != len(names):
            raise argument_error("X", f"of {len(names)} columns, as fitted", f"{frame.shape[1]} columns")
        if not named:
            return frame.set_axis(names, axis=1)
        missing = [c for c in names if c not in frame.columns]
        extra = [c for c in frame.columns if c not in set(names)]
        if missing or extra:
            told = [f"without {missing}"] * bool(missing) + [f"with unknown {extra}"] * bool(extra)
            raise argument_error("X", "a frame with the columns of the fit", " and ".join(told))
        return frame[names]

    # ---- learners ----------------------------------------------------------------------------------------------

    def _folds(self, rows: Rows, folds: Any) -> np.ndarray:
        labels = fold_labels(folds, self.cv, rows.event, rows.clusters, self.random_state)
        if labels.max() == 0:
            raise argument_error("folds", "at least two different labels", "one")
        return labels

    def _fit_learner(self, name: str, rows: Rows, use: np.ndarray, columns: list[str]) -> Any:
        given = {key: take_rows_of(value, use) for key, value in rows.given.items()}
        model, table = clone(self._named()[name]), rows.frame.loc[use, columns]
        try:
            if rows.stretches is not None:
                return fit_on_stretches(model, table, rows.y[use], *rows.stretches.of(use))
            return model.fit(table, rows.y[use], **given)
        except EstimationError as error:
            raise EstimationError(f"Learner {name!r}: {error}") from error

    def _risk_of(
        self, name: str, model: Any, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]
    ) -> np.ndarray:
        extra = {key: value for key, value in given.items() if key in ("strata", "offset") and value is not None}
        risk = model.predict_risk(frame, horizons, cause, **extra)
        return np.asarray(risk, dtype=float).reshape(len(frame), horizons.size)

    def _cross_fit(self, rows: Rows, labels: np.ndarray, horizons: np.ndarray, cause: int = 1) -> np.ndarray:
        """Risks of each row by learners that were fitted without its fold, shape (n, h, learners)."""
        columns = self._columns(list(rows.frame.columns))
        out = np.full((len(rows.frame), horizons.size, len(columns)), np.nan)
        there = self._available(rows.frame)
        for fold in range(int(labels.max()) + 1):
            held = labels == fold
            for k, (name, own) in enumerate(columns.items()):
                model = self._fit_learner(name, rows, ~held & there[:, k], own)
                use = held & there[:, k]
                if use.any():
                    given = {key: take_rows_of(value, use) for key, value in rows.given.items()}
                    out[use, :, k] = self._risk_of(name, model, rows.frame.loc[use, own], horizons, cause, given)
            lost = (np.isnan(out[held]) & there[held][:, None, :]).any(axis=0)
            if lost.any():
                j, k = np.argwhere(lost)[0]
                raise EstimationError(
                    f"Learner {list(columns)[k]!r} gives no risk at {horizons[j]:g} when fitted without fold {fold}: "
                    "the follow-up of the others ends before, or a value is missing. Take earlier `horizons` or fewer "
                    "folds (`cv`)."
                )
        return out

    def _fit_all(self, rows: Rows) -> None:
        """Fit the learners that stay, on all rows."""
        self.columns_ = self._columns(list(rows.frame.columns))
        there = self._available(rows.frame)
        self.models_ = {
            name: self._fit_learner(name, rows, there[:, k], own) for k, (name, own) in enumerate(self.columns_.items())
        }

    def _all_risks(self, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]) -> np.ndarray:
        """Risks of the learners that stay, shape (n, h, learners); NaN where a row lacks a learner's modalities."""
        there = self._available(frame)
        out = np.full((len(frame), horizons.size, len(self.models_)), np.nan)
        for k, (name, model) in enumerate(self.models_.items()):
            use = there[:, k]
            if use.any():
                own = {key: take_rows_of(value, use) for key, value in given.items() if value is not None}
                out[use, :, k] = self._risk_of(name, model, frame.loc[use, self.columns_[name]], horizons, cause, own)
        return out

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
        strata, offset : array-like of shape (n,), optional
            Passed to the learners where given.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks in [0, 1]; a column beyond the longest follow-up of the training data is NaN.
        """
        frame = self._ordered(X)
        times, _ = check_horizons(horizons)
        self._check_cause(cause)
        out = np.full((len(frame), times.size), np.nan)
        inside = times <= self.max_time_
        if inside.any():
            given = {"strata": strata, "offset": offset}
            out[:, inside] = self._combine(frame, times[inside], int(cause), given)
        return out

    def _combine(self, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]) -> np.ndarray:
        raise NotImplementedError

    @takes_rows()
    def learner_risks(self, X: Any, horizon: float, cause: int = 1, *, strata: Any = None, offset: Any = None) -> Any:
        """Return the risk of each learner by one horizon, one column per learner.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        horizon : float
            Prediction time.
        cause : int, default 1
            Event code.
        strata, offset : array-like of shape (n,), optional
            Passed to the learners where given.

        Returns
        -------
        DataFrame of shape (n, n_learners)
        """
        frame = self._ordered(X)
        times, _ = check_horizons(horizon)
        self._check_cause(cause)
        risks = self._all_risks(frame, times, int(cause), {"strata": strata, "offset": offset})
        return pd.DataFrame(risks[:, 0], columns=list(self.models_), index=frame.index)


def _as_frame(X: Any) -> tuple[pd.DataFrame, bool]:
    """Return a frame, and whether the input had column names; columns of an array are called x0, x1, …"""
    X = read_frame(X)
    if isinstance(X, pd.DataFrame):
        return X, True
    array = np.asarray(X)
    if array.ndim != 2:
        raise argument_error("X", "a frame or a two-dimensional array of predictors", describe(X))
    return pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])]), False


def _as_name(column: Any, names: list[str]) -> str:
    """Return the name of a column given by its number, where ``X`` was an array."""
    if isinstance(column, int | np.integer) and 0 <= column < len(names) and names[column] == f"x{column}":
        return names[int(column)]
    return str(column)


def _listed(columns: Any) -> list[Any]:
    return [columns] if isinstance(columns, str) else list(columns)
