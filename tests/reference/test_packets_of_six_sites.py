"""Six packets against all rows: the worked numbers of federated validation, to the printed digit."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, LBPError, Status, Surv
from lbp_prognosis.evaluation import brier, concordance, decision_curve, time_dependent_auc
from lbp_prognosis.federation import FederatedCox, FederatedLogistic, Policy, PooledEvidence, pool, site_packet
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import CensoringKaplanMeier

C = ["c1", "c2", "c3", "p1", "p2"]
DEV, D = syn(400, 11), syn()
EXACT = Policy(min_cell=2, release_budget=1.0, digits=17, thresholds=[0.4])
LOGIT = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"]))
COX = CoxPH().fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
SITES = list(D.groupby("site"))


def of_states(policy: Policy = EXACT) -> PooledEvidence:
    return pool(
        [site_packet(LOGIT, part[C], Status.at(12, part["y"]), site=f"s{k}", policy=policy) for k, part in SITES]
    )


def of_times(policy: Policy = EXACT) -> PooledEvidence:
    return pool(
        [
            site_packet(COX, part[C], Surv.right(part["time"], part["event"]), site=f"s{k}", policy=policy, horizon=12)
            for k, part in SITES
        ]
    )


@pytest.fixture(scope="module")
def states() -> PooledEvidence:
    return of_states()


def test_brier_score(states: PooledEvidence) -> None:
    found = states.measure("brier")
    assert found.stratified == pytest.approx(0.182251047, abs=5e-10)
    assert found.stratified_se == pytest.approx(0.00708810838, abs=5e-12)
    row = brier(Status.at(12, D["y"]), LOGIT.predict_risk(D[C], 12))
    assert found.stratified == pytest.approx(float(row.value), abs=1e-12)
    assert found.stratified_se == pytest.approx(float(row.se), abs=1e-12)
    assert states.measure("ipa").stratified == pytest.approx(float(row.ipa.value), abs=1e-12)


def test_observed_expected(states: PooledEvidence) -> None:
    found = states.measure("observed_expected")
    assert found.stratified == pytest.approx(0.954555109, abs=5e-10)
    # on the log scale, the expected number fixed
    assert found.stratified_se / found.stratified == pytest.approx(0.0484705848, abs=5e-11)


def test_area_under_the_curve(states: PooledEvidence) -> None:
    found = states.measure("auc")
    sites = [0.763537009, 0.776100086, 0.820216049, 0.799768519, 0.831377662, 0.783057851]
    np.testing.assert_allclose(found.values, sites, atol=5e-10)
    assert found.stratified == pytest.approx(0.796782804, abs=5e-10)
    assert found.stratified_se == pytest.approx(0.0190958059, abs=5e-11)


@pytest.mark.parametrize(
    ("cut", "value", "se"),
    [
        (0.2, 0.289166667, 0.0238021114),
        (0.3, 0.224761905, 0.024906598),
        (0.4, 0.182777778, 0.0250098643),
        (0.5, 0.168333333, 0.0240369122),
    ],
)
def test_net_benefit(cut: float, value: float, se: float) -> None:
    """One threshold a packet; sites that keep it. Where all keep it the number is that of all rows."""
    found = of_states(Policy(min_cell=2, release_budget=1.0, digits=17, thresholds=[cut])).measure(
        "net_benefit", threshold=cut
    )
    kept = D["site"].isin([int(site[1:]) for site in found.sites])
    rows = decision_curve(Status.at(12, D["y"][kept]), LOGIT.predict_risk(D[C][kept], 12), None, [cut], n_resamples=0)
    assert found.stratified == pytest.approx(float(rows.value.ravel()[0]), abs=1e-12)
    assert found.stratified_se == pytest.approx(float(rows.se.ravel()[0]), abs=1e-12)
    if kept.all():
        assert found.stratified == pytest.approx(value, abs=5e-10)
        assert found.stratified_se == pytest.approx(se, abs=5e-10)


def test_calibration(states: PooledEvidence) -> None:
    slope, intercept = states.measure("calibration_slope"), states.measure("calibration_intercept")
    assert intercept.stratified == pytest.approx(-0.06824, abs=5e-6)
    assert slope.stratified == pytest.approx(1.181154, abs=5e-7)
    assert abs(slope.stratified - 1.1796386252) < 0.015
    level = states.measure("citl")  # from the same sums
    assert level.stratified == pytest.approx(-0.101524068, abs=1e-4)
    assert level.stratified_se == pytest.approx(0.0928147909, rel=1e-3)


def test_calibration_in_the_large_in_rounds_is_exact() -> None:
    """An intercept alone, with the logit of the risk as offset."""
    model, loose = FederatedLogistic([], tol=1e-9), Policy(events_per_parameter=1, digits=17)
    fit, request = None, model.start()
    for _ in range(4):
        answers = []
        for site, part in SITES:
            p = LOGIT.predict_risk(part[C], 12).ravel()
            y, shift = Status.at(12, part["y"]), np.log(p / (1 - p))
            answers.append(model.round(part[[]], y, request, site=str(site), policy=loose, offset=shift))
        fit = model.step(answers, fit)
        request = fit.request
    assert fit.parameters == ("intercept",)
    assert fit.coef[0] == pytest.approx(-0.101524068, abs=5e-10)
    assert fit.se[0] == pytest.approx(0.0928147909, rel=1e-6)
    with pytest.raises(LBPError, match="columns"):
        FederatedCox([])


def test_recalibration_in_rounds_is_exact() -> None:
    model = FederatedLogistic(["lp"], tol=1e-9)
    told = [
        (-0.06475083, 1.16117268),
        (-0.06821154, 1.17944828),
        (-0.06823060, 1.17963861),
        (-0.0682306024, 1.1796386252),
    ]
    fit, request = None, model.start([0.0, 1.0])
    loose = Policy(events_per_parameter=1, digits=17, trust=20)
    for wanted in told:
        answers = []
        for site, part in SITES:
            p = LOGIT.predict_risk(part[C], 12)
            lp = np.log(p / (1 - p)).reshape(-1, 1)
            answers.append(model.round(lp, Status.at(12, part["y"]), request, site=str(site), policy=loose))
        fit = model.step(answers, fit)
        request = fit.request
        np.testing.assert_allclose(fit.coef, wanted, atol=6e-9)
    # glm gives the covariance of the step before its last
    np.testing.assert_allclose(fit.se, [0.0978676847, 0.111884373], rtol=5e-5)


def test_times_with_a_censoring_curve_a_site() -> None:
    found = of_times()
    c = found.measure("concordance")
    assert c.stratified == pytest.approx(0.7181757, abs=5e-8)
    assert c.stratified_se == pytest.approx(0.0158462299, abs=5e-11)
    risk, y = COX.predict_risk(D[C], 12), Surv.right(D["time"], D["event"])
    rows = concordance(y, COX.linear_predictor(D[C]), strata=D["site"])
    assert c.stratified == pytest.approx(float(rows.value), abs=1e-12)
    by_site = CensoringKaplanMeier(strata=D["site"]).fit(y)
    loss = brier(y, risk, 12, censoring=by_site)
    score = found.measure("brier")
    assert score.stratified == pytest.approx(float(loss.value), abs=1e-8)
    assert score.stratified_se == pytest.approx(float(loss.se), abs=1e-8)
    oe = found.measure("observed_expected")
    assert oe.stratified * risk.mean() == pytest.approx(0.433292891, abs=5e-10)


def test_share_with_the_event_of_stratified_sites() -> None:
    """Σ n_s F_s / n = .433292891 with standard error .0213199194; all rows together give .433756606."""
    packets = [
        site_packet(COX, part[C], Surv.right(part["time"], part["event"]), site=f"s{k}", policy=EXACT, horizon=12)
        for k, part in SITES
    ]
    sums = [packet.content["sums"] for packet in packets]
    assert sum(s["observed"] for s in sums) / 600 == pytest.approx(0.433292891, abs=5e-10)
    assert np.sqrt(sum(s["observed_se"] ** 2 for s in sums)) / 600 == pytest.approx(0.0213199194, abs=5e-10)


def test_released_digits() -> None:
    """Six significant digits cost less than five in a million."""
    exact, told = of_states(), of_states(Policy(min_cell=2, release_budget=1.0, thresholds=[0.4]))
    for a, b in zip(exact.measures, told.measures):
        if a.metric.startswith("calibration"):
            assert b.stratified == pytest.approx(a.stratified, abs=2e-5)  # a difference of sums loses digits
        else:
            assert b.stratified == pytest.approx(a.stratified, rel=5e-6)
    full = time_dependent_auc(Status.at(12, D["y"]), LOGIT.predict_risk(D[C], 12))
    assert float(full.value) == pytest.approx(0.791107450, abs=5e-10)  # pairs between sites too: not what is pooled
