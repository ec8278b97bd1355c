"""Removal of single patients from a fitted model: steps with several events, rounded bounds and knots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from lbp_prognosis.deployment._coarse_steps import coarse_line, coarse_values, merged_factors, merged_increments
from lbp_prognosis.deployment._coarse_trees import coarse_trees
from lbp_prognosis.deployment._short_numbers import digits, floor_digits

__all__ = ["LEVEL_DIGITS", "coarsen", "parts_of", "step_times"]

LEVEL_DIGITS = 3
"""Digits of the scores that a locked distribution has mass on."""

_ROW_LEVEL = ("cross_fitted_margin_", "cross_fitted_risk_", "folds_", "oof_")
"""Learned attributes with a value per training row; predictions do not use them."""


_PLAIN = (str, bytes, int, float, bool, np.ndarray, np.generic, type(None))
"""Kinds of values that contain no model."""
_PLAIN_TYPES = frozenset(_PLAIN)


def _hollow(value: Any) -> bool:
    """Whether a value contains no model, as far as one look tells: bounds of columns by the thousand are tuples."""
    return isinstance(value, _PLAIN) or (type(value) in (tuple, list) and _PLAIN_TYPES.issuperset(map(type, value)))


def parts_of(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Yield a model, its steps, its branches and the models inside, each once."""
    seen = set() if seen is None else seen
    if isinstance(value, _PLAIN) or id(value) in seen:
        return
    seen.add(id(value))
    inner: Iterable[Any] = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        inner = value
    elif type(value).__module__.startswith(("lbp_prognosis.", "sklearn.")):
        yield value
        inner = value if hasattr(value, "_fields") else vars(value).values() if hasattr(value, "__dict__") else ()
    for item in inner:
        if not _hollow(item):  # names of columns by the thousand
            yield from parts_of(item, seen)


def step_times(model: Any) -> np.ndarray:
    """Return the times at which any baseline inside a model has a step, in order."""
    found: list[np.ndarray] = [np.empty(0)]
    for part in parts_of(model):
        for name in ("baseline_times_", "times_", "baseline_times"):
            held = getattr(part, name, None)
            if isinstance(held, dict):
                held = [times for strata in held.values() for times in strata]
            found += [held] if isinstance(held, np.ndarray) else list(held or ())
    return np.unique(np.concatenate(found))


def coarsen(model: Any, least: int) -> tuple[int, int, list[str]]:
    """Remove single patients from a model in place; return steps before and after, and notes on limits."""
    before = after = 0
    notes: list[str] = []
    for part in parts_of(model):
        for name in getattr(part, "patient_parameters", ()):
            setattr(part, name, None)
        if isinstance(part, BaseEstimator) and not hasattr(part, "n_features_in_"):
            continue  # a parameter that is not fitted itself
        if hasattr(part, "_delta"):  # for standard errors only; its times are those of single events
            part._delta = {}
        for name in _ROW_LEVEL:
            held = getattr(part, name, None)
            if held is not None:
                setattr(part, name, {} if isinstance(held, dict) else np.empty(0))
        if not isinstance(getattr(part, "random_state", None), int | None):
            part.random_state = None  # a generator's state is that of the fit
        if isinstance(getattr(part, "max_time_", None), float) and "max_time_" in vars(part):
            part.max_time_ = floor_digits(part.max_time_)
        if isinstance(getattr(part, "score_horizons_", None), np.ndarray):
            _horizons(part)
        _ranges(part, least)
        name = type(part).__name__
        if name in _KINDS:
            counts = _KINDS[name](part, least, notes)
        elif hasattr(part, "baseline_times_"):
            counts = _cox(part, least, notes)
        else:
            counts = (0, 0)
        before, after = before + counts[0], after + counts[1]
        if hasattr(part, "baseline_events_"):
            del part.baseline_events_  # needed only for the merging, and no longer of single times
        if hasattr(part, "trees_"):
            coarse_trees(part, least, notes)
    return before, after, list(dict.fromkeys(notes))


def _horizons(part: Any) -> None:
    """Round horizons that are quartiles of event times; declared horizons are not values of patients."""
    quartiles = part.score_horizons_
    if np.array_equal(getattr(part, "horizons_", np.empty(0)), quartiles):
        part.horizons_ = digits(quartiles, 2)
        line = getattr(part, "recalibration_", {})
        if np.isfinite(line.get("horizon", np.nan)):
            part.recalibration_ = {**line, "horizon": float(digits(line["horizon"], 2))}
    part.score_horizons_ = np.unique(digits(quartiles, 2))


