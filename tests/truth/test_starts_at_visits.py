"""Starts of a treatment at visits: many at one time. Weighted risks against the truth and a pooled logistic model.

Patients in more pain start sooner and do worse, at visits each month, every 3 or 6 months, or starts depend on nothing.
The truth is the same simulation without a start.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from lbp_prognosis import Surv
from lbp_prognosis.validation import NeverStart, StartBy, contrast_strategies, under_strategy

pytestmark = pytest.mark.slow
HORIZON, SETS, N = 12.0, 200, 500
GRIDS = [(1.0, 0.05, 0.0), (1.0, 0.05, 0.8), (3.0, 0.3, 0.0), (3.0, 0.2, 0.8), (6.0, 0.5, 0.0), (6.0, 0.4, 0.8)]


def course(
    n: int,
    rng: np.random.Generator,
    step: float,
    share: float,
    slope: float,
    *,
    starts: bool = True,
    by_first: bool = False,
):
    """Return times, events, starts and the history; a start at a visit follows from the pain measured the time before.

    The probability of starting is logistic in the pain, so that the pooled logistic model is correct.
    """
    always = rng.normal(size=n)
    pain = always.copy()
    time, event, started = np.full(n, HORIZON + 1), np.zeros(n, dtype=int), np.full(n, np.nan)
    free, rows = np.ones(n, dtype=bool), []
    visits = np.arange(0.0, HORIZON + step / 2, step)
    for visit in visits:
        rows.append(pd.DataFrame({"patient_id": np.flatnonzero(free), "time": visit, "pain": pain[free]}))
        width = step if visit < HORIZON else 1.0
        wait = rng.exponential(1 / (0.06 * np.exp(0.7 * pain) * np.where(np.isnan(started), 1.0, 0.3)))
        now = free & (wait < width)
        time[now], event[now] = visit + wait[now], 1
        free &= ~now
        if starts and visit < HORIZON:
            odds = share / (1 - share) * np.exp(slope * pain)
            chance = 1.0 if by_first else odds / (1 + odds)
            new = free & np.isnan(started) & (rng.random(n) < chance)
            started[new] = visit + step
        pain = 0.7 * pain + 0.3 * always + 0.5 * rng.normal(size=n)
    return time, event, started, pd.concat(rows, ignore_index=True)


@cache
def truth(step: float) -> float:
    """The risk without a start; it depends on how often pain changes."""
    time, event, _, _ = course(1_000_000, np.random.default_rng(1), step, 0.0, 0.0, starts=False)
    return float(((time <= HORIZON) & (event == 1)).mean())


def pooled_logistic(time, event, started, history, step) -> float:
    """The risk with weights from a logistic model of starting at each visit, with an intercept for each."""
    left = ~np.isnan(started) & (started < time)
    until = np.where(left, started, time)
    rows = history[history["time"] < until[history["patient_id"]]]
    who, visit = rows["patient_id"].to_numpy(), rows["time"].to_numpy() + step
    kept = (visit <= HORIZON) & ((until[who] > visit) | (left[who] & (until[who] == visit)))
    who, visit, pain = who[kept], visit[kept], rows["pain"].to_numpy()[kept]
    new = left[who] & (until[who] == visit)
    design = np.column_stack([pd.get_dummies(visit).to_numpy(float), pain])
    p = sm.GLM(new.astype(float), design, family=sm.families.Binomial()).fit().predict(design)
    weight = np.exp(-np.bincount(who, np.where(new, 0.0, np.log1p(-p)), minlength=time.size))
    happened = (event == 1) & (time <= HORIZON) & ~left
    weight = weight * (happened | (~left & (time > HORIZON)))
    return float(np.average(happened, weights=weight))


@cache
def simulated(step: float, share: float, slope: float, by: float, sets: int) -> np.ndarray:
    """Estimate, standard error, low and high of both risks and their difference by influence functions (sets, 4, 3)."""
    return np.stack([numbers(arms(seed, step, share, slope, by)) for seed in range(sets)])


def data(seed: int, step: float, share: float, slope: float):
    return course(N, np.random.default_rng([7, seed]), step, share, slope)


def arms(seed: int, step: float, share: float, slope: float, by: float) -> dict[str, object]:
    time, event, started, history = data(seed, step, share, slope)
    y = Surv.right(time, event)
    return {str(one): under_strategy(y, started, history, one) for one in (NeverStart(), StartBy(by))}


def numbers(strategies: dict[str, object], **how) -> np.ndarray:
    return contrast_strategies(strategies, HORIZON, **how).table[["estimate", "se", "low", "high"]].to_numpy().T


@pytest.mark.parametrize(("step", "share", "slope"), GRIDS)
def test_risks_are_unbiased_and_their_intervals_contain_the_truth(step, share, slope) -> None:
    true = truth(step)
    found, se, low, high = simulated(step, share, slope, HORIZON, SETS)[:, :, 0].T
    pooled = [pooled_logistic(*data(seed, step, share, slope), step) for seed in range(SETS)]
    noise = found.std(ddof=1) / np.sqrt(SETS)
    told = {
        "bias": found.mean() - true,
        "of the pooled logistic model": np.mean(pooled) - true,
        "their standard error": noise,
        "se over sd": se.mean() / found.std(ddof=1),
        "coverage": np.mean((low <= true) & (true <= high)),
    }
    print((step, share, slope), {name: round(float(value), 4) for name, value in told.items()})
    assert abs(told["bias"]) < 3 * noise + 0.005, told
    assert abs(told["bias"] - told["of the pooled logistic model"]) < 0.01, told
    assert abs(told["coverage"] - 0.95) < 0.02 + 2 * np.sqrt(0.95 * 0.05 / SETS), told
    if slope == 0:  # the product limit, but for the coefficient of noise
        assert told["bias"] == pytest.approx(told["of the pooled logistic model"], abs=0.001)


def test_bootstrap_standard_errors_are_those_of_repeated_data() -> None:
    """Starts at visits every three months; the difference is that from starting at the first visit at the latest.

    Intervals of the mean size in few sets, around the estimates of many sets, are to contain the truth.
    """
    step, share, slope, few, samples = 3.0, 0.3, 0.8, 10, 60
    early = course(1_000_000, np.random.default_rng(2), step, share, slope, by_first=True)
    wanted = np.array([truth(step), float(((early[0] <= HORIZON) & (early[1] == 1)).mean())])
    wanted = np.append(wanted, wanted[1] - wanted[0])
    many = simulated(step, share, slope, step, 150)
    estimates, sd = many[:, 0], many[:, 0].std(axis=0, ddof=1)
    again = [
        numbers(arms(seed, step, share, slope, step), interval="bootstrap", n_resamples=samples, random_state=seed)
        for seed in range(few)
    ]
    se, half = np.mean([a[1] for a in again], axis=0), np.mean([a[3] - a[2] for a in again], axis=0) / 2
    share_inside = (np.abs(estimates - wanted) <= half).mean(axis=0)
    by_delta = ((many[:, 2] <= wanted) & (wanted <= many[:, 3])).mean(axis=0)
    print(se / sd, share_inside, many[:few, 1].mean(axis=0) / sd, by_delta)
    assert (np.abs(estimates.mean(axis=0) - wanted) < 3 * sd / np.sqrt(150) + 0.005).all()
    assert (np.abs(se / sd - 1) < 0.25).all(), se / sd
    assert (np.abs(share_inside - 0.95) < 0.02 + 2 * np.sqrt(0.95 * 0.05 / 150)).all(), share_inside
    assert (np.abs(by_delta - 0.95) < 0.02 + 2 * np.sqrt(0.95 * 0.05 / 150)).all(), by_delta
