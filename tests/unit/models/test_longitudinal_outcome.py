"""LongitudinalOutcome: statsmodels' own fits, hand calculations, predictions after a visit that was seen."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from syn import syn

from lbp_prognosis import Measured
from lbp_prognosis._base import ArgumentError, EstimationError, MissingPackageError, OutcomeError
from lbp_prognosis.deployment import load_model, lock, save_model
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.models import LinearOutcome, LongitudinalOutcome
from lbp_prognosis.survival import Weights, from_frame, measured_at, repeated_spec, to_frame

sm = pytest.importorskip("statsmodels.api")
N, VISITS = 90, (1.5, 3.0, 12.0)
COHORT = syn(n=N)
X = COHORT[["c1", "p1"]] * [3.0, 0.2] + [50.0, 1.0]
WHOLE = np.column_stack(
    [
        np.clip(np.round(5 + COHORT.c1 + COHORT.m3 + 0.9 * COHORT[noise] * (1 + 0.2 * k) - 0.5 * k), 0, 10)
        for k, noise in enumerate(("m2", "g2", "c3"))
    ]
)
SEEN = WHOLE.copy()
SEEN[(WHOLE[:, 0] > 6) & (np.arange(N) % 2 == 0), 1] = np.nan
SEEN[::7, 2] = np.nan
SEEN[5] = np.nan


def outcome(scores: np.ndarray, **options) -> np.ndarray:
    return Measured.at_visits(
        dict(zip(VISITS, scores.T)), **{"lower": 0, "upper": 10, "at_most": 3, "index": X.index, **options}
    )


Y = outcome(SEEN)


@pytest.fixture(scope="module")
def unstructured() -> LongitudinalOutcome:
    return LongitudinalOutcome().fit(X, Y)


@pytest.fixture(scope="module")
def exchangeable() -> LongitudinalOutcome:
    return LongitudinalOutcome(covariance="exchangeable").fit(X, Y)


def long() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores, raw columns by visit, patients and visits."""
    patient, visit = np.nonzero(~np.isnan(SEEN))
    rows = np.column_stack([np.ones(patient.size), X.to_numpy()[patient]])
    design = np.zeros((patient.size, 3, 3))
    design[np.arange(patient.size), visit] = rows
    return SEEN[patient, visit], design.reshape(-1, 9), patient, visit


def crps(y: np.ndarray, forecast) -> float:
    frame = evaluate(y, forecast).to_frame()
    return float(frame.loc[frame["metric"] == "crps", "value"].iloc[0])


# ---- the outcome -----------------------------------------------------------------------------------------------------


def test_scores_at_visits_keep_what_they_say():
    spec = repeated_spec(Y)
    assert spec.visits == VISITS
    assert (spec.last.lower, spec.last.upper, spec.last.at_most, spec.last.horizon) == (0, 10, 3, 12)
    later = pickle.loads(pickle.dumps(np.concatenate([Y[:3], Y[3:6][::-1]])))
    assert repeated_spec(later) == spec
    np.testing.assert_array_equal(later["values"], SEEN[[0, 1, 2, 5, 4, 3]])
    one = measured_at(Y, 3)
    np.testing.assert_array_equal(one["value"], SEEN[:, 1])
    np.testing.assert_array_equal(one["label"], Y["label"])
    plain = outcome(SEEN, index=None)
    again = from_frame(to_frame(plain))
    assert again.dtype == plain.dtype
    np.testing.assert_array_equal(again["values"], plain["values"])


def test_visits_come_in_any_order_and_labels_decide():
    labels = pd.Index([f"p{k}" for k in range(4)])
    early, late = pd.Series([1, 2, 3, 4], labels), pd.Series([8, 7, 6, 5], labels[::-1])
    y = Measured.at_visits({12: late, 1.5: early}, lower=0, upper=10)
    assert repeated_spec(y).visits == (1.5, 12.0)
    assert y["values"].tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]


