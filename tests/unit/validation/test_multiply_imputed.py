"""Tables imputed beforehand are read, pooled and marked; imputing inside the resamples is the other way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
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
    internal_external,
    pool_performance,
)
from lbp_prognosis.validation.resampling._fixed_by_fit import FIXED_BY_FIT


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
        (lambda d: pd.concat([d, d.tail(1)]), "one row per patient"),
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
    # limits of calibration are those of the table itself; the others are percentiles over all resamples
    set_by_fit = np.isin([name for name, _, _ in alone.names], FIXED_BY_FIT)
    np.testing.assert_allclose(one.low, np.where(set_by_fit, alone.low, np.quantile(shifted, 0.025, axis=0)), rtol=1e-9)
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


def test_external_validation_pools_over_imputations(imputed) -> None:
    """The same numbers as the rules applied to the frames of every table, in the shape of any external validation."""
    tables, y = imputed
    models = {"two": CoxPH(), "three": CoxPH()}
    d = syn().tail(300)
    other = Surv.right(d["time"], d["event"])
    fitted = {name: m.fit(d[["c1", "p1", "m1"]], other) for name, m in models.items()}
    found = external_validate(fitted, tables, y, [6.0, 12.0], [0.2, 0.3], kind="temporal")
    parts = [external_validate(fitted, table, y, [6.0, 12.0], [0.2, 0.3], kind="temporal") for table in tables.tables]
    twin, mine = pool_performance(parts).to_frame(), found.to_frame()
    assert len(twin) == len(mine)
    for name in ("value", "se", "low", "high"):
        np.testing.assert_allclose(mine[name].astype(float), twin[name].astype(float), rtol=1e-9, err_msg=name)
    np.testing.assert_array_equal(mine["metric"], twin["metric"])
    assert mine["method"].str.contains("pooled over 3 imputations").all()
    np.testing.assert_allclose(found.risks["two"], np.mean([part.risks["two"] for part in parts], axis=0))
    assert found.objections[0].code == "imputed-outside-resampling"
    assert found.setting == "temporal"
    # m1 was imputed: between imputations a number varies, and its error is more than the mean error of one table
    one = np.array([part.evaluation.metric("auc", "two").value[1] for part in parts])
    errors = np.array([part.evaluation.metric("auc", "two").se[1] for part in parts])
    assert np.ptp(one) > 0
    assert found.evaluation.metric("auc", "two").se[1] > errors.mean()
    difference = found.evaluation.difference("ipa", "three", "two")
    np.testing.assert_allclose(difference.value, 0, atol=1e-12)  # twins
    pytest.importorskip("matplotlib").use("Agg")
    found.figure()
    found.plot()


def test_added_value_pools_over_imputations(imputed) -> None:
    tables, y = imputed
    groups = {"clinical": ["c1", "p1"], "imaging": ["m1"]}
    options = {"n_splits": 4, "n_repeats": 2, "random_state": 3, "sites": np.arange(150) % 2, "thresholds": [0.3]}
    found = added_value(CoxPH(), tables, y, groups, 12, **options)
    seed = int(np.random.default_rng(3).integers(2**62))
    parts = [added_value(CoxPH(), t, y, groups, 12, **{**options, "random_state": seed}) for t in tables.tables]
    for part in parts:  # the same folds in every imputation
        np.testing.assert_array_equal(part.cross_validation.folds, found.cross_validation.folds)
    for metric in ("ipa", "auc", "concordance"):
        rows = [part.difference(metric) for part in parts]
        q, u = np.array([r["value"] for r in rows]), np.array([r["se"] for r in rows]) ** 2
        mine = found.difference(metric)
        assert mine["value"] == pytest.approx(q.mean(), rel=1e-9)
        assert mine["se"] == pytest.approx(np.sqrt(u.mean() + (1 + 1 / 3) * q.var(ddof=1)), rel=1e-9)
    key = ["modality", "metric", "horizon", "share"]
    shares = [part.shares.set_index(key)[["value", "se"]] for part in parts]
    mine = found.shares.set_index(key)
    np.testing.assert_allclose(mine["value"], np.mean([s["value"] for s in shares], axis=0), rtol=1e-9)
    spread = np.mean([s["se"] ** 2 for s in shares], axis=0) + 4 / 3 * np.var([s["value"] for s in shares], 0, ddof=1)
    np.testing.assert_allclose(mine["se"], np.sqrt(spread), rtol=1e-9)
    np.testing.assert_allclose(found.by_site["value"], np.mean([p.by_site["value"] for p in parts], axis=0), atol=1e-12)
    # Li, Meng, Raghunathan and Rubin's D2 with one parameter, by hand
    chi2 = np.array([part.likelihood_ratio.statistic for part in parts])
    r = 4 / 3 * np.sqrt(chi2).var(ddof=1)
    assert found.likelihood_ratio.statistic == pytest.approx((chi2.mean() - 2 * r) / (1 + r))
    assert found.objections[0].code == "imputed-outside-resampling"
    assert not found.supported
    assert "adds value was not tested" in found.sentence
    assert isinstance(found.pooled("ipa", 12).value, float)
    pytest.importorskip("matplotlib").use("Agg")
    found.figure()


def test_sites_are_pooled_over_imputations_before_they_are_pooled(imputed) -> None:
    tables, y = imputed
    sites = np.arange(150) % 3
    found = internal_external(CoxPH(), tables, y, sites, 12, [0.3], n_resamples=0)
    parts = [internal_external(CoxPH(), table, y, sites, 12, [0.3], n_resamples=0) for table in tables.tables]
    np.testing.assert_allclose(found.risks["CoxPH"], np.mean([part.risks["CoxPH"] for part in parts], axis=0))
    for site in "012":
        here = [part.table[part.table["group"] == site] for part in parts]
        mine = found.table[found.table["group"] == site]
        row = {m: mine[(mine["metric"] == m) & mine["reference"].isna()].iloc[0] for m in ("auc", "brier")}
        auc = np.array([h[h["metric"] == "auc"].iloc[0][["value", "se"]].astype(float) for h in here])
        z, spread = logit(auc[:, 0]), auc[:, 1] / (auc[:, 0] * (1 - auc[:, 0]))
        assert row["auc"]["value"] == pytest.approx(expit(z.mean()), rel=1e-9)
        total = np.sqrt(np.mean(spread**2) + 4 / 3 * z.var(ddof=1))
        assert row["auc"]["se"] == pytest.approx(total * expit(z.mean()) * (1 - expit(z.mean())), rel=1e-9)
        assert row["brier"]["value"] == pytest.approx(
            np.mean([h[h["metric"] == "brier"].iloc[0]["value"] for h in here]), rel=1e-9
        )
    assert found.objections[0].code == "imputed-outside-resampling"
    assert found.pooled("auc").k == 3
    assert {"prediction_low_hksj", "estimate"} <= set(found.meta()["quantity"])


def test_tables_without_holes_pool_to_one_table(imputed) -> None:
    """Where nothing was imputed all tables are one, and so are the numbers."""
    tables, y = imputed
    table = tables.tables[0]
    same = MultiplyImputed((table, table.copy()))
    groups = {"clinical": ["c1", "p1"], "imaging": ["m1"]}
    options = {"n_splits": 4, "n_repeats": 1}
    seed = int(np.random.default_rng(3).integers(2**62))
    once = added_value(CoxPH(), table, y, groups, 12, random_state=seed, **options)
    twice = added_value(CoxPH(), same, y, groups, 12, random_state=3, **options)
    for name in ("value", "se"):
        np.testing.assert_allclose(twice.to_frame()[name].astype(float), once.to_frame()[name].astype(float), rtol=1e-9)
    assert twice.likelihood_ratio.statistic == pytest.approx(once.likelihood_ratio.statistic)
    assert twice.likelihood_ratio.p == pytest.approx(once.likelihood_ratio.p)


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
