"""``released_evaluation``: the releasable numbers of an evaluation, rounded and without rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lbp_prognosis._base import LBPError, MetricResult, metric_title
from lbp_prognosis.disclosure import Release, without_numbers
from lbp_prognosis.evaluation import DecisionCurve, Evaluation, NetBenefitDifference

__all__ = ["DIFFERENCES", "METRICS_SHOWN", "released_decision", "released_evaluation", "released_metric", "triple"]

METRICS_SHOWN = (
    "auc",
    "observed_expected",
    "calibration_slope",
    "ipa",
    "brier",
    "ici",
    "ici_null",
    "concordance",
    "uno_concordance",
)
DIFFERENCES = ("crps", "ipa", "auc", "brier")
# metrics from which, with the number of patients, the number with the outcome follows
_OF_COUNTS = ("observed_occupancy", "observed_expected", "brier", "ipa", "crps", "mae", "mean_error", "score_r2")


def triple(value: Any, low: Any, high: Any) -> Iterable[Hashable]:
    """Return keys of an estimate and its limits, so that the same numbers in two places count once."""
    numbers = [round(float(number), 3) for number in (value, low, high) if np.isfinite(number)]
    return [(tuple(numbers), k) for k in range(len(numbers))]


def released_metric(found: MetricResult, release: Release, places: np.ndarray) -> MetricResult:
    """Return a metric at some of its horizons, rounded, without rows, errors and counts.

    Parameters
    ----------
    found : MetricResult
        The metric.
    release : Release
        Determines the number of digits.
    places : ndarray of int
        Horizons kept, if the metric has one value per horizon.
    """
    digits = release.count_digits if found.metric in _OF_COUNTS else release.digits

    def part(values: Any) -> Any:
        array = np.asarray(values, dtype=float)
        return round(float(array), digits) if array.ndim == 0 else np.round(array[places], digits)

    single = np.ndim(found.value) == 0
    horizon = found.horizon if single else np.asarray(found.horizon)[places]
    every = tuple(map(without_numbers, found.reasons()))
    said = every[0] if single else tuple(every[k] for k in places)
    nothing = part(np.full_like(np.asarray(found.value, dtype=float), np.nan))
    return found.labelled(
        value=part(found.value),
        se=nothing,
        low=part(found.low),
        high=part(found.high),
        horizon=horizon,
        reason=said,
        n=None,
        n_events=None,
        influence=None,
        draws=None,
        clusters=None,
        objections=(),
    )


def _at(found: MetricResult, horizon: float) -> list[dict[str, Any]]:
    return [row for row in found.rows() if np.isnan(row["horizon"]) or abs(row["horizon"] - horizon) < 1e-9]


def _keys(results: Iterable[MetricResult], horizon: float) -> list[Hashable]:
    rows = [row for result in results for row in _at(result, horizon)]
    return [key for row in rows for key in triple(row["value"], row["low"], row["high"])]


def released_evaluation(
    found: Evaluation,
    release: Release,
    horizons: np.ndarray,
    main: float,
    names: tuple[str, ...],
    pair: tuple[str, ...],
    label: str = "",
) -> Evaluation:
    """Return the evaluation with the metrics and differences within the budget, main horizon first.

    Parameters
    ----------
    found : Evaluation
        All numbers.
    release : Release
        Release through which all numbers pass.
    horizons : ndarray of shape (n_kept,)
        Releasable horizons.
    main : float
        The main one.
    names : tuple of str
        Requested metrics, in order of priority.
    pair : tuple of str
        (without, with the addition); empty if nothing was added.
    label : str, default ""
        Prefix of the items of the budget.
    """
    kept: dict[str, dict[str, MetricResult]] = {model: {} for model in found.models}
    differences: list[MetricResult] = []
    times = [main, *(float(h) for h in horizons if abs(h - main) > 1e-9)]
    shown = [main]
    wanted: Mapping[str, list[MetricResult]] = {
        name: [found.metrics[m][name] for m in found.models if name in found.metrics[m]] for name in names
    }
    here = [name for name, results in wanted.items() if results]
    taken = [name for name in here if release.take(f"{label}{metric_title(name)}", _keys(wanted[name], main))]
    apart = _differences(found, pair)
    paired = [
        name
        for name, result in apart.items()
        if name in taken and release.take(f"{label}difference in {metric_title(name)}", _keys([result], main))
    ]
    for other in times[1:]:
        every = [key for name in taken for key in _keys(wanted[name], other)]
        every += [key for name in paired for key in _keys([apart[name]], other)]
        if release.take(f"{label}horizon {other:g}", every):
            shown.append(other)
    places = np.array([k for k, h in enumerate(found.horizons) if np.isclose(shown, h).any()], dtype=int)
    for name in taken:
        for result in wanted[name]:
            kept[result.model][name] = released_metric(result, release, places)
    differences = [released_metric(apart[name], release, places) for name in paired]
    return replace(
        found,
        horizons=found.horizons[places],
        metrics=kept,
        differences=tuple(differences),
        calibrations={},
        mean_calibrations={},
        pits={},
        decision=None,
        net_benefit_differences=(),
        n_events=0,
        objections=(),
    )


def _differences(found: Evaluation, pair: tuple[str, ...]) -> dict[str, MetricResult]:
    out: dict[str, MetricResult] = {}
    if not pair:
        return out
    for name in DIFFERENCES:
        if all(name in found.metrics[model] for model in pair):
            try:
                out[name] = found.difference(name, pair[1], pair[0])
            except LBPError:  # pooled numbers contain no paired differences of this metric
                continue
    return out


def released_decision(
    curve: DecisionCurve,
    release: Release,
    main: float,
    cuts: list[float],
    pair: tuple[str, ...],
    scores: Any,
    label: str = "",
) -> tuple[DecisionCurve | None, tuple[NetBenefitDifference, ...]]:
    """Return net benefit and its paired differences at releasable thresholds within the budget.

    Parameters
    ----------
    curve : DecisionCurve
        Over all thresholds.
    release : Release
        Release through which all numbers pass.
    main : float
        The main horizon.
    cuts : list of float
        Releasable thresholds by priority.
    pair : tuple of str
        (without, with the addition); empty if nothing was added.
    scores : mapping of str to ndarray
        Risk of the target by model.
    label : str, default ""
        Prefix of the items of the budget.
    """
    h = int(np.flatnonzero(np.isclose(curve.horizons, main))[0])
    gain = curve.difference(pair[1], pair[0]) if pair and set(pair) <= set(curve.models) else None
    places: list[int] = []
    bare: list[int] = []
    for cut in cuts:
        k = int(np.abs(curve.thresholds - cut).argmin())
        keys = [
            key
            for m in range(len(curve.models))
            for key in triple(curve.value[m, h, k], curve.low[m, h, k], curve.high[m, h, k])
        ]
        if gain is not None:
            if release.paired(f"{label}interval of the difference at {cut:g}", scores[pair[0]], scores[pair[1]], cut):
                keys += list(triple(gain.value[h, k], gain.low[h, k], gain.high[h, k]))
            else:
                bare.append(k)
        if release.take(f"{label}net benefit at {cut:g}", keys):
            places.append(k)
    if not places:
        return None, ()
    kept = sorted(places)
    decision = _curve_at(curve, h, kept, release.count_digits)
    return decision, () if gain is None else (_gain_at(gain, h, kept, bare, release.count_digits),)


def _curve_at(curve: DecisionCurve, h: int, kept: list[int], digits: int) -> DecisionCurve:
    """Return net benefit at one horizon and some thresholds, rounded, without rows, errors and counts."""
    nothing = np.full((len(curve.models), 1, len(kept)), np.nan)
    value, low, high = (np.round(part[:, [h]][:, :, kept], digits) for part in (curve.value, curve.low, curve.high))
    return replace(
        curve,
        horizons=curve.horizons[[h]],
        thresholds=curve.thresholds[kept],
        value=value,
        low=low,
        high=high,
        se=nothing,
        band_low=nothing,
        band_high=nothing,
        treated=nothing,
        true_positive=nothing,
        false_positive=nothing,
        carried_forward=np.zeros(nothing.shape, dtype=bool),
        observed=np.round(curve.observed[[h]], min(2, digits)),
        n_events=0,
        reason=(without_numbers(curve.reason[h]),),
        objections=(),
        _data=None,
        _resamples=(),
    )


def _gain_at(gain: NetBenefitDifference, h: int, kept: list[int], bare: list[int], digits: int) -> NetBenefitDifference:
    """Return a paired difference at the same thresholds, of which ``bare`` have no interval."""
    hidden = np.isin(kept, bare)[None, :]
    value, low, high = (np.round(a[[h]][:, kept], digits) for a in (gain.value, gain.low, gain.high))
    blank = np.full(value.shape, np.nan)
    return replace(
        gain,
        horizons=gain.horizons[[h]],
        thresholds=gain.thresholds[kept],
        value=value,
        low=np.where(hidden, np.nan, low),
        high=np.where(hidden, np.nan, high),
        se=blank,
        band_low=blank,
        band_high=blank,
        n_events=0,
        reason=(without_numbers(gain.reason[h]),),
        objections=(),
    )
