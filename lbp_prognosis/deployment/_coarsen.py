"""Taking single patients out of a fitted model: steps with several events, bounds and knots of a few digits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["coarse_steps", "coarsen", "parts_of"]

_ROW_LEVEL = ("cross_fitted_margin_", "cross_fitted_risk_", "folds_", "oof_")
"""Learned attributes with a value per training row; predictions do not use them."""


def digits(values: Any, count: int) -> np.ndarray:
    """Round to significant digits."""
    array = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where((array == 0) | ~np.isfinite(array), 0.0, np.floor(np.log10(np.abs(array))))
    scale = 10.0 ** (count - 1 - power)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(np.isfinite(array) & (array != 0), np.round(array * scale) / scale, array)


def floor_digits(value: float, count: int = 3) -> float:
    """Round down to significant digits; a number that has no more stays."""
    if not np.isfinite(value) or value <= 0:
        return value
    power = int(np.floor(np.log10(value)))
    step = 10.0 ** (power - count + 1)
    return float(f"{np.floor(round(value / step, 6)) * step:.{count}g}")


def parts_of(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Walk through a model, its steps, its branches and the models inside, each once."""
    seen = set() if seen is None else seen
    if id(value) in seen or value is None or isinstance(value, str | bytes | int | float | bool | np.ndarray):
        return
    seen.add(id(value))
    if isinstance(value, dict):
        for item in value.values():
            yield from parts_of(item, seen)
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        for item in value:
            yield from parts_of(item, seen)
    elif type(value).__module__.startswith(("lbp_prognosis.", "sklearn.")):
        yield value
        inner = value if hasattr(value, "_fields") else vars(value).values() if hasattr(value, "__dict__") else ()
        for item in inner:
            yield from parts_of(item, seen)


