"""Harmonisation: what it leaves alone, what it refuses, and new scanners."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from syn import syn

from lbp_prognosis._base import ArgumentError, DataError, EstimationError, LeakageError
from lbp_prognosis.fusion import ComBat, CovBat, RiskPipeline, Standardise, site_confounding
from lbp_prognosis.models import CoxPH, LogisticRisk
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import cross_validate_risk


def batches(n: int = 300, p: int = 5, sites: int = 3, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = np.arange(n) % sites
    values = rng.normal(size=(n, p)) * rng.uniform(0.5, 2, (sites, p))[site] + rng.normal(size=(sites, p))[site] * 2
    age = rng.normal(50, 10, n)
    frame = pd.DataFrame(values + 0.05 * age[:, None], columns=[f"f{k}" for k in range(p)])
    return frame.assign(age=age, site=pd.Series(site).map({0: "a", 1: "b", 2: "c", 3: "d"}))


def brute(frame: pd.DataFrame, reference=None, mean_only=False) -> np.ndarray:
    """Parametric ComBat by loops over features, batches and rounds."""
    names = [c for c in frame if c.startswith("f")]
    labels = sorted(frame["site"].unique())
    D = np.column_stack([(frame["site"] == s).to_numpy(float) for s in labels] + [frame["age"]])
    Y = frame[names].to_numpy()
    mean, slope, sigma, Z = [], [], [], np.empty_like(Y)
    for f in range(Y.shape[1]):
        beta = np.linalg.lstsq(D, Y[:, f], rcond=None)[0]
        rows = slice(None) if reference is None else (frame["site"] == reference).to_numpy()
        mean.append(D[:, :-1].mean(0) @ beta[:-1] if reference is None else beta[labels.index(reference)])
        slope.append(beta[-1])
        sigma.append(np.sqrt(np.mean((Y[:, f] - D @ beta)[rows] ** 2)))
        Z[:, f] = (Y[:, f] - mean[-1] - slope[-1] * frame["age"]) / sigma[-1]
    out = Y.copy()
    for s in labels:
        own = (frame["site"] == s).to_numpy()
        if s == reference:
            continue
        z = Z[own]
        n, ghat = len(z), z.mean(0)
        dhat = np.ones(z.shape[1]) if mean_only else z.var(0, ddof=1)
        gbar, t2 = ghat.mean(), ghat.var(ddof=1)
        if mean_only:
            g, d = (t2 * ghat + gbar) / (t2 + 1), dhat
        else:
            m, v = dhat.mean(), dhat.var(ddof=1)
            a, b = (2 * v + m**2) / v, (m * v + m**3) / v
            g, d = ghat.copy(), dhat.copy()
            for _ in range(400):
                g = (n * t2 * ghat + d * gbar) / (n * t2 + d)
                d = (b + 0.5 * ((z - g) ** 2).sum(0)) / (n / 2 + a - 1)
        expected = np.array(mean) + np.outer(frame["age"][own], slope)
        out[own] = np.array(sigma) * (z - g) / np.sqrt(d) + expected
    return out


@pytest.mark.parametrize("options", [{}, {"reference": "b"}, {"mean_only": True}])
def test_brute_force_twin(options):
    frame = batches()
    made = ComBat(covariates=["age"], **options).fit_transform(frame)
    np.testing.assert_allclose(made.filter(like="f").to_numpy(), brute(frame, **options), atol=1e-8)
    if "reference" in options:
        rows = frame["site"] == "b"
        np.testing.assert_allclose(made.filter(like="f")[rows], frame.filter(like="f")[rows], atol=1e-12)


def test_units_and_order_of_rows_do_not_matter():
    frame = batches()
    step = ComBat(covariates=["age"])
    made = step.fit_transform(frame)
    scaled = frame.assign(f1=frame["f1"] * 1000 - 7)
    np.testing.assert_allclose(clone(step).fit_transform(scaled)["f1"], made["f1"] * 1000 - 7, rtol=1e-8)
    np.testing.assert_allclose(clone(step).fit_transform(frame[::-1])[::-1], made, atol=1e-9)
    np.testing.assert_allclose(pd.concat([step.transform(frame.iloc[[k]]) for k in range(9)]), made.iloc[:9])


def test_missing_values_stay_missing_and_touch_no_other_feature():
    frame = batches()
    holes = frame.copy()
    holes.loc[::4, "f2"] = np.nan
    plain = ComBat(covariates=["age"], prior="none").fit_transform(frame)
    made = ComBat(covariates=["age"], prior="none").fit_transform(holes)
    assert made["f2"].isna().equals(holes["f2"].isna())
    np.testing.assert_allclose(made.drop(columns="f2"), plain.drop(columns="f2"), atol=1e-10)
    rest = frame[holes["f2"].notna()]
    alone = ComBat(covariates=["age"], prior="none", columns=["f2"]).fit_transform(rest)["f2"]
    # shares of the batches differ by the rows left out, and with them only the common level
    gap = (made["f2"].dropna() - alone).to_numpy()
    np.testing.assert_allclose(gap, gap[0], atol=1e-10)
    assert np.isfinite(ComBat(covariates=["age"]).fit_transform(holes)["f2"].dropna()).all()


def test_nonparametric_shrinkage_survives_many_rows():
    frame = batches(n=6000, p=4)  # likelihoods underflow: exp(−3000)
    made = ComBat(covariates=["age"], prior="nonparametric").fit_transform(frame)
    assert np.isfinite(made.to_numpy()).all()


def test_one_feature_is_not_shrunken_and_flat_features_pass():
    frame = batches(p=1).assign(flat=3.0, by_site=lambda d: (d["site"] == "a") * 5.0)
    step = ComBat(covariates=["age"]).fit(frame)
    assert step.constant_ == ["flat", "by_site"]
    np.testing.assert_array_equal(step.gamma_, step.estimates_.gamma_hat)
    made = step.transform(frame)
    pd.testing.assert_frame_equal(made[["flat", "by_site", "age"]], frame[["flat", "by_site", "age"]])
    assert "site" not in made
    assert "site" in ComBat(covariates=["age"], drop_batch=False).fit_transform(frame)
    residual = made["f0"] - 0.05 * made["age"]
    assert residual.groupby(frame["site"]).mean().std() < 0.2
    shown = step.effects()
    assert list(shown.columns) == ["batch", "column", "n", "shift", "scale", "raw_shift", "raw_scale"]
    assert shown["n"].tolist() == [100, 100, 100]


def test_the_outcome_is_refused_as_covariate_and_never_read():
    frame = batches()
    time = np.random.default_rng(5).uniform(1, 30, len(frame))
    y = Surv.right(time, np.arange(len(frame)) % 2)
    with pytest.raises(LeakageError, match="never the outcome"):
        ComBat(covariates=["recovered"]).fit(frame.assign(recovered=1 - y["event"]), y)
    with pytest.raises(LeakageError, match="`time` of `y`"):
        ComBat(covariates=["weeks"]).fit(frame.assign(weeks=time / 7), y)
    with_y, without = ComBat(covariates=["age"]).fit(frame, y), ComBat(covariates=["age"]).fit(frame)
    np.testing.assert_array_equal(with_y.gamma_, without.gamma_)
    assert with_y.confounding_.cramer_v < 0.3
    assert with_y.objections_ == ()
    assert without.confounding_ is None


def test_objection_where_site_and_outcome_go_together():
    frame = batches()
    recovered = (frame["site"] == "a").astype(int)
    step = ComBat(covariates=["age"]).fit(frame, Status.at(12, recovered))
    assert [found.code for found in step.objections_] == ["batch-confounded-with-outcome"]
    assert step.confounding_.cramer_v == pytest.approx(1.0)


def test_the_objection_travels_to_the_cross_validated_result(tmp_path):
    frame = batches(n=240, sites=2)
    recovered = np.random.default_rng(0).binomial(1, np.where(frame["site"] == "a", 0.9, 0.1))
    y = Status.at(12, recovered)
    pipeline = RiskPipeline([ComBat(covariates=["age"])], LogisticRisk())
    plan = {"n_splits": 2, "n_repeats": 2, "random_state": 0}
    for _ in range(2):  # the second time from the files
        found = cross_validate_risk({"m": pipeline}, frame, y, 12, **plan, checkpoint=tmp_path / "run")
        assert [doubt.code for doubt in found.objections].count("batch-confounded-with-outcome") == 1
    plain = cross_validate_risk({"m": LogisticRisk()}, frame.drop(columns="site"), y, 12, **plan)
    assert "batch-confounded-with-outcome" not in {doubt.code for doubt in plain.objections}


def test_cramers_v_by_hand():
    found = site_confounding(["a"] * 10 + ["b"] * 10 + ["b"], [1] * 8 + [0] * 2 + [1] * 3 + [0] * 7 + [np.nan])
    assert (found.n, found.df) == (20, 1)
    assert found.chi2 == pytest.approx(20 * (8 * 7 - 2 * 3) ** 2 / (11 * 9 * 10 * 10))
    assert found.cramer_v == pytest.approx(np.sqrt(found.chi2 / 20))
    assert found.table["share"].tolist() == [0.8, 0.3]
    alone = site_confounding(["a"] * 4, [0, 1, 0, 1])
    assert (alone.cramer_v, alone.p, alone.objections) == (0.0, 1.0, ())
    competing = Surv.right([1.0, 2, 3, 4, 5, 6], [0, 1, 2, 0, 1, 2])
    assert site_confounding(list("ababab"), competing).df == 2


def test_unseen_batches():
    frame = batches(sites=4, n=400)
    train, new = frame[frame["site"] != "d"], frame[frame["site"] == "d"]
    names = ["f0", "f1", "f2", "f3", "f4"]
    with pytest.raises(ArgumentError, match=r"rows of \['d'\].*never estimated"):
        ComBat(covariates=["age"]).fit(train).transform(frame)
    with pytest.raises(ArgumentError, match="no `reference` batch is named"):
        ComBat(unseen="reference").fit(train)
    for options in ({"unseen": "none"}, {"unseen": "reference", "reference": "a"}):
        made = ComBat(covariates=["age"], **options).fit(train).transform(new)
        np.testing.assert_array_equal(made[names], new[names])
    step = ComBat(covariates=["age"], unseen="calibrate").fit(train)
    with pytest.raises(ArgumentError, match="at least 20 rows"):
        step.transform(new)
    with pytest.raises(ArgumentError, match="at least 20 rows with every feature"):
        step.calibrate(new.iloc[:19])
    with pytest.raises(ArgumentError, match="whose effects are fixed"):
        step.calibrate(frame)
    ready = step.calibrate(new.iloc[:60])
    assert ready.calibrated_ == {"d": 60}
    assert step.calibrated_ == {}
    with pytest.raises(ArgumentError, match="whose effects are fixed"):
        ready.calibrate(new)
    both = ready.transform(frame)
    np.testing.assert_array_equal(both[frame["site"] != "d"], step.transform(train))
    before = (frame[names].sub(0.05 * frame["age"], axis=0)).groupby(frame["site"]).mean().std()
    after = (both[names].sub(0.05 * frame["age"], axis=0)).groupby(frame["site"]).mean().std()
    assert (after < 0.25 * before).all()
    assert ready.effects().query("batch == 'd'")["raw_shift"].isna().all()


def test_a_pipeline_learns_a_new_site_before_it_predicts():
    frame = batches(sites=4, n=800)
    y = Surv.right(np.random.default_rng(1).exponential(np.exp(-frame["f0"] / 4)), np.ones(len(frame)))
    train, new = (frame["site"] != "d").to_numpy(), (frame["site"] == "d").to_numpy()
    names = ["f0", "f1", "f2", "f3", "f4"]
    step = ComBat(columns=names, covariates=["age"], unseen="calibrate")
    pipeline = RiskPipeline([step, Standardise()], CoxPH()).fit(frame[train], y[train])
    with pytest.raises(ArgumentError, match="Call `calibrate`"):
        pipeline.predict_risk(frame[new], 1.0)
    ready = pipeline.calibrate(frame[new].iloc[:50])
    later = frame[new].iloc[50:]
    even = ComBat(columns=names, covariates=["age"], unseen="calibrate").fit(frame[train])
    scale = Standardise().fit(even.transform(frame[train]))
    twin = even.calibrate(frame[new].iloc[:50])
    wanted = pipeline.models_[0].predict_risk(scale.transform(twin.transform(later)), 1.0)
    np.testing.assert_allclose(ready.predict_risk(later, 1.0), wanted)
    np.testing.assert_array_equal(ready.predict_risk(frame[train], 1.0), pipeline.predict_risk(frame[train], 1.0))
    with pytest.raises(ArgumentError, match="Call `calibrate`"):  # the one that was calibrated is a copy
        pipeline.predict_risk(later, 1.0)
    with pytest.raises(ArgumentError, match="can be calibrated"):
        RiskPipeline([Standardise()], CoxPH()).fit(frame.loc[train, names], y[train]).calibrate(frame[names])


def test_what_is_refused():
    frame = batches()
    with pytest.raises(ArgumentError, match="which `X` does not have"):
        ComBat("scanner").fit(frame)
    with pytest.raises(ArgumentError, match="2 rows without 'site'"):
        ComBat().fit(frame.assign(site=frame["site"].where(frame.index > 1)))
    with pytest.raises(ArgumentError, match="two batches"):
        ComBat().fit(frame.assign(site="a"))
    with pytest.raises(ArgumentError, match="distinguishable"):
        ComBat(covariates=["field"]).fit(frame.assign(field=(frame["site"] == "a") * 1.5))
    with pytest.raises(ArgumentError, match="complete"):
        ComBat(covariates=["age"]).fit(frame.assign(age=frame["age"].where(frame.index > 3)))
    with pytest.raises(ArgumentError, match="among them"):
        ComBat(columns=["f1", "age"], covariates=["age"]).fit(frame)
    with pytest.raises(DataError, match="infinite"):
        ComBat().fit(frame.assign(f1=np.inf))
    with pytest.raises(ArgumentError, match="contain text"):
        ComBat(columns=["f1", "vendor"]).fit(frame.assign(vendor="x"))
    with pytest.raises(DataError, match="0 values in batch 'a'") as caught:
        ComBat(columns=["f1", "f2"]).fit(frame.assign(f1=frame["f1"].where(frame["site"] != "a")))
    assert caught.value.failures["field"].tolist() == ["f1"]
    single = pd.concat([frame[frame["site"] != "c"], frame[frame["site"] == "c"].iloc[:1]])
    with pytest.raises(DataError, match="mean_only"):
        ComBat(columns=["f1", "f2"]).fit(single)
    assert np.isfinite(ComBat(columns=["f1", "f2"], mean_only=True).fit_transform(single)[["f1", "f2"]]).all(axis=None)
    stuck = frame.assign(f1=frame["f1"].where(frame["site"] != "a", 4.0))
    with pytest.raises(EstimationError, match=r"\['f1'\]"):
        ComBat(columns=["f1", "f2"], prior="none").fit(stuck)


def test_categories_as_covariates():
    frame = batches().assign(sex=lambda d: np.where(d.index % 2 == 0, "f", "m"))
    coded = frame.assign(sex=(frame["sex"] == "m").astype(float))
    one = ComBat(covariates=["sex", "age"]).fit(frame)
    np.testing.assert_allclose(
        one.transform(frame).filter(regex="^f\\d"),
        ComBat(covariates=["sex", "age"]).fit_transform(coded).filter(regex="^f\\d"),
    )
    with pytest.raises(ArgumentError, match="'sex' is among"):
        one.transform(frame.assign(sex="x"))


def test_covariances_become_alike():
    rng = np.random.default_rng(3)
    n = 4000
    site = np.repeat(["a", "b"], n // 2)
    # one factor behind all features, stronger at one site: equal variances, other correlations
    strength = np.where(site == "a", 0.9, 0.3)
    common = rng.normal(size=n) * strength
    noise = rng.normal(size=(n, 3)) * np.sqrt(1 - strength**2)[:, None]
    values = common[:, None] + noise
    frame = pd.DataFrame(values, columns=["x", "y", "z"]).assign(site=site)

    def gap(made):
        corr = [made.loc[site == s, ["x", "y", "z"]].cov().to_numpy() for s in "ab"]
        return np.abs(corr[0] - corr[1]).max()

    plain = ComBat().fit_transform(frame)
    step = CovBat(variance=1.0)
    both = step.fit_transform(frame)
    assert gap(both) < 0.2 * gap(plain)
    assert step.n_components_ == 3
    assert CovBat(variance=0.5).fit(frame).n_components_ == 1
    # means stay where ComBat put them
    np.testing.assert_allclose(both.groupby(site).mean(), plain.groupby(site).mean(), atol=0.05)
    referred = CovBat(reference="a", unseen="reference").fit(frame)
    rows = frame["site"] == "a"
    np.testing.assert_allclose(referred.transform(frame)[rows], frame.loc[rows, ["x", "y", "z"]], atol=1e-9)
    new = frame.iloc[:3].assign(site="z")
    np.testing.assert_allclose(referred.transform(new), new[["x", "y", "z"]])
    with pytest.raises(ArgumentError, match="at least 50 rows"):
        CovBat().fit(frame.groupby("site").head(30))
    with pytest.raises(ArgumentError, match="Refit"):
        CovBat(unseen="calibrate").fit(frame)
    with pytest.raises(DataError, match="impute before"):
        CovBat().fit(frame.assign(x=frame["x"].where(frame.index > 0)))


def test_covbat_brute_force_twin():
    frame = batches(n=240, p=4)
    names = ["f0", "f1", "f2", "f3"]
    plain = ComBat(columns=names, covariates=["age"]).fit(frame)
    fit = plain.estimates_
    even = plain.transform(frame)[names].to_numpy()
    expected = fit.mean + frame[["age"]].to_numpy() @ fit.coefficients
    E = (even - expected) / np.sqrt(fit.variance)
    centre, scale = E.mean(0), E.std(0, ddof=1)
    U, S, V = np.linalg.svd((E - centre) / scale, full_matrices=False)
    k = int(np.flatnonzero(np.cumsum(S**2) / (S**2).sum() >= 0.7)[0]) + 1
    scores = U * S
    for j in range(k):
        pooled = scores[:, j].copy()
        residual = pooled - pd.Series(pooled).groupby(frame["site"]).transform("mean")
        sigma = np.sqrt((residual**2).mean())
        for s in "abc":
            own = (frame["site"] == s).to_numpy()
            z = pooled[own] / sigma
            scores[own, j] = sigma * (z - z.mean()) / z.std(ddof=1)
    wanted = ((scores @ V) * scale + centre) * np.sqrt(fit.variance) + expected
    made = CovBat(columns=names, covariates=["age"], variance=0.7).fit(frame)
    assert made.n_components_ == k
    np.testing.assert_allclose(made.transform(frame)[names], wanted, atol=1e-9)


def test_mean_risk_of_the_cohort_site_as_number_or_text():
    table = syn(200)
    frame = table[["m1", "m2", "site"]]
    one = ComBat().fit_transform(frame)
    two = ComBat().fit_transform(frame.assign(site=frame["site"].astype(str).astype("category")))
    pd.testing.assert_frame_equal(one, two)
