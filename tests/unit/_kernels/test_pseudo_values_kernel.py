"""Pseudo-values against leaving every row out by brute force."""

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    cell_influence,
    incidence_by_threshold_influence,
    incidence_influence,
    outcome_cells,
    pseudo_values,
    pseudo_values_infinitesimal,
)


def incidence(time, code, tau, weights=None):
    weights = np.ones(time.size) if weights is None else weights
    survival, total = 1.0, 0.0
    for u in np.unique(time[(time <= tau) & (code > 0)]):
        y = weights[time >= u].sum()
        total += survival * weights[(time == u) & (code == 1)].sum() / y
        survival *= 1 - weights[(time == u) & (code > 0)].sum() / y
    return total


@pytest.mark.parametrize(("n", "tau"), [(40, 8.0), (30, 100.0), (25, 0.01), (2, 5.0)])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("causes", [0, 1, 2])
def test_exact_jackknife(n, tau, ties, causes):
    rng = np.random.default_rng(n)
    time = rng.exponential(10, n)
    time = np.ceil(time) if ties else time
    code = rng.integers(0, causes + 1, n)
    whole = incidence(time, code, tau)
    brute = [n * whole - (n - 1) * incidence(np.delete(time, i), np.delete(code, i), tau) for i in range(n)]
    np.testing.assert_allclose(pseudo_values(time, code, tau), brute, atol=1e-12)


def test_censoring_is_not_a_competing_event():
    time = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    censored = pseudo_values(time, np.array([1, 0, 1, 0, 1, 1]), 4.5)
    competing = pseudo_values(time, np.array([1, 2, 1, 2, 1, 1]), 4.5)
    assert competing.tolist() == pytest.approx([1, 0, 1, 0, 0, 0], abs=1e-12)  # fully observed: the indicator itself
    assert not np.allclose(censored, competing)


@pytest.mark.parametrize("weighted", [False, True])
def test_infinitesimal_version(weighted):
    rng = np.random.default_rng(7)
    time, code = np.ceil(rng.exponential(10, 60)), rng.integers(0, 3, 60)
    weights = rng.integers(1, 4, 60).astype(float) if weighted else None
    values = pseudo_values_infinitesimal(time, code, 9.0, weights)
    w = np.ones(60) if weights is None else weights
    assert np.average(values, weights=w) == pytest.approx(incidence(time, code, 9.0, weights), abs=1e-13)
    influence = incidence_influence(time, code, 9.0, weights)
    for row in (0, 17, 59):
        up, down = w.copy(), w.copy()
        up[row] += 1e-5
        down[row] -= 1e-5
        slope = (incidence(time, code, 9.0, up) - incidence(time, code, 9.0, down)) / 2e-5
        assert influence[row] == pytest.approx(slope, abs=1e-8)  # a numerical derivative


def test_worked_values(golden):
    from syn import syn

    cohort = syn().iloc[300:]
    values = pseudo_values(cohort["time"].to_numpy(), cohort["event"].to_numpy(), 12.0)
    want = golden["calibration_surv"]["pseudo_first5"]
    np.testing.assert_allclose(values[:5], want, rtol=1e-7)  # printed to eight digits
    assert values.mean() == pytest.approx(0.4712786, abs=5e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("tau", [0.5, 9.0, 1000.0])
def test_a_group_of_all_rows_has_the_same_bits_as_a_group_among_others(weighted, tau):
    rng = np.random.default_rng(11)
    time, code = np.sort(np.ceil(rng.exponential(10, 200))), rng.integers(0, 3, 200)
    weights = rng.uniform(0, 2, 200) * (rng.random(200) > 0.1) if weighted else None
    both = incidence_by_threshold_influence(np.full(200, 2), time, code, tau, 2, weights)
    alone = incidence_influence(time, code, tau, weights)
    np.testing.assert_array_equal(both, [alone, alone])
    np.testing.assert_array_equal(
        incidence_by_threshold_influence(np.ones(200, int), time, code, tau, 1, weights), both[:1]
    )
    mixed = rng.permutation(200)
    shuffled = incidence_influence(time[mixed], code[mixed], tau, None if weights is None else weights[mixed])
    np.testing.assert_allclose(shuffled, alone[mixed], rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(
        pseudo_values_infinitesimal(time, code, tau, weights),
        pseudo_values_infinitesimal(time, code, tau, weights, alone),
    )


@pytest.mark.parametrize("tau", [0.5, 3.0, 9.0, 40.0])
def test_a_curve_sees_of_rows_of_one_time_and_code_the_sum_of_their_weights(tau):
    rng = np.random.default_rng(3)
    time, code, weights = rng.integers(1, 10, 200).astype(float), rng.integers(0, 3, 200), rng.gamma(2, 1, 200)
    cells = outcome_cells(time, code)
    np.testing.assert_array_equal(cells.time[cells.cell], time)
    np.testing.assert_array_equal(cells.code[cells.cell], code)
    mass = np.bincount(cells.cell, weights=weights)
    want = incidence_influence(time, code, tau, weights)
    np.testing.assert_allclose(cell_influence(cells, tau, mass)[cells.cell], want, rtol=1e-12, atol=1e-16)
