"""Risks under strategies of treatment in a simulation: patients in more pain are operated sooner and do worse.

Pain changes every month, an operation lowers the hazard of the event, and some patients are lost. The truth is the same
simulation in which all patients follow the strategy.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.survival import Status, kaplan_meier
from lbp_prognosis.validation import NeverStart, StartBy, StartWhen, contrast_strategies, under_strategy

pytestmark = pytest.mark.slow
MONTHS, HORIZON, SETS, N = 12, 8.0, 200, 800
STRATEGIES = {
    "never": NeverStart(),
    "by 4": StartBy(4.0),
    "by 4, last 2": StartBy(4.0, last=2.0),
    "once in pain": StartWhen("pain", at_least=0.5, within=3.0),
    "at once": StartBy(0.0),
}


def natural(pain: np.ndarray, confounded: bool) -> np.ndarray:
    """Monthly hazard of starting in the data."""
    return 0.12 * np.exp(0.7 * pain) if confounded else np.full(pain.size, 0.15)


def waiting(rng: np.random.Generator, hazard: np.ndarray, due: np.ndarray) -> np.ndarray:
    """Time to a start with the hazard raised so that all start by ``due``; infinite ``due``: as in the data."""
    u = rng.uniform(size=hazard.size)
    with np.errstate(over="ignore"):
        total = -np.expm1(-hazard * due)  # probability of starting by then in the data
    return -np.log1p(-u * total) / hazard


def course(n: int, seed: int, strategy: object = None, *, confounded: bool = True, at_zero: bool = True):
    """Return the predictor, time, event, time of operation and the monthly history of n patients."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    pain = 0.6 * x + 0.8 * rng.normal(size=n)
    time, event, operated = np.full(n, float(MONTHS)), np.zeros(n, dtype=int), np.full(n, np.inf)
    first = np.full(n, np.inf)  # when pain first reached the limit
    p_zero = 1 / (1 + np.exp(1.2 - 0.8 * pain)) if confounded else np.full(n, 0.25)
    free, rows = np.ones(n, dtype=bool), []
    for month in range(MONTHS):
        if month:
            pain = 0.8 * pain + 0.2 * x + 0.5 * rng.normal(size=n)
        rows.append(
            pd.DataFrame({"patient_id": np.flatnonzero(free), "time": float(month), "pain": pain[free], "x": x[free]})
        )
        hazard = natural(pain, confounded)
        if isinstance(strategy, StartWhen):
            first = np.where((pain >= strategy.at_least) & np.isinf(first), month, first)
            due, may = first + strategy.within, first <= month
            raised = may
        elif isinstance(strategy, StartBy):
            due, may = np.full(n, strategy.by), np.full(n, True)
            raised = np.full(n, month >= strategy.by - (strategy.last or strategy.by))
        else:
            due, may, raised = np.full(n, np.inf), np.full(n, strategy is None), np.zeros(n, dtype=bool)
        if month == 0 and at_zero:
            q = p_zero
            if isinstance(strategy, StartBy) and strategy.by == 0:
                q = np.ones(n)
            elif isinstance(strategy, StartBy | StartWhen):
                by_then = 1 - (1 - p_zero) * np.exp(-hazard * np.where(np.isinf(due), 0, due))
                q = np.where(raised, p_zero / by_then, p_zero)
            q = np.where(may, q, 0.0)
            operated[rng.uniform(size=n) < q] = 0.0
        wait = np.where(raised, waiting(rng, hazard, np.maximum(due - month, 1e-12)), rng.exponential(1 / hazard))
        wait = np.where(may, wait, np.inf)
        had = np.isfinite(operated)
        until = np.where(had, 0.0, np.minimum(wait, 1.0))
        h = 0.06 * np.exp(0.5 * x + 0.6 * pain)
        need = rng.exponential(size=n)
        when = np.where(need < h * until, need / h, until + (need - h * until) / (0.4 * h))
        now = free & (when < 1)
        starts = free & ~had & (wait < 1) & ~(now & (when < wait))
        operated[starts] = month + wait[starts]
        time[now], event[now] = month + when[now], 1
        free &= ~now
    lost = rng.uniform(4, 30, n) if strategy is None else np.full(n, np.inf)
    event = np.where(lost < time, 0, event)
    time = np.minimum(time, lost)
    return x, time, event, np.where(operated < time, operated, np.nan), pd.concat(rows)


