"""Scorers and pipelines of scikit-learn work as its users write them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from syn import syn

from lbp_prognosis import Measured, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import brier, concordance, time_dependent_auc
from lbp_prognosis.models import CauseSpecificCox, CoxPH, LinearOutcome, as_risk_model
from lbp_prognosis.validation import cross_validate_risk, external_validate, risk_scorer, update_model

DATA = syn(400)
X = DATA[["c1", "p1", "m1"]]
Y = Surv.right(DATA["time"], DATA["status"] == 1)
COMPETING = Surv.right(DATA["time"], DATA["status"], censored=0)


def test_a_scorer_is_the_metric_with_higher_for_better():
    model = CoxPH().fit(X, Y)
    risk = model.predict_risk(X, [6.0, 12.0])
    assert risk_scorer("brier", [6, 12])(model, X, Y) == pytest.approx(
        -np.mean(brier(Y, risk, [6, 12]).value), abs=1e-15
    )
    assert risk_scorer("ipa", 12)(model, X, Y) == pytest.approx(float(brier(Y, risk[:, 1], 12).ipa.value), abs=1e-15)
    assert risk_scorer("auc", 12)(model, X, Y) == pytest.approx(
        float(time_dependent_auc(Y, risk[:, 1], 12).value), abs=1e-15
    )
    assert risk_scorer("concordance", 12)(model, X, Y) == pytest.approx(
        float(concordance(Y, risk[:, 1], tau=12).value), abs=1e-15
    )


@pytest.mark.parametrize("metric", ["ipa", "brier", "log_score", "auc", "concordance", "uno_concordance"])
def test_every_scorer_works_in_cross_val_score_with_competing_events(metric):
    if metric == "uno_concordance":
        model, y = CoxPH(), Y
    else:
        model, y = CauseSpecificCox(), COMPETING
    values = cross_val_score(model, X, y, scoring=risk_scorer(metric, 12), cv=KFold(3), error_score="raise")
    assert np.isfinite(values).all()


def test_a_search_is_led_by_the_scorer():
    grid = {"penalty": [0.1, 1e6]}
    search = GridSearchCV(CoxPH(), grid, scoring=risk_scorer("ipa", 12), cv=KFold(3)).fit(X, Y)
    assert search.best_params_ == {"penalty": 0.1}


def test_a_scorer_refuses_what_it_cannot_score():
    with pytest.raises(ArgumentError, match="`metric`"):
        risk_scorer("ici", 12)
    with pytest.raises(ArgumentError, match="`min_at_risk`"):
        risk_scorer("ipa", 12, min_at_risk=0)


def test_without_anybody_at_risk_a_scorer_is_missing():
    model = CoxPH().fit(X, Y)
    assert np.isnan(risk_scorer("ipa", 12)(model, X.iloc[:8], Y[:8]))
    assert np.isfinite(risk_scorer("ipa", 12, min_at_risk=1)(model, X.iloc[:8], Y[:8]))


def test_a_pipeline_is_taken_as_it_is():
    def plain():
        return make_pipeline(StandardScaler().set_output(transform="pandas"), CoxPH())

    found = cross_validate_risk(plain(), X, Y, 12.0, n_splits=3, n_repeats=1, random_state=0)
    wanted = cross_validate_risk(CoxPH(), X, Y, 12.0, n_splits=3, n_repeats=1, random_state=0)
    risk, same = (next(iter(each.risks.values())) for each in (found, wanted))
    np.testing.assert_allclose(risk, same, atol=1e-8)  # a Cox model does not mind the scale
    fitted = plain().fit(X, Y)
    adapted = as_risk_model(fitted)
    np.testing.assert_allclose(adapted.predict_risk(X, 12.0), CoxPH().fit(X, Y).predict_risk(X, 12.0), atol=1e-8)
    np.testing.assert_allclose(adapted.linear_predictor(X), fitted.predict(X))
    assert adapted.linear_predictor_scale == "log_hazard"
    assert external_validate(adapted, X, Y, 12.0, kind="temporal").evaluation.n == 400
    # a fitted pipeline, wherever a fitted model is taken
    model = CoxPH().fit(X, Y)
    assert risk_scorer("auc", 12)(fitted, X, Y) == pytest.approx(risk_scorer("auc", 12)(model, X, Y), abs=1e-12)
    scored = cross_val_score(plain(), X, Y, scoring=risk_scorer("ipa", 12), cv=KFold(3), error_score="raise")
    assert np.isfinite(scored).all()
    judged, same = (external_validate({"m": one}, X, Y, 12.0, kind="temporal") for one in (fitted, model))
    np.testing.assert_allclose(judged.risks["m"], same.risks["m"], atol=1e-8)
    slope = judged.evaluation.metrics["m"]["calibration_slope"].value
    assert float(np.ravel(slope)[0]) == pytest.approx(1.0, abs=1e-6)
    kept, wanted = (update_model(one, X, Y, method="intercept", horizon=12.0).model for one in (fitted, model))
    np.testing.assert_allclose(kept.predict_risk(X, 12.0), wanted.predict_risk(X, 12.0), atol=1e-8)
    for refused in (external_validate, update_model):
        with pytest.raises(ArgumentError, match="fitted model"):
            refused(plain(), X, Y, **({"kind": "temporal"} if refused is external_validate else {"horizon": 12}))


def test_a_pipeline_of_a_score_is_validated_at_its_declared_cut():
    value = np.clip(np.round(4 + 2 * X["c1"].to_numpy()), 0, 10)
    y = Measured.at(12, value, lower=0, upper=10, at_most=4)
    model = make_pipeline(StandardScaler(), LinearOutcome()).fit(X, y)
    found = external_validate(model, X, y, kind="temporal")
    assert found.n_events == int((value <= 4).sum())
    risk = LinearOutcome().fit(X, y).predict_risk(X)
    assert found.evaluation.metrics["Pipeline"]["brier"].value == pytest.approx(
        float(brier(Status.at(12, (value <= 4) * 1), risk).value), rel=1e-9
    )
