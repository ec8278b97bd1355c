"""Six patients, exact fractions."""

from __future__ import annotations

from fractions import Fraction as F
from math import isnan, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lbp_prognosis.survival import (
    CensoringKaplanMeier,
    Surv,
    Weights,
    aalen_johansen,
    gray_test,
    kaplan_meier,
    log_rank,
    median_follow_up,
    nelson_aalen,
    reverse_kaplan_meier,
    rmst,
    turnbull,
)

# at 2 one event and one censoring; at 3 the competing event; at 5 an event; 7 censored; 8 an event
TIME, EVENT = [2, 2, 3, 5, 7, 8], [1, 0, 2, 1, 0, 1]


@pytest.fixture
def six():
    return Surv.right(TIME, EVENT)


def test_survival_of_any_event(six) -> None:
    curve = kaplan_meier(six)
    expected = [F(5, 6), F(5, 8), F(5, 12), F(5, 12), F(0)]
    assert_allclose(curve.value, [float(f) for f in expected], rtol=1e-15, atol=1e-16)
    assert curve.at_risk.tolist() == [6, 4, 3, 2, 1]
    assert curve.events.tolist() == [1, 1, 1, 0, 1]
    assert curve.censored.tolist() == [1, 0, 0, 1, 0]
    variance = F(5, 12) ** 2 * (F(1, 6 * 5) + F(1, 4 * 3) + F(1, 3 * 2))
    assert curve.at(5).se == pytest.approx(sqrt(variance), rel=1e-14)
    assert isnan(curve.se[-1])
    assert isnan(curve.low[-1])


def test_incidences_and_survival_share_one(six) -> None:
    first, second = aalen_johansen(six, cause=1), aalen_johansen(six, cause=2)
    assert_allclose(first.value, [1 / 6, 1 / 6, 1 / 6 + 5 / 24, 3 / 8, 3 / 8 + 5 / 12], rtol=1e-15)
    assert_allclose(second.value, [0, 5 / 24, 5 / 24, 5 / 24, 5 / 24], rtol=1e-15)
    assert_allclose(first.value + second.value + kaplan_meier(six).value, 1, rtol=1e-15)
    # first event time: a plain proportion, p(1 − p)/n
    assert first.at(2).se ** 2 == pytest.approx(float(F(1, 6) * F(5, 6) / 6), rel=1e-14)
    assert first.competing.tolist() == [0, 1, 0, 0, 0]


def test_cumulative_hazard(six) -> None:
    curve = nelson_aalen(six)
    assert curve.at(5).value == pytest.approx(float(F(1, 6) + F(1, 4) + F(1, 3)), rel=1e-15)
    assert curve.at(5).se ** 2 == pytest.approx(float(F(1, 36) + F(1, 16) + F(1, 9)), rel=1e-14)
    assert nelson_aalen(six, cause=2).at(8).value == 0.25


def test_censoring_lets_events_leave_first(six) -> None:
    # at 2 the event has left: one censored among five; at 7 one among two
    expected = [F(4, 5), F(4, 5), F(4, 5), F(2, 5), F(2, 5)]
    assert_allclose(reverse_kaplan_meier(six).value, [float(f) for f in expected], rtol=1e-15)
    model = CensoringKaplanMeier().fit(six)
    before = model.survival_before(six["time"])
    assert_allclose(before, [1, 1, 0.8, 0.8, 0.8, 0.4], rtol=1e-15)
    assert_allclose(model.survival_at(6), 0.8, rtol=1e-15)
    # weights of everybody whose state at 6 is known average exactly one
    weight = np.where(six["time"] > 6, 1 / 0.8, np.where(six["event"] > 0, 1 / before, 0))
    assert weight.sum() == pytest.approx(6, rel=1e-14)


def test_restricted_mean(six) -> None:
    mean = 2 + F(5, 6) * 1 + F(5, 8) * 2 + F(5, 12) * 1
    found = rmst(six, 6)
    assert found.value == pytest.approx(float(mean), rel=1e-15)
    rest = [F(5, 6) + F(5, 8) * 2 + F(5, 12), F(5, 8) * 2 + F(5, 12), F(5, 12)]
    variance = rest[0] ** 2 * F(1, 30) + rest[1] ** 2 * F(1, 12) + rest[2] ** 2 * F(1, 6)
    assert found.se == pytest.approx(sqrt(variance), rel=1e-14)
    assert sqrt((found.influence**2).sum()) / 6 == pytest.approx(found.se, rel=1e-13)
    # nobody censored: the mean and its plug-in variance
    times = np.array([1.0, 2, 4, 5])
    plain = rmst(Surv.right(times, [1, 1, 1, 1]), 3)
    capped = np.minimum(times, 3)
    assert plain.value == capped.mean()
    assert plain.se == pytest.approx(capped.std() / 2, rel=1e-14)


