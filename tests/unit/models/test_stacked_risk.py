"""`StackedRisk` and `AverageRisk`: cross-fitting by patient, weights, comparisons, recalibration, explanation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.base import BaseEstimator, clone
from syn import syn

from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError, objection
from lbp_prognosis.evaluation.prognostic import brier, log_score
from lbp_prognosis.explain import prediction_shapley
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import AverageRisk, CauseSpecificCox, CoxPH, FineGray, LogisticRisk, NullModel, StackedRisk
from lbp_prognosis.survival import Status, Surv, Weights

MODALITIES = {"clinical": ["c1", "c2", "c3"], "patient_reported": ["p1", "p2"], "imaging": ["m1", "m2", "m3"]}
COHORT = syn(n=300)
X = COHORT[[column for columns in MODALITIES.values() for column in columns]]
Y = Surv.right(COHORT.time, COHORT.event)
COMPETING = Surv.right(COHORT.time, COHORT.status)


def fitted(**options) -> StackedRisk:
    return StackedRisk(CoxPH(), modalities=MODALITIES, horizons=[6, 12], cv=3, **options).fit(X, Y)


class Seen(BaseEstimator):
    """A model that remembers which patients it was fitted to, and predicts 0.9 for them."""

    def fit(self, X, y, **rows):
        self.known_ = set(X["id"])
        return self

    def predict_risk(self, X, horizons, cause=1):
        return np.repeat(np.where(X[["id"]].isin(self.known_), 0.9, 0.2), np.size(horizons), axis=1)


class Column(BaseEstimator):
    def __init__(self, column: str) -> None:
        self.column = column

    def fit(self, X, y, **rows):
        return self

    def predict_risk(self, X, horizons, cause=1):
        return np.repeat(X[[self.column]].to_numpy(), np.size(horizons), axis=1)


# ---- cross-fitting -----------------------------------------------------------------------------------------------


def test_no_risk_comes_from_a_model_that_saw_the_patient():
    rows = pd.DataFrame({"id": np.repeat(np.arange(60), 2)})
    state = Status.at(12, np.tile([0, 1], 60))
    stack = StackedRisk({"memory": Seen()}, cv=4).fit(rows, state, clusters=rows["id"])
    # 0.2 for everybody: the Brier score says so
    np.testing.assert_allclose(stack.cross_validated_loss_["loss"][0], (0.04 + 0.64) / 2, rtol=1e-12)
    leaking = StackedRisk({"memory": Seen()}, cv=4).fit(rows, state)  # without being told who is whom
    assert abs(leaking.cross_validated_loss_["loss"][0] - 0.34) > 0.01


def test_each_learner_gets_the_columns_of_its_name():
    stack = StackedRisk(
        {"clinical": CoxPH(), "clinical+imaging": CoxPH(), "everything": CoxPH()}, modalities=MODALITIES, cv=2
    ).fit(X, Y)
    assert stack.columns_["clinical"] == MODALITIES["clinical"]
    assert stack.columns_["clinical+imaging"] == MODALITIES["clinical"] + MODALITIES["imaging"]
    assert stack.columns_["everything"] == list(X)
    with pytest.raises(ArgumentError, match="imagng"):
        StackedRisk({"clinical+imagng": CoxPH()}, modalities=MODALITIES).fit(X, Y)


def test_pipelines_are_learners():
    learners = {"clinical": RiskPipeline([Standardise()], CoxPH()), "imaging": RiskPipeline([Standardise()], CoxPH())}
    by_pipeline = StackedRisk(learners, modalities=MODALITIES, horizons=12, cv=3).fit(X, Y)
    plain = StackedRisk({"clinical": CoxPH(), "imaging": CoxPH()}, modalities=MODALITIES, horizons=12, cv=3).fit(X, Y)
    np.testing.assert_allclose(by_pipeline.predict_risk(X, 12), plain.predict_risk(X, 12), rtol=1e-7)


# ---- weights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meta", ["brier_simplex", "log_score"])
def test_order_of_learners_is_nothing_and_no_single_one_is_better(meta):
    first = fitted(meta=meta)
    loss = first.cross_validated_loss_.set_index("learner")["loss"]
    assert loss["stack"] <= loss.iloc[:3].min() + 1e-12
    turned = {name: CoxPH() for name in list(MODALITIES)[::-1]}
    second = StackedRisk(turned, modalities=MODALITIES, horizons=[6, 12], cv=3, meta=meta).fit(X, Y)
    mine, theirs = (stack.weights_.set_index("learner")["weight"] for stack in (first, second))
    np.testing.assert_allclose(mine, theirs[mine.index], atol=1e-8)


@pytest.mark.parametrize(("meta", "metric"), [("brier_simplex", brier), ("log_score", log_score)])
def test_losses_and_their_errors_are_those_of_the_evaluation(meta, metric):
    """A learner that reads its risk from a column is scored as `brier` and `log_score` score it."""
    rng = np.random.default_rng(0)
    F = pd.DataFrame({"a": rng.uniform(0.1, 0.9, 300), "b": rng.uniform(0.1, 0.9, 300)})
    for y in (Y, COMPETING, Status.at(12, np.where(np.arange(300) % 9 == 0, -1, COHORT.y))):
        table = StackedRisk({"a": Column("a"), "b": Column("b")}, horizons=12, cv=2, meta=meta).fit(F, y)
        table = table.cross_validated_loss_
        results = [metric(y, F[name], 12) for name in "ab"]
        np.testing.assert_allclose(table["loss"][:2], [r.value for r in results], rtol=1e-10)
        np.testing.assert_allclose(table["se"][:2], [r.se for r in results], rtol=1e-10)
        best = int(np.argmin(table["loss"][:2]))
        difference = results[1 - best].minus(results[best])
        np.testing.assert_allclose(table["versus_best"][1 - best], difference.value, rtol=1e-9)
        np.testing.assert_allclose(table["versus_best_se"][1 - best], difference.se, rtol=1e-9)


def test_prediction_is_the_weighted_mean_and_rises_with_time():
    stack = StackedRisk(
        {"clinical": CauseSpecificCox(), "imaging": CauseSpecificCox(), "null": NullModel()},
        modalities=MODALITIES,
        horizons=[6, 12],
        cv=3,
    ).fit(X, COMPETING)
    for cause in (1, 2):
        parts = stack.learner_risks(X, 12, cause)
        np.testing.assert_allclose(
            stack.predict_risk(X, 12, cause)[:, 0], parts.to_numpy() @ stack.weights_["weight"], rtol=1e-12
        )
    risks = stack.predict_risk(X, [3, 6, 12, 24])
    assert (np.diff(risks, axis=1) >= 0).all()
    assert (risks + stack.predict_risk(X, [3, 6, 12, 24], 2) <= 1 + 1e-12).all()


def test_cox_stack_is_a_cox_model_of_cross_fitted_scores():
    """Late fusion: with β ≥ 0 inside its bounds the stack is CoxPH on log(−log(1 − F)), baseline included."""
    rng = np.random.default_rng(2)
    F = pd.DataFrame({"a": -np.expm1(-np.exp(X["c1"] - 2)), "b": -np.expm1(-np.exp(X["p1"] - 2))})
    F["noise"] = -np.expm1(-np.exp(-X["c1"] - 2 + rng.normal(size=300)))
    scores = np.log(-np.log1p(-F[["a", "b"]]))
    stack = StackedRisk({k: Column(k) for k in ("a", "b")}, meta="cox_nonneg", horizons=12, cv=2).fit(F, Y)
    cox = CoxPH().fit(scores, Y)
    np.testing.assert_allclose(stack.weights_["weight"], cox.coef_, rtol=1e-8)
    np.testing.assert_allclose(stack.predict_risk(F, [6, 12]), cox.predict_risk(scores, [6, 12]), rtol=1e-8)
    against = StackedRisk({"a": Column("a"), "noise": Column("noise")}, meta="cox_nonneg", horizons=12, cv=2).fit(F, Y)
    assert against.weights_["weight"][1] == 0
    kept = StackedRisk(
        {"a": Column("a"), "noise": Column("noise")}, meta="cox_nonneg", horizons=12, cv=2, always=("noise",)
    ).fit(F, Y)
    assert kept.weights_["weight"][1] < 0  # what is always in is not bounded
    with pytest.raises(OutcomeError, match="brier_simplex"):
        StackedRisk({"a": Column("a")}, meta="cox_nonneg", horizons=12).fit(F, COMPETING)


def test_frequency_weights_are_copies_in_the_weights_and_the_losses():
    counts = np.random.default_rng(4).integers(1, 4, 300)
    copies = np.repeat(np.arange(300), counts)
    F = pd.DataFrame({"a": -np.expm1(-np.exp(X["c1"] - 2)), "b": -np.expm1(-np.exp(X["p1"] - 2))})
    learners = {"a": Column("a"), "b": Column("b")}
    for meta in ("brier_simplex", "log_score", "cox_nonneg"):
        weighted = StackedRisk(learners, horizons=12, cv=2, meta=meta).fit(
            F, Y, sample_weight=Weights(counts, "frequency"), folds=np.arange(300) % 2
        )
        copied = StackedRisk(learners, horizons=12, cv=2, meta=meta).fit(
            F.iloc[copies].reset_index(drop=True), Y[copies], folds=(np.arange(300) % 2)[copies]
        )
        for column in ("loss", "se", "versus_best", "versus_best_se"):
            np.testing.assert_allclose(
                weighted.cross_validated_loss_[column], copied.cross_validated_loss_[column], rtol=1e-7, atol=1e-12
            )
        np.testing.assert_allclose(weighted.weights_["weight"], copied.weights_["weight"], rtol=1e-7)


def test_copies_are_patients_of_their_own_when_weights_are_drawn_again():
    """Each row three times, or once with the weight 3: the weights of the stack vary as much."""
    learners = {"clinical": CoxPH(), "patient_reported": CoxPH()}
    options = {"modalities": MODALITIES, "horizons": 12, "cv": 3}
    part, outcome, folds = X[:90], Y[:90], np.arange(90) % 3
    place = np.repeat(np.arange(90), 3)
    counted = StackedRisk(learners, **options).fit(
        part, outcome, sample_weight=Weights(np.full(90, 3.0), "frequency"), folds=folds
    )
    copied = StackedRisk(learners, **options).fit(part.iloc[place], outcome[place], folds=folds[place])
    np.testing.assert_allclose(counted.weights_["weight"], copied.weights_["weight"], atol=1e-6)
    width = [(model.weights_["high"] - model.weights_["low"])[0] for model in (counted, copied)]
    np.testing.assert_allclose(width[0], width[1], rtol=0.25)


def test_visits_and_a_state_that_is_not_known():
    """Whoever was not seen at the visit counts for nothing; the others weigh the same."""
    state = np.where(np.arange(300) % 7 == 0, -1, COHORT.y)
    F = pd.DataFrame({"a": -np.expm1(-np.exp(X["c1"] - 1)), "b": -np.expm1(-np.exp(X["p1"] - 1))})
    learners = {"a": Column("a"), "b": Column("b")}
    stack = StackedRisk(learners, cv=3).fit(F, Status.at(12, state))
    assert stack.horizons_.tolist() == [12.0]
    seen = StackedRisk(learners, cv=3).fit(F[state >= 0], Status.at(12, state[state >= 0]))
    np.testing.assert_allclose(stack.weights_["weight"], seen.weights_["weight"], rtol=1e-9)
    np.testing.assert_allclose(stack.cross_validated_loss_["loss"][:4], seen.cross_validated_loss_["loss"][:4])
    # the same states as intervals between visits
    y = Surv.interval(np.where(state == 1, 0, np.where(state == 0, 12, 0)), np.where(state == 1, 12, np.inf))
    visits = StackedRisk(learners, cv=3, horizons=12).fit(F, y)
    np.testing.assert_allclose(visits.weights_["weight"], stack.weights_["weight"], rtol=1e-9)


def test_shrunken_weights_are_those_of_patients_added_at_the_mean():
    """Each row is added with the mean of the learners' risks as its state; all of these together count for 450."""
    rng = np.random.default_rng(4)
    F = pd.DataFrame(rng.uniform(0.0, 1.0, (300, 3)), columns=["a", "b", "c"])
    state = (rng.random(300) < F.to_numpy() @ [0.4, 0.35, 0.25]).astype(float)
    learners = {name: Column(name) for name in F}
    plain = StackedRisk(learners, cv=2).fit(F, Status.at(12, state.astype(int)))
    stack = StackedRisk(learners, cv=2, shrink=450).fit(F, Status.at(12, state.astype(int)))
    np.testing.assert_allclose(
        stack.weights_["weight"], (300 * plain.weights_["weight"] + 450 / 3) / (300 + 450), rtol=1e-12
    )
    R, mean = F.to_numpy(), F.to_numpy().mean(axis=1)
    loss = lambda w: ((state - R @ w) ** 2).sum() + 450 / 300 * ((mean - R @ w) ** 2).sum()  # noqa: E731
    best = stack.weights_["weight"].to_numpy()
    assert (
        plain.weights_["weight"] > 0.05
    ).all()  # no bound: these weights have the least loss of real and added patients
    for move in ([1, -1, 0], [-1, 1, 0], [0, 1, -1], [0, -1, 1]):
        assert loss(best + 1e-4 * np.array(move)) > loss(best)
    far = StackedRisk(learners, cv=2, shrink=1e12).fit(F, Status.at(12, state.astype(int)))
    np.testing.assert_allclose(far.weights_["weight"], 1 / 3, atol=1e-9)
    np.testing.assert_allclose(
        far.cross_validated_loss_["loss"].iloc[-2:], far.cross_validated_loss_["loss"].iloc[3], rtol=1e-8
    )