def test_impossible_scores_are_told_by_visit():
    good = [1, 2, None]
    with pytest.raises(OutcomeError, match=r"values\[3\]"):
        Measured.at_visits({1.5: good, 3: [1, 11, 2]}, lower=0, upper=10)
    for wrong in ({1.5: good}, [good, good], {0: good, 3: good}, {"x": good, 3: good}):
        with pytest.raises(ArgumentError, match="values"):
            Measured.at_visits(wrong, lower=0, upper=10)
    with pytest.raises(ArgumentError, match="length"):
        Measured.at_visits({1.5: good, 3: good[:2]}, lower=0, upper=10)
    with pytest.raises(ArgumentError, match="visit"):
        measured_at(Y, 6)
    with pytest.raises(OutcomeError, match="at_visits"):
        LinearOutcome().fit(X, Y)


# ---- fits ------------------------------------------------------------------------------------------------------------


def test_random_intercept_is_statsmodels(exchangeable):
    """On columns and scores of unit spread to 1e-8; on the user's, where its optimiser ends less sharply, to 1e-6."""
    score, design, patient, visit = long()
    there = X[~np.isnan(SEEN).all(axis=1)]
    inner = ((X - there.mean()) / there.std(ddof=0)).to_numpy()[patient]
    unit = np.zeros((patient.size, 3, 3))
    unit[np.arange(patient.size), visit] = np.column_stack([np.ones(patient.size), inner])
    spread = score.std()
    theirs = sm.MixedLM((score - score.mean()) / spread, unit.reshape(-1, 9), groups=patient)
    found = theirs.fit(reml=True, method=["bfgs"], gtol=1e-7)
    expected = score.mean() + spread * (unit.reshape(-1, 9) @ found.fe_params)
    np.testing.assert_allclose(exchangeable.predict_mean(X)[patient, visit], expected, atol=1e-8)
    shared = spread**2 * (float(np.asarray(found.cov_re)[0, 0]) + found.scale * np.eye(3))
    np.testing.assert_allclose(exchangeable.visit_covariance_, shared, atol=1e-8)
    errors = spread * found.bse_fe.reshape(3, 3)[:, 1:] / there.std(ddof=0).to_numpy()
    own = np.sqrt(np.diag(exchangeable.covariance_)).reshape(3, 3)[:, 1:]
    # statsmodels inverts the Hessian of means and variances together; ours are those of R's lme, (Σ XᵀV⁻¹X)⁻¹
    np.testing.assert_allclose(own, errors, rtol=2e-4)
    raw = sm.MixedLM(score, design, groups=patient).fit(reml=True, method=["bfgs"], gtol=1e-7)
    np.testing.assert_allclose(exchangeable.log_likelihood_, raw.llf, rtol=1e-10)
    own = np.column_stack([exchangeable.intercept_, exchangeable.coef_])
    np.testing.assert_allclose(own.ravel(), raw.fe_params, rtol=1e-6)


@pytest.mark.parametrize("covariance", ["exchangeable", "unstructured", "independence"])
def test_estimating_equations_are_statsmodels(covariance):
    score, design, patient, visit = long()
    structure = {
        "exchangeable": sm.cov_struct.Exchangeable(),
        "unstructured": sm.cov_struct.Unstructured(),
        "independence": sm.cov_struct.Independence(),
    }[covariance]
    theirs = sm.GEE(score, design, groups=patient, time=visit, cov_struct=structure).fit(ctol=1e-8, maxiter=500)
    model = LongitudinalOutcome("gee", covariance=covariance).fit(X, Y)
    own = np.column_stack([model.intercept_, model.coef_])
    np.testing.assert_allclose(own.ravel(), theirs.params, atol=1e-8)
    np.testing.assert_allclose(model.covariance_, theirs.cov_params(), rtol=1e-6, atol=1e-10)
    assert [doubt.code for doubt in model.objections_] == ["missed-visits-not-modelled"]
    assert LongitudinalOutcome("gee", covariance=covariance).fit(X, outcome(WHOLE)).objections_ == ()


