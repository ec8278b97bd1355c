"""Fine and Gray's fit against R and against brute force; influence values are derivatives."""

import numpy as np
import pytest
from exact_tables import read_exact

from lbp_prognosis._kernels import cox_fit, hazard_influence, rcs_basis, subdistribution_fit


def sample(ties, seed=0, n=80):
    rng = np.random.default_rng(seed)
    time = rng.exponential(5, n)
    return rng.normal(size=(n, 2)), np.ceil(time) if ties else time, rng.integers(0, 3, n)


@pytest.mark.parametrize("ties", [False, True])
def test_without_competing_events_it_is_cox(ties):
    X, time, code = sample(ties)
    code = np.minimum(code, 1)
    fit, cox = subdistribution_fit(X, time, code), cox_fit(X, time, code == 1, ties="breslow")
    np.testing.assert_allclose(fit.coef, cox.coef, atol=1e-10)
    np.testing.assert_allclose(fit.information, cox.information, rtol=1e-8)


@pytest.mark.parametrize("ties", [False, True])
def test_score_by_brute_force(ties):
    """Every patient with a competing event stays at risk, with weight G(t−)/G(T−)."""
    X, time, code = sample(ties)
    fit = subdistribution_fit(X, time, code)

    def g(at):
        value = 1.0
        for s in np.unique(time[(code == 0) & (time < at)]):
            value *= 1 - ((time == s) & (code == 0)).sum() / ((time > s) | ((time == s) & (code == 0))).sum()
        return value

    score = np.zeros(2)
    relative = np.exp(X @ fit.coef)
    for i in np.flatnonzero(code == 1):
        weight = np.where(time >= time[i], 1.0, 0.0)
        for j in np.flatnonzero((code == 2) & (time < time[i])):
            weight[j] = g(time[i]) / g(time[j])
        at_risk = weight * relative
        score += X[i] - at_risk @ X / at_risk.sum()
    np.testing.assert_allclose(score, 0, atol=1e-8)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("competing", [False, True])
def test_influence_is_the_derivative_by_the_weight(ties, competing):
    X, time, code = sample(ties, 3)
    code = code if competing else np.where(code == 1, 1, 0)
    fit = subdistribution_fit(X, time, code)
    got = hazard_influence(X, time, code, fit.coef, fit.information, 4.0)
    assert np.abs(got.sum(axis=0)).max() < 1e-8

    def both(weights):
        again = subdistribution_fit(X, time, code, weights=weights)
        return np.r_[np.log(again.cumulative_hazard[again.times <= 4.0][-1]), again.coef]

    for row in (0, 5, 30, 60):
        up, down = np.ones(80), np.ones(80)
        up[row] += 1e-4
        down[row] -= 1e-4
        np.testing.assert_allclose(got[row], (both(up) - both(down)) / 2e-4, atol=1e-8)  # a numerical derivative


def test_slope_equals_crr(stored_file):
    table = read_exact(stored_file("methods_examples", "te300.csv"))
    cloglog = np.log(-np.log1p(-table["rc"].to_numpy()))[:, None]
    time, code = table["time"].to_numpy(), table["status"].to_numpy()
    fit = subdistribution_fit(cloglog, time, code, events_first=False)
    assert fit.coef[0] == pytest.approx(0.82050762, abs=1e-7)  # crr stops at a gradient of 1e-6
    ours = hazard_influence(cloglog, time, code, fit.coef, fit.information, 12.0)
    # crr's variance lets events leave the censoring risk set later
    assert np.sqrt((ours[:, 1] ** 2).sum()) == pytest.approx(0.10105803, rel=3e-4)


@pytest.mark.parametrize("name", ["calcr_comprisk_vdata", "calcr_comprisk_vdata_reduced3"])
def test_flexible_curve_equals_crr(name, reference_case, reference_csv):
    case = reference_case(name)
    table, want = reference_csv(case["data"]["csv"]), list(case["expected"]["finegray_ns_df6"].values())
    tau, risk = float(case["inputs"]["horizon"]), table[case["inputs"]["risk"]].to_numpy()
    cloglog = np.log(-np.log1p(-risk))
    basis = rcs_basis(cloglog, np.quantile(cloglog, np.linspace(0, 1, 7)))  # the space of ns(df = 6)
    fit = subdistribution_fit(basis, table["time"].to_numpy(), table["status_num"].to_numpy(), events_first=False)
    assert fit.converged
    hazard = fit.cumulative_hazard[fit.times <= tau][-1]
    gap = np.abs(-np.expm1(-hazard * np.exp(basis @ fit.coef)) - risk)
    got = [gap.mean(), np.median(gap), np.quantile(gap, 0.9), gap.max(), np.sqrt((gap**2).mean())]
    # crr stops after ten iterations, before the flat ends of the spline have settled
    np.testing.assert_allclose(got, want, rtol=6e-5)
