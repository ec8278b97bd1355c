"""Multiple imputation of scores under attrition that depends on the baseline score: bias and coverage of the mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from lbp_prognosis.models import LinearOutcome, OrdinalRegression
from lbp_prognosis.survival import Measured
from lbp_prognosis.validation import impute_outcomes

SETS, N = 300, 150


@pytest.mark.slow
@pytest.mark.parametrize("model", [LinearOutcome(), OrdinalRegression()])
def test_mean_is_unbiased_and_covered(model) -> None:
    rng = np.random.default_rng(20)
    big = rng.normal(size=400_000)
    truth = np.clip(np.round(5 + 1.5 * big + rng.normal(scale=1.5, size=big.size)), 0, 10).mean()
    found, naive, inside = [], [], 0
    for _ in range(SETS):
        x = rng.normal(size=N)
        score = np.clip(np.round(5 + 1.5 * x + rng.normal(scale=1.5, size=N)), 0, 10)
        lost = rng.random(N) < 1 / (1 + np.exp(0.8 - 1.2 * x))
        y = Measured.at(12, np.where(lost, np.nan, score), lower=0, upper=10)
        made = impute_outcomes(y, x[:, None], outcome_model=model, imputations=10, random_state=rng).mean()
        found.append(made["value"])
        naive.append(np.nanmean(y["value"]))
        inside += int(made["low"] <= truth <= made["high"])
    error = np.std(found, ddof=1) / np.sqrt(SETS)
    assert abs(np.mean(found) - truth) < 3 * error + 0.02  # 0.02: a normal line through scores with a floor
    assert truth - np.mean(naive) > 0.4
    low, high = binom.ppf([0.005, 0.995], SETS, 0.95)
    assert low <= inside <= high