def test_shrinkage_counts_patients():
    """Copies of one patient, and the scale of sampling weights, say no more about the weights."""
    rng = np.random.default_rng(5)
    F = pd.DataFrame(rng.uniform(0.1, 0.9, (200, 2)), columns=["a", "b"])
    state = Status.at(12, (rng.random(200) < F["a"]).astype(int))
    stack = StackedRisk({"a": Column("a"), "b": Column("b")}, cv=2, shrink=200)
    once = stack.fit(F, state).weights_["weight"].to_numpy()
    who = np.repeat(np.arange(200), 3)
    thrice = clone(stack).fit(F.iloc[who].reset_index(drop=True), state[who], clusters=who).weights_["weight"]
    np.testing.assert_allclose(thrice, once, rtol=1e-9)
    heavy = clone(stack).fit(F, state, sample_weight=Weights(np.full(200, 7.0), "sampling")).weights_["weight"]
    np.testing.assert_allclose(heavy, once, rtol=1e-9)
    copied = clone(stack).fit(F, state, sample_weight=Weights(np.full(200, 3.0), "frequency")).weights_["weight"]
    least = (400 * once - 100) / 200
    np.testing.assert_allclose(copied, (600 * least + 100) / 800, rtol=1e-9)


def test_weights_of_patterns_are_shrunk_to_the_mean_of_their_learners():
    stack = fitted_on(with_holes(), shrink=1e12)
    table = stack.pattern_weights_.set_index("pattern")
    for word in table.index:
        parts = word.split("+")
        np.testing.assert_allclose(table.loc[word, parts].astype(float), 1 / len(parts), atol=1e-8)
    np.testing.assert_allclose(stack.weights_["weight"], 1 / 3, atol=1e-8)


