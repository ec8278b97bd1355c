"""Added value of a modality, overall and by subgroup."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    LBPError,
    Objection,
    RandomState,
    argument_error,
    check_horizons,
    check_number,
    generator,
    is_number,
    metric_frame,
    objection,
    takes_rows,
)
from lbp_prognosis.evaluation import ThresholdRange, evaluate
from lbp_prognosis.evidence import (
    CLINICAL_MINIMUM,
    missing_constructs,
    missing_indicators,
    movement_without_pain,
    shared_constructs,
    undeclared_constructs,
)
from lbp_prognosis.models import NullModel
from lbp_prognosis.survival import outcome_kind
from lbp_prognosis.validation.comparison._added_value_result import WITH, WITHOUT, AddedValue
from lbp_prognosis.validation.comparison._coalitions import NOTHING, coalition_name, coalitions, shared_worth, worth_of
from lbp_prognosis.validation.comparison._likelihood_ratio import LikelihoodRatio, likelihood_ratio
from lbp_prognosis.validation.comparison._on_columns import OnColumns, restricted
from lbp_prognosis.validation.pooling._multiply_imputed import IMPUTED_BEFORE, MultiplyImputed
from lbp_prognosis.validation.pooling._pool_evaluations import pool_evaluations, pool_likelihood_ratios, pool_table
from lbp_prognosis.validation.resampling._cross_validate import (
    CrossValidation,
    average_cross_validations,
    cross_validate_risk,
)
from lbp_prognosis.validation.resampling._estimator import check_rows, fresh, own_horizons, take_rows
from lbp_prognosis.validation.resampling._folds import rarer_events

__all__ = ["added_value"]

_EVENTS_PER_PARAMETER = 10  # a lenient bound; `sample_size_support` gives the number required for an anticipated C


@takes_rows()
def added_value(
    model: Any,
    X: pd.DataFrame,
    y: np.ndarray,
    modalities: Mapping[str, Sequence[str]],
    horizons: Any = None,
    thresholds: Any = None,
    *,
    modality: str = "imaging",
    clinical_minimum: Mapping[str, Any] | None = None,
    outcome_measures: Mapping[str, Any] | None = None,
    cause: int = 1,
    target: str = "event",
    n_splits: int = 5,
    n_repeats: int = 10,
    groups: Any = None,
    sites: Any = None,
    folds: Any = None,
    confidence: float = 0.95,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> AddedValue:
    """Compare pipelines with and without a modality on the same folds, and attribute performance to modalities.

    Parameters
    ----------
    model : estimator
        Unfitted pipeline; it is refitted on the columns of every coalition of modalities.
    X : DataFrame or array of shape (n, p), or MultiplyImputed
        Predictors of all modalities; columns of an array are named by number. Imputed tables are analysed separately on
        the same folds and pooled by Rubin's rules (the likelihood-ratio tests by D2), and the result is marked
        ``imputed-outside-resampling``.
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    modalities : mapping of str to sequence of str
        Columns by modality (at most six modalities).
    horizons : float or sequence of float, optional
        Prediction times; a `Status` contains its own; for times they are required.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds. The shares use the primary threshold of a range, otherwise the middle threshold.
    modality : str, default "imaging"
        Modality whose added value is estimated.
    clinical_minimum : mapping of str to str, optional
        Construct to column, for the constructs of `evidence.CLINICAL_MINIMUM`. "Adds value" is supported only if the
        comparator contains all of them; missing constructs are named. Without baseline pain, the modality
        ``biomechanical`` raises ``state-not-trait`` (see `evidence.movement_without_pain`).
    outcome_measures : mapping of str to str or sequence of str, optional
        Mapping from constructs that define the outcome to predictors that measure them, e.g. ``{"nrs_back":
        ["nrs_back", "odi_1"]}``: if only the modality of interest contains them, the added information is the outcome
        at time zero, which raises an objection (see `evidence.shared_constructs`).
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of decisions.
    n_splits, n_repeats : int
        Folds and repeats of the cross-fitting.
    groups : array-like of shape (n,), optional
        Patient of each row.
    sites : array-like of shape (n,), optional
        Hospital of each row, for differences by site.
    folds : array-like of int, optional
        Predefined folds.
    confidence : float, default 0.95
        Level of intervals.
    random_state : int, Generator or None, default 0
        Seed of the folds.
    n_jobs : int, optional
        Workers.
    checkpoint : path, optional
        Folder for finished fits.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    AddedValue
        Differences with intervals; first-in, Shapley and last-in side by side; the likelihood-ratio test. With fewer
        than ten events (for a state, of the rarer outcome) per candidate parameter of all modalities, it carries
        ``events-per-parameter``.

    Raises
    ------
    ArgumentError
        If ``modality`` is not among the modalities, or is the only one.

    See Also
    --------
    lbp_prognosis.validation.cross_validate_risk : How good is the model out of fold?
    lbp_prognosis.evaluation.decision_curve : Would decisions be better with the model?

    Notes
    -----
    Differences are of cross-fitted risks averaged over repeats, with standard errors from paired influence values. The
    likelihood-ratio test assesses association, the differences assess prediction, and net benefit assesses decisions.
    Shapley values divide information that modalities share, so a modality without added value can have a positive
    Shapley value; the added value is the last-in column. In the shares, IPA is relative to the cross-fitted null model,
    which therefore has a value of exactly zero; in the evaluation, IPA is relative to the risk in all patients.

    References
    ----------
    Covert, Lundberg, Lee (2020), Understanding global feature contributions with additive importance measures.

    Examples
    --------
    If the comparator lacks the clinical minimum, added value is not supported, whatever the estimates.

    >>> from lbp_prognosis import CoxPH, Surv, added_value, simulate_cohort
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> modalities = {"clinical": ["age", "nrs_back"], "imaging": ["pfirrmann__mean"]}
    >>> X, y = X[modalities["clinical"] + modalities["imaging"]], Surv.right(y["time"], y["event"] == 1)
    >>> found = added_value(CoxPH(), X, y, modalities, 12, n_repeats=1, random_state=1)
    >>> found.supported, len(found.missing)
    (False, 9)
    """
    if isinstance(X, MultiplyImputed):
        return _in_every_imputation(locals())
    estimator = fresh(model, "model")
    X, columns = _modality_columns(X, modalities, modality)
    names = list(columns)
    check_rows(X, y, groups)
    X, y, groups, sites = _observed(X, y, groups, sites)
    times, scalar = check_horizons(own_horizons(y, horizons))
    primary = _primary(thresholds)
    others = tuple(name for name in names if name != modality)
    sets = coalitions(columns)
    missing = missing_constructs(clinical_minimum, [c for name in others for c in columns[name]])
    models = {
        name: OnColumns(estimator, tuple(c for member in members for c in columns[member]))
        for name, members in sets.items()
        if members
    }
    models |= {NOTHING: NullModel(), **_baselines(estimator, clinical_minimum, X)}
    crossed = cross_validate_risk(
        models,
        X,
        y,
        times,
        cause=cause,
        n_splits=n_splits,
        n_repeats=n_repeats,
        groups=groups,
        folds=folds,
        random_state=random_state,
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        progress=progress,
    )
    risks, scores = crossed.risks, crossed.scores
    pair = {WITHOUT: coalition_name(others), WITH: coalition_name(names)}
    shown = {**pair, **{name: name for name in models if name not in sets}}
    asked: dict[str, Any] = {"cause": cause, "target": target, "clusters": crossed.groups}
    found = evaluate(
        y,
        {name: risks[key] for name, key in shown.items()},
        float(times[0]) if scalar else times,
        thresholds,
        linear_predictors=_scores(crossed, pair, tuple(shown)),
        confidence=confidence,
        **asked,
    )
    null = risks[NOTHING]
    worths = [
        worth_of(y, None if name == NOTHING else risks[name], scores.get(name), null, times, primary, **asked)
        for name in sets
    ]
    clinical = "clinical" if "clinical" in names else None
    shares = shared_worth(names, worths, first=clinical, clusters=crossed.groups, confidence=confidence)
    every = [c for group in columns.values() for c in group]
    again = (
        *shared_constructs(tuple(outcome_measures or ()), every, measures=outcome_measures, added=columns[modality]),
        *missing_indicators(X, columns[modality]),
        *movement_without_pain(columns.get("biomechanical", ()), every, clinical_minimum),
    )
    return AddedValue(
        modality=modality,
        evaluation=replace(found, synthetic=crossed.synthetic, objections=(*found.objections, *again)),
        shares=shares,
        likelihood_ratio=_apparent(estimator, X, y, columns, others, modality, cause),
        by_site=_by_site(y, risks, pair, sites, times, thresholds, cause, target, crossed.groups, confidence),
        risks={**{name: risks[key] for name, key in pair.items()}, **risks},
        missing=missing,
        undeclared=tuple(name for name in missing if name in undeclared_constructs(clinical_minimum)),
        horizons=times,
        threshold=primary,
        cross_validation=crossed,
        objections=(
            *crossed.objections,
            *_crowded(X[every], y, cause),
            *_doubts(missing, clinical_minimum),
            *_of_formula(estimator, columns[modality]),
            *again,
        ),
        synthetic=crossed.synthetic,
    )


def _modality_columns(
    X: Any, modalities: Mapping[str, Any], modality: str
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Return ``X`` as a frame and the columns of each modality; modalities must not share columns."""
    names = [str(name) for name in modalities]
    if len(names) < 2:
        raise argument_error(
            "modalities",
            "a mapping of two modalities at least",
            f"{names}",
            "Give the clinical comparator too, e.g. modalities={'clinical': [...], 'imaging': [...]}.",
        )
    if modality not in names:
        raise argument_error(
            "modality",
            f"one of the modalities {names}",
            modality,
            f"Say which of them is in question, e.g. modality={names[-1]!r}.",
        )
    if len(names) > 6:
        raise argument_error("modalities", "at most six (2⁶ coalitions are refitted)", f"{len(names)}")
    columns = {
        str(name): (group,) if isinstance(group, str | int) else tuple(group) for name, group in modalities.items()
    }
    if not isinstance(X, pd.DataFrame):  # name columns by number
        X = pd.DataFrame(np.asarray(X)).rename(columns=lambda k: f"x{k}")
        columns = {
            name: tuple(f"x{c}" if isinstance(c, int | np.integer) else c for c in group)
            for name, group in columns.items()
        }
    unknown = [c for group in columns.values() for c in group if c not in X.columns]
    if unknown:
        raise argument_error("modalities", "a mapping to columns of `X`", f"unknown columns {unknown[:5]}")
    owner: dict[str, str] = {}
    for name, group in columns.items():
        for column in group:
            if column in owner:
                raise argument_error(
                    "modalities",
                    "a mapping in which a column belongs to one modality",
                    f"{column!r} under {owner[column]!r} and {name!r}",
                )
            owner[column] = name
    return X, columns


