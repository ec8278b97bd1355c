"""``score_tenths``: observed against predicted scores in groups of the prediction, with change and its error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, check_vector, describe, takes_rows
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting
from lbp_prognosis.survival import ScoreForecast

__all__ = ["score_tenths"]


@takes_rows(baseline="numbers")
def score_tenths(
    y: np.ndarray,
    forecast: ScoreForecast,
    *,
    baseline: Any = None,
    smallest_detectable: float | None = None,
    important: float | None = None,
    sample_weight: Any = None,
    n_groups: int = 10,
) -> pd.DataFrame:
    """Return observed and predicted scores by tenth of the predicted mean.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Measured.at`; rows with a missing score are excluded.
    forecast : ScoreForecast
        Predicted distributions.
    baseline : array-like of shape (n,), optional
        Baseline score. If given, the table contains predicted and observed changes, baseline minus follow-up.
    smallest_detectable : float, optional
        Smallest detectable change of the instrument, in points: smaller changes are within its measurement error.
    important : float, optional
        Minimal important change, in points, declared in advance; a response is a decrease of at least this amount.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights. Only frequency weights count in the size of a group.
    n_groups : int, default 10
        Number of groups of about equal size; fewer groups if predictions are tied.

    Returns
    -------
    DataFrame
        One row per group, lowest predictions first: ``group, n, predicted, observed, q25, median, q75`` (of the
        observed scores). With a declared cut ``predicted_at_cut, observed_at_cut``; with ``baseline``
        ``predicted_change, observed_change``; with ``smallest_detectable`` ``beyond_error``, the proportion of patients
        with a larger predicted change in either direction; with ``important`` ``predicted_response,
        observed_response``.

    Notes
    -----
    The predicted response is P(Y ≤ baseline − important), with a separate cut for each patient. De Vet HCW et al.
    (2006). Health and Quality of Life Outcomes 4, 54. doi:10.1186/1477-7525-4-54.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.evaluation import score_tenths
    >>> from lbp_prognosis.survival import Measured, ScoreForecast
    >>> y = Measured.at(12, [0, 2, 6, 8], lower=0, upper=10)
    >>> forecast = ScoreForecast([0, 8], [[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.1, 0.9]])
    >>> score_tenths(y, forecast, n_groups=2)[["n", "predicted", "observed"]].round(1).values.tolist()
    [[2.0, 1.6, 1.0], [2.0, 6.0, 7.0]]
    """
    setting = ScoreSetting.check(
        y, caller="score_tenths", sample_weight=sample_weight, clusters=None, confidence=0.95, min_at_risk=0
    )
    if not isinstance(forecast, ScoreForecast) or len(forecast) != setting.n:
        raise argument_error("forecast", f"a ScoreForecast of {setting.n} rows", describe(forecast))
    count = int(check_number("n_groups", n_groups, low=1, whole=True))
    if baseline is None and (smallest_detectable is not None or important is not None):
        raise argument_error("baseline", "given with `smallest_detectable` and `important`", "None")
    seen, spec = setting.seen, setting.spec
    part, score, weight = forecast.take(np.flatnonzero(seen)), setting.value, setting.weight
    mean = part.mean()
    columns: dict[str, np.ndarray] = {"predicted": mean, "observed": score}
    if spec.cut is not None:
        at_most = spec.at_most is not None
        columns["predicted_at_cut"] = part.at_most(spec.cut) if at_most else part.at_least(spec.cut)
        columns["observed_at_cut"] = _reached(score, spec.cut, at_most)
    if baseline is not None:
        before = check_vector("baseline", baseline, n=setting.n, low=spec.lower, high=spec.upper)[seen]
        columns |= {"predicted_change": before - mean, "observed_change": before - score}
        if smallest_detectable is not None:
            least = check_number("smallest_detectable", smallest_detectable, low=0)
            columns["beyond_error"] = (np.abs(before - mean) > least).astype(float)
        if important is not None:
            goal = before - check_number("important", important, low=0, open_low=True)
            columns["predicted_response"] = part.at_most(goal)
            columns["observed_response"] = _reached(score, goal, True)
    copies = weight.astype(np.int64) if setting.frequency else np.ones(mean.size, dtype=np.int64)
    edges = np.unique(np.quantile(np.repeat(mean, copies), np.arange(1, count) / count)) if mean.size else np.empty(0)
    place = np.searchsorted(edges, mean, side="right")
    rows = []
    for number, k in enumerate(np.unique(place), start=1):
        own = place == k
        row: dict[str, Any] = {"group": number, "n": int(copies[own].sum())}
        row |= {name: float(np.average(values[own], weights=weight[own])) for name, values in columns.items()}
        row |= dict(zip(("q25", "median", "q75"), _quantiles(score[own], weight[own])))
        rows.append(row)
    first = ["group", "n", "predicted", "observed", "q25", "median", "q75"]
    return pd.DataFrame(rows, columns=[*first, *[name for name in columns if name not in first]])


def _reached(score: np.ndarray, cut: Any, at_most: bool) -> np.ndarray:
    slack = 1e-9 * max(float(np.abs(score).max(initial=0.0)), 1.0)  # 10 − 8 is the cut 2, whatever its last digits
    return (score <= cut + slack if at_most else score >= cut - slack).astype(float)


def _quantiles(values: np.ndarray, weight: np.ndarray) -> list[float]:
    """Return quartiles: the smallest values with at least the given proportion of the weight at or below them."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    return [float(values[order][np.searchsorted(share, q - 1e-12)]) for q in (0.25, 0.5, 0.75)]
