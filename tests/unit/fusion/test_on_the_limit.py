"""One, two and three of a thing: where steps of a pipeline begin to accept, to refuse and to change."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import DataError, EstimationError
from lbp_prognosis.fusion import ComBat, MultipleImputation, RiskPipeline, level_norms
from lbp_prognosis.fusion._pipeline_rows import beside, rows_of
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv


def scans(small):
    """Two features of 20 patients of one site and of ``small`` of another."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20 + small, 2)), columns=["a", "b"])
    return frame.assign(site=["north"] * 20 + ["south"] * small)


@pytest.mark.parametrize(
    ("mean_only", "small", "enough"), [(False, 1, False), (False, 2, True), (False, 3, True), (True, 1, True)]
)
def test_a_scale_needs_two_values_of_a_batch_and_a_mean_one(mean_only, small, enough):
    made = ComBat("site", mean_only=mean_only)
    if not enough:
        with pytest.raises(DataError, match="1"):
            made.fit(scans(small))
        return
    assert made.fit(scans(small)).gamma_.shape == (2, 2)


@pytest.mark.parametrize("constant", [["a"], ["b"], ["a", "b"]])
def test_a_feature_that_is_constant_in_a_batch_is_named(constant):
    """Without a prior; one of several features borrows its scale from the others."""
    frame = scans(5)
    frame.loc[frame["site"].eq("south"), constant] = 1.0
    with pytest.raises(EstimationError) as told:
        ComBat("site", prior="none").fit(frame)
    assert f"The scale of {len(constant)} features, e.g. {constant}, has no estimate" in str(told.value)
    if len(constant) == 1:
        assert np.isfinite(ComBat("site").fit(frame).delta_).all()


@pytest.mark.parametrize("held", [[], ["site"], ["site", "visit"]])
def test_held_columns_follow_the_others_once(held):
    table = pd.DataFrame({"site": [1, 2], "a": [3.0, 4.0]})
    kept = pd.DataFrame({"site": [5, 6], "visit": [7, 8]})[held]
    out = beside(table, kept)
    assert list(out.columns) == [*(["site"] if not held else []), "a", *held]
    assert out["a"].tolist() == [3.0, 4.0]
    if held:
        assert out["site"].tolist() == [5, 6]


def test_row_wise_keywords_are_repeated_like_the_rows():
    row = np.array([1, 1, 0])
    labelled = pd.Series([5.0, 6.0], index=["p", "q"])
    made = rows_of(row, weight=[1.0, 2.0], series=labelled, table=np.array([[1, 2], [3, 4]]), number=7.0, nothing=None)
    assert set(made) == {"weight", "series", "table", "number"}
    assert made["weight"].tolist() == [2.0, 2.0, 1.0]
    assert made["series"].tolist() == [6.0, 6.0, 5.0]
    assert made["series"].index.tolist() == ["q", "q", "p"]
    assert made["table"].tolist() == [[3, 4], [3, 4], [1, 2]]
    assert made["number"] == 7.0


def test_removed_effects_are_a_row_per_batch_and_feature_numbered_from_0():
    made = ComBat("site").fit(scans(5)).effects()
    assert made.index.tolist() == [0, 1, 2, 3]
    assert made[["batch", "column", "n"]].to_numpy().tolist() == [
        ["north", "a", 20],
        ["north", "b", 20],
        ["south", "a", 5],
        ["south", "b", 5],
    ]


def test_the_first_value_without_a_norm_is_named():
    norms = pd.DataFrame({"measure": ["height"], "level": ["l4l5"], "mean": [10.0], "sd": [2.0]})
    rows = pd.DataFrame({"measure": "height", "level": ["l4l5", "l5s1", "l3l4"], "value": [12.0, 9.0, 8.0]})
    rows = rows.assign(unit="mm", method_id="area")
    with pytest.raises(DataError, match=r"2 values, e.g. 'height' at 'l5s1' by 'area'"):
        level_norms(rows, norms)
    out = level_norms(rows.assign(value=[12.0, np.nan, np.nan]), norms)  # what has no value needs no norm
    assert out["value"][0] == 1.0
    assert out["unit"].tolist() == ["sd"] * 3
    other = level_norms(rows.assign(measure="width"), norms)
    assert other["value"].tolist() == [12.0, 9.0, 8.0]
    assert other["unit"].tolist() == ["mm"] * 3


@pytest.mark.parametrize("m", [1, 2, 3])
def test_a_pipeline_averages_the_risks_of_all_completed_tables(m):
    rng = np.random.default_rng(3)
    X, time = pd.DataFrame(rng.normal(size=(160, 2)), columns=["a", "b"]), rng.exponential(10, 160)
    holes = X.mask(np.random.default_rng(1).random(X.shape) < 0.2)
    made = RiskPipeline([MultipleImputation(m=m, draws=2)], CoxPH()).fit(
        holes, Surv.right(time, rng.integers(0, 2, 160))
    )
    complete = X.head(4)  # of complete rows each model predicts from the same values
    each = [model.predict_risk(complete, 5.0) for model in made.models_]
    np.testing.assert_allclose(made.predict_risk(complete, 5.0), np.mean(each, axis=0), rtol=1e-12)
    assert len(each) == m
