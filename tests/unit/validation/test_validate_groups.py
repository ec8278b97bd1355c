"""`RiskStratifier` and `validate_groups`: cuts from training patients, groups that hold and stay, or the objection."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import BaseEstimator
from syn import syn

from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import ipcw_weights
from lbp_prognosis.evaluation import ThresholdRange
from lbp_prognosis.models import CauseSpecificCox, CoxPH, LogisticRisk, RiskStratifier
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Status, Surv, Weights, aalen_johansen
from lbp_prognosis.validation import cross_validate_risk, validate_groups

COHORT = syn(n=300)
COLUMNS = ["c1", "c2", "p1", "m1"]
X = COHORT[COLUMNS]
Y = Surv.right(COHORT.time, COHORT.event)
COMPETING = Surv.right(COHORT.time, COHORT.status)


class Column(BaseEstimator):
    def __init__(self, column: str) -> None:
        self.column = column

    def fit(self, X, y, **rows):
        return self

    def predict_risk(self, X, horizons, cause=1):
        return np.repeat(X[[self.column]].to_numpy(), np.size(horizons), axis=1)


def risks(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"r": values})


# ---- the rule ----------------------------------------------------------------------------------------------------


def test_a_risk_at_a_cut_is_in_the_group_above_it():
    table = risks([0.1, 0.2, 0.2 - 1e-12, 0.5, 0.49, 0.9] * 10)
    rule = RiskStratifier(Column("r"), cuts=[0.2, 0.5]).fit(table, Status.at(12, [0, 1] * 30))
    assert rule.predict_group(table)[:6].tolist() == [0, 1, 0, 2, 1, 2]
    assert rule.names_ == ("low", "intermediate", "high")
    assert rule.to_frame()["low"].tolist() == [0.0, 0.2, 0.5]


def test_groups_of_equal_size_are_of_cross_fitted_risks():
    table = risks((np.arange(1, 91) / 100).tolist())
    state = Status.at(12, [0, 1] * 45)
    rule = RiskStratifier(Column("r"), n_groups=3).fit(table, state)
    np.testing.assert_allclose(rule.cuts_, [0.305, 0.605])
    assert np.bincount(rule.predict_group(table)).tolist() == [30, 30, 30]
    doubled = RiskStratifier(Column("r"), n_groups=2).fit(
        table, state, sample_weight=Weights(np.repeat([1.0, 2.0], 45), "frequency")
    )
    # 45 copies below .455, 90 above: half of 135 lie below the 57th row
    np.testing.assert_allclose(doubled.cuts_, [0.575])
    wide = RiskStratifier(CoxPH(), horizon=12, n_groups=3).fit(X[:60], Y[:60])
    own = wide.predict_risk(X[:60], 12)[:, 0]
    assert not np.allclose(wide.cuts_, np.quantile(own, [1 / 3, 2 / 3]), atol=1e-3)


def test_thresholds_of_a_decision_are_saved_as_cuts():
    refer = ThresholdRange(0.2, 0.5, 0.3, "Referral costs eight visits.")
    rule = RiskStratifier(CoxPH(), horizon=12, from_utility=refer).fit(X, Y)
    assert rule.cuts_.tolist() == [0.2, 0.5]
    again = RiskEstimator.from_dict(json.loads(json.dumps(rule.to_dict())))
    np.testing.assert_array_equal(again.predict_group(X), rule.predict_group(X))
    assert again.cuts == [0.2, 0.5]


def test_it_is_a_model_and_is_made_again_in_every_fold():
    rule = RiskStratifier(CoxPH(), horizon=12, n_groups=3)
    found = cross_validate_risk(rule, X, Y, 12, n_splits=3, n_repeats=1, random_state=0)
    plain = cross_validate_risk(CoxPH(), X, Y, 12, n_splits=3, n_repeats=1, random_state=0)
    mine, theirs = (next(iter(result.risks.values())) for result in (found, plain))
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_a_row_without_a_risk_is_in_no_group():
    end = float(Y["time"].max())
    RiskStratifier(CoxPH(), horizon=end, cuts=[0.3]).fit(X, Y).predict_group(X)
    with pytest.raises(ArgumentError, match="`horizon` must be within the follow-up"):
        RiskStratifier(CoxPH(), horizon=np.nextafter(end, np.inf), cuts=[0.3]).fit(X, Y)
    table = risks([0.1, 0.4] * 30)
    rule = RiskStratifier(Column("r"), cuts=[0.3]).fit(table, Status.at(12, [0, 1] * 30))
    with pytest.raises(ArgumentError, match="1 rows without, e.g. row 1"):
        rule.predict_group(risks([0.1, np.nan]))


def test_the_score_is_of_the_cause_of_the_groups():
    model = CauseSpecificCox().fit(X, COMPETING)
    rule = RiskStratifier(CauseSpecificCox(), horizon=12, cuts=[0.3], cause=2).fit(X, COMPETING)
    case = (COMPETING["time"] <= 12) & (COMPETING["event"] == 2)
    known = ipcw_weights(COMPETING["time"], COMPETING["event"], np.array([12.0]), np.ones(300))[:, 0]
    loss = np.mean(np.where(known > 0, known * (model.predict_risk(X, 12, cause=2)[:, 0] - case) ** 2, 0))
    assert rule.score(X, COMPETING, horizons=12) == pytest.approx(-loss, rel=1e-9)


def test_what_is_refused():
    for options, word in (
        ({}, "cuts"),
        ({"cuts": [0.2], "n_groups": 3}, "cuts"),
        ({"cuts": [0.5, 0.2]}, "cuts"),
        ({"cuts": [0.0, 0.2]}, "cuts"),
        ({"cuts": []}, "cuts"),
        ({"from_utility": [0.2]}, "from_utility"),
        ({"n_groups": 1}, "n_groups"),
        ({"cuts": [0.2], "names": ["a"]}, "names"),
        ({"cuts": [0.2], "horizon": None}, "horizon"),
    ):
        with pytest.raises(ArgumentError, match=word):
            RiskStratifier(CoxPH(), **{"horizon": 12.0, **options}).fit(X, Y)
    with pytest.raises(ArgumentError, match="can be divided"):
        RiskStratifier(Column("r"), n_groups=3).fit(risks([0.2] * 60), Status.at(12, [0, 1] * 30))
    with pytest.raises(ArgumentError, match="unfitted"):
        validate_groups(RiskStratifier(CoxPH(), horizon=12, cuts=[0.3]).fit(X, Y), X, Y)
    with pytest.raises(ArgumentError, match="RiskStratifier"):
        validate_groups(CoxPH(), X, Y)


# ---- judging it --------------------------------------------------------------------------------------------------


def test_observed_risks_are_those_of_the_out_of_fold_groups():
    found = validate_groups(
        RiskStratifier(CauseSpecificCox(), horizon=12.0, cuts=[0.3, 0.5]), X, COMPETING, n_resamples=4
    )
    assert found.table["n"].sum() == 300
    level = 0.95 ** (1 / 3)
    for k, line in enumerate(found.table.to_dict("records")):
        mine = found.groups == k
        curve = aalen_johansen(COMPETING[mine], confidence=level).at(12.0)
        np.testing.assert_allclose([line["observed"], line["low"], line["high"]], [curve.value, curve.low, curve.high])
        np.testing.assert_allclose(line["mean_risk"], found.risk[mine].mean())
    assert (found.table["step"][1:] > 0).all()
    np.testing.assert_allclose(found.table["step"][1], found.table["observed"][1] - found.table["observed"][0])
    pointwise = aalen_johansen(COMPETING[found.groups == 0]).at(12.0)
    assert found.table["low"][0] < pointwise.low
    assert "groups-not-ordered" not in {doubt.code for doubt in found.objections}
    frame = found.to_frame()
    assert set(frame["metric"]) == {"observed_risk", "mean_risk", "share", "group_stability"}


def test_a_state_at_a_visit_is_a_proportion():
    state = np.where(np.arange(300) % 9 == 0, -1, COHORT.y)
    found = validate_groups(RiskStratifier(LogisticRisk(), cuts=[0.3]), X, Status.at(12, state), n_resamples=0)
    mine = (found.groups == 1) & (state >= 0)
    p = state[mine].mean()
    np.testing.assert_allclose(found.table["observed"][1], p)
    np.testing.assert_allclose(found.table["se"][1], np.sqrt(p * (1 - p) / mine.sum()), rtol=1e-10)
    assert np.isnan(found.table["stays"]).all()
    assert found.to_frame().query("metric == 'group_stability'")["reason"].str.contains("no resamples").all()


def test_probability_of_staying_is_the_share_of_rules():
    """One column, one cut: the group of a patient near the cut is uncertain, far from it it is not."""
    rule = RiskStratifier(CoxPH(), horizon=12.0, cuts=[0.4])
    found = validate_groups(rule, X[["c1"]], Y, n_splits=2, n_resamples=40)
    whole = rule.fit(X[["c1"]], Y).predict_risk(X[["c1"]], 12.0)[:, 0]
    far = np.abs(norm.ppf(whole) - norm.ppf(0.4)) > 0.8
    assert found.stays[far].min() > 0.95
    assert found.stays[~far].min() < 0.7
    np.testing.assert_array_equal(found.groups_all, (whole >= 0.4).astype(int))


def test_noise_is_objected_to():
    noise = pd.DataFrame(np.random.default_rng(1).normal(size=(300, 20))).add_prefix("n")
    found = validate_groups(RiskStratifier(CoxPH(), horizon=12.0, n_groups=4), noise, Y, n_resamples=20)
    codes = {doubt.code for doubt in found.objections}
    assert codes == {"groups-unstable", "groups-not-ordered"}
    assert found.stays.mean() < 0.8


def test_transitions():
    one = validate_groups(RiskStratifier(CoxPH(), horizon=12.0, cuts=[0.3, 0.5]), X, Y, n_resamples=0)
    two = validate_groups(RiskStratifier(CoxPH(), horizon=12.0, cuts=[0.4]), X[["c1"]], Y, n_resamples=0)
    between = one.transitions(two)
    assert between.shape == (3, 2)
    assert between.to_numpy().sum() == 300
    assert between.loc["high", "high"] == ((one.groups == 2) & (two.groups == 1)).sum()
    folds = one.transitions()
    assert np.trace(folds.to_numpy()) > 250
    assert one.transitions(COHORT["site"].to_numpy()).shape == (3, 6)
    with pytest.raises(ArgumentError, match="other"):
        one.transitions([1, 2])


def test_sites_are_grouped_by_the_rule_of_the_others():
    site = np.where(COHORT["site"] <= 3, "a", "b")
    found = validate_groups(RiskStratifier(CoxPH(), horizon=12.0, cuts=[0.4]), X, Y, sites=site, n_resamples=0)
    other = CoxPH().fit(X[site == "b"], Y[site == "b"])
    np.testing.assert_array_equal(found.groups[site == "a"], other.predict_risk(X[site == "a"], 12.0)[:, 0] >= 0.4)
    table = found.sites
    assert table["n"].sum() == 300
    np.testing.assert_allclose(table.groupby("site")["share"].sum(), 1.0)


def test_copies_of_a_patient_stay_together():
    rows = np.repeat(np.arange(150), 2)
    found = validate_groups(
        RiskStratifier(CoxPH(), horizon=12.0, n_groups=2, cv=3),
        X.iloc[rows].reset_index(drop=True),
        Y[rows],
        groups=rows,
        n_resamples=5,
    )
    np.testing.assert_array_equal(found.groups[::2], found.groups[1::2])
