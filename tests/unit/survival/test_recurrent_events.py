"""Events that come again: contradictions, hand calculations, jackknife errors, terminal events."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError, Surv
from lbp_prognosis.models import CoxPH, RecurrentCox
from lbp_prognosis.survival import RecurrentEvents, Weights, mean_cumulative


def simulated(n: int = 60, seed: int = 3, terminal: bool = True) -> tuple[pd.DataFrame, RecurrentEvents]:
    """Flare-ups at a rate exp(0.5 x) of a patient's own, some ended by surgery."""
    rng = np.random.default_rng(seed)
    rows = []
    x = rng.normal(size=n)
    for i in range(n):
        end, now = rng.uniform(5, 20), rng.uniform(0, 2) if i % 3 == 0 else 0.0
        death = rng.exponential(30) if terminal else np.inf
        own = rng.gamma(2, 0.5)
        while True:
            stop = round(now + rng.exponential(1 / (0.2 * own * np.exp(0.5 * x[i]))) + 0.005, 2)
            last = round(min(end, max(death, now + 0.01)), 2)
            if stop >= last:
                rows.append((i, now, max(last, now + 0.01), 2 if death < end else 0, x[i]))
                break
            rows.append((i, now, stop, 1, x[i]))
            now = stop
    d = pd.DataFrame(rows, columns=["id", "start", "stop", "event", "x"])
    return d[["x"]], RecurrentEvents.from_long(d["id"], d["start"], d["stop"], d["event"])


def test_by_hand() -> None:
    events = RecurrentEvents.from_long(
        id=[1, 1, 1, 2, 3, 3], start=[0, 2, 4, 0, 0, 3], stop=[2, 4, 9, 5, 3, 8], event=[1, 1, 0, 2, 1, 0]
    )
    assert events.episode.tolist() == [1, 2, 3, 1, 1, 2]
    found = mean_cumulative(events, [1, 2, 3.5, 4, 8])
    plain = [Fraction(0), Fraction(1, 3), Fraction(2, 3), Fraction(1), Fraction(1)]
    np.testing.assert_allclose(found.value[0], [float(v) for v in plain], rtol=1e-14)
    later = RecurrentEvents.from_long([1, 1, 2, 3], [0, 6, 0, 0], [6, 9, 4, 8], [1, 0, 2, 0])
    # patient 2 is gone at 4: of two at risk one has the event at 6, and two thirds can still have one
    assert mean_cumulative(later, 7).value[0, 0] == pytest.approx(2 / 3 * 1 / 2, rel=1e-14)


@pytest.mark.parametrize("terminal", [False, True])
def test_errors_are_the_jackknife_of_patients(terminal) -> None:
    _, events = simulated(40, terminal=terminal)
    taus = [1.0, 4.0, 9.5]
    found = mean_cumulative(events, taus)
    step, slopes = 1e-6, []
    for i in range(events.n_patients):
        own = events.patient == i
        up, down = (mean_cumulative(events, taus, sample_weight=np.where(own, w, 1.0)) for w in (1 + step, 1 - step))
        slopes.append((up.value[0] - down.value[0]) / (2 * step))
    np.testing.assert_allclose(found.influence[0], slopes, atol=2e-8)
    np.testing.assert_allclose(found.se[0], np.sqrt(np.sum(np.square(slopes), axis=0)), atol=1e-7)


def test_a_terminal_event_lowers_the_expected_number() -> None:
    _, events = simulated(200)
    ignored = RecurrentEvents(
        events.patient,
        events.ids,
        events.start,
        events.stop,
        np.where(events.event == 2, 0, events.event),
        events.episode,
    )
    assert (mean_cumulative(events, [5, 12]).value < mean_cumulative(ignored, [5, 12]).value).all()


def test_at_the_origin_nobody_has_had_an_event_yet() -> None:
    X, events = simulated()
    found = mean_cumulative(events, [0, 2])
    assert (found.value[0, 0], found.se[0, 0], found.low[0, 0], found.high[0, 0]) == (0, 0, 0, 0)
    assert found.at_risk[0, 0] == (events.start == 0).sum()
    assert RecurrentCox().fit(X, events).predict_mean(X.head(1), [0, 2])[0, 0] == 0
    with pytest.raises(LBPError, match="`times` must be at least 0"):
        mean_cumulative(events, [-1, 2])


def test_groups_are_curves_of_their_own() -> None:
    X, events = simulated(100)
    group = np.where(X["x"] > 0, "high", "low")
    both = mean_cumulative(events, [3, 8], groups=group)
    assert both.groups == ("high", "low")
    assert (both.value[0] > both.value[1]).all()
    assert both.n.sum() == 100
    assert list(both.to_frame().columns) == ["group", "time", "value", "se", "low", "high", "at_risk"]
    assert np.isnan(mean_cumulative(events, 1e3).value).all()


