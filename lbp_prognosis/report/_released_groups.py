"""Risk groups and calibration curves for release, with merged bands, and curves at no time or risk of a patient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.disclosure import Release, without_numbers
from lbp_prognosis.evaluation import Evaluation, RiskGroups, risk_groups
from lbp_prognosis.evaluation.prognostic import Calibration, JudgedRows
from lbp_prognosis.report._released_numbers import triple
from lbp_prognosis.report._released_shapes import ReleasedCalibration, ReleasedGroups

__all__ = ["released_calibration", "released_curves", "released_groups"]

_GRID = np.round(np.arange(0.0, 1.0001, 0.1), 2)


def released_groups(
    groups: RiskGroups, rows: JudgedRows, release: Release, cuts: list[float]
) -> tuple[ReleasedGroups | None, RiskGroups | None]:
    """Return groups between releasable thresholds, without curves, and the groups they were merged from.

    Parameters
    ----------
    groups : RiskGroups
        The requested groups.
    rows : JudgedRows
        Rows behind the groups.
    release : Release
        Release through which all numbers pass.
    cuts : list of float
        Thresholds kept, increasing.
    """
    if not cuts or np.isnan(rows.score).any():
        if not cuts:
            release.note("risk groups", "dropped", "no threshold leaves enough patients with and without the target")
        return None, None
    made = risk_groups(
        rows.y,
        rows.risk,
        rows.horizon,
        thresholds=cuts,
        cause=rows.cause,
        target=rows.target,
        sample_weight=rows.weights,
        clusters=rows.clusters,
    )
    table, load = made.table.copy(), made.workload.copy()
    table = table[table["n"] > 0].reset_index(drop=True)
    digits = release.count_digits
    table["mean_risk"] = table["mean_risk"].round(digits)
    table[["observed", "low", "high"]] = table[["observed", "low", "high"]].round(digits)
    table[["n_events", "at_risk", "se"]] = np.nan
    table["reason"] = [without_numbers(str(reason)) for reason in table["reason"]]
    load[["share_above", "events_found"]] = load[["share_above", "events_found"]].round(2)
    load["number_per_event"] = load["number_per_event"].round(1)
    load["observed_above"] = np.nan
    keys: list[Any] = [("group", name, part) for name in table["group"] for part in ("n", "mean")]
    keys += [key for r in table.itertuples() for key in triple(r.observed, r.low, r.high)]
    keys += [("work", t, part) for t in load["threshold"] for part in ("above", "found")]
    if not release.take("risk groups and workload", keys):
        return None, None
    test = made.log_rank if made.gray is None else made.gray
    shown = ReleasedGroups(
        groups.model,
        tuple(table["group"]),
        table,
        load,
        pd.DataFrame(columns=["group", "time", "value", "low", "high"]),
        float("nan") if test is None else round(float(test.p), 3),
        "log-rank" if made.gray is None else "Gray",
        1.0 if rows.target == "no_event" else 0.0,
    )
    return shown, made


def released_curves(shown: ReleasedGroups, made: RiskGroups, release: Release, horizon: float) -> ReleasedGroups:
    """Return the groups with coarse curves to the horizon, if they fit into the budget.

    Parameters
    ----------
    shown : ReleasedGroups
        Without curves.
    made : RiskGroups
        With all of them.
    release : Release
        Release through which all numbers pass.
    horizon : float
        Time at which the curves end.
    """
    if made.curves is None:
        return shown
    frames = []
    every = np.concatenate([made.curves[code].times for code in made.curves.strata])
    for code, name in enumerate(made.names):
        if code not in made.curves.strata:
            continue
        one = made.curves[code]
        turned = shown.start == 1.0
        heights = [1 - one.value, 1 - one.high, 1 - one.low] if turned else [one.value, one.low, one.high]
        curve = dict(zip(("times", "value", "low", "high", "events"), (one.times, *heights, one.events)))
        curve["others"] = every
        frames.append(release.curve("curves of risk groups", curve, end=horizon, start=shown.start).assign(group=name))
    curves = pd.concat(frames, ignore_index=True)[["group", "time", "value", "low", "high"]]
    inner = curves[(curves["time"] > 0) & (curves["time"] < horizon)]
    return replace(shown, curves=curves) if release.take("curves of risk groups", 3 * len(inner)) else shown


def released_calibration(
    fitted: Calibration, model: str, numbers: Evaluation, rows: JudgedRows | None, release: Release
) -> ReleasedCalibration:
    """Return the calibration curve at risks of 0, 10, 20 … per cent with enough patients on either side.

    Parameters
    ----------
    fitted : Calibration
        With its curves. A point of a layered release has enough patients of each layer on either side.
    model : str
        Its name.
    numbers : Evaluation
        Released numbers.
    rows : JudgedRows or None
        Behind the curve; None where the model has no estimate at the horizon, and thus no curve.
    release : Release
        Release through which all numbers pass.
    """
    kept = numbers.metrics[model]
    empty = pd.DataFrame(columns=["risk", "observed", "low", "high"], dtype=float)
    out = ReleasedCalibration(
        model, kept.get("observed_expected"), kept.get("calibration_slope"), kept.get("ici"), empty
    )
    if rows is None:
        return out
    place = int(np.flatnonzero(np.isclose(fitted.horizons, rows.horizon))[0])
    curve = fitted.curves[place]
    turned = rows.target == "no_event"
    risk = 1 - curve.risk if turned else curve.risk
    columns = {
        "observed": 1 - curve.observed if turned else curve.observed,
        "low": 1 - curve.high if turned else curve.low,
        "high": 1 - curve.low if turned else curve.high,
    }
    grid = [
        at for at in _GRID if risk.size and risk.min() <= at <= risk.max() and release.has_enough_around(rows.score, at)
    ]
    if len(grid) < 2 or not np.isfinite(curve.observed).any():
        release.note(f"calibration curve of {model}", "dropped", "too few patients on either side of round risks")
        return out
    if not release.take(f"calibration curve of {model}", 3 * len(grid)):
        return out
    order = np.argsort(risk)
    frame = pd.DataFrame({"risk": grid})
    for name, values in columns.items():
        frame[name] = np.round(np.interp(grid, risk[order], values[order]), min(2, release.count_digits))
    release.note(f"calibration curve of {model}", "coarsened", "at risks of whole tenths, without groups and bars")
    return replace(out, curve=frame)