# ---- missing blocks ----------------------------------------------------------------------------------------------


def with_holes(seed: int = 0, share: float = 0.4) -> pd.DataFrame:
    holes = X.copy()
    holes.loc[np.random.default_rng(seed).random(300) < share, MODALITIES["imaging"]] = np.nan
    return holes


def fitted_on(table: pd.DataFrame, **options) -> StackedRisk:
    return StackedRisk(CoxPH(), modalities=MODALITIES, horizons=12, cv=3, **options).fit(table, Y)


def test_rows_without_a_modality_have_weights_of_their_own():
    holes = with_holes()
    lacks = holes["m1"].isna().to_numpy()
    stack = fitted_on(holes)
    table = stack.pattern_weights_.set_index("pattern")
    assert table["n"].sum() == 300
    for word in table.index:
        absent = [name for name in MODALITIES if name not in word]
        assert (table.loc[word, absent] == 0).all()
    np.testing.assert_allclose(table[list(MODALITIES)].sum(axis=1), 1.0, atol=1e-12)
    # a learner is fitted to the rows that have its modality, the others to all
    alone = CoxPH().fit(X.loc[~lacks, MODALITIES["imaging"]], Y[~lacks])
    np.testing.assert_allclose(stack.models_["imaging"].coef_, alone.coef_, rtol=1e-10)
    risk = stack.predict_risk(holes, 12)[:, 0]
    two = CoxPH().fit(X[MODALITIES["clinical"]], Y).predict_risk(X[MODALITIES["clinical"]], 12)[:, 0]
    other = CoxPH().fit(X[MODALITIES["patient_reported"]], Y).predict_risk(X[MODALITIES["patient_reported"]], 12)[:, 0]
    w = table.loc["clinical+patient_reported"]
    np.testing.assert_allclose(risk[lacks], (w["clinical"] * two + w["patient_reported"] * other)[lacks], rtol=1e-10)
    honest = stack.cross_validated_loss_.set_index("learner")
    assert np.isnan(honest.loc["imaging", "loss"])
    assert "lack" in honest.loc["imaging", "reason"]
    assert np.isfinite(honest.loc["stack, weights cross-fitted", "versus_clinical"])


