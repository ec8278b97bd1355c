"""Images that hold nothing: a stack gives them hardly any weight, and seldom says that it gained by them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from lbp_prognosis.models import CoxPH, StackedRisk
from lbp_prognosis.survival import Surv

MODALITIES = {"clinical": ["c1", "c2", "c3"], "imaging": [f"m{k}" for k in range(8)]}


def data_set(seed: int, n: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng([2024, seed])
    X = pd.DataFrame(rng.normal(size=(n, 11)), columns=[*MODALITIES["clinical"], *MODALITIES["imaging"]])
    time = rng.exponential(14 * np.exp(-0.6 * X["c1"] - 0.3 * X["c2"]))
    lost = rng.uniform(5, 36, n)
    return X, Surv.right(np.maximum(np.minimum(time, lost).round(1), 0.1), time <= lost)


def run(sets: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight of imaging, and whether the gain over the clinical model exceeds 1.96 standard errors."""
    weights, gained = [], []
    for seed in range(sets):
        X, y = data_set(seed)
        stack = StackedRisk(CoxPH(), modalities=MODALITIES, horizons=12).fit(X, y)
        weights.append(stack.weights_["weight"][1])
        honest = stack.cross_validated_loss_.iloc[-1]
        gained.append(honest["versus_clinical"] < -1.96 * honest["versus_clinical_se"])
    return np.array(weights), np.array(gained)


def test_a_few_sets():
    weights, gained = run(4)
    assert weights.mean() < 0.2
    assert gained.sum() <= 1


@pytest.mark.slow
def test_weight_and_false_gains():
    weights, gained = run(200)
    assert weights.mean() < 0.1
    # 5 % at the most, judged with the Monte Carlo interval
    assert binomtest(int(gained.sum()), gained.size).proportion_ci(0.95).low <= 0.05