def test_unstructured_is_at_the_maximum_of_the_restricted_likelihood(unstructured):
    """Written out for any covariance: no direction of the six leads up."""
    score, design, patient, visit = long()

    def restricted(covariance: np.ndarray) -> float:
        information, right, total = np.zeros((9, 9)), np.zeros(9), 0.0
        for p in np.unique(patient):
            own = patient == p
            part = covariance[np.ix_(visit[own], visit[own])]
            inverse = np.linalg.inv(part)
            information += design[own].T @ inverse @ design[own]
            right += design[own].T @ inverse @ score[own]
            total += score[own] @ inverse @ score[own] + np.linalg.slogdet(part)[1]
        quadratic = right @ np.linalg.solve(information, right)
        ends = np.linalg.slogdet(information)[1] + (score.size - 9) * np.log(2 * np.pi)
        return float(-0.5 * (total - quadratic + ends))

    top = unstructured.visit_covariance_
    np.testing.assert_allclose(unstructured.log_likelihood_, restricted(top), rtol=1e-10)
    for a, b in zip(*np.tril_indices(3)):
        step = np.zeros((3, 3))
        step[a, b] = step[b, a] = 1e-3
        slope = (restricted(top + step) - restricted(top - step)) / 2e-3
        assert abs(slope) < 1e-4  # of a likelihood whose curvature is about 10
    assert (np.linalg.eigvalsh(top) > 0).all()


def test_without_missed_visits_each_visit_is_a_regression():
    model = LongitudinalOutcome().fit(X, outcome(WHOLE))
    residual = []
    for k, visit in enumerate(VISITS):
        one = LinearOutcome().fit(X, measured_at(outcome(WHOLE), visit))
        np.testing.assert_allclose(model.intercept_[k], one.intercept_, atol=1e-7)
        np.testing.assert_allclose(model.coef_[k], one.coef_, atol=1e-8)
        residual.append(WHOLE[:, k] - one.predict_mean(X))
    shared = np.cov(np.array(residual), ddof=3)
    np.testing.assert_allclose(model.visit_covariance_, shared, atol=1e-6)  # where the optimiser stops
    table = model.to_frame()
    first = LinearOutcome(variance="model").fit(X, measured_at(outcome(WHOLE), 1.5)).to_frame()
    np.testing.assert_allclose(table["se"][:3], first["se"], rtol=1e-6)
    assert table["term"].tolist()[:3] == ["(intercept) at 1.5", "c1 at 1.5", "p1 at 1.5"]


def test_common_effects_are_the_same_at_all_visits():
    model = LongitudinalOutcome(covariance="exchangeable", by_visit=["c1"]).fit(X, Y)
    assert np.ptp(model.coef_[:, 1]) < 1e-12
    assert np.ptp(model.coef_[:, 0]) > 0.001
    none = LongitudinalOutcome(covariance="exchangeable", by_visit="none").fit(X, Y)
    assert np.ptp(none.coef_, axis=0).max() < 1e-12
    with pytest.raises(ArgumentError, match="by_visit"):
        LongitudinalOutcome(by_visit=["age"]).fit(X, Y)


def test_weights_of_estimating_equations_are_those_of_least_squares():
    weights = 0.5 + (np.arange(N) % 3)
    model = LongitudinalOutcome("gee", covariance="independence").fit(X, Y, sample_weight=Weights(weights, "attrition"))
    for k, visit in enumerate(VISITS):
        one = LinearOutcome().fit(X, measured_at(Y, visit), sample_weight=weights)
        np.testing.assert_allclose(model.coef_[k], one.coef_, atol=1e-9)
    for method in ("mixed", "gee"):
        with pytest.raises(ArgumentError, match="sample_weight"):
            LongitudinalOutcome(method).fit(X, Y, sample_weight=weights)


# ---- predictions -----------------------------------------------------------------------------------------------------