def test_few_rows_of_a_pattern_take_the_weights_of_all():
    """Three rows without images are weighted nearly as all others would be without their images."""
    holes = X.copy()
    holes.loc[[5, 90, 200], MODALITIES["imaging"]] = np.nan
    stack = fitted_on(holes)
    without = {name: columns for name, columns in MODALITIES.items() if name != "imaging"}
    all_rows = StackedRisk(CoxPH(), modalities=without, horizons=12, cv=3).fit(X, Y)
    mine = stack.pattern_weights_.set_index("pattern").loc["clinical+patient_reported", list(without)]
    np.testing.assert_allclose(mine.astype(float), all_rows.weights_["weight"], atol=0.05)


def test_a_pattern_that_was_not_seen_is_weighted_by_those_who_have_more():
    stack = fitted_on(with_holes())
    new = X.copy()
    new[MODALITIES["patient_reported"]] = np.nan
    assert np.isfinite(stack.predict_risk(new, 12)).all()
    new[MODALITIES["clinical"]] = np.nan
    with pytest.raises(ArgumentError, match="clinical"):
        stack.predict_risk(new, 12)
    with pytest.raises(ArgumentError, match="clinical"):
        fitted_on(X.assign(**dict.fromkeys(MODALITIES["clinical"], np.nan)))
    with pytest.raises(ArgumentError, match="meta"):
        fitted_on(with_holes(), meta="log_score")
    with pytest.raises(ArgumentError, match="StackedRisk"):
        AverageRisk(CoxPH(), modalities=MODALITIES).fit(with_holes(), Y)
    complete = fitted_on(X)
    with pytest.raises(ArgumentError, match="complete"):
        complete.predict_risk(with_holes(), 12)


