"""`anova` and `contrast`: by hand, with imputations, causes and other designs, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, LBPError, Measured, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.fusion import (
    MultipleImputation,
    OneHot,
    RestrictedCubicSpline,
    RiskPipeline,
    Standardise,
    from_formula,
    pool_coefficients,
)
from lbp_prognosis.models import (
    CauseSpecificCox,
    DiscreteTimeHazard,
    DynamicRisk,
    ElasticNetCox,
    FineGray,
    LinearOutcome,
    LongitudinalOutcome,
    MultiStateCox,
    OrdinalRegression,
    ParametricAFT,
    PiecewiseExponential,
    RiskStratifier,
    StackedRisk,
)
from lbp_prognosis.validation import anova, contrast

RNG = np.random.default_rng(4)
N = 300
X = pd.DataFrame(
    {"age": RNG.normal(50, 10, N), "odi": RNG.uniform(0, 80, N), "grade": RNG.choice(["I", "II", "III"], N)}
)
TIME, EVENT = RNG.exponential(9 * np.exp((X["odi"] - 40) / 40)), RNG.choice([0, 1, 2], N, p=[0.2, 0.6, 0.2])
Y, CAUSES = Surv.right(TIME, EVENT == 1), Surv.right(TIME, EVENT)
STEPS = [OneHot(["grade"]), RestrictedCubicSpline(["odi"], n_knots=4)]
BENT = RiskPipeline(STEPS, CoxPH()).fit(X, Y)


def table_of(model, **keywords) -> pd.DataFrame:
    return anova(model, **keywords).to_frame().set_index(["term", "test"])


def test_of_two_splines_the_interaction_is_tested_in_each_and_in_both() -> None:
    """The rows of rms: f(A,B) vs. Af(B) + Bg(A), and Nonlinear Interaction in A vs. Af(B)."""
    table = X.assign(months=TIME, status=(EVENT == 1).astype(int))
    pipeline, rows, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(odi, 4) * rcs(age, 3)", table)
    found = table_of(pipeline.fit(rows, y)).loc["odi * age"]
    assert found["df"].to_dict() == {
        "interaction": 6,
        "nonlinear interaction": 5,
        "nonlinear interaction in odi and age": 2,
        "nonlinear interaction in odi": 4,
        "nonlinear interaction in age": 3,
    }
    model = pipeline.models_[0]
    place = [k for k, name in enumerate(model.feature_names_in_) if ":" in name and "odi'" in name and "age'" in name]
    b, v = model.coef_[place], model.covariance_[np.ix_(place, place)]
    statistic = found.loc["nonlinear interaction in odi and age", "statistic"]
    assert statistic == pytest.approx(b @ np.linalg.solve(v, b), rel=1e-9)
    pipeline, rows, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(odi, 4) * age", table)
    assert not any(" in " in test for test in table_of(pipeline.fit(rows, y)).loc["odi * age"].index)


def test_anova_tells_predictors_from_the_names_of_columns() -> None:
    found = table_of(BENT)
    assert found["df"].to_dict() == {
        ("age", "total"): 1,
        ("odi", "total"): 3,
        ("odi", "nonlinear"): 2,
        ("grade", "total"): 2,
        ("", "total nonlinear"): 2,
        ("", "total"): 6,
    }
    model = BENT.models_[0]
    k = list(model.feature_names_in_).index("age")
    assert found.loc[("age", "total"), "statistic"] == pytest.approx(model.coef_[k] ** 2 / model.covariance_[k, k])


def test_anova_takes_terms_of_the_user() -> None:
    columns = list(BENT.models_[0].feature_names_in_)
    found = table_of(BENT, terms={"who": ["age"], "the rest": [name for name in columns if name != "age"]})
    assert found.loc[("the rest", "total"), "df"] == 5
    assert found.loc[("", "total"), "statistic"] == table_of(BENT).loc[("", "total"), "statistic"]
    for terms, match in (({"who": ["age"]}, "once"), ({"all": [*columns, "age"]}, "age"), (["age"], "mapping")):
        with pytest.raises(ArgumentError, match=match):
            anova(BENT, terms=terms)


def test_anova_and_contrast_pool_over_imputations() -> None:
    holes = X.assign(odi=X["odi"].where(RNG.random(N) < 0.7))
    model = RiskPipeline([MultipleImputation(m=4, random_state=1), *STEPS], CoxPH()).fit(holes, Y)
    found = anova(model)
    pooled = pool_coefficients(model, df_complete=np.inf)
    test = pooled.test(["odi", "odi'", "odi''"])
    row = found.to_frame().set_index(["term", "test"]).loc[("odi", "total")]
    assert (found.m, row["df"]) == (4, 3)
    np.testing.assert_allclose(row[["statistic", "df2", "p"]].astype(float), [test.statistic, test.df2, test.p])
    # knots differ between completed tables, so that each has a contrast of its own
    table = contrast(model, holes, {"odi": 60}, {"odi": 20}).to_frame().iloc[0]
    each, errors = [], []
    for inner, design in model.seen_by_models(X.iloc[:2].assign(odi=[60.0, 20.0], age=50.0, grade="I")):
        d = (design.iloc[0] - design.iloc[1]).to_numpy()
        each.append(d @ inner.coef_)
        errors.append(d @ inner.covariance_ @ d)
    by_hand = rubin_pool(np.array(each), np.array(errors))
    assert table["estimate"] == pytest.approx(float(by_hand.estimate), rel=1e-10)
    assert table["se"] == pytest.approx(float(by_hand.se), rel=1e-10)
    assert table["df"] == pytest.approx(float(by_hand.df))
    once = RiskPipeline([MultipleImputation(m=1, random_state=1), *STEPS], CoxPH()).fit(holes, Y)
    for result in (anova(once), contrast(once, holes, {"odi": 60}, {"odi": 20})):
        assert [o.code for o in result.objections] == ["single-imputation"]


def test_contrast_of_a_line_is_the_slope_times_the_distance() -> None:
    plain = CoxPH().fit(X[["age", "odi"]], Y)
    found = contrast(plain, X[["age", "odi"]], {"odi": [30, 60]}, {"odi": 20})
    slope, se = plain.coef_[1], np.sqrt(plain.covariance_[1, 1])
    np.testing.assert_allclose(found.table["estimate"], [10 * slope, 40 * slope], rtol=1e-12)
    np.testing.assert_allclose(found.table["se"], [10 * se, 40 * se], rtol=1e-12)
    assert found.scale == "log_hazard"
    assert found.settings == {"age": float(X["age"].median())}
    assert contrast(plain, X[["age", "odi"]], {"odi": 30}, {"odi": 30}).table["estimate"].item() == 0
    steps = RiskPipeline([Standardise()], CoxPH()).fit(X[["age", "odi"]], Y)
    again = contrast(steps, X[["age", "odi"]], {"odi": [30, 60]}, {"odi": 20}).table
    np.testing.assert_allclose(again[["estimate", "se"]], found.table[["estimate", "se"]], rtol=1e-6)


def test_contrast_of_a_cause_and_of_scores() -> None:
    model = CauseSpecificCox().fit(X[["odi"]], CAUSES)
    for cause in (1, 2):
        table = contrast(model, X[["odi"]], {"odi": 60}, {"odi": 20}, cause=cause).table
        assert table["estimate"].item() == pytest.approx(40 * model.models_[cause].coef_[0])
        assert anova(model, cause=cause).table["statistic"].iloc[0] > 0
    scores = Measured.at(12, np.clip(X["odi"] / 10, 0, 10).round(), lower=0, upper=10)
    table = contrast(LinearOutcome().fit(X[["age"]], scores), X[["age"]], {"age": 60}, {"age": 40}).table
    assert table["ratio"].isna().all()
    assert table["estimate"].notna().all()


def test_a_column_dropped_as_collinear_counts_no_degree_of_freedom() -> None:
    doubled = X[["age", "odi"]].assign(again=2 * X["odi"])
    model = CoxPH(collinear="drop").fit(doubled, Y)
    found = table_of(model)
    assert found.loc[("", "total"), "df"] == 2
    assert found.loc[("again", "total"), "df"] == 0
    assert np.isnan(found.loc[("again", "total"), "p"])
    plain = contrast(CoxPH().fit(X[["age", "odi"]], Y), X[["age", "odi"]], {"odi": 60}, {"odi": 20}).table
    table = contrast(model, doubled, {"odi": 60, "again": 120}, {"odi": 20, "again": 40}).table
    np.testing.assert_allclose(table["estimate"], plain["estimate"], rtol=1e-8)


@pytest.mark.parametrize(
    ("at", "against", "match"),
    [
        ({"height": 1}, {"odi": 1}, "height"),
        ({}, {"odi": 1}, "mapping"),
        ({"odi": [1, 2, 3]}, {"odi": [1, 2]}, "one length"),
        ({"odi": np.nan}, {"odi": 1}, "known"),
        ({"odi": []}, {"odi": 1}, "known"),
        ({"grade": "IV"}, {"grade": "I"}, r"`at` must be categories of the fit in 'grade', \['I', 'II', 'III'\]; got"),
        ({"grade": "I"}, {"grade": "IV"}, "`against` must be categories of the fit in 'grade'"),
        ({"odi": "40"}, {"odi": 1}, "numbers"),
        ({"odi": pd.Timestamp(2020, 1, 1)}, {"odi": 1}, "numbers"),
        ({"odi": np.inf}, {"odi": 1}, "finite"),
    ],
)
def test_contrast_refuses_in_words(at, against, match) -> None:
    with pytest.raises(LBPError, match=match):
        contrast(BENT, X, at, against)


def test_contrast_keeps_categories() -> None:
    ordered = X.assign(grade=pd.Categorical(X["grade"], ["I", "II", "III"]))
    model = RiskPipeline(STEPS, CoxPH()).fit(ordered, Y)
    found = contrast(model, ordered, {"grade": ["II", "III"]}, {"grade": "I"}).table
    plain = contrast(BENT, X, {"grade": ["II", "III"]}, {"grade": "I"}).table
    np.testing.assert_allclose(found[["estimate", "se"]], plain[["estimate", "se"]], rtol=1e-8)
    with pytest.raises(ArgumentError, match="grade"):
        contrast(model, ordered, {"grade": "IV"}, {"grade": "I"})


def test_values_may_be_a_range_and_categories_what_a_step_takes() -> None:
    numbers = contrast(BENT, X, {"odi": range(30, 70, 10)}, {"odi": 20}).table
    assert numbers["odi"].tolist() == [30, 40, 50, 60]
    open_ = RiskPipeline([OneHot(["grade"], unknown="reference"), *STEPS[1:]], CoxPH()).fit(X, Y)
    assert contrast(open_, X, {"grade": "IV"}, {"grade": "I"}).table["estimate"].item() == 0


def test_models_without_a_covariance_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"an unfitted CoxPH. Call fit\(X, y\) first"):
        contrast(CoxPH(), X[["odi"]], {"odi": 1}, {"odi": 0})
    sparse = ElasticNetCox(n_lambdas=10, cv=3).fit(X[["age", "odi"]], Y)
    shrunken = CoxPH(penalty=2.0).fit(X[["age", "odi"]], Y)
    for model in (sparse, shrunken):
        with pytest.raises(ArgumentError, match="unpenalised|covariance"):
            anova(model)
        with pytest.raises(ArgumentError, match="(unpenalised|covariance).*interval='bootstrap'"):
            contrast(model, X[["age", "odi"]], {"odi": 1}, {"odi": 0})


def test_interactions_of_a_formula_with_a_product_alone() -> None:
    pipeline, table, y = from_formula(
        CoxPH(), "Surv(months, status) ~ age:grade", X.assign(months=TIME, status=EVENT == 1)
    )
    found = anova(pipeline.fit(table, y)).to_frame()
    assert found.loc[found["test"] == "interaction", "term"].tolist() == ["age * grade"]
    assert found["df"].tolist() == [3] * len(found)


def test_coefficients_that_change_over_thresholds_are_refused() -> None:
    scores = Measured.at(12, np.clip(X["odi"] / 20, 0, 4).round(), lower=0, upper=4)
    partial = OrdinalRegression(partial=["age"]).fit(X[["age"]].assign(fat=RNG.normal(size=N)), scores)
    with pytest.raises(ArgumentError, match="partial"):
        anova(partial)
    plain = OrdinalRegression().fit(X[["age"]], scores)
    assert anova(plain).table["df"].tolist() == [1, 1]


PAIR = X[["age", "odi"]]
CHANGING = {
    "interval": ("lifelines", lambda: PiecewiseExponential(1).fit(PAIR, Y)),
    "visit": (
        "statsmodels",
        lambda: LongitudinalOutcome("gee").fit(
            PAIR,
            Measured.at_visits(
                {t: np.clip(X["odi"] / 10 + RNG.normal(size=N), 0, 10) for t in (3, 6)}, lower=0, upper=10
            ),
        ),
    ),
    "transition": ("numpy", lambda: MultiStateCox(shared=["age"]).fit(PAIR, CAUSES)),
}


@pytest.mark.parametrize("by", CHANGING)
def test_coefficients_by_interval_visit_or_transition_are_refused(by) -> None:
    package, fit = CHANGING[by]
    pytest.importorskip(package)
    model = fit()
    for ask in (lambda: anova(model), lambda: contrast(model, PAIR, {"odi": 60}, {"odi": 20})):
        with pytest.raises(ArgumentError, match="by interval, visit or transition"):
            ask()


def test_one_interval_has_one_row_of_coefficients() -> None:
    pytest.importorskip("lifelines")
    model = PiecewiseExponential(0).fit(PAIR, Y)
    found = table_of(model).loc[("odi", "total"), "statistic"]
    assert found == pytest.approx(model.coef_[0, 1] ** 2 / model.covariance_[2, 2])


def test_causes_that_a_model_has_no_coefficients_of_are_refused() -> None:
    second = FineGray(cause=2).fit(PAIR, CAUSES)
    assert anova(second, cause=2).table["df"].tolist() == [1, 1, 2]
    discrete = DiscreteTimeHazard([2.0, 5.0, 10.0, 20.0]).fit(PAIR, CAUSES)
    assert contrast(discrete, PAIR, {"odi": 60}, {"odi": 20}, cause=2).table["estimate"].item() == pytest.approx(
        40 * discrete.coef_[1, 1]
    )
    for model, cause in (
        (second, 1),
        (CoxPH().fit(PAIR, CAUSES), 2),
        (discrete, 3),
        (CauseSpecificCox().fit(PAIR, CAUSES), 3),
    ):
        with pytest.raises(ArgumentError, match="`cause`"):
            anova(model, cause=cause)
    stacked = StackedRisk({"few": CoxPH(), "more": CoxPH(penalty=9.0)}, cv=2).fit(PAIR, Y)
    with pytest.raises(ArgumentError, match="covariance"):
        anova(stacked)


def test_strata_and_offsets_have_no_contrast() -> None:
    table = PAIR.assign(site=np.resize(["a", "b"], N), known=RNG.normal(size=N), months=TIME, status=EVENT == 1)
    pipeline, rows, y = from_formula(CoxPH(), "Surv(months, status) ~ odi + strata(site) + offset(known)", table)
    pipeline.fit(rows, y)
    for at, against in (({"site": "a"}, {"site": "b"}), ({"known": 1.0}, {"known": 0.0}), ({"odi": 1}, {"known": 0.0})):
        with pytest.raises(ArgumentError, match="coefficients"):
            contrast(pipeline, rows, at, against)
    found = contrast(pipeline, rows, {"odi": 60}, {"odi": 20})
    assert found.settings == {}
    assert found.table["estimate"].item() == pytest.approx(40 * pipeline.models_[0].coef_[0])
    unmapped = RiskPipeline([Standardise()], CoxPH(), modalities={"clinical": ["odi"]}).fit(PAIR, Y)
    with pytest.raises(ArgumentError, match="age"):
        contrast(unmapped, PAIR, {"age": 60}, {"age": 20})


def test_a_wrapper_has_the_scale_of_its_model() -> None:
    grouped = RiskStratifier(CoxPH(), horizon=9.0, cuts=[0.5]).fit(PAIR, Y)
    inner = CoxPH().fit(PAIR, Y)
    asked = ({"odi": 60}, {"odi": 20})
    pd.testing.assert_frame_equal(contrast(grouped, PAIR, *asked).table, contrast(inner, PAIR, *asked).table)


def test_columns_that_a_model_makes_itself_are_told() -> None:
    model = DynamicRisk([0.0, 3.0], 6.0, interactions=["age"]).fit(PAIR, Y)
    with pytest.raises(ArgumentError, match="made at the fit"):
        contrast(model, PAIR, {"odi": 60}, {"odi": 20})


def test_arrays_have_the_names_of_the_fit() -> None:
    plain = CoxPH().fit(PAIR.to_numpy(), Y)
    assert table_of(plain).loc[("x1", "total"), "df"] == 1
    found = contrast(plain, PAIR.to_numpy(), {"x1": 60}, {"x1": 20}).table
    named = contrast(CoxPH().fit(PAIR, Y), PAIR, {"odi": 60}, {"odi": 20}).table
    np.testing.assert_array_equal(found["estimate"], named["estimate"])
    for table, match in ((PAIR, "x0"), (PAIR["odi"].to_numpy(), "two-dimensional")):
        with pytest.raises(ArgumentError, match=match):
            contrast(plain, table, {"x1": 60}, {"x1": 20})


def test_a_ratio_of_times_is_above_one_where_events_come_later() -> None:
    model = ParametricAFT().fit(PAIR, Y)
    found = contrast(model, PAIR, {"odi": 60}, {"odi": 20})
    assert found.scale == "log_time"
    apart = PAIR.iloc[:2].assign(odi=[60.0, 20.0], age=50.0)
    early, late = model.linear_predictor(apart)
    assert found.table["estimate"].item() == pytest.approx(late - early)
    medians = model.predict_quantile(apart, 0.5).ravel()
    assert found.table["ratio"].item() == pytest.approx(medians[0] / medians[1])


@pytest.mark.parametrize("by_formula", [True, False])
def test_codes_of_categories_have_a_most_frequent_one_and_no_median(by_formula) -> None:
    codes = X[["odi"]].assign(modic=np.repeat([1, 2], N // 2))  # half of them 1, the others 2
    if by_formula:
        table = codes.assign(months=TIME, status=EVENT == 1)
        pipeline, rows, y = from_formula(CoxPH(), "Surv(months, status) ~ odi * C(modic)", table)
    else:
        pipeline, rows, y = RiskPipeline([OneHot(["modic"])], CoxPH()), codes, Y
    found = contrast(pipeline.fit(rows, y), rows, {"odi": 60}, {"odi": 20})
    assert found.settings == {"modic": 1}
    assert found.table["estimate"].item() == pytest.approx(40 * pipeline.models_[0].coef_[0])
