"""Do 95 % intervals of Harrell's and Uno's C, AUC, Brier, IPA and the log score cover the truth 93 to 97 times in 100?

Proportional hazards with a misspecified prediction (too spread by a fifth), a competing event, 30 and 60 % censoring.
Truth is the value in two million patients without censoring.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lbp_prognosis.evaluation import brier, concordance, log_score, time_dependent_auc
from lbp_prognosis.survival import Surv

pytestmark = pytest.mark.slow

TAU = 2.0
REPLICATES = 2000


def lives(rng, n):
    """Score, risk as predicted, time of and code of the first event."""
    x = rng.normal(size=n)
    first, other = rng.exponential(4 * np.exp(-0.8 * x)), rng.exponential(12, n)
    risk = 1 - np.exp(-0.45 * np.exp(0.96 * x))
    return x, risk, np.minimum(first, other), np.where(first <= other, 1, 2)


def ordered_share(score, time, events, tau):
    """Concordance of uncensored lives by a random half against the other half: pairs are independent of each other."""
    half = score.size // 2
    a, b = slice(0, half), slice(half, 2 * half)
    end_a, end_b = np.where(events[a] == 1, time[a], np.inf), np.where(events[b] == 1, time[b], np.inf)
    first, second = (end_a < end_b) & (end_a <= tau), (end_b < end_a) & (end_b <= tau)
    good = (first & (score[a] > score[b])) | (second & (score[b] > score[a]))
    return good.sum() / (first | second).sum()


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(20240601)
    x, risk, time, code = lives(rng, 2_000_000)
    case = (time <= TAU) & (code == 1)
    rank = np.argsort(np.argsort(x)) + 1.0
    cases = case.sum()
    area = (rank[case].sum() - cases * (cases + 1) / 2) / (cases * (case.size - cases))
    score = np.mean((case - risk) ** 2)
    return {
        "auc": area,
        "brier": score,
        "ipa": 1 - score / (case.mean() * (1 - case.mean())),
        "log_score": -np.mean(np.log(np.where(case, risk, 1 - risk))),
        "concordance": np.mean(
            [ordered_share(x[o], time[o], code[o], TAU) for o in (rng.permutation(x.size) for _ in range(5))]
        ),
    }


@cache
def harrells_limit(upper):
    """What Harrell's C estimates depends on the censoring: its value in three million patients censored alike."""
    rng = np.random.default_rng([20240602, int(10 * upper)])
    found = []
    for _ in range(3):
        x, _, time, code = lives(rng, 1_000_000)
        leave = rng.uniform(0, upper, x.size)
        found.append(concordance(Surv.right(np.minimum(time, leave), np.where(leave < time, 0, code)), x).value)
    return float(np.mean(found))


@pytest.mark.parametrize("n", [500, 2000])
@pytest.mark.parametrize(("share", "upper"), [(0.3, 9.8), (0.6, 3.2)])
def test_intervals_cover(n, share, upper, truth):
    truth = {**truth, "harrell": harrells_limit(upper)}
    hits = dict.fromkeys(truth, 0)
    censored = 0.0
    rng = np.random.default_rng(hash((n, upper)) % 2**32)
    for _ in range(REPLICATES):
        x, risk, time, code = lives(rng, n)
        leave = rng.uniform(0, upper, n)
        seen = np.minimum(time, leave)
        y = Surv.right(seen, np.where(leave < time, 0, code))
        censored += np.mean(leave < time) / REPLICATES
        error = brier(y, risk, TAU)
        found = {
            "auc": time_dependent_auc(y, risk, TAU),
            "brier": error,
            "ipa": error.ipa,
            "log_score": log_score(y, risk, TAU),
            "concordance": concordance(y, x, weighting="uno", tau=TAU),
            "harrell": concordance(y, x),
        }
        for name, result in found.items():
            hits[name] += result.low <= truth[name] <= result.high
    assert censored == pytest.approx(share, abs=0.03)
    assert censored == pytest.approx(share, abs=0.02)
    covered = {name: count / REPLICATES for name, count in hits.items()}
    assert all(0.93 <= rate <= 0.97 for rate in covered.values()), covered
