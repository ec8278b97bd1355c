"""`CoxPH`, `CauseSpecificCox`, `FineGray`: options, refusals, worked numbers and the traps of other packages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis._base import ArgumentError, EstimationError, LBPError, OutcomeError
from lbp_prognosis.models import CauseSpecificCox, CoxPH, FineGray, ProportionalHazardsTest
from lbp_prognosis.survival import Surv

COLUMNS = ["c1", "c2", "c3", "p1", "p2"]


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return syn()


@pytest.fixture(scope="module")
def monthly(cohort) -> pd.DataFrame:
    """Training half with times in whole months: heavy ties."""
    return cohort.iloc[:300].assign(time=lambda d: np.maximum(1, np.round(d["time"])))


def test_worked_numbers_of_heavy_ties(monthly):
    """Ties of the first coefficient and the baseline that belongs to them (R's coxph, basehaz, survfit)."""
    y = Surv.right(monthly["time"], monthly["event"])
    wanted = {"efron": 0.608364819, "breslow": 0.578872189, "exact": 0.640271062}
    fits = {ties: CoxPH(ties=ties).fit(monthly[COLUMNS], y) for ties in wanted}
    for ties, value in wanted.items():
        np.testing.assert_allclose(fits[ties].coef_[0], value, rtol=2e-9)
    np.testing.assert_allclose(fits["efron"].baseline_cumulative_hazard(12), [0.440013012], rtol=1e-8)
    np.testing.assert_allclose(fits["breslow"].baseline_cumulative_hazard(12), [0.430818271], rtol=1e-8)
    zero = pd.DataFrame(np.zeros((1, 5)), columns=COLUMNS)
    np.testing.assert_allclose(fits["efron"].predict_survival(zero, 12), [[0.644028041]], rtol=1e-8)
    # an Efron fit with a Breslow baseline gives 0.4196697 instead: it must not be ours
    assert abs(fits["efron"].baseline_cumulative_hazard(12)[0] - 0.4196697) > 0.01


def test_worked_numbers_of_site_strata(cohort):
    model = CoxPH().fit(cohort[COLUMNS], Surv.right(cohort["time"], cohort["event"]), strata=cohort["site"])
    np.testing.assert_allclose(
        model.coef_, [0.591658737, 0.291837268, 0.0670721748, 0.431999916, -0.00358684867], rtol=2e-8
    )


def test_efron_keeps_the_coefficient_that_breslow_bends(cohort):
    """Half-yearly times: Breslow's coefficients shrink, Efron's stay near those of the fine times."""
    fine = CoxPH().fit(cohort[COLUMNS], Surv.right(cohort["time"], cohort["event"])).coef_[0]
    y = Surv.right(np.ceil(cohort["time"] / 6), cohort["event"])
    efron, breslow = (CoxPH(ties=ties).fit(cohort[COLUMNS], y).coef_[0] for ties in ("efron", "breslow"))
    assert abs(efron - fine) < abs(breslow - fine) / 2
    assert breslow < 0.95 * efron


def test_weights_strata_and_entry_are_taken(cohort):
    """What some Cox implementations leave out: each of the three changes the fit, and none is ignored."""
    entry = np.minimum(np.arange(600) % 5, cohort["time"] - 0.05).clip(lower=0)
    y = Surv.right(cohort["time"], cohort["event"])
    plain = CoxPH().fit(cohort[COLUMNS], y).coef_
    weighted = CoxPH().fit(cohort[COLUMNS], y, sample_weight=1 + np.arange(600) % 3)
    stratified = CoxPH().fit(cohort[COLUMNS], y, strata=cohort["site"])
    late = CoxPH().fit(cohort[COLUMNS], Surv.right(cohort["time"], cohort["event"], entry=entry))
    assert weighted.variance_ == "robust"
    for model in (weighted, stratified, late):
        assert np.abs(model.coef_ - plain).max() > 1e-3


def test_strata_and_offset_columns_are_read_from_the_frame(cohort):
    y = Surv.right(cohort["time"], cohort["event"])
    X = cohort[[*COLUMNS, "m1"]].assign(site=cohort["site"].map("site {}".format))
    named = CoxPH(strata="site", offset="m1").fit(X, y)
    passed = CoxPH().fit(cohort[COLUMNS], y, strata=X["site"], offset=cohort["m1"])
    np.testing.assert_array_equal(named.coef_, passed.coef_)
    assert named.feature_names_in_.tolist() == COLUMNS
    np.testing.assert_array_equal(
        named.predict_risk(X, [6, 12]),
        passed.predict_risk(cohort[COLUMNS], [6, 12], strata=X["site"], offset=cohort["m1"]),
    )
    with pytest.raises(ArgumentError, match="strata"):
        named.fit(X, y, strata=X["site"])
    with pytest.raises(ArgumentError, match="offset"):
        passed.predict_risk(cohort[COLUMNS], 6, strata=X["site"])
    with pytest.raises(ArgumentError, match="site 9"):
        named.predict_risk(X.assign(site="site 9"), 6)
    two = CoxPH(strata=["site", "y"]).fit(X.assign(y=cohort["y"]).drop(columns="m1"), y)
    assert len(two.strata_levels_) == 12


def test_absolute_risk_is_refused_after_a_fit_with_competing_events(cohort):
    y = Surv.right(cohort["time"], cohort["status"])
    model = CoxPH().fit(cohort[COLUMNS], y)
    alone = CoxPH().fit(cohort[COLUMNS], Surv.right(cohort["time"], cohort["event"]))
    np.testing.assert_array_equal(model.coef_, alone.coef_)
    for ask in (model.predict_risk, model.predict_survival):
        with pytest.raises(OutcomeError, match="CauseSpecificCox or FineGray"):
            ask(cohort[COLUMNS], 12)
    risk = CauseSpecificCox().fit(cohort[COLUMNS], y).predict_risk(cohort[COLUMNS], 12)
    assert (risk < alone.predict_risk(cohort[COLUMNS], 12)).all()
    with pytest.raises(ArgumentError, match="cause"):
        CauseSpecificCox().fit(cohort[COLUMNS], y).predict_risk(cohort[COLUMNS], 12, cause=3)


def test_fine_gray_knows_one_cause(cohort):
    y = Surv.right(cohort["time"], cohort["status"])
    second = FineGray(cause=2).fit(cohort[COLUMNS], y)
    assert second.n_events_ == (cohort["status"] == 2).sum()
    assert second.predict_risk(cohort[COLUMNS], 12, cause=2).shape == (600, 1)
    with pytest.raises(ArgumentError, match="cause=1"):
        second.predict_risk(cohort[COLUMNS], 12)


def test_fine_gray_with_late_entry(cohort):
    X, plain = cohort[COLUMNS], Surv.right(cohort["time"], cohort["status"])
    nobody = FineGray().fit(X, Surv.right(cohort["time"], cohort["status"], entry=np.zeros(600)))
    np.testing.assert_array_equal(nobody.covariance_, FineGray().fit(X, plain).covariance_)
    entry = np.minimum(3 * cohort["u15"], cohort["time"] / 2)
    y = Surv.right(cohort["time"], cohort["status"], entry=entry)
    with pytest.raises(ArgumentError, match="curve of the entries"):
        FineGray(variance="robust").fit(X, y)
    # those seen before 5 come and go before the others enter, and one of them had a competing event
    early = cohort["time"] <= 5
    gap = Surv.right(cohort["time"], cohort["status"], entry=np.where(early, 0.0, 5.0))
    with pytest.raises(EstimationError, match="no patient was observed"):
        FineGray().fit(X, gap)


def test_fine_gray_censoring_by_group(cohort):
    y = Surv.right(cohort["time"], cohort["status"])
    X = cohort[COLUMNS].assign(late=(cohort["site"] > 3).astype(float))
    one, two = FineGray().fit(X, y), FineGray(censoring_strata="late").fit(X, y)
    assert 0 < np.abs(one.coef_ - two.coef_).max() < 0.05
    rows = X["late"] == 1  # with separate baselines and curves the likelihood is the sum over groups
    own = FineGray(censoring_strata="strata", strata="late").fit(X, y)
    apart = [FineGray().fit(X.loc[r, COLUMNS], y[r]).log_likelihood_null_ for r in (rows, ~rows)]
    np.testing.assert_allclose(own.log_likelihood_null_, sum(apart), rtol=1e-12)


def test_ridge_on_more_columns_than_rows(cohort):
    few = cohort.iloc[:12]
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 20)), columns=[f"r{j}" for j in range(20)])
    y = Surv.right(few["time"], few["event"])
    with pytest.raises(EstimationError, match="20 columns and 12 rows"):
        CoxPH().fit(X, y)
    model = CoxPH(penalty=2.0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert 0 < model.df_ < 12
    free = CoxPH(penalty=2.0, penalty_factors={"r0": 0.0}).fit(X, y)
    assert abs(free.coef_[0]) > abs(model.coef_[0])


def test_impossible_fits_name_the_columns(cohort):
    y = Surv.right(cohort["time"], cohort["event"])
    X = cohort[COLUMNS]
    with pytest.raises(EstimationError, match="'flat'"):
        CoxPH().fit(X.assign(flat=3.0), y)
    with pytest.raises(EstimationError, match="'twice'"):
        CoxPH().fit(X.assign(twice=2 * X["c1"] - X["c2"]), y)
    dropped = CoxPH(collinear="drop").fit(X.assign(twice=2 * X["c1"] - X["c2"]), y)
    np.testing.assert_allclose(dropped.coef_, [*CoxPH().fit(X, y).coef_, 0.0], rtol=1e-9)
    with pytest.raises(EstimationError, match="'perfect'"):
        CoxPH().fit(X.assign(perfect=cohort["event"] * 100.0 - cohort["time"]), y)
    with pytest.raises(EstimationError, match="No event"):
        CoxPH().fit(X, Surv.right(cohort["time"], np.zeros(600)))
    with pytest.raises(EstimationError, match="Cause 1: .*perfect"):
        CauseSpecificCox().fit(
            X.assign(perfect=(cohort["status"] == 2) * 1.0), Surv.right(cohort["time"], cohort["status"])
        )
    everyone = CoxPH().fit(X, Surv.right(np.full(600, 5.0), cohort["event"]))  # all events at one time is a fit
    assert np.isfinite(everyone.coef_).all()
    with pytest.raises(ArgumentError, match="sample_weight"):
        CoxPH(ties="exact").fit(X, y, sample_weight=np.full(600, 0.5))


def test_tables_and_ph_test(cohort):
    y = Surv.right(cohort["time"], cohort["event"])
    model = CoxPH().fit(cohort[COLUMNS], y)
    table = model.to_frame(confidence=0.9)
    assert table.columns.tolist()[:8] == ["term", "coef", "hr", "low", "high", "se", "z", "p"]
    np.testing.assert_allclose(np.log(table["high"] / table["low"]) / (2 * table["se"]), 1.6448536, rtol=1e-6)
    result = model.proportional_hazards_test(cohort[COLUMNS], y, "rank")
    assert isinstance(result, ProportionalHazardsTest)
    assert result.to_frame()["term"].tolist() == [*COLUMNS, "GLOBAL"]
    assert "global" in repr(result)
    pytest.importorskip("matplotlib").use("Agg")
    axes = result.plot(term="p1")
    assert "p1" in axes.get_ylabel()
    with pytest.raises(LBPError, match="term"):
        result.plot(term="nobody")
    scaled = model.schoenfeld_residuals(cohort[COLUMNS], y, scaled=True)
    # a constant effect: the residuals average to the coefficient
    np.testing.assert_allclose(scaled[COLUMNS].mean(), model.coef_, atol=1e-8)
    np.testing.assert_allclose(model.residuals(cohort[COLUMNS], y).sum(), 0, atol=1e-9)


def test_clusters_of_one_row_are_the_plain_sandwich_and_dfbeta_tracks_deletion(cohort):
    part = cohort.iloc[:80]
    y = Surv.right(part["time"], part["event"])
    plain = CoxPH(variance="robust").fit(part[COLUMNS], y)
    single = CoxPH().fit(part[COLUMNS], y, clusters=np.arange(80))
    np.testing.assert_allclose(single.covariance_, plain.covariance_, rtol=1e-12)
    change = plain.residuals(part[COLUMNS], y, "dfbeta")
    np.testing.assert_allclose(change.T @ change, plain.covariance_, rtol=1e-12)
    deleted = np.array(
        [plain.coef_ - CoxPH().fit(part[COLUMNS].drop(index=i), np.delete(y, i)).coef_ for i in range(20)]
    )
    assert np.corrcoef(deleted.ravel(), change[:20].ravel())[0, 1] > 0.98


def test_separation_by_a_category_of_one_patient_names_its_column() -> None:
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"age": rng.normal(50, 12, 300), "rare": np.arange(300) == 7}).astype(float)
    time, event = rng.exponential(5, 300), np.arange(300) % 3 > 0
    time[7], event[7] = 40.0, False
    with pytest.raises(EstimationError, match="Largest coefficients: 'rare'"):
        CoxPH().fit(X, Surv.right(time, event))