@cache
def truth(name: str, confounded: bool = True):
    """The true risk under a strategy by the predictor, the mean risk, and its performance, in 300,000 patients."""
    x, time, event, _, _ = course(300_000, 999, STRATEGIES[name], confounded=confounded)
    state = ((time <= HORIZON) & (event == 1)).astype(int)
    place = np.clip(np.searchsorted(np.quantile(x, np.linspace(0, 1, 61)[1:-1]), x), 0, 59)
    middle, share = (np.bincount(place, values) / np.bincount(place) for values in (x, state))

    def risk(at: np.ndarray) -> np.ndarray:
        return np.interp(at, middle, share)

    found = evaluate(Status.at(HORIZON, state), risk(x), n_resamples=0).to_frame().set_index("metric")["value"]
    metrics = {name: found[name] for name in ("auc", "brier", "observed_expected", "calibration_slope")}
    part = slice(0, 20_000)  # hazards are not proportional in x: the model is judged against its own fit to the truth
    model = CoxPH().fit(pd.DataFrame({"x": x[part]}), Surv.right(time[part], event[part]))
    at_one = float(model.predict_risk(pd.DataFrame({"x": [1.0]}), HORIZON)[0, 0])
    return risk, float(state.mean()), metrics, at_one


def one_set(seed: int) -> tuple[dict, dict, dict, dict]:
    x, time, event, operated, history = course(N, seed)
    y = Surv.right(time, event)
    found = {name: under_strategy(y, operated, history, one) for name, one in STRATEGIES.items()}
    table = contrast_strategies(found, HORIZON).table
    risks = table[table["kind"] == "risk"].set_index("strategy")
    differences = table[table["kind"] == "difference"].set_index("strategy")
    at_one, covered = {}, {}
    for name, one in found.items():
        risk, _, metrics, _ = truth(name)
        model = one.fit(CoxPH(), pd.DataFrame({"x": x}))
        at_one[name] = float(model.predict_risk(pd.DataFrame({"x": [1.0]}), HORIZON)[0, 0])
        rows = one.evaluate(risk(x), HORIZON, n_resamples=0).to_frame().set_index("metric")
        covered[name] = {m: bool(rows.loc[m, "low"] <= value <= rows.loc[m, "high"]) for m, value in metrics.items()}
    return risks, differences, at_one, covered


def test_risks_differences_and_performance_under_strategies() -> None:
    sets = [one_set(seed) for seed in range(SETS)]
    mean = {name: truth(name)[1] for name in STRATEGIES}
    inside = dict.fromkeys(STRATEGIES, 0.0)
    apart = dict.fromkeys(list(STRATEGIES)[1:], 0.0)
    for risks, differences, _, _ in sets:
        for name in STRATEGIES:
            inside[name] += float(risks.loc[name, "low"] <= mean[name] <= risks.loc[name, "high"]) / SETS
        for name in apart:
            true = mean[name] - mean["never"]
            apart[name] += float(differences.loc[name, "low"] <= true <= differences.loc[name, "high"]) / SETS
    noise = 2 * np.sqrt(0.95 * 0.05 / SETS)
    assert min(inside.values()) > 0.93 - noise, inside
    assert max(inside.values()) <= min(0.97 + noise, 1.0), inside
    assert min(apart.values()) > 0.93 - noise, apart
    for name in STRATEGIES:
        values = np.array([risks.loc[name, "estimate"] for risks, *_ in sets])
        error = values.std() / np.sqrt(SETS)
        assert abs(values.mean() - mean[name]) < 3 * error + 0.005, (name, values.mean(), mean[name], error)
        fits = np.array([at_one[name] for _, _, at_one, _ in sets])
        error = fits.std() / np.sqrt(SETS)
        assert abs(fits.mean() - truth(name)[3]) < 3 * error + 0.01, (name, fits.mean(), truth(name)[3], error)
        covered = {m: np.mean([one[name][m] for *_, one in sets]) for m in truth(name)[2]}
        assert min(covered.values()) > 0.93 - noise, (name, covered)


def test_without_confounding_weights_change_nothing_but_noise() -> None:
    """Starts that depend on nothing: risks are those of the patients who followed the strategy, unweighted."""
    apart: dict[str, list[float]] = {"never": [], "at once": []}
    for seed in range(100):
        _, time, event, operated, history = course(N, 5000 + seed, confounded=False)
        y = Surv.right(time, event)
        for name in apart:
            found = under_strategy(y, operated, history, STRATEGIES[name])
            known = found.status(HORIZON)
            weighted = np.average(known.y["status"] == 1, weights=known.weights.values)
            followed = found.y if name == "never" else found.y[operated == 0]
            followed = followed[followed["time"] > 0]
            plain = 1 - float(kaplan_meier(followed).at(HORIZON).value)
            apart[name].append(weighted - plain)
    for name, values in apart.items():
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values)) < 3 * error + 0.002, (name, np.mean(values), error)
        assert np.std(values) < 0.03, (name, np.std(values))
