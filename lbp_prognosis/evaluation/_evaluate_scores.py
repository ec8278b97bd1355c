"""Evaluation of predicted score distributions for `evaluate`, with and without a declared cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lbp_prognosis._base import MetricResult, argument_error, describe
from lbp_prognosis.evaluation.prognostic import (
    MeanCalibration,
    Pit,
    crps,
    mean_absolute_error,
    mean_calibration,
    ordinal_concordance,
    pit,
    score_r2,
)
from lbp_prognosis.survival import MeasuredSpec, ScoreForecast

__all__ = ["cut_risks", "forecasts_in", "score_metrics"]


def forecasts_in(risks: Any, n: int) -> dict[str, ScoreForecast]:
    """Return the forecasts by model, or an empty mapping if risks are given.

    Raises
    ------
    ArgumentError
        If some models give forecasts and others risks, or a forecast has a different number of rows.
    """
    named = {str(name): part for name, part in risks.items()} if isinstance(risks, Mapping) else {"model": risks}
    found = {name: part for name, part in named.items() if isinstance(part, ScoreForecast)}
    if found and len(found) < len(named):
        other = next(name for name in named if name not in found)
        raise argument_error(
            "risks",
            "forecasts of all models, or risks of all",
            f"{describe(named[other])} of {other!r} together with forecasts",
            "A risk at the cut is the forecast's at_most(cut).",
        )
    for name, part in found.items():
        if len(part) != n:
            raise argument_error(f"risks[{name!r}]", f"of {n} rows, one per row of `y`", f"{len(part)} rows")
    return found


def cut_risks(forecasts: Mapping[str, ScoreForecast], spec: MeasuredSpec) -> dict[str, Any]:
    """Return the risks at the declared cut by model, or an empty mapping if no cut was declared."""
    if spec.at_most is not None:
        return {name: part.at_most(spec.at_most) for name, part in forecasts.items()}
    if spec.at_least is not None:
        return {name: part.at_least(spec.at_least) for name, part in forecasts.items()}
    return {}


def score_metrics(
    y: Any, forecasts: Mapping[str, ScoreForecast], shared: Mapping[str, Any]
) -> tuple[dict[str, dict[str, MetricResult]], dict[str, MeanCalibration], dict[str, Pit]]:
    """Return metrics, calibration of the mean and probability integral transforms, by model."""
    metrics: dict[str, dict[str, MetricResult]] = {}
    calibrations: dict[str, MeanCalibration] = {}
    transforms: dict[str, Pit] = {}
    for name, forecast in forecasts.items():
        ranked = ordinal_concordance(y, forecast, **shared)
        calibrations[name] = replace(mean_calibration(y, forecast, **shared), model=name)
        transforms[name] = replace(pit(y, forecast, **shared), model=name)
        found: list[MetricResult] = [crps(y, forecast, **shared), ranked]
        found += [] if ranked.dxy is None else [ranked.dxy]
        found += [score_r2(y, forecast, **shared), mean_absolute_error(y, forecast, **shared)]
        found += [*calibrations[name].metrics, *transforms[name].metrics]
        metrics[name] = {result.metric: result.labelled(model=name) for result in found}
    return metrics, calibrations, transforms
