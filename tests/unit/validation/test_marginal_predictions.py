"""`marginal_predictions`: R's delta method, the Poisson likelihood of a Cox model, refits, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lbp_prognosis import CoxPH, LBPError, Measured, Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline, from_formula
from lbp_prognosis.models import DynamicRisk, LinearOutcome, LogisticRisk, OrdinalRegression
from lbp_prognosis.validation import marginal_predictions, update_model

ROW = np.arange(120)
S = np.mod(ROW * 53, 97) / 10
D = pd.DataFrame({"x": np.mod(ROW * 37, 101) / 10, "g": ROW % 3})
D["y"] = (S < 3 + 0.4 * D["x"]).astype(int)
D["score"] = np.minimum(10, np.round(S * 0.6 + 0.3 * D["x"] + D["g"]))
D["months"], D["status"] = 1 + np.mod(ROW * 29, 31), (np.mod(ROW * 7, 5) > 0).astype(int)
GLM = [0.40870515469, 0.59597132003, 0.06419076464, 0.06535113301, 0.18726616534, 0.09349991881]
LM = [4.2342572207, 6.4411674501, 0.2266350150, 0.2316608524, 2.2069102294, 0.3286507236]


def fitted(model, formula):
    pipeline, X, y = from_formula(model, formula, D)
    return pipeline.fit(X, y), X, y


def numbers(result) -> list[float]:
    """Two means, their standard errors, the difference and its standard error."""
    table = result.to_frame()
    order = [("estimate", 0), ("estimate", 1), ("se", 0), ("se", 1), ("estimate", 2), ("se", 2)]
    return [float(table[name][row]) for name, row in order]


def test_means_and_differences_are_those_of_r() -> None:
    """R 4.2: numerical gradients of the mean fitted value and vcov of glm and lm."""
    model, X, _ = fitted(LogisticRisk(), "Status(y, 12) ~ x * C(g)")
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, horizons=12))
    assert found == pytest.approx(GLM, abs=1e-8)
    model, X, _ = fitted(LinearOutcome(), "Measured(score, 12, 0, 10) ~ x * C(g)")
    found = numbers(marginal_predictions(model, X, {"x": [2, 8]}, quantity="mean"))
    assert found == pytest.approx(LM, abs=1e-8)


def test_risks_of_cox_have_the_errors_of_the_poisson_likelihood_with_a_step_for_each_time() -> None:
    """Breslow's estimates maximise the likelihood with free hazards at event times: its information gives V."""
    x = np.column_stack([D["x"], D["g"] == 1])
    y = Surv.right(D["months"], D["status"])
    model = CoxPH(ties="breslow").fit(x, y)
    times = np.unique(D["months"][D["status"] == 1])
    at_risk = D["months"].to_numpy()[:, None] >= times
    relative = np.exp(x @ model.coef_)
    deaths = np.array([((D["months"] == t) & (D["status"] == 1)).sum() for t in times])
    step = deaths / (relative @ at_risk)
    k, p = times.size, x.shape[1]
    information = np.zeros((k + p, k + p))  # of the steps (not logged) and the coefficients
    information[:k, :k] = np.diag(deaths / step**2)
    information[:k, k:] = (relative[:, None] * at_risk).T @ x
    information[k:, :k] = information[:k, k:].T
    information[k:, k:] = x.T @ ((relative * (at_risk @ step))[:, None] * x)
    covariance, horizon, gradients, means = np.linalg.inv(information), 12, [], []
    for value in (2.0, 8.0):
        z = x.copy()
        z[:, 0] = value
        r, hazard = np.exp(z @ model.coef_), step[times <= horizon].sum()
        slope = np.exp(-hazard * r) * r
        gradients.append(np.r_[slope.mean() * (times <= horizon), (slope * hazard) @ z / len(z)])
        means.append(float(1 - np.exp(-hazard * r).mean()))
    spread = np.array(gradients) @ covariance @ np.array(gradients).T
    turn = np.array([-1.0, 1.0])
    wanted = [*means, *np.sqrt(np.diag(spread)), means[1] - means[0], np.sqrt(turn @ spread @ turn)]
    found = numbers(marginal_predictions(model, x, {"x0": [2, 8]}, horizons=horizon))
    assert found == pytest.approx(wanted, rel=1e-8)