def _scores(crossed: CrossValidation, keys: Mapping[str, str], models: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Cross-fitted linear predictors, if all models have one."""
    scores = crossed.scores
    if outcome_kind(crossed.y) != "right" or any(keys.get(name, name) not in scores for name in models):
        return None
    return {name: scores[keys.get(name, name)] for name in models}


def _in_every_imputation(arguments: dict[str, Any]) -> AddedValue:
    seed = int(generator(arguments["random_state"]).integers(2**62))
    folder, confidence = arguments["checkpoint"], arguments["confidence"]
    parts = [
        added_value(
            **{
                **arguments,
                "X": table,
                "random_state": seed,
                "checkpoint": None if folder is None else os.path.join(folder, f"imputation-{k}"),
            }
        )
        for k, table in enumerate(arguments["X"].tables, start=1)
    ]
    first = parts[0]
    crossed = average_cross_validations([part.cross_validation for part in parts if part.cross_validation is not None])
    risks = {name: np.mean([part.risks[name] for part in parts], axis=0) for name in first.risks}
    others = coalition_name([name for name in arguments["modalities"] if name != first.modality])
    keys = {WITHOUT: others, WITH: coalition_name(list(arguments["modalities"]))}
    averaged = evaluate(
        crossed.y,
        {name: risks[keys.get(name, name)] for name in first.evaluation.models},
        own_horizons(crossed.y, arguments["horizons"]),
        arguments["thresholds"],
        cause=arguments["cause"],
        target=arguments["target"],
        clusters=crossed.groups,
        confidence=confidence,
        linear_predictors=_scores(crossed, keys, first.evaluation.models),
    )
    doubts = dict.fromkeys((IMPUTED_BEFORE, *(o for part in parts for o in part.objections)))
    return replace(
        first,
        risks=risks,
        evaluation=pool_evaluations([part.evaluation for part in parts], replace(averaged, synthetic=first.synthetic)),
        shares=pool_table([part.shares for part in parts], confidence, differences=True),
        by_site=pool_table([part.by_site for part in parts], confidence, differences=True),
        likelihood_ratio=pool_likelihood_ratios([part.likelihood_ratio for part in parts]),
        cross_validation=crossed,
        objections=tuple(doubts),
    )


def _observed(X: pd.DataFrame, y: np.ndarray, groups: Any, sites: Any) -> tuple[pd.DataFrame, np.ndarray, Any, Any]:
    """Exclude rows with an unobserved state, so that all coalitions are evaluated on the same patients."""
    if outcome_kind(y) != "status" or (y["status"] >= 0).all():
        return X, y, groups, sites
    keep = np.flatnonzero(y["status"] >= 0)
    cut = [None if labels is None else take_rows(labels, keep) for labels in (groups, sites)]
    return X.iloc[keep], y[keep], cut[0], cut[1]


def _primary(thresholds: Any) -> float | None:
    if thresholds is None:
        return None
    if isinstance(thresholds, ThresholdRange):
        return float(thresholds.primary)
    values = np.atleast_1d(np.asarray(thresholds, dtype=float))
    return float(check_number("thresholds", float(values[(values.size - 1) // 2]), low=0, high=1))


def _baselines(estimator: Any, clinical_minimum: Mapping[str, Any] | None, X: pd.DataFrame) -> dict[str, OnColumns]:
    """Baselines that a modality must exceed: only age, and only the clinical minimum, as far as declared."""
    declared = {
        construct: [names] if isinstance(names, str) else list(names)
        for construct, names in (clinical_minimum or {}).items()
    }
    held = {construct: [c for c in names if c in X.columns] for construct, names in declared.items()}
    out = {}
    if held.get("age"):
        out["age only"] = OnColumns(estimator, tuple(held["age"]))
    minimum = tuple(c for names in held.values() for c in names)
    if minimum:
        out["clinical minimum"] = OnColumns(estimator, minimum)
    return out


def _doubts(missing: tuple[str, ...], clinical_minimum: Mapping[str, Any] | None) -> tuple[Objection, ...]:
    unsaid = undeclared_constructs(clinical_minimum)
    lacking = ", ".join(CLINICAL_MINIMUM[name] for name in missing if name not in unsaid)
    undeclared = ", ".join(CLINICAL_MINIMUM[name] for name in missing if name in unsaid)
    return (
        *((objection("weak-comparator", lacking=lacking),) if lacking else ()),
        *((objection("weak-comparator", variant="undeclared", lacking=undeclared),) if undeclared else ()),
    )


def _of_formula(estimator: Any, added: tuple[str, ...]) -> tuple[Objection, ...]:
    """Say which terms of a formula the comparator lacks."""
    if not hasattr(estimator, "without_columns"):
        return ()
    # by name, which steps given without one have only then; the comparator may lack some
    both = (estimator.without_columns([]), restricted(estimator, set(added)))
    whole, part = (dict(_steps(one)) for one in both)
    pairs = [(step, part[name]) for name, step in whole.items() if hasattr(step, "formula") and name in part]
    shorter = [str(after.formula) for before, after in pairs if before.formula != after.formula]
    return tuple(objection("formula-terms-left-out", formula=short, names=", ".join(added)) for short in shorter)


def _steps(estimator: Any) -> list[tuple[str, Any]]:
    """Return the named steps of a pipeline; none of another estimator."""
    steps = list(getattr(estimator, "steps", None) or [])
    return steps if all(isinstance(step, tuple) and len(step) == 2 for step in steps) else []


def _crowded(X: pd.DataFrame, y: np.ndarray, cause: int) -> tuple[Objection, ...]:
    """Object to fewer than ten events (for a state, of the rarer outcome) per candidate parameter of all modalities.

    A categorical column counts one parameter per level except one. Splines and interactions within a model are not
    counted.
    """
    words = [c for c in X if not is_number(X[c])]
    parameters = X.shape[1] - len(words) + sum(max(X[c].nunique() - 1, 1) for c in words)
    events = rarer_events(y, cause)
    if events >= _EVENTS_PER_PARAMETER * parameters:
        return ()
    of = "events" if outcome_kind(y) in ("right", "interval") else "patients of the rarer outcome"
    return (objection("events-per-parameter", variant="counted", parameters=parameters, events=events, of=of),)


def _apparent(
    estimator: Any,
    X: pd.DataFrame,
    y: np.ndarray,
    columns: Mapping[str, tuple[str, ...]],
    others: tuple[str, ...],
    modality: str,
    cause: int,
) -> LikelihoodRatio | None:
    """Likelihood-ratio test of nested fits on all rows and causes; None if a fit is penalised or fails."""
    small = [c for name in others for c in columns[name]]
    large = [*small, *columns[modality]]
    if any(getattr(estimator, name, 0) not in (0, 0.0, None, "none") for name in ("penalty", "ridge")):
        return None
    try:
        fits = [restricted(estimator, set(X.columns) - set(cut)).fit(X[cut], y) for cut in (small, large)]
        return likelihood_ratio(fits[0], fits[1], X[small], X[large], added=modality, cause=cause)
    except (LBPError, ValueError, AttributeError):
        return None


def _by_site(
    y: np.ndarray,
    risks: Mapping[str, np.ndarray],
    pair: Mapping[str, str],
    sites: Any,
    times: np.ndarray,
    thresholds: Any,
    cause: int,
    target: str,
    clusters: np.ndarray | None,
    confidence: float,
) -> pd.DataFrame:
    if sites is None:
        return metric_frame([], extra=("threshold", "reference"))
    labels = np.asarray(sites).astype(str)
    frames = []
    for site in np.unique(labels):
        rows = np.flatnonzero(labels == site)
        found = evaluate(
            y[rows],
            {name: risks[key][rows] for name, key in pair.items()},
            times,
            thresholds,
            cause=cause,
            target=target,
            clusters=None if clusters is None else clusters[rows],
            confidence=confidence,
            n_resamples=0,
        ).to_frame()
        pairs = found[(found["model"] == WITH) & (found["reference"] == WITHOUT)]
        frames.append(pairs.assign(group=site))
    return pd.concat(frames, ignore_index=True)