def coarse_steps(times: np.ndarray, events: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Group jump times so that each group has at least ``least`` events.

    Returns
    -------
    times : ndarray of shape (g,)
        One a group. A time that so many events share stays; elsewhere the middle between two event times about the
        group's median, at three digits.
    last : ndarray of int of shape (g,)
        Place of the last jump of each group.
    """
    ends: list[int] = []
    count = 0
    for k, behind in enumerate(events):
        count += int(behind)
        if count >= least:
            ends.append(k)
            count = 0
    if not ends:
        ends = [times.size - 1] if times.size else []
    elif count:
        ends[-1] = times.size - 1
    made: list[float] = []
    kept: list[int] = []
    start = 0
    for end in ends:
        at = _place(times[start : end + 1], events[start : end + 1])
        if made and at <= made[-1]:  # two groups that fall on one time become one
            kept[-1] = end
        else:
            made.append(at)
            kept.append(end)
        start = end + 1
    return np.array(made), np.array(kept, dtype=int)


def _place(times: np.ndarray, events: np.ndarray) -> float:
    if times.size == 1:
        return float(times[0]) if events[0] > 1 else float(digits(times, 3)[0])
    half = int(np.searchsorted(np.cumsum(events), events.sum() / 2))
    other = half + 1 if half + 1 < times.size else half - 1
    return float(digits([(times[half] + times[other]) / 2], 3)[0])


def coarsen(model: Any, least: int) -> tuple[int, int, list[str]]:
    """Take single patients out of a model in place; return steps before and after, and what could not be done."""
    before = after = 0
    notes: list[str] = []
    for part in parts_of(model):
        if isinstance(part, BaseEstimator) and not hasattr(part, "n_features_in_"):
            continue  # a parameter that was never fitted itself
        for name in _ROW_LEVEL:
            held = getattr(part, name, None)
            if held is not None:
                setattr(part, name, {} if isinstance(held, dict) else np.empty(0))
        if not isinstance(getattr(part, "random_state", None), int | None):
            part.random_state = None  # a generator's state is that of the fit
        if isinstance(getattr(part, "max_time_", None), float) and "max_time_" in vars(part):
            part.max_time_ = floor_digits(part.max_time_)
        if isinstance(getattr(part, "score_horizons_", None), np.ndarray):
            part.score_horizons_ = np.unique(digits(part.score_horizons_, 2))
        _ranges(part, least)
        name = type(part).__name__
        if name in _KINDS:
            counts = _KINDS[name](part, least, notes)
        elif hasattr(part, "baseline_times_"):
            counts = _cox(part, least, notes)
        else:
            counts = (0, 0)
        before, after = before + counts[0], after + counts[1]
        if hasattr(part, "trees_"):
            _trees(part)
            notes.append("leaves of trees are not counted by patients; split points are rounded to three digits")
    return before, after, list(dict.fromkeys(notes))


def _ranges(part: Any, least: int) -> None:
    """Blank ranges that too few rows lie beyond."""
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
    if isinstance(part.baseline_times_, np.ndarray):  # one baseline, and no list of strata
        times, hazard = part.baseline_times_, part.baseline_hazard_
        grid, last = coarse_steps(times, np.ones(times.size, dtype=int), least)
        part.baseline_times_, part.baseline_hazard_ = grid, hazard[last]
        return times.size, grid.size
    events = getattr(part, "baseline_events_", None) or [np.ones(t.size, dtype=int) for t in part.baseline_times_]
    before = after = 0
    lists = ("baseline_hazard_", "baseline_variance_", "baseline_mean_")
    cumulated = {name: list(getattr(part, name)) for name in lists if hasattr(part, name)}
    steps, counts = list(part.baseline_times_), list(events)
    for code in range(len(steps)):
        _few(counts[code], least, notes)
        grid, last = coarse_steps(steps[code], counts[code], least)
        before, after = before + steps[code].size, after + grid.size
        for held in cumulated.values():
            held[code] = held[code][last]
        counts[code] = np.full(grid.size, least)
        steps[code] = grid
    part.baseline_times_ = steps
    for name, held in cumulated.items():
        setattr(part, name, held)
    if hasattr(part, "baseline_events_"):
        part.baseline_events_ = counts
    return before, after


def _few(events: np.ndarray, least: int, notes: list[str]) -> None:
    if events.size and events.sum() < least:
        notes.append(f"a baseline has fewer than {least} events: its one step stands for all of them")


def _cox_of_causes(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Baselines by cause and stratum, and the increments that meet the product limit."""
    before = after = 0
    for cause, strata in part.baseline_times_.items():
        hazard = list(part.baseline_hazard_[cause])
        increments = list(part.increments_[cause]) if getattr(part, "increments_", None) else None
        grids = []
        for code, times in enumerate(strata):
            events = np.ones(times.size, dtype=int)
            _few(events, least, notes)
            grid, last = coarse_steps(times, events, least)
            before, after = before + times.size, after + grid.size
            hazard[code] = hazard[code][last]
            if increments is not None:
                increments[code] = np.diff(np.cumsum(increments[code])[last], prepend=0.0)
            grids.append(grid)
        part.baseline_times_[cause], part.baseline_hazard_[cause] = grids, hazard
        if increments is not None:
            part.increments_[cause] = increments
    return before, after


def _cause_specific(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Bring the increments onto the coarse times that the models inside will get."""
    made = {}
    for code, model in part.models_.items():
        own = []
        for times, events, steps in zip(model.baseline_times_, model.baseline_events_, part.increments_[code]):
            _, last = coarse_steps(times, events, least)
            own.append(np.diff(np.cumsum(steps)[last], prepend=0.0))
        made[code] = own
    part.increments_ = made
    return 0, 0


def _multi_state(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Merge the increments of each transition."""
    before = after = 0
    times, increments = list(part.baseline_times_), list(part.increments_)
    for t in range(len(times)):
        events = (increments[t] > 0).astype(int)
        _few(events, least, notes)
        grid, last = coarse_steps(times[t], events, least)
        before, after = before + times[t].size, after + grid.size
        times[t], increments[t] = grid, np.diff(np.cumsum(increments[t])[last], prepend=0.0)
    part.baseline_times_, part.increments_ = times, increments
    return before, after


def _null(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    if getattr(part, "horizon_", None) is not None:
        return 0, 0
    before = after = 0
    for cause in part.times_:
        times, incidence = list(part.times_[cause]), list(part.incidence_[cause])
        for code in range(len(times)):
            jumps = np.diff(incidence[code], prepend=0.0) > 0
            grid, last = coarse_steps(times[code], jumps.astype(int), least)
            before, after = before + int(jumps.sum()), after + grid.size
            times[code], incidence[code] = grid, incidence[code][last]
        part.times_[cause], part.incidence_[cause] = times, incidence
    return before, after


def _royston_parmar(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    short = np.log(digits(np.exp(part.knots_), 3))
    if (np.diff(short) > 0).all():
        part.knots_ = short
    else:
        notes.append("knots of the baseline lie closer than three digits and were kept")
    return 0, 0


def _spline(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    for column, knots in list(part.knots_.items()) if hasattr(part, "knots_") else ():
        short = digits(knots, 3)
        if (np.diff(short) > 0).all():
            part.knots_[column] = short
        else:
            notes.append(f"knots of {column!r} lie closer than three digits and were kept")
    return 0, 0


def _cuts(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Cuts between groups at three digits, where they stay apart."""
    short = digits(part.cuts_, 3)
    if (np.diff(short) > 0).all():
        part.cuts_ = short
    return 0, 0


def _scores(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Levels of a score at three digits; levels that fall together become one."""
    short = digits(part.levels_, 3)
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


def _imputer(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Keep regressions and moments; the values they were fitted to go, and bounds are no patient's."""
    frozen = object.__setattr__
    empty = np.empty(0)
    frozen(part, "models", [model._replace(fitted=empty, observed=empty) for model in part.models])
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


def _trees(part: Any) -> None:
    """Round the split points of trees to three digits."""
    if isinstance(part.trees_, str):
        part.trees_ = _rounded_trees(part.trees_)
    else:
        part.trees_ = {key: _rounded_trees(text) for key, text in part.trees_.items()}
    vars(part).pop("_boosters", None)


def _rounded_trees(text: str) -> str:
    if not text:
        return text  # no round was kept
    booster = json.loads(text)
    model = booster["learner"]["gradient_booster"]
    for tree in model.get("gbtree", model)["model"]["trees"]:
        points = np.array(tree["split_conditions"], dtype=float)
        inside = np.array(tree["left_children"]) >= 0
        points[inside] = digits(points[inside], 3)
        tree["split_conditions"] = points.tolist()
    return json.dumps(booster)


def _updated(part: Any, least: int, notes: list[str]) -> tuple[int, int]:
    """Drop the digest of the updating data (it would tell whoever has the data), and coarsen the new baseline."""
    ledger = {key: value for key, value in part.ledger.items() if key != "data"}
    object.__setattr__(part, "ledger", ledger)
    times, hazard = part.baseline_times, part.baseline_hazard
    if times is None or hazard is None:
        return 0, 0
    grid, last = coarse_steps(times, (np.diff(hazard, prepend=0.0) > 0).astype(int), least)
    object.__setattr__(part, "baseline_times", grid)
    object.__setattr__(part, "baseline_hazard", hazard[last])
    return times.size, grid.size


_KINDS: dict[str, Any] = {
    "UpdatedModel": _updated,
    "CauseSpecificCox": _cause_specific,
    "MultiStateCox": _multi_state,
    "NullModel": _null,
    "RiskStratifier": _cuts,
    "RoystonParmar": _royston_parmar,
    "RestrictedCubicSpline": _spline,
    "FormulaTerms": _spline,
    "OrdinalRegression": _scores,
    "LinearOutcome": _scores,
    "DeploymentImputer": _imputer,
}