def test_models_are_stratified_cox_on_their_clock() -> None:
    X, events = simulated(300, terminal=False)
    shared = {"clusters": events.patient}
    ag = RecurrentCox().fit(X, events)
    cox = CoxPH().fit(X, Surv.right(events.stop, events.event, entry=events.start), **shared)
    np.testing.assert_allclose(ag.coef_, cox.coef_, rtol=1e-12)
    np.testing.assert_allclose(ag.covariance_, cox.covariance_, rtol=1e-12)
    assert abs(ag.coef_[0] - 0.5) < 3 * np.sqrt(ag.covariance_[0, 0])
    mean = ag.predict_mean(pd.DataFrame({"x": [0.0]}), [5.0])
    assert ag.predict_risk(pd.DataFrame({"x": [0.0]}), 5.0)[0, 0] == pytest.approx(1 - np.exp(-mean[0, 0]), rel=1e-12)
    gap = RecurrentCox("pwp_gap", max_episode=2).fit(X, events)
    layer = np.minimum(events.episode, 2)
    cox = CoxPH().fit(X, Surv.right(events.stop - events.start, events.event == 1), strata=layer, **shared)
    np.testing.assert_allclose(gap.coef_, cox.coef_, rtol=1e-12)
    new = pd.DataFrame({"x": [0.0, 0.0, 0.0]})
    risk = gap.predict_risk(new, 3.0, strata=[1, 2, 7])[:, 0]
    assert risk[1] == risk[2] != risk[0]
    assert gap.predict_risk(new, 3.0)[0, 0] == risk[0]
    auto = RecurrentCox("pwp_total").fit(X, events)
    assert (auto.episode_events_ >= 20).all()
    with pytest.raises(LBPError, match="andersen_gill"):
        gap.predict_mean(new, 3.0)


FAILURES = {
    "backward-time": dict(id=[1], start=[3], stop=[3], event=[1]),
    "overlap": dict(id=[1, 1], start=[0, 2], stop=[3, 5], event=[1, 1]),
    "gap": dict(id=[1, 1], start=[0, 4], stop=[3, 5], event=[1, 0]),
    "after-terminal": dict(id=[1, 1], start=[0, 3], stop=[3, 5], event=[2, 0]),
    "not-finite": dict(id=[1], start=[-1], stop=[3], event=[0]),
}


@pytest.mark.parametrize("reason", FAILURES)
def test_contradictions_are_named(reason) -> None:
    with pytest.raises(LBPError, match=reason) as told:
        RecurrentEvents.from_long(**FAILURES[reason])
    assert told.value.failures["reason"].tolist() == [reason]


def test_wrong_calls_are_told() -> None:
    with pytest.raises(LBPError, match="codes 0, 1"):
        RecurrentEvents.from_long([1], [0], [3], [3])
    with pytest.raises(LBPError, match="RecurrentEvents"):
        mean_cumulative(Surv.right([1], [1]), 3.0)
    split = RecurrentEvents.from_long([1, 1], [0, 3], [3, 5], [0, 1])
    with pytest.raises(LBPError, match="several rows"):
        split.to_right("gap")


def test_a_patient_with_a_frequency_is_that_many_patients() -> None:
    """Robust standard errors of weighted patients are those of the patients written out; clusters given stay whole."""
    X, events = simulated(terminal=False)
    copies = np.random.default_rng(1).integers(1, 4, events.n_patients)
    right = events.to_right("total")
    rows = np.concatenate([np.tile(np.flatnonzero(events.patient == i), c) for i, c in enumerate(copies)])
    ids = np.concatenate([np.repeat(np.arange(c), (events.patient == i).sum()) + 10 * i for i, c in enumerate(copies)])
    written = RecurrentEvents.from_long(ids, right["entry"][rows], right["time"][rows], right["event"][rows])
    weights = Weights(copies[events.patient], "frequency")
    two = RecurrentCox().fit(X.iloc[rows].reset_index(drop=True), written)
    one = RecurrentCox().fit(X, events, sample_weight=weights)
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-8)
    np.testing.assert_allclose(one.covariance_, two.covariance_, rtol=1e-8)
    ours, theirs = mean_cumulative(events, [4.0, 9.0], sample_weight=weights), mean_cumulative(written, [4.0, 9.0])
    for name in ("value", "se", "at_risk", "n", "n_events"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-10, err_msg=name)
    own = RecurrentCox().fit(X, events, sample_weight=weights, clusters=events.patient)
    assert own.covariance_[0, 0] > 1.3 * one.covariance_[0, 0]
