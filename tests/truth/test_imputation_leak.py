"""Imputing before resampling carries the outcome into the test rows; imputing inside the pipeline does not.

Logistic truth with two effects, half of one column missing completely at random, n = 100: the AUC of left-out rows
after imputing everything first is compared with that of the pipeline, and both with what the pipeline reaches in new
patients with the same holes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import rankdata
from small_models import Logit

from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.survival import Status


def _auc(event: np.ndarray, score: np.ndarray) -> float:
    ranks, cases = rankdata(score), int(event.sum())
    return float((ranks[event == 1].sum() - cases * (cases + 1) / 2) / (cases * (event.size - cases)))


def _draw(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    x = rng.normal(size=(n, 2))
    event = (rng.random(n) < expit(-0.5 + 0.8 * x.sum(axis=1))).astype(int)
    X = pd.DataFrame(x, columns=["x1", "x2"])
    X.loc[rng.random(n) < 0.5, "x2"] = np.nan
    return X, event


@pytest.mark.slow
def test_imputing_first_flatters_and_the_pipeline_does_not() -> None:
    rng = np.random.default_rng(20)
    step = MultipleImputation(1, iterations=3)
    first, inside, truth = [], [], []
    for _ in range(150):
        X, event = _draw(rng, 100)
        new, new_event = _draw(rng, 1000)
        y = Status.at(12, event)
        whole = step.complete_training(X, y)[0]
        pipeline = RiskPipeline([step], Logit())
        truth.append(_auc(new_event, pipeline.fit(X, y).predict_risk(new, 12)[:, 0]))
        for _ in range(5):
            rows = rng.integers(100, size=100)
            left = np.setdiff1d(np.arange(100), rows)
            if not 0 < event[left].sum() < left.size:
                continue
            leaky = Logit().fit(whole.iloc[rows], y[rows])
            first.append(_auc(event[left], leaky.predict_risk(whole.iloc[left], 12)[:, 0]))
            fitted = pipeline.fit(X.iloc[rows].reset_index(drop=True), y[rows])
            inside.append(_auc(event[left], fitted.predict_risk(X.iloc[left], 12)[:, 0]))
    reached = np.mean(truth)
    # Monte-Carlo standard errors are about 0.005
    assert np.mean(first) - reached > 0.015
    assert abs(np.mean(inside) - reached) < 0.02
    assert np.mean(first) - np.mean(inside) > 0.02
