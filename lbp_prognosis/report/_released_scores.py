"""Predicted scores for release: means of groups of fifty and more, curves at whole points, no histogram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult
from lbp_prognosis.disclosure import Release
from lbp_prognosis.evaluation import Evaluation, MeanCalibration
from lbp_prognosis.report._page_scores import PageScores

__all__ = ["SCORE_METRICS", "released_mean_calibrations", "released_scores", "scores_are_releasable"]

SCORE_METRICS = (
    "crps",
    "auc",
    "observed_expected",
    "calibration_slope",
    "mean_error",
    "mean_calibration_slope",
    "score_r2",
    "ipa",
)
"""Metrics of a page of scores, the most wanted first: few, so that groups and curves fit into the budget too."""
_MOST_GROUPS, _POINTS = 10, 10
_NO_CURVE = pd.DataFrame(columns=["predicted", "observed", "low", "high"], dtype=float)
_NO_TENTHS = pd.DataFrame(columns=["group", "n", "predicted", "observed"], dtype=float)


def _seen(scores: PageScores, release: Release) -> list[np.ndarray]:
    """Return the observed scores of all patients, and of each layer if there are several; empty without patients' rows.

    Differences between numbers of two releases are numbers of a layer.
    """
    assert scores.y is not None
    value: np.ndarray = scores.y["value"]
    seen, patients = ~np.isnan(value), release.patients
    if not release.layered:
        return [value[seen]]
    if patients.copies is not None or patients.clusters is not None or patients.state.size != value.size:
        return []
    return [value[seen], *(value[seen & rows] for rows in patients.each_layer())]


def _are_spread(release: Release, values: np.ndarray) -> bool:
    """Return whether enough patients differ from the lowest and from the highest score of a group."""
    if not values.size:
        return False
    away = min(int((values > values.min()).sum()), int((values < values.max()).sum()))
    return away >= release.smallest_cell


def scores_are_releasable(scores: PageScores, release: Release) -> bool:
    """Return whether means over all observed scores may be released: at least fifty scores, none of which dominates.

    The same rule applies to the patients of each layer.

    Parameters
    ----------
    scores : PageScores
        With the rows.
    release : Release
        Release through which all numbers pass.
    """
    where, parts = "metrics of the scores", _seen(scores, release)
    if not parts:
        return release.apart(where)
    if not all(release.mean(where, values.size, values) for values in parts):
        return False
    if not all(_are_spread(release, values) for values in parts):
        release.note(where, "dropped", f"fewer than {release.smallest_cell} differ from the others")
        return False
    return True


def released_scores(scores: PageScores, release: Release, counted: np.ndarray | None = None) -> PageScores:
    """Return means for the largest number of groups that are all releasable, without rows, quartiles and responses.

    Parameters
    ----------
    scores : PageScores
        With the rows.
    release : Release
        Release through which all numbers pass.
    counted : ndarray of int, optional
        Patients of each risk group of the same page, in order of risk. Risks and mean scores of a model often order
        patients alike: the limits of both kinds of groups are k patients apart, or the same.
    """
    bare = replace(scores, tenths=_NO_TENTHS, response=None, y=None, forecast=None, visits={})
    if scores.visits:
        words = "other patients are seen at each visit, so that counts could be subtracted"
        release.note("scores at earlier visits", "dropped", words)
    where = "observed scores by predicted score"
    release.note(
        f"{where}: quartiles, shares at the cut, changes and responses",
        "dropped",
        "they cut the same patients in other ways, so that counts could be subtracted",
    )
    if not release.apart(where):  # the limits of groups depend on the patients
        return bare
    assert scores.y is not None
    unseen = int(np.isnan(scores.y["value"]).sum())
    if release.few_unknown or not release.keeps([unseen]):
        release.note(where, "dropped", "the number of patients without a score could be derived")
        return bare
    for count in range(_MOST_GROUPS, 1, -1):
        table = scores.grouped(count)
        if _groups_are_releasable(scores, release, table) and release.keeps(_between(table["n"].to_numpy(), counted)):
            break
    else:
        release.note(
            where, "dropped", "groups of fifty would have too few different scores, or limits near a threshold"
        )
        return bare
    if count < _MOST_GROUPS:
        release.note(where, "merged", f"{len(table)} groups of fifty and more patients")
    if not release.take(where, 3 * len(table)):
        return bare
    table[["predicted", "observed"]] = table[["predicted", "observed"]].round(min(2, release.count_digits))
    return replace(bare, tenths=table)


def _between(groups: np.ndarray, counted: np.ndarray | None) -> np.ndarray:
    """Return the patients between each limit of groups and each threshold, if both order them alike or inversely."""
    if counted is None:
        return np.zeros(0)
    limits, below = np.cumsum(groups)[:-1], np.cumsum(counted)[:-1]
    both = np.concatenate([below, np.sum(counted) - below])
    return np.abs(limits[:, None] - both)


def _groups_are_releasable(scores: PageScores, release: Release, table: pd.DataFrame) -> bool:
    """Return whether the mean of each group may be released; unsuccessful numbers of groups are not recorded."""
    assert scores.forecast is not None
    assert scores.y is not None
    seen = np.flatnonzero(~np.isnan(scores.y["value"]))
    ahead, values = scores.forecast.mean()[seen], scores.y["value"][seen]
    place = np.searchsorted(
        np.cumsum(table["n"].to_numpy()), np.argsort(np.argsort(ahead, kind="stable")), side="right"
    )
    groups = [values[place == k] for k in range(len(table))]
    return len(table) > 1 and all(release.may_be_mean(part) and _are_spread(release, part) for part in groups)


def released_mean_calibrations(
    found: Mapping[str, MeanCalibration], numbers: Evaluation, scores: PageScores, release: Release
) -> dict[str, MeanCalibration]:
    """Return curves at whole points (tenths of the range) that have enough patients on either side, without groups.

    Parameters
    ----------
    found : mapping of str to MeanCalibration
        By model.
    numbers : Evaluation
        Released numbers.
    scores : PageScores
        With the rows; only the curve of its own model is kept.
    release : Release
        Release through which all numbers pass.
    """
    out = {}
    for model, fitted in found.items():
        kept = numbers.metrics[model]
        own = [_kept(kept, result) for result in fitted.metrics]
        where = f"curve of the mean score of {model}"
        curve = _coarse(fitted.curve, scores, release, where) if model == scores.model else _NO_CURVE
        if model != scores.model:
            release.note(where, "dropped", "only the curve of the main model is released")
        out[model] = replace(
            fitted, error=own[0], intercept=own[1], slope=own[2], curve=curve, groups=fitted.groups[:0]
        )
    return out


def _kept(kept: Mapping[str, MetricResult], result: MetricResult) -> MetricResult:
    """Return the released form of a result, or a form without numbers."""
    if result.metric in kept:
        return kept[result.metric]
    nothing = float("nan")
    return result.labelled(
        value=nothing,
        se=nothing,
        low=nothing,
        high=nothing,
        n=None,
        n_events=None,
        influence=None,
        draws=None,
        clusters=None,
        objections=(),
    )


def _has_enough_around(release: Release, ahead: np.ndarray, at: float) -> bool:
    if release.patients.state.size == ahead.size:
        return release.has_enough_around(ahead, at)
    return bool(min((ahead <= at).sum(), (ahead >= at).sum()) >= release.smallest_cell)


def _coarse(curve: pd.DataFrame, scores: PageScores, release: Release, where: str) -> pd.DataFrame:
    assert scores.forecast is not None
    assert scores.y is not None
    levels = scores.forecast.levels
    ahead = np.where(np.isnan(scores.y["value"]), np.nan, scores.forecast.mean())
    if release.patients.state.size != ahead.size and not release.apart(where):
        return _NO_CURVE
    points = np.linspace(levels[0], levels[-1], _POINTS + 1)
    grid = [at for at in points if _has_enough_around(release, ahead, at)]
    if curve.empty or len(grid) < 2:
        release.note(where, "dropped", "too few patients on either side of whole points")
        return _NO_CURVE
    if not release.take(where, 3 * len(grid)):
        return _NO_CURVE
    release.note(where, "coarsened", "at tenths of the range, without groups")
    x = curve["predicted"].to_numpy(dtype=float)
    heights = {name: np.interp(grid, x, curve[name].to_numpy(dtype=float)) for name in ("observed", "low", "high")}
    return pd.DataFrame({"predicted": grid, **heights}).round(min(2, release.count_digits))