# ---- doubts ------------------------------------------------------------------------------------------------------


def test_objections():
    rng = np.random.default_rng(1)
    noise = pd.DataFrame(rng.uniform(0.3, 0.5, (300, 3)), columns=["a", "b", "c"])
    stack = StackedRisk({name: Column(name) for name in noise}, horizons=12, cv=3).fit(noise, Y)
    codes = {doubt.code for doubt in stack.objections_}
    assert "stack-gain-within-error" in codes
    assert not {doubt.code for doubt in fitted().objections_} & {"stack-weights-unstable"}
    same = pd.DataFrame({"a": noise["a"], "b": noise["a"] + rng.normal(0, 1e-3, 300)})
    twins = StackedRisk({"a": Column("a"), "b": Column("b")}, horizons=12, cv=3, random_state=3).fit(same, Y)
    assert (twins.weights_["share"] < 0.95).all()
    few = fitted(discrete=True)
    assert few.weights_["weight"].tolist() == [1.0, 0.0, 0.0]
    assert few.weights_["share"].sum() == pytest.approx(1.0)


def test_folds_that_are_one_and_rows_without_a_modality_are_refused_by_every_stack():
    with pytest.raises(ArgumentError, match="`folds` must be at least two different labels"):
        StackedRisk({"clinical": CoxPH(), "nobody": NullModel()}, horizons=12).fit(X, Y, folds=np.zeros(300))
    lacking = X[:3].assign(m1=np.nan, m2=np.nan, m3=np.nan)
    for meta in ("brier_simplex", "cox_nonneg"):
        stack = StackedRisk(CoxPH(), modalities=MODALITIES, meta=meta, horizons=12, cv=3).fit(X, Y)
        with pytest.raises(ArgumentError, match="lack modalities"):
            stack.predict_risk(lacking, 12)


