"""What must hold for any data: metrics of discrimination and prediction error under changes that mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis._kernels import ipcw_weights
from lbp_prognosis.evaluation import (
    brier,
    concordance,
    integrated_brier,
    log_score,
    nagelkerke_r2,
    royston_d,
    time_dependent_auc,
)
from lbp_prognosis.survival import Status, Surv, Weights

HORIZONS = np.array([2.0, 5.0])
RISK_METRICS = (time_dependent_auc, brier, log_score)


@st.composite
def cohorts(draw, competing=True, censoring=True):
    """Times on a coarse grid, so that ties of every sort occur, and somebody followed beyond the last horizon."""
    n = draw(st.integers(12, 40))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 9, n).astype(float)
    event = rng.integers(0 if censoring else 1, 3 if competing else 2, n)
    time[0], time[1], event[1], time[2], event[2] = 9.0, 1.0, 1, 4.0, 1
    return Surv.right(time, event, censored=0), rng.choice(np.linspace(0.05, 0.95, 10), (n, 2))


def same(one, other, rtol=1e-9):
    for name in ("value", "se", "low", "high"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=1e-11)


def loose(metric, y, risk, **more):
    return metric(y, risk, HORIZONS, min_at_risk=0, min_censoring_survival=0, **more)


quick = settings(max_examples=25, deadline=None)


@quick
@given(cohorts())
def test_weights_average_one_while_somebody_is_followed_beyond(data):
    y, _ = data
    assert np.allclose(ipcw_weights(y["time"], y["event"], HORIZONS).mean(axis=0), 1, atol=1e-12)


@quick
@given(cohorts(), st.integers(0, 10**6))
def test_order_of_rows_and_unit_of_time(data, seed):
    y, risk = data
    order = np.random.default_rng(seed).permutation(y.size)
    years = Surv.right(y["time"] / 12, y["event"], censored=0)
    for metric in RISK_METRICS:
        result = loose(metric, y, risk)
        same(result, loose(metric, y[order], risk[order]))
        same(result, metric(years, risk, HORIZONS / 12, min_at_risk=0, min_censoring_survival=0))
    for weighting in ("harrell", "uno"):
        result = concordance(y, risk[:, 0], weighting=weighting)
        same(result, concordance(y[order], risk[order, 0], weighting=weighting))
        same(result, concordance(years, risk[:, 0], weighting=weighting))
    same(royston_d(y, risk[:, 0]), royston_d(years, risk[:, 0]), rtol=1e-6)


@quick
@given(cohorts())
def test_only_the_order_of_scores_matters(data):
    y, risk = data
    for weighting in ("harrell", "uno"):
        same(
            concordance(y, risk[:, 0], weighting=weighting), concordance(y, 1e-9 * risk[:, 0] ** 3, weighting=weighting)
        )
    same(loose(time_dependent_auc, y, risk), loose(time_dependent_auc, y, risk**2))
    flipped = concordance(y, -risk[:, 0])
    assert flipped.value == pytest.approx(1 - concordance(y, risk[:, 0]).value, abs=1e-12)


@quick
@given(cohorts(), st.integers(0, 10**6))
def test_frequency_weights_are_copies(data, seed):
    y, risk = data
    count = np.random.default_rng(seed).integers(0, 4, y.size)
    count[:3] = 1
    rows = np.repeat(np.arange(y.size), count)
    weights = Weights(count, "frequency")
    for metric in RISK_METRICS:
        weighted, copied = loose(metric, y, risk, sample_weight=weights), loose(metric, y[rows], risk[rows])
        same(weighted, copied)
        assert (weighted.n, weighted.n_events) == (copied.n, copied.n_events)
        if metric is brier:
            same(weighted.ipa, copied.ipa)
        other = risk[:, ::-1].copy()
        same(
            weighted.minus(loose(metric, y, other, sample_weight=weights)),
            copied.minus(loose(metric, y[rows], other[rows])),
        )
    for weighting in ("harrell", "uno"):
        same(
            concordance(y, risk[:, 0], weighting=weighting, sample_weight=weights),
            concordance(y[rows], risk[rows, 0], weighting=weighting),
        )


@quick
@given(cohorts())
def test_clusters_of_one_and_constant_weights_change_nothing_that_matters(data):
    y, risk = data
    factor = np.sqrt(y.size / (y.size - 1))
    for metric in RISK_METRICS:
        plain = loose(metric, y, risk)
        same(plain, loose(metric, y, risk, sample_weight=np.full(y.size, 2.5)))
        single = loose(metric, y, risk, clusters=np.arange(y.size))
        np.testing.assert_allclose(single.value, plain.value, rtol=1e-10)
        np.testing.assert_allclose(single.se, plain.se * factor, rtol=1e-8, atol=1e-12)
    plain = concordance(y, risk[:, 0])
    single = concordance(y, risk[:, 0], clusters=np.arange(y.size), sample_weight=np.full(y.size, 0.3))
    assert single.se == pytest.approx(plain.se * factor, rel=1e-9, abs=1e-14)


@quick
@given(cohorts(), st.integers(0, 10**6))
def test_frequency_weights_within_clusters_are_copies(data, seed):
    y, risk = data
    rng = np.random.default_rng(seed)
    count, site = rng.integers(1, 4, y.size), rng.integers(0, 5, y.size)
    rows = np.repeat(np.arange(y.size), count)
    weights = Weights(count, "frequency")
    same(
        loose(brier, y, risk, sample_weight=weights, clusters=site),
        loose(brier, y[rows], risk[rows], clusters=site[rows]),
    )
    same(
        concordance(y, risk[:, 0], sample_weight=weights, clusters=site),
        concordance(y[rows], risk[rows, 0], clusters=site[rows]),
    )


@quick
@given(cohorts(censoring=False))
def test_without_censoring_the_metrics_are_the_plain_ones(data):
    y, risk = data
    for k, tau in enumerate(HORIZONS):
        case = (y["time"] <= tau) & (y["event"] == 1)
        status = Status.at(tau, case.astype(int))
        for metric in RISK_METRICS:
            censored = metric(y, risk[:, k], tau, min_at_risk=0)
            plain = metric(status, risk[:, k], min_at_risk=0)
            assert censored.value == pytest.approx(plain.value, rel=1e-10)
            if metric is not time_dependent_auc:  # DeLong's variance has other divisors
                assert censored.se == pytest.approx(plain.se, rel=1e-8, abs=1e-12)
        plain = np.mean((case - risk[:, k]) ** 2)
        assert brier(y, risk[:, k], tau, min_at_risk=0).value == pytest.approx(plain, rel=1e-12)


@quick
@given(cohorts())
def test_the_complement_has_the_same_score(data):
    """Brier of survival against "no event" is that of the risk; a competing event counts as no event of interest."""
    y, risk = data
    for metric in RISK_METRICS:
        same(loose(metric, y, risk), loose(metric, y, risk, target="no_event"))
    assert loose(brier, y, risk, target="no_event").target == "no_event"
    state = Status.at(5, ((y["time"] <= 5) & (y["event"] == 1)).astype(int))
    other = Status.at(5, 1 - state["status"])
    for metric in RISK_METRICS:
        same(metric(state, risk[:, 1], min_at_risk=0), metric(other, 1 - risk[:, 1], min_at_risk=0))


@quick
@given(cohorts())
def test_the_null_model_scores_f_times_one_minus_f(data):
    y, risk = data
    null = loose(brier, y, risk).null
    w = ipcw_weights(y["time"], y["event"], HORIZONS)
    share = np.mean(w * ((y["time"][:, None] <= HORIZONS) & (y["event"] == 1)[:, None]), axis=0)
    np.testing.assert_allclose(null.value, share * (1 - share), rtol=1e-12)
    constant = loose(brier, y, np.tile(share, (y.size, 1)))
    np.testing.assert_allclose(constant.value, null.value, rtol=1e-12)
    np.testing.assert_allclose(constant.ipa.value, 0, atol=1e-12)


@quick
@given(cohorts())
def test_influence_values_carry_the_standard_errors(data):
    y, risk = data
    for metric in RISK_METRICS:
        result = loose(metric, y, risk)
        np.testing.assert_allclose(
            np.sqrt(np.sum(result.influence**2, axis=0)) / y.size, result.se, rtol=1e-7, atol=1e-9
        )
    result = loose(brier, y, risk)
    for part in (result.ipa, result.null):
        np.testing.assert_allclose(np.sqrt(np.sum(part.influence**2, axis=0)) / y.size, part.se, rtol=1e-6, atol=1e-8)
    zero = result.minus(loose(brier, y, risk))
    np.testing.assert_array_equal([*zero.value, *zero.se, *zero.ipa.value, *zero.ipa.se], 0)


@quick
@given(cohorts())
def test_integrated_scores_are_sums_of_scores(data):
    y, risk = data
    scores = loose(brier, y, risk)
    step = integrated_brier(y, risk, HORIZONS, rule="step", min_at_risk=0, min_censoring_survival=0)
    assert step.value == pytest.approx(scores.value[0] * 3 / 5, rel=1e-12)
    assert step.se == pytest.approx(scores.se[0] * 3 / 5, rel=1e-7)
    line = integrated_brier(y, risk, HORIZONS, min_at_risk=0, min_censoring_survival=0)
    wanted = (scores.value[0] * 2 / 2 + (scores.value[0] + scores.value[1]) * 3 / 2) / 5
    assert line.value == pytest.approx(wanted, rel=1e-12)


@quick
@given(st.integers(0, 10**6))
def test_status_weights_and_missing_states(seed):
    rng = np.random.default_rng(seed)
    state, risk = rng.integers(0, 2, 40), rng.uniform(0.05, 0.95, 40)
    state[:2] = 0, 1
    hidden = state.copy()
    hidden[30:] = -1
    for metric in (*RISK_METRICS, nagelkerke_r2):
        part, whole = metric(Status.at(3, hidden), risk), metric(Status.at(3, state[:30]), risk[:30])
        same(part, whole)
        assert part.n_events == whole.n_events
        count = rng.integers(1, 3, 40)
        rows = np.repeat(np.arange(40), count)
        same(
            metric(Status.at(3, state), risk, sample_weight=Weights(count, "frequency")),
            metric(Status.at(3, state[rows]), risk[rows]),
        )