def test_of_one_patient_the_error_is_that_of_the_risk_and_strata_keep_their_baselines() -> None:
    model, X, _ = fitted(CoxPH(), "Surv(months, status) ~ x + strata(g)")
    one = X.iloc[[5]]
    found = marginal_predictions(model, one, {"x": [3.0]}, horizons=[6, 12]).to_frame()
    inner, design = model.seen_by_model(one.assign(x=3.0))
    np.testing.assert_allclose(found["se"], inner.risk_se(design, [6, 12])[0], rtol=1e-12)
    both = marginal_predictions(model, X, {"g": [0, 1]}, horizons=6).to_frame()
    assert both["kind"].tolist() == ["mean", "mean", "difference"]
    by_hand = [float(model.predict_risk(X.assign(g=g), 6).mean()) for g in (0, 1)]
    np.testing.assert_allclose(both["estimate"][:2], by_hand, rtol=1e-12)


def test_refits_resample_rows_and_rows_stand_by_horizon() -> None:
    X, y = D[["x", "g"]], Status.at(12, D["y"])
    model = LogisticRisk().fit(X, y)
    options = {"horizons": 12, "interval": "bootstrap", "y": y}
    table = marginal_predictions(model, X, {"x": [2, 8]}, n_resamples=40, **options).to_frame()
    few, again = (
        marginal_predictions(model, X, {"x": 2}, n_resamples=3, random_state=4, **options).to_frame() for _ in range(2)
    )
    delta = marginal_predictions(model, X, {"x": [2, 8]}, horizons=12).to_frame()
    pd.testing.assert_frame_equal(few, again)
    np.testing.assert_allclose(table["estimate"], delta["estimate"], rtol=1e-12)
    np.testing.assert_allclose(table["se"], delta["se"], rtol=0.4)  # of 40 refits, an SE has an SE of 11 %
    assert (table["low"] < table["estimate"]).all()


def test_scores_of_ordinal_models_are_averaged_by_refits() -> None:
    X, y = D[["x"]], Measured.at(12, D["score"], lower=0, upper=10, at_most=4)
    model = OrdinalRegression().fit(X, y)
    options = {"interval": "bootstrap", "y": y, "n_resamples": 5}
    mean = marginal_predictions(model, X, {"x": 3}, quantity="mean", **options).to_frame()
    risk = marginal_predictions(model, X, {"x": 3}, **options).to_frame()
    assert mean["estimate"][0] == pytest.approx(float(model.predict_mean([[3.0]])[0]), rel=1e-12)
    assert risk["estimate"][0] == pytest.approx(float(np.ravel(model.predict_risk([[3.0]]))[0]), rel=1e-12)
    with pytest.raises(ArgumentError, match="`interval` must be 'bootstrap'"):
        marginal_predictions(model, X, {"x": 3}, quantity="mean")


