"""Means of visits, and risks after a visit that was seen, where the truth is known and visits are missed after bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lbp_prognosis import Measured
from lbp_prognosis.models import LongitudinalOutcome

pytest.importorskip("statsmodels")
pytestmark = pytest.mark.slow
SETS, N, VISITS = 300, 150, (1.5, 3.0, 12.0)
LINE = np.array([[50.0, 4.0], [45.0, 5.0], [38.0, 6.0]])  # of a score from 0 to 100: intercept and slope by visit
SPREAD = np.array([[180.0, 110.0, 90.0], [110.0, 200.0, 120.0], [90.0, 120.0, 240.0]])


def sample(rng: np.random.Generator, n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One predictor, whole scores, and the scores that were seen: who was bad stays away next time."""
    x = rng.normal(size=n)
    whole = LINE[:, 0] + x[:, None] * LINE[:, 1] + rng.multivariate_normal(np.zeros(3), SPREAD, n)
    seen = whole.copy()
    away = rng.random(n) < norm.cdf((whole[:, 0] - 55) / 12)
    seen[away, 1] = np.nan
    seen[away & (rng.random(n) < 0.7), 2] = np.nan
    return x[:, None], whole, seen


def outcome(scores: np.ndarray) -> np.ndarray:
    return Measured.at_visits(dict(zip(VISITS, scores.T)), lower=-100, upper=200, kind="continuous", at_most=30)


@pytest.mark.parametrize("covariance", ["exchangeable", "unstructured"])
def test_coverage_of_the_means_of_visits(covariance):
    """At random given what was seen: intervals of the mixed model cover; those of estimating equations do not."""
    rng = np.random.default_rng(20260)
    truth, estimates = LINE @ [1.0, 0.5], {"mixed": [], "gee": []}
    covered = {name: np.zeros(3) for name in estimates}
    for _ in range(SETS):
        X, _, seen = sample(rng)
        y = outcome(seen)
        for name in estimates:
            if name == "gee" and covariance == "unstructured":
                continue
            structure = covariance if name == "mixed" else "independence"
            model = LongitudinalOutcome(name, covariance=structure).fit(X, y)
            mean = model.predict_mean(np.array([[0.5]]))[0]
            step = np.kron(np.eye(3), [1.0, 0.5])
            half = norm.ppf(0.975) * np.sqrt(np.diag(step @ model.covariance_ @ step.T))
            covered[name] += np.abs(mean - truth) <= half
            estimates[name].append(mean)
    rate = covered["mixed"] / SETS
    margin = 2 * np.sqrt(0.95 * 0.05 / SETS)
    bias = np.mean(estimates["mixed"], axis=0) - truth
    error = np.std(estimates["mixed"], axis=0) / np.sqrt(SETS)
    if covariance == "unstructured":  # the truth; a common covariance is wrong, and its means are biased after dropout
        assert ((rate > 0.93 - margin) & (rate < 0.97 + margin)).all(), rate
        assert (np.abs(bias) < 3 * error).all(), (bias, error)
    else:
        assert (rate > 0.88).all(), rate
        biased = np.mean(estimates["gee"], axis=0) - truth
        assert biased[1] < -1.0, biased  # the bad ones were away
        assert covered["gee"][1] / SETS < 0.90


def test_risks_after_a_visit_are_those_of_the_truth():
    rng = np.random.default_rng(20261)
    X, _, seen = sample(rng, 2000)
    model = LongitudinalOutcome().fit(X, outcome(seen))
    X, whole, _ = sample(rng, 20000)
    risk = model.predict_risk(X, 12.0, observed={1.5: whole[:, 0]})[:, 0]
    means = LINE[:, 0] + X * LINE[:, 1]
    slope = SPREAD[2, 0] / SPREAD[0, 0]
    centre = means[:, 2] + slope * (whole[:, 0] - means[:, 0])
    spread = np.sqrt(SPREAD[2, 2] - slope * SPREAD[2, 0])
    truth = norm.cdf((30 - centre) / spread)
    assert np.abs(risk - truth).mean() < 0.015
    tenth = np.quantile(risk, np.linspace(0, 1, 11))
    group = np.clip(np.searchsorted(tenth, risk) - 1, 0, 9)
    seen_share = np.bincount(group, whole[:, 2] <= 30) / np.bincount(group)
    said = np.bincount(group, risk) / np.bincount(group)
    assert np.abs(seen_share - said).max() < 0.04