def test_what_is_refused():
    for options, word in (
        ({"learners": {}}, "learners"),
        ({"learners": [CoxPH()]}, "learners"),
        ({"learners": {"a__b": CoxPH()}}, "learners"),
        ({"learners": {"a": object()}}, "learners"),
        ({"learners": {"a": CoxPH()}, "always": ("b",)}, "always"),
        ({"learners": {"a": CoxPH()}, "meta": "nnls"}, "meta"),
        ({"learners": {"a": CoxPH()}, "cv": 1}, "cv"),
        ({"learners": {"a": CoxPH()}, "meta": "cox_nonneg", "discrete": True}, "discrete"),
        ({"learners": {"a": CoxPH()}, "shrink": -1}, "shrink"),
        ({"learners": {"a": CoxPH()}, "shrink": 10, "meta": "cox_nonneg"}, "shrink"),
        ({"learners": {"a": CoxPH()}, "shrink": 10, "discrete": True}, "shrink"),
        ({"learners": {"a": CoxPH()}, "modalities": {"imaging": ["d9"]}}, "modalities"),
    ):
        with pytest.raises(ArgumentError, match=word):
            StackedRisk(**options).fit(X, Y)
    late = Surv.right(COHORT.time, COHORT.event, entry=np.full(300, 0.01))
    with pytest.raises(ArgumentError, match="entry"):
        StackedRisk({"a": CoxPH()}, horizons=12).fit(X, late)
    with pytest.raises(EstimationError, match="'a'"):
        StackedRisk({"a": CoxPH()}, horizons=12).fit(X.assign(flat=1.0), Y)
    with pytest.raises(EstimationError, match=r"gives no risk at|followed"):
        StackedRisk({"a": CoxPH()}, horizons=float(COHORT.time.max()), cv=2).fit(X, Y)


