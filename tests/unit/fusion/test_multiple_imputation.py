"""Imputation: with the outcome in training, without it for new rows, true to what is observed, and unbiased."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from small_models import Hazard, Logit
from syn import syn

from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import chained_equations
from lbp_prognosis.fusion import MultipleImputation, OneHot, RestrictedCubicSpline, RiskPipeline, Standardise
from lbp_prognosis.fusion._outcome_columns import outcome_columns
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Status, Surv

NAMES = ["c1", "c2", "p1", "p2", "m1", "m2", "g1"]


@pytest.fixture(scope="module")
def halves():
    table = syn()
    return table.iloc[:400], table.iloc[400:]


@pytest.fixture(scope="module")
def holed():
    """Training rows with a third of imaging missing at random, a binary and a nominal column with holes."""
    table = syn(400)
    rng = np.random.default_rng(8)
    X = table[NAMES].copy()
    X["smoker"] = (X["c3"] > 0.3).astype(float) if "c3" in X else (rng.random(400) < expit(X["c1"])).astype(float)
    X["work"] = pd.Categorical(np.select([X["c2"] < -0.5, X["c2"] < 0.7], ["desk", "heavy"], "none"))
    X.loc[rng.random(400) < expit(X["c1"] - 0.7), ["m1", "m2"]] = np.nan
    X.loc[rng.random(400) < 0.1, "smoker"] = np.nan
    X.loc[rng.random(400) < 0.1, "work"] = np.nan
    return X, Surv.right(table["time"], table["status"])


# ---- new rows --------------------------------------------------------------------------------------------------


def test_integrated_risk_of_a_patient_without_imaging(halves, golden) -> None:
    train, test = halves
    case = golden["pred_time_imputation"]
    pipeline = RiskPipeline([MultipleImputation()], Logit()).fit(train[NAMES], Status.at(12, train["y"]))
    row = test[NAMES].iloc[[0]]
    assert pipeline.predict_risk(row, 12)[0, 0] == pytest.approx(case["full"], abs=1e-7)
    missing = row.assign(m1=np.nan, m2=np.nan)
    # coefficients of the logistic fit agree with R to about 1e-7
    assert pipeline.predict_risk(missing, 12)[0, 0] == pytest.approx(case["integrated"], abs=2e-7)
    assert pipeline.linear_predictor(missing)[0] == pytest.approx(case["eta"], abs=1e-6)
    band = pipeline.predict_risk_band(missing, 12)
    s = np.sqrt(case["s2"])
    expected = expit(case["eta"] + np.array([-1.959964, 1.959964]) * s)
    assert (band.low[0, 0], band.high[0, 0]) == pytest.approx(tuple(expected), abs=1e-6)
    assert band.low[0, 0] == pytest.approx(0.4855, abs=1e-4)
    # the notes print .7679 for expit(.569 + .627); with unrounded numbers it is .7680
    assert band.high[0, 0] == pytest.approx(0.7679, abs=2e-4)
    complete = pipeline.predict_risk_band(row, 12)
    assert complete.low[0, 0] == complete.high[0, 0] == complete.risk[0, 0]


def test_affine_steps_do_not_change_the_integral(halves) -> None:
    train, test = halves
    y = Status.at(12, train["y"])
    missing = test[NAMES].assign(m1=np.nan, m2=np.nan)
    plain = RiskPipeline([MultipleImputation()], Logit()).fit(train[NAMES], y).predict_risk(missing, 12)
    scaled = RiskPipeline([MultipleImputation(), Standardise()], Logit()).fit(train[NAMES], y).predict_risk(missing, 12)
    np.testing.assert_allclose(plain, scaled, atol=1e-6)


def test_quadrature_agrees_with_a_million_draws(halves) -> None:
    train, test = halves
    X = train[NAMES].to_numpy()
    model = Hazard(coef=[0.6, 0.3, 0.4, 0.1, 0.5, 0.3, 0.1])
    pipeline = RiskPipeline([MultipleImputation()], model).fit(train[NAMES], Surv.right(train["time"], train["event"]))
    missing = test[NAMES].iloc[:3].assign(m1=np.nan, m2=np.nan, g1=np.nan)
    ours = pipeline.predict_risk(missing, [6, 12])
    mean, covariance = X.mean(axis=0), np.cov(X.T)
    hole = np.array([n in ("m1", "m2", "g1") for n in NAMES])
    slope = np.linalg.solve(covariance[np.ix_(~hole, ~hole)], covariance[np.ix_(~hole, hole)]).T
    residual = covariance[np.ix_(hole, hole)] - slope @ covariance[np.ix_(~hole, hole)]
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(3), residual, size=400_000)
    for i in range(3):
        x = missing.iloc[i].to_numpy()
        filled = np.repeat(x[None], len(drawn), axis=0)
        filled[:, hole] = mean[hole] + slope @ (x[~hole] - mean[~hole]) + drawn
        np.testing.assert_allclose(ours[i], model.predict_risk(filled, [6, 12]).mean(axis=0), atol=1e-3)


def test_no_prediction_depends_on_who_else_is_predicted(holed) -> None:
    X, y = holed
    steps = [MultipleImputation(2, iterations=3), OneHot(), RestrictedCubicSpline(["m1"], n_knots=3)]
    pipeline = RiskPipeline(steps, Logit()).fit(X, Surv.right(y["time"], y["event"]))
    together = pipeline.predict_risk(X.iloc[:40], 12)
    for i in (0, 7, 39):
        np.testing.assert_allclose(pipeline.predict_risk(X.iloc[[i]], 12)[0], together[i], atol=1e-12)
    np.testing.assert_array_equal(together, pipeline.predict_risk(X.iloc[:40], 12))


def test_bent_terms_are_averaged_over_draws(halves) -> None:
    train, test = halves
    y = Status.at(12, train["y"])
    steps = [MultipleImputation(draws=400), RestrictedCubicSpline(["m1"], n_knots=3)]
    pipeline = RiskPipeline(steps, Logit()).fit(train[NAMES], y)
    missing = test[NAMES].iloc[:30].assign(m1=np.nan)
    done = pipeline.imputer_.completions(missing, pipeline._score(pipeline.branches_[0], missing[[]]))
    assert not done.exact.any()
    linear = RiskPipeline([MultipleImputation()], Logit()).fit(train[NAMES], y)
    exact = linear.imputer_.completions(missing, linear._score(linear.branches_[0], missing[[]]))
    assert exact.exact.all()
    # the chained draws and the normal conditional are the same distribution here
    draws = np.bincount(done.row, done.weight * done.frame["m1"].to_numpy())
    nodes = np.bincount(exact.row, exact.weight * exact.frame["m1"].to_numpy())
    np.testing.assert_allclose(draws, nodes, atol=0.15)


class Product(Hazard):
    """A score with an interaction of two columns, each straight when moved alone."""

    def linear_predictor(self, X):
        Z = np.asarray(X, dtype=float)
        return 0.5 * Z[:, 0] + Z[:, 4] * Z[:, 5]


def test_an_interaction_is_not_taken_for_a_straight_line(halves) -> None:
    train, test = halves
    pipeline = RiskPipeline([MultipleImputation(draws=20)], Product())
    pipeline.fit(train[NAMES], Surv.right(train["time"], train["event"]))
    missing = test[NAMES].iloc[:10].copy()
    missing.iloc[:5, [4, 5]] = np.nan
    missing.iloc[5:, 6] = np.nan  # g1 does not enter: straight
    done = pipeline.imputer_.completions(missing, pipeline._score(pipeline.branches_[0], missing[[]]))
    assert done.exact.tolist() == [False] * 5 + [True] * 5


def test_the_outcome_never_reaches_new_rows(holed) -> None:
    X, y = holed
    one = MultipleImputation(2, iterations=2)
    one.complete_training(X, y)
    other = MultipleImputation(2, iterations=2)
    shuffled = y[np.random.default_rng(0).permutation(len(y))]
    other.complete_training(X, shuffled)
    pd.testing.assert_frame_equal(one.transform(X), other.transform(X))
    pd.testing.assert_frame_equal(one.completions(X).frame, other.completions(X).frame)


# ---- training --------------------------------------------------------------------------------------------------


def test_observed_values_stay_and_nothing_is_left_missing(holed) -> None:
    X, y = holed
    before = X.copy()
    tables = MultipleImputation(3, iterations=3).complete_training(X, y)
    assert len(tables) == 3
    for table in tables:
        assert not table.isna().any().any()
        pd.testing.assert_frame_equal(table.where(X.notna()), X.astype(table.dtypes.to_dict()), check_dtype=False)
        assert set(table["smoker"].unique()) <= {0.0, 1.0}
        assert set(table["work"].unique()) <= {"desk", "heavy", "none"}
        assert set(table["m1"]) <= set(X["m1"].dropna())  # matching gives values that occur
        assert table.index.equals(X.index)
    assert not tables[0].equals(tables[1])
    pd.testing.assert_frame_equal(X, before)


def test_the_same_seed_gives_the_same_tables(holed) -> None:
    X, y = holed
    first = MultipleImputation(2, iterations=2, random_state=5).complete_training(X, y)
    again = clone(MultipleImputation(2, iterations=2, random_state=5)).complete_training(X, y)
    pd.testing.assert_frame_equal(first[1], again[1])
    other = MultipleImputation(2, iterations=2, random_state=6).complete_training(X, y)
    assert not first[1].equals(other[1])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.02, 5), (0.11, 11), (0.5, 20)])
def test_imputations_follow_the_share_of_incomplete_rows(share: float, expected: int) -> None:
    X = syn(200)[NAMES].copy()
    X.iloc[: int(200 * share), 4] = np.nan
    assert MultipleImputation(iterations=1).fit(X).m_ == expected


def test_coefficients_are_unbiased_under_missing_at_random() -> None:
    # complete cases are biased here: x2 is missing where the outcome and x1 are large
    rng = np.random.default_rng(12)
    n = 4000
    x1 = rng.normal(size=n)
    x2 = 0.5 * x1 + rng.normal(size=n)
    event = rng.random(n) < expit(-0.5 + 0.7 * x1 + 0.7 * x2)
    X = pd.DataFrame({"x1": x1, "x2": x2})
    X.loc[rng.random(n) < expit(-1 + 1.5 * event + x1), "x2"] = np.nan
    y = Status.at(12, event.astype(int))
    pipeline = RiskPipeline([MultipleImputation(5, iterations=5)], Logit()).fit(X, y)
    coef = np.mean([model.coef_ for model in pipeline.models_], axis=0)
    # standard errors of the pooled coefficients are about 0.05
    np.testing.assert_allclose(coef, [0.7, 0.7], atol=0.15)
    complete = X.notna().all(axis=1).to_numpy()
    naive = Logit().fit(X[complete], y[complete])
    assert abs(pipeline.models_[0].intercept_ + 0.5) < 0.2 < abs(naive.intercept_ + 0.5)


def test_normal_draws_have_the_right_spread() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=3000)
    y = 1 + 2 * x + 0.5 * rng.normal(size=3000)
    X = np.column_stack([x, np.where(rng.random(3000) < 0.5, np.nan, y)])
    for matching in (True, False):
        done = chained_equations(
            X, np.zeros(2, int), np.zeros(2, int), rng, iterations=2, matching=np.array([True, matching])
        )
        drawn = np.isnan(X[:, 1])
        slope, intercept = np.polyfit(done[drawn, 0], done[drawn, 1], 1)
        residual = done[drawn, 1] - intercept - slope * done[drawn, 0]
        assert (slope, intercept, residual.std()) == pytest.approx((2, 1, 0.5), abs=0.05)


def test_categories_are_drawn_with_their_probabilities() -> None:
    rng = np.random.default_rng(4)
    n = 6000
    x = rng.normal(size=n)
    kind = (x + rng.logistic(size=n) > 0).astype(float) + (x + rng.logistic(size=n) > 1.5)
    X = np.column_stack([x, np.where(rng.random(n) < 0.4, np.nan, kind)])
    done = chained_equations(X, np.array([0, 2]), np.array([0, 3]), rng, iterations=2)
    drawn = np.isnan(X[:, 1])
    for half in (x < 0, x >= 0):
        got = np.bincount(done[drawn & half, 1].astype(int), minlength=3) / (drawn & half).sum()
        want = np.bincount(kind[half].astype(int), minlength=3) / half.sum()
        np.testing.assert_allclose(got, want, atol=0.04)


def test_separated_and_constant_columns_do_not_break_it() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=100)
    X = np.column_stack([x, np.ones(100), (x > 0).astype(float), x])
    X[:20, 2] = np.nan
    X[20:30, 3] = np.nan
    done = chained_equations(X, np.array([0, 0, 1, 0]), np.zeros(4, int), rng, iterations=3)
    assert np.isfinite(done).all()
    assert (done[:20, 2] == (x[:20] > 0)).mean() > 0.8


def test_the_outcome_enters_as_indicator_and_cumulative_hazard() -> None:
    y = Surv.right([1.0, 2.0, 2.0, 3.0], [1, 2, 0, 1])
    columns, kinds = outcome_columns(y)
    assert kinds.tolist() == [1, 0, 1, 0]
    np.testing.assert_allclose(columns[:, 0], [1, 0, 0, 1])
    np.testing.assert_allclose(columns[:, 1], [1 / 4, 1 / 4, 1 / 4, 1 / 4 + 1])
    np.testing.assert_allclose(columns[:, 3], [0, 1 / 3, 1 / 3, 1 / 3])
    state, kinds = outcome_columns(Status.at(12, [0, 1, -1]))
    assert np.isnan(state[2, 0])
    interval, _ = outcome_columns(Surv.interval([0, 3], [3, np.inf]))
    np.testing.assert_allclose(interval[:, 1], [1 / 2, 1 / 2])


# ---- passive columns and levels --------------------------------------------------------------------------------


def test_passive_columns_stay_true_to_what_they_come_from() -> None:
    rng = np.random.default_rng(6)
    X = pd.DataFrame({"weight": rng.normal(80, 10, 150), "height": rng.normal(175, 8, 150)})
    X["d1"], X["d2"] = rng.integers(1, 6, (2, 150)).astype(float)
    X["bmi"] = X["weight"] / (X["height"] / 100) ** 2
    X["worst"] = X[["d1", "d2"]].max(axis=1)
    X["sum"] = X["d1"] + X["d2"]
    X.loc[:40, ["weight", "bmi"]] = np.nan
    X.loc[30:60, ["d2", "worst", "sum"]] = np.nan
    step = MultipleImputation(
        2,
        iterations=2,
        drop=["d1", "d2"],
        passive={
            "bmi": "weight / (height / 100) ** 2",
            "worst": ("max", ["d1", "d2"]),
            "sum": lambda t: t["d1"] + t["d2"],
        },
    )
    y = Status.at(12, rng.integers(0, 2, 150))
    for table in (*step.complete_training(X, y), step.transform(X), step.completions(X).frame):
        np.testing.assert_allclose(table["bmi"], table["weight"] / (table["height"] / 100) ** 2)
        assert list(table) == ["weight", "height", "bmi", "worst", "sum"]
        assert not table.isna().any().any()
    np.testing.assert_array_equal(step.transform(X)["worst"].iloc[61:], X["worst"].iloc[61:])
    pipeline = RiskPipeline([step], Logit()).fit(X, y)
    assert np.isfinite(pipeline.predict_risk(X, 12)).all()


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"methods": {"c1": "magic"}}, "methods"),
        ({"methods": {"c1": "logistic"}}, "0/1"),
        ({"passive": {"c1": ("median", ["c2"])}}, "passive"),
        ({"passive": {"c1": ("max", ["c1", "c2"])}}, "passive"),
        ({"passive": {"c1": 3}}, "passive"),
        ({"m": 0}, "`m`"),
        ({"iterations": 0}, "iterations"),
    ],
)
def test_nonsense_is_refused(keywords: dict, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        MultipleImputation(**keywords).fit(syn(50)[NAMES])


def test_an_empty_column_and_an_unknown_category_are_refused(holed) -> None:
    X, _ = holed
    with pytest.raises(ArgumentError, match="without any"):
        MultipleImputation().fit(X.assign(g1=np.nan))
    step = MultipleImputation(1, iterations=1).fit(X)
    with pytest.raises(ArgumentError, match="sport"):
        step.transform(X.assign(work="sport"))


@pytest.mark.parametrize("combine", ["risk", "cloglog", "logit"])
def test_models_of_the_tables_are_combined_on_the_scale_asked_for(holed, combine: str) -> None:
    X, y = holed
    pipeline = RiskPipeline([MultipleImputation(3, iterations=2)], Logit(), combine=combine)
    pipeline.fit(X.drop(columns="work"), Surv.right(y["time"], y["event"]))
    complete = X.drop(columns="work").dropna().iloc[:5]
    risk = pipeline.predict_risk(complete, 12)[:, 0]
    eta = np.stack([model.linear_predictor(complete) for model in pipeline.models_])
    expected = {
        "risk": expit(eta).mean(axis=0),
        "logit": expit(eta.mean(axis=0)),
        "cloglog": -np.expm1(-np.exp(np.log(-np.log1p(-expit(eta))).mean(axis=0))),
    }[combine]
    np.testing.assert_allclose(risk, expected, atol=1e-12)
    np.testing.assert_allclose(pipeline.linear_predictor(complete), eta.mean(axis=0), atol=1e-12)


def test_two_imputing_steps_are_refused(holed) -> None:
    X, y = holed
    with pytest.raises(ArgumentError, match="at most one"):
        RiskPipeline([MultipleImputation(), MultipleImputation()], Logit()).fit(X, y)


def test_numeric_codes_with_holes_stay_numbers() -> None:
    """Filling a numeric nominal column with objects is deprecated in pandas, and warnings are errors here."""
    rng = np.random.default_rng(8)
    X = pd.DataFrame({"type": rng.integers(1, 4, 80).astype(float), "x": rng.normal(size=80)})
    X.loc[::7, "type"] = np.nan
    y = Status.at(12, rng.integers(0, 2, 80))
    tables = MultipleImputation(2, iterations=2, methods={"type": "nominal"}).complete_training(X, y)
    for table in tables:
        assert table["type"].dtype == np.float64
        assert set(table["type"]) <= {1.0, 2.0, 3.0}


def test_codes_that_are_encoded_later_are_imputed_as_categories(holed) -> None:
    """Matching would learn a line through the codes, and complete a new row by 1.49 of a category."""
    X, y = holed
    rng = np.random.default_rng(5)
    code = pd.Series(rng.choice([1.0, 2.0, 3.0], len(X)), index=X.index).mask(rng.random(len(X)) < 0.2)
    X = X.select_dtypes("number").assign(code=code, flag=rng.integers(0, 2, len(X)).astype(float))
    outcome = Surv.right(y["time"], y["event"] == 1)
    later = [OneHot(["code", "flag"])]
    told = RiskPipeline([MultipleImputation(2, iterations=3), *later], CoxPH()).fit(X, outcome)
    named = RiskPipeline([MultipleImputation(2, iterations=3, methods={"code": "nominal"}), *later], CoxPH())
    named.fit(X, outcome)
    assert {"code=2", "code=3"} <= set(told.models_[0].to_frame()["term"])
    new = X.assign(code=np.nan).iloc[:5]
    np.testing.assert_array_equal(told.predict_risk(new, 12), named.predict_risk(new, 12))
    assert np.isfinite(told.linear_predictor(new)).all()
    # what was said of a column stays said, and the step that was given is not changed
    kept = MultipleImputation(2, iterations=3, methods={"code": "matching"})
    assert RiskPipeline([kept, *later], CoxPH()).fit(X, outcome).imputer_.methods == {"code": "matching"}
    assert kept.methods == {"code": "matching"}


def test_the_imputer_of_new_rows_has_no_matrix_for_each_column(holed):
    X, y = holed
    imputer = MultipleImputation(m=2, iterations=2).fit(X, y).imputer_
    width = imputer.mean.size
    assert not hasattr(imputer, "models")
    assert imputer.slopes.shape == (width, width)


# ---- with or without the outcome -------------------------------------------------------------------------------


def test_without_the_outcome_completed_tables_do_not_depend_on_it(holed) -> None:
    X, y = holed
    other = y[np.random.default_rng(1).permutation(len(y))]
    for use, same in ((False, True), (True, False)):
        tables, again = (
            MultipleImputation(m=2, iterations=2, use_outcome=use).complete_training(X, z) for z in (y, other)
        )
        assert all(a.equals(b) for a, b in zip(tables, again)) is same


def test_without_the_outcome_an_association_is_biased_towards_zero() -> None:
    # half of the values are missing at random: their imputed values are independent of the outcome
    rng = np.random.default_rng(2)
    x = rng.normal(size=3000)
    X = pd.DataFrame({"a": rng.normal(size=3000), "x": np.where(rng.random(3000) < 0.5, np.nan, x)})
    y = Surv.right(rng.exponential(np.exp(-x)), np.ones(3000, dtype=int))
    coefficients = [
        np.mean([model.coef_[1] for model in RiskPipeline([step], CoxPH()).fit(X, y).models_])
        for step in (MultipleImputation(m=3), MultipleImputation(m=3, use_outcome=False))
    ]
    assert coefficients[0] == pytest.approx(1, abs=0.12)
    assert coefficients[1] < 0.6


def test_use_outcome_is_a_truth_value(holed) -> None:
    with pytest.raises(ArgumentError, match=r"`use_outcome` must be True or False; got no\."):
        MultipleImputation(use_outcome="no").fit(holed[0])