def test_the_variance_is_of_the_estimate_not_of_the_patients() -> None:
    """lifelines returns the variance of min(T, τ) beside its restricted mean: n times ours."""
    from lifelines import KaplanMeierFitter
    from lifelines.datasets import load_waltons
    from lifelines.utils import restricted_mean_survival_time

    table = load_waltons().query("group == 'miR-137'")  # 34 flies
    found = rmst(Surv.right(table["T"], table["E"]), 10)
    fitter = KaplanMeierFitter().fit(table["T"], table["E"])
    mean, variance = restricted_mean_survival_time(fitter, t=10, return_variance=True)
    assert found.value == pytest.approx(mean, rel=1e-9)
    assert variance == pytest.approx(0.516, abs=5e-4)
    assert found.se**2 == pytest.approx(0.0152, abs=5e-5)


def test_log_rank_two_groups() -> None:
    y = Surv.right([1, 2, 3, 4], [1, 1, 0, 1])
    found = log_rank(y, ["a", "b", "a", "b"])
    expected = F(1, 2) + F(1, 3) + 0
    variance = F(1, 4) + F(1, 3) * F(2, 3)
    assert found.expected[0] == pytest.approx(float(expected), rel=1e-15)
    assert found.statistic == pytest.approx(float((1 - expected) ** 2 / variance), rel=1e-13)
    assert found.df == 1
    assert found.groups == ("a", "b")
    assert found.observed.tolist() == [1, 2]


def test_gray_without_competing_events_is_close_to_log_rank() -> None:
    generator = np.random.default_rng(3)
    time, group = generator.exponential(1, 200), np.repeat([0, 1], 100)
    y = Surv.right(time, generator.integers(0, 2, 200))
    # same scores; Gray's variance estimates the hazard from the pooled incidence
    assert_allclose(gray_test(y, group).observed, log_rank(y, group).observed, rtol=1e-12)
    assert_allclose(gray_test(y, group).expected, log_rank(y, group).expected, rtol=1e-12)


def test_turnbull_is_a_proportion_when_visits_are_shared() -> None:
    y = Surv.interval([0, 0, 3, 3, 6], [3, 3, 6, 6, np.inf])
    curve = turnbull(y)
    assert_allclose(curve.at([0, 3, 6]).value, [1, 0.6, 0.2], rtol=1e-9)
    assert_allclose(curve.mass, [0.4, 0.4, 0.2], rtol=1e-9)
    assert isnan(curve.at(4).value)
    assert "not known" in curve.at(4).reason
    low, high = curve.band([4])
    assert_allclose([low[0], high[0]], [0.2, 0.6], rtol=1e-9)
    # irregular for five patients a support: no standard error; with copies it is the binomial one
    assert isnan(curve.at(3).se)
    many = turnbull(y, sample_weight=Weights(np.full(5, 20), "frequency")).at([3, 6])
    assert_allclose(many.se, np.sqrt([0.6 * 0.4 / 100, 0.2 * 0.8 / 100]), rtol=1e-9)


def test_turnbull_with_exact_times_is_kaplan_meier(six) -> None:
    time, any_event = six["time"], six["event"] > 0
    y = Surv.interval(time, np.where(any_event, time, np.inf))
    at = [2, 3, 5, 7]
    assert_allclose(turnbull(y).at(at).value, kaplan_meier(six).at(at).value, rtol=1e-9)
    with_causes = Surv.interval(time, np.where(any_event, time, np.inf), EVENT)
    for cause in (1, 2):
        assert_allclose(
            turnbull(with_causes, cause=cause).at(at).value,
            aalen_johansen(six, cause=cause).at(at).value,
            rtol=1e-9,
            atol=1e-12,
        )


def test_quantiles(six) -> None:
    found = kaplan_meier(six).quantile([0.1, 0.375, 0.5, 0.9])
    assert found["time"].tolist() == [2, 4, 5, 8]  # S stays at exactly 5/8 from 3 to 5: the middle
    assert aalen_johansen(six).quantile(0.375)["time"].tolist() == [6.5]
    # the reverse curve is at 4/5 until it falls to 2/5 at 7
    assert median_follow_up(six).value == 7


def test_delayed_entry() -> None:
    y = Surv.right([2, 4, 5, 6], [1, 1, 0, 1], entry=[0, 1, 3, 3])
    curve = kaplan_meier(y, min_at_risk=0)
    assert curve.at_risk.tolist() == [2, 3, 2, 1]
    assert_allclose(curve.value, [1 / 2, 1 / 3, 1 / 3, 0], rtol=1e-15, atol=1e-16)
    assert curve.at([0.5, 1, 1.5, 3.5, 6]).at_risk.tolist() == [1, 1, 2, 3, 1]
    later = kaplan_meier(y, min_at_risk=3)
    # three are at risk from 3 on; the event at 2 came before, so the curve is conditional on being free of it at 3
    assert later.start.tolist() == [3]
    assert_allclose(later.value, [2 / 3, 2 / 3, 0], rtol=1e-15, atol=1e-16)
    assert isnan(later.at(2).value)
    assert later.at(2).reason == "the curve starts at 3"
