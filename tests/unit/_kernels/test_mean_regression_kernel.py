"""Logistic, Poisson and pseudo-value regression: R's numbers, score equations, influence values as derivatives."""

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    _mean_regression,
    cloglog_pseudo_fit,
    line_design,
    logistic_fit,
    poisson_fit,
    pseudo_values,
)


def data(seed=0, n=90):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    return X, 0.2 * rng.normal(size=n), rng


@pytest.mark.parametrize("name", ["calb_dca_binary", "calb_ipd_afib", "calb_lbp_chronic_split"])
def test_logistic_equals_glm(name, reference_case, reference_csv):
    case = reference_case(name)
    table, want = reference_csv(case["data"]["csv"]), case["expected"]
    p = table[case["inputs"]["probability"]].to_numpy()
    y = table[case["inputs"]["outcome"]].to_numpy(dtype=float)
    logit, one = np.log(p / (1 - p)), np.ones((p.size, 1))
    large = logistic_fit(one, y, offset=logit)
    assert large.coef[0] == pytest.approx(want["citl"], rel=1e-8, abs=1e-10)
    assert np.sqrt(large.covariance[0, 0]) == pytest.approx(want["citl_se"], rel=1e-7)
    both = logistic_fit(np.column_stack([one, logit]), y)
    np.testing.assert_allclose(both.coef, [want["intercept"], want["slope"]], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(both.covariance)), [want["intercept_se"], want["slope_se"]], rtol=1e-8)


@pytest.mark.parametrize("name", ["calcr_comprisk_vdata", "calcr_comprisk_vdata_reduced3"])
def test_pseudo_values_and_their_regression_equal_geese(name, reference_case, reference_csv):
    case = reference_case(name)
    table, want = reference_csv(case["data"]["csv"]), case["expected"]
    tau, risk = float(case["inputs"]["horizon"]), table[case["inputs"]["risk"]].to_numpy()
    values = pseudo_values(table["time"].to_numpy(), table["status_num"].to_numpy(), tau)
    np.testing.assert_allclose(values, table[case["inputs"]["pseudo"]], atol=1e-11)
    cloglog, one = np.log(-np.log1p(-risk)), np.ones((risk.size, 1))
    large = cloglog_pseudo_fit(one, values, offset=cloglog)
    assert large.coef[0] == pytest.approx(want["intercept"]["estimate"], rel=1e-9)
    assert np.sqrt((large.influence**2).sum()) == pytest.approx(want["intercept"]["se"], rel=1e-9)
    both = cloglog_pseudo_fit(np.column_stack([one, cloglog]), values)
    model = want["slope_model"]
    np.testing.assert_allclose(both.coef, [model["intercept"], model["slope"]], rtol=1e-8)
    assert np.sqrt((both.influence[:, 1] ** 2).sum()) == pytest.approx(model["slope_se"], rel=1e-8)


@pytest.mark.parametrize("fit", [logistic_fit, poisson_fit, cloglog_pseudo_fit])
def test_influence_is_the_derivative_by_the_weight(fit):
    X, offset, rng = data()
    y = rng.integers(0, 2, 90).astype(float)
    base = fit(X, y, offset=offset)
    assert base.converged
    assert np.abs(base.influence.sum(axis=0)).max() < 1e-9
    for row in (0, 33):
        up, down = np.ones(90), np.ones(90)
        up[row] += 1e-5
        down[row] -= 1e-5
        slope = (fit(X, y, offset=offset, weights=up).coef - fit(X, y, offset=offset, weights=down).coef) / 2e-5
        if fit is cloglog_pseudo_fit:  # its bread is that of Fisher scoring, as in a GEE, not the full derivative
            np.testing.assert_allclose(base.influence[row], slope, rtol=0.6, atol=2e-2)
        else:
            np.testing.assert_allclose(base.influence[row], slope, atol=1e-7)


def test_separation_is_said():
    X = np.column_stack([np.ones(20), np.arange(20.0)])
    assert not logistic_fit(X, (np.arange(20) > 9).astype(float)).converged


def test_separated_pseudo_values_do_not_converge():
    """Any slope that is large enough fits alike: once the answer was 2407 with an error of 7e-15."""
    x = np.array([-2.28, -1.9, -1.44, -1.1, -0.81, -0.6, -0.48, -0.3, -0.1, 0.0, 0.12, 0.2])
    y = np.where(x > -0.7, 1.0, 0.0)
    y[2] = 1.0
    design = np.column_stack([np.ones(x.size), x])
    for start in (None, np.array([0.0, 1.0]), np.array([50.0, 100.0])):
        assert not cloglog_pseudo_fit(design, np.where(x > -0.7, 1.0, 0.0), start=start).converged
    assert cloglog_pseudo_fit(design, y, start=np.array([0.0, 1.0])).converged
    rare = cloglog_pseudo_fit(np.ones((5, 1)), np.array([0, 0, 0, 0, 1e-6]))
    assert rare.converged
    assert rare.coef[0] == pytest.approx(np.log(-np.log1p(-2e-7)), rel=1e-7)


