"""Pairs counted in O(n log n) against all pairs by loops."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import auc_placements, concordance_pairs, number_events, rising_order


def slow_pairs(score, event, first, last, weight, early, late):
    n = score.size
    concordant, tied, comparable = np.zeros(n), np.zeros(n), np.zeros(n)
    totals = np.zeros(3)
    for i in range(n):
        for j in range(n):
            if event[i] == 0 or not first[j] < event[i] <= last[j]:
                continue
            pair = early[i] * late[j]
            good, same = float(score[i] > score[j]), float(score[i] == score[j])
            for row, other in ((i, j), (j, i)):
                concordant[row] += pair * weight[other] * good
                tied[row] += pair * weight[other] * same
                comparable[row] += pair * weight[other]
            totals += weight[i] * weight[j] * pair * np.array([good, 1 - good - same, same])
    return np.array([concordant, tied, comparable]), totals


@pytest.mark.parametrize("seed", range(6))
def test_pairs_equal_all_pairs(seed):
    rng = np.random.default_rng(seed)
    n = 50
    key = rng.integers(0, 12, n)
    happened = rng.random(n) < 0.6
    score = rng.integers(0, 8, n).astype(float) if seed % 2 else rng.normal(size=n)
    start = np.minimum(rng.integers(-1, 6, n), key - 1)
    event, first, last, events = number_events(np.where(happened, key, -1), start, np.where(happened, key - 1, key))
    weight = rng.integers(0, 4, n).astype(float) if seed > 2 else np.ones(n)
    early = np.where(event > 0, rng.uniform(0.5, 2, n), 0.0) if seed > 1 else np.ones(n)
    late = np.where(rng.random(n) < 0.8, rng.uniform(0.5, 2, n), 0.0) if seed > 3 else np.ones(n)
    fast = concordance_pairs(np.argsort(score), score, event, first, last, weight, early, late, events)
    slow = slow_pairs(score, event, first, last, weight, early, late)
    for one, other in zip(fast, slow):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-11)


def test_numbers_do_not_depend_on_the_table():
    """Large keys are searched, small ones looked up."""
    rng = np.random.default_rng(0)
    event = np.where(rng.random(40) < 0.5, rng.integers(0, 30, 40), -1)
    first, last = rng.integers(-1, 10, 40), rng.integers(-1, 30, 40)
    wide = number_events(
        np.where(event >= 0, event * 10**9, -1),
        np.where(first >= 0, first * 10**9, -1),
        np.where(last >= 0, last * 10**9, -1),
    )
    for one, other in zip(number_events(event, first, last), wide):
        np.testing.assert_array_equal(one, other)


def test_auc_placements_equal_all_pairs():
    rng = np.random.default_rng(3)
    n = 60
    score = rng.integers(0, 10, n).astype(float)
    case, row = rng.random(n) < 0.4, rng.integers(0, 3, n).astype(float)
    weight = rng.uniform(0, 2, n) * (rng.random(n) < 0.8)
    w_case, w_control = np.where(case, weight, 0), np.where(case, 0, weight)
    auc, placement, cases, controls = auc_placements(rising_order(score), score, case, weight, row)
    win = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    below = win @ (row * w_control) / controls
    above = win.T @ (row * w_case) / cases
    np.testing.assert_allclose(placement, np.where(w_case > 0, below, np.where(w_control > 0, above, 0)), atol=1e-14)
    assert auc == pytest.approx((row * w_case) @ below / cases, rel=1e-12)


def test_an_order_that_still_rises_is_kept():
    score = np.array([0.3, 0.1, 0.2])
    order = rising_order(score)
    assert rising_order(score**2, order) is order
    assert rising_order(-score, order) is not order
