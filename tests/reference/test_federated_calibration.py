"""A calibration curve in rounds is that of all rows; what a site does not answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import LBPError, Status
from lbp_prognosis._kernels import logistic_fit, rcs_basis
from lbp_prognosis.evaluation import calibration
from lbp_prognosis.federation import FederatedCalibration, FederatedFit, FederatedLogistic, Policy
from lbp_prognosis.models import LogisticRisk

C = ["c1", "c2", "c3", "p1", "p2"]
DEV, D = syn(400, 11), syn()
RISK = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"])).predict_risk(D[C], 12).ravel()
EXACT = Policy(min_cell=2, digits=17, events_per_parameter=1, release_budget=1.0)
KNOTS = [0.15, 0.35, 0.6, 0.85]


def rounds(
    model: FederatedLogistic, y: np.ndarray, policy: Policy = EXACT, weight: np.ndarray | None = None
) -> FederatedFit:
    fit, request = None, model.start()
    sites = D["site"].to_numpy()
    answered: dict[str, list] = {str(site): [] for site in np.unique(sites)}
    for _ in range(8):
        for site, kept in answered.items():
            rows = sites == type(sites[0])(site)
            told = model.round(
                RISK[rows, None],
                y[rows],
                request,
                site=site,
                policy=policy,
                answered=kept,
                sample_weight=None if weight is None else weight[rows],
            )
            assert not told.withheld
            kept.append(told)
        fit = model.step([kept[-1] for kept in answered.values()], fit)
        request = fit.request
        if fit.converged:
            break
    assert fit is not None
    return fit


def design(risk: np.ndarray, knots: list[float]) -> np.ndarray:
    return np.column_stack([np.ones(risk.size), rcs_basis(logit(risk), logit(knots))])


def logit(p: np.ndarray | list[float]) -> np.ndarray:
    return np.log(np.asarray(p) / (1 - np.asarray(p)))


@pytest.mark.parametrize("knots", [KNOTS, KNOTS[:3]])
def test_six_sites_draw_the_curve_of_all_rows(knots: list[float]) -> None:
    y = Status.at(12, D["y"])
    model = FederatedCalibration(knots, tol=1e-9)
    fit = rounds(model, y)
    whole = calibration(y, RISK, 12, knots=logit(knots), n_resamples=0).curves[0]
    found = model.curve(fit, whole.risk)
    np.testing.assert_allclose(found["observed"], whole.observed, atol=1e-8)
    # limits from the information, which sums have, not from squares of influence values, which they have not
    rows = logistic_fit(design(RISK, knots), D["y"].to_numpy().astype(float))
    points = design(whole.risk, knots)
    eta, half = points @ rows.coef, 1.959963985 * np.sqrt(np.diag(points @ rows.covariance @ points.T))
    np.testing.assert_allclose(found["low"], 1 / (1 + np.exp(half - eta)), atol=1e-8)
    np.testing.assert_allclose(found["high"], 1 / (1 + np.exp(-half - eta)), atol=1e-8)
    assert fit.n == 600
    assert fit.number <= 8


def test_states_that_are_not_known_and_weights() -> None:
    state = D["y"].to_numpy().copy()
    state[::7] = -1
    weight = np.random.default_rng(0).uniform(0.5, 2, 600)
    model = FederatedCalibration(KNOTS, tol=1e-9)
    fit = rounds(model, Status.at(12, state), weight=weight)
    known = state >= 0
    whole = calibration(
        Status.at(12, state[known]), RISK[known], 12, knots=logit(KNOTS), n_resamples=0, sample_weight=weight[known]
    ).curves[0]
    np.testing.assert_allclose(model.curve(fit, whole.risk)["observed"], whole.observed, atol=1e-8)


def test_released_digits_move_the_curve_little() -> None:
    y = Status.at(12, D["y"])
    model = FederatedCalibration(KNOTS)
    grid = np.linspace(0.1, 0.9, 17)
    exact = model.curve(rounds(model, y), grid)
    told = model.curve(rounds(model, y, Policy(events_per_parameter=1)), grid)
    np.testing.assert_allclose(told["observed"], exact["observed"], rtol=5e-5)


def test_perfect_calibration_is_a_line_by_hand() -> None:
    """The straight line of the spline is the logistic recalibration: beyond the outer knots it has no bend."""
    model = FederatedCalibration(KNOTS)
    fit = rounds(model, Status.at(12, D["y"]))
    eta = logit(model.curve(fit, [0.02, 0.04, 0.08])["observed"].to_numpy())
    x = logit([0.02, 0.04, 0.08])
    assert (eta[1] - eta[0]) / (x[1] - x[0]) == pytest.approx(fit.coef[1], rel=1e-9)
    assert (eta[2] - eta[1]) / (x[2] - x[1]) == pytest.approx(fit.coef[1], rel=1e-9)


@pytest.mark.parametrize(("beyond", "withheld"), [(4, True), (9, False)])
def test_a_bend_of_a_few_patients_is_not_answered(beyond: int, withheld: bool) -> None:
    """Beyond the inner knot lie the patients that its term is made of."""
    random = np.random.default_rng(0)
    risk = np.concatenate([random.uniform(0.1, 0.55, 200 - beyond), np.full(beyond, 0.75)])
    y = Status.at(12, (random.random(200) < risk).astype(int))
    model = FederatedCalibration([0.2, 0.6, 0.7, 0.8])
    told = model.round(risk[:, None], y, model.start(), site="a", policy=Policy(events_per_parameter=1))
    assert bool(told.withheld) is withheld
    if withheld:
        assert "bend at 0.6" in told.withheld


def test_agreement_and_refusals() -> None:
    model, other = FederatedCalibration(KNOTS), FederatedCalibration([0.1, 0.5, 0.8, 0.9])
    y = Status.at(12, D["y"])
    assert model.agreement != other.agreement
    with pytest.raises(LBPError, match="agreement"):
        other.round(RISK[:, None], y, model.start(), site="a")
    for knots in ([0.2, 0.5], [0.2, 0.2, 0.5], [0.0, 0.5, 0.9], [0.1, 0.5, 1.0], np.linspace(0.1, 0.9, 7)):
        with pytest.raises(LBPError, match="knots"):
            FederatedCalibration(knots)
    with pytest.raises(LBPError, match="risks"):
        model.round(np.full((600, 1), 1.2), y, model.start(), site="a")
    fit = model.step([model.round(pd.DataFrame({"risk": RISK}), y, model.start(), site="a", policy=EXACT)])
    with pytest.raises(LBPError, match="fit"):
        other.curve(fit, [0.5])