@pytest.mark.parametrize("make", [StackedRisk, AverageRisk])
def test_modalities_that_a_table_lacks_are_left_out(make):
    groups = {"clinical": ["c1", "c2"], "imaging": ["m1", "m2"]}
    learners = {"clinical": CoxPH(), "clinical+imaging": CoxPH(penalty=5.0)}
    table = COHORT[["c1", "c2", "m1", "m2"]]
    model = make(learners, modalities=groups, horizons=12.0, cv=2)
    model.fit(table[["c1", "c2"]], Y)
    assert model.left_out_ == ("imaging",)
    assert list(model.models_) == ["clinical"]
    (doubt,) = [one for one in model.objections_ if one.code == "modality-left-out"]
    assert "no 'imaging'" in str(doubt)
    alone = make({"clinical": CoxPH()}, modalities={"clinical": ["c1", "c2"]}, horizons=12.0, cv=2)
    alone.fit(table[["c1", "c2"]], Y)
    np.testing.assert_array_equal(
        model.predict_risk(table[["c1", "c2"]], 12), alone.predict_risk(table[["c1", "c2"]], 12)
    )
    model.fit(table[["c1", "c2", "m2"]], Y)
    assert model.left_out_ == ("m1",)
    assert model.models_["clinical+imaging"].feature_names_in_.tolist() == ["c1", "c2", "m2"]
    model.fit(table, Y)  # and forgotten by the next fit
    assert model.left_out_ == ()
    assert "modality-left-out" not in [one.code for one in model.objections_]
    assert list(model.models_) == list(learners)
    with pytest.raises(ArgumentError, match="with the modalities of a learner"):
        model.fit(table[["m1", "m2"]], Y)


# ---- the mean ----------------------------------------------------------------------------------------------------


def test_the_mean_without_recalibration():
    for scale, inverse in (("risk", lambda f: f.mean(1)), ("logit", lambda f: 1 / (1 + np.exp(-logit(f).mean(1))))):
        model = AverageRisk(CoxPH(), modalities=MODALITIES, scale=scale, recalibrate=False).fit(X, Y)
        parts = model.learner_risks(X, 12).to_numpy()
        np.testing.assert_allclose(model.predict_risk(X, 12)[:, 0], inverse(parts), rtol=1e-10)
    cloglog = AverageRisk(CoxPH(), modalities=MODALITIES, recalibrate=False).fit(X, Y)
    hazards = -np.log1p(-cloglog.learner_risks(X, 12).to_numpy())
    np.testing.assert_allclose(
        cloglog.predict_risk(X, 12)[:, 0], -np.expm1(-np.exp(np.log(hazards).mean(1))), rtol=1e-10
    )


def test_recalibration_is_a_logistic_regression_on_the_cross_fitted_mean():
    """On log odds at one horizon, everybody known: intercept and slope are those of `LogisticRisk`."""
    rng = np.random.default_rng(6)
    F = pd.DataFrame({"a": 1 / (1 + np.exp(-0.4 * X["c1"])), "b": 1 / (1 + np.exp(-0.4 * X["p1"] - 0.1))})
    state = Status.at(12, (rng.uniform(size=300) < 1 / (1 + np.exp(-X["c1"] - X["p1"]))).astype(int))
    model = AverageRisk({"a": Column("a"), "b": Column("b")}, scale="logit", cv=2).fit(F, state)
    mean = logit(F.to_numpy()).mean(1)
    line = LogisticRisk().fit(mean[:, None], state)
    np.testing.assert_allclose(model.recalibration_["slope"], line.coef_[0], rtol=1e-8)
    np.testing.assert_allclose(model.predict_risk(F, 12), line.predict_risk(mean[:, None], 12), rtol=1e-8)
    assert model.recalibration_["slope"] > 1.5  # a mean of two views of the patient is too cautious


