"""The second of two: causes, imputed tables, words among numbers; what only the first one shows is not tested by it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import MultipleImputation, RegressionCalibration, RiskPipeline
from lbp_prognosis.fusion._pool_likelihood_ratio import _names
from lbp_prognosis.models import CauseSpecificCox, CoxPH, DiscreteTimeHazard, FineGray
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import (
    MultiplyImputed,
    contrast,
    cross_validate_risk,
    external_validate,
    likelihood_ratio,
    sample_size_validation,
)
from lbp_prognosis.validation.comparison._coalitions import _net_benefit
from lbp_prognosis.validation.comparison._contrast import _by_samples
from lbp_prognosis.validation.comparison._effects import effects_on
from lbp_prognosis.validation.planning._simulated_precision import _baseline_hazard
from lbp_prognosis.validation.pooling._pool_evaluations import pool_likelihood_ratios
from lbp_prognosis.validation.resampling._cross_validate import average_cross_validations
from lbp_prognosis.validation.screening._column_strength import _frequency, _hanley_mcneil
from lbp_prognosis.validation.screening._identifier_like import identifier_like
from lbp_prognosis.validation.sensitivity._subgroup_labels import subgroup_labels
from lbp_prognosis.validation.sensitivity._treatment_history import ordered_by_ids
from lbp_prognosis.validation.sensitivity._under_strategy import UnderStrategy, _refuse_unfollowed
from lbp_prognosis.validation.transport._update_model import _refits


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(160, 2)), columns=["a", "b"])
    time = rng.exponential(10 * np.exp(-0.5 * X["a"]))
    return X, time, rng.integers(0, 3, 160)


@pytest.mark.parametrize("cause", [1, 2])
def test_effects_of_a_cause_are_its_own_coefficients_and_covariance(data, cause):
    """Those of a Cox model in which the other cause is censored."""
    X, time, code = data
    (found,) = effects_on(CauseSpecificCox().fit(X, Surv.right(time, code)), cause, "model")
    alone = CoxPH().fit(X, Surv.right(time, code == cause))
    np.testing.assert_allclose(found.coef, alone.coef_, rtol=1e-8)
    np.testing.assert_allclose(found.covariance, alone.covariance_, rtol=1e-6)


def test_risks_of_imputed_tables_are_averaged_patient_by_patient(data):
    X, time, code = data
    y = Surv.right(time, code == 1)
    options = {"horizons": [5.0, 10.0], "n_splits": 3, "n_repeats": 2, "random_state": 0}
    parts = [cross_validate_risk(CoxPH(), X + shift, y, **options) for shift in (0.0, X**2)]
    mean = average_cross_validations(parts)
    (name,) = mean.models
    for kept in ("risks_by_repeat", "scores_by_repeat"):
        one, other, both = (getattr(part, kept)[name] for part in (*parts, mean))
        np.testing.assert_allclose(both, (one + other) / 2, rtol=1e-12)
        assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([1.0, 4.0, 9.0], ["below 4", "4 or more", "4 or more"]),
        (["1", None, "9"], ["below 4", "not recorded", "4 or more"]),
        (["1", "five", "9"], None),
        ([None, "five", "9"], None),
    ],
)
def test_bands_are_of_numbers_and_a_missing_one_is_not_a_word(values, read):
    groups = {"size": pd.Series(values, dtype=None if values[0] == 1.0 else object)}
    if read is None:
        with pytest.raises(ArgumentError, match="one with words"):
            subgroup_labels(groups, {"size": [4.0]}, 3)
        return
    (labels,) = subgroup_labels(groups, {"size": [4.0]}, 3).values()
    assert list(labels) == read


@pytest.mark.parametrize(("risk", "lp_sd"), [(0.3, 1.2), (0.05, 0.5), (0.7, 2.0)])
def test_a_baseline_hazard_gives_the_average_risk(risk, lp_sd):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    mean = weights @ -np.expm1(-_baseline_hazard(risk, lp_sd) * np.exp(lp_sd * nodes)) / weights.sum()
    assert mean == pytest.approx(risk, rel=1e-6)


def test_the_frequency_of_a_level_is_that_of_the_other_folds_and_one_patient_more():
    """Level 0 has 1 of 2 outside fold 0, level 1 has 1 of 1, the mean is 2 of 3: (1 + 2/3) / 3 and (1 + 2/3) / 2."""
    codes, outcome, fold = np.array([0, 1, 0, 0, 1]), np.array([1.0, 0.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 1, 1])
    score = _frequency(codes, outcome, fold)
    np.testing.assert_allclose(score[:2], [(1 + 2 / 3) / 3, (1 + 2 / 3) / 2])
    np.testing.assert_allclose(score[2:], [(1 + 1 / 2) / 2, (1 + 1 / 2) / 2, (0 + 1 / 2) / 2])


def test_the_error_of_an_area_by_hanley_and_mcneil():
    """Radiology 1982;143:29-36 (doi:10.1148/radiology.143.1.7063747): Q1 = θ/(2 − θ), Q2 = 2θ²/(1 + θ)."""
    first, second = 0.8 / 1.2, 2 * 0.64 / 1.8
    variance = (0.16 + 29 * (first - 0.64) + 49 * (second - 0.64)) / (30 * 50)
    assert _hanley_mcneil(0.8, 30, 50) == pytest.approx(variance**0.5, rel=1e-12)


@pytest.mark.parametrize(("events", "worth"), [(8, 0.8 - 0.2 / 3), (2, 0.0)])
def test_without_a_model_all_are_treated_where_that_is_worth_something(events, worth):
    """At a threshold of 1/4 the odds are 1/3: 8 events in 10 are worth .8 − .2/3, and 2 in 10 less than nothing."""
    y = Status.at(12.0, (np.arange(10) < events).astype(float))
    value, psi = _net_benefit(y, None, 12.0, 0.25, 1, "event")
    assert value == pytest.approx(worth)
    assert (np.abs(psi).max() > 0) == (worth > 0)


def test_equal_tests_of_completed_tables_are_pooled_to_the_same_statistic(data):
    X, time, code = data
    y = Surv.right(time, code == 1)
    part = likelihood_ratio(CoxPH().fit(X[["a"]], y), CoxPH().fit(X, y), X[["a"]], X)
    pooled = pool_likelihood_ratios([part, part, part])
    assert pooled.statistic == pytest.approx(part.statistic)
    assert pooled.p == pytest.approx(part.p, rel=1e-6)
    assert pool_likelihood_ratios([part, None]) is None


@pytest.mark.parametrize(
    ("draws", "p"),
    [([-2.0, -1.0, 0.0], 1.0), ([-2.0, -1.0, -3.0], 0.5), ([2.0, 1.0, 0.0], 1.0), ([-1.0, 0.0, 1.0], 1.0)],
)
def test_a_sample_of_zero_is_on_both_sides(draws, p):
    """2 (1 + b) / (1 + m), b of m samples on the rarer side."""
    found = _by_samples(np.array([1.0]), np.array(draws)[:, None], 0.95)
    assert found["p"] == pytest.approx([p])


@pytest.mark.parametrize(
    ("strata", "offset", "refused"), [(None, None, False), ([1], None, True), (None, [1], True), ([1], [1], True)]
)
def test_models_with_strata_or_an_offset_are_refused(strata, offset, refused):
    fit = SimpleNamespace(coef_=[1.0], feature_names_in_=["a"], penalty=None, strata=strata, offset=offset)
    if refused:
        with pytest.raises(ArgumentError, match="without strata or offset"):
            _names("fits", [fit, fit], 2)
        return
    assert _names("fits", [fit, fit], 2) == ["a"]


def test_risks_of_imputed_new_patients_are_averaged_and_their_measures_pooled(data):
    X, time, code = data
    y, model = Surv.right(time, code == 1), CoxPH().fit(X, Surv.right(time, code == 1))
    tables = [X, X + X**2]
    found = external_validate({"m": model}, MultiplyImputed(tables), y, [5.0], kind="temporal")
    each = [model.predict_risk(table, 5.0) for table in tables]
    np.testing.assert_allclose(np.ravel(found.risks["m"]), np.mean(each, axis=0).ravel(), rtol=1e-12)
    slopes = [external_validate({"m": model}, table, y, [5.0], kind="temporal") for table in tables]
    slopes = [part.evaluation.metrics["m"]["calibration_slope"].value for part in slopes]
    slope = found.evaluation.metrics["m"]["calibration_slope"].value  # by Rubin's rules
    np.testing.assert_allclose(slope, np.mean(slopes, axis=0), rtol=1e-12)


def test_error_variances_are_means_over_complete_rows(data):
    X, _, _ = data
    frame = X.assign(c=np.linspace(0, 1, len(X)))
    frame.loc[0, "a"], frame.loc[1, "b"] = np.nan, np.nan
    made = RegressionCalibration({"a": 0.2}).fit(frame)
    whole = frame.iloc[2:]
    np.testing.assert_allclose(made.mean_, whole[made.columns_].mean(), rtol=1e-12)
    assert made.reliability_["a"] == pytest.approx(1 - 0.04 / whole["a"].var())


@pytest.mark.parametrize(("most", "read"), [(100, "a row number"), (200, "a row number"), (201, ""), (300, "")])
def test_whole_numbers_that_fill_half_of_their_range_are_row_numbers(most, read):
    """100 different numbers, the smallest 1."""
    numbers = np.r_[np.arange(1, 100), most]
    assert identifier_like("grade", pd.Series(numbers)) == read
    assert identifier_like("grade", pd.Series(np.r_[numbers[:-1], 1])) == ""  # one twice


@pytest.mark.parametrize("cause", [1, 2])
def test_a_contrast_is_of_the_cause_and_of_all_completed_tables(data, cause):
    X, time, code = data
    holes, y = X.mask(np.random.default_rng(1).random(X.shape) < 0.2), Surv.right(time, code)
    model = RiskPipeline([MultipleImputation(m=3, draws=2)], CauseSpecificCox()).fit(holes, y)
    at, against = {"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.0}
    found = contrast(model, X.head(1), at, against, cause=cause).to_frame()
    effects = effects_on(model, cause, "fitted")
    assert found["estimate"].to_numpy() == pytest.approx([np.mean([one.coef.sum() for one in effects])])
    within = np.mean([one.covariance.sum() for one in effects])
    between = np.var([one.coef.sum() for one in effects], ddof=1)
    assert found["se"].to_numpy() == pytest.approx([(within + (1 + 1 / 3) * between) ** 0.5])
    one = CauseSpecificCox().fit(X, y)
    alone = contrast(one, X.head(1), at, against, cause=cause, confidence=0.9).to_frame()
    half = 1.6448536269514722 * alone["se"]
    np.testing.assert_allclose(alone["high"] - alone["estimate"], half, rtol=1e-12)
    np.testing.assert_allclose(alone["estimate"] - alone["low"], half, rtol=1e-12)


def test_a_model_of_one_cause_has_no_effects_of_another(data):
    X, time, code = data
    model = FineGray(cause=2).fit(X, Surv.right(time, code))
    assert len(effects_on(model, 2, "model")) == 1
    with pytest.raises(ArgumentError, match="cause"):
        effects_on(model, 1, "model")


class _OnlyFit:
    def fit(self, X, y):
        return self


class _Plain(_OnlyFit):
    fixed = False

    def get_params(self, deep=True):
        return {}


class _Fixed(_Plain):
    fixed = True


@pytest.mark.parametrize(
    ("model", "fitted_anew"), [(_Plain(), True), (_OnlyFit(), False), (_Fixed(), False), (object(), False)]
)
def test_what_can_be_fitted_anew(model, fitted_anew):
    if fitted_anew:
        assert _refits(model, "refit")
        return
    with pytest.raises(ArgumentError, match="for a fixed score"):
        _refits(model, "refit")
    assert not _refits(model, "slope")


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 1.1])
def test_a_prevalence_and_a_threshold_are_inside_0_and_1(wrong):
    plan = {"prevalence": 0.3, "c_statistic": 0.75}
    with pytest.raises(ArgumentError, match="prevalence"):
        sample_size_validation("binary", **{**plan, "prevalence": wrong})
    with pytest.raises(ArgumentError, match="threshold"):
        sample_size_validation("binary", **plan, sensitivity=0.8, specificity=0.7, threshold=wrong)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_sensitivity_may_be_0_or_1(share):
    plan = {"prevalence": 0.3, "c_statistic": 0.75, "threshold": 0.2}
    assert sample_size_validation("binary", **plan, sensitivity=share, specificity=0.7).n > 0
    assert sample_size_validation("binary", **plan, sensitivity=0.8, specificity=share).n > 0


@pytest.mark.parametrize("cause", [1, 2])
def test_effects_of_hazards_by_period_are_those_of_the_cause(data, cause):
    X, time, code = data
    y = Surv.right(np.ceil(np.minimum(time, 20.0)), code)
    model = DiscreteTimeHazard([5.0, 10.0, 20.0]).fit(X, y)
    (found,) = effects_on(model, cause, "model")
    table = model.to_frame()
    rows = table[table["term"].astype(str).isin(["a", "b"])]
    rows = rows[rows["cause"].eq(cause)] if "cause" in rows else rows
    np.testing.assert_allclose(found.coef, rows["coef"], rtol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), rows["se"], rtol=1e-8)


def test_a_model_is_worth_its_net_benefit(data):
    """At 1/4: 6 of 10 treated, 5 of them with the event, are worth .5 − .1/3."""
    y = Status.at(12.0, np.r_[np.ones(6), np.zeros(4)])
    risk = np.r_[np.full(5, 0.9), 0.1, 0.9, np.full(3, 0.1)]
    value, psi = _net_benefit(y, risk, 12.0, 0.25, 1, "event")
    assert value == pytest.approx(0.5 - 0.1 / 3)
    assert psi.shape == (10,)


def test_equal_tests_of_two_parameters_are_pooled_to_the_same_statistic(data):
    X, time, code = data
    y = Surv.right(time, code == 1)
    null = CoxPH().fit(X.assign(c=np.linspace(0, 1, len(X)))[["c"]], y)
    more = X.assign(c=np.linspace(0, 1, len(X)))
    part = likelihood_ratio(null, CoxPH().fit(more, y), more[["c"]], more)
    assert part.df == 2
    assert pool_likelihood_ratios([part, part]).statistic == pytest.approx(part.statistic)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_degrees_of_freedom_are_finite_from_two_completed_tables_on(data, m):
    X, time, code = data
    holes = X.mask(np.random.default_rng(1).random(X.shape) < 0.2)
    model = RiskPipeline([MultipleImputation(m=m, draws=2)], CoxPH()).fit(holes, Surv.right(time, code == 1))
    found = contrast(model, X.head(1), {"a": 1.0}, {"a": 0.0}).to_frame()
    assert np.isfinite(found["df"]).all() == (m > 1)


@pytest.mark.parametrize(("ratio", "accepted"), [(0.0, False), (1e-3, True)])
def test_the_anticipated_ratio_of_observed_to_expected_is_above_0(ratio, accepted):
    plan = {"prevalence": 0.3, "c_statistic": 0.75, "observed_expected": ratio}
    if accepted:
        assert sample_size_validation("binary", **plan).n > 0
        return
    with pytest.raises(ArgumentError, match="observed_expected"):
        sample_size_validation("binary", **plan)


def test_times_of_treatment_are_brought_into_the_order_of_the_names():
    @ordered_by_ids
    def called(y, treated_at, *, ids=None):
        return list(treated_at)

    y, labelled = np.zeros(3), pd.Series([1.0, 2.0, 3.0], index=["c", "a", "b"])
    assert called(y, labelled, ids=["a", "b", "c"]) == [2.0, 3.0, 1.0]
    assert called(y, labelled) == [1.0, 2.0, 3.0]
    assert called(y, labelled.reset_index(drop=True), ids=["a", "b", "c"]) == [1.0, 2.0, 3.0]
    assert called(y, labelled, ids=["a", "b", "d"]) == [1.0, 2.0, 3.0]  # other names: refused later


@pytest.mark.parametrize(
    ("started", "due", "refused"), [(0, [1.0, np.inf], True), (1, [1.0, np.inf], False), (0, [np.inf] * 2, False)]
)
def test_a_strategy_that_nobody_follows_to_a_start_is_refused(started, due, refused):
    clock = SimpleNamespace(after=lambda time: time, times=np.array([2.0, 5.0]))
    found = SimpleNamespace(
        strategy="start by 3",
        n_started=started,
        _windows=SimpleNamespace(due=np.array(due)),
        _clock=clock,
        _left=np.array([True, False]),
    )
    if refused:
        with pytest.raises(ArgumentError, match="no patient started"):
            _refuse_unfollowed(found)
        return
    _refuse_unfollowed(found)


def test_nobody_has_to_start_where_no_start_is_due():
    never = SimpleNamespace(_windows=SimpleNamespace(due=np.array([np.inf, np.inf])))
    assert UnderStrategy.n_unmatched.func(never) == 0


def test_weights_change_up_to_the_day_of_the_latest_start():
    windows = SimpleNamespace(due=np.array([1.0, 3.0]), forbidden=np.array([0.0, 2.0]))
    grid = SimpleNamespace(grid=np.array([1.0, 2.0, 3.0, 4.0]))
    assert UnderStrategy._jumps.fget(SimpleNamespace(_windows=windows, _treatment=grid)).tolist() == [1.0, 2.0, 3.0]
