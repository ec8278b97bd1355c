"""Facts for several questions of PROBAST+AI: alarms, events, measures of performance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lbp_prognosis._base import METRICS, MetricResult, Objection
from lbp_prognosis.evaluation import DecisionCurve, Evaluation
from lbp_prognosis.report._probast_form import REVIEWER, Fact
from lbp_prognosis.report._wording import estimate

__all__ = [
    "LEAKS",
    "OUTCOME_IN_PREDICTORS",
    "OUTSIDE_RESAMPLING",
    "TIMING",
    "alarm",
    "at_horizon",
    "enough_events",
    "events_per_parameter",
    "measures",
]

TIMING = ("later-than-time-zero", "values-after-time-zero")
OUTCOME_IN_PREDICTORS = (
    "added-is-the-outcome",
    "change-from-baseline",
    "entry-by-the-outcome",
    "level-decides-outcome",
    "predictor-is-outcome",
)
OUTSIDE_RESAMPLING = (
    "harmonised-outside-resampling",
    "imputed-outside-resampling",
    "preprocessed-outside-resampling",
)
LEAKS = (
    *OUTSIDE_RESAMPLING,
    *TIMING,
    "discrimination-implausible",
    "discs-as-patients",
    "identifier-as-predictor",
    "missingness-tells-outcome",
    "patients-copied",
    "predictor-follows-follow-up",
    "predictor-is-outcome",
    "predictor-too-strong",
)
# Rules of thumb, not part of the tool, which requires a justified sample size (`validation.sample_size_development`,
# `sample_size_validation`). The lower bound is that of the objection events-per-parameter.
_FEW, _MANY, _EVALUATION = 10, 20, 100


def alarm(objections: Iterable[Objection], codes: tuple[str, ...], without: str, otherwise: str = REVIEWER) -> Fact:
    """Return the sentences of the objections with these codes; any of them suggests "probably no".

    Parameters
    ----------
    objections : iterable of Objection
        All doubts.
    codes : tuple of str
        Codes that concern the question.
    without : str
        Text if none was raised.
    otherwise : str
        The suggested answer in that case.
    """
    said = list(dict.fromkeys(o.sentence for o in objections if o.code in codes))
    return Fact(" ".join(said), "probably no") if said else Fact(without, otherwise)


def events_per_parameter(events: int | None, parameters: int | None, words: str, *, at_most: bool = False) -> Fact:
    """Return events per candidate parameter: below 10 suggests "probably no", from 20 on "probably yes".

    Parameters
    ----------
    events, parameters : int or None
        Numbers in development; None if unknown.
    words : str
        Description of the parameters.
    at_most : bool, default False
        Whether only the parameters of the final model are counted, so that the ratio is an upper bound.
    """
    if events is None or not parameters:
        lacking = "The number of events" if events is None else "The number of parameters"
        return Fact(f"{lacking} is not known{'' if events is None else f'; {events} events'}.")
    ratio = events / parameters
    bound = "at most " if at_most else ""
    text = f"{events} events, {parameters} {words}: {bound}{ratio:.1f} events per parameter."
    if ratio < _FEW:
        return Fact(text, "probably no")
    if at_most:
        return Fact(text + " How many parameters were considered is not known.")
    return Fact(text, "probably yes" if ratio >= _MANY else REVIEWER)


def enough_events(n: int | None, events: int | None) -> Fact:
    """Return patients and events of an evaluation: from 100 events on "probably yes", below "probably no".

    Parameters
    ----------
    n, events : int or None
        None if unknown or not released.
    """
    told = "" if n is None else f"{n} patients"
    if events is None:
        return Fact(f"{told}, number of events not given." if told else "Not known.")
    text = f"{told}, {events} events." if told else f"{events} events."
    return Fact(text, "probably yes" if events >= _EVALUATION else "probably no")


def at_horizon(result: MetricResult | None, horizon: float) -> tuple[float, float, float]:
    """Return value and limits of a metric at a horizon; NaN if there is none.

    Parameters
    ----------
    result : MetricResult or None
        A metric at one or more horizons.
    horizon : float
        Horizon; a metric without horizons has one value.
    """
    for row in [] if result is None else result.rows():
        if np.isnan(row["horizon"]) or abs(row["horizon"] - horizon) < 1e-9:
            return float(row["value"]), float(row["low"]), float(row["high"])
    return float("nan"), float("nan"), float("nan")


def measures(found: Evaluation, model: str, horizon: float, how: str) -> Fact:
    """Return discrimination, calibration and net benefit of a model; all three with intervals suggest "yes".

    Parameters
    ----------
    found : Evaluation
        The numbers.
    model : str
        Name of the model.
    horizon : float
        The main one.
    how : str
        Kind of validation of the numbers.
    """
    metrics: Mapping[str, MetricResult] = found.metrics.get(model, {})
    shown = ("auc", "concordance", "calibration_slope", "observed_expected")
    numbers = {name: at_horizon(metrics.get(name), horizon) for name in shown}
    told = {name: triple for name, triple in numbers.items() if np.isfinite(triple[0])}
    if "auc" in told:
        told.pop("concordance", None)
    text = "; ".join(f"{METRICS[name].short} {estimate(*triple)}" for name, triple in told.items())
    lacking = []
    if not any(np.isfinite(told[name]).all() for name in ("auc", "concordance") if name in told):
        lacking.append("discrimination")
    if not any(np.isfinite(told[name]).all() for name in ("calibration_slope", "observed_expected") if name in told):
        lacking.append("calibration")
    curve = found.decision
    if curve is not None and len(curve.thresholds):
        text += f"; net benefit at thresholds from {min(curve.thresholds):g} to {max(curve.thresholds):g}"
    if curve is None or not _has_limits(curve, model, horizon):
        lacking.append("net benefit")
    text = f"{how}: {text.removeprefix('; ')}." if text else f"{how}: none."
    if lacking:
        return Fact(f"{text} Not given with an interval: {', '.join(lacking)}.", "probably no")
    return Fact(text, "yes")


def _has_limits(curve: DecisionCurve, model: str, horizon: float) -> bool:
    """Whether net benefit of the model at the horizon has an interval at one threshold or more."""
    rows = [k for k, name in enumerate(curve.models) if name == model]
    here = np.isclose(curve.horizons, horizon)
    return bool((np.isfinite(curve.low[rows][:, here]) & np.isfinite(curve.high[rows][:, here])).any())
