"""Calibration from sums: derivatives by differences, worked numbers, exact score at the solution of small changes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from syn import syn

from lbp_prognosis import Status
from lbp_prognosis._kernels import TaylorSums, logistic_fit, poisson_fit, solve_taylor, solve_taylor_level, taylor_sums
from lbp_prognosis.models import LogisticRisk

C = ["c1", "c2", "c3", "p1", "p2"]
DEV, D = syn(400, 11), syn()
RISK = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"])).predict_risk(D[C], 12)[:, 0]
Y = D["y"].to_numpy(float)


def of(lp: np.ndarray, rows: np.ndarray | slice = slice(None)) -> TaylorSums:
    q = expit(lp[rows])
    v = q * (1 - q)
    return taylor_sums(lp[rows], Y[rows] - q, v, v * (1 - 2 * q))


def whole(lp: np.ndarray) -> TaylorSums:
    parts = [of(lp, D["site"].to_numpy() == site) for site in range(1, 7)]
    return TaylorSums(*(np.sum([part[k] for part in parts], axis=0) for k in range(3)))


def test_six_sites_are_one() -> None:
    line, covariance = solve_taylor(whole(logit(RISK)))
    assert line[0] == pytest.approx(-0.06824, abs=5e-6)
    assert line[1] == pytest.approx(1.181154, abs=5e-7)
    assert line[1] - 1.1796386252 == pytest.approx(0.0015157, abs=5e-7)
    # standard errors of all rows: .0978676847, .111884373
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.0978676847, 0.111884373], rtol=0.015)
    # without the third derivative
    flat = whole(logit(RISK))._replace(third=np.zeros(4))
    np.testing.assert_allclose(solve_taylor(flat)[0], [-0.0647508, 1.1611727], atol=5e-7)


@pytest.mark.parametrize(
    ("a", "b", "slope", "error"),
    [(-0.3, 0.85, 1.388, 0.0037), (0.3, 1.1, 1.072, 0.0010), (0.5, 1.4, 0.843, -0.0052), (-0.5, 0.7, 1.685, -0.0145)],
)
def test_error_grows_with_the_distance(a: float, b: float, slope: float, error: float) -> None:
    lp = a + b * logit(RISK)
    exact = logistic_fit(np.column_stack([np.ones(600), lp]), Y).coef
    assert exact[1] == pytest.approx(slope, abs=5e-4)
    assert solve_taylor(whole(lp))[0][1] - exact[1] == pytest.approx(error, abs=1e-4)


def test_sums_are_derivatives_of_the_likelihood() -> None:
    lp, h = logit(RISK), 1e-4

    def score(a: float, b: float) -> np.ndarray:
        return np.array([np.sum(Y - expit(a + b * lp)), np.sum(lp * (Y - expit(a + b * lp)))])

    sums = of(lp)
    np.testing.assert_allclose(sums.score, score(0, 1))
    slope = np.column_stack([(score(h, 1) - score(-h, 1)) / (2 * h), (score(0, 1 + h) - score(0, 1 - h)) / (2 * h)])
    np.testing.assert_allclose(-slope, sums.information, rtol=1e-6)
    curve = (score(h, 1) - 2 * score(0, 1) + score(-h, 1)) / h**2
    np.testing.assert_allclose(-curve, sums.third[:2], rtol=1e-3, atol=1e-3)
    curve = (score(0, 1 + h) - 2 * score(0, 1) + score(0, 1 - h)) / h**2
    np.testing.assert_allclose(-curve, sums.third[2:], rtol=1e-3, atol=1e-2)


def test_cumulative_hazards() -> None:
    """Times: events against the cumulative hazard of the model, a Poisson likelihood with an offset."""
    x = D["c1"].to_numpy()
    end = np.minimum(D["time"].to_numpy(), 12.0)
    expected = 0.042 * np.exp(0.65 * x) * end
    event = ((D["event"] == 1) & (D["time"] <= 12)).to_numpy(float)
    lp = np.log(12 * 0.042 * np.exp(0.65 * x))
    line, covariance = solve_taylor(taylor_sums(lp, event - expected, expected, expected))
    exact = poisson_fit(np.column_stack([np.ones(600), lp]), event, offset=np.log(expected))
    np.testing.assert_allclose(line, exact.coef + np.array([0, 1]), atol=0.01)
    np.testing.assert_allclose(covariance, exact.covariance, rtol=0.05)


def test_no_root_is_no_number() -> None:
    line, covariance = solve_taylor(TaylorSums(np.array([50.0, 0.0]), np.eye(2), np.zeros(4)))
    assert np.isnan(line).all()
    assert np.isnan(covariance).all()
    assert np.isnan(solve_taylor(TaylorSums(np.ones(2), np.ones((2, 2)), np.zeros(4)))[0]).all()


def test_the_level_at_slope_one() -> None:
    """50 = 100 α + ½ 20 α²: α = −5 + √(25 + 5), where the derivative is 100 + 20 α."""
    sums = TaylorSums(np.array([50.0, 0.0]), np.diag([100.0, 1.0]), np.array([20.0, 0.0, 0.0, 0.0]))
    level, variance = solve_taylor_level(sums)
    assert level == pytest.approx(np.sqrt(30) - 5, rel=1e-14)
    assert variance == pytest.approx(1 / (100 + 20 * level), rel=1e-14)
    assert solve_taylor_level(sums._replace(third=np.zeros(4))) == (0.5, 0.01)
    assert np.isnan(solve_taylor_level(sums._replace(third=np.array([-100.0, 0, 0, 0])))).all()
    assert np.isnan(solve_taylor_level(sums._replace(information=np.zeros((2, 2))))).all()
