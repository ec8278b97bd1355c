"""rms::validate: the apparent indexes exactly, the corrected ones within Monte-Carlo error; folds given by R."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.evaluation import concordance
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import bootstrap_validate, cross_validate_risk

INDEXES = {"Dxy": "dxy", "R2": "nagelkerke_r2", "D": "d_index", "U": "u_index", "Q": "q_index", "g": "g_index"}


def _compare(result, want, slope=True):
    names = {**INDEXES, **({"Slope": "calibration_slope"} if slope else {})}
    for theirs, ours in names.items():
        row, case = result.at(ours), want[theirs]
        assert abs(row["apparent"]) == pytest.approx(abs(case["apparent_index_orig"]), rel=1e-5, abs=1e-7), theirs
        own = np.std(result.resampled - result.tested, axis=0)
        k = [name for name, _, _ in result.names].index(ours)
        monte_carlo = 6 * case["mc_se_corrected"] + 5 * own[k] / np.sqrt(result.resampled.shape[0])
        assert abs(row["corrected"]) == pytest.approx(abs(case["corrected"]), abs=monte_carlo), theirs


@pytest.mark.parametrize("name", ["validate_cph_lung", "validate_cph_lbp"])
def test_cox(name, reference_case, reference_csv):
    case = reference_case(name)
    outcome, formula = case["inputs"]["formula"].split("~")
    time, event = (part.strip() for part in outcome.strip()[5:-1].split(","))
    columns = [part.strip() for part in formula.split("+")]
    frame = reference_csv(case["data"]["csv"])
    y = Surv.right(frame[time], frame[event])
    result = bootstrap_validate(
        CoxPH(), frame[columns], y, float(np.median(frame[time])), n_resamples=200, random_state=11
    )
    _compare(result, case["expected"])


def test_logistic(reference_case, reference_csv):
    case = reference_case("validate_lrm_lbp")
    frame = reference_csv(case["data"]["csv"]).query("Impnr == 1")
    columns = [part.strip() for part in case["inputs"]["formula"].split("~")[1].split("+")]
    y = Status.at(12, frame["Chronic"])
    result = bootstrap_validate(
        LogisticRisk(), frame[columns].reset_index(drop=True), y, 12, n_resamples=200, random_state=12
    )
    _compare(result, case["expected"])
    intercept = result.at("calibration_intercept")
    assert intercept["apparent"] == pytest.approx(0, abs=1e-6)
    own = np.std(result.tested[:, [name for name, _, _ in result.names].index("calibration_intercept")]) / np.sqrt(200)
    want = case["expected"]["Intercept"]
    assert intercept["corrected"] == pytest.approx(want["corrected"], abs=6 * want["mc_se_corrected"] + 5 * own)
    brier = result.at("brier")
    assert brier["apparent"] == pytest.approx(case["expected"]["B"]["apparent_index_orig"], rel=1e-6)
    assert brier["corrected"] == pytest.approx(case["expected"]["B"]["corrected"], abs=0.004)


def test_given_folds(reference_case, reference_csv):
    case = reference_case("cv5_cox_lung")
    frame = reference_csv(case["data"]["csv"])
    X, y = frame[case["inputs"]["covariates"]], Surv.right(frame["Time"], frame["Status"])
    fold = frame["patnr"] % 5 + 1
    lp = np.empty(len(frame))
    for k, want in enumerate(case["expected"]["folds"], start=1):
        train, test = (fold != k).to_numpy(), (fold == k).to_numpy()
        model = CoxPH().fit(X[train], y[train])
        for column, value in want["coef"].items():
            assert model.to_frame().set_index("term").loc[column, "coef"] == pytest.approx(value, rel=1e-6)
        lp[test] = model.linear_predictor(X[test])
        held_out = concordance(y[test], lp[test])
        assert held_out.value == pytest.approx(want["c"], rel=1e-6)
        assert (test.sum(), int((y[test]["event"] == 1).sum())) == (want["n"], want["events"])
    stratified = concordance(y, lp, strata=fold)
    assert stratified.value == pytest.approx(case["expected"]["stratified_c"], rel=1e-6)
    # the same in one call
    want = case["expected"]
    scores = cross_validate_risk(CoxPH(), X, y, 90, folds=fold).scores["CoxPH"]
    assert np.sum(scores**2) == pytest.approx(want["lp_sum_squares"], rel=1e-6)
    assert concordance(y, scores.ravel()).value == pytest.approx(want["pooled_lp_c"], rel=1e-6)
    slope = CoxPH().fit(scores.reshape(-1, 1), y, strata=fold)
    assert slope.coef_[0] == pytest.approx(want["stratified_slope"], rel=1e-6)
