"""Risks that are predicted again: what is known by then, conditional risks, and simulated truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from syn import syn

from lbp_prognosis import CoxPH, LBPError, Surv
from lbp_prognosis.deployment._codec import pack, unpack
from lbp_prognosis.fusion import MultipleImputation
from lbp_prognosis.models import (
    CauseSpecificCox,
    DynamicRisk,
    landmark,
    landmark_effects_test,
    landmark_supermodel,
    visits_by_landmark,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Weights
from lbp_prognosis.validation import dynamic_performance

D = syn(400)
X, Y = D[["c1", "c2"]], Surv.right(D["time"], D["event"])
MARKS = [0.0, 3.0, 6.0]


def test_the_stacked_model_is_that_of_the_supermodel() -> None:
    ours = DynamicRisk(MARKS, 12.0, interactions=["c1"]).fit(X, Y)
    stack = landmark_supermodel(Y, X, MARKS, 12.0, interactions=["c1"])
    theirs = CoxPH(ties="breslow").fit(stack.X, stack.y, strata=stack.strata, clusters=stack.clusters)
    np.testing.assert_allclose(ours.model_.coef_, theirs.coef_, rtol=1e-12)
    np.testing.assert_allclose(ours.model_.covariance_, theirs.covariance_, rtol=1e-12)
    risk = theirs.predict_risk(stack.design(X.head(5), 3.0), 15.0, strata=np.full(5, 3.0))
    np.testing.assert_allclose(ours.predict_risk(X.head(5), 15.0, at=3.0), risk, rtol=1e-10)
    assert ours.at_risk_["n"].tolist() == stack.to_frame()["n"].tolist()


def test_effects_that_change_between_landmarks_are_tested_as_in_r() -> None:
    """R 4.2, survival 3.5-3: coxph of the stack with products by s, Breslow, robust by patient, Wald."""
    i = np.arange(150)
    frame = pd.DataFrame({"a": np.mod(i * 37, 101) / 50 - 1, "b": np.mod(i * 53, 97) / 48 - 1})
    time, happened = 1 + np.mod(i * 29, 113) / 8, np.mod(i * 7, 5) > 0
    time = time * np.exp(-0.5 * frame["a"] * (time < 6) - 0.3 * frame["b"])
    y = Surv.right(time, happened * np.where(np.mod(i, 11) == 3, 2, 1))
    found = landmark_effects_test(DynamicRisk([0, 2, 4], 6), frame, y)
    np.testing.assert_allclose(found["chi2"], [3.32072373752, 1.14787445820, 4.25849157475], rtol=1e-9)
    assert found[["term", "df"]].to_numpy().tolist() == [["a", 1], ["b", 1], ["all", 2]]
    free = landmark_effects_test(DynamicRisk([0, 2, 4], 6, interactions=["b"]), frame, y)
    assert free["term"].tolist() == ["a", "all"]
    assert free["chi2"][0] == pytest.approx(found["chi2"][0], rel=1e-12)
    holed = {at: frame.assign(a=frame["a"].where(i >= at)) for at in (0.0, 2.0, 4.0)}
    assert np.isfinite(landmark_effects_test(DynamicRisk([0, 2, 4], 6), holed, y)["chi2"]).all()
    named = frame.rename(columns={"a": "all"}).assign(twice=2 * frame["b"])  # a column may have any name
    kept = landmark_effects_test(DynamicRisk([0, 2, 4], 6, collinear="drop"), named, y)
    assert kept[["term", "df"]].to_numpy().tolist() == [["all", 1], ["b", 1], ["twice", 0], ["all", 2]]
    np.testing.assert_allclose(kept["chi2"], [*found["chi2"][:2], np.nan, found["chi2"][2]], rtol=1e-8)
    holed.pop(4.0)
    for asked in (lambda model: landmark_effects_test(model, holed, y), lambda model: model.fit(holed, y)):
        with pytest.raises(LBPError, match="a table at every landmark, 4 too"):
            asked(DynamicRisk([0, 2, 4], 6))


@pytest.mark.parametrize(
    ("model", "match"),
    [(DynamicRisk([0], 6), "two landmarks"), (DynamicRisk([0, 3], 6, interactions=["c1", "c2"]), "`interactions`")],
)
def test_nothing_to_test_is_said(model, match) -> None:
    with pytest.raises(LBPError, match=match):
        landmark_effects_test(model, X, Y)


def test_one_landmark_at_the_start_is_a_cox_model_of_the_window() -> None:
    ours = DynamicRisk([0.0], 12.0).fit(X, Y)
    window = landmark(Y, X, 0.0, 12.0)
    plain = CoxPH(ties="breslow").fit(window.X, window.y)
    np.testing.assert_allclose(ours.predict_risk(X, [6.0, 12.0]), plain.predict_risk(X, [6.0, 12.0]), rtol=1e-10)
    assert np.isnan(ours.predict_risk(X.head(2), 12.5)).all()


def test_smooth_baselines_predict_between_landmarks_and_condition() -> None:
    model = DynamicRisk(MARKS, 12.0, baseline="smooth").fit(X, Y)
    risk = model.predict_risk(X.head(4), [4.5, 9.0, 16.5], at=4.5)
    np.testing.assert_allclose(risk[:, 0], 0, atol=1e-12)
    assert (np.diff(risk, axis=1) > 0).all()
    whole = model.model_.predict_risk(model._columns(X.head(4).to_numpy(), 4.5), [4.5, 16.5])
    np.testing.assert_allclose(risk[:, 2], (whole[:, 1] - whole[:, 0]) / (1 - whole[:, 0]), rtol=1e-12)
    with pytest.raises(LBPError, match="smooth"):
        DynamicRisk(MARKS, 12.0).fit(X, Y).predict_risk(X, 12.0, at=4.5)
    with pytest.raises(LBPError, match="between"):
        model.predict_risk(X, 12.0, at=7.0)


def test_competing_surgery_has_a_risk_of_its_own() -> None:
    y = Surv.right(D["time"], D["status"])
    model = DynamicRisk(MARKS, 12.0).fit(X, y)
    assert isinstance(model.model_, CauseSpecificCox)
    parts = [model.predict_risk(X, 15.0, cause, at=3.0) for cause in (1, 2)]
    assert (parts[0] + parts[1] < 1).all()
    with pytest.raises(LBPError, match="cause"):
        model.predict_risk(X, 12.0, 3)


def test_only_what_was_seen_by_the_landmark_is_known() -> None:
    visits = pd.DataFrame(
        {
            "patient_id": ["a", "a", "a", "b", "c"],
            "time": [6.0, 0.0, 3.0, 0.0, 5.0],
            "nrs": [2.0, 8.0, np.nan, 5.0, 9.0],
            "odi": [20.0, 60.0, 40.0, np.nan, 50.0],
        }
    )
    known = visits_by_landmark(visits, ["a", "b", "c"], MARKS)
    assert known[3.0]["nrs"].tolist()[:2] == [8.0, 5.0]  # of a missing value the last before stands
    assert known[3.0]["odi"].tolist()[0] == 40.0
    assert np.isnan(known[3.0].loc["c", "nrs"])
    assert known[6.0]["nrs"].tolist() == [2.0, 5.0, 9.0]
    fresh = visits_by_landmark(visits, ["a", "b", "c"], [3.0, 6.0], max_age=2.0)
    assert np.isnan(fresh[3.0].loc["a", "nrs"])
    assert fresh[6.0].loc["c", "nrs"] == 9.0
    later = visits.assign(nrs=np.where(visits["time"] > 3, 99.0, visits["nrs"]))
    pd.testing.assert_frame_equal(visits_by_landmark(later, ["a", "b", "c"], [3.0])[3.0], known[3.0])
    with pytest.raises(LBPError, match="each patient once"):
        visits_by_landmark(visits, ["a", "a"], MARKS)


def simulated(n: int, seed: int) -> tuple[dict[float, pd.DataFrame], np.ndarray, np.ndarray]:
    """A marker that wanders; the hazard of each three months is 0.05 exp(marker then). True risks from month 3 on."""
    rng = np.random.default_rng(seed)
    steps = 10
    marker = np.cumsum(rng.normal(0, 0.5, (n, steps)), axis=1)
    rates = 0.05 * np.exp(marker)
    cumulative = np.cumsum(3 * rates, axis=1)
    goal = rng.exponential(size=n)
    place = (cumulative < goal[:, None]).sum(axis=1)
    before = np.where(place > 0, np.take_along_axis(cumulative, np.maximum(place - 1, 0)[:, None], 1)[:, 0], 0)
    inside = np.minimum(place, steps - 1)
    time = np.where(place < steps, 3 * place + (goal - before) / rates[np.arange(n), inside], 30.0)
    censor = rng.uniform(10, 40, n)
    y = Surv.right(np.minimum(time, censor), (time <= censor) & (place < steps))
    known = {float(3 * k): pd.DataFrame({"marker": marker[:, k]}) for k in range(3)}
    return known, y, 1 - np.exp(-3 * rates[:, 1])


def test_updated_risks_are_right_and_better_than_old_ones() -> None:
    known, y, _ = simulated(3000, 1)
    new, later, truth = simulated(3000, 2)
    model = DynamicRisk(MARKS, 3.0).fit(known, y)
    risk = model.predict_risk(new[3.0], 6.0, at=3.0)[:, 0]
    assert np.corrcoef(risk, truth)[0, 1] > 0.99
    assert abs(np.mean(risk - truth)) < 0.02  # two standard errors of the baseline
    old = DynamicRisk(MARKS, 3.0).fit({at: known[0.0] for at in MARKS}, y)
    found = dynamic_performance({"updated": model}, new, later, n_resamples=0)
    stale = dynamic_performance(old, {at: new[0.0] for at in MARKS}, later, n_resamples=0)
    for at in (3.0, 6.0):
        slope = found.evaluations[at].metric("calibration_slope")
        assert abs(slope.value - 1) < 3 * slope.se
        assert found.evaluations[at].metric("auc").value > stale.evaluations[at].metric("auc").value
    table = found.at_risk.set_index("landmark")
    assert (table["n"] + table["n_left"] == 3000).all()
    assert table["n"].is_monotonic_decreasing


def test_missed_visits_are_counted_and_left_out() -> None:
    known, y, _ = simulated(600, 3)
    model = DynamicRisk(MARKS, 3.0).fit(known, y)
    holes = {at: frame.mask(np.random.default_rng(0).random(frame.shape) < 0.2) for at, frame in known.items()}
    found = dynamic_performance(model, holes, y, n_resamples=0)
    assert (found.at_risk["n_unknown"] > 0).all()
    updates = model.updates(holes)
    assert updates.risk.shape == (600, 3)
    assert np.isnan(updates.risk[:, 1]).sum() == holes[3.0]["marker"].isna().sum()
    assert list(updates.to_frame().columns) == ["row", "landmark", "horizon", "risk"]


def holes(frames: dict[float, pd.DataFrame], share: float, seed: int = 0) -> dict[float, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    return {at: frame.mask(rng.random(frame.shape) < share) for at, frame in frames.items()}


def test_missing_values_are_completed_from_those_at_risk_at_the_landmark() -> None:
    known = holes({0.0: X, 3.0: X + 1.0}, 0.3)
    at_risk = {at: Y["time"] > at for at in known}
    means = {at: frame[at_risk[at]].mean() for at, frame in known.items()}
    model = DynamicRisk([0, 3], 12.0, imputer=SimpleImputer()).fit(known, Y)
    by_hand = DynamicRisk([0, 3], 12.0).fit({at: frame.fillna(means[at]) for at, frame in known.items()}, Y)
    np.testing.assert_allclose(model.model_.coef_, by_hand.model_.coef_, rtol=1e-12)
    assert model.at_risk_["n"].tolist() == [at_risk[0.0].sum(), at_risk[3.0].sum()]  # nobody is left out
    new = pd.DataFrame({"c1": [np.nan, 0.5], "c2": [0.2, np.nan]})
    for at in known:
        filled = by_hand.predict_risk(new.fillna(means[at]), at + 12, at=at)
        np.testing.assert_allclose(model.predict_risk(new, at + 12, at=at), filled, rtol=1e-12)
    updates = model.updates({at: new for at in known})
    assert np.isfinite(updates.risk).all()
    found = dynamic_performance(model, known, Y, n_resamples=0)
    assert found.at_risk["n_unknown"].tolist() == [0, 0]


@pytest.mark.parametrize("code", ["event", "status"])
def test_each_completed_table_has_a_model_and_risks_are_averaged(code: str) -> None:
    y = Surv.right(D["time"], D[code])
    known = holes({0.0: X, 3.0: X + 1.0}, 0.2)
    step = MultipleImputation(2, iterations=1, draws=10)
    model = DynamicRisk([0, 3], 12.0, imputer=step).fit(known, y)
    tables = {}
    for at, frame in known.items():
        kept = landmark(y, frame, at, 12.0)
        done = clone(step).complete_training(kept.X.reset_index(drop=True), kept.y)
        tables[at] = [table.set_axis(kept.rows, axis=0).reindex(range(len(frame))) for table in done]
    alone = [DynamicRisk([0, 3], 12.0).fit({at: tables[at][k].fillna(0) for at in known}, y) for k in range(2)]
    pooled = model.to_frame()
    both = [one.to_frame() for one in alone]
    np.testing.assert_allclose(pooled["coef"], (both[0]["coef"] + both[1]["coef"]) / 2, rtol=1e-10)
    within = (both[0]["se"] ** 2 + both[1]["se"] ** 2) / 2
    between = (both[0]["coef"] - both[1]["coef"]) ** 2 / 2
    np.testing.assert_allclose(pooled["se"], np.sqrt(within + 1.5 * between), rtol=1e-10)
    full = X.head(3)
    expected = np.mean([one.predict_risk(full, 15.0, at=3.0) for one in alone], axis=0)
    np.testing.assert_allclose(model.predict_risk(full, 15.0, at=3.0), expected, rtol=1e-10)
    lacking = X.head(3).assign(c2=np.nan)
    lowest, highest = (full.assign(c2=value) for value in (-6.0, 6.0))
    risks = [model.predict_risk(part, 15.0, at=3.0) for part in (lowest, lacking, highest)]
    assert ((risks[0] - risks[1]) * (risks[1] - risks[2]) > 0).all()  # between the extremes of what is not known


def test_a_value_that_nobody_at_risk_has_cannot_be_imputed() -> None:
    known = {0.0: X, 3.0: X.assign(c2=np.nan)}
    with pytest.raises(LBPError, match="No patient at risk at landmark 3 has a value of 'c2'"):
        DynamicRisk([0, 3], 12.0, imputer=SimpleImputer()).fit(known, Y)
    with pytest.raises(LBPError, match="imputer=MultipleImputation"):
        DynamicRisk([0, 3], 12.0).fit(known, Y)
    with pytest.raises(LBPError, match="missing values of .'c2'., in new rows"):
        DynamicRisk([0, 3], 12.0).fit(X, Y).predict_risk(X.head(2).assign(c2=np.nan), 12.0)


def test_an_imputer_is_saved_with_the_model_and_as_json_only_without(tmp_path) -> None:
    model = DynamicRisk([0, 3], 12.0, imputer=MultipleImputation(1, iterations=1)).fit(holes({0.0: X, 3.0: X}, 0.1), Y)
    again = unpack(*pack(model))
    new = X.head(4).mask(np.eye(4, 2, dtype=bool))
    np.testing.assert_array_equal(again.predict_risk(new, 15.0, at=3.0), model.predict_risk(new, 15.0, at=3.0))
    with pytest.raises(LBPError, match="imputer"):
        model.to_dict()


def test_saved_as_json_and_refused_calls() -> None:
    model = DynamicRisk(MARKS, 12.0, interactions=["c1"]).fit(X, Y)
    again = RiskEstimator.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_risk(X, 15.0, at=3.0), model.predict_risk(X, 15.0, at=3.0))
    with pytest.raises(LBPError, match="DynamicRisk"):
        dynamic_performance(CoxPH().fit(X, Y), X, Y)
    with pytest.raises(LBPError, match="landmarks and width"):
        dynamic_performance({"a": model, "b": DynamicRisk(MARKS, 6.0).fit(X, Y)}, X, Y)
    with pytest.raises(LBPError, match="interactions"):
        DynamicRisk(MARKS, 12.0, interactions=["age"]).fit(X, Y)
    with pytest.raises(LBPError, match="at risk"):
        DynamicRisk([1e6], 12.0).fit(X, Y)


@pytest.mark.parametrize("events", ["event", "status"])
def test_a_patient_with_a_frequency_is_that_many_patients(events) -> None:
    """Robust standard errors over landmarks are those of the patients written out."""
    y, copies = Surv.right(D["time"], D[events]), np.random.default_rng(1).integers(1, 4, len(D))
    rows = np.repeat(np.arange(len(D)), copies)
    one = DynamicRisk(MARKS, 12.0).fit(X, y, sample_weight=Weights(copies, "frequency")).model_.covariance_
    two = DynamicRisk(MARKS, 12.0).fit(X.iloc[rows].reset_index(drop=True), y[rows]).model_.covariance_
    for code in two if isinstance(two, dict) else [...]:
        np.testing.assert_allclose(one[code], two[code], rtol=1e-7)


def test_visits_by_date_are_refused() -> None:
    visits = pd.DataFrame({"patient_id": [1, 2], "time": pd.to_datetime(["2019-01-01", "2019-02-01"]), "nrs": [3, 4]})
    with pytest.raises(LBPError, match="`visits` must be numbers, in the unit of the study; got dates"):
        visits_by_landmark(visits, [1, 2], [0, 3])
