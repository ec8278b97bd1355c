"""Tails of the gamma distribution at shapes of any size.

Reference values of R 4.2: ``pgamma(exp(q * c(-6, -5, -3, 0.1, 3, 5)) / q^2, 1 / q^2)`` of each q.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammainc, gammaincc, gammaln

from lbp_prognosis._kernels import gamma_tails, generalised_gamma_scale

Z = np.array([-6, -5, -3, 0.1, 3, 5])
OF_R = {
    0.05: [6.08391971464292e-09, 8.63203072600252e-07, 0.00180732850158046, 0.546468587613956, 0.999010502489758],
    0.0033: [1.12143275229277e-09, 3.09510814686465e-07, 0.00137692263129416, 0.540266632200734, 0.998676704266696],
    0.001: [1.02577166773832e-09, 2.934125545099e-07, 0.00135804249771399, 0.539960813062169, 0.998658207655767],
    1e-4: [9.90442668749572e-10, 2.87321299188337e-07, 0.00135071073108515, 0.539841135153921, 0.998650914280038],
}


@pytest.mark.parametrize("q", OF_R)
def test_as_r(q: float) -> None:
    low, high = gamma_tails(q**-2, q * Z)
    np.testing.assert_allclose(low[:5], OF_R[q], rtol=2e-11)
    np.testing.assert_allclose(low + high, 1.0, rtol=1e-15)


@pytest.mark.parametrize("shape", [4e4, 4.9999e4, 5e4, 5.0001e4, 9e4])
def test_both_ways_meet_where_they_change(shape: float) -> None:
    s = np.linspace(-7, 7, 57) / np.sqrt(shape)
    low, high = gamma_tails(shape, s)
    np.testing.assert_allclose(low, gammainc(shape, shape * np.exp(s)), rtol=1e-10)
    np.testing.assert_allclose(high, gammaincc(shape, shape * np.exp(s)), rtol=1e-10)


def test_by_integration() -> None:
    """The brute-force twin: the density integrated over the tail."""
    shape, s = 2e5, -5 / np.sqrt(2e5)
    start = shape * np.log(shape) - shape - gammaln(shape)  # log of the density of s at 0

    def density(u: float) -> float:
        return float(np.exp(start + shape * (u - np.expm1(u))))

    area = quad(density, s - 12 / np.sqrt(shape), s, epsabs=0, epsrel=1e-11)[0]
    assert gamma_tails(shape, np.array([s]))[0][0] == pytest.approx(area, rel=1e-8)


def test_the_ends() -> None:
    for shape in (0.1, 30.0, 1e5, 1e12):
        low, high = gamma_tails(shape, np.array([-np.inf, -700.0, 0.0, 700.0, np.inf, np.nan]))
        assert low[0] == 0.0
        assert high[0] == 1.0
        assert low[4] == low[3] == 1.0
        assert high[4] == high[3] == 0.0
        assert np.isnan([low[5], high[5]]).all()
        assert low[2] == pytest.approx(0.5 + 1 / (3 * np.sqrt(2 * np.pi * shape)), rel=1e-7 if shape > 1e4 else 0.2)


def test_likelihoods_near_the_log_normal_run_into_it() -> None:
    """At a shape of 1e-4 the tail of SciPy was 35 % too small, and a likelihood with it."""
    z = np.linspace(-7, 7, 29)
    for part, near, limit in zip(
        generalised_gamma_scale(1e-5)(z), generalised_gamma_scale(-1e-5)(z), generalised_gamma_scale(0.0)(z)
    ):
        np.testing.assert_allclose(part, limit, rtol=0, atol=2e-3)
        np.testing.assert_allclose((part + near) / 2, limit, rtol=0, atol=1e-6)
