"""Pooled Cox coefficients after imputation, with holes that depend on the outcome, against the truth.

n = 300, a normal and a binary column missing at random given another column and the event. With the event and its
cumulative hazard in the imputation, intervals cover and bias is small (matching is approximate for a Cox model); with
the outcome left out, effects of the imputed columns are shrunk and their intervals miss.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline, pool_coefficients

TRUTH = np.array([0.5, 0.5, -0.4])


def _study(rng: np.random.Generator, n: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    whole = rng.normal(size=n)
    partly = 0.5 * whole + rng.normal(size=n) * 0.87
    binary = (rng.random(n) < expit(0.8 * partly)).astype(float)
    X = pd.DataFrame({"whole": whole, "partly": partly, "binary": binary})
    time, stop = rng.exponential(10 * np.exp(-X.to_numpy() @ TRUTH)), rng.uniform(3, 20, n)
    event = time <= stop
    X.loc[rng.random(n) < expit(-1.5 + 0.8 * whole + event), "partly"] = np.nan
    X.loc[rng.random(n) < expit(-1.2 - 0.6 * whole + 0.6 * event), "binary"] = np.nan
    return X, Surv.right(np.minimum(time, stop), event.astype(int))


@pytest.mark.slow
def test_intervals_cover_with_the_outcome_and_miss_without() -> None:
    rng = np.random.default_rng(11)
    studies, found = 150, {"with": [], "without": []}
    for k in range(studies):
        X, y = _study(rng)
        step = MultipleImputation(10, iterations=5, random_state=k)
        pooled = {"with": pool_coefficients(RiskPipeline([step], CoxPH()).fit(X, y))}
        unrelated = Status.at(1, rng.integers(0, 2, len(X)))
        blind = step.complete_training(X, unrelated)
        pooled["without"] = pool_coefficients([CoxPH().fit(table, y) for table in blind])
        for name, result in pooled.items():
            found[name].append([result.estimate, (result.low <= TRUTH) & (result.high >= TRUTH)])
    bias = {name: np.mean([row[0] for row in rows], axis=0) - TRUTH for name, rows in found.items()}
    cover = {name: np.mean([row[1] for row in rows], axis=0) for name, rows in found.items()}
    print("bias", {k: v.round(3) for k, v in bias.items()}, "coverage", {k: v.round(3) for k, v in cover.items()})
    assert (np.abs(bias["with"]) < 0.06).all()
    assert (cover["with"] > 0.95 - 3 * np.sqrt(0.05 * 0.95 / studies)).all()
    assert bias["without"][1] < -0.15
    assert bias["without"][2] > 0.10
    assert cover["without"][1] < 0.85
