"""Worked numbers of the methods notes for censoring weights, discrimination and prediction error.

The values were computed with R (survival, riskRegression, pec, pROC) and by hand-written influence functions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis._kernels import cox_baseline, cox_fit, ipcw_influence, ipcw_weights, step_at
from lbp_prognosis.evaluation import brier, concordance, integrated_brier, log_score, time_dependent_auc
from lbp_prognosis.survival import Status, Surv

BASIC = ["c1", "c2", "c3", "p1", "p2"]
MORE = [*BASIC, "m1", "m2", "m3"]


def trained(data: pd.DataFrame, columns: list[str], horizons) -> tuple[np.ndarray, np.ndarray]:
    """Cox (Efron) on the first 300 rows; linear predictor and risks of the others."""
    first, second = data.iloc[:300], data.iloc[300:]
    x = first[columns].to_numpy()
    coef = cox_fit(x, first["time"].to_numpy(), first["event"].to_numpy()).coef
    ((times, hazard),) = cox_baseline(first["time"].to_numpy(), first["event"].to_numpy(), x @ coef)
    lp = second[columns].to_numpy() @ coef
    base = step_at(times, hazard, np.atleast_1d(horizons).astype(float), left=0.0)
    return lp, 1 - np.exp(-np.exp(lp)[:, None] * base)


@pytest.fixture(scope="module")
def monthly():
    data = syn()
    data["time"] = np.maximum(1, np.round(data["time"]))
    return data


@pytest.fixture(scope="module")
def months(monthly):
    """Outcome of the last 300 rows in whole months, linear predictor, risk at 12."""
    lp, risk = trained(monthly, BASIC, 12)
    test = monthly.iloc[300:]
    return Surv.right(test["time"], test["event"]), lp, risk[:, 0]


def test_weights_average_one_and_keep_greenwood(months, golden):
    y, _, _ = months
    assert ipcw_weights(y["time"], y["event"], 12.0).mean() == pytest.approx(1, abs=1e-12)
    share, psi = ipcw_influence(y["time"], y["event"], 12.0, ((y["time"] <= 12) & (y["event"] == 1)).astype(float))
    assert share == pytest.approx(golden["ipcw"]["F"], abs=1e-9)
    assert np.sqrt(np.sum(psi**2)) / 300 == pytest.approx(golden["ipcw"]["F_se"], abs=1e-9)


def test_brier_and_auc_of_the_monthly_data(months, golden):
    y, _, risk = months
    error, area = brier(y, risk, 12), time_dependent_auc(y, risk, 12)
    wanted = golden["ipcw"]
    found = [error.value, error.se, area.value, area.se]
    np.testing.assert_allclose(found, [wanted[k] for k in ("brier", "brier_se", "auc", "auc_se")], atol=2e-9)
    assert error.null.value == pytest.approx(0.249603371, abs=1e-9)


def test_net_benefit_is_another_weighted_mean(months, golden):
    y, _, risk = months
    case = (y["time"] <= 12) & (y["event"] == 1)
    for threshold, field in ((0.3, "nb.3"), (0.5, "nb.5")):
        h = (risk >= threshold) * np.where(case, 1.0, -threshold / (1 - threshold))
        value, psi = ipcw_influence(y["time"], y["event"], 12.0, h)
        np.testing.assert_allclose([value, np.sqrt(np.sum(psi**2)) / 300], golden["ipcw"][field], atol=1e-8)


def test_coarse_times_need_events_first_and_g_before_t(months):
    """The other conventions give other numbers on the same monthly data; ours is that of riskRegression and pec."""
    y, _, risk = months
    ours = brier(y, risk, 12).value
    assert ours == pytest.approx(0.206105043, abs=1e-9)
    for other in (0.203818479, 0.207413133, 0.210003080):
        assert abs(ours - other) > 1e-3


def test_concordance_of_the_monthly_data(months):
    y, lp, _ = months
    harrell = concordance(y, lp)
    assert harrell.value == pytest.approx(0.691412036, abs=1e-9)
    assert harrell.se == pytest.approx(0.02311672, abs=1e-8)
    assert concordance(y, lp, weighting="uno", tau=12).value == pytest.approx(0.696731284, abs=1e-9)


def test_integrated_brier_on_the_declared_grid(monthly, months):
    y, _, _ = months
    _, risk = trained(monthly, BASIC, [3, 6, 9, 12])
    assert integrated_brier(y, risk, [3, 6, 9, 12], rule="step").value == pytest.approx(0.1229846688, abs=1e-9)
    assert integrated_brier(y, risk[:, :2], [3, 6], rule="step").value == pytest.approx(0.0499328, abs=1e-7)


def test_concordance_with_rounded_scores(golden):
    data = syn()
    score = np.round(0.587 * data["c1"] + 0.28 * data["c2"] + 0.39 * data["p1"], 1)
    y = Surv.right(data["time"], data["event"])
    harrell = concordance(y, score)
    assert [harrell.concordant, harrell.discordant, harrell.tied] == golden["concordance"]["counts"]
    assert harrell.value == pytest.approx(golden["concordance"]["harrell"], abs=1e-11)
    assert harrell.se == pytest.approx(golden["concordance"]["se"], abs=1e-11)
    uno = concordance(y, score, weighting="uno", tau=18)
    assert uno.value == pytest.approx(golden["concordance"]["uno18"], abs=1e-11)
    assert uno.se == pytest.approx(0.01498002, abs=5e-9)  # printed to eight digits


def test_an_event_at_tau_counts(golden):
    """Two tied events at 12.0 move Uno's index by 0.0009 when they are left out."""
    data = syn()
    score = np.round(0.587 * data["c1"] + 0.28 * data["c2"] + 0.39 * data["p1"], 1)
    y = Surv.right(data["time"], data["event"])
    at = concordance(y, score, weighting="uno", tau=12).value
    before = concordance(y, score, weighting="uno", tau=np.nextafter(12, 0)).value
    assert at == pytest.approx(golden["concordance"]["uno12_le"], abs=1e-9)
    assert before == pytest.approx(golden["concordance"]["uno12_strict"], abs=1e-9)


