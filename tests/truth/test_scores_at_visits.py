"""Means of visits, and risks after one that was seen, where the truth is known and visits are missed after bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lbp_prognosis import Measured
from lbp_prognosis.models import LongitudinalOutcome

pytest.importorskip("statsmodels")
pytestmark = pytest.mark.slow
N, VISITS = 150, (1.5, 3.0, 12.0)
LINE = np.array([[50.0, 4.0], [45.0, 5.0], [38.0, 6.0]])  # of a score from 0 to 100: intercept and slope by visit
SPREAD = np.array([[180.0, 110.0, 90.0], [110.0, 200.0, 120.0], [90.0, 120.0, 240.0]])


def sample(rng: np.random.Generator, spread: np.ndarray, n: int = N) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One predictor, whole scores, and the scores that were seen: who was bad stays away next time."""
    x = rng.normal(size=n)
    whole = LINE[:, 0] + x[:, None] * LINE[:, 1] + rng.multivariate_normal(np.zeros(3), spread, n)
    seen = whole.copy()
    away = rng.random(n) < norm.cdf((whole[:, 0] - 55) / 12)
    seen[away, 1] = np.nan
    seen[away & (rng.random(n) < 0.7), 2] = np.nan
    return x[:, None], whole, seen


def outcome(scores: np.ndarray) -> np.ndarray:
    return Measured.at_visits(dict(zip(VISITS, scores.T)), lower=-100, upper=200, kind="continuous", at_most=30)


def means(method: str, covariance: str, spread: np.ndarray, sets: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of intervals of the visits' means at x = 0.5 that cover, and the bias in standard errors."""
    rng, truth = np.random.default_rng(seed), LINE @ [1.0, 0.5]
    covered, estimates = np.zeros(3), []
    step = np.kron(np.eye(3), [1.0, 0.5])
    for _ in range(sets):
        X, _, seen = sample(rng, spread)
        model = LongitudinalOutcome(method, covariance=covariance).fit(X, outcome(seen))
        mean = model.predict_mean(np.array([[0.5]]))[0]
        covered += np.abs(mean - truth) <= norm.ppf(0.975) * np.sqrt(np.diag(step @ model.covariance_ @ step.T))
        estimates.append(mean)
    error = np.std(estimates, axis=0, ddof=1) / np.sqrt(sets)
    print(method, covariance, covered / sets, (np.mean(estimates, axis=0) - truth) / error)
    return covered / sets, (np.mean(estimates, axis=0) - truth) / error


def test_coverage_of_the_means_of_visits():
    """Missing at random given what was seen: intervals of the mixed model cover, those of equations do not."""
    common = np.full((3, 3), 120.0) + 80.0 * np.eye(3)
    rate, bias = means("mixed", "exchangeable", common, 1000, 20260)
    assert ((rate > 0.93) & (rate < 0.97)).all(), rate
    assert (np.abs(bias) < 3.5).all(), bias
    rate, bias = means("gee", "independence", common, 300, 20260)
    assert bias[1] < -10  # the bad ones were away
    assert rate[1] < 0.90


def test_coverage_with_a_covariance_of_any_form():
    rate, bias = means("mixed", "unstructured", SPREAD, 200, 20262)
    margin = 2 * np.sqrt(0.95 * 0.05 / 200)  # of 200 sets
    assert ((rate > 0.93 - margin) & (rate < 0.97 + margin)).all(), rate
    assert (np.abs(bias) < 3.5).all(), bias


def test_risks_after_a_visit_are_those_of_the_truth():
    rng = np.random.default_rng(20261)
    X, _, seen = sample(rng, SPREAD, 4000)
    model = LongitudinalOutcome().fit(X, outcome(seen))
    X, whole, _ = sample(rng, SPREAD, 20000)
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
