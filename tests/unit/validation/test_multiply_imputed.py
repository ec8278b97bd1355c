"""Tables imputed beforehand are read, pooled and marked; imputing inside the resamples is the other way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_models import Logit
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError, MetricResult
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.validation import (
    MultiplyImputed,
    added_value,
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    pool_performance,
)


def _holes(n: int = 150) -> tuple[pd.DataFrame, np.ndarray]:
    d = syn().head(n)
    X = d[["c1", "p1", "m1"]].copy()
    X.loc[d["u15"] < 0.4, "m1"] = np.nan
    return X, Surv.right(d["time"], d["event"])


@pytest.fixture(scope="module")
def imputed() -> tuple[MultiplyImputed, np.ndarray]:
    X, y = _holes()
    return MultiplyImputed(tuple(MultipleImputation(3, iterations=2).complete_training(X, y))), y


def test_long_tables_of_mice_and_stata() -> None:
    long = pd.DataFrame({".imp": [0, 0, 2, 2, 1, 1], ".id": [7, 8, 8, 7, 7, 8], "pain": [4, np.nan, 6, 4, 4, 5]})
    long["age"] = long[".id"].map({7: 50, 8: 60})
    got = MultiplyImputed.from_long(long)
    assert (got.m, got.shape, got.index.tolist()) == (2, (2, 2), [7, 8])
    assert [t["pain"].tolist() for t in got.tables] == [[4, 5], [4, 6]]
    assert got.varying() == ["pain"]
    assert got.observed(["age"])["age"].tolist() == [50, 60]
    stata = long.rename(columns={".imp": "_mi_m", ".id": "_mi_id"})
    assert [t.equals(s) for t, s in zip(got[["age"]].tables, MultiplyImputed.from_long(stata)[["age"]].tables)]
    with pytest.raises(ArgumentError, match="without imputed values"):
        got.observed(["pain"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.drop(columns=".imp"), "imputation"),
        (lambda d: d.drop(index=3), "the same patients"),
        (lambda d: pd.concat([d, d.tail(1)]), "one row a patient"),
        (lambda d: d[d[".imp"] <= 1], "at least two"),
        (lambda d: d.assign(**{".id": [7, np.nan] * 3}), "without missing"),
    ],
)
def test_long_tables_that_are_refused(change, words) -> None:
    long = pd.DataFrame({".imp": [0, 0, 1, 1, 2, 2], ".id": [7, 8] * 3, "pain": [4, np.nan, 4, 5, 4, 6]})
    with pytest.raises(ArgumentError, match=words):
        MultiplyImputed.from_long(change(long))


def test_bootstrap_draws_the_same_patients_in_every_imputation(imputed) -> None:
    tables, y = imputed
    pooled = bootstrap_validate(CoxPH(), tables, y, [6, 12], n_resamples=20, random_state=4, keep_predictions=True)
    same = MultiplyImputed((tables.tables[0],) * 3)
    one = bootstrap_validate(CoxPH(), same, y, 12, n_resamples=20, random_state=4)
    # three times one table: the correction is that of the table, up to the averaging on the logit scale
    seed = int(np.random.default_rng(4).integers(2**62))
    alone = bootstrap_validate(CoxPH(), tables.tables[0], y, 12, n_resamples=20, random_state=seed)
    np.testing.assert_allclose(one.corrected, alone.corrected, rtol=1e-12)
    shifted = np.tile(alone.resampled, (3, 1)) - (alone.apparent - alone.corrected)
    np.testing.assert_allclose(one.low, np.quantile(shifted, 0.025, axis=0), rtol=1e-12)
    assert pooled.predictions.shape == (20, 150, 2)
    assert pooled.instability().mape.shape[-1] >= 1
    assert "imputed-outside-resampling" in {o.code for o in pooled.objections}
    assert pooled.at("concordance")["low"] < pooled.at("concordance")["corrected"] < pooled.at("concordance")["high"]


def test_cross_validation_of_imputed_tables(imputed) -> None:
    tables, y = imputed
    found = cross_validate_risk(CoxPH(), tables, y, 12, n_splits=3, n_repeats=2, random_state=1)
    parts = [cross_validate_risk(CoxPH(), table, y, 12, folds=found.folds, n_splits=3) for table in tables.tables]
    np.testing.assert_allclose(
        found.risks["CoxPH"], np.mean([part.risks["CoxPH"] for part in parts], axis=0), rtol=1e-12
    )
    assert "imputed-outside-resampling" in {o.code for o in found.objections}


def test_boot_then_impute_and_its_objection_free_result() -> None:
    X, y = _holes()
    pipeline = RiskPipeline([MultipleImputation(2, iterations=2, nodes=7)], CoxPH())
    result = bootstrap_validate(pipeline, X, y, 12, n_resamples=8, random_state=2)
    assert np.isfinite(result.corrected).all()
    assert result.n_failed == 0
    assert "imputed-outside-resampling" not in {o.code for o in result.objections}


def test_other_verbs_say_how_imputed_tables_are_used(imputed) -> None:
    tables, y = imputed
    model = CoxPH().fit(tables.tables[0], y)
    with pytest.raises(ArgumentError, match="pool_performance"):
        external_validate(model, tables, y, 12, kind="temporal")
    with pytest.raises(ArgumentError, match="pool_performance"):
        added_value(CoxPH(), tables, y, {"a": ["c1"], "imaging": ["m1"]}, 12)
    parts = [external_validate(model, table, y, 12, [0.3], kind="temporal") for table in tables.tables]
    pooled = pool_performance(parts)
    assert pooled.metric("net_benefit", model="CoxPH", threshold=0.3)["scale"] == "identity"
    assert pooled.metric("observed_expected")["scale"] == "log"


def test_pooling_refuses_other_rows_and_leaves_undefined_ones() -> None:
    def one(metric: str, value: float, se: float = 0.1) -> MetricResult:
        return MetricResult(metric, "prognostic", value, se, np.nan, np.nan, 0.95, "m")

    with pytest.raises(ArgumentError, match="same rows"):
        pool_performance([one("auc", 0.7), one("brier", 0.2)])
    with pytest.raises(ArgumentError, match="at least two"):
        pool_performance([one("auc", 0.7)])
    row = pool_performance([one("auc", 0.7), one("auc", np.nan)]).metric("auc")
    assert np.isnan(row["value"])
    assert row["reason"]
    certain = pool_performance([one("auc", 1.0, 0.0), one("auc", 1.0, 0.0)]).metric("auc")
    assert certain["value"] == 1.0
    bare = pool_performance([one("auc", 0.6, np.nan), one("auc", 0.8, np.nan)]).metric("auc")
    assert 0.6 < bare["value"] < 0.8
    assert np.isnan(bare["se"])


def test_differences_are_pooled_as_they_are() -> None:
    d = syn().head(200)
    y = Status.at(12, d["y"])
    small, large = Logit().fit(d[["c1"]], y), Logit().fit(d[["c1", "p1"]], y)
    found = evaluate(y, {"small": small.predict_risk(d[["c1"]], 12), "large": large.predict_risk(d[["c1", "p1"]], 12)})
    pooled = pool_performance([found, found])
    row = pooled.metric("auc", model="large", reference="small")
    frame = found.to_frame()
    want = frame[(frame["metric"] == "auc") & (frame["reference"] == "small")].iloc[0]
    assert (row["value"], row["se"], row["low"]) == pytest.approx((want["value"], want["se"], want["low"]), rel=1e-9)
