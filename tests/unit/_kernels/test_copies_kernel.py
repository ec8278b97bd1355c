"""Rows that stand for copies of themselves, against the same functions of rows written out."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    BRIER,
    auc_placements,
    censoring_process,
    centred_copies,
    concordance_pairs,
    concordance_totals,
    counted_ipcw,
    cox_baseline,
    cox_data,
    cox_fit,
    cox_line,
    cox_refit,
    distinct_times,
    logistic_level,
    logistic_line,
    mean_difference,
    null_brier,
    number_events,
    score_sums,
    weights_from_process,
)
from lbp_prognosis._kernels.points import _concordance


def drawn(n: int, seed: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, n, n)
    return rng, rows, np.bincount(rows, minlength=n).astype(float)


@pytest.mark.parametrize("seed", range(6))
def test_concordance_totals_are_those_of_all_pairs(seed):
    rng, _, copies = drawn(80, seed)
    key, happened = rng.integers(0, 12, 80), rng.random(80) < 0.6
    score = rng.integers(0, 9, 80).astype(float) if seed % 2 else rng.normal(size=80)
    start = np.minimum(rng.integers(-1, 6, 80), key - 1) if seed > 2 else np.full(80, -1)
    numbers = number_events(np.where(happened, key, -1), start, np.where(happened, key - 1, key))
    order, ones = np.argsort(score), np.ones(80)
    want = concordance_pairs(order, score, *numbers[:3], copies, ones, ones, numbers[3])[1]
    np.testing.assert_allclose(concordance_totals(order, score, *numbers[:3], copies, numbers[3]), want, rtol=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_censoring_weights_are_those_of_the_copies(seed):
    rng, rows, copies = drawn(90, seed)
    time, event = rng.integers(1, 15, 90).astype(float), rng.integers(0, 3, 90)
    horizons = np.array([0.5, 3.0, 7.5, 20.0])
    times, place = distinct_times(time)
    found = counted_ipcw(place, event == 0, copies, times.size, np.searchsorted(times, horizons, side="right"))
    process = censoring_process(time[rows], event[rows])
    want = weights_from_process(process, time[rows], event[rows], horizons)
    np.testing.assert_allclose(found.T[rows], np.where(np.isfinite(want), want, 0.0), rtol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_sums_at_a_horizon_are_those_of_the_copies(ties):
    rng, rows, copies = drawn(70, 1)
    risk = rng.integers(1, 9, 70) / 10 if ties else rng.random(70)
    event, weight = rng.random(70) < 0.4, rng.uniform(0, 2, 70) * (rng.random(70) < 0.8)
    risk[copies == 0] = np.nan  # not read
    auc = auc_placements(np.argsort(risk), risk, event, weight, copies)[0]
    brier, share, known, mean = score_sums(BRIER, risk, event, weight, copies)
    found = [auc, brier, null_brier(share, 1 - known), share, mean]
    r, e, w = risk[rows], event[rows], weight[rows]
    want = [auc_placements(np.argsort(r), r, e, w, np.ones(70))[0], np.mean(w * (e - r) ** 2)]
    want += [np.mean(w * (e - np.mean(w * e)) ** 2), np.mean(w * e), r.mean()]
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_spreads_are_those_of_the_copies():
    rng, rows, copies = drawn(60, 2)
    x = rng.normal(size=60) + 3
    centred, sd = centred_copies(np.where(copies > 0, x, np.nan), copies)
    assert sd == pytest.approx(x[rows].std(), rel=1e-12)
    np.testing.assert_allclose(centred[rows], x[rows] - x[rows].mean(), atol=1e-13)
    want = np.abs(x[rows][:, None] - x[rows]).sum() / (60 * 59)
    assert mean_difference(np.argsort(x), x, copies) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("ties", [1, 20])
def test_lines_are_those_of_the_copies(ties):
    rng, rows, copies = drawn(300, 3)
    lp = rng.normal(size=300)
    time = np.ceil(rng.exponential(np.exp(-lp)) * 200 / ties) * ties
    event = rng.random(300) < 0.6
    np.testing.assert_allclose(
        cox_line(time, event, lp, copies=copies)[1:], cox_line(time[rows], event[rows], lp[rows])[1:], rtol=1e-11
    )
    y = (rng.random(300) < 1 / (1 + np.exp(-lp))).astype(float)
    np.testing.assert_allclose(logistic_line(lp, y, copies), logistic_line(lp[rows], y[rows]), rtol=1e-10)
    np.testing.assert_allclose(logistic_level(lp, y, copies), logistic_level(lp[rows], y[rows]), rtol=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("rich", [False, True])
def test_refit_is_the_fit_of_the_copies(ties, rich):
    rng, rows, copies = drawn(250, 4)
    X = rng.normal(size=(250, 4)) * [1, 10, 0.1, 1] + 5
    time = np.ceil(rng.exponential(np.exp(-(X - 5) @ [0.4, 0.02, 3, 0])) * 30)
    event, more = rng.random(250) < 0.6, {}
    if rich:
        more = {
            "strata": rng.integers(0, 2, 250),
            "entry": np.floor(time * rng.random(250)),
            "offset": 0.3 * rng.normal(size=250),
        }
    ridge = np.array([0.0, 50.0, 0.01, 2.0]) if rich else None
    whole = cox_fit(X, time, event, ties=ties, penalty=ridge, **more)
    offset = more.pop("offset", None)
    data = cox_data(X, time, event, **more)
    coef, hazard = cox_refit(data, copies, whole.coef, whole.covariance, offset=offset, ties=ties, penalty=ridge)
    again = {key: value[rows] for key, value in more.items()}
    shift = None if offset is None else offset[rows]
    fit = cox_fit(X[rows], time[rows], event[rows], ties=ties, penalty=ridge, offset=shift, **again)
    np.testing.assert_allclose(coef * data.scale, fit.coef * data.scale, atol=1e-11)
    eta = (X[rows] - data.centre) @ coef + (0 if shift is None else shift)
    start = 0
    for end, (times, want) in zip(data.ends, cox_baseline(time[rows], event[rows], eta, ties=ties, **again)):
        kept = np.isin(data.times[start:end], times)
        np.testing.assert_allclose(np.cumsum(hazard[start:end])[kept], want, rtol=1e-10)
        assert not hazard[start:end][~kept].any()
        start = end


def test_refit_leaves_what_has_no_near_maximum_to_a_fit_from_scratch():
    rng = np.random.default_rng(5)
    X = np.column_stack([rng.normal(size=60), rng.random(60) < 0.1])
    time, event = np.arange(1.0, 61), np.ones(60, dtype=bool)
    whole, data = cox_fit(X, time, event), cox_data(X, time, event)
    constant = np.where(X[:, 1] > 0, 0.0, 1.0)
    assert cox_refit(data, constant, whole.coef, whole.covariance) is None
    separated = (np.arange(60) < 4).astype(float) + (X[:, 1] > 0)
    X[:4, 1], X[4:, 1] = 1.0, 0.0
    assert cox_refit(cox_data(X, time, event), separated, whole.coef, whole.covariance) is None
    nobody = cox_data(X, time, event & (time > 30))
    assert cox_refit(nobody, (time <= 30).astype(float), whole.coef, whole.covariance) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_score_that_is_the_same_for_all_has_an_auc_of_one_half_exactly(seed):
    rng, _, copies = drawn(397, seed)
    event, weight = rng.random(397) < 0.3, rng.uniform(0.5, 3, 397)
    assert auc_placements(np.arange(397), np.full(397, 0.3), event, weight, copies)[0] == 0.5


def test_the_walk_of_pairs_is_compiled_for_one_layout_only(monkeypatch):
    """A column of a table of risks is no type of its own: a second compilation takes most of a second."""
    seen = []
    monkeypatch.setattr(
        _concordance, "_walk", lambda *given: seen.append([(a.dtype.str, a.flags.c_contiguous) for a in given[:9]])
    )
    column, whole, ones = np.arange(6.0).reshape(3, 2)[:, 1], np.arange(3), np.ones(3)
    concordance_totals(whole, column, whole, whole, whole, ones, 2)
    concordance_pairs(whole, column, whole, whole, whole, ones, ones, ones, 2)
    integer, real = ("<i8", True), ("<f8", True)
    assert seen == [[integer, real, *[integer] * 3, *[real] * 4]] * 2
