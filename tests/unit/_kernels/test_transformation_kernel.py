"""The likelihood of linear transformation models against brute force: closed forms and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.optimize import approx_fprime

from lbp_prognosis._kernels import (
    TransformationDesign,
    generalised_gamma_scale,
    log_time_knots,
    log_time_spline,
    transformation_fit,
    transformation_rows,
    transformation_scale,
)

SCALES = {
    "hazard": transformation_scale("hazard"),
    "odds": transformation_scale("odds"),
    "normal": transformation_scale("normal"),
    "gamma": generalised_gamma_scale(0.6),
    "gamma-negative": generalised_gamma_scale(-0.4),
}
REFERENCE = {
    "hazard": stats.gumbel_l(),
    "odds": stats.logistic(),
    "normal": stats.norm(),
    # exp(W) with W log generalised gamma is Γ(k)^(1/q) scaled, k = q⁻²
    "gamma": stats.loggamma(0.6**-2, loc=2 * np.log(0.6) / 0.6, scale=1 / 0.6),
    "gamma-negative": None,
}


def make_design(rng, n=60, entry=False):
    kind = rng.integers(0, 3, n)
    low, width = np.log(rng.gamma(2, 2, n) + 0.3), rng.gamma(2, 0.4, n) + 0.05
    time = np.where(kind == 2, low + width, low)
    X = rng.normal(size=(n, 2))

    def rows(at):
        return np.column_stack([np.ones(n), at, X])

    slope = np.column_stack([np.zeros(n), np.ones(n), np.zeros((n, 2))])
    lower_offset = np.where(rng.random(n) < 0.3, -np.inf, 0.0)
    zero = np.zeros(n)
    late = rng.random(n) < 0.5
    extra = {"entry": rows(low - 1.0), "entry_offset": np.where(late, 0.0, -np.inf)} if entry else {}
    return TransformationDesign(kind, rows(time), zero, slope, zero, rows(low), lower_offset, **extra)


@pytest.mark.parametrize("name", SCALES)
def test_survival_and_density_agree_with_the_distribution(name):
    z = np.linspace(-4, 2.2, 25)
    log_s, log_p, d1, d2 = SCALES[name](z)
    if REFERENCE[name] is not None:
        np.testing.assert_allclose(np.exp(log_s), REFERENCE[name].sf(z), rtol=1e-10)
        np.testing.assert_allclose(log_p, REFERENCE[name].logpdf(z), rtol=1e-10, atol=1e-12)
    area = integrate.quad(lambda u: np.exp(SCALES[name](np.array([u]))[1][0]), -40, 40 if name == "odds" else 15)[0]
    assert area == pytest.approx(1, abs=1e-7)
    h = 1e-5
    up, down = SCALES[name](z + h), SCALES[name](z - h)
    np.testing.assert_allclose((up[1] - down[1]) / (2 * h), d1, atol=1e-7)
    np.testing.assert_allclose((up[2] - down[2]) / (2 * h), d2, atol=1e-7)
    np.testing.assert_allclose((up[0] - down[0]) / (2 * h), -np.exp(log_p - log_s), atol=1e-7)


def test_generalised_gamma_runs_into_weibull_and_lognormal():
    z = np.linspace(-3, 3, 13)
    for part, exact in zip(generalised_gamma_scale(1.0)(z), SCALES["hazard"](z)):
        np.testing.assert_allclose(part, exact, rtol=1e-12, atol=1e-13)
    for part, limit in zip(generalised_gamma_scale(2e-4)(z), SCALES["normal"](z)):
        np.testing.assert_allclose(part, limit, atol=2e-3)


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("name", SCALES)
def test_score_and_information_are_the_derivatives(name, entry):
    design = make_design(np.random.default_rng(3), entry=entry)
    scale = SCALES[name]
    theta = np.array([-0.8, 0.9, 0.3, -0.2])
    weights = np.random.default_rng(4).integers(0, 4, 60).astype(float)

    def total(value):
        return float(weights @ transformation_rows(design, scale, value)[0])

    def gradient(value):
        return weights @ transformation_rows(design, scale, value)[1]

    np.testing.assert_allclose(approx_fprime(theta, total, 1e-7), gradient(theta), rtol=1e-4, atol=1e-4)
    fit = transformation_fit(design, scale, theta, weights=weights)
    assert fit.converged
    np.testing.assert_allclose(gradient(fit.coef), 0, atol=1e-7)
    h = 1e-5
    jacobian = np.array([(gradient(fit.coef + h * e) - gradient(fit.coef - h * e)) / (2 * h) for e in np.eye(4)])
    np.testing.assert_allclose(-jacobian, fit.information, rtol=1e-5, atol=1e-4)


def test_exponential_has_its_closed_form():
    rng = np.random.default_rng(0)
    time, event = rng.exponential(3, 50), rng.integers(0, 2, 50)
    log_time, zero, one = np.log(time), np.zeros(50), np.ones((50, 1))
    design = TransformationDesign(event, one, log_time, 0 * one, zero + 1, 0 * one, zero)
    fit = transformation_fit(design, SCALES["hazard"], np.zeros(1))
    assert np.exp(fit.coef[0]) == pytest.approx(event.sum() / time.sum(), rel=1e-12)
    assert fit.information[0, 0] == pytest.approx(event.sum(), rel=1e-12)


def test_knots_are_type_seven_quantiles_and_weights_are_copies():
    rng = np.random.default_rng(1)
    x, w = np.round(rng.normal(size=40), 1), rng.integers(0, 4, 40)
    np.testing.assert_allclose(log_time_knots(x, 4), np.quantile(x, np.linspace(0, 1, 5)), atol=1e-14)
    np.testing.assert_allclose(log_time_knots(x, 4, w.astype(float)), log_time_knots(np.repeat(x, w), 4), atol=1e-14)


def test_spline_is_linear_outside_its_knots_and_its_slope_is_the_derivative():
    knots = np.array([-1.0, 0.2, 0.9, 2.0])
    x = np.linspace(-3, 4, 57)
    basis, slope = log_time_spline(x, knots)
    h = 1e-6
    numeric = (log_time_spline(x + h, knots)[0] - log_time_spline(x - h, knots)[0]) / (2 * h)
    np.testing.assert_allclose(slope, numeric, atol=1e-7)
    tails = basis[x > 2.1]
    np.testing.assert_allclose(np.diff(tails, n=2, axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(basis[x < -1][:, 2:], 0, atol=1e-12)


def test_an_interval_from_zero_keeps_the_last_digit_of_a_small_probability():
    """1 − S is 1e-27, then 1e-392: below what 1 − S can hold, then below the smallest number."""
    one, zero = np.ones((2, 1)), np.zeros((2, 1))
    kind, none = np.full(2, 2), np.zeros(2)
    z = np.array([-2.0872640474378508, -3.0])
    rows = TransformationDesign(kind, zero, z, zero, none, one, np.full(2, -np.inf))
    loglik, score = transformation_rows(rows, generalised_gamma_scale(-3.0), np.zeros(1))
    k, x = 1 / 9, np.exp(-3 * z) / 9
    assert loglik[0] == pytest.approx(np.log(special.gammaincc(k, x[0])), rel=1e-12)
    # Γ(k, x) = xᵏ⁻¹ e⁻ˣ (1 + (k − 1)/x + …)
    assert loglik[1] == pytest.approx((k - 1) * np.log(x[1]) - x[1] - special.gammaln(k), rel=1e-5)
    assert np.isfinite(score).all()
    for name, limit in (("hazard", -800.0), ("odds", -800.0)):
        rows = TransformationDesign(kind, zero, np.full(2, limit), zero, none, one, np.full(2, -np.inf))
        np.testing.assert_allclose(transformation_rows(rows, SCALES[name], np.zeros(1))[0], limit, rtol=1e-12)
