"""Block-missing modalities: each pattern its model, small patterns the fallback, no clinical data no prediction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from small_models import Logit
from syn import syn

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import MultipleImputation, PatternSubmodels, RiskPipeline
from lbp_prognosis.models import OrdinalRegression
from lbp_prognosis.survival import Measured, ScoreForecast, Status
from lbp_prognosis.validation import added_value

GROUPS = {"clinical": ["c1", "c2"], "imaging": ["m1", "m2"], "biomechanical": ["g1"]}


@pytest.fixture(scope="module")
def data():
    table = syn()
    X = table[["c1", "c2", "m1", "m2", "g1"]].copy()
    X.loc[:249, ["m1", "m2"]] = np.nan
    X.loc[240:259, "g1"] = np.nan
    return X, Status.at(12, table["y"])


def test_each_pattern_has_the_model_of_its_rows(data) -> None:
    X, y = data
    model = PatternSubmodels(Logit(), GROUPS, fallback=RiskPipeline([MultipleImputation(2, iterations=2)], Logit()))
    model.fit(X, y)
    table = model.patterns_.set_index("pattern")
    assert table["n"].to_dict() == {
        "clinical": 10,
        "clinical+imaging": 10,
        "clinical+biomechanical": 240,
        "clinical+imaging+biomechanical": 340,
    }
    assert table.loc["clinical", "model"] == "fallback"
    assert table.loc["clinical+biomechanical", "model"] == "own"
    without = np.arange(600) < 240
    alone = Logit().fit(X.loc[without, ["c1", "c2", "g1"]], y[without])
    risk = model.predict_risk(X, 12)
    np.testing.assert_allclose(risk[without], alone.predict_risk(X.loc[without, ["c1", "c2", "g1"]], 12), atol=1e-12)
    assert np.isfinite(risk).all()
    assert model.pattern_of(X)[[0, 245, 255, 599]].tolist() == [
        "clinical+biomechanical",
        "clinical",
        "clinical+imaging",
        "clinical+imaging+biomechanical",
    ]


def test_available_rows_serve_smaller_patterns_too(data) -> None:
    X, y = data
    model = PatternSubmodels(Logit(), GROUPS, rows="available").fit(X, y)
    assert set(model.models_) == {
        ("clinical",),
        ("clinical", "imaging"),
        ("clinical", "biomechanical"),
        ("clinical", "imaging", "biomechanical"),
    }
    everybody = Logit().fit(X[["c1", "c2"]], y)
    np.testing.assert_allclose(model.models_[("clinical",)].coef_, everybody.coef_, atol=1e-12)


def test_a_pattern_without_a_model_is_refused_by_name(data) -> None:
    X, y = data
    model = PatternSubmodels(Logit(), GROUPS).fit(X, y)
    with pytest.raises(ArgumentError, match=r"clinical \(?|clinical"):
        model.predict_risk(X.iloc[[245]], 12)
    assert np.isfinite(model.predict_risk(X.iloc[[0, 599]], 12)).all()


def test_declared_patterns_only(data) -> None:
    X, y = data
    model = PatternSubmodels(
        Logit(),
        GROUPS,
        patterns=[["clinical", "imaging", "biomechanical"]],
        fallback=RiskPipeline([MultipleImputation(1, iterations=1)], Logit()),
    ).fit(X, y)
    assert set(model.models_) == {("clinical", "imaging", "biomechanical")}


def test_without_the_mandatory_modality_nothing_is_predicted(data) -> None:
    X, y = data
    model = PatternSubmodels(Logit(), GROUPS).fit(X, y)
    bare = X.iloc[[599]].assign(c1=np.nan, c2=np.nan)
    with pytest.raises(DataError, match="mandatory") as error:
        model.predict_risk(bare, 12)
    assert error.value.failures["row"].tolist() == [0]
    with pytest.raises(DataError, match="mandatory"):
        clone(model).fit(pd.concat([X, bare]), np.concatenate([y, y[:1]]))


@pytest.mark.parametrize(
    "change",
    [
        {"modalities": {"clinical": ["z"]}},
        {"mandatory": ["genetic"]},
        {"rows": "all"},
        {"min_patients": 10_000},
        {"patterns": [["clinical", "genetic"]]},
        {"min_patients": 0},
    ],
)
def test_nonsense_is_refused(data, change: dict) -> None:
    X, y = data
    with pytest.raises(ArgumentError):
        PatternSubmodels(**{"estimator": Logit(), "modalities": GROUPS, **change}).fit(X, y)


def test_modalities_that_a_table_lacks_are_left_out(data) -> None:
    """Validation refits a model without a modality, or to a few columns of one."""
    X, y = data
    small = {"min_patients": 5, "min_events": 1}
    mine = PatternSubmodels(Logit(), GROUPS, **small).fit(X[["c1", "c2", "g1"]], y)
    assert mine.left_out_ == ("imaging",)
    two = {name: GROUPS[name] for name in ("clinical", "biomechanical")}
    other = PatternSubmodels(Logit(), two, **small).fit(X[["c1", "c2", "g1"]], y)
    np.testing.assert_array_equal(
        mine.predict_risk(X[["c1", "c2", "g1"]], 12), other.predict_risk(X[["c1", "c2", "g1"]], 12)
    )
    few = PatternSubmodels(Logit(), GROUPS, **small).fit(X.drop(columns="m2"), y)
    assert (few.left_out_, list(few.groups_)) == (("m2",), list(GROUPS))
    whole = PatternSubmodels(Logit(), GROUPS, **small).fit(X, y)
    assert (whole.left_out_, whole.objections_) == ((), ())
    assert [(o.code, "'m2'" in o.sentence) for o in few.objections_] == [("modality-left-out", True)]
    bare = PatternSubmodels(Logit(), GROUPS, **small).fit(X[["g1"]].dropna(), y[X["g1"].notna()])
    (doubt,) = bare.objections_
    assert (doubt.code, bare.left_out_) == ("modality-left-out", ("clinical", "imaging"))
    assert "no column of 'clinical', which a prediction requires" in doubt.sentence
    with pytest.raises(ArgumentError, match="imaging_1"):
        PatternSubmodels(Logit(), {**two, "imaging": ["imaging_1"]}).fit(X.rename(columns={"m1": "imaging1"}), y)


def test_added_value_of_a_modality_that_some_lack(data) -> None:
    X, y = data
    two = {name: GROUPS[name] for name in ("clinical", "imaging")}
    filled = RiskPipeline([MultipleImputation(1, iterations=1)], Logit())
    model = PatternSubmodels(Logit(), two, fallback=filled)
    found = added_value(model, X.drop(columns="g1"), y, two, 12, [0.5], n_splits=3, n_repeats=1)
    assert {"clinical", "imaging", "with", "without"} <= set(found.risks)
    assert all(np.isfinite(risk).all() for risk in found.risks.values())


class Shares(BaseEstimator):
    """A model that predicts the shares of the observed scores of its training rows."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Shares:
        seen = y["value"][~np.isnan(y["value"])]
        self.levels_, counts = np.unique(seen, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_forecast(self, X: pd.DataFrame) -> ScoreForecast:
        return ScoreForecast(self.levels_, np.tile(self.shares_, (len(X), 1)))

    def predict_mean(self, X: pd.DataFrame) -> np.ndarray:
        return self.predict_forecast(X).mean()

    def predict_risk(self, X: pd.DataFrame, horizons: np.ndarray, cause: int = 1) -> np.ndarray:
        return self.predict_forecast(X).at_most(1)[:, None]


def test_each_pattern_predicts_its_own_distribution_of_a_score() -> None:
    X = pd.DataFrame({"c1": range(7), "m1": [np.nan] * 5 + [1.0, 2.0]}, index=list("abcdefg"))
    y = Measured.at(12, [0, 0, 2, 4, None, 1, 3], lower=0, upper=10, at_most=1)
    groups = {"clinical": ["c1"], "imaging": ["m1"]}
    model = PatternSubmodels(Shares(), groups, min_patients=1, min_events=2).fit(X, y)
    assert model.patterns_["n_events"].tolist() == [4, 2]  # observed scores
    assert model.levels_.tolist() == [0, 1, 2, 3, 4]
    rows = X.loc[["f", "a"]]
    np.testing.assert_allclose(model.predict_distribution(rows), [[0, 0.5, 0, 0.5, 0], [0.5, 0, 0.25, 0, 0.25]])
    assert model.predict_mean(rows).tolist() == [2.0, 1.5]
    assert model.predict_forecast(rows).row_labels.tolist() == ["f", "a"]
    assert model.predict_quantile(rows, 0.6, method="discrete").tolist() == [3.0, 2.0]
    assert model.predict_risk(rows, 12).tolist() == [[0.5], [0.5]]  # the declared cut
    risk = model.predict_risk(rows, [6, 12], at_most=[1, 2])
    assert np.isnan(risk[:, 0]).all()
    assert risk[:, 1].tolist() == [0.5, 0.75]
    assert model.predict_risk(rows, at_least=3)[:, 0].tolist() == [0.5, 0.25]
    with pytest.raises(ArgumentError, match="one of them"):
        model.predict_risk(rows, at_most=1, at_least=3)
    with pytest.raises(ArgumentError, match="`cause` must be 1 for a score; got 2"):
        model.predict_risk(rows, 12, 2, at_most=1)
    cuts = pd.Series([1.0, 2.0], index=["f", "a"])  # a cut per patient follows labels, not positions
    assert model.predict_risk(rows, at_most=cuts[::-1])[:, 0].tolist() == [0.5, 0.75]
    assert model.predict_forecast(rows).at_most(cuts[::-1]).tolist() == [0.5, 0.75]
    assert model.predict_forecast(rows).at_least(cuts[::-1]).tolist() == [1.0, 0.5]
    for wrong in ([1.0], cuts[:1]):
        with pytest.raises(ArgumentError, match="`at_most` must be of length 2"):
            model.predict_risk(rows, at_most=wrong)
    with pytest.raises(ArgumentError, match="at_most"):
        model.predict_risk(rows, at_most=cuts.set_axis(["f", "b"]))
    with pytest.raises(ArgumentError, match="none"):  # three observed scores are needed, and no pattern has them
        clone(model).set_params(min_events=5).fit(X, y)


def test_scores_need_models_of_scores_and_events_have_no_cut(data) -> None:
    X, y = data
    scores = Measured.at(12, np.arange(600) % 5, lower=0, upper=10, at_most=1)
    with pytest.raises(ArgumentError, match="`estimator` must be a model of a score"):
        PatternSubmodels(Logit(), GROUPS).fit(X, scores)
    with pytest.raises(ArgumentError, match="`fallback` must be a model of a score"):
        PatternSubmodels(OrdinalRegression(), GROUPS, fallback=Logit()).fit(X, scores)
    two = {name: GROUPS[name] for name in ("clinical", "imaging")}
    fitted = PatternSubmodels(Logit(), two).fit(X, y)
    assert not hasattr(fitted, "predict_forecast")
    with pytest.raises(ArgumentError, match="at_most"):
        fitted.predict_risk(X, 12, at_most=2)
    with pytest.raises(ArgumentError, match="horizons"):
        fitted.predict_risk(X)
    filled = RiskPipeline([MultipleImputation(1, iterations=1)], OrdinalRegression())
    model = PatternSubmodels(OrdinalRegression(), GROUPS, fallback=filled).fit(X, scores)
    whole = RiskPipeline([], model).fit(X, scores)
    own = OrdinalRegression().fit(X.loc[260:], scores[260:])
    there = X.loc[[300, 599]]
    np.testing.assert_allclose(whole.predict_forecast(there).mean(), own.predict_mean(there), rtol=1e-9)
    np.testing.assert_allclose(whole.predict_mean(X), model.predict_forecast(X).mean(), rtol=1e-9)
    np.testing.assert_allclose(model.predict_risk(X)[:, 0], model.predict_forecast(X).at_most(1), rtol=1e-9)