def test_after_a_visit_the_normal_distribution_is_conditional(unstructured):
    """By hand, in the textbook's formula of two and of three variables."""
    means, S = unstructured.predict_mean(X[:4]), unstructured.visit_covariance_
    scores = {1.5: [2.0, 7.0, np.nan, np.nan], 3.0: [4.0, np.nan, 1.0, np.nan]}
    got, spread = (
        unstructured.predict_mean(X[:4], 12, observed=scores),
        unstructured.predict_sd(X[:4], 12, observed=scores),
    )

    det = S[0, 0] * S[1, 1] - S[0, 1] ** 2
    a = (S[2, 0] * S[1, 1] - S[2, 1] * S[0, 1]) / det
    b = (S[2, 1] * S[0, 0] - S[2, 0] * S[0, 1]) / det
    both = means[0, 2] + a * (2 - means[0, 0]) + b * (4 - means[0, 1])
    first = means[1, 2] + S[2, 0] / S[0, 0] * (7 - means[1, 0])
    second = means[2, 2] + S[2, 1] / S[1, 1] * (1 - means[2, 1])
    np.testing.assert_allclose(got, [both, first, second, means[3, 2]], rtol=1e-12)
    variance = [
        S[2, 2] - a * S[2, 0] - b * S[2, 1],
        S[2, 2] - S[2, 0] ** 2 / S[0, 0],
        S[2, 2] - S[2, 1] ** 2 / S[1, 1],
        S[2, 2],
    ]
    np.testing.assert_allclose(spread**2, variance, rtol=1e-12)

    risk = unstructured.predict_risk(X[:4], 12, observed=scores)
    np.testing.assert_allclose(risk[:, 0], norm.cdf((3.5 - got) / spread), rtol=1e-12)
    own_cut = unstructured.predict_risk(X[:4], 12, at_most=[1, 2, 3, 4], observed=scores)
    np.testing.assert_allclose(own_cut[:, 0], norm.cdf((np.array([1.5, 2.5, 3.5, 4.5]) - got) / spread), rtol=1e-12)
    frame = pd.DataFrame(scores, index=X.index[:4])
    np.testing.assert_array_equal(unstructured.predict_mean(X[:4], 12, observed=frame), got)
    np.testing.assert_array_equal(
        unstructured.predict_mean(X[:4], 12, observed={3: scores[3.0], 1.5: scores[1.5]}), got
    )
    middle = unstructured.predict_quantile(X[:4], 0.5, visit=12, observed=scores)
    assert (np.abs(middle - got) < 0.6).all()  # half a level of the score


def test_scores_that_were_seen_are_found_by_label(unstructured):
    new = X[:4].set_axis(list("abcd"), axis=0)
    seen = pd.Series([2.0, 7.0, 3.0, 9.0], list("abcd"))
    straight = unstructured.predict_mean(new, 12, observed={1.5: seen})
    np.testing.assert_array_equal(unstructured.predict_mean(new, 12, observed={1.5: seen[::-1]}), straight)
    with pytest.raises(ArgumentError, match="observed"):
        unstructured.predict_mean(new, 12, observed={1.5: seen.set_axis(list("abce"))})


def test_only_the_past_may_be_seen(unstructured):
    ones = np.ones(4)
    for wrong in ({12: ones}, {6: ones}, {1.5: 11 * ones}, {1.5: ones[:3]}, {"early": ones}, [ones]):
        with pytest.raises(ArgumentError, match="observed"):
            unstructured.predict_mean(X[:4], 12, observed=wrong)
    with pytest.raises(ArgumentError, match="observed"):
        unstructured.predict_mean(X[:4], 1.5, observed={3: ones})
    unstructured.predict_mean(X[:4], 3, observed={12: np.full(4, np.nan)})  # nothing was seen there
    with pytest.raises(ArgumentError, match="visit"):
        unstructured.predict_mean(X[:4], 6)


def test_risks_at_each_visit_are_judged_there(unstructured):
    risk = unstructured.predict_risk(X)
    assert risk.shape == (N, 3)
    other = unstructured.predict_risk(X, [3.0, 6.0])
    np.testing.assert_array_equal(other[:, 0], risk[:, 1])
    assert np.isnan(other[:, 1]).all()
    for k, visit in enumerate(VISITS):
        forecast = unstructured.predict_forecast(X, visit)
        np.testing.assert_allclose(forecast.at_most(3), risk[:, k], rtol=1e-12)
        assert crps(measured_at(Y, visit), forecast) > 0
    assert -unstructured.score(X, Y) < np.nanstd(SEEN)
    without = LongitudinalOutcome(covariance="exchangeable").fit(X, outcome(SEEN, at_most=None))
    with pytest.raises(ArgumentError, match="at_most"):
        without.predict_risk(X)


# ---- hostile ---------------------------------------------------------------------------------------------------------


def test_visits_without_scores_are_told():
    for scores, told in (
        (np.where([False, True, False], np.nan, WHOLE), "at 3 "),
        (np.where([False, True, False], 4.0, WHOLE), "at 3 "),
        (np.full((N, 3), np.nan), "at 1.5 "),
    ):
        with pytest.raises(EstimationError, match=told):
            LongitudinalOutcome().fit(X, outcome(scores))
    constant = X.assign(c1=np.where(np.isnan(SEEN[:, 1]), X.c1, 1.0))
    with pytest.raises(EstimationError, match="c1"):
        LongitudinalOutcome().fit(constant, Y)
    with pytest.raises(EstimationError, match="maximum"):
        LongitudinalOutcome().fit(X, outcome(np.repeat(WHOLE[:, :1], 3, axis=1)))


