"""What a modality adds: the worked table, the guards, and what is not support."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import RestrictedCubicSpline, RiskPipeline, from_formula
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import AddedValue, OnColumns, added_value, cross_validate_risk, likelihood_ratio
from lbp_prognosis.validation.comparison._added_value import _of_formula

MODALITIES = {
    "clinical": ["c1", "c2", "c3"],
    "patient_reported": ["p1", "p2"],
    "imaging": ["m1", "m2", "m3"],
    "gait": ["g1", "g2"],
}
LETTERS = {"clinical": "C", "patient_reported": "P", "imaging": "M", "gait": "G"}


@pytest.fixture(scope="module")
def cohort():
    return syn()


@pytest.fixture(scope="module")
def state(cohort):
    return added_value(
        LogisticRisk(), cohort, Status.at(12, cohort["y"]), MODALITIES, 12, [0.2, 0.3, 0.4], folds=cohort["id"] % 5
    )


@pytest.fixture(scope="module")
def time(cohort):
    return added_value(
        CoxPH(),
        cohort,
        Surv.right(cohort["time"], cohort["event"]),
        MODALITIES,
        12,
        [0.3],
        folds=cohort["id"] % 5,
        sites=cohort["site"],
    )


def shares(result, metric, share):
    rows = result.shares[(result.shares["metric"] == metric) & (result.shares["share"] == share)]
    return rows.set_index("modality")["value"].reindex(list(MODALITIES)).to_numpy()


def test_likelihood_ratio_worked(cohort, golden):
    y = Surv.right(cohort["time"], cohort["event"])
    small = MODALITIES["clinical"] + MODALITIES["patient_reported"]
    large = small + MODALITIES["imaging"]
    test = likelihood_ratio(CoxPH().fit(cohort[small], y), CoxPH().fit(cohort[large], y), cohort[small], cohort[large])
    want = golden["added_value"]
    assert (test.lr_without, test.lr_with) == pytest.approx((want["LR_A"], want["LR_B"]), abs=5e-6)
    assert test.statistic == pytest.approx(4.9586608, abs=5e-7)
    assert test.df == 3
    assert test.p == pytest.approx(want["p"], abs=5e-9)
    assert test.fraction_new == pytest.approx(want["fraction_new"], abs=5e-10)
    assert test.fraction_new_adjusted == pytest.approx(0.0095091241, abs=5e-10)
    assert test.fraction_new_variance == pytest.approx(0.023751156, abs=5e-9)


def test_cross_fitted_differences_worked(cohort, golden):
    y = Status.at(12, cohort["y"])
    small = MODALITIES["clinical"] + MODALITIES["patient_reported"]
    models = {"A": OnColumns(LogisticRisk(), small), "B": OnColumns(LogisticRisk(), small + MODALITIES["imaging"])}
    frame = cross_validate_risk(models, cohort, y, 12, folds=cohort["id"] % 5).evaluate([0.3]).to_frame()
    want = golden["added_value"]["crossfit"]
    own = frame[frame["reference"].isna() | (frame["reference"] == "")].set_index(["metric", "model"])["value"]
    assert (own["auc", "A"], own["auc", "B"]) == pytest.approx(want["auc"], abs=5e-9)
    assert (own["ipa", "A"], own["ipa", "B"]) == pytest.approx(want["ipa"], abs=5e-8)
    pairs = frame[frame["reference"] == "A"].set_index("metric")
    assert pairs.loc["brier", "value"] == pytest.approx(want["dBrier"], abs=2e-10)
    # the worked errors divide by n − 1
    assert pairs.loc["brier", "se"] * np.sqrt(600 / 599) == pytest.approx(want["dBrier_se"], abs=5e-9)
    assert pairs.loc["log_score", "value"] == pytest.approx(-want["dlog"], abs=5e-9)  # a loss: lower is better
    assert pairs.loc["net_benefit", "value"] == pytest.approx(want["dNB_.3"], abs=2e-10)
    assert pairs.loc["net_benefit", "se"] * np.sqrt(600 / 599) == pytest.approx(want["dNB_se"], abs=5e-9)


def test_shapley_of_the_brier_skill_worked(state, golden):
    want = golden["modality_shapley"]
    assert shares(state, "ipa", "shapley") == pytest.approx(want["phi_IPA"], abs=5e-9)
    assert shares(state, "ipa", "last_in") == pytest.approx([0.1015952, 0.0410727, 0.0071780, -0.0076955], abs=5e-8)
    assert shares(state, "ipa", "first_in") == pytest.approx([0.2003265, 0.1288929, 0.0136598, 0.0343720], abs=5e-8)


def test_shapley_of_concordance_worked(time, golden):
    want = golden["modality_shapley"]
    assert shares(time, "concordance", "shapley") == pytest.approx(want["phi_C"], abs=5e-9)
    payoffs = want["payoffs_LR_C_IPA"]
    assert shares(time, "concordance", "last_in")[3] == pytest.approx(
        payoffs["C+P+M+G"][1] - payoffs["C+P+M"][1], abs=1e-6
    )


def test_credit_without_added_value(time):
    """Gait is given a Shapley share although the clinical block already knows what it says."""
    rows = time.shares[(time.shares["metric"] == "concordance") & (time.shares["modality"] == "gait")]
    value = rows.set_index("share")["value"]
    assert value["shapley"] > 0.02
    assert value["last_in"] < 0


def test_shares_add_up(state):
    for metric in ("auc", "ipa", "net_benefit"):
        total = shares(state, metric, "shapley").sum()
        after = shares(state, metric, "shapley_after_first").sum()
        assert total == pytest.approx(after, abs=1e-12)


def test_share_errors_equal_a_paired_difference(state):
    """Last-in imaging is the paired difference of the evaluation, error included."""
    assert np.array_equal(state.risks["with"], state.risks["clinical+patient_reported+imaging+gait"])
    for metric in ("auc", "net_benefit"):
        rows = state.shares.query(f"metric == '{metric}' and modality == 'imaging' and share == 'last_in'").iloc[0]
        pair = state.difference(metric, 12, 0.3 if metric == "net_benefit" else None)
        assert rows["value"] == pytest.approx(pair["value"], abs=1e-12)
        assert rows["se"] == pytest.approx(pair["se"], rel=1e-9)


def test_a_weak_comparator_supports_nothing(state):
    assert state.missing
    assert not state.supported
    assert state.objections[-1].code == "weak-comparator"
    assert "expectation" in state.sentence


@pytest.mark.parametrize(("horizons", "gains"), [([12.0], True), ([3.0, 6.0, 12.0], False)])
def test_asking_at_more_horizons_makes_no_gain_easier(state, monkeypatch, horizons, gains):
    """A lower limit just above zero is a gain at the one horizon asked, and none among three."""
    se = 0.01

    def difference(self, metric, horizon=None, threshold=None):
        value = 2.0 * se if (metric, horizon) == ("ipa", 12.0) else 0.0
        return pd.Series(
            {
                "metric": metric,
                "value": value,
                "se": se,
                "low": value - 1.96 * se,
                "high": value + 1.96 * se,
                "confidence": 0.95,
            }
        )

    monkeypatch.setattr(AddedValue, "difference", difference)
    found = replace(state, horizons=np.array(horizons), missing=())
    assert found.gains is gains
    assert ("adds to" if gains else "is not shown to add to") in found.sentence


def test_the_sentence_names_what_decided(state):
    words = replace(state, missing=()).sentence
    benefit = state.difference("net_benefit", 12, state.threshold)
    assert f"net benefit {benefit['value']:+.4f}" in words
    assert f"threshold of {state.threshold:g}" in words


def test_by_site_and_pooled(time):
    assert set(time.by_site["group"]) == {"1", "2", "3", "4", "5", "6"}
    assert abs(time.pooled("auc", 12).value) < 0.05


def test_baselines_are_compared_on_the_same_folds(cohort):
    result = added_value(
        LogisticRisk(),
        cohort,
        Status.at(12, cohort["y"]),
        MODALITIES,
        12,
        modality="imaging",
        clinical_minimum={"age": "c1", "pain": "c2"},
        n_splits=4,
        n_repeats=1,
        random_state=0,
    )
    assert {"age only", "clinical minimum", "with", "without"} <= set(result.evaluation.to_frame()["model"])
    assert set(result.missing) == {
        "disability",
        "duration",
        "leg_pain",
        "expectation",
        "distress",
        "previous_episodes",
        "sex",
    }


def test_a_real_addition_is_supported_and_a_simulated_one_never(cohort):
    rng = np.random.default_rng(0)
    X = cohort.copy()
    X["image"] = 1.5 * cohort["y"] + rng.standard_normal(len(X))
    names = ["age", "pain", "disability", "duration", "leg_pain", "expectation", "distress", "previous_episodes", "sex"]
    for k, name in enumerate(names):
        X[name] = cohort["c1"] + 0.1 * k * rng.standard_normal(len(X)) + rng.standard_normal(len(X))
    arguments = {
        "modalities": {"clinical": names, "imaging": ["image"]},
        "horizons": 12,
        "thresholds": [0.3],
        "clinical_minimum": {name: name for name in names},
        "n_splits": 4,
        "n_repeats": 1,
        "random_state": 1,
    }
    y = Status.at(12, cohort["y"])
    assert added_value(LogisticRisk(), X, y, **arguments).supported
    X.attrs["synthetic"] = True
    simulated = added_value(LogisticRisk(), X, y, **arguments)
    assert simulated.gains
    assert not simulated.supported


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modality": "genetics"}, "one of the modalities"),
        ({"modalities": {"clinical": ["c1"], "imaging": ["nothing"]}}, "unknown columns"),
        ({"modalities": {str(k): [f"c{k}"] for k in range(1, 8)}, "modality": "1"}, "at most six"),
    ],
)
def test_refusals(cohort, change, words):
    arguments = {"modalities": MODALITIES, "modality": "imaging", **change}
    with pytest.raises(ArgumentError, match=words):
        added_value(LogisticRisk(), cohort, Status.at(12, cohort["y"]), horizons=12, **arguments)


def test_a_formula_is_fitted_without_the_terms_of_an_absent_modality_and_says_so():
    """The comparator is the formula without the terms that name an added column, interactions included."""
    rng = np.random.default_rng(0)
    d = pd.DataFrame({"age": rng.normal(50, 9, 200), "sex": rng.choice(["m", "f"], 200), "fat": rng.normal(size=200)})
    t = rng.exponential(10 * np.exp(-0.03 * (d["age"] - 50) - 0.5 * d["fat"]))
    d["months"], d["status"] = np.minimum(t, 20), (t < 20).astype(int)
    model, X, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(age, 3) + C(sex) * fat + `age`:fat", d)
    folds = np.arange(200) % 3
    found = added_value(model, X, y, {"clinical": ["age", "sex"], "imaging": ["fat"]}, 6, folds=folds)
    short, small, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(age, 3) + C(sex)", d)
    alone = cross_validate_risk({"m": short}, small, y, 6.0, folds=folds)
    np.testing.assert_allclose(found.risks["without"], alone.risks["m"], rtol=1e-12)
    (told,) = [doubt.sentence for doubt in found.objections if doubt.code == "formula-terms-left-out"]
    assert "without fat has the formula rcs(age,3) + C(sex)" in told
    bare = RiskPipeline([step for _, step in model.steps], model.model)  # steps without names, as a study has them
    assert [doubt.sentence for doubt in _of_formula(bare, ("fat",))] == [told]
    bent = RiskPipeline([RestrictedCubicSpline(["fat"], n_knots=3), *bare.steps], model.model)
    assert [doubt.sentence for doubt in _of_formula(bent, ("fat",))] == [told]
    assert not _of_formula(RiskPipeline([RestrictedCubicSpline(["fat"], n_knots=3)], CoxPH()), ("fat",))
    assert not _of_formula(CoxPH(), ("fat",))
    alone = model.without_columns(["age", "sex", "fat"])
    assert alone.steps[0][1].formula == "1"
    assert np.ptp(alone.fit(X[["age"]], y).predict_risk(X[["age"]], 6.0)) == 0
