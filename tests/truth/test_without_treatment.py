"""Risks without treatment in a simulation: patients in more pain are operated sooner and have the event sooner.

Pain changes every month, an operation lowers the hazard, and some patients are lost. The truth is the same simulation
without operations.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.survival import Status
from lbp_prognosis.validation import without_treatment

pytestmark = pytest.mark.slow
MONTHS, HORIZON, SETS, N = 12, 10.0, 200, 800


def course(n: int, seed: int, *, operations: bool, since: np.ndarray | float = 0.0):
    """Return the predictor, time, event, time of operation and the monthly history of n patients.

    No patient is operated before ``since``.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    pain = 0.6 * x + 0.8 * rng.normal(size=n)
    time, event, operated = np.full(n, float(MONTHS)), np.zeros(n, dtype=int), np.full(n, np.nan)
    free, rows = np.ones(n, dtype=bool), []
    for month in range(MONTHS):
        if month:
            pain = 0.8 * pain + 0.2 * x + 0.5 * rng.normal(size=n)
        rows.append(
            pd.DataFrame({"patient_id": np.flatnonzero(free), "time": float(month), "pain": pain[free], "x": x[free]})
        )
        wait = rng.exponential(1 / (0.05 * np.exp(0.8 * pain))) if operations else np.full(n, np.inf)
        wait = wait + np.maximum(since - month, 0.0)
        had = ~np.isnan(operated)
        until = np.where(had, 0.0, np.minimum(wait, 1.0))
        hazard = 0.06 * np.exp(0.5 * x + 0.6 * pain)
        need = rng.exponential(size=n)
        before = hazard * until
        late = until + (need - before) / (0.4 * hazard)
        when = np.where(need < before, need / hazard, late)
        now = free & (when < 1)
        starts = free & ~had & (wait < 1) & ~(now & (when < wait))
        operated[starts] = month + wait[starts]
        time[now], event[now] = month + when[now], 1
        free &= ~now
    lost = rng.uniform(4, 30, n) if operations else np.full(n, np.inf)
    event = np.where(lost < time, 0, event)
    time = np.minimum(time, lost)
    return x, time, event, np.where(operated < time, operated, np.nan), pd.concat(rows)


@cache
def truth():
    """The true risk without operations by the predictor, and its performance in 200,000 patients."""
    x, time, event, _, _ = course(200_000, 999, operations=False)
    state = ((time <= HORIZON) & (event == 1)).astype(int)
    place = np.clip(np.searchsorted(np.quantile(x, np.linspace(0, 1, 61)[1:-1]), x), 0, 59)
    middle, share = (np.bincount(place, values) / np.bincount(place) for values in (x, state))

    def risk(at: np.ndarray) -> np.ndarray:
        return np.interp(at, middle, share)

    found = evaluate(Status.at(HORIZON, state), risk(x), n_resamples=0).to_frame().set_index("metric")["value"]
    return risk, {name: found[name] for name in ("auc", "brier", "observed_expected", "calibration_slope")}


def entered(seed: int, n: int, *, operations: bool):
    """Return patients who came under observation during the first months, and were operated only after that."""
    late = np.random.default_rng(seed + 50_000).uniform(0, 5, n)
    x, time, event, operated, history = course(n, seed, operations=operations, since=late)
    there = time > late
    ids = np.flatnonzero(there)
    kept = history[history["patient_id"].isin(ids)]
    y = Surv.right(time[there], event[there], entry=late[there])
    return x[there], y, operated[there], kept, ids


def test_fits_with_delayed_entry_are_unbiased() -> None:
    x, y, _, _, _ = entered(777, 60_000, operations=False)
    grid = pd.DataFrame({"x": [-1.0, 0.0, 1.0]})
    true = CoxPH().fit(pd.DataFrame({"x": x}), y).predict_risk(grid, HORIZON)[:, 0]
    fits: dict[str, list[np.ndarray]] = {"weighted": [], "naive": []}
    for seed in range(SETS):
        x, y, operated, history, ids = entered(seed, N, operations=True)
        found = without_treatment(y, operated, history, ids=ids)
        X = pd.DataFrame({"x": x})
        fits["weighted"].append(found.fit(CoxPH(), X).predict_risk(grid, HORIZON)[:, 0])
        fits["naive"].append(CoxPH().fit(X, found.y).predict_risk(grid, HORIZON)[:, 0])
    mean = {name: np.mean(values, axis=0) for name, values in fits.items()}
    error = np.std(fits["weighted"], axis=0) / np.sqrt(SETS)
    assert (np.abs(mean["weighted"] - true) < 3 * error + 0.01).all(), (mean, true, error)
    assert (mean["naive"] < true - 0.01).any(), (mean, true)


def test_intervals_cover_the_performance_without_treatment_and_naive_ones_do_not() -> None:
    risk, true = truth()
    hits = {"weighted": dict.fromkeys(true, 0), "naive": dict.fromkeys(true, 0)}
    at_one = []
    for seed in range(SETS):
        x, time, event, operated, history = course(N, seed, operations=True)
        found = without_treatment(Surv.right(time, event), operated, history)
        at_one.append(
            float(found.fit(CoxPH(), pd.DataFrame({"x": x})).predict_risk(pd.DataFrame({"x": [1.0]}), HORIZON)[0, 0])
        )
        judged = {
            "weighted": found.evaluate(risk(x), HORIZON, n_resamples=0),
            "naive": evaluate(found.y, risk(x), HORIZON, n_resamples=0),
        }
        for kind, result in judged.items():
            rows = result.to_frame().set_index("metric")
            for name, value in true.items():
                hits[kind][name] += bool(rows.loc[name, "low"] <= value <= rows.loc[name, "high"])
    covered = {kind: {name: count / SETS for name, count in counts.items()} for kind, counts in hits.items()}
    # 0.93 less two Monte-Carlo errors of 200 sets; weights taken as known make intervals wider, never narrower
    assert min(covered["weighted"].values()) > 0.93 - 2 * np.sqrt(0.95 * 0.05 / SETS), covered
    assert covered["naive"]["observed_expected"] < 0.8, covered
    error = np.std(at_one) / np.sqrt(SETS)
    assert abs(np.mean(at_one) - risk(np.array([1.0]))[0]) < 3 * error + 0.01, (np.mean(at_one), error)