def test_moments_that_are_no_correlation_are_told():
    rng = np.random.default_rng(4)
    n = 30
    own, x = rng.normal(size=n), rng.normal(size=(n, 2))
    scores = np.clip(5 + own[:, None] * [1, 1, -1, 1] + 0.1 * rng.normal(size=(n, 4)), 0, 10)
    scores[rng.random((n, 4)) < 0.5] = np.nan
    y = Measured.at_visits(dict(zip((1.0, 3.0, 6.0, 12.0), scores.T)), lower=0, upper=10)
    with pytest.raises(EstimationError, match="not positive definite.*covariance='exchangeable'"):
        LongitudinalOutcome("gee", by_visit="none").fit(x, y)
    assert np.linalg.eigvalsh(LongitudinalOutcome("gee").fit(X, Y).visit_covariance_)[0] > 0


@pytest.mark.parametrize(("pairs", "told"), [(0, True), (5, True), (25, False)])
def test_one_correlation_of_few_pairs_is_told(pairs, told):
    # divided by the pairs less the coefficients, it has the wrong sign with fewer, and is none without any
    rng = np.random.default_rng(7)
    scores = np.clip(5 + rng.normal(size=(60, 1)) + rng.normal(size=(60, 2)), 0, 10)
    scores[pairs:, 0] = np.where(np.arange(60 - pairs) % 2, scores[pairs:, 0], np.nan)
    scores[pairs:, 1] = np.where(np.arange(60 - pairs) % 2, np.nan, scores[pairs:, 1])
    y = Measured.at_visits({3.0: scores[:, 0], 12.0: scores[:, 1]}, lower=0, upper=10)
    model = LongitudinalOutcome("gee", covariance="exchangeable", by_visit="none")
    if told:
        with pytest.raises(EstimationError, match="covariance='independence'"):
            model.fit(rng.normal(size=(60, 3)), y)
    else:
        assert model.fit(rng.normal(size=(60, 3)), y).visit_covariance_[0, 1] > 0


def test_visits_may_be_more_than_a_number_has_bits():
    rng = np.random.default_rng(0)
    n, visits = 40, np.arange(1.0, 71.0)
    scores = np.clip(5 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 70)), 0, 10)
    y = Measured.at_visits(dict(zip(visits, scores.T)), lower=0, upper=10)
    model = LongitudinalOutcome(covariance="exchangeable", by_visit="none").fit(np.zeros((n, 0)), y)
    S, new = model.visit_covariance_, np.zeros((1, 0))
    shift = model.predict_mean(new, 70.0, observed={66.0: [1.0]}) - model.predict_mean(new, 70.0)
    np.testing.assert_allclose(shift, S[69, 65] / S[65, 65] * (1.0 - model.predict_mean(new, 66.0)), rtol=1e-10)
    np.testing.assert_allclose(model.covariance_, S / n, rtol=1e-8)  # complete: those of the visits' means


def test_what_is_not_taken_is_refused_by_name():
    for name in ("strata", "offset", "clusters"):
        with pytest.raises(ArgumentError, match=name):
            LongitudinalOutcome().fit(X, Y, **{name: np.zeros(N)})
    with pytest.raises(ArgumentError, match="covariance"):
        LongitudinalOutcome("gee", covariance="slope").fit(X, Y)


