"""Answers to the items of TRIPOD+AI from results and data; the others are for the authors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    METRIC_COLUMNS,
    Result,
    argument_error,
    takes_rows,
    time_words,
)
from lbp_prognosis.evidence import tripod_ai_items
from lbp_prognosis.survival import OutcomeSpec
from lbp_prognosis.validation import (
    BootstrapValidation,
    CaseMix,
    CrossValidation,
    ExternalValidation,
    InternalExternal,
    ModelUpdate,
    SampleSize,
    SampleSizeSupport,
    SubgroupPerformance,
)

__all__ = ["tripod_ai_answers"]

_SHOWN = ("crps", "concordance", "auc", "ipa", "observed_expected", "calibration_slope", "net_benefit")


@takes_rows()
def tripod_ai_answers(
    results: Sequence[Result],
    *,
    outcome: OutcomeSpec | None = None,
    X: pd.DataFrame | None = None,
    modalities: Mapping[str, Iterable[str]] | None = None,
    models: Mapping[str, Any] | None = None,
    thresholds: Any = None,
) -> pd.DataFrame:
    """Fill the items of TRIPOD+AI from computed results.

    Parameters
    ----------
    results : sequence of Result
        Reported results: validations, sample sizes, updates, groups.
    outcome : OutcomeSpec, optional
        Definition of the outcome.
    X : DataFrame, optional
        Predictors of development as read, including missing values.
    modalities : mapping of str to iterable of str, optional
        Columns by modality.
    models : mapping of str to estimator, optional
        Pipelines by name; the coefficients of fitted pipelines with ``coef_`` are given.
    thresholds : ThresholdRange, optional
        Declared thresholds, with their reason.

    Returns
    -------
    DataFrame
        ``item, section, text, answer, filled``. An answer is a statement about the results given, in words of this
        library; where ``filled`` is false it is empty and the authors have to write it.

    References
    ----------
    Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378. doi:10.1136/bmj-2023-078378
    """
    found = list(results)
    if any(not isinstance(result, Result) for result in found):
        raise argument_error("results", "results of this library", results)
    answers: dict[str, list[str]] = {}

    def say(item: str, *sentences: str) -> None:
        answers.setdefault(item, []).extend(sentence for sentence in sentences if sentence)

    if outcome is not None:
        _of_outcome(outcome, say)
    if X is not None:
        _of_predictors(X, modalities, say)
    for name, model in (models or {}).items():
        _of_model(name, model, say)
    if thresholds is not None and hasattr(thresholds, "rationale"):
        say(
            "15",
            f"Thresholds {thresholds.low:g} to {thresholds.high:g}, main {thresholds.primary:g}: "
            f"{thresholds.rationale}",
        )
    for result in found:
        _of_result(result, say)
        _of_numbers(result, say)
    items = tripod_ai_items()
    items["answer"] = [" ".join(dict.fromkeys(answers.get(item, []))) for item in items["item"]]
    items["filled"] = items["answer"] != ""
    return items[["item", "section", "text", "answer", "filled"]]


def _of_outcome(spec: OutcomeSpec, say: Any) -> None:
    seen = {"exact": "dated exactly", "visits": "seen at visits", "status": "a state at one visit"}[spec.ascertainment]
    competing = f" Competing: {', '.join(spec.competing)}." if spec.competing else ""
    say(
        "8a",
        f"{spec.name}: {spec.definition} Time zero: {spec.time_zero}; horizons {time_words(spec.horizons, spec.unit)}; "
        f"{seen}.{competing}",
    )
    if spec.estimand:
        say("6c", f"Treatment during follow-up is handled by the estimand {spec.estimand!r}.")
    say("15", f"The output is the probability of {spec.name} by each horizon, between 0 and 1.")


def _of_predictors(X: pd.DataFrame, modalities: Mapping[str, Iterable[str]] | None, say: Any) -> None:
    for name, columns in (modalities or {"all": X.columns}).items():
        say("9b", f"{name}: {', '.join(map(str, columns))}.")
    missing = X.isna()
    share = 100 * float(missing.any(axis=1).mean())
    holes = missing.mean()
    worst = ", ".join(f"{c} {100 * v:.0f} %" for c, v in holes[holes > 0].sort_values(ascending=False).head(5).items())
    said = f"{share:.0f} % of {len(X)} patients have a missing value" + (f" (most: {worst})." if worst else ".")
    say("20b", said)
    say("11", said)


def _of_model(name: str, model: Any, say: Any) -> None:
    text = repr(model)
    say("12c", f"{name}: {type(model).__name__}.")
    if "MultipleImputation" in text:
        used = {step.use_outcome for step in _imputers(model)} or {True}
        outcome = {
            (True,): "with the outcome in training and without it at prediction",
            (False,): "without the outcome, in training as at prediction",
        }.get(tuple(used), "with the outcome in training for some learners only, and without it at prediction")
        say(
            "11",
            f"{name}: multiple imputation by chained equations inside the pipeline, {outcome}, repeated in every "
            "resample.",
        )
        say(
            "27a",
            f"{name} completes missing values from what is observed of the patient and averages the risk over them.",
        )
    if "RestrictedCubicSpline" in text:
        say("12b", f"{name}: restricted cubic splines.")
    inner = getattr(model, "models_", [model])[0]
    if hasattr(inner, "coef_") and hasattr(inner, "feature_names_in_"):
        terms = ", ".join(f"{c} {b:+.4g}" for c, b in zip(inner.feature_names_in_, np.ravel(inner.coef_)))
        start = f"intercept {inner.intercept_:+.4g}, " if hasattr(inner, "intercept_") else ""
        say("22", f"{name}: {start}{terms}; with the baseline in the saved model.")


def _imputers(model: Any) -> Iterator[Any]:
    """Return the multiple imputations among the parameters of a model, also of models inside it."""
    if isinstance(model, list | tuple):
        for part in model:
            yield from _imputers(part)
    elif isinstance(model, Mapping):
        yield from _imputers(list(model.values()))
    elif hasattr(model, "use_outcome"):
        yield model
    elif hasattr(model, "get_params") and not isinstance(model, type):
        yield from _imputers(model.get_params(deep=False))


def _of_result(result: Result, say: Any) -> None:
    if isinstance(result, BootstrapValidation):
        say(
            "12c",
            f"Internal validation of {result.model}: {result.resampled.shape[0]} bootstrap resamples of the "
            f"whole pipeline, {result.method}; {result.n_failed} fits failed.",
        )
    elif isinstance(result, CrossValidation):
        repeats, n = result.folds.shape
        say("12a", f"{repeats} × {result.folds.max() + 1}-fold cross-validation of {n} rows, all steps inside.")
    elif isinstance(result, InternalExternal):
        used = result.sites[result.sites["evaluated"]]
        say(
            "6a",
            f"{len(result.sites)} centres, {int(used['n'].min())} to {int(used['n'].max())} patients in those "
            "evaluated.",
        )
        say(
            "12d",
            "Each centre was predicted by models fitted without it; measures were pooled by random effects "
            "(REML, Hartung–Knapp), with intervals for a new centre.",
        )
        say("23b", *_by_site(result))
    elif isinstance(result, ExternalValidation):
        words = "External validation" if result.external else "Random split"
        say("12a", f"{words} ({result.kind}) on {result.n} patients. {result.description}".strip())
    elif isinstance(result, CaseMix):
        say(
            "20c",
            f"Membership AUC {result.membership:.2f}; linear predictor {result.lp_mean[0]:.2f} (SD "
            f"{result.lp_sd[0]:.2f}) and {result.lp_mean[1]:.2f} (SD {result.lp_sd[1]:.2f}).",
        )
    elif isinstance(result, SubgroupPerformance):
        names = ", ".join(result.groups["variable"].unique())
        small = int((~result.groups["evaluated"]).sum())
        say("14", f"Performance by {names}; {small} groups too small to evaluate. {result.note}")
        test = result.heterogeneity()
        if len(test):
            row = test.sort_values("p_holm").iloc[0]
            say(
                "23a",
                f"Smallest adjusted p of heterogeneity: {row['p_holm']:.3g} ({row['metric']} by {row['variable']}).",
            )
    elif isinstance(result, ModelUpdate):
        say("12f", f"Update chosen among intercept, slope and refit by a closed test: {result.method}.")
        say("24", f"On {result.n} patients with {result.n_events} events the {result.method} update was kept.")
    elif isinstance(result, SampleSizeSupport):
        say("10", *result.sentences)
    elif isinstance(result, SampleSize):
        say(
            "10",
            f"{result.purpose.capitalize()}: {result.n} patients by the largest of {len(result.criteria)} criteria.",
        )
    for objection in getattr(result, "objections", ()):
        if objection.code == "imputed-outside-resampling":
            say("11", objection.sentence)


def _by_site(result: InternalExternal) -> list[str]:
    out = []
    for metric in ("auc", "observed_expected", "calibration_slope"):
        try:
            pooled = result.pooled(metric, horizon=float(result.horizons[-1]))
        except ValueError:  # known at fewer than two centres
            continue
        low, high = pooled.prediction_profile
        out.append(f"{metric}: {pooled.value:.2f}, a new centre {low:.2f} to {high:.2f}.")
    return out


def _of_numbers(result: Result, say: Any) -> None:
    if isinstance(result, SampleSize | SampleSizeSupport | ModelUpdate | CaseMix):
        return
    frame = result.to_frame()
    if any(name not in frame.columns for name in METRIC_COLUMNS):
        return
    kind = type(result).__name__
    say("12e", f"{kind}: {', '.join(dict.fromkeys(frame['metric'].astype(str)))}.")
    counted = frame.dropna(subset=["n"])
    if len(counted):
        events = counted["n_events"].dropna()
        said = f" with {int(events.max())} events" if len(events) else ""
        say("21", f"{kind}: {int(counted['n'].max())} patients{said}.")
    if isinstance(result, InternalExternal | SubgroupPerformance):
        return  # their rows are sites or subgroups
    own = frame["reference"].fillna("") == "" if "reference" in frame else pd.Series(True, index=frame.index)
    for row in frame[own & frame["metric"].isin(_SHOWN) & frame["value"].notna()].head(24).to_dict("records"):
        at = "" if pd.isna(row["horizon"]) else f" at {row['horizon']:g}"
        at += f", threshold {row['threshold']:g}" if "threshold" in row and pd.notna(row["threshold"]) else ""
        limits = "" if pd.isna(row["low"]) else f" ({row['low']:.3f} to {row['high']:.3f})"
        say("23a", f"{kind}, {row['model']}: {row['metric']}{at} {row['value']:.3f}{limits}.")
