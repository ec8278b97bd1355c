"""Out-of-fold risks: repeated cross-validation of whole pipelines on the same folds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    RandomState,
    Result,
    argument_error,
    check_horizons,
    check_number,
    deprecated,
    generator,
    labels_of,
    metric_frame,
    objection,
    prepared_objections,
    spawn,
    stated_score,
    takes_rows,
)
from lbp_prognosis.evaluation import Evaluation, concordance, evaluate, time_dependent_auc
from lbp_prognosis.survival import ScoreForecast, outcome_kind
from lbp_prognosis.validation.pooling._multiply_imputed import IMPUTED_BEFORE, MultiplyImputed
from lbp_prognosis.validation.resampling._bootstrap_replicate import fit_arguments
from lbp_prognosis.validation.resampling._estimator import (
    check_models,
    check_rows,
    describe_estimator,
    fit_on,
    own_horizons,
    risk_of,
    take_rows,
)
from lbp_prognosis.validation.resampling._folds import (
    event_stratum,
    given_folds,
    rarer_events,
    repeated_folds,
    site_folds,
)
from lbp_prognosis.validation.resampling._merged_forecasts import merged_forecasts
from lbp_prognosis.validation.resampling._replicates import run_replicates
from lbp_prognosis.validation.resampling._stated_objections import are_stated, stated_once, stated_rows
from lbp_prognosis.validation.screening._screen_of import screen_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CrossValidation", "average_cross_validations", "cross_validate_risk"]

_NOTHING = np.empty(0)
_FEW_EVENTS = objection("few-events-per-fold")
_POOLED_SITES = objection("pooled-over-sites")
_SHORT_FOLDS = objection("horizon-beyond-a-fold")


@dataclass(frozen=True, repr=False)
class CrossValidation(Result):
    """Out-of-fold risks of several models on the same folds.

    Attributes
    ----------
    models : tuple of str
        Names.
    horizons : ndarray of shape (n_horizons,)
        Prediction times.
    folds : ndarray of int of shape (n_repeats, n)
        Fold of each row in each repeat; the model that predicts a row was fitted without its fold.
    risks_by_repeat : dict of str to ndarray of shape (n_repeats, n, n_horizons)
        Out-of-fold risks; for a score, the risks at its declared cut.
    forecasts : dict of str to ScoreForecast
        Out-of-fold distributions of a score, averaged over repeats; empty for other outcomes.
    """

    sample: ClassVar[str] = "internal"  # what `Evidence` takes the numbers for

    models: tuple[str, ...]
    horizons: np.ndarray
    folds: np.ndarray = field(repr=False)
    risks_by_repeat: dict[str, np.ndarray] = field(repr=False)
    scores_by_repeat: dict[str, np.ndarray] = field(repr=False)
    y: np.ndarray = field(repr=False)
    cause: int = 1
    groups: np.ndarray | None = field(default=None, repr=False)
    scalar: bool = False
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    forecasts: dict[str, ScoreForecast] = field(default_factory=dict, repr=False)

    @property
    def risks(self) -> dict[str, np.ndarray]:
        """Out-of-fold risks averaged over repeats, (n, n_horizons) by model."""
        return {name: values.mean(axis=0) for name, values in self.risks_by_repeat.items()}

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """Out-of-fold log hazards (log odds of a state) averaged over repeats, (n,); of the models that have them."""
        return {name: values.mean(axis=0) for name, values in self.scores_by_repeat.items()}

    def evaluate(self, thresholds: Any = None, **keywords: Any) -> Evaluation:
        """Return `evaluation.evaluate` of the averaged out-of-fold risks or, for a score, distributions.

        Parameters
        ----------
        thresholds : array-like or ThresholdRange, optional
            For decision curves.
        **keywords
            Passed on (``target``, ``confidence``, ``clusters`` …); rows of one group are clusters by default.

        Notes
        -----
        Standard errors come from influence values of the averaged predictions and are conditional on this development
        sample: they do not include the variation of the fitted models. The objections to the cross-validation travel
        with the result; rows of one group that are not taken as clusters (``clusters=None``) bring
        ``discs-as-patients``.
        """
        horizons = float(self.horizons[0]) if self.scalar else self.horizons
        doubts = self.objections
        if self.groups is not None:
            keywords.setdefault("clusters", self.groups)
            patients = np.unique(self.groups).size
            if keywords["clusters"] is None and patients < self.y.shape[0]:
                doubts = (*doubts, objection("discs-as-patients", rows=self.y.shape[0], patients=patients))
        if outcome_kind(self.y) == "right" and set(self.scores_by_repeat) == set(self.models):
            keywords.setdefault("linear_predictors", self.scores)
        predicted = self.forecasts if set(self.forecasts) == set(self.models) else self.risks
        found = evaluate(self.y, predicted, horizons, thresholds, cause=self.cause, **keywords)
        return replace(
            found,
            objections=tuple(dict.fromkeys((*found.objections, *doubts))),
            synthetic=found.synthetic or self.synthetic,
        )

    def fold_averaged(self, target: str = "event") -> pd.DataFrame:
        """Return rank measures pooled and averaged over folds, with their spread over repeats.

        Returns
        -------
        DataFrame
            Metrics ``auc`` (and ``concordance`` of the first horizon's risk for times); ``method`` is ``pooled`` or
            ``fold-averaged``; ``se`` is the standard deviation over repeats and no standard error of the estimate.

        Notes
        -----
        Pooling ranks patients predicted by different models: each fold has its own intercept, and the pooled value is
        then too low. Averages within folds are the default for rank measures.
        """
        rows = []
        for name, risks in self.risks_by_repeat.items():
            for h, horizon in enumerate(self.horizons):
                pooled: list[float] = []
                averaged: list[float] = []
                for repeat, fold in enumerate(self.folds):
                    risk = risks[repeat, :, h]
                    pooled.append(self._auc(np.arange(fold.size), risk, horizon, target))
                    values = [self._auc(np.flatnonzero(fold == k), risk, horizon, target) for k in np.unique(fold)]
                    averaged.append(float(np.nanmean(values)) if np.isfinite(values).any() else np.nan)
                for method, values in (("pooled", pooled), ("fold-averaged", averaged)):
                    rows.append(
                        {
                            "model": name,
                            "tier": "prognostic",
                            "metric": "auc",
                            "cause": self.cause,
                            "horizon": horizon,
                            "value": float(np.mean(values)),
                            "se": float(np.std(values, ddof=1)) if len(values) > 1 else np.nan,
                            "method": method,
                            "n": self.y.shape[0],
                            "n_events": int((event_stratum(self.y) == 1).sum()),
                            "reason": "" if np.isfinite(np.mean(values)) else "no cases or no controls in some fold",
                        }
                    )
        return metric_frame(rows)

    def _auc(self, rows: np.ndarray, risk: np.ndarray, horizon: float, target: str) -> float:
        if np.isnan(risk).any():
            return float("nan")
        y = self.y[rows]
        result = time_dependent_auc(
            y, risk[rows], float(horizon), cause=self.cause, target=target, min_at_risk=0, min_censoring_survival=0.0
        )
        return float(result.value)

    def concordance(self, **keywords: Any) -> pd.DataFrame:
        """Return concordance of the averaged out-of-fold risk at the last horizon that all models predict."""
        frames = []
        for name, risk in self.risks.items():
            known = np.flatnonzero(~np.isnan(risk).any(axis=0))
            if outcome_kind(self.y) == "right" and known.size:
                result = concordance(self.y, risk[:, known[-1]], cause=self.cause, **keywords)
                frames.append(result.to_frame().assign(model=name))
        return pd.concat(frames, ignore_index=True) if frames else metric_frame([])

    def to_frame(self) -> pd.DataFrame:
        """Return the frame of `evaluate` without thresholds."""
        return self.evaluate().to_frame()

    def plot(self, ax: Axes | None = None, *, metric: str = "auc") -> Axes:
        """Draw one measure of the averaged out-of-fold risks over the horizons, a colour per model.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default "auc"
            Name of a metric.
        """
        return self.evaluate().plot(ax, metric=metric)

    def _summary(self) -> str:
        repeats, n = self.folds.shape
        return f"{len(self.models)} models, {n} rows, {self.folds.max() + 1} folds × {repeats} repeats"


@takes_rows()
def cross_validate_risk(
    models: Any,
    X: Any,
    y: np.ndarray,
    horizons: Any = None,
    *,
    cause: int = 1,
    n_splits: int = 10,
    n_repeats: int = 20,
    groups: Any = None,
    pooled_sites: Any = None,
    folds: Any = None,
    fit_params: Mapping[str, Any] | None = None,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
    sites: Any = None,
) -> CrossValidation:
    """Predict every patient by models fitted without that patient.

    Parameters
    ----------
    models : estimator or mapping of str to estimator
        Unfitted pipelines with ``fit`` and ``predict_risk``; all are fitted on the same folds. Tuning inside a pipeline
        is repeated in every training fold (nested).
    X : DataFrame or array of shape (n, p), or MultiplyImputed
        Predictors. With imputed tables the folds are the same in every imputation, a patient's risk is the mean over
        the imputations' models, and the result is marked ``imputed-outside-resampling``.
    y : ndarray of shape (n,)
        Structured outcome.
    horizons : float or sequence of float, optional
        Prediction times; a `Status` contains its own; for times they are required.
    cause : int, default 1
        Event code of interest.
    n_splits : int, default 10
        Folds.
    n_repeats : int, default 20
        Repeats with new folds.
    groups : array-like of shape (n,), optional
        Patient or other cluster of each row; its rows stay in one fold.
    pooled_sites : array-like of shape (n,), optional
        Hospital of each row. Folds mix hospitals. With three or more, the result states that it does not apply to a new
        hospital; use `internal_external`, which leaves out each hospital in turn.
    folds : array-like of int of shape (n_repeats, n) or (n,), optional
        Predefined fold numbers.
    fit_params : mapping of str to array-like of shape (n,), optional
        Row-wise arguments of ``fit``, e.g. ``sample_weight``.
    random_state : int, Generator or None, default 0
        Seed of the folds.
    n_jobs : int, optional
        Workers; results do not depend on it.
    checkpoint : path, optional
        Folder for finished fits, from which an interrupted run resumes.
    progress : bool, default False
        Show a progress bar.
    sites : array-like of shape (n,), optional
        Deprecated name of ``pooled_sites``.

    Returns
    -------
    CrossValidation
        Out-of-fold risks; ``evaluate(thresholds)`` evaluates and compares them.

    Raises
    ------
    LeakageError
        If a model is fitted, or the index of ``X`` repeats and no ``groups`` are given.

    See Also
    --------
    lbp_prognosis.validation.bootstrap_validate : How optimistic is apparent performance?
    lbp_prognosis.validation.added_value : What does imaging add?

    Notes
    -----
    Folds are stratified on the event and the same for all models. No interval is computed from the spread over folds:
    folds share training patients.

    Examples
    --------
    >>> from lbp_prognosis import CoxPH, Surv, simulate_cohort
    >>> from lbp_prognosis.validation import cross_validate_risk
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> X, y = X[["age", "nrs_back"]], Surv.right(y["time"], y["event"] == 1)
    >>> crossed = cross_validate_risk({"clinical": CoxPH()}, X, y, 12, n_splits=5, n_repeats=2)
    >>> crossed.risks["clinical"].shape, crossed.folds.shape
    ((300, 1), (2, 300))
    """
    if sites is not None:
        if pooled_sites is not None:
            raise argument_error("sites", "None together with `pooled_sites`, its new name", "both")
        deprecated("validation.cross_validate_risk(sites=)", through=1)
        pooled_sites, sites = sites, None
    if isinstance(X, MultiplyImputed):
        return _in_every_imputation(locals())
    estimators = check_models(models)
    times, scalar = check_horizons(own_horizons(y, horizons))
    splits = int(check_number("n_splits", n_splits, low=2, whole=True))
    repeats = int(check_number("n_repeats", n_repeats, low=1, whole=True))
    codes = check_rows(X, y, groups)
    if folds is None:
        streams = spawn(random_state, repeats)
        places = repeated_folds(y, n_splits=splits, n_repeats=repeats, groups=codes, generators=streams)
    else:
        places = given_folds(folds, y.shape[0], codes)
        splits, repeats = int(places.max()) + 1, places.shape[0]
    tasks = [(name, r, k) for name in estimators for r in range(repeats) for k in range(splits)]
    work = partial(
        _predict_fold,
        estimators=estimators,
        X=X,
        y=y,
        horizons=times,
        cause=cause,
        folds=places,
        units=codes,
        fit_params=fit_params,
    )
    described = {name: describe_estimator(model) for name, model in estimators.items()}
    results = run_replicates(
        work,
        tasks,
        what=("cross_validate_risk", described, X, y, times, cause, places, dict(fit_params or {})),
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        progress=progress,
        description="Cross-validation",
        accept=partial(_is_of_fold, folds=places, n_horizons=times.size, measured=outcome_kind(y) == "measured"),
    )
    risks, scores = _gathered(tasks, results, places, times.size)
    doubts: tuple[Objection, ...] = (*prepared_objections(X), *stated_once(results))
    if _cut_short(risks):
        doubts = (*doubts, _SHORT_FOLDS)
    if rarer_events(y, cause) < 5 * splits:
        doubts = (*doubts, _FEW_EVENTS)
    if pooled_sites is not None and len(site_folds(pooled_sites, y.shape[0])[1]) >= 3:
        doubts = (*doubts, _POOLED_SITES)
    doubts = (*doubts, *screen_of(estimators, X, y, times, cause, codes))
    return CrossValidation(
        models=tuple(estimators),
        horizons=times,
        folds=places,
        risks_by_repeat=risks,
        scores_by_repeat=scores,
        y=y,
        cause=cause,
        groups=codes,
        scalar=scalar,
        objections=doubts,
        synthetic=bool(getattr(X, "attrs", {}).get("synthetic", False)),
        forecasts=_forecasts(tasks, results, places, y, labels_of(X)),
    )


def _forecasts(
    tasks: Sequence[tuple[str, int, int]],
    results: Sequence[Mapping[str, Any]],
    folds: np.ndarray,
    y: np.ndarray,
    labels: pd.Index | None,
) -> dict[str, ScoreForecast]:
    """Return out-of-fold distributions by model, of models that predict them in every fold."""
    parts: dict[str, list[tuple[np.ndarray, ScoreForecast]]] = {}
    for (name, r, k), result in zip(tasks, results):
        if result.get("levels", _NOTHING).size:
            forecast = ScoreForecast(result["levels"], result["probability"])
            parts.setdefault(name, []).append((np.flatnonzero(folds[r] == k), forecast))
    return {name: merged_forecasts(found, y, share=1 / folds.shape[0], labels=labels) for name, found in parts.items()}


def _gathered(
    tasks: Sequence[tuple[str, int, int]], results: Sequence[Mapping[str, Any]], folds: np.ndarray, n_horizons: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return out-of-fold risks by model, and scores of the models that have one for every row."""
    names = list(dict.fromkeys(name for name, _, _ in tasks))
    risks = {name: np.full((*folds.shape, n_horizons), np.nan) for name in names}
    scores = {name: np.full(folds.shape, np.nan) for name in names}
    for (name, r, k), result in zip(tasks, results):
        held_out = folds[r] == k
        risks[name][r, held_out] = result["risk"]
        if result["score"].size:
            scores[name][r, held_out] = result["score"]
    return risks, {name: values for name, values in scores.items() if np.isfinite(values).all()}


def _cut_short(risks: Mapping[str, np.ndarray]) -> bool:
    """Take away risks by horizons at which a fold has none, and say whether other folds had some there."""
    found = False
    for values in risks.values():
        # one fold without a prediction at a horizon leaves nothing comparable there
        short = np.isnan(values).any(axis=(0, 1))
        found |= bool(short.any() and not np.isnan(values[:, :, short]).all())
        values[:, :, short] = np.nan
    return found


def _in_every_imputation(arguments: dict[str, Any]) -> CrossValidation:
    seed = int(generator(arguments["random_state"]).integers(2**62))
    folder = arguments["checkpoint"]
    parts = [
        cross_validate_risk(
            **{
                **arguments,
                "X": table,
                "random_state": seed,
                "checkpoint": None if folder is None else os.path.join(folder, f"imputation-{k}"),
            }
        )
        for k, table in enumerate(arguments["X"].tables, start=1)
    ]
    return average_cross_validations(parts)


def average_cross_validations(parts: Sequence[CrossValidation]) -> CrossValidation:
    """Average the out-of-fold risks of imputations validated on the same folds."""
    risks, scores = (
        {
            name: np.mean([getattr(part, kept)[name] for part in parts], axis=0)
            for name in parts[0].models
            if all(name in getattr(part, kept) for part in parts)
        }
        for kept in ("risks_by_repeat", "scores_by_repeat")
    )
    doubts = dict.fromkeys((IMPUTED_BEFORE, *(o for part in parts for o in part.objections)))
    every = np.arange(parts[0].y.shape[0])
    forecasts = {
        name: merged_forecasts(
            [(every, part.forecasts[name]) for part in parts], parts[0].y, share=1 / len(parts), labels=first.row_labels
        )
        for name, first in parts[0].forecasts.items()
    }
    return replace(
        parts[0], risks_by_repeat=risks, scores_by_repeat=scores, objections=tuple(doubts), forecasts=forecasts
    )


def _is_of_fold(
    task: tuple[str, int, int], arrays: Mapping[str, np.ndarray], *, folds: Any, n_horizons: int, measured: bool
) -> bool:
    """Return whether arrays are risks of the patients held out: one row each, in [0, 1] or not predicted.

    Of a score there are distributions beside them, or it is said that the model predicts none.
    """
    held_out = int((folds[task[1]] == task[2]).sum())
    risk, score = arrays["risk"], arrays["score"]
    inside = np.isnan(risk) | ((risk >= 0) & (risk <= 1))
    shaped = risk.shape == (held_out, n_horizons) and score.shape in ((held_out,), (0,))
    shaped &= ("levels" in arrays and "probability" in arrays) == measured
    if measured and shaped:
        levels = arrays["levels"].size
        shaped &= arrays["probability"].shape == ((held_out, levels) if levels else (0,))
    return bool(shaped and inside.all() and are_stated(arrays["objections"]))


def _predict_fold(
    task: tuple[str, int, int],
    *,
    estimators: Mapping[str, Any],
    X: Any,
    y: np.ndarray,
    horizons: np.ndarray,
    cause: int,
    folds: np.ndarray,
    units: np.ndarray | None,
    fit_params: Mapping[str, Any] | None,
) -> dict[str, np.ndarray]:
    name, repeat, fold = task
    test = np.flatnonzero(folds[repeat] == fold)
    train = np.flatnonzero(folds[repeat] != fold)
    # tuning inside keeps patients whole as well
    given = fit_params if units is None else fit_arguments(estimators[name], fit_params, units, y.shape[0])
    model = fit_on(estimators[name], X, y, train, given)
    held_out = take_rows(X, test)
    risk, doubts = risk_of(model, held_out, horizons, cause, y)
    absent = cause not in getattr(model, "causes_", (cause,))
    score = None if absent else stated_score(model, held_out, outcome_kind(y), cause)
    arrays = {
        "risk": risk,
        "score": np.empty(0) if score is None else score,
        "objections": stated_rows(doubts),
    }
    if outcome_kind(y) == "measured":
        arrays |= {"levels": _NOTHING, "probability": _NOTHING}  # said, so that no checkpoint lacks them in silence
        if hasattr(model, "predict_forecast"):
            forecast = model.predict_forecast(held_out)
            arrays |= {"levels": forecast.levels, "probability": forecast.probability}
    return arrays