def test_an_average_whose_slope_is_zero_says_that_all_have_one_risk():
    """Risks the wrong way round: the likelihood is greatest at a slope of 0."""
    F = pd.DataFrame({"a": 1 / (1 + np.exp(X["c1"])), "b": 1 / (1 + np.exp(0.5 * X["c1"]))})
    state = Status.at(12, (X["c1"] > np.median(X["c1"])).astype(int) ^ (np.arange(300) % 5 == 0))
    model = AverageRisk({"a": Column("a"), "b": Column("b")}, cv=2).fit(F, state)
    assert model.recalibration_["slope"] == 0
    assert np.ptp(model.predict_risk(F, 12)) < 1e-12
    assert [doubt.code for doubt in model.objections_] == ["average-without-ranking"]
    right = AverageRisk({"a": Column("a"), "b": Column("b")}, cv=2).fit(1 - F, state)
    assert right.recalibration_["slope"] > 0
    assert right.objections_ == ()


def test_recalibrated_risks_rise_with_time_and_causes_sum_to_one():
    model = AverageRisk(
        {"clinical": CauseSpecificCox(), "imaging": CauseSpecificCox(), "null": NullModel()},
        modalities=MODALITIES,
        horizons=[6, 12],
        cv=3,
    ).fit(X, COMPETING)
    both = [model.predict_risk(X, [3, 6, 12, 24], cause) for cause in (1, 2)]
    assert (np.diff(both[0], axis=1) >= 0).all()
    assert (sum(both) <= 1 + 1e-12).all()
    np.testing.assert_allclose(model.predict_risk(X, 6), both[0][:, [1]], rtol=1e-12)
    # calibrated on what it was calibrated on: mean cross-fitted risk is the observed one, about
    np.testing.assert_allclose(
        both[0][:, 2].mean(), NullModel().fit(X, COMPETING).predict_risk(X[:1], 12)[0, 0], atol=0.02
    )


def test_learners_of_one_cause_are_averaged_for_that_cause():
    model = AverageRisk({"fine_gray": FineGray(), "cox": CauseSpecificCox()}, horizons=12, cv=2).fit(X, COMPETING)
    assert np.isfinite(model.predict_risk(X, 12)).all()
    with pytest.raises(ArgumentError, match="cause"):
        model.predict_risk(X, 12, 2)


# ---- explanation -------------------------------------------------------------------------------------------------


def test_explanations_add_up():
    for model in (fitted(), AverageRisk(CoxPH(), modalities=MODALITIES, horizons=12, cv=3).fit(X, Y)):
        frame = prediction_shapley(model, X[:3], MODALITIES, X[:40], horizons=12.0).to_frame()
        gained = model.predict_risk(X[:3], 12)[:, 0] - model.predict_risk(X[:40], 12).mean()
        np.testing.assert_allclose(frame.groupby("row")["value"].sum(), gained, atol=1e-12)


@pytest.mark.parametrize("make", [StackedRisk, AverageRisk])
def test_a_misspelt_column_is_not_a_modality_to_leave_out(make) -> None:
    """It was left out without a word, and the column that was meant was used by no learner."""
    table = X.rename(columns={"m1": "disc_height"})
    learners = {"clinical": CoxPH(), "clinical+imaging": CoxPH()}
    for columns in (["disc_hieght"], ["disc_hieght", "m2"]):
        wrong = make(learners, modalities={"clinical": ["c1", "c2"], "imaging": columns}, horizons=12.0, cv=2)
        with pytest.raises(ArgumentError, match="'disc_hieght'. Did you mean 'disc_height'"):
            wrong.fit(table, Y)


class Rare(NullModel):
    """A learner with a cause that it could not learn, and another objection."""

    @property
    def objections_(self):
        return objection("rare-cause", variant="learned", cause=2, events=4), objection("single-imputation")


def test_a_cause_that_a_learner_has_the_same_for_all_is_an_objection_to_the_combination():
    y = Surv.right(COHORT.time[:60], COHORT.event[:60])
    model = AverageRisk({"a": Rare(), "b": NullModel()}, recalibrate=False).fit(X[:60], y)
    (told,) = model.objections_
    assert told.code == "rare-cause"
    assert told.sentence.startswith("Learner 'a': Cause 2 has 4 events")