def test_imputed_tables_are_pooled() -> None:
    X, y = D[["x", "g"]].assign(g=D["g"].map({0: "a", 1: "b", 2: "c"})), Status.at(12, D["y"])
    holed = X.copy()
    holed.loc[::9, "x"] = np.nan
    pipeline = RiskPipeline([MultipleImputation(m=3, iterations=2), OneHot(["g"])], LogisticRisk()).fit(holed, y)
    found = marginal_predictions(pipeline, X, {"x": [2, 8]}, horizons=12)
    means = [
        model.average_prediction(design, [12.0], groups=np.zeros(len(X)))[0][0, 0]
        for model, design in pipeline.seen_by_models(X.assign(x=2.0))
    ]
    with pytest.raises(ArgumentError, match=r"`X` must be a table without missing values .* \['x'\]"):
        marginal_predictions(pipeline, holed, {"g": "a"}, horizons=12)
    assert found.m == 3
    assert found.to_frame()["estimate"][0] == pytest.approx(np.mean(means), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"at": {"z": 1}}, "`at` must be columns"),
        ({"at": {"x": [1, 2], "g": [0, 1, 2]}}, "one length"),
        ({"at": {"x": [1, np.inf]}}, "`at` must be numeric and finite"),
        ({"horizons": None}, "`horizons`"),
        ({"horizons": None, "interval": "bootstrap", "y": Status.at(12, D["y"])}, "`horizons`"),
        ({"horizons": [6, 12]}, r"at which the model has a risk; got \[6.0\]"),
        ({"quantity": "mean", "fitted": LinearOutcome()}, "`horizons` must be left out"),
        ({"groups": D["g"]}, "`groups` must be left out"),
        ({"at": {"kind": [0, 1]}}, "`at` must be columns that are not named"),
        ({"X": D.assign(g=np.nan)}, "`X` must be a table without missing values"),
        ({"X": D.iloc[:0]}, "`X` must be a table with at least one patient"),
        ({"interval": "bootstrap"}, "`y` must be the outcome"),
        ({"quantity": "mean", "horizons": None}, "`interval` must be 'bootstrap'"),
        ({"fitted": LogisticRisk(penalty=1.0)}, "unpenalised"),
    ],
)
def test_refusals_name_the_argument(change, match) -> None:
    given = {"fitted": LogisticRisk(), "at": {"x": [1, 2]}, "horizons": 12, "X": D, **change}
    columns = ["x", "kind" if "kind" in given["at"] else "g"]
    X, rows = (part.rename(columns={"g": columns[1]})[columns] for part in (D, given.pop("X")))
    y = Measured.at(12, D["score"], lower=0, upper=10) if given.get("quantity") == "mean" else Status.at(12, D["y"])
    if isinstance(given["fitted"], LogisticRisk):
        y = Status.at(12, D["y"])
    with pytest.raises(LBPError, match=match):
        marginal_predictions(given.pop("fitted").fit(X, y), rows, given.pop("at"), **given)


def test_refits_without_a_risk_at_a_horizon_or_without_a_category_have_failed() -> None:
    y = Surv.right(D["months"] + ROW / 1e3, D["status"])  # one patient is followed longest
    last = float(y["time"].max())
    model = CoxPH().fit(D[["x"]], y)
    with pytest.raises(EstimationError, match="of 5 refits .* beyond the follow-up of their sample"):
        marginal_predictions(model, D[["x"]], {"x": 1}, horizons=last, interval="bootstrap", y=y, n_resamples=5)
    X, y = D[["x"]].assign(g=np.where(ROW == 7, "rare", "b")), Status.at(12, D["y"])
    pipeline = RiskPipeline([OneHot(["g"])], LogisticRisk(penalty=1.0)).fit(X, y)
    options = {"horizons": 12, "interval": "bootstrap", "n_resamples": 5, "random_state": 1}
    with pytest.raises(EstimationError, match="of 5 refits .* categories of the fit in 'g'"):
        marginal_predictions(pipeline, X, {"x": 1}, y=y, **options)
    with pytest.raises(OutcomeError, match="made by Status.at"):
        marginal_predictions(pipeline, X, {"x": 1}, y=Surv.right(D["months"], D["status"]), **options)


def test_wrapped_models_are_refitted_whole_and_not_by_the_delta_of_what_they_wrap() -> None:
    X, y = D[["x", "g"]], Surv.right(D["months"], D["status"])
    options = {"horizons": 12, "interval": "bootstrap", "y": y, "n_resamples": 3}
    bare, piped = (
        marginal_predictions(model.fit(X, y), X, {"x": [2, 8]}, **options).to_frame()
        for model in (CoxPH(), make_pipeline(StandardScaler(), CoxPH()))
    )
    pd.testing.assert_frame_equal(piped, bare, rtol=1e-9)
    dynamic = DynamicRisk([0.0, 6.0], 12.0).fit(X, y)
    found = marginal_predictions(dynamic, X, {"x": [2, 8]}, **options).to_frame()
    assert found["estimate"][0] == pytest.approx(float(dynamic.predict_risk(X.assign(x=2.0), 12).mean()), rel=1e-12)
    with pytest.raises(ArgumentError, match="'delta' for the risk of DynamicRisk"):
        marginal_predictions(dynamic, X, {"x": [2, 8]}, horizons=12)
    with pytest.raises(ArgumentError, match="`fitted` must be a model that can be fitted again"):
        marginal_predictions(update_model(CoxPH().fit(X, y), X, y, horizon=12).model, X, {"x": 2}, **options)
