"""Local regression against R's loess and lowess (values in the calibration cases) and against its definition."""

import numpy as np
import pytest

from lbp_prognosis._kernels import loess, lowess


def errors(fitted, risk):
    gap = np.abs(fitted - risk)
    return [gap.mean(), np.median(gap), np.quantile(gap, 0.9), gap.max()]


@pytest.mark.parametrize("name", ["calb_dca_binary", "calb_ipd_afib", "calb_lbp_chronic_split"])
def test_equals_r_on_binary_outcomes(name, reference_case, reference_csv):
    case = reference_case(name)
    table = reference_csv(case["data"]["csv"])
    x = table[case["inputs"]["probability"]].to_numpy()
    y = table[case["inputs"]["outcome"]].to_numpy(dtype=float)
    want = case["expected"]
    for field, fitted in (
        ("loess_direct", loess(x, y, x, exact=True)),
        ("loess_interpolated", loess(x, y, x)),
        ("lowess_iter0", lowess(x, y, x)),
    ):
        np.testing.assert_allclose(errors(fitted, x), list(want[field].values()), rtol=1e-9, err_msg=field)


@pytest.mark.parametrize("name", ["calcr_comprisk_vdata", "calcr_comprisk_vdata_reduced3"])
def test_equals_r_on_pseudo_values(name, reference_case, reference_csv):
    case = reference_case(name)
    table = reference_csv(case["data"]["csv"])
    x, y = table[case["inputs"]["risk"]].to_numpy(), table[case["inputs"]["pseudo"]].to_numpy()
    for field, exact in (("loess_degree1_span033_direct", True), ("loess_degree1_span033_interpolated", False)):
        fitted = loess(x, y, x, span=0.33, degree=1, exact=exact)
        want = list(case["expected"][field].values())
        got = [*errors(fitted, x), np.sqrt(np.mean((fitted - x) ** 2))]
        np.testing.assert_allclose(got, want, rtol=1e-9, err_msg=field)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("exact", [True, False])
def test_reproduces_its_own_polynomials(degree, exact):
    x = np.sort(np.random.default_rng(1).random(80))
    y = 0.3 + 0.5 * x + (0.4 * x**2 if degree == 2 else 0)
    np.testing.assert_allclose(loess(x, y, x, degree=degree, exact=exact), y, atol=1e-10)
    if degree == 1:
        np.testing.assert_allclose(lowess(x, y, x), y, atol=1e-10)


def test_heavy_ties_and_two_values():
    x = np.repeat([0.2, 0.6], 30)
    y = np.random.default_rng(0).integers(0, 2, 60).astype(float)
    want = np.repeat([y[:30].mean(), y[30:].mean()], 30)
    np.testing.assert_allclose(loess(x, y, x, span=1.0, degree=1, exact=True), want, atol=1e-8)
    assert np.isfinite(lowess(x, y, x)).all()