def test_concordance_within_sites(golden):
    """Pairs within sites only, as survival's strata; the model comes from another cohort."""
    other, data = syn(400, seed=11), syn()
    coef = cox_fit(other[BASIC].to_numpy(), other["time"].to_numpy(), other["event"].to_numpy()).coef
    y = Surv.right(data["time"], data["event"])
    found = concordance(y, data[BASIC].to_numpy() @ coef, strata=data["site"])
    assert found.value == pytest.approx(golden["federated"]["strat_C"], abs=5e-8)
    assert found.se == pytest.approx(0.0161376648, abs=5e-11)


def test_apparent_concordance():
    data = syn()
    x = data[BASIC].to_numpy()
    lp = x @ cox_fit(x, data["time"].to_numpy(), data["event"].to_numpy()).coef
    assert concordance(Surv.right(data["time"], data["event"]), lp).value == pytest.approx(0.72296484, abs=1e-8)


def test_paired_difference_of_apparent_concordances(golden):
    data = syn()
    y = Surv.right(data["time"], data["event"])
    found = []
    for columns in (BASIC, MORE):
        x = data[columns].to_numpy()
        found.append(concordance(y, x @ cox_fit(x, data["time"].to_numpy(), data["event"].to_numpy()).coef))
    change = found[1].minus(found[0])
    np.testing.assert_allclose([c.value for c in found], golden["added_value"]["C"], atol=1e-8)
    np.testing.assert_allclose(
        [change.value, change.se], [golden["added_value"]["dC"], golden["added_value"]["dC_se"]], atol=1e-9
    )


def test_held_out_comparison_with_score():
    data = syn()
    test = data.iloc[300:]
    y = Surv.right(test["time"], test["event"])
    risks = [trained(data, columns, 12)[1][:, 0] for columns in (BASIC[:3], BASIC, MORE)]
    areas, errors = [time_dependent_auc(y, r, 12) for r in risks], [brier(y, r, 12) for r in risks]
    np.testing.assert_allclose([a.value for a in areas], [0.735606952, 0.759600538, 0.761510517], atol=1e-8)
    np.testing.assert_allclose([e.value for e in errors], [0.219580399, 0.208390366, 0.208075790], atol=1e-8)
    np.testing.assert_allclose([e.ipa.value for e in errors], [0.118770635, 0.163678946, 0.164941418], atol=1e-8)
    assert errors[0].null.value == pytest.approx(0.249175081, abs=1e-9)
    change, change_error = areas[2].minus(areas[1]), errors[2].minus(errors[1])
    factor = np.sqrt(300 / 299)  # Score divides by n − 1, and treats tied censorings a little differently
    np.testing.assert_allclose([change.value, change_error.value], [0.00190997892, -0.000314576], atol=1e-8)
    assert change.se * factor == pytest.approx(0.00742655654, rel=5e-5)
    assert change_error.se * factor == pytest.approx(0.00281063551, rel=3e-3)


def _logistic(data: pd.DataFrame, columns: list[str], fit_rows, predict_rows) -> np.ndarray:
    import statsmodels.api as sm

    x = sm.add_constant(data[columns].to_numpy())
    model = sm.GLM(data["y"].to_numpy()[fit_rows], x[fit_rows], family=sm.families.Binomial())
    return np.asarray(model.fit(tol=1e-12).predict(x[predict_rows]))


def test_delong_and_cross_fitted_differences(golden):
    data = syn()
    everybody = np.ones(600, dtype=bool)
    y = Status.at(12, data["y"])
    apparent = [time_dependent_auc(y, _logistic(data, c, everybody, everybody)) for c in (BASIC, MORE)]
    wanted = golden["added_value"]["delong"]
    np.testing.assert_allclose([a.value for a in apparent], wanted["auc"], atol=1e-8)
    np.testing.assert_allclose([a.se**2 for a in apparent], wanted["var"], rtol=1e-7)
    difference = apparent[0].minus(apparent[1])
    assert difference.value / difference.se == pytest.approx(wanted["Z"], rel=1e-6)
    fold = data["id"].to_numpy() % 5
    crossed = []
    for columns in (BASIC, MORE):
        risk = np.empty(600)
        for k in range(5):
            risk[fold == k] = _logistic(data, columns, fold != k, fold == k)
        crossed.append(risk)
    wanted = golden["added_value"]["crossfit"]
    errors = [brier(y, r) for r in crossed]
    np.testing.assert_allclose([time_dependent_auc(y, r).value for r in crossed], wanted["auc"], atol=1e-8)
    np.testing.assert_allclose([e.ipa.value for e in errors], wanted["ipa"], atol=5e-8)
    factor = np.sqrt(600 / 599)  # the notes divide by n − 1
    change = errors[1].minus(errors[0])
    np.testing.assert_allclose([change.value, change.se * factor], [wanted["dBrier"], wanted["dBrier_se"]], atol=1e-9)
    logs = [log_score(y, r) for r in crossed]
    change = logs[0].minus(logs[1])  # the notes' log score is the log likelihood, higher is better
    np.testing.assert_allclose([change.value, change.se * factor], [wanted["dlog"], wanted["dlog_se"]], atol=1e-8)
