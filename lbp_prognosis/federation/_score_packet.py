"""The part of `site_packet` for measured scores: sums, errors and ranks of predicted distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import MetricResult, argument_error
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.disclosure import Budget, is_dominated, single_out
from lbp_prognosis.evaluation import crps, mean_absolute_error, mean_calibration, ordinal_concordance, score_r2
from lbp_prognosis.federation._canonical import significant
from lbp_prognosis.federation._covariance_of_metrics import covariance_of_metrics
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._score_sums import SUMS, measures_of_sums
from lbp_prognosis.federation._site_rows import own_columns
from lbp_prognosis.survival import ScoreForecast

__all__ = ["fill_with_scores", "forecasts_of", "too_few_scores"]

_FROM = 200  # patients from which a covariance is sent
_PAIRED = ("crps", "mae")


def forecasts_of(name: str, model: Any, tables: Sequence[Any], n: int) -> list[ScoreForecast]:
    """Return the predicted distributions of each table."""
    if not hasattr(model, "predict_forecast"):
        raise argument_error(
            name,
            "a model of scores with predict_forecast, as `y` are measured scores",
            model,
            "A model of a state needs the state: measured_to_status.",
        )
    found = [model.predict_forecast(own_columns(model, table)) for table in tables]
    wrong = next((len(each) for each in found if len(each) != n), None)
    if wrong is not None:
        raise argument_error("X", f"of {n} rows, as many as `y`", f"{wrong} rows")
    return found


def too_few_scores(y: np.ndarray, predicted: np.ndarray, policy: Policy, budget: Budget) -> str:
    """Return the reason for a packet without numbers, or an empty string; sums of observed and predicted are sent."""
    seen = ~np.isnan(y["value"])
    value, ahead = y["value"][seen], predicted[seen]
    unknown = y.shape[0] - value.size
    if value.size < policy.min_n:
        return "insufficient: fewer patients with a known score than the site's minimum"
    commonest = int(np.unique(value, return_counts=True)[1].max())
    if value.size - commonest < policy.min_cell:
        return "insufficient: nearly all scores are the same, and the others would be known"
    if any(is_dominated(part) or is_dominated(part**2) for part in (value, ahead)):
        return "insufficient: one patient makes up most of a sum of scores"
    if single_out(ahead, policy.min_cell) or single_out(value, policy.min_cell):
        return "insufficient: few different scores occur, and sums give the few patients with one of them"
    if 0 < unknown < policy.min_cell:
        return "insufficient: the scores of a few patients are unknown, and counts would identify them"
    if budget.most < (2 if unknown == 0 else 3) + 5:
        return "insufficient: counts and sums are more numbers than the release budget"
    return ""


def _metrics(y: np.ndarray, forecast: ScoreForecast) -> dict[str, MetricResult]:
    line = mean_calibration(y, forecast)
    found = [crps(y, forecast), mean_absolute_error(y, forecast), ordinal_concordance(y, forecast)]
    found += [score_r2(y, forecast), line.error, line.intercept, line.slope]
    return {result.metric: result for result in found}


def _sums(value: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    return {
        "predicted": float(mean.sum()),
        "observed": float(value.sum()),
        "observed_predicted": float(value @ mean),
        "predicted_squared": float(mean @ mean),
        "observed_squared": float(value @ value),
    }


def fill_with_scores(
    content: dict[str, Any],
    y: np.ndarray,
    forecasts: Mapping[str, Sequence[ScoreForecast]],
    budget: Budget,
    policy: Policy,
) -> None:
    """Add counts, sums, errors and paired differences to the packet by priority while the budget lasts.

    Values of the calibration line, the mean error and R² follow from the sums (of imputed tables: from their means):
    only their errors are new.
    """
    d = policy.digits
    seen = ~np.isnan(y["value"])
    value, n, known = y["value"][seen], int(y.shape[0]), int(seen.sum())
    content["cohort"] = {"n": n, "known": known, "unknown": n - known}
    budget.take("counts", 2 if n == known else 3)
    budget.take("sums", 5)
    sums = [_sums(value, each.mean()[seen]) for each in forecasts["model"]]
    mean = {name: float(np.mean([each[name] for each in sums])) for name in SUMS}
    content["sums"], follow = significant(mean, d), measures_of_sums(mean, known)
    found = [_metrics(y, each) for each in forecasts["model"]]
    withheld: list[dict[str, str]] = content["withheld"]

    def fits(item: str, count: int) -> bool:
        if budget.take(item, count):
            return True
        withheld.append({"item": item, "reason": f"{count} numbers more than the release budget of {budget.most}"})
        return False

    for name, first in found[0].items():
        pair = _pooled([each[name] for each in found])
        pair = (follow.get(name, pair[0]), pair[1])
        if not np.isfinite(pair).all():
            withheld.append({"item": name, "reason": str(first.reason) or "not estimable"})
        elif fits(name, 2 if name in ("crps", "mae", "ordinal_concordance") else 1):
            content["estimates"][name] = significant(pair, d)
    if "comparator" in forecasts:
        others = [_metrics(y, each) for each in forecasts["comparator"]]
        for name in _PAIRED:
            changes = [mine[name].minus(theirs[name]) for mine, theirs in zip(found, others)]
            if fits(f"difference in {name}", 2):
                content["paired"][name] = significant(_pooled(changes), d)
    if policy.thresholds:
        withheld.append({"item": "thresholds", "reason": "a score has none: make a state of it by measured_to_status"})
    names = list(content["estimates"])
    if known >= _FROM and len(names) > 1 and fits("covariance", len(names) * (len(names) - 1) // 2):
        tables = [np.column_stack([np.ravel(each[name].influence) for name in names]) for each in found]
        matrix = covariance_of_metrics(tables, [[float(each[name].value) for name in names] for each in found])
        content["covariance"] = {"names": names, "matrix": significant(matrix, d)}


def _pooled(results: Sequence[MetricResult]) -> tuple[float, float]:
    """Value and standard error, over imputed tables by Rubin's rules."""
    values, errors = (np.array([float(getattr(one, part)) for one in results]) for part in ("value", "se"))
    if values.size == 1:
        return float(values[0]), float(errors[0])
    return float(values.mean()), float(rubin_pool(values, errors**2, np.inf).se)
