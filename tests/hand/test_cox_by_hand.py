"""Six patients whose Cox fits can be worked out with a pencil (the data set of Therneau's validation chapter)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import cox_baseline, cox_data, cox_fit, cox_pieces
from lbp_prognosis.models import CauseSpecificCox, CoxPH
from lbp_prognosis.survival import Surv

TIME = np.array([1.0, 1, 6, 6, 8, 9])
EVENT = np.array([1, 0, 1, 1, 0, 1])
X = np.array([[1.0], [1], [1], [0], [0], [0]])


def test_breslow():
    # loglik = 2β − log(3r + 3) − 2 log(r + 3), r = e^β: r² − 3r − 6 = 0
    fit = cox_fit(X, TIME, EVENT, ties="breslow")
    r = (3 + np.sqrt(33)) / 2
    np.testing.assert_allclose(fit.coef, [np.log(r)], rtol=1e-12)
    np.testing.assert_allclose(fit.loglik_null, -np.log(6) - 2 * np.log(4), rtol=1e-14)
    np.testing.assert_allclose(fit.loglik, 2 * np.log(r) - np.log(3 * r + 3) - 2 * np.log(r + 3), rtol=1e-14)
    information = r / (r + 1) ** 2 + 6 * r / (r + 3) ** 2
    np.testing.assert_allclose(fit.covariance, [[1 / information]], rtol=1e-10)
    # score test at zero: U = 2 − 1/2 − 2/4, I = 1/4 + 2·3/16
    np.testing.assert_allclose(fit.score, 1.0**2 / (1 / 4 + 6 / 16), rtol=1e-12)


def test_efron():
    # loglik = 2β − log(3r + 3) − log(r + 3) − log(r/2 + 5/2)
    r = brentq(lambda r: 2 - r / (r + 1) - r / (r + 3) - r / (r + 5), 1, 100, xtol=1e-14)
    fit = cox_fit(X, TIME, EVENT)
    np.testing.assert_allclose(fit.coef, [np.log(r)], rtol=1e-12)
    np.testing.assert_allclose(fit.loglik_null, -np.log(6) - np.log(4) - np.log(3), rtol=1e-14)
    information = r / (r + 1) ** 2 + 3 * r / (r + 3) ** 2 + 5 * r / (r + 5) ** 2
    np.testing.assert_allclose(fit.covariance, [[1 / information]], rtol=1e-10)


def test_exact_has_no_finite_maximum():
    # time 6: pairs of {r, 1, 1, 1} sum to 3r + 3, so loglik = 2β − 2 log(3r + 3) rises for ever
    with pytest.raises(EstimationError, match="no finite maximum"):
        CoxPH(ties="exact").fit(X, Surv.right(TIME, EVENT))


def test_exact_by_enumeration():
    # two of three tied: e2(r1, r2, r3) with x = 0, 1, 3; derivative set to zero
    x, event = np.array([0.0, 1.0, 3.0]), np.array([1, 0, 1])
    fit = cox_fit(x[:, None], np.ones(3), event, ties="exact")
    root = brentq(
        lambda b: 3 - (np.exp(b) + 3 * np.exp(3 * b) + 4 * np.exp(4 * b)) / (np.exp(b) + np.exp(3 * b) + np.exp(4 * b)),
        -5,
        5,
        xtol=1e-14,
    )
    np.testing.assert_allclose(fit.coef, [root], rtol=1e-10)


def test_baseline_at_zero_coefficients():
    zero = np.zeros(6)
    ((times, hazard),) = cox_baseline(TIME, EVENT, zero, ties="efron")
    np.testing.assert_array_equal(times, [1, 6, 9])
    np.testing.assert_allclose(hazard, np.cumsum([1 / 6, 1 / 4 + 1 / 3, 1]), rtol=1e-15)
    ((_, breslow),) = cox_baseline(TIME, EVENT, zero, ties="breslow")
    np.testing.assert_allclose(breslow, np.cumsum([1 / 6, 2 / 4, 1]), rtol=1e-15)


def test_residuals_at_zero_coefficients():
    pieces = cox_pieces(cox_data(X, TIME, EVENT), np.zeros(1))
    np.testing.assert_allclose(pieces.martingale(), [5 / 6, -1 / 6, 5 / 12, 5 / 12, -3 / 4, -3 / 4], rtol=1e-14)
    breslow = cox_pieces(cox_data(X, TIME, EVENT), np.zeros(1), ties="breslow")
    np.testing.assert_allclose(breslow.martingale(), [5 / 6, -1 / 6, 1 / 3, 1 / 3, -2 / 3, -2 / 3], rtol=1e-14)
    # Breslow score residuals by hand: means of x in the risk sets are 1/2, 1/4, 0
    score = [
        (1 - 1 / 2) * 5 / 6,
        (1 - 1 / 2) * (-1 / 6),
        3 / 4 - (1 / 2) / 6 - (3 / 4) / 2,
        -1 / 4 + (1 / 2) / 6 + (1 / 4) / 2,
        (1 / 2) / 6 + (1 / 4) / 2,
        (1 / 2) / 6 + (1 / 4) / 2,
    ]
    np.testing.assert_allclose(breslow.score()[:, 0], score, rtol=1e-13)
    np.testing.assert_allclose(breslow.score().sum(), 1.0, rtol=1e-13)


def test_product_limit_incidence_without_predictive_power():
    # without predictors the product limit is Aalen–Johansen: F1 = 1/4 at 1, and 1/4 + 2/4 · 1/2 at 3
    time, code = np.array([1.0, 2, 3, 4]), np.array([1, 2, 1, 2])
    model = CauseSpecificCox(collinear="drop").fit(np.ones((4, 1)), Surv.right(time, code, censored=0))
    row = np.ones((1, 1))
    np.testing.assert_allclose(model.predict_risk(row, [1, 2, 3, 4], 1), [[1 / 4, 1 / 4, 1 / 2, 1 / 2]], rtol=1e-14)
    np.testing.assert_allclose(model.predict_risk(row, [1, 2, 3, 4], 2), [[0, 1 / 4, 1 / 4, 1 / 2]], rtol=1e-14)
