"""The test of association: likelihood ratio, Wald, pooled Wald; and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import d1_test
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline, pool_coefficients
from lbp_prognosis.models import (
    BoostedCox,
    CauseSpecificCox,
    DiscreteTimeHazard,
    DynamicRisk,
    LogisticRisk,
    ParametricAFT,
    RoystonParmar,
)
from lbp_prognosis.validation import OnColumns, anova, association_test, contrast, likelihood_ratio


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    n = 500
    X = pd.DataFrame(
        {"age": rng.normal(size=n), "pain": rng.normal(size=n), "fat": rng.normal(size=n), "null": rng.normal(size=n)}
    )
    first = rng.exponential(np.exp(-0.5 * X["age"] - 0.4 * X["fat"]))
    second, end = rng.exponential(3, n), np.minimum(rng.uniform(0.5, 6, n), 2.5)
    time = np.minimum.reduce([first, second, end])
    cause = np.select([time == end, time == first], [0, 1], 2)
    return X, time, cause


def pair(model, large=("age", "pain", "fat", "null")):
    return OnColumns(model, ("age", "pain")), OnColumns(model, large)


def test_likelihood_ratio_of_one_table(table):
    X, time, cause = table
    y = Surv.right(time, (cause == 1).astype(int))
    found = association_test(*pair(CoxPH()), X, y, names=("clinical", "both"))
    fits = [CoxPH().fit(X[c], y) for c in (["age", "pain"], list(X))]
    direct = likelihood_ratio(*fits, X[["age", "pain"]], X)
    assert (found.test, found.added, found.df, found.df2) == ("likelihood_ratio", ("fat", "null"), 2, np.inf)
    assert found.statistic == pytest.approx(direct.statistic, rel=1e-12)
    assert found.p == pytest.approx(chi2.sf(direct.statistic, 2), rel=1e-12)
    assert (found.n, found.n_events, found.m) == (500, int((cause == 1).sum()), 1)
    frame = fits[1].to_frame().set_index("term").loc[["fat", "null"]]
    np.testing.assert_allclose(found.coefficients[["ratio", "low", "high"]], frame[["hr", "low", "high"]], rtol=1e-10)


def test_only_the_cause_asked_for(table):
    X, time, cause = table
    competing, alone = Surv.right(time, cause), Surv.right(time, (cause == 1).astype(int))
    both = association_test(*pair(CauseSpecificCox()), X, competing)
    one = association_test(*pair(CoxPH()), X, alone)
    assert both.statistic == pytest.approx(one.statistic, rel=1e-10)
    assert association_test(*pair(CauseSpecificCox()), X, competing, cause=2).p > 0.01 > one.p
    with pytest.raises(ArgumentError, match="cause"):
        association_test(*pair(CauseSpecificCox()), X, alone, cause=2)


def test_wald_of_a_model_of_several_causes_at_once(table):
    X, time, cause = table
    visits = [0.5, 1, 1.5, 2, 2.5]
    model = DiscreteTimeHazard(visits=visits)
    found = association_test(*pair(model), X, Surv.right(time, cause))
    fit = DiscreteTimeHazard(visits=visits).fit(X, Surv.right(time, cause))
    b, V = fit.coef_[0, 2:], fit.covariance_[2:4, 2:4]  # rows of the first cause come first
    assert found.test == "wald"
    assert found.statistic == pytest.approx(float(b @ np.linalg.inv(V) @ b), rel=1e-10)
    single = association_test(*pair(model), X, Surv.right(time, (cause == 1).astype(int)))
    assert single.test == "likelihood_ratio"
    # a Wald test and a likelihood ratio of the same effects differ little in 500 patients
    assert found.statistic == pytest.approx(single.statistic, rel=0.2)


@pytest.mark.parametrize(
    "model", [LogisticRisk(), RoystonParmar(2), ParametricAFT("weibull"), ParametricAFT("lognormal")]
)
def test_models_with_an_intercept_or_a_baseline(table, model):
    X, time, cause = table
    state = (time <= 1) & (cause == 1)
    y = Status.at(1.0, state.astype(int)) if isinstance(model, LogisticRisk) else Surv.right(time, cause == 1)
    found = association_test(*pair(model), X, y)
    frame = type(model)(**model.get_params()).fit(X, y).to_frame()
    rows = frame[frame["term"].isin(["fat", "null"])]
    np.testing.assert_allclose(found.coefficients["coef"], rows["coef"], rtol=1e-9)
    np.testing.assert_allclose(found.coefficients["se"], rows["se"], rtol=1e-9)
    assert found.p < 0.05


def test_pooled_over_imputations(table):
    X, time, cause = table
    rng = np.random.default_rng(0)
    holes = X.assign(fat=X["fat"].mask(rng.random(len(X)) < 0.3), word=np.where(X["null"] > 0, "a", "b"))
    y = Surv.right(time, (cause == 1).astype(int))
    modalities = {"clinical": ("age", "pain"), "imaging": ("fat", "word")}

    def pipeline(*names):
        steps = [MultipleImputation(m=6, iterations=3, random_state=4), OneHot()]
        return RiskPipeline(steps, CoxPH(), modalities={name: modalities[name] for name in names})

    found = association_test(pipeline("clinical"), pipeline("clinical", "imaging"), holes, y)
    assert (found.m, found.df, found.test) == (6, 2, "wald")
    fitted = pipeline("clinical", "imaging").fit(holes, y)
    pooled = pool_coefficients(fitted)
    direct = pooled.test(found.added)
    assert (found.statistic, found.df2, found.p) == pytest.approx((direct.statistic, direct.df2, direct.p))
    rows = pooled.to_frame().set_index("term").loc[list(found.added)]
    np.testing.assert_allclose(found.coefficients["se"], rows["se"], rtol=1e-12)
    assert "6 imputations" in found.method


def test_one_completed_table_is_no_likelihood_ratio(table):
    """The smaller pipeline completes age without fat, the larger with it: two tables, and no nested likelihoods."""
    X, time, cause = table
    rng = np.random.default_rng(1)
    holes = X[["age", "fat"]].mask(rng.random((len(X), 2)) < 0.3)
    y = Surv.right(time, (cause == 1).astype(int))
    small, large = (
        RiskPipeline([MultipleImputation(m=1, random_state=2)], CoxPH(), modalities=modalities)
        for modalities in ({"clinical": ["age"]}, {"clinical": ["age"], "imaging": ["fat"]})
    )
    found = association_test(small, large, holes, y)
    fitted = large.fit(holes, y).models_[0]
    place = list(fitted.feature_names_in_).index("fat")
    assert (found.test, found.m) == ("wald", 1)
    assert [doubt.code for doubt in found.objections] == ["single-imputation"]
    assert found.statistic == pytest.approx(fitted.coef_[place] ** 2 / fitted.covariance_[place, place], rel=1e-10)


@pytest.mark.slow
def test_it_holds_its_level_with_competing_events_at_visits():
    """Under no effect p is uniform: 5 % below 0.05 (200 draws, three Monte-Carlo errors)."""
    rng = np.random.default_rng(8)
    below = 0
    for _ in range(200):
        X = pd.DataFrame(rng.normal(size=(250, 3)), columns=["age", "u", "v"])
        first, second = rng.exponential(np.exp(-0.5 * X["age"])), rng.exponential(3, 250)
        time = np.minimum.reduce([first, second, np.full(250, 2.0)])
        y = Surv.right(time, np.select([time == 2.0, time == first], [0, 1], 2))
        model = DiscreteTimeHazard(visits=[0.5, 1, 1.5, 2])
        below += association_test(OnColumns(model, ("age",)), OnColumns(model, ("age", "u", "v")), X, y).p < 0.05
    assert abs(below / 200 - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 200)


def test_it_speaks_to_the_claim_of_association(table):
    X, time, cause = table
    y = Surv.right(time, cause)
    for columns, answer in ((("age", "pain", "fat"), "supported"), (("age", "pain", "null"), "not supported")):
        found = association_test(*pair(CauseSpecificCox(), columns), X, y, names=("clinical", "both"))
        claim = Claim.is_associated("both", "clinical")
        verdict = Evidence().with_result(found, sample="apparent").supports(claim)
        assert verdict.answer == answer
        assert ("p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}") in verdict.checks[0].name
        wald = association_test(
            *pair(DiscreteTimeHazard(visits=[0.5, 1, 1.5, 2, 2.5]), columns), X, y, names=("clinical", "both")
        )
        assert Evidence().with_result(wald, sample="apparent").supports(claim).answer == answer


def test_refused(table):
    X, time, cause = table
    y = Surv.right(time, cause == 1)
    for models, word in (
        (pair(CoxPH(penalty=1.0)), "unpenalised"),
        (pair(BoostedCox()), "coefficients"),
        (pair(CoxPH(), ("age", "pain")), "and more"),
        (pair(CoxPH(), ("age", "fat")), "contains the columns"),
        ((CoxPH().fit(X, y), CoxPH()), "unfitted"),
    ):
        with pytest.raises(ArgumentError, match=word):
            association_test(*models, X, y)


def test_d1_with_equal_tables_is_the_wald_test():
    b, V = np.array([0.3, -0.2]), np.array([[0.02, 0.005], [0.005, 0.03]])
    found = d1_test(np.tile(b, (4, 1)), np.tile(V, (4, 1, 1)))
    assert found.statistic == pytest.approx(float(b @ np.linalg.inv(V) @ b) / 2)
    assert found.df2 == np.inf


def test_effects_of_tables_imputed_without_the_outcome_are_doubted(table):
    X, time, cause = table
    holes = X[["age", "fat"]].mask(np.random.default_rng(1).random((len(X), 2)) < 0.3)
    y = Surv.right(time, (cause == 1).astype(int))
    step = MultipleImputation(m=2, iterations=2, use_outcome=False)
    small, large = (
        RiskPipeline([step], CoxPH(), modalities=modalities)
        for modalities in ({"clinical": ["age"]}, {"clinical": ["age"], "imaging": ["fat"]})
    )
    found = association_test(small, large, holes, y)
    assert [o.code for o in found.objections] == ["imputed-without-outcome"]
    fitted = large.fit(holes, y)
    assert [o.code for o in anova(fitted).objections] == ["imputed-without-outcome"]
    assert [o.code for o in contrast(fitted, holes, {"fat": 10}, {"fat": 20}).objections] == ["imputed-without-outcome"]


def test_an_imputer_that_had_nothing_to_impute_is_no_objection(table):
    X, time, cause = table
    y = Surv.right(time, (cause == 1).astype(int))
    small, large = (
        RiskPipeline([MultipleImputation(use_outcome=False)], CoxPH(), modalities=modalities)
        for modalities in ({"clinical": ["age"]}, {"clinical": ["age"], "imaging": ["fat"]})
    )
    found = association_test(small, large, X[["age", "fat"]], y)
    assert (found.test, found.objections) == ("likelihood_ratio", ())


@pytest.mark.parametrize("use", [True, False])
def test_effects_of_a_model_of_landmarks_are_pooled_over_its_completed_tables(table, use):
    X, time, cause = table
    holes = X[["age", "fat"]].mask(np.random.default_rng(1).random((len(X), 2)) < 0.4)
    y = Surv.right(time, (cause == 1).astype(int))
    step = MultipleImputation(m=2, iterations=2, use_outcome=use)
    width = float(np.quantile(time, 0.5))
    model = DynamicRisk([0.0, width / 4], width, imputer=step).fit(holes, y)
    found = contrast(model, holes, {"fat": 10}, {"fat": 20})
    place = model.model_.feature_names_in_.tolist().index("fat")
    b = np.array([one.coef_[place] for one in model.models_])
    within = np.mean([one.covariance_[place, place] for one in model.models_])
    assert np.ptp(b) > 0
    assert float(found.to_frame()["se"][0]) == pytest.approx(10 * np.sqrt(within + 1.5 * b.var(ddof=1)), rel=1e-10)
    tests = anova(model)
    assert (found.m, tests.m) == (2, 2)
    codes = [] if use else ["imputed-without-outcome"]
    assert [o.code for o in found.objections] == [o.code for o in tests.objections] == codes
