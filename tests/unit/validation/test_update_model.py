"""Updating and case-mix: worked numbers, the closed test, and the ledger."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.fusion import OneHot, RiskPipeline, Standardise
from lbp_prognosis.models import LogisticRisk, NullModel
from lbp_prognosis.validation import case_mix, model_based_concordance, update_model

COLUMNS = ["c1", "c2", "c3", "p1", "p2"]


@pytest.fixture(scope="module")
def samples():
    d = syn()
    early, late = d[d["site"] <= 3], d[d["site"] >= 4]
    return {
        "dev": early[COLUMNS], "val": late[COLUMNS],
        "state": (Status.at(12, early["y"]), Status.at(12, late["y"])),
        "time": (Surv.right(early["time"], early["event"]), Surv.right(late["time"], late["event"])),
    }  # fmt: skip


def test_closed_test_of_a_state(samples, golden):
    model = LogisticRisk().fit(samples["dev"], samples["state"][0])
    update = update_model(model, samples["val"], samples["state"][1])
    want = golden["updating"]
    assert update.table["log_likelihood"].to_numpy() == pytest.approx(want["loglik"], abs=5e-6)
    assert update.method == "intercept"
    assert update.model.intercept == pytest.approx(want["intercept"], abs=5e-8)
    slope = update.table.set_index("method").loc["slope"]
    assert (slope["intercept"], slope["slope"]) == pytest.approx(want["int_slope"], abs=5e-8)
    assert update.tests["statistic"].to_numpy() == pytest.approx([23.167382, 2.0301941], abs=5e-6)
    assert update.tests["df"].tolist() == [6, 5]
    assert update.tests["p"].to_numpy() == pytest.approx([0.00074, 0.845], abs=5e-4)


def test_intercept_update_matches_the_average(samples):
    model = LogisticRisk().fit(samples["dev"], samples["state"][0])
    update = update_model(model, samples["val"], samples["state"][1], method="intercept")
    risk = update.model.predict_risk(samples["val"], 12)[:, 0]
    assert risk.mean() == pytest.approx(samples["state"][1]["status"].mean(), abs=1e-9)


def test_closed_test_of_a_time(samples, golden):
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    assert model.baseline_cumulative_hazard(12.0)[0] == pytest.approx(0.37137911, abs=5e-9)
    update = update_model(model, samples["val"], samples["time"][1], horizon=12)
    table = update.table.set_index("method")
    assert table.loc["original", "log_likelihood"] == pytest.approx(-838.35244, abs=5e-6)
    assert table.loc["slope", "log_likelihood"] == pytest.approx(-838.24812, abs=5e-6)
    assert table.loc["refit", "log_likelihood"] == pytest.approx(-835.0829, abs=5e-5)
    assert table.loc["slope", "slope"] == pytest.approx(0.95818672, abs=5e-9)
    assert table.loc["slope", "slope_se"] == pytest.approx(0.0914548, abs=5e-8)
    assert np.exp(table.loc["intercept", "intercept"]) == pytest.approx(golden["updating"]["k_hazard"], abs=5e-8)
    assert update.method == "intercept"
    risk = update.model.predict_risk(samples["val"], 12)[:, 0]
    assert risk.mean() == pytest.approx(0.5046179, abs=5e-8)


@pytest.mark.parametrize(("kind", "bare"), [("time", CoxPH()), ("state", LogisticRisk())])
def test_a_pipeline_is_updated_as_its_model(samples, kind, bare):
    """Standardising changes nothing in a regression: tests, degrees of freedom and updated risks are the same."""
    y, late = samples[kind]
    alone, wrapped = (
        update_model(model.fit(samples["dev"], y), samples["val"], late, horizon=12)
        for model in (bare, RiskPipeline([Standardise()], bare))
    )
    assert wrapped.method == alone.method
    assert wrapped.tests["df"].tolist() == alone.tests["df"].tolist()
    assert wrapped.tests["statistic"].to_numpy() == pytest.approx(alone.tests["statistic"].to_numpy(), abs=1e-7)
    risks = [update.model.predict_risk(samples["val"], 12) for update in (alone, wrapped)]
    assert risks[1] == pytest.approx(risks[0], abs=1e-9)


def test_a_pipeline_of_words_is_updated(samples):
    """Columns may hold words that a step of the pipeline turns into numbers; the ledger tells tables apart."""
    y, late = samples["time"]
    dev, val = (samples[name].assign(sex=np.where(samples[name]["c1"] > 0, "f", "m")) for name in ("dev", "val"))
    model = RiskPipeline([OneHot(["sex"])], CoxPH()).fit(dev, y)
    update = update_model(model, val, late, horizon=12)
    assert update.tests["df"].iloc[0] == 6
    other = update_model(model, val.assign(sex="f"), late, horizon=12, method="intercept")
    assert update.model.ledger["data"] != other.model.ledger["data"]


def test_a_shrunken_refit_is_said(samples):
    model = CoxPH(penalty=5.0).fit(samples["dev"], samples["time"][0])
    update = update_model(model, samples["val"], samples["time"][1], horizon=12)
    assert "closed-test-of-shrunken-refit" in {doubt.code for doubt in update.objections}


def test_slope_update_of_a_time_is_a_cox_model_of_the_linear_predictor(samples):
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    update = update_model(model, samples["val"], samples["time"][1], horizon=12, method="slope")
    lp = model.linear_predictor(samples["val"])[:, None]
    direct = CoxPH().fit(lp, samples["time"][1]).predict_risk(lp, [6, 12])
    assert update.model.predict_risk(samples["val"], [6, 12]) == pytest.approx(direct, abs=1e-10)


def test_ledger_names_parent_data_and_test(samples):
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    first = update_model(model, samples["val"], samples["time"][1], horizon=12).model.ledger
    again = update_model(model, samples["val"], samples["time"][1], horizon=12).model.ledger
    other = update_model(model, samples["val"][::-1], samples["time"][1][::-1], horizon=12).model.ledger
    assert first == again
    assert first["parent"] == other["parent"]
    assert first["data"] != other["data"]
    assert first["n_events"] == int((samples["time"][1]["event"] == 1).sum())


def test_an_update_says_that_it_is_apparent(samples):
    model = LogisticRisk().fit(samples["dev"], samples["state"][0])
    assert update_model(model, samples["val"], samples["state"][1]).objections[0].code == "apparent-on-updating-data"


def test_model_based_concordance_worked(samples, golden):
    model = LogisticRisk().fit(samples["dev"], samples["state"][0])
    risk = model.predict_risk(samples["dev"], 12)[:, 0]
    assert model_based_concordance(risk) == pytest.approx(golden["updating"]["mbc_dev"], abs=5e-9)


def test_model_based_concordance_equals_the_double_sum():
    p = np.round(np.random.default_rng(0).random(60), 1)
    num = den = 0.0
    for i in range(60):
        for j in range(60):
            if i != j:
                pair = p[i] * (1 - p[j])
                den += pair
                num += pair * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))
    assert model_based_concordance(p) == pytest.approx(num / den, abs=1e-12)


def test_case_mix_of_a_state(samples, golden):
    model = LogisticRisk().fit(samples["dev"], samples["state"][0])
    result = case_mix(
        samples["dev"], samples["state"][0], model.linear_predictor(samples["dev"]),
        samples["val"], samples["state"][1], model.linear_predictor(samples["val"]),
    )  # fmt: skip
    want = golden["updating"]
    assert result.membership == pytest.approx(want["membership_c"], abs=5e-9)
    assert result.mbc_development == pytest.approx(want["mbc_dev"], abs=5e-9)
    assert result.mbc_validation == pytest.approx(want["mbc_val"], abs=5e-9)
    assert result.mbc_recalibrated == pytest.approx(0.79963363, abs=5e-9)
    assert result.c_development == pytest.approx(0.78740726, abs=5e-9)
    assert result.c_validation == pytest.approx(want["auc_val"], abs=5e-9)
    assert (result.lp_mean[0], result.lp_sd[0]) == pytest.approx((-0.784, 1.337), abs=0.05)


def test_case_mix_of_a_time(samples):
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    result = case_mix(
        samples["dev"], samples["time"][0], model.linear_predictor(samples["dev"]),
        samples["val"], samples["time"][1], model.linear_predictor(samples["val"]),
    )  # fmt: skip
    assert result.mbc_development == pytest.approx(0.71395784, abs=5e-9)
    assert result.mbc_validation == pytest.approx(0.71740586, abs=5e-9)
    assert result.mbc_recalibrated == pytest.approx(0.71103386, abs=5e-9)
    assert result.c_validation == pytest.approx(0.71986467, abs=5e-9)


def test_refusals(samples):
    with pytest.raises(ArgumentError, match="fitted model"):
        update_model(CoxPH(), samples["val"], samples["time"][1], horizon=12)
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    with pytest.raises(ArgumentError, match="horizon"):
        update_model(model, samples["val"], samples["time"][1])
    y = samples["time"][1].copy()
    y["event"][:5] = 2
    with pytest.raises(OutcomeError, match="competing events"):
        update_model(model, samples["val"], y, horizon=12)
    with pytest.raises(ArgumentError, match="updated model"):
        update_model(model, samples["val"], samples["time"][1], horizon=12).model.fit(None, None)


def test_bayesian_update_of_a_state(samples):
    model = LogisticRisk().fit(samples["dev"], samples["state"][0])
    worked = {
        1.0: (-0.51633512, 0.8415928, 0.46603881, 0.090011762, 0.60796282, 0.048704415),
        0.3: (-0.36395538, 0.86678094, 0.49634941, 0.10342589, 0.62099379, 0.014959857),
    }
    for discount, want in worked.items():
        update = update_model(model, samples["val"], samples["state"][1], method="bayes", discount=discount)
        # R takes the covariance of the development fit one Newton step earlier; with glm(epsilon = 1e-15) R has ours
        assert update.model.coefficients == pytest.approx(want, abs=2e-5)
        assert update.model.ledger["discount"] == discount
        risk = update.model.predict_risk(samples["val"], 12)[:, 0]
        lp = update.model.linear_predictor(samples["val"])
        assert risk == pytest.approx(1 / (1 + np.exp(-lp)), abs=1e-12)
    forgotten = update_model(model, samples["val"], samples["state"][1], method="bayes", discount=1e-8)
    alone = LogisticRisk().fit(samples["val"], samples["state"][1])
    assert forgotten.model.coefficients[1:] == pytest.approx(alone.coef_, abs=1e-5)


def test_bayesian_update_of_a_time(samples):
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    y = samples["time"][1]
    forgotten = update_model(model, samples["val"], y, method="bayes", horizon=12, discount=1e-9).model
    alone = CoxPH().fit(samples["val"], y)
    assert forgotten.coefficients == pytest.approx(alone.coef_, abs=1e-6)
    assert forgotten.predict_risk(samples["val"], [6, 12]) == pytest.approx(
        alone.predict_risk(samples["val"], [6, 12]), abs=1e-6
    )
    pooled = update_model(model, samples["val"], y, method="bayes", horizon=12, discount=1.0).model
    between = np.minimum(model.coef_, alone.coef_) - 0.05, np.maximum(model.coef_, alone.coef_) + 0.05
    assert ((pooled.coefficients > between[0]) & (pooled.coefficients < between[1])).all()
    # the posterior mode: score of the likelihood equals the pull of the prior
    pull = np.linalg.solve(model.covariance_, pooled.coefficients - model.coef_)
    step = 1e-5
    from lbp_prognosis._kernels import cox_fit

    def loglik(b):
        x = np.asarray(samples["val"])
        return cox_fit(x[:, :1], y["time"], y["event"] == 1, offset=x @ b, max_iter=1).loglik_null

    score = [
        (loglik(pooled.coefficients + step * e) - loglik(pooled.coefficients - step * e)) / (2 * step)
        for e in np.eye(len(COLUMNS))
    ]
    assert score == pytest.approx(pull, abs=1e-5)
    with pytest.raises(ArgumentError, match="coef_"):
        update_model(NullModel().fit(samples["dev"], samples["time"][0]), samples["val"], y, method="bayes", horizon=12)
