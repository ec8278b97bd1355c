"""Parametric models take visits for exact times only with an objection that names the outcome they need."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis.models import BoostedAFT, ParametricAFT, RoystonParmar
from lbp_prognosis.survival import kaplan_meier
from lbp_prognosis.validation import bootstrap_validate, cross_validate_risk, internal_external


def shared_times(events: int, times: int) -> np.ndarray:
    """``events`` at ``times`` distinct times, and as many censored."""
    at = 1.0 + np.arange(events) % times
    return Surv.right(np.concatenate([at, at + 0.5]), np.repeat([1, 0], events))


SHARED = [
    (45, 9, True),
    (44, 9, False),
    (50, 10, False),
    (100, 10, True),
    (189, 19, False),
    (190, 19, True),
    (200, 20, False),
    (5, 1, True),
    (4, 1, False),
]


@pytest.mark.parametrize(("events", "times", "few"), SHARED)
@pytest.mark.parametrize("model", [ParametricAFT("exponential"), RoystonParmar(knots=[0.5, 20.0])], ids=["AFT", "RP"])
def test_how_few_is_few(model, events: int, times: int, few: bool) -> None:
    y = shared_times(events, times)
    fitted = model.fit(np.zeros((2 * events, 0)), y)
    assert (fitted.n_exact_events_, fitted.n_event_times_) == (events, times)
    assert [doubt.code for doubt in fitted.objections_] == (["few-event-times"] if few else [])
    if few:
        assert "Surv.interval" in fitted.objections_[0].sentence
        assert f"{events} events at {times} distinct times" in fitted.objections_[0].sentence


def test_intervals_and_rows_of_weight_zero_are_no_exact_times() -> None:
    found = 6.0 * (1 + np.arange(60) % 4)
    nobody, y = np.zeros((60, 0)), Surv.interval(found - 6, np.where(np.arange(60) % 3, found, np.inf))
    assert ParametricAFT().fit(nobody, y).objections_ == ()
    y = shared_times(44, 9)
    y = np.concatenate([y, y[:1]])  # one more event, of weight 0
    weights = np.append(np.ones(88), 0.0)
    assert ParametricAFT("exponential").fit(np.zeros((89, 0)), y, sample_weight=weights).objections_ == ()


def test_boosted_trees_object_too() -> None:
    pytest.importorskip("xgboost")
    model = BoostedAFT(rounds=2, folds=2).fit(np.arange(200.0)[:, None] % 7, shared_times(100, 4))
    assert [doubt.code for doubt in model.objections_] == ["few-event-times"]


@pytest.fixture(scope="module")
def visits():
    """2000 patients seen every six months, their events between visits."""
    rng = np.random.default_rng(15)
    x = rng.normal(size=(2000, 1))
    time = 14 * rng.weibull(1.2, 2000) * np.exp(-0.5 * x[:, 0])
    visit, last = np.ceil(time / 6) * 6, rng.choice([12.0, 24.0, 36.0], 2000)
    event = visit <= last
    return x, time, visit, last, event


def test_visits_as_exact_times_bias_the_risk_and_intervals_do_not(visits) -> None:
    x, time, visit, last, event = visits
    dated = Surv.right(np.where(event, visit, last), event)
    truth = (time <= 12).mean()
    assert kaplan_meier(dated).at([12.0]).value[0] == pytest.approx(1 - truth, abs=0.02)
    exact = ParametricAFT().fit(x, dated)
    assert exact.predict_risk(x, 12.0).mean() < truth - 0.08
    assert [doubt.code for doubt in exact.objections_] == ["few-event-times"]
    between = Surv.interval(np.where(event, visit - 6, last), np.where(event, visit, np.inf))
    found = ParametricAFT().fit(x, between)
    assert found.predict_risk(x, 12.0).mean() == pytest.approx(truth, abs=0.01)
    assert found.objections_ == ()


def test_the_doubt_travels(visits) -> None:
    x, _, visit, last, event = (part[:300] for part in visits)
    y = Surv.right(np.where(event, visit, last), event)
    model = ParametricAFT()
    site = np.arange(300) % 3
    for found in (
        cross_validate_risk(model, x, y, 12.0, n_splits=3, n_repeats=1, random_state=0),
        internal_external(model, x, y, site, 12.0, n_resamples=0),
        bootstrap_validate(model, x, y, 12.0, n_resamples=4, random_state=0),
    ):
        assert "few-event-times" in [doubt.code for doubt in found.objections]
