"""What was fitted by statsmodels is judged as it stands."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.models import CoxPH, LogisticRisk, as_risk_model

COLUMNS = ["c1", "c2", "p1"]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=300)


def test_binary_regressions_by_formula_by_name_and_by_place(cohort):
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    X, state = cohort[COLUMNS], cohort.y.to_numpy()
    ours = LogisticRisk().fit(X, Status.at(12, state)).predict_risk(X, 12)
    design = sm.add_constant(X)
    formula = smf.logit("y ~ c1 + c2 + p1", cohort).fit(disp=0)
    named = sm.GLM(state, design, family=sm.families.Binomial()).fit()
    placed = sm.Logit(state, design.to_numpy()).fit(disp=0)
    for result, rows in ((formula, cohort), (named, X[COLUMNS[::-1]]), (placed, X), (placed, design.to_numpy())):
        adapted = as_risk_model(result, horizon=12)
        np.testing.assert_allclose(adapted.predict_risk(rows, 12), ours, atol=1e-7)
        assert np.isnan(adapted.predict_risk(rows, [6, 12])[:, 0]).all()
    population = smf.gee("y ~ c1 + c2 + p1", "site", cohort, family=sm.families.Binomial()).fit()
    np.testing.assert_allclose(as_risk_model(population, horizon=12).predict_risk(cohort, 12), ours, atol=1e-6)
    found = evaluate(Status.at(12, state), as_risk_model(formula, horizon=12).predict_risk(cohort, 12), 12)
    assert found.to_frame()["value"].notna().any()


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_hazard_regression_is_read_in_steps(cohort, ties):
    import statsmodels.formula.api as smf

    X, y = cohort[COLUMNS], Surv.right(cohort.time, cohort.event)
    status = cohort.event.to_numpy()
    result = smf.phreg("time ~ c1 + c2 + p1", cohort, status=status, ties=ties).fit()
    adapted, times = as_risk_model(result), [6, 11.99, 24]
    ours = CoxPH(ties=ties).fit(X, y)
    np.testing.assert_allclose(adapted.predict_risk(cohort, times), ours.predict_risk(X, times), atol=1e-7)
    if ties == "breslow":  # its own cumulative hazard at a time is that before the events of the time
        grid, before = result.baseline_cumulative_hazard[0][:2]
        np.testing.assert_allclose(before[1:], ours.baseline_cumulative_hazard(grid)[:-1], rtol=1e-5)
    assert np.isnan(adapted.predict_risk(cohort, 1e4)).all()


def test_what_cannot_be_read_is_refused_in_words(cohort):
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    X, state = cohort[COLUMNS], cohort.y.to_numpy()
    result = sm.Logit(state, sm.add_constant(X)).fit(disp=0)
    with pytest.raises(ArgumentError, match="horizon"):
        as_risk_model(result).predict_risk(X, 12)
    with pytest.raises(ArgumentError, match="LogisticRisk, CoxPH"):
        as_risk_model(result, horizon=12).fit(X, Status.at(12, state))
    with pytest.raises(ArgumentError, match=r"without \['p1'\]"):
        as_risk_model(result, horizon=12).predict_risk(X[["c1", "c2"]], 12)
    with pytest.raises(ArgumentError, match="4 columns"):
        as_risk_model(result, horizon=12).predict_risk(X[["c1", "c2"]].to_numpy(), 12)
    with pytest.raises(ArgumentError, match=r"fit\(\)"):
        as_risk_model(result.model, horizon=12).predict_risk(X, 12)
    with pytest.raises(ArgumentError, match="Binomial"):
        as_risk_model(sm.OLS(state, X).fit(), horizon=12).predict_risk(X, 12)
    shifted = sm.GLM(state, sm.add_constant(X), family=sm.families.Binomial(), offset=cohort.c1).fit()
    with pytest.raises(ArgumentError, match="offset"):
        as_risk_model(shifted, horizon=12).predict_risk(X, 12)
    strata = sm.PHReg(cohort.time, X, status=cohort.event, strata=cohort.site).fit()
    with pytest.raises(ArgumentError, match="strata"):
        as_risk_model(strata).predict_risk(X, 12)
    formula = smf.phreg("time ~ c1", cohort, status=cohort.event.to_numpy()).fit()
    with pytest.raises(ArgumentError, match="DataFrame"):
        as_risk_model(formula).predict_risk(X.to_numpy(), 12)
    with pytest.raises(ArgumentError, match="missing values"):
        as_risk_model(formula).predict_risk(cohort.assign(c1=cohort.c1.where(cohort.c1 > 0)), 12)
