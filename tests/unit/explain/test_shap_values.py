"""Attributions against the worked numbers, and the traps of scales, groups and value functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from small_models import Hazard
from syn import bootstrap_rows, syn

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.explain import (
    feature_effect,
    observational_shap,
    prediction_shapley,
    shap_stability,
    shap_values,
    survival_shap,
)

NAMES = ["c1", "c2", "p1", "p2", "m1", "m2", "g1"]
GROUPS = {"clinical": ["c1", "c2"], "patient_reported": ["p1", "p2"], "imaging": ["m1", "m2"], "biomechanical": ["g1"]}


class Given(Hazard):
    """The fitted model of the notes: its coefficients and its baseline at the times asked for."""

    def fit(self, X, y=None):
        table = pd.DataFrame(np.asarray(X, dtype=float), columns=NAMES).assign(time=y["time"], event=y["event"] == 1)
        fitted = CoxPHFitter().fit(table, "time", "event")
        self.coef = fitted.params_.to_numpy()
        centre = float(table[NAMES].mean() @ self.coef)
        steps = fitted.baseline_cumulative_hazard_.iloc[:, 0] * np.exp(-centre)
        self.steps_ = steps
        return self

    def predict_risk(self, X, horizons, cause=1):
        hazard = np.array([self.steps_.loc[:t].iloc[-1] for t in np.atleast_1d(horizons)])
        return -np.expm1(-hazard[None, :] * np.exp(self.linear_predictor(X))[:, None])


@pytest.fixture(scope="module")
def case():
    table = syn()
    y = table[["time", "event"]].to_records(index=False)
    X = table[NAMES]
    return Given().fit(X, y), X, y


def test_the_model_is_the_one_of_the_notes(case) -> None:
    model, _, _ = case
    expected = [0.58026951, 0.28504802, 0.38603844, 0.02674293, 0.06754642, 0.07629404, 0.05720941]
    # lifelines stops at a tolerance of 1e-7, and the notes print eight digits
    np.testing.assert_allclose(model.coef, expected, atol=2e-7)
    assert model.steps_.loc[:12].iloc[-1] == pytest.approx(0.47020974, abs=1e-6)


def test_log_hazard_is_additive_and_exact(case) -> None:
    model, X, _ = case
    result = shap_values(model, X.iloc[[2]], X.iloc[:100])
    expected = [0.303293, -0.291656, 0.096268, -0.024898, -0.076138, -0.034429, -0.037744]
    np.testing.assert_allclose(result.values[0, :, 0], expected, atol=1e-6)
    assert result.method == "additive"
    exact = shap_values(model, X.iloc[[2]], X.iloc[:100], method="exact")
    np.testing.assert_allclose(exact.values, result.values, atol=1e-12)
    closed = model.coef * (X.iloc[2] - X.iloc[:100].mean()).to_numpy()
    np.testing.assert_allclose(result.values[0, :, 0], closed, atol=1e-12)


def test_risk_at_twelve_months(case, golden) -> None:
    model, X, _ = case
    result = shap_values(model, X.iloc[[2]], X.iloc[:100], scale="risk", horizons=12)
    np.testing.assert_allclose(result.values[0, :, 0], golden["shap"]["risk"], atol=1e-6)
    assert result.base[0, 0] == pytest.approx(0.412652, abs=1e-6)
    assert result.prediction[0, 0] == pytest.approx(0.359139, abs=1e-6)
    assert result.base[0, 0] + result.values.sum() == pytest.approx(result.prediction[0, 0], abs=1e-12)


def test_modalities_as_players(case, golden) -> None:
    model, X, _ = case
    result = prediction_shapley(model, X.iloc[[2]], GROUPS, X.iloc[:100], horizons=12)
    np.testing.assert_allclose(result.values[0, :, 0], golden["shap"]["group"], atol=1e-6)
    columns = shap_values(model, X.iloc[[2]], X.iloc[:100], scale="risk", horizons=12).summed(GROUPS)
    np.testing.assert_allclose(columns.values[0, :, 0], [-0.020776, 0.008023, -0.030246, -0.010514], atol=1e-6)
    assert [o.code for o in columns.objections] == ["sum-of-shapley"]


def test_owen_values_add_up_to_the_modalities(case, golden) -> None:
    model, X, _ = case
    keywords = {"scale": "risk", "horizons": 12, "groups": GROUPS}
    owen = shap_values(model, X.iloc[[2]], X.iloc[:100], players="owen", **keywords)
    np.testing.assert_allclose(owen.values[0, :, 0], golden["shap"]["owen"], atol=1e-6)
    whole = shap_values(model, X.iloc[[2]], X.iloc[:100], players="groups", **keywords)
    summed = owen.summed(GROUPS)
    np.testing.assert_allclose(summed.values, whole.values, atol=1e-14)
    assert summed.objections == owen.objections


def test_trap_observational_values_credit_an_unused_column(case) -> None:
    model, X, _ = case
    result = observational_shap(model, X.iloc[[2]], X)
    expected = [0.310686, -0.243864, 0.225787, -0.123940, -0.106125, -0.039939, -0.130167]
    np.testing.assert_allclose(result.values[0, :, 0], expected, atol=1e-6)
    interventional = shap_values(model, X.iloc[[2]], X).values[0, :, 0]
    np.testing.assert_allclose(
        interventional, [0.248142, -0.267312, 0.088854, -0.022548, -0.078289, -0.043351, -0.033057], atol=1e-6
    )
    unused = Hazard(coef=np.where(np.array(NAMES) == "p2", 0, model.coef))
    assert observational_shap(unused, X.iloc[[2]], X).values[0, 3, 0] == pytest.approx(-0.100092, abs=1e-6)
    assert shap_values(unused, X.iloc[[2]], X).values[0, 3, 0] == pytest.approx(0, abs=1e-15)
    assert [o.code for o in result.objections] == ["observational-credit"]


def test_the_background_is_part_of_the_explanation(case) -> None:
    model, X, _ = case
    expected = {20: (-0.03381, 0.01214, -0.02998, -0.00959), 600: (-0.03254, 0.00645, -0.03459, -0.00995)}
    hashes = set()
    for size, values in expected.items():
        result = prediction_shapley(model, X.iloc[[2]], GROUPS, X.iloc[:size], horizons=12)
        np.testing.assert_allclose(result.values[0, :, 0], values, atol=1e-5)
        hashes.add(result.background_hash)
        assert bool(result.objections) == (size == 20)
    assert len(hashes) == 2


def test_trap_the_sign_changes_over_time_under_proportional_hazards(case) -> None:
    model, X, _ = case
    result = survival_shap(model, X.iloc[[2]], X.iloc[:100], [3, 6, 12, 18], groups=GROUPS)
    np.testing.assert_allclose(result.values[0, 0], [-0.026818, -0.035559, -0.021438, 0.005229], atol=1e-6)


def test_stability_over_the_bootstraps_of_the_notes(case) -> None:
    _, X, y = case
    samples = bootstrap_rows(4242, 600, 100)
    result = shap_stability(Given(), X, y, X.iloc[[2]], X.iloc[:100], samples=samples)
    np.testing.assert_allclose(result.sd[0, :, 0], [0.032, 0.060, 0.020, 0.069, 0.082, 0.034, 0.038], atol=6e-4)
    np.testing.assert_allclose(result.sign_agreement[0, :, 0], [1, 1, 1, 0.67, 0.77, 0.89, 0.88], atol=1e-9)
    assert result.stable()[0, :, 0].tolist() == [True, True, True, False, False, False, False]
    assert 0 < result.kendall_w[0, 0] < 1


def test_accumulated_effects_and_partial_dependence(case) -> None:
    model, X, _ = case
    ale = feature_effect(model, X, "g1", horizons=12)
    assert ale.effect[[0, -1], 0] == pytest.approx([-0.03486, 0.04928], abs=1e-5)
    partial = feature_effect(model, X, "g1", kind="partial", horizons=12)
    assert partial.effect[[0, -1], 0] == pytest.approx([-0.03982, 0.04812], abs=1e-5)


def test_agreement_with_the_shap_package(case) -> None:
    shap = pytest.importorskip("shap")
    model, X, _ = case
    background = X.iloc[:40].to_numpy()
    explainer = shap.Explainer(
        lambda Z: model.predict_risk(Z, 12)[:, 0],
        shap.maskers.Independent(background, max_samples=100),
        algorithm="exact",
    )
    theirs = explainer(X.iloc[2:5].to_numpy()).values
    ours = shap_values(model, X.iloc[2:5], X.iloc[:40], scale="risk", horizons=12).values[:, :, 0]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_sampled_orders_agree_within_their_error(case) -> None:
    model, X, _ = case
    exact = shap_values(model, X.iloc[2:4], X.iloc[:30], scale="risk", horizons=[6, 12])
    sampled = shap_values(
        model, X.iloc[2:4], X.iloc[:30], scale="risk", horizons=[6, 12], method="permutation", n_permutations=60
    )
    assert (np.abs(sampled.values - exact.values) < 4.5 * sampled.se + 1e-12).all()
    total = sampled.values.sum(axis=1) + sampled.base
    np.testing.assert_allclose(total, sampled.prediction, atol=1e-12)
    again = shap_values(
        model, X.iloc[2:4], X.iloc[:30], scale="risk", horizons=[6, 12], method="permutation", n_permutations=60
    )
    np.testing.assert_array_equal(sampled.values, again.values)


def test_clinical_first_takes_what_is_shared(case) -> None:
    model, X, _ = case
    first = prediction_shapley(model, X.iloc[[2]], GROUPS, X.iloc[:50], horizons=12, first=["clinical"])
    plain = prediction_shapley(model, X.iloc[[2]], GROUPS, X.iloc[:50], horizons=12)
    assert first.values[0, 0, 0] == pytest.approx(plain.first_in[0, 0, 0], abs=1e-14)
    assert first.values.sum() == pytest.approx(plain.values.sum(), abs=1e-14)


class Tolerant:
    """Takes missing values, as boosted trees do: their absence itself changes the risk."""

    def __init__(self, model):
        self.model = model

    def predict_risk(self, X, horizons, cause=1):
        risk = self.model.predict_risk(X.fillna(0), horizons)
        return risk + 0.1 * X.isna().any(axis=1).to_numpy()[:, None] * (1 - risk)


def test_the_share_of_a_missing_modality_is_what_its_absence_does(case) -> None:
    model, X, _ = case
    row = X.iloc[[2]].copy()
    row[["m1", "m2"]] = np.nan
    tolerant = Tolerant(model)
    result = prediction_shapley(tolerant, row, GROUPS, X.iloc[:60], horizons=12)
    np.testing.assert_allclose(result.prediction, tolerant.predict_risk(row, 12), atol=1e-14)
    np.testing.assert_allclose(result.values.sum(axis=1), result.prediction - result.base, atol=1e-14)
    assert result.values[0, 2, 0] > 0.03
    assert result.missing.tolist() == [[0, 0, 1, 0]]
    row["m2"] = 0.5
    partly = prediction_shapley(tolerant, row, GROUPS, X.iloc[:60], horizons=12)
    assert partly.missing[0, 2] == 0.5
    assert partly.to_frame()["missing"].tolist() == [0, 0, 0.5, 0]


@pytest.mark.parametrize("with_sum", [True, False])
def test_a_modality_that_a_row_lacks_is_a_player_as_a_whole(case, with_sum) -> None:
    """Stacks, patterns and blocks by priority take a modality or none of it: single columns are refused, with why."""

    class Whole(Tolerant):
        def _checked(self, X):
            if X[["m1", "m2"]].isna().sum(axis=1).eq(1).any():
                raise DataError("complete or wholly missing")
            return X

        def predict_risk(self, X, horizons, cause=1):
            return super().predict_risk(self._checked(X), horizons, cause)

    if with_sum:
        Whole.linear_predictor = lambda self, X: self._checked(X).fillna(0.0).sum(axis=1).to_numpy()
    model, X, _ = case
    row = X.iloc[[2]].assign(m1=np.nan, m2=np.nan)
    whole = prediction_shapley(Whole(model), row, GROUPS, X.iloc[:60], horizons=12)
    np.testing.assert_allclose(whole.values.sum(axis=1), whole.prediction - whole.base, atol=1e-14)
    with pytest.raises(ArgumentError, match='players="groups"'):
        shap_values(Whole(model), row, X.iloc[:60], scale="risk", horizons=12)
    with pytest.raises(DataError, match="wholly"):  # the model refuses the row itself
        shap_values(Whole(model), row.assign(m1=0.0), X.iloc[:60], scale="risk", horizons=12)


def test_owen_and_winter_values_of_the_worked_example(case) -> None:
    model, X, _ = case
    asked = {"scale": "risk", "horizons": 12, "players": "owen"}
    owen = shap_values(model, X.iloc[[2]], X.iloc[:100], groups=GROUPS, **asked)
    expected = [0.05924995726, -0.08068805518, 0.01534803674, -0.00696435558, -0.02073590373, -0.00934037244]
    # lifelines stops at a tolerance of 1e-7, as above
    np.testing.assert_allclose(owen.values[0, :, 0], [*expected, -0.01038224065], atol=1e-6)
    tree = {"clinical": ["c1", "c2"], "reported": ["p1", "p2"], "imaging": {"a": ["m1"], "b": ["m2", "g1"]}}
    winter = shap_values(model, X.iloc[[2]], X.iloc[:100], tree=tree, **asked)
    expected = [0.05930465134, -0.08065507503, 0.01537861512, -0.00696235951, -0.02077338563, -0.00935996068]
    np.testing.assert_allclose(winter.values[0, :, 0], [*expected, -0.01044541921], atol=1e-6)
    np.testing.assert_allclose(
        winter.values[0, :, 0] @ np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1]]).T,
        [-0.02135042369, 0.00841625563, -0.04057876552],
        atol=1e-6,
    )


def test_many_columns_are_sampled_and_few_are_enumerated() -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(60, 14)), columns=[f"f{k}" for k in range(14)])
    model = Hazard(coef=rng.normal(size=14) / 5)
    assert shap_values(model, X.iloc[:1], X, n_permutations=4).method == "additive"
    result = shap_values(model, X.iloc[:1], X, scale="risk", horizons=12)
    assert result.method == "series"

    class Unsaid:
        """The same risks, of which it is not known that they are a link of a sum."""

        predict_risk = staticmethod(model.predict_risk)

    sampled = shap_values(Unsaid(), X.iloc[:1], X, scale="risk", horizons=12, n_permutations=4)
    assert sampled.method == "permutation"
    assert (np.abs(sampled.values - result.values) < 6 * sampled.se + result.error_bound).all()
    with pytest.raises(ArgumentError, match="series"):
        shap_values(Unsaid(), X.iloc[:1], X, scale="risk", horizons=12, method="series")
    with pytest.raises(ArgumentError, match="permutation"):
        shap_values(model, X.iloc[:1], X, scale="risk", horizons=12, method="exact")


def test_categories_pass_through() -> None:
    class Work:
        def predict_risk(self, X, horizons, cause=1):
            return np.where(X["work"] == "heavy", 0.7, 0.2)[:, None] + 0.01 * X["age"].to_numpy()[:, None]

    X = pd.DataFrame({"work": pd.Categorical(["heavy", "desk"] * 30), "age": np.arange(60.0) % 5})
    result = shap_values(Work(), X.iloc[[0]], X, scale="risk", horizons=3)
    assert result.values[0, :, 0] == pytest.approx([0.25, -0.02], abs=1e-12)


def test_frames_and_pictures(case) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    model, X, y = case
    one = prediction_shapley(model, X.iloc[2:4], GROUPS, X.iloc[:50], horizons=12)
    frame = one.to_frame()
    names = "row player horizon value se first_in last_in base prediction scale value_function method n_background"
    assert list(frame.columns) == [*names.split(), "background_hash", "missing"]
    assert len(frame) == 8
    sums = frame.groupby("row")["value"].sum() + frame.groupby("row")["base"].first()
    np.testing.assert_allclose(sums, frame.groupby("row")["prediction"].first(), atol=1e-12)
    assert len(one.plot(row=1).patches) == 4
    curve = survival_shap(model, X.iloc[[2]], X.iloc[:20], [3, 6, 12], groups=GROUPS)
    assert len(curve.plot().lines) == 5
    assert feature_effect(model, X, "g1", horizons=[3, 12]).plot().get_xlabel() == "g1"
    stable = shap_stability(Given(), X, y, X.iloc[[2]], X.iloc[:20], n_bootstrap=4)
    assert len(stable.plot().patches) == 7
    with pytest.raises(ArgumentError, match="most"):
        one.averages().plot(horizon=None, most=0)
    for row in (1, -1, "first"):
        with pytest.raises(ArgumentError, match="row"):
            stable.plot(row=row)
        with pytest.raises(ArgumentError, match="row"):
            stable.reference.plot(row=row)
    assert set(stable.to_frame()) >= {"sd", "sign_agreement", "stable", "kendall_w"}
    assert one.importance()["player"].iloc[0] == one.players[int(np.abs(one.values).mean(axis=0)[:, 0].argmax())]
    plt.close("all")


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"scale": "risk"}, "horizons"),
        ({"horizons": 12}, "horizons"),
        ({"scale": "odds"}, "scale"),
        ({"players": "owen"}, "groups"),
        ({"groups": {"a": ["c1"]}, "players": "groups"}, "groups"),
        ({"scale": "risk", "horizons": 12, "method": "additive"}, "additive"),
        ({"first": ["nobody"]}, "first"),
        ({"groups": GROUPS, "players": "owen", "first": ["c1"]}, "first"),
        ({"groups": GROUPS, "players": "owen", "method": "permutation"}, "method"),
        ({"groups": GROUPS, "players": "owen", "method": "series"}, "method"),
    ],
)
def test_what_has_no_answer_is_refused(case, keywords: dict, match: str) -> None:
    model, X, _ = case
    with pytest.raises(ArgumentError, match=match):
        shap_values(model, X.iloc[[2]], X.iloc[:20], **keywords)


def test_incomplete_backgrounds_and_bent_scores_are_refused(case) -> None:
    model, X, _ = case
    holes = X.iloc[:20].copy()
    holes.iloc[0, 0] = np.nan
    with pytest.raises(ArgumentError, match="background"):
        shap_values(model, X.iloc[[2]], holes)

    class Bent(Hazard):
        def linear_predictor(self, X):
            return super().linear_predictor(X) ** 2

    bent = Bent(coef=model.coef)
    assert shap_values(bent, X.iloc[[2]], X.iloc[:20]).method == "exact"
    with pytest.raises(ArgumentError, match="method"):
        shap_values(bent, X.iloc[[2]], X.iloc[:20], method="additive")
    with pytest.raises(ArgumentError, match="linear"):
        observational_shap(bent, X.iloc[[2]], X)
    with pytest.raises(ArgumentError, match="linear"):
        observational_shap(object(), X.iloc[[2]], X)


def test_our_own_cox_gives_the_same_log_hazard_values() -> None:
    from lbp_prognosis.models import CoxPH
    from lbp_prognosis.survival import Surv

    table = syn()
    model = CoxPH().fit(table[NAMES], Surv.right(table["time"], table["event"]))
    values = shap_values(model, table[NAMES].iloc[[2]], table[NAMES].iloc[:100]).values[0, :, 0]
    expected = [0.303293, -0.291656, 0.096268, -0.024898, -0.076138, -0.034429, -0.037744]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_strata_are_no_players() -> None:
    from lbp_prognosis.fusion import RiskPipeline, Standardise
    from lbp_prognosis.models import CoxPH
    from lbp_prognosis.survival import Surv

    table = syn()
    X = table[NAMES].assign(site=table["site"].astype(str), patient=table["id"])
    y = Surv.right(table["time"], table["event"])
    pipeline = RiskPipeline([Standardise()], CoxPH(strata="site"), modalities=GROUPS).fit(X, y)
    result = prediction_shapley(pipeline, X.iloc[2:4], GROUPS, X.iloc[:60], horizons=[6, 12])
    assert result.players == tuple(GROUPS)
    np.testing.assert_allclose(result.prediction, pipeline.predict_risk(X.iloc[2:4], [6, 12]), atol=1e-12)
    scores = shap_values(pipeline, X.iloc[2:4], X.iloc[:60])
    assert scores.players == tuple(NAMES)
    assert scores.method == "additive"


def test_the_site_a_step_reads_is_no_player() -> None:
    class Site:
        context_columns = ("site",)

    class Pipeline(Hazard):
        steps = (("site", Site()),)

        def linear_predictor(self, X):
            return super().linear_predictor(X[NAMES]) + 0.5 * (X["site"] == "b").to_numpy()

    table = syn(80)
    X = table[NAMES].assign(site=np.where(table["site"] > 3, "a", "b"))
    result = shap_values(Pipeline(coef=np.arange(7) / 10), X.iloc[:4], X)
    assert result.players == tuple(NAMES)
    np.testing.assert_allclose(result.values.sum(axis=1) + result.base, result.prediction, atol=1e-12)
