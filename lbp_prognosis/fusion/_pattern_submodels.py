"""``PatternSubmodels``: one model per pattern of available modalities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    DataError,
    FeatureMap,
    Objection,
    argument_error,
    check_choice,
    check_horizons,
    check_number,
    fit_on_stretches,
    labels_of,
    nearest,
    objection,
    takes_rows,
)
from lbp_prognosis.fusion._frame import as_frame, match_columns
from lbp_prognosis.survival import ScoreForecast, check_outcome, measured_spec

__all__ = ["PatternSubmodels"]

Pattern = tuple[str, ...]


def _of_scores(model: Any) -> bool:
    """Whether the model of a pattern predicts the distribution of a score."""
    return hasattr(model.estimator, "predict_forecast")


class PatternSubmodels(BaseEstimator):
    """Fit a separate model per pattern of modalities, so that a missing block is not imputed.

    Parameters
    ----------
    estimator : estimator
        Model, cloned per pattern and fitted to the columns of the pattern's modalities.
    modalities : mapping of str to sequence of str
        Columns by modality. A modality is missing in a row if all its columns are. Modalities and single columns absent
        from ``X`` are left out, so that validation can refit without them.
    patterns : sequence of sequence of str, optional
        Prespecified patterns; by default all that occur and are large enough.
    mandatory : sequence of str, default ('clinical',)
        Modalities that a prediction requires; a row without one is refused, and a table of the fit without all columns
        of one is objected to (``modality-left-out``).
    min_patients : int, default 100
        Minimum number of rows per pattern.
    min_events : int, default 50
        Minimum number of events of interest per pattern; for a score, of observed scores.
    rows : {"pattern", "available"}, default "pattern"
        Fit on the rows of exactly this pattern, or on all rows that have at least its modalities.
    fallback : estimator, optional
        For patterns without a model of their own, e.g. a pipeline with `MultipleImputation`; fitted on all rows.
        Without it such patients are refused.

    Attributes
    ----------
    left_out_ : tuple of str
        Modalities, and single columns of the others, absent from the training table.
    patterns_ : pandas.DataFrame
        ``pattern, n, n_events, model`` of the training rows; ``model`` is ``"own"``, ``"fallback"`` or ``"none"``. For
        a score ``n_events`` counts observed scores.
    models_ : dict
        Fitted model by pattern.
    horizon_ : float or None
        Visit of the score; None for other outcomes.

    Notes
    -----
    The model of a pattern describes the patients with this pattern: imaged patients differ from those not imaged.
    Calibrate and report each pattern separately.

    References
    ----------
    Fletcher Mercaldo S, Blume JD. Missing data and prediction: the pattern submodel. Biostatistics 2020;21:236-252.
    doi:10.1093/biostatistics/kxy040
    """

    def __init__(
        self,
        estimator: Any,
        modalities: Mapping[str, Sequence[str]],
        *,
        patterns: Sequence[Sequence[str]] | None = None,
        mandatory: Sequence[str] = ("clinical",),
        min_patients: int = 100,
        min_events: int = 50,
        rows: str = "pattern",
        fallback: Any = None,
    ) -> None:
        self.estimator = estimator
        self.modalities = modalities
        self.patterns = patterns
        self.mandatory = mandatory
        self.min_patients = min_patients
        self.min_events = min_events
        self.rows = rows
        self.fallback = fallback

    def _check_parameters(self) -> None:
        check_choice("rows", self.rows, ("pattern", "available"))
        check_number("min_patients", self.min_patients, low=1, whole=True)
        check_number("min_events", self.min_events, low=0, whole=True)

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
    ) -> PatternSubmodels:
        """Fit one model per pattern.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors; blocks may be missing.
        y : ndarray of shape (n,)
            Outcome, also made by `Measured.at`.
        sample_weight, strata, offset, clusters : array-like of shape (n,), optional
            Passed to the models if given.
        """
        given = {"sample_weight": sample_weight, "strata": strata, "offset": offset, "clusters": clusters}

        def fit_model(model: Any, table: pd.DataFrame, use: np.ndarray) -> Any:
            return model.fit(table[use], y[use], **_rows_of(given, use))

        return self._fit(X, y, fit_model)

    @takes_rows()
    def fit_stretches(
        self, X: Any, y: np.ndarray, rows: Any, stretches: np.ndarray, *, weights: Any
    ) -> PatternSubmodels:
        """Fit one model per pattern to stretches of the follow-up of its patients.

        Patterns are counted in patients, and a pipeline inside imputes each patient once.

        Parameters
        ----------
        X, y, rows, stretches, weights
            As in `RiskPipeline.fit_stretches`.
        """
        patient = np.asarray(rows, dtype=int)

        def fit_model(model: Any, table: pd.DataFrame, use: np.ndarray) -> Any:
            kept, place = use[patient], np.cumsum(use) - 1
            own = place[patient[kept]]
            return fit_on_stretches(model, table[use], y[use], own, stretches[kept], _take(weights, kept))

        return self._fit(X, y, fit_model)

    def _fit(
        self, X: Any, y: np.ndarray, fit_model: Callable[[Any, pd.DataFrame, np.ndarray], Any]
    ) -> PatternSubmodels:
        """Fit by ``fit_model(unfitted, table, rows in use)``."""
        self._check_parameters()
        kind = check_outcome(y, ("right", "interval", "status", "measured"), caller="PatternSubmodels")
        if kind == "measured":
            self._refuse_models_of_events()
        self.horizon_ = measured_spec(y).horizon if kind == "measured" else None
        frame = as_frame(X)
        named = FeatureMap({str(name): tuple(columns) for name, columns in self.modalities.items()})
        unknown = [name for name in self.mandatory if name not in named]
        if unknown:
            raise argument_error("mandatory", f"among the modalities {list(named)}", f"{unknown}")
        self.groups_, self.left_out_ = _of_table(named, list(frame.columns))
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        held = self._present(frame)
        self._refuse_without_mandatory(held)
        event = _informative(y, kind)
        declared = None if self.patterns is None else {self._ordered(p) for p in self.patterns}
        self.models_: dict[Pattern, Any] = {}
        table = []
        for pattern in sorted({self._named(flags) for flags in held}, key=lambda p: (len(p), p)):
            exact = (held == self._flags(pattern)).all(axis=1)
            use = exact if self.rows == "pattern" else (held | ~self._flags(pattern)).all(axis=1)
            enough = use.sum() >= self.min_patients and event[use].sum() >= self.min_events
            own = enough and pattern and (declared is None or pattern in declared)
            if own:
                self.models_[pattern] = fit_model(clone(self.estimator), frame[self._columns(pattern)], use)
            model = "own" if own else "fallback" if self.fallback is not None else "none"
            table.append(
                {
                    "pattern": "+".join(pattern),
                    "n": int(exact.sum()),
                    "n_events": int(event[exact].sum()),
                    "model": model,
                }
            )
        self.patterns_ = pd.DataFrame(table, columns=["pattern", "n", "n_events", "model"])
        if not self.models_ and self.fallback is None:
            raise argument_error(
                "X",
                f"a table with a pattern of {self.min_patients} rows and {self.min_events} events",
                self.patterns_.to_string(index=False),
                "Give a `fallback`, or fewer modalities.",
            )
        all_rows = np.ones(len(frame), dtype=bool)
        self.fallback_ = None
        if self.fallback is not None:
            self.fallback_ = fit_model(clone(self.fallback), frame[list(self.groups_.columns)], all_rows)
        return self

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: modalities that its table lacked, and those of the models of the patterns."""
        check_is_fitted(self)
        models = [*self.models_.values(), *([] if self.fallback_ is None else [self.fallback_])]
        inside = [doubt for model in models for doubt in getattr(model, "objections_", ())]
        gone = ", ".join(map(repr, self.left_out_))
        needed = ", ".join(repr(name) for name in self.mandatory if name in self.left_out_)
        if needed:
            inside.append(objection("modality-left-out", variant="mandatory", names=gone, mandatory=needed))
        elif gone:
            inside.append(objection("modality-left-out", names=gone))
        return tuple(dict.fromkeys(inside))

    def _refuse_models_of_events(self) -> None:
        for name in ("estimator", "fallback"):
            model = getattr(self, name)
            if model is not None and not hasattr(model, "predict_forecast"):
                words = "a model of a score, with `predict_forecast`, where `y` is a score"
                raise argument_error(name, words, model, "Take OrdinalRegression or LinearOutcome.")

    def _present(self, frame: pd.DataFrame) -> np.ndarray:
        return np.column_stack(
            [frame[list(columns)].notna().any(axis=1).to_numpy() for columns in self.groups_.values()]
        )

    def _named(self, flags: np.ndarray) -> Pattern:
        return tuple(name for name, flag in zip(self.groups_, flags) if flag)

    def _ordered(self, pattern: Sequence[str]) -> Pattern:
        names = {pattern} if isinstance(pattern, str) else set(pattern)
        if not names <= set(self.modalities):
            raise argument_error("patterns", f"sets of the modalities {list(self.modalities)}", sorted(names))
        return tuple(name for name in self.groups_ if name in names)

    def _flags(self, pattern: Pattern) -> np.ndarray:
        return np.array([name in pattern for name in self.groups_])

    def _columns(self, pattern: Pattern) -> list[str]:
        return [column for name in pattern for column in self.groups_[name]]

    def _refuse_without_mandatory(self, held: np.ndarray) -> None:
        needed = self._flags(tuple(self.mandatory))
        without = np.flatnonzero((needed & ~held).any(axis=1))
        if without.size:
            failures = pd.DataFrame(
                {
                    "table": "X",
                    "row": without,
                    "field": "+".join(self.mandatory),
                    "reason": "missing",
                    "value": None,
                    "message": "a mandatory modality is missing",
                }
            )
            raise DataError(
                f"{without.size} rows lack a mandatory modality ({', '.join(self.mandatory)}), e.g. row {without[0]}: "
                "nothing is predicted without it.",
                failures,
            )

    def _by_pattern(self, X: Any) -> Iterator[tuple[np.ndarray, Any, pd.DataFrame]]:
        """Yield the rows of each pattern, its model and its columns of these rows."""
        check_is_fitted(self)
        frame = match_columns(X, self.feature_names_in_)
        held = self._present(frame)
        self._refuse_without_mandatory(held)
        for pattern in sorted({self._named(flags) for flags in held}):
            use = (held == self._flags(pattern)).all(axis=1)
            model, columns = self.models_.get(pattern), self._columns(pattern)
            if model is None:
                model, columns = self.fallback_, list(self.groups_.columns)
            if model is None:
                raise argument_error(
                    "X",
                    f"of patterns with a model: {['+'.join(p) for p in self.models_]}",
                    f"{int(use.sum())} rows with {'+'.join(pattern) or 'nothing'}",
                    "Give a `fallback`, e.g. a pipeline with MultipleImputation.",
                )
            yield use, model, frame.loc[use, columns]

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
        """Return each row's risk from the model of its pattern, or from the fallback.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors.
        horizons : float or sequence of float, optional
            Prediction times; by default the visit of a score.
        cause : int, default 1
            Event code.
        strata, offset : array-like of shape (n,), optional
            Passed to the models if given.
        at_most, at_least : float or array-like of shape (n,), optional
            Cut of a score; by default the one declared with the training outcome.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks; for a score, NaN at other times than the visit.

        Raises
        ------
        ArgumentError
            If a row has a pattern without a model, or a cut is given for another outcome than a score.
        """
        check_is_fitted(self)
        visit = self._visit()
        if visit is None:
            for name, cut in (("at_most", at_most), ("at_least", at_least)):
                if cut is not None:
                    raise argument_error(name, "left out: the model was not fitted to scores", "a cut")
        if horizons is None and visit is None:
            raise argument_error("horizons", "a number or a sequence of numbers", "none")
        times, _ = check_horizons(visit if horizons is None else horizons)
        given = {"strata": strata, "offset": offset}
        cuts = {name: cut for name, cut in (("at_most", at_most), ("at_least", at_least)) if cut is not None}
        if len(cuts) == 2:
            raise argument_error("at_most, at_least", "one of them", "both")
        if cuts and cause != 1:
            raise argument_error("cause", "1 for a score", cause)
        out = np.full((np.shape(X)[0], times.size), np.nan)
        there = np.isclose(times, np.nan if visit is None else visit, rtol=1e-9, atol=0)
        for use, model, table in self._by_pattern(X):
            if not cuts:
                out[use] = model.predict_risk(table, times, cause, **_rows_of(given, use))
                continue
            forecast = model.predict_forecast(table, **_rows_of({"offset": offset}, use))
            for name, cut in cuts.items():
                risk = getattr(forecast, name)(cut if np.ndim(cut) == 0 else _take(cut, use))
                out[np.ix_(use, there)] = risk[:, None]
        return out

    # ---- scores --------------------------------------------------------------------------------------------------

    def _visit(self) -> float | None:
        return getattr(self, "horizon_", None)  # models of files made before have no such attribute

    @property
    def levels_(self) -> np.ndarray:
        """Scores with positive probability in any of the models, increasing."""
        if self._visit() is None:
            raise AttributeError("These PatternSubmodels are not fitted to scores.")
        models = [*self.models_.values(), *([] if self.fallback_ is None else [self.fallback_])]
        return np.unique(np.concatenate([model.levels_ for model in models]))

    @available_if(_of_scores)
    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return P(Y = level) for each of ``levels_``, from the model of each row's pattern; shape (n, K).

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the models if given.
        """
        self._check_scores()
        levels = self.levels_

        def shares(model: Any, table: pd.DataFrame, given: dict[str, Any]) -> np.ndarray:
            below = model.predict_forecast(table, **given).below(levels)
            return np.maximum(np.diff(below, axis=1, prepend=0.0), 0.0)

        return self._of_each_pattern(X, offset, shares, (levels.size,))

    @available_if(_of_scores)
    @takes_rows()
    def predict_forecast(self, X: Any, *, offset: Any = None) -> ScoreForecast:
        """Return the predicted distribution of the score with its levels, as `evaluate` takes it.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the models if given.
        """
        shares = self.predict_distribution(X, offset=offset)
        return ScoreForecast(self.levels_, shares, labels_of(X))

    @available_if(_of_scores)
    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected score, from the model of each row's pattern; shape (n,).

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Passed to the models if given.
        """
        self._check_scores()
        return self._of_each_pattern(X, offset, lambda model, table, given: model.predict_mean(table, **given))

    @available_if(_of_scores)
    @takes_rows()
    def predict_quantile(
        self, X: Any, q: float = 0.5, *, method: str = "interpolated", offset: Any = None
    ) -> np.ndarray:
        """Return quantiles of the predicted score, from the model of each row's pattern; shape (n,).

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors.
        q : float, default 0.5
            Probability in (0, 1).
        method : {"interpolated", "discrete"}, default "interpolated"
            As in `ScoreForecast.quantile`.
        offset : array-like of shape (n,), optional
            Passed to the models if given.
        """
        self._check_scores()

        # of each model's own levels: those that another pattern alone has would be interpolated
        def quantile(model: Any, table: pd.DataFrame, given: dict[str, Any]) -> np.ndarray:
            return np.asarray(model.predict_forecast(table, **given).quantile(q, method=method))

        return self._of_each_pattern(X, offset, quantile)

    def _of_each_pattern(
        self, X: Any, offset: Any, predict: Callable[..., np.ndarray], shape: tuple[int, ...] = ()
    ) -> np.ndarray:
        """Return what ``predict`` gives for the model, the columns and the offsets of each pattern, row by row."""
        out = np.full((np.shape(X)[0], *shape), np.nan)
        for use, model, table in self._by_pattern(X):
            out[use] = predict(model, table, _rows_of({"offset": offset}, use))
        return out

    def _check_scores(self) -> None:
        check_is_fitted(self)
        if self._visit() is None:
            raise argument_error("y", "a score (Measured.at) at fit, for its distribution", "another outcome")

    @takes_rows()
    def pattern_of(self, X: Any) -> np.ndarray:
        """Return the pattern of each row, as names joined by ``+``; shape (n,)."""
        check_is_fitted(self)
        held = self._present(match_columns(X, self.feature_names_in_))
        return np.array(["+".join(self._named(flags)) for flags in held], dtype=object)

    @property
    def max_time_(self) -> float:
        """Longest follow-up in the training data of any of the models."""
        models = [*self.models_.values(), *([] if self.fallback_ is None else [self.fallback_])]
        return float(max(model.max_time_ for model in models))