def test_without_statsmodels_the_extra_is_named(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(MissingPackageError, match="adapters"):
        LongitudinalOutcome("gee").fit(X, Y)
    # the mixed model needs it at the border of its parameters only
    assert np.isfinite(LongitudinalOutcome().fit(X, Y).log_likelihood_)
    alike = np.tile([[3.0, 7.0, 5.0], [7.0, 3.0, 5.0]], (N // 2, 1)) + np.random.default_rng(0).normal(size=(N, 3)) / 9
    visits = Measured.at_visits(dict(zip((1.5, 3.0, 6.0), alike.T)), lower=0, upper=10)
    with pytest.raises(MissingPackageError, match="adapters"):
        LongitudinalOutcome(covariance="slope").fit(X, visits)
    assert LongitudinalOutcome(covariance="exchangeable").fit(X, visits).visit_covariance_[0, 1] == 0


def test_a_random_intercept_without_variance_is_least_squares():
    """R's ``lme`` ends there too: scores of a patient that differ more than those of two patients."""
    rng = np.random.default_rng(5)
    x, swing = rng.normal(size=(90, 1)), rng.normal(size=90)
    scores = 5 + x * [0.2, 0.5, 0.1] + np.outer(swing, [1, -1, 0.2]) + rng.normal(size=(90, 3))
    scores[rng.random((90, 3)) < 0.2] = np.nan
    y = Measured.at_visits(dict(zip((1.5, 3.0, 6.0), scores.T)), lower=-9, upper=19, kind="continuous")
    model = LongitudinalOutcome(covariance="exchangeable").fit(x, y)
    rest = 0.0
    for k in range(3):
        seen = ~np.isnan(scores[:, k])
        design = np.column_stack([np.ones(seen.sum()), x[seen]])
        coef, left = np.linalg.lstsq(design, scores[seen, k], rcond=None)[:2]
        np.testing.assert_allclose([model.intercept_[k], model.coef_[k, 0]], coef, rtol=1e-10)
        rest += float(left[0])
    variance = rest / ((~np.isnan(scores)).sum() - 6)
    np.testing.assert_allclose(model.visit_covariance_, variance * np.eye(3), rtol=1e-10, atol=1e-12)
    same = model.predict_mean(x, 6.0, observed={1.5: scores[:, 0]})  # an earlier score adds nothing
    np.testing.assert_allclose(same, model.predict_mean(x, 6.0), rtol=1e-10)


def test_model_file_predicts_after_a_visit(unstructured, tmp_path):
    locked = lock(unstructured)
    save_model(locked, tmp_path / "m.lbpm", reason="test")
    again, seen = load_model(tmp_path / "m.lbpm"), {1.5: np.full(N, 2.0)}
    np.testing.assert_array_equal(again.predict_risk(X, [3.0, 12.0]), locked.predict_risk(X, [3.0, 12.0]))
    np.testing.assert_array_equal(
        again.predict_risk(X, [3.0, 12.0], observed=seen), unstructured.predict_risk(X, [3.0, 12.0], observed=seen)
    )


def test_neck_pain_after_six_weeks_and_half_a_year(shared):
    """The public table: a quarter to a third of the scores are missing, and six weeks say much of six months."""
    path = shared / "data" / "painr" / "painr_raw_603.csv"
    if not path.exists():
        pytest.skip("the table is not beside this checkout")
    table = pd.read_csv(path)
    table = table[table[["pain_intensity", "age", "disability"]].notna().all(axis=1)]
    names = {1.5: "painint_6weeks", 3.0: "painint_3months", 6.0: "painint_6months"}
    y = Measured.at_visits({t: table[name] for t, name in names.items()}, lower=0, upper=10, at_most=2)
    columns = table[["pain_intensity", "age", "disability"]]
    model = LongitudinalOutcome().fit(columns, y)
    # nlme::gls, corSymm and varIdent, REML
    np.testing.assert_allclose(model.visit_covariance_[0], [6.291887, 3.558447, 2.534194], rtol=1e-4)
    last = measured_at(y, 6)
    before = crps(last, model.predict_forecast(columns, 6))
    assert crps(last, model.predict_forecast(columns, 6, observed={1.5: table["painint_6weeks"]})) < before - 0.05
    assert model.predict_sd(columns[:1], 6, observed={1.5: [5.0]})[0] < 0.92 * model.predict_sd(columns[:1], 6)[0]


def test_visits_that_look_alike_in_six_digits_are_two():
    y = Measured.at_visits({1000001.0: [1.0, 2.0], 1000002.0: [3.0, 4.0]}, lower=0, upper=10)
    assert y["values"].tolist() == [[1.0, 3.0], [2.0, 4.0]]
    with pytest.raises(ArgumentError, match=r"`values\[1.4\]`"):
        Measured.at_visits({1.4: [11.0], 12: [1.0]}, lower=0, upper=10)
