"""Updating and case-mix: worked numbers, the closed test, and the ledger."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.deployment import equation
from lbp_prognosis.fusion import OneHot, RiskPipeline, Standardise
from lbp_prognosis.models import CauseSpecificCox, LogisticRisk, NullModel, ParametricAFT, PriorityCox, RoystonParmar
from lbp_prognosis.validation import case_mix, model_based_concordance, update_model

COLUMNS = ["c1", "c2", "c3", "p1", "p2"]


@pytest.fixture(scope="module")
def samples():
    d = syn()
    early, late = d[d["site"] <= 3], d[d["site"] >= 4]
    return {
        "dev": early[COLUMNS],
        "val": late[COLUMNS],
        "state": (Status.at(12, early["y"]), Status.at(12, late["y"])),
        "time": (Surv.right(early["time"], early["event"]), Surv.right(late["time"], late["event"])),
    }


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


def test_a_model_of_blocks_is_updated(samples):
    """Its parts are named, and it is itself the regression; the slope is that of its linear predictor."""
    y, late = samples["time"]
    columns = list(samples["dev"].columns)
    model = PriorityCox({"clinical": columns[:2], "imaging": columns[2:]}).fit(samples["dev"], y)
    update = update_model(model, samples["val"], late, horizon=12, method="slope")
    score = pd.DataFrame({"lp": model.linear_predictor(samples["val"])})
    assert update.model.slope == pytest.approx(CoxPH().fit(score, late).coef_[0], abs=1e-7)
    formula = equation(update.model, horizons=[6, 12])
    risks = [one.predict_risk(samples["val"], [6, 12]) for one in (formula, update.model)]
    assert risks[0] == pytest.approx(risks[1], abs=1e-10)


def test_one_cause_is_updated_as_a_cox_model(samples):
    y, late = samples["time"]
    alone, of_causes = (
        update_model(model.fit(samples["dev"], y), samples["val"], late, horizon=12)
        for model in (CoxPH(), CauseSpecificCox())
    )
    assert of_causes.method == alone.method
    assert of_causes.tests["df"].tolist() == alone.tests["df"].tolist()
    # coefficients alone: the level is that of the risk, which is a product limit here
    assert of_causes.tests["statistic"].iloc[0] == pytest.approx(alone.tests["statistic"].iloc[0], rel=1e-9)


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
        samples["dev"],
        samples["state"][0],
        model.linear_predictor(samples["dev"]),
        samples["val"],
        samples["state"][1],
        model.linear_predictor(samples["val"]),
    )
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
        samples["dev"],
        samples["time"][0],
        model.linear_predictor(samples["dev"]),
        samples["val"],
        samples["time"][1],
        model.linear_predictor(samples["val"]),
    )
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


def test_equal_linear_predictors_tell_no_samples_apart():
    """The same patients twice, with a score of few values: ties count one half, whichever sample comes first."""
    rng = np.random.default_rng(4)
    X, score, state = rng.normal(size=(90, 2)), rng.integers(0, 3, 90).astype(float), rng.integers(0, 2, 90)
    found = case_mix(X, Status.at(12, state), score, X, Status.at(12, state), score)
    assert found.membership_lp == pytest.approx(0.5, abs=1e-12)
    pairs = (score[state == 1][:, None] > score[state == 0]) + 0.5 * (score[state == 1][:, None] == score[state == 0])
    assert found.c_development == pytest.approx(pairs.mean(), abs=1e-12)


@pytest.mark.parametrize("discount", [1.0, 0.3, 0.05])
def test_bayesian_update_of_a_cox_model_is_the_penalised_maximum(samples, discount):
    """Against a general optimiser on Efron's partial likelihood, written out, less the prior."""
    from scipy.optimize import minimize

    columns = ["c1", "c2", "p1"]
    model = CoxPH().fit(samples["dev"][columns], samples["time"][0])
    X, y = samples["val"][columns].to_numpy(), samples["time"][1]
    time, event, precision = y["time"], y["event"] == 1, discount * np.linalg.inv(model.covariance_)

    def loss(b):
        eta, total = X @ b, 0.0
        for t in np.unique(time[event]):
            tied, at_risk = (time == t) & event, np.exp(eta[time >= t]).sum()
            share = np.exp(eta[tied]).sum() / tied.sum()
            total += eta[tied].sum() - np.log(at_risk - share * np.arange(tied.sum())).sum()
        return -total + 0.5 * (b - model.coef_) @ precision @ (b - model.coef_)

    wanted = minimize(loss, model.coef_, method="BFGS", options={"gtol": 1e-6}).x
    update = update_model(model, samples["val"][columns], y, horizon=12, method="bayes", discount=discount)
    assert np.asarray(update.model.coefficients) == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("risks", [[1.0, 1.0, 1.0], [0.0, 0.0]])
def test_model_based_concordance_needs_pairs(risks):
    with pytest.raises(ArgumentError, match="some pair has one event"):
        model_based_concordance(risks)


@pytest.mark.parametrize(
    "model",
    [
        CoxPH(),
        CoxPH(ties="breslow"),
        RiskPipeline([Standardise()], CoxPH()),
        ParametricAFT("weibull"),
        RoystonParmar(2),
    ],
    ids=["efron", "breslow", "pipeline", "weibull", "splines"],
)
def test_closed_test_of_a_time_compares_like_with_like(model):
    """Months, many ties, and a level that differs: every kind of model is told to change its level only.

    The full likelihood of a parametric model is hundreds above a partial one, and Breslow's is below Efron's; neither
    difference is evidence for new coefficients.
    """
    d = syn()
    d["time"] = np.maximum(1, np.round(d["time"]))
    early, late, columns = d[d["site"] <= 3], d[d["site"] >= 4], ["c1", "c2", "p1"]
    y = Surv.right(late["time"], late["event"])
    fitted = model.fit(early[columns], Surv.right(early["time"], early["event"]))
    update = update_model(fitted, late[columns], y, horizon=12)
    statistic = update.tests["statistic"].to_numpy()
    assert update.method == "intercept"
    assert 0 < statistic[0] < 3
    assert update.tests["df"].tolist() == [3, 1]
    table = update.table.set_index("method")["log_likelihood"]
    assert table["original"] <= table["slope"] + 1e-9
    risk = update.model.predict_risk(late[columns], 12)[:, 0]
    assert risk.mean() == pytest.approx(0.5192, abs=5e-5)  # Kaplan–Meier at twelve months


def test_a_new_baseline_reaches_to_the_end_of_follow_up(samples):
    model = CoxPH().fit(samples["dev"], samples["time"][0])
    y = samples["time"][1]
    last_event, end = y["time"][y["event"] == 1].max(), y["time"].max()
    assert last_event < end
    risk = update_model(model, samples["val"], y, horizon=12, method="slope").model.predict_risk(
        samples["val"], [last_event, end, end + 1]
    )
    np.testing.assert_array_equal(risk[:, 0], risk[:, 1])
    assert np.isnan(risk[:, 2]).all()


def test_strata_keep_their_baselines():
    d = syn(300)
    X, y = d[["c1", "site"]], Surv.right(d["time"], d["event"])
    model = CoxPH(strata="site").fit(X, y)
    with pytest.raises(ArgumentError, match="one baseline for all"):
        update_model(model, X, y, horizon=12)
