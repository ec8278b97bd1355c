"""Delta and bootstrap intervals of contrasts, mean risks and their differences in simulated data with known truth.

A bootstrap in each of many data sets takes long. Its standard error is therefore compared, in fewer sets and with fewer
samples, with the standard deviation of the estimates over many sets; and intervals of that mean size around each of the
many estimates are to contain the truth.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lbp_prognosis import Surv
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import CoxPH
from lbp_prognosis.validation import contrast, marginal_predictions

pytestmark = pytest.mark.slow
N, HORIZON = 400, 6.0
PLACE = np.arange(N)
X = pd.DataFrame({"g": PLACE % 2, "x": stats.norm.ppf((PLACE * 7919 % N + 0.5) / N)}).astype(float)
SLOPES = np.array([0.7, 0.5])


def mean_risk(g: float) -> float:
    return float(np.mean(-np.expm1(-0.06 * HORIZON * np.exp(X.assign(g=g).to_numpy() @ SLOPES))))


TRUTH = np.array([mean_risk(0.0), mean_risk(1.0), mean_risk(1.0) - mean_risk(0.0), SLOPES.sum()])


def data(seed: int, imputed: bool):
    rng = np.random.default_rng([20261201, seed])
    time, end = rng.exponential(1 / (0.06 * np.exp(X.to_numpy() @ SLOPES))), rng.uniform(3, 16, N)
    y = Surv.right(np.minimum(time, end), time <= end)
    if not imputed:
        return CoxPH(), X, y
    # missing with a probability that depends on the other predictor
    table = X.assign(x=X["x"].mask(rng.random(N) < 0.15 + 0.2 * X["g"]))
    return RiskPipeline([MultipleImputation(m=3, iterations=2)], CoxPH()), table, y


def numbers(seed: int, imputed: bool, **how) -> np.ndarray:
    """Estimate, standard error, low and high (4, 4) of two mean risks, their difference and a contrast."""
    model, table, y = data(seed, imputed)
    fitted = model.fit(table, y)
    how = {"y": y, "random_state": seed, **how} if how else {}
    means = marginal_predictions(fitted, table, {"g": [0.0, 1.0]}, horizons=HORIZON, **how).table
    apart = contrast(fitted, table, {"g": 1.0, "x": 1.0}, {"g": 0.0, "x": 0.0}, **how).table
    columns = ["estimate", "se", "low", "high"]
    return np.vstack([means[columns], apart[columns]]).T


@cache
def by_delta(sets: int) -> np.ndarray:
    return np.stack([numbers(seed, False) for seed in range(sets)])


def estimates_of(sets: int, imputed: bool) -> np.ndarray:
    if not imputed:
        return by_delta(sets)[:, 0]
    found = []
    for model, table, y in (data(seed, True) for seed in range(sets)):
        fitted = model.fit(table, y)
        none, all_ = (float(fitted.predict_risk(table.assign(g=g), HORIZON).mean()) for g in (0.0, 1.0))
        score = fitted.linear_predictor(pd.DataFrame({"g": [1.0, 0.0], "x": [1.0, 0.0]}))
        found.append([none, all_, all_ - none, score[0] - score[1]])
    return np.array(found)


def share_inside(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return ((low <= TRUTH) & (TRUTH <= high)).mean(axis=0)


def test_intervals_by_the_delta_method_contain_the_truth() -> None:
    found = by_delta(600)
    share, ratio = share_inside(found[:, 2], found[:, 3]), found[:, 1].mean(axis=0) / found[:, 0].std(axis=0, ddof=1)
    print(share, ratio)
    assert (np.abs(share - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 600)).all(), share
    assert (np.abs(ratio - 1) < 0.1).all(), ratio


@pytest.mark.parametrize(
    ("imputed", "many", "few", "samples"), [(False, 600, 25, 200), (True, 200, 6, 60)], ids=["complete", "imputed"]
)
def test_bootstrap_standard_errors_are_those_of_repeated_data(imputed, many, few, samples) -> None:
    estimates = estimates_of(many, imputed)
    sd = estimates.std(axis=0, ddof=1)
    assert (np.abs(estimates.mean(axis=0) - TRUTH) < 3 * sd / np.sqrt(many) + 0.05 * sd).all()
    found = np.stack([numbers(seed, imputed, interval="bootstrap", n_resamples=samples) for seed in range(few)])
    se = found[:, 1].mean(axis=0)
    half = (found[:, 3] - found[:, 2]).mean(axis=0) / 2
    share = share_inside(estimates - half, estimates + half)
    print(imputed, se / sd, share, share_inside(found[:, 2], found[:, 3]))
    noise = 3 * np.sqrt(1 / (2 * many) + 1 / (2 * samples * few))
    assert (np.abs(se / sd - 1) < 0.05 + noise).all(), se / sd
    # percentiles of few samples are somewhat too near each other
    assert (np.abs(share - 0.95) < 0.02 + 3 * np.sqrt(0.95 * 0.05 / many)).all(), share
    assert (share_inside(found[:, 2], found[:, 3]) > 0.93 - 3 * np.sqrt(0.95 * 0.05 / few)).all()
