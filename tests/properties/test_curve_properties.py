"""What must hold for curves whatever the data."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from lbp_prognosis._kernels import distinct_times
from lbp_prognosis.survival import (
    CensoringKaplanMeier,
    Surv,
    Weights,
    aalen_johansen,
    gray_test,
    kaplan_meier,
    log_rank,
    nelson_aalen,
    reverse_kaplan_meier,
    rmst,
    turnbull,
)

FEW = settings(max_examples=60, deadline=None)


@st.composite
def outcomes(draw, entry: bool = False, size: int = 30):
    n = draw(st.integers(2, size))
    codes = draw(arrays(np.int8, n, elements=st.integers(0, 3)))
    start = draw(arrays(np.int64, n, elements=st.integers(0, 6))) if entry else np.zeros(n)
    span = draw(arrays(np.int64, n, elements=st.integers(1, 9)))
    return Surv.right((start + span).astype(float), codes, entry=start.astype(float) if entry else None, censored=0)


def same(left, right, rtol: float = 1e-9) -> None:
    for name in ("times", "value", "se", "low", "high", "at_risk", "events", "censored"):
        assert_allclose(getattr(left, name), getattr(right, name), rtol=rtol, atol=1e-10, err_msg=name)


CURVES = (kaplan_meier, nelson_aalen, reverse_kaplan_meier, aalen_johansen)


@FEW
@given(outcomes(entry=True), st.data())
def test_frequency_weights_are_copies(y, data) -> None:
    count = data.draw(arrays(np.int64, y.size, elements=st.integers(0, 4)).filter(lambda c: c.sum() > 0))
    copies = np.repeat(y, count)
    for curve in CURVES:
        same(
            curve(y, sample_weight=Weights(count, "frequency"), min_at_risk=0),
            curve(copies, min_at_risk=0),
        )
    weighted, plain = (
        rmst(y, 5, sample_weight=Weights(count, "frequency"), min_at_risk=0),
        rmst(copies, 5, min_at_risk=0),
    )
    assert_allclose([weighted.value, weighted.se, weighted.n], [plain.value, plain.se, plain.n], rtol=1e-9, atol=1e-12)


@FEW
@given(outcomes(entry=True), st.randoms(use_true_random=False))
def test_order_of_rows_and_unit_of_time_do_not_matter(y, random) -> None:
    order = np.arange(y.size)
    random.shuffle(order)
    scaled = y.copy()
    for field in ("time", "entry"):
        scaled[field] = y[field] / 30.4375  # leaves whole numbers, and with them the counting of days
    for curve in CURVES:
        base = curve(y, min_at_risk=0)
        same(base, curve(y[order], min_at_risk=0))
        other = curve(scaled, min_at_risk=0)
        assert_allclose(other.value, base.value, rtol=1e-12, atol=1e-14)
        assert_allclose(other.se, base.se, rtol=1e-9, atol=1e-12)
    groups = np.arange(y.size) % 2
    assert_allclose(log_rank(scaled, groups).observed, log_rank(y, groups).observed)
    assert_allclose(log_rank(scaled, groups).expected, log_rank(y, groups).expected, rtol=1e-9, atol=1e-12)


@FEW
@given(outcomes(entry=True))
def test_incidences_of_all_causes_and_survival_share_one(y) -> None:
    total = kaplan_meier(y, min_at_risk=0).value.copy()
    for cause in (1, 2, 3):
        incidence = aalen_johansen(y, cause=cause, min_at_risk=0)
        assert (np.diff(incidence.value, prepend=0) >= -1e-15).all()
        total += incidence.value
    assert_allclose(total, 1, rtol=1e-12)


@FEW
@given(outcomes())
def test_one_cause_incidence_is_one_minus_survival(y) -> None:
    y = Surv.right(y["time"], y["event"] > 0)
    survival, incidence = kaplan_meier(y), aalen_johansen(y)
    assert_allclose(incidence.value, 1 - survival.value, rtol=1e-12, atol=1e-14)
    known = ~np.isnan(survival.se)
    # expanded squares against Greenwood's sum: rounding of the square root of a near-zero variance
    assert_allclose(incidence.se[known], survival.se[known], rtol=1e-7, atol=1e-8)


@FEW
@given(outcomes())
def test_without_censoring_curves_are_proportions(y) -> None:
    y = Surv.right(y["time"], np.maximum(y["event"], 1), censored=0)
    n = y.size
    for t in (2, 5):
        p = (y["time"] > t).mean()
        read = kaplan_meier(y).at(t, min_at_risk=0)
        assert_allclose(read.value, p, rtol=1e-12, atol=1e-14)
        if p > 0:
            assert_allclose(read.se, np.sqrt(p * (1 - p) / n), rtol=1e-9, atol=1e-12)
        share = ((y["time"] <= t) & (y["event"] == 2)).mean()
        incidence = aalen_johansen(y, cause=2).at(t, min_at_risk=0)
        assert_allclose(incidence.value, share, rtol=1e-12, atol=1e-14)
        assert_allclose(incidence.se, np.sqrt(share * (1 - share) / n), rtol=1e-7, atol=1e-8)
    capped = np.minimum(y["time"], 5)
    assert_allclose(rmst(y, 5, min_at_risk=0).value, capped.mean(), rtol=1e-12)


@FEW
@given(outcomes())
def test_unit_sampling_weights_give_greenwood_and_their_scale_is_nothing(y) -> None:
    for curve in (kaplan_meier, nelson_aalen, reverse_kaplan_meier, aalen_johansen):
        plain, robust = curve(y), curve(y, sample_weight=np.ones(y.size))
        if curve is not nelson_aalen:  # Σ d/Y² is not the robust variance of a hazard with ties
            known = ~np.isnan(plain.se)
            assert_allclose(robust.se[known], plain.se[known], rtol=1e-7, atol=1e-7)
        same(robust, curve(y, sample_weight=np.full(y.size, 3.5)), rtol=1e-7)


@FEW
@given(outcomes(), st.integers(1, 8))
def test_censoring_weights_average_one(y, horizon) -> None:
    model = CensoringKaplanMeier().fit(y)
    at, before = model.survival_at(horizon), model.survival_before(y["time"])
    beyond = y["time"] > horizon
    if beyond.any():
        weight = np.zeros(y.size)
        weight[beyond] = 1 / at[beyond]
        happened = ~beyond & (y["event"] > 0)
        weight[happened] = 1 / before[happened]
        assert_allclose(weight.mean(), 1, rtol=1e-12)


@FEW
@given(outcomes(), st.data())
def test_tests_do_not_know_the_names_of_groups(y, data) -> None:
    groups = data.draw(arrays(np.int64, y.size, elements=st.integers(0, 2)))
    if np.unique(groups).size < 2:
        return
    swapped = np.array(["c", "a", "b"])[groups]
    for test in (log_rank, gray_test):
        first, second = test(y, groups), test(y, swapped)
        assert first.df == second.df
        assert_allclose(first.statistic, second.statistic, rtol=1e-6, atol=1e-9)  # eigenvalues of another order
        assert_allclose(first.observed.sum(), first.expected.sum(), rtol=1e-9, atol=1e-12)


@FEW
@given(st.data())
def test_turnbull_maximum_is_certified(data) -> None:
    n = data.draw(st.integers(2, 25))
    lower = data.draw(arrays(np.int64, n, elements=st.integers(0, 8))).astype(float)
    width = data.draw(arrays(np.int64, n, elements=st.integers(0, 5))).astype(float)
    upper = np.where(data.draw(arrays(np.bool_, n)), np.inf, lower + width)
    causes = np.where(np.isfinite(upper), data.draw(arrays(np.int64, n, elements=st.integers(1, 2))), 0)
    y = Surv.interval(lower, upper, causes)
    for cause in (None, 1, 2):
        found = turnbull(y, cause=cause)
        assert_allclose(found.mass.sum(), 1, rtol=1e-12)
        assert (found.gradient <= n * (1 + 1e-7)).all()
        assert_allclose(found.gradient[found.mass > 1e-9], n, rtol=1e-6)
    visits = np.arange(0, 9)
    total = turnbull(y, cause=1).at(visits).value + turnbull(y, cause=2).at(visits).value
    assert (total[~np.isnan(total)] <= 1 + 1e-9).all()


@FEW
@given(arrays(np.float64, st.integers(1, 40), elements=st.integers(0, 50) | st.floats(0, 6e4, width=16)))
def test_distinct_times_agree_with_sorting(time) -> None:
    times, codes = distinct_times(time)
    assert_allclose(times, np.unique(time), rtol=0)
    assert_allclose(times[codes], time, rtol=0)