def _ranges(part: Any, least: int) -> None:
    """Remove ranges with too few rows beyond them."""
    held = getattr(part, "training_ranges_", None)
    if isinstance(held, np.ndarray):
        few = ~(held[:, 2:].min(axis=1) >= least)
        part.training_ranges_ = np.where(few[:, None], np.nan, held)
        part.training_ranges_[:, 2:] = np.where(few[:, None], np.nan, float(least))
    elif isinstance(held, dict):
        part.training_ranges_ = {
            column: (row[0], row[1], float(least), float(least))
            if min(row[2], row[3]) >= least
            else (np.nan, np.nan, np.nan, np.nan)
            for column, row in held.items()
        }


def _cox(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    if isinstance(part.baseline_times_, dict):
        return _cox_of_causes(part, least, notes)
    lone = isinstance(part.baseline_times_, np.ndarray)  # one baseline, and no list of strata

    def listed(name: str) -> list[np.ndarray]:
        return [getattr(part, name)] if lone else list(getattr(part, name))

    steps = listed("baseline_times_")
    counts: list[Any] = listed("baseline_events_") if hasattr(part, "baseline_events_") else [None] * len(steps)
    names = [name for name in ("baseline_hazard_", "baseline_variance_", "baseline_mean_") if hasattr(part, name)]
    held = {name: listed(name) for name in names}
    before = sum(times.size for times in steps)
    for code, (times, events) in enumerate(zip(steps, counts)):
        steps[code], values = coarse_values(times, events, [held[name][code] for name in names], least, notes)
        for name, value in zip(names, values):
            held[name][code] = value
    for name, values in {"baseline_times_": steps, **held}.items():
        setattr(part, name, values[0] if lone else values)
    return before, sum(times.size for times in steps)


def _cox_of_causes(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Baselines by cause and stratum, and the increments that meet the product limit."""
    before = after = 0
    for cause, strata in part.baseline_times_.items():
        counts, hazards, increments = (
            getattr(part, name)[cause] for name in ("baseline_events_", "baseline_hazard_", "increments_")
        )
        grids, levels = [], []
        for times, events, hazard in zip(strata, counts, hazards):
            grid, (level,) = coarse_values(times, events, [hazard], least, notes)
            before, after = before + times.size, after + grid.size
            grids.append(grid)
            levels.append(level)
        part.increments_[cause] = [
            merged_increments(steps, times, events, least) for steps, times, events in zip(increments, strata, counts)
        ]
        part.baseline_times_[cause], part.baseline_hazard_[cause] = grids, levels
    return before, after


def _joined_causes(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Move the increments of all causes to the coarse times of their models."""
    models = {1: part, **part.other_causes_} if hasattr(part, "other_causes_") else part.models_
    part.increments_ = {
        code: [
            merged_increments(own, times, events, least)
            for own, times, events in zip(steps, models[code].baseline_times_, models[code].baseline_events_)
        ]
        for code, steps in part.increments_.items()
    }
    return _cox(part, least, notes) if hasattr(part, "baseline_times_") else (0, 0)


def _multi_state(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Merge the increments of each transition."""
    steps = list(zip(part.baseline_times_, part.baseline_events_))
    part.increments_ = [
        merged_increments(own, times, events, least) for own, (times, events) in zip(part.increments_, steps)
    ]
    part.baseline_times_ = [coarse_values(times, events, [], least, notes)[0] for times, events in steps]
    if getattr(part, "longest_stay_", None) is not None:
        part.longest_stay_ = np.array([floor_digits(stay) for stay in part.longest_stay_.tolist()])
    return sum(times.size for times, _ in steps), sum(times.size for times in part.baseline_times_)


def _null(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    if getattr(part, "horizon_", None) is not None:
        return 0, 0
    before = after = 0
    counts = getattr(part, "baseline_events_", {})
    for cause, strata in part.times_.items():
        own = counts.get(cause, [None] * len(strata))
        grids, levels = [], []
        for times, events, incidence in zip(strata, own, part.incidence_[cause]):
            if part.interpolated_:
                grid, level = coarse_line(times, events, incidence, least, notes)
            else:
                grid, (level,) = coarse_values(times, events, [incidence], least, notes)
            before, after = before + times.size, after + grid.size
            grids.append(grid)
            levels.append(level)
        part.times_[cause], part.incidence_[cause] = grids, levels
    return before, after


def _three_digits(values: np.ndarray, what: str, notes: list[str]) -> np.ndarray:
    short = digits(values, 3)
    if (np.diff(short) > 0).all():
        return short
    notes.append(f"{what} lie closer than three digits and were kept")
    return values


def _royston_parmar(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    part.knots_ = np.log(_three_digits(np.exp(part.knots_), "knots of the baseline", notes))
    return 0, 0


def _breakpoints(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Breakpoints at three digits; the events of an interval may be fewer than a cell."""
    del part.events_
    part.breakpoints_ = _three_digits(part.breakpoints_, "breakpoints", notes)
    return 0, 0


def _additive(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Merge the steps of the cumulative effects, and the factors of the product limit."""
    before = part.times_.size
    if hasattr(part, "increments_"):  # files of earlier versions have none
        part.increments_ = merged_factors(part.increments_, part.times_, part.baseline_events_, least)
    names = ("cumulative_baseline_", "cumulative_coef_", "variance_")
    values = [getattr(part, name) for name in names]
    part.times_, values = coarse_values(part.times_, part.baseline_events_, values, least, notes)
    for name, value in zip(names, values):
        setattr(part, name, value)
    for name in ("negative_share_", "raised_share_", "largest_raise_"):
        setattr(part, name, float(digits(getattr(part, name), 2)))
    return before, part.times_.size


def _spline(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    for column, knots in list(part.knots_.items()) if hasattr(part, "knots_") else ():
        part.knots_[column] = _three_digits(knots, f"knots of {column!r}", notes)
    return 0, 0


def _cuts(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    part.cuts_ = _three_digits(part.cuts_, "cuts between groups", notes)
    return 0, 0


def _scores(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Levels of a score at three digits; levels that become equal are merged."""
    short = digits(part.levels_, LEVEL_DIGITS)
    kept = np.append(np.diff(short) > 0, True)
    if hasattr(part, "thresholds_"):
        between = kept[:-1]
        part.thresholds_ = part.thresholds_[between]
        if hasattr(part, "threshold_errors_"):
            part.threshold_errors_ = part.threshold_errors_[between]
    part.levels_ = short[kept]
    if part.levels_.size > 101:
        notes.append("the distribution of the score has a level for few patients each")
    return 0, 0


def _average(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Round the scores at which the mean of models was recalibrated, as the levels of scores are rounded."""
    if getattr(part, "of_scores_", False):
        part.cuts_ = digits(part.cuts_, LEVEL_DIGITS)
        line = part.recalibration_
        if np.isfinite(line["horizon"]):
            part.recalibration_ = {**line, "horizon": float(digits([line["horizon"]], LEVEL_DIGITS)[0])}
    return 0, 0


def _imputer(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Keep regressions and moments, and round bounds."""
    frozen = object.__setattr__
    frozen(part.encoding, "dtypes", {})
    numbers = part.encoding.kinds == 0
    first = np.array([place.start for place in part.places])
    centre, spread = part.mean[first], np.sqrt(np.maximum(np.diag(part.covariance)[first], 0.0))
    low = np.maximum(digits(part.low, 2), np.floor(_two(centre - 3 * spread)))
    high = np.minimum(digits(part.high, 2), np.ceil(_two(centre + 3 * spread)))
    ordered = numbers & (low < high)
    frozen(part, "low", np.where(ordered, low, np.where(numbers, centre, part.low)))
    frozen(part, "high", np.where(ordered, high, np.where(numbers, centre, part.high)))
    return 0, 0


def _two(values: np.ndarray) -> np.ndarray:
    return digits(values, 2)


def _updated(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Drop the digest of the updating data, which would identify the data, and coarsen the new baseline."""
    ledger = {key: value for key, value in part.ledger.items() if key != "data"}
    object.__setattr__(part, "ledger", ledger)
    times, hazard = part.baseline_times, part.baseline_hazard
    if times is None or hazard is None:
        return 0, 0
    grid, (level,) = coarse_values(times, part.baseline_events, [hazard], least, notes)
    end = floor_digits(float(times[-1]))
    if end > grid[-1]:  # no risk is known beyond the last time; up to it there is a risk
        grid, level = np.append(grid, end), np.append(level, level[-1])
    object.__setattr__(part, "baseline_times", grid)
    object.__setattr__(part, "baseline_hazard", level)
    object.__setattr__(part, "baseline_events", None)
    return times.size, grid.size


_KINDS: dict[str, Any] = {
    "UpdatedModel": _updated,
    "AalenAdditive": _additive,
    "PiecewiseExponential": _breakpoints,
    "CauseSpecificCox": _joined_causes,
    "PriorityCox": _joined_causes,
    "AverageRisk": _average,
    "MultiStateCox": _multi_state,
    "NullModel": _null,
    "RiskStratifier": _cuts,
    "RoystonParmar": _royston_parmar,
    "RestrictedCubicSpline": _spline,
    "FormulaTerms": _spline,
    "OrdinalRegression": _scores,
    "LinearOutcome": _scores,
    "BoostedOutcome": _scores,
    "LongitudinalOutcome": _scores,
    "DeploymentImputer": _imputer,
}
