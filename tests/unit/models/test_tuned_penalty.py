"""``penalty="cv"``: whole patients in folds, weights as copies, factors by modality, one standard error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.models import CauseSpecificCox, CoxPH, DiscreteTimeHazard, ElasticNetCox, FineGray, LogisticRisk
from lbp_prognosis.models._event_folds import event_folds
from lbp_prognosis.models._period_likelihood import row_loglik
from lbp_prognosis.models._person_periods import person_periods, visit_grid
from lbp_prognosis.models._ridge_choice import chosen_ridge, saturated_loglik
from lbp_prognosis.survival import Status, Surv, Weights
from lbp_prognosis.validation import bootstrap_validate

COHORT = syn(n=240)
COLUMNS = ["c1", "c2", "p1", "m1", "m2", "g1"]
X = COHORT[COLUMNS]
Y = Surv.right(COHORT.time, COHORT.event)
COMPETING = Surv.right(COHORT.time, COHORT.status)
STATE = Status.at(12, COHORT.y)
VISITS = [6.0, 12.0, 24.0]
SEEN = Surv.interval(
    np.select([COHORT.time > 12, COHORT.time > 6], [12.0, 6.0], 0.0),
    np.select([COHORT.time > 12, COHORT.time > 6], [np.inf, 12.0], 6.0),
)
TUNED = {
    "cox": (CoxPH(penalty="cv"), Y),
    "fine_gray": (FineGray(penalty="cv"), COMPETING),
    "logistic": (LogisticRisk(penalty="cv"), STATE),
    "visits": (DiscreteTimeHazard(penalty="cv"), SEEN),
}


@pytest.mark.parametrize("name", TUNED)
def test_the_model_is_that_of_the_chosen_penalty(name):
    model, y = TUNED[name]
    model.fit(X, y)
    plain = type(model)(penalty=model.penalty_).fit(X, y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-12)
    np.testing.assert_allclose(model.covariance_, plain.covariance_, rtol=1e-10)
    table = model.cv_
    assert model.penalty_ == table["penalty"][int(table["mean"].argmin())]
    cautious = type(model)(penalty="cv", choose="one_se").fit(X, y)
    best = table.loc[table["mean"].idxmin()]
    allowed = table[table["mean"] <= best["mean"] + best["se"]]
    assert cautious.penalty_ == allowed["penalty"].max() >= model.penalty_


@pytest.mark.parametrize("name", TUNED)
def test_clusters_are_kept_together(name):
    """Copies of a patient in another fold would ask for hardly any penalty."""
    model, y = TUNED[name]
    rows = np.repeat(np.arange(240), 3)
    patient = np.arange(240)[rows]
    thrice = X.iloc[rows].reset_index(drop=True)
    together = type(model)(penalty="cv").fit(thrice, y[rows], clusters=patient)
    fold = np.random.default_rng(0).integers(0, 5, 240)
    once = type(model)(penalty="cv").fit(X, y, folds=fold)
    again = type(model)(penalty="cv").fit(thrice, y[rows], folds=fold[rows])
    # three copies carry three times the likelihood: the same model at three times the penalty
    assert again.penalty_ == pytest.approx(3 * once.penalty_)
    event = STATE["status"] == 1 if name == "logistic" else y["event"] == 1
    fold = event_folds(5, event[rows], patient, 0, argument="cv")
    np.testing.assert_allclose(together.cv_, type(model)(penalty="cv").fit(thrice, y[rows], folds=fold).cv_)
    apart = type(model)(penalty="cv").fit(thrice, y[rows])
    assert apart.penalty_ < again.penalty_
    assert model.folds_keep_clusters
    assert not type(model)().folds_keep_clusters


@pytest.mark.parametrize("name", TUNED)
def test_frequency_weights_are_copies(name):
    model, y = TUNED[name]
    counts = np.random.default_rng(1).integers(1, 3, 240)
    rows, fold = np.repeat(np.arange(240), counts), np.arange(240) % 4
    weighted = type(model)(penalty="cv").fit(X, y, sample_weight=Weights(counts, "frequency"), folds=fold)
    copied = type(model)(penalty="cv").fit(X.iloc[rows].reset_index(drop=True), y[rows], folds=fold[rows])
    np.testing.assert_allclose(weighted.cv_["mean"], copied.cv_["mean"], rtol=2e-4)  # scales of columns in a fold
    np.testing.assert_allclose(weighted.penalty_, copied.penalty_, rtol=1e-9)
    np.testing.assert_allclose(weighted.coef_, copied.coef_, rtol=1e-6)


def test_fine_gray_without_competing_events_chooses_as_cox():
    cox, fine_gray = CoxPH(penalty="cv").fit(X, Y), FineGray(penalty="cv").fit(X, Y)
    np.testing.assert_allclose(fine_gray.cv_["mean"], cox.cv_["mean"], rtol=1e-6)
    np.testing.assert_allclose(fine_gray.coef_, cox.coef_, rtol=1e-8)


def test_the_likelihood_of_person_periods_is_that_of_the_fit():
    y = Surv.interval([0, 0, 0, 6, 6, 12, 12, 24] * 20, [6, 12, 24, 12, 24, np.inf, 24, np.inf] * 20)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=160), "b": rng.normal(size=160)})
    model = DiscreteTimeHazard(VISITS).fit(table, y)
    rows = person_periods(y, "interval", visit_grid(y, "interval", VISITS), 0.0, model.causes_)
    hazards, _ = model._hazards(table.to_numpy(), None, None)
    own = hazards[rows.person, rows.period]
    np.testing.assert_allclose(row_loglik(rows, own).sum(), model.log_likelihood_, rtol=1e-9)


def test_strata_offsets_and_late_entry_take_part():
    site = COHORT["site"].to_numpy()
    y = Surv.right(COHORT.time, COHORT.event, entry=np.where(np.arange(240) % 4 == 0, 0.05, 0.0))
    model = CoxPH(penalty="cv").fit(X, y, strata=site, offset=0.2 * COHORT["c3"])
    assert model.cv_["mean"].notna().all()
    plain = CoxPH(penalty=model.penalty_).fit(X, y, strata=site, offset=0.2 * COHORT["c3"])
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-10)


def test_columns_without_penalty():
    noise = pd.DataFrame(np.random.default_rng(3).normal(size=(240, 20))).add_prefix("r")
    wide = pd.concat([X, noise], axis=1)
    model = CoxPH(penalty="cv", penalty_factors={"c1": 0.0}, choose="one_se").fit(wide, Y)
    assert abs(model.coef_[0]) > abs(CoxPH(penalty="cv", choose="one_se").fit(wide, Y).coef_[0])


# ---- causes ------------------------------------------------------------------------------------------------------


def test_each_cause_has_a_penalty_of_its_own():
    model = CauseSpecificCox(penalty="cv").fit(X, COMPETING)
    alone = CoxPH(penalty="cv").fit(X, Surv.right(COHORT.time, COHORT.status == 2))
    assert model.models_[2].penalty_ == alone.penalty_
    np.testing.assert_allclose(model.coef_[2], alone.coef_, rtol=1e-10)
    assert model.models_[1].penalty_ != model.models_[2].penalty_


def test_factors_of_modalities_are_tried():
    noise = pd.DataFrame(np.random.default_rng(2).normal(size=(240, 30))).add_prefix("r")
    wide = pd.concat([X, noise], axis=1)
    groups = {"clinical": COLUMNS, "imaging": list(noise)}
    for ratio in (0.0, 1.0):
        settings = {"penalty": "cv", "l1_ratio": ratio, "modalities": groups}
        model = CauseSpecificCox(**settings, modality_factors={"imaging": [1, 16]}).fit(wide, COMPETING)
        assert model.modality_factors_[1] == {"imaging": 16.0}  # imaging is noise
        one = CauseSpecificCox(**settings, modality_factors={"imaging": 16}).fit(wide, COMPETING)
        np.testing.assert_allclose(model.coef_[1], one.coef_[1], rtol=1e-10)
    # an unpenalised modality, as a number
    free = CauseSpecificCox(penalty=50.0, modalities=groups, modality_factors={"clinical": 0}).fit(wide, COMPETING)
    by_column = CauseSpecificCox(penalty=50.0, penalty_factors=dict.fromkeys(COLUMNS, 0.0)).fit(wide, COMPETING)
    np.testing.assert_allclose(free.coef_[1], by_column.coef_[1], rtol=1e-12)


def test_an_elastic_net_of_each_cause_sums_to_one_with_survival():
    model = CauseSpecificCox(penalty="cv", l1_ratio=1.0, choose="one_se").fit(X, COMPETING)
    assert all(isinstance(part, ElasticNetCox) for part in model.models_.values())
    risks = [model.predict_risk(X, [6, 12], cause) for cause in (1, 2)]
    np.testing.assert_allclose(sum(risks) + model.predict_survival(X, [6, 12]), 1.0, atol=1e-12)
    assert not model.covariance_
    assert set(model.to_frame()["cause"]) == {1, 2}
    with pytest.raises(ArgumentError, match="l1_ratio"):
        model.fit_statistics()


def test_what_is_refused():
    for options, word in (
        ({"penalty": "aic"}, "penalty"),
        ({"penalty": -1.0}, "penalty"),
        ({"penalty": "cv", "choose": "1se"}, "choose"),
        ({"penalty": "cv", "cv": 1}, "cv"),
        ({"penalty": "cv", "ties": "exact"}, "ties"),
        ({"penalty": 1.0, "l1_ratio": 0.5}, "penalty"),
        ({"penalty": "cv", "modality_factors": {"imaging": 2}}, "modalities"),
        ({"penalty": 1.0, "modalities": {"i": ["m1"]}, "modality_factors": {"i": [1, 2]}}, "modality_factors"),
        ({"penalty": "cv", "modalities": {"i": ["zz"]}, "modality_factors": {"i": 2}}, "modalities"),
        ({"penalty": "cv", "modalities": {"i": ["m1"]}, "modality_factors": {"j": 2}}, "modality_factors"),
    ):
        with pytest.raises(ArgumentError, match=word):
            CauseSpecificCox(**options).fit(X, COMPETING)
    with pytest.raises(ArgumentError, match="folds"):
        CoxPH(penalty="cv").fit(X, Y, folds=np.zeros(3))
    with pytest.raises(EstimationError, match="two folds"):
        CoxPH(penalty="cv").fit(X, Y, folds=np.zeros(240))


def test_a_path_ends_three_penalties_beyond_its_minimum():
    """By hand: two folds of one size; the standard error of the difference between folds is half its range."""
    sizes, grid = np.repeat([0, 1], 5), np.array([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])

    def tried(first, second):
        asked = []

        def deviances(train):
            for value in second if train[0] else first:
                asked.append(value)
                yield 5 * value

        penalty, table = chosen_ridge(grid, sizes, np.ones(10), deviances, "min")
        assert len(asked) == 2 * len(table)
        return penalty, len(table)

    assert tried([5, 4, 5, 6, 7, 8], [5, 4, 5, 6, 7, 8]) == (4.0, 5)
    assert tried([5, 4, 5, 6, 5.5, 8], [5, 4, 5, 6, 5.5, 8]) == (4.0, 6)  # fell once more
    assert tried([5, 4, 5, 6, 6.9, 8], [5, 4, 4, 4, 4.1, 4.2]) == (4.0, 5)  # mean 1.5, error 1.4
    assert tried([5, 4, 5, 6, 7.2, 8], [5, 4, 4, 4, 4.0, 4.0]) == (4.0, 6)  # mean 1.6, error 1.6
    nan = np.nan
    assert tried([nan, 4, 5, 6, nan, 8], [5, 4, 5, 6, 7, 8]) == (4.0, 6)


def test_bootstrap_repeats_the_choice():
    """Copies of a patient stay in one fold, so that the optimism is that of a shrunken model."""
    few, y = X[:120], Y[:120]
    noise = pd.DataFrame(np.random.default_rng(5).normal(size=(120, 15))).add_prefix("r")
    wide = pd.concat([few, noise], axis=1)
    tuned = bootstrap_validate(CoxPH(penalty="cv", cv=3), wide, y, 12, n_resamples=8, random_state=0).to_frame()
    plain = bootstrap_validate(CoxPH(), wide, y, 12, n_resamples=8, random_state=0).to_frame()

    def optimism(frame):
        return abs(frame.set_index("metric")["optimism"]["concordance"])

    assert optimism(tuned) < 0.7 * optimism(plain)


def test_the_saturated_likelihood_depends_on_ties_alone():
    """By hand: events tied at one time of one stratum, of total weight t, give −t log t."""
    time, event = np.array([1.0, 1.0, 2.0, 2.0, 3.0]), np.array([True, True, True, False, True])
    one = np.ones(5)
    assert saturated_loglik(time, event, one, None) == pytest.approx(-2 * np.log(2), rel=1e-15)
    assert saturated_loglik(time, event, one, np.array([0, 1, 0, 0, 0])) == 0.0
    weights = np.array([2.0, 1.0, 1.0, 9.0, 0.5])
    want = -(3 * np.log(3) + 0.5 * np.log(0.5))
    assert saturated_loglik(time, event, weights, None) == pytest.approx(want, rel=1e-15)
    assert saturated_loglik(time, np.zeros(5, dtype=bool), one, None) == 0.0