def _informative(y: np.ndarray, kind: str) -> np.ndarray:
    """Whether each row has an event of interest, or an observed score."""
    if kind == "measured":
        return ~np.isnan(y["value"])
    return y["status"] == 1 if kind == "status" else y["event"] == 1


def _rows_of(given: Mapping[str, Any], use: np.ndarray) -> dict[str, Any]:
    return {name: _take(value, use) for name, value in given.items() if value is not None}


def _take(value: Any, use: np.ndarray) -> Any:
    if hasattr(value, "values") and hasattr(value, "kind"):  # Weights
        return type(value)(value.values[use], value.kind)
    return value[use] if hasattr(value, "iloc") else np.asarray(value)[use]


def _of_table(named: FeatureMap, there: list[Any]) -> tuple[FeatureMap, tuple[str, ...]]:
    """Return the modalities present in a table, and the missing ones; misspelt names are refused."""
    lost = [column for column in named.columns if column not in there]
    unused = sorted({str(column) for column in there} - set(named.columns))
    for column in lost:
        if meant := nearest(column, unused):
            raise argument_error("modalities", "a mapping to columns of `X`", repr(column), meant)
    kept = {name: tuple(column for column in columns if column not in lost) for name, columns in named.items()}
    groups = FeatureMap({name: columns for name, columns in kept.items() if columns})
    if not groups:
        raise argument_error("modalities", "a mapping to columns of `X`", f"columns {lost[:5]} that it lacks")
    single = [column for column in lost if any(column in named[name] for name in groups)]
    return groups, (*(name for name in named if name not in groups), *single)
