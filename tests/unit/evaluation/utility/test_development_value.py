"""Expected value of perfect information at development: by hand, by loops, and against a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from small_models import Logit

from lbp_prognosis import Status
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation.utility import development_value
from lbp_prognosis.validation import bootstrap_validate


def test_two_patients_and_two_draws_by_hand() -> None:
    """Threshold 1/2, where treating is worth 2p − 1: draws (0.3, 0.9) and (0.7, 0.8), model (0.4, 0.8).

    Perfect: (0 + 0.8)/2 = 0.4 and (0.4 + 0.6)/2 = 0.5, together 0.45. Model treats the second: 0.4 and 0.3, together
    0.35. All: (−0.4 + 0.8)/2 = 0.2 and 0.5, together 0.35. EVPI 0.1; the model gains nothing on treating all.
    """
    found = development_value([0.4, 0.8], [[0.3, 0.9], [0.7, 0.8]], [0.5])
    row = found.table.iloc[0]
    assert row["net_benefit_perfect"] == pytest.approx(0.45)
    assert row["net_benefit"] == pytest.approx(0.35)
    assert row["net_benefit_all"] == pytest.approx(0.35)
    assert row["evpi"] == pytest.approx(0.10)
    assert row["relative"] == np.inf


def test_it_equals_the_double_loop() -> None:
    rng = np.random.default_rng(0)
    draws = expit(rng.normal(-0.5, 1, 40) + 0.4 * rng.normal(size=(30, 40)))
    risk = draws.mean(axis=0)
    for target in ("event", "no_event"):
        found = development_value(risk, draws, [0.2, 0.45, 0.7], target=target).table.set_index("threshold")
        for t in (0.2, 0.45, 0.7):
            perfect = model = everybody = 0.0
            for row in draws:
                for p, r in zip(row, risk):
                    right, used = (p, r) if target == "event" else (1 - p, 1 - r)
                    worth = (right - t / (1 - t) * (1 - right)) / draws.size
                    perfect += max(0.0, worth)
                    model += worth if used >= t else 0.0
                    everybody += worth
            assert found.loc[t, "evpi"] == pytest.approx(perfect - max(0.0, model, everybody), abs=1e-12)
            assert found.loc[t, "evpi"] >= 0


def test_nothing_unknown_is_worth_nothing() -> None:
    risk = np.linspace(0.05, 0.95, 50)
    found = development_value(risk, np.tile(risk, (3, 1)), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(found.table["evpi"], 0, atol=1e-15)
    np.testing.assert_allclose(found.table["se"], 0, atol=1e-15)


def test_it_shrinks_with_the_sample_and_is_what_the_truth_would_give() -> None:
    """Over studies, bootstrap EVPI is on average near the true gain of the right risks over the model's."""
    beta = np.array([0.7, -0.5, 0.4, 0.0, 0.0])
    rng = np.random.default_rng(3)
    t, said, true = 0.3, {150: [], 1200: []}, {150: [], 1200: []}
    new = rng.normal(size=(20000, 5))
    right = expit(-0.8 + new @ beta)
    worth = right - t / (1 - t) * (1 - right)
    for n, studies in ((150, 20), (1200, 4)):
        for _ in range(studies):
            X = pd.DataFrame(rng.normal(size=(n, 5)), columns=list("abcde"))
            y = Status.at(12, (rng.random(n) < expit(-0.8 + X.to_numpy() @ beta)).astype(int))
            found = bootstrap_validate(
                Logit(), X, y, 12, n_resamples=40, random_state=rng, keep_predictions=True, indexes=False
            )
            said[n].append(found.development_value([t]).table["evpi"].iloc[0])
            model = Logit().fit(X, y).predict_risk(pd.DataFrame(new, columns=list("abcde")), 12)[:, 0]
            lost = np.maximum(worth, 0).mean() - max(0.0, worth.mean(), ((model >= t) * worth).mean())
            true[n].append(lost)
    assert np.mean(said[1200]) < 0.4 * np.mean(said[150])
    for n in said:
        assert 0.5 < np.mean(said[n]) / np.mean(true[n]) < 2.0


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="keep_predictions"):
        development_value([0.2, 0.3], [0.2, 0.3], [0.5])
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        development_value([0.2], [[0.2], [1.2]], [0.5])
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60)})
    y = Status.at(12, (X["a"] > 0.1).astype(int).to_numpy() ^ (np.arange(60) % 4 == 0))
    kept = bootstrap_validate(Logit(), X, y, 12, n_resamples=3, random_state=0, keep_predictions=True)
    with pytest.raises(ArgumentError, match="horizon"):
        kept.development_value([0.3], horizon=6)
    dropped = bootstrap_validate(Logit(), X, y, 12, n_resamples=3, random_state=0)
    with pytest.raises(ArgumentError, match="keep_predictions"):
        dropped.development_value([0.3])