@pytest.mark.parametrize("fit", [logistic_fit, cloglog_pseudo_fit, poisson_fit])
@pytest.mark.parametrize("weighted", [False, True])
def test_many_rows_are_their_few_distinct_ones_many_times(fit, weighted):
    """Beyond 16,384 rows a few columns are multiplied one by one."""
    X, offset, rng = data(5)
    y, times = (rng.random(90) < 0.4).astype(float), 200
    weights = rng.uniform(0.5, 2.0, 90) if weighted else None
    few = fit(X, y, offset=offset, weights=weights)
    many = fit(
        np.tile(X, (times, 1)),
        np.tile(y, times),
        offset=np.tile(offset, times),
        weights=None if weights is None else np.tile(weights, times),
    )
    assert few.converged
    assert many.converged
    np.testing.assert_allclose(many.coef, few.coef, rtol=1e-10)
    np.testing.assert_allclose(many.covariance * times, few.covariance, rtol=1e-8)
    np.testing.assert_allclose(many.influence[:90] * times, few.influence, rtol=1e-7, atol=1e-12)
    assert many.loglik == pytest.approx(times * few.loglik, rel=1e-10)


def test_pseudo_value_fits_do_not_depend_on_where_they_start():
    """Scoring nears its end by about half of the way each step: at 1e-11 standard errors differed by 3e-11."""
    rng = np.random.default_rng(0)
    for n in (90, 150, 300):
        x = rng.normal(size=n)
        time, leaves = rng.exponential(20 * np.exp(-x)), rng.uniform(3, 40, n)
        y = pseudo_values(np.minimum(time, leaves), (time <= leaves) * (1 + (rng.random(n) < 0.3)), 12.0)
        design, weights = np.column_stack([np.ones(n), 0.5 * x + 0.3 * rng.normal(size=n)]), rng.uniform(0.3, 3, n)
        for given in (None, weights):
            fit = cloglog_pseudo_fit(design, y, weights=given)
            assert fit.converged
            for start in (fit.coef, fit.coef + 0.2):
                again = cloglog_pseudo_fit(design, y, weights=given, start=start)
                np.testing.assert_allclose(again.coef, fit.coef, rtol=2e-12)
                np.testing.assert_allclose(*((f.influence**2).sum(axis=0) for f in (again, fit)), rtol=4e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_long_table_of_pseudo_values_has_the_fit_it_has_from_zero(weighted, monkeypatch):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(900), rng.normal(size=900)])
    y = -np.expm1(-np.exp(X @ [-0.5, 0.8])) + rng.normal(0, 0.7, 900)
    weights = rng.gamma(2, 1, 900) if weighted else None
    want = cloglog_pseudo_fit(X, y, weights=weights)
    monkeypatch.setattr(_mean_regression, "_LONG", 900)
    got = cloglog_pseudo_fit(X, y, weights=weights)
    assert got.converged
    assert got.iterations < want.iterations
    np.testing.assert_allclose(got.coef, want.coef, rtol=1e-12)
    np.testing.assert_allclose(got.covariance, want.covariance, rtol=1e-12)
    np.testing.assert_allclose(got.influence, want.influence, rtol=1e-10, atol=1e-14)


def test_a_long_table_whose_sampled_rows_have_no_event_has_the_fit_it_has_from_zero(monkeypatch):
    """From every sixteenth row the fit left for −∞, where no mean moves, and the long table had no maximum."""
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(320), rng.normal(size=320)])
    y = (rng.random(320) < -np.expm1(-np.exp(X @ [-1.5, 0.8]))).astype(float)
    y[::16] = 0.0
    want = cloglog_pseudo_fit(X, y)
    monkeypatch.setattr(_mean_regression, "_LONG", 320)
    got = cloglog_pseudo_fit(X, y)
    assert got.converged
    np.testing.assert_allclose(got.coef, want.coef, rtol=1e-11)
    np.testing.assert_allclose(got.influence, want.influence, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("n", [300, 40_000])
def test_squares_are_those_of_the_rows(n):
    """Without the influence of each row the sums of squares and products stand for it."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=n)
    design = line_design(x)
    assert design.flags.f_contiguous
    np.testing.assert_array_equal(design, np.column_stack([np.ones(n), x]))
    y = (rng.random(n) < -np.expm1(-np.exp(-1 + 0.5 * x))) * 1.1 - 0.05
    whole, sums = (cloglog_pseudo_fit(design, y, rowwise=rowwise) for rowwise in (True, False))
    assert sums.influence.shape == (0, 2)
    np.testing.assert_array_equal(whole.coef, sums.coef)
    np.testing.assert_array_equal(whole.squares, sums.squares)
    np.testing.assert_allclose(whole.influence.T @ whole.influence, sums.squares, rtol=1e-12)
    np.testing.assert_array_equal(sums.squares, sums.squares.T)


def test_the_largest_move_of_one_varying_column_is_at_its_ends():
    x = np.random.default_rng(0).normal(size=20_000)
    for X in (line_design(x), line_design(x)[:, 1:], line_design(x)[:, :1], np.column_stack([x, x**2])):
        table, step = _mean_regression._Table(X, None, None), np.array([0.3, -0.7])[: X.shape[1]]
        assert table.largest_move(step) == pytest.approx(np.abs(X @ step).max(), rel=1e-14)
