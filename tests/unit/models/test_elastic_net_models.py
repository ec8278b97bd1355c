"""`ElasticNetCox` and `PriorityCox`: factors, folds, blocks, and the worked stress test of fusion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from syn import park_miller, syn

from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis._kernels import cox_fit
from lbp_prognosis.models import CoxPH, ElasticNetCox, PriorityCox
from lbp_prognosis.models import _penalised_columns as columns_module
from lbp_prognosis.survival import Surv, Weights

CLINICAL = ["c1", "c2", "c3", "p1", "p2"]
IMAGING = [f"r{j}" for j in range(1, 201)]


@pytest.fixture(scope="module")
def stress():
    """200 patients to fit, 400 to test; five clinical predictors, 200 imaging features of which two are related."""
    cohort = syn()
    noise = norm.ppf(park_miller(2024, 600 * 200)).reshape(200, 600).T
    noise[:, 0] = cohort["m1"] + 0.5 * noise[:, 0]
    noise[:, 1] = cohort["m2"] + 0.5 * noise[:, 1]
    X = pd.concat([cohort[CLINICAL], pd.DataFrame(noise, columns=IMAGING)], axis=1)
    y = Surv.right(cohort["time"], cohort["event"])
    fold = np.empty(200, dtype=int)
    fold[np.argsort(park_miller(5, 200), kind="stable")] = np.tile(np.arange(10), 20)
    return X, y, fold


def harrell(y, score) -> float:
    """Share of comparable pairs in which the higher score has the earlier event."""
    time, event = y["time"], y["event"] == 1
    first = event[:, None] & ((time[:, None] < time) | ((time[:, None] == time) & ~event))
    right = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    return float((first * right).sum() / first.sum())


def test_worked_stress_test_of_penalty_factors(stress):
    """Clinical-favouring penalties never lose, plain concatenation does (R's glmnet; see the tolerances)."""
    X, y, fold = stress
    train, test = slice(0, 200), slice(200, 600)
    clinical = CoxPH().fit(X.loc[:199, CLINICAL], y[train])
    np.testing.assert_allclose(harrell(y[test], clinical.linear_predictor(X.loc[200:, CLINICAL])), 0.7056694, rtol=1e-6)
    wanted = {2.0: (9.0781, 0.7057265), 8.0: (9.0438, 0.7055741)}
    values = {}
    for factor, (deviance, c) in {1.0: (None, 0.7006575), **wanted}.items():
        model = ElasticNetCox(
            ties="breslow",
            modalities={"imaging": IMAGING},
            modality_factors={"imaging": factor},
            n_lambdas=60,
            lambda_min_ratio=0.05,
        ).fit(X.iloc[:200], y[train], folds=fold)
        values[factor] = harrell(y[test], model.linear_predictor(X.iloc[200:]))
        # a grid of our own, so the chosen penalty lies beside glmnet's: 3e-3 in C, 1e-2 in the deviance
        np.testing.assert_allclose(values[factor], c, atol=3e-3)
        if deviance is not None:
            np.testing.assert_allclose(model.cv_["mean"].min(), deviance, atol=1e-2)
    assert values[1.0] < min(values[2.0], values[8.0])


def test_factor_grid_is_chosen_by_cross_validation(stress):
    X, y, fold = stress
    columns = [*CLINICAL, *IMAGING[:30]]
    model = ElasticNetCox(
        modalities={"clinical": CLINICAL, "imaging": IMAGING[:30]},
        modality_factors={"imaging": [1, 4]},
        n_lambdas=20,
        lambda_min_ratio=0.05,
    ).fit(X.loc[:199, columns], y[:200], folds=fold)
    best = model.cv_.loc[model.cv_["mean"].idxmin()]
    assert model.modality_factors_ == {"imaging": best["factor_imaging"]}
    assert model.lambda_ == best["lambda"]
    np.testing.assert_allclose(model.penalty_factors_.sum(), len(columns))
    ratio = model.penalty_factors_[-1] / model.penalty_factors_[0]
    np.testing.assert_allclose(ratio, best["factor_imaging"])


def test_unpenalised_columns_and_no_penalty_are_plain_cox(stress):
    X, y, _ = stress
    free = ElasticNetCox(penalty_factors={"r1": 1.0} | {name: 0.0 for name in CLINICAL}, choose=1e3, tol=1e-10)
    free.fit(X.loc[:199, [*CLINICAL, "r1"]], y[:200])
    cox = CoxPH().fit(X.loc[:199, CLINICAL], y[:200])
    np.testing.assert_allclose(free.coef_, [*cox.coef_, 0.0], rtol=1e-7)
    tiny = ElasticNetCox(choose=1e-9, lambdas=[1e-9], tol=1e-11).fit(X.loc[:199, CLINICAL], y[:200])
    np.testing.assert_allclose(tiny.coef_, cox.coef_, rtol=1e-5)
    np.testing.assert_allclose(tiny.predict_risk(X[CLINICAL], 12), cox.predict_risk(X[CLINICAL], 12), rtol=1e-5)
    assert harrell(y, tiny.linear_predictor(X[CLINICAL])) > 0.6


def test_ridge_equals_penalised_newton(stress):
    X, y, _ = stress
    part, rows = X.loc[:199, [*CLINICAL, *IMAGING[:20]]].to_numpy(), y[:200]
    model = ElasticNetCox(l1_ratio=0.0, choose=0.1, standardize=False, tol=1e-10).fit(part, rows)
    newton = cox_fit(part, rows["time"], rows["event"], penalty=np.full(25, 0.1 * 200))
    np.testing.assert_allclose(model.coef_, newton.coef, rtol=1e-6, atol=1e-9)


def test_constant_columns_and_more_columns_than_rows(stress):
    X, y, _ = stress
    few = X.iloc[:40].assign(flat=2.0)
    model = ElasticNetCox(cv=4, n_lambdas=20).fit(few, y[:40])
    assert model.coef_[-1] == 0
    assert np.isfinite(model.coef_).all()
    with pytest.raises(EstimationError, match="No event"):
        ElasticNetCox().fit(few, Surv.right(y["time"][:40], np.zeros(40)))
    with pytest.raises(ArgumentError, match="penalty_factors"):
        ElasticNetCox(penalty_factors=np.zeros(few.shape[1])).fit(few, y[:40])


def test_clusters_stay_in_one_fold(stress):
    X, y, _ = stress
    model = ElasticNetCox(cv=5, n_lambdas=10)
    clusters = np.arange(200) // 4
    design = model._start_fit(X.iloc[:200], y[:200], None, None, None, clusters)
    labels = model._folds(design, None)
    assert all(np.unique(labels[clusters == c]).size == 1 for c in range(50))
    assert np.bincount(labels).tolist() == [40] * 5


def test_priority_leaves_noise_alone_and_takes_signal(stress):
    X, y, _ = stress
    blocks = {"clinical": CLINICAL, "imaging": IMAGING}
    priority = PriorityCox(blocks, unpenalised=["clinical"], choose="1se", cv=3, cross_fit=0)
    priority.fit(X.iloc[:200], y[:200])
    clinical = CoxPH().fit(X.loc[:199, CLINICAL], y[:200])
    np.testing.assert_allclose(priority.coef_[:5], clinical.coef_, rtol=1e-9)
    table = priority.to_frame().groupby("block")["selected"].sum()
    assert table["imaging"] == 0
    np.testing.assert_allclose(harrell(y[200:], priority.linear_predictor(X.iloc[200:])), 0.7056694, rtol=1e-6)
    swapped = PriorityCox({"few": ["c2", "c3"], "many": ["c1", "p1"]}, unpenalised=["few"])
    swapped.fit(X.loc[:199, ["c1", "c2", "c3", "p1"]], y[:200])
    assert swapped.to_frame().groupby("block")["selected"].sum()["many"] == 2


def test_columns_of_an_array_go_by_number(stress):
    X, y = stress[0][["c1", "p1", "c2", "c3"]], stress[1]
    named = PriorityCox({"few": ["c2", "c3"], "many": ["c1", "p1"]}, unpenalised=["few", "many"]).fit(X, y)
    numbered = PriorityCox({"few": [2, 3], "many": [0, 1]}, unpenalised=["few", "many"]).fit(X.to_numpy(), y)
    np.testing.assert_allclose(numbered.coef_, named.coef_, rtol=1e-12)
    with pytest.raises(ArgumentError, match=r"\[0, 1, 'c1', 'p1'\]"):
        PriorityCox({"few": ["c2", "c3"], "many": [0, 1]}).fit(X, y)
    parts = {"modalities": {"few": [2, 3], "many": [0, 1]}, "modality_factors": {"many": 2.0}, "choose": 0.05}
    net = ElasticNetCox(penalty_factors={2: 0.0}, **parts).fit(X.to_numpy(), y)
    assert net.penalty_factors_[2] == 0
    assert net.penalty_factors_[0] == pytest.approx(2 * net.penalty_factors_[3])


def test_rows_may_lack_whole_blocks(stress):
    X, y, _ = stress
    columns = [*CLINICAL, "r1", "r2"]
    holes = X.loc[:399, columns].copy()
    holes.loc[holes.index % 3 == 0, ["r1", "r2"]] = np.nan
    blocks = {"clinical": CLINICAL, "imaging": ["r1", "r2"]}
    model = PriorityCox(blocks, unpenalised=["clinical", "imaging"]).fit(holes, y[:400])
    risk = model.predict_risk(holes, 12)
    assert np.isfinite(risk).all()
    scores = model.block_scores(holes)
    intercept, slope = model.substitutes_["imaging"]
    lacking = (holes.index % 3 == 0).to_numpy() if hasattr(holes.index % 3 == 0, "to_numpy") else holes.index % 3 == 0
    np.testing.assert_allclose(
        scores.loc[lacking, "imaging"], intercept + slope * scores.loc[lacking, "clinical"], rtol=1e-12, atol=1e-12
    )
    bad = holes.copy()
    bad.loc[1, "r1"] = np.nan
    with pytest.raises(ArgumentError, match="imaging"):
        model.predict_risk(bad, 12)
    with pytest.raises(ArgumentError, match="first block"):
        PriorityCox(blocks).fit(holes.assign(c1=np.nan), y[:400])
    with pytest.raises(ArgumentError, match="blocks"):
        PriorityCox({"clinical": CLINICAL}).fit(holes, y[:400])
    with pytest.raises(ArgumentError, match="Name them"):
        PriorityCox([CLINICAL]).fit(holes, y[:400])


@pytest.mark.parametrize("lost", [[2], [0, 1, 2, 3]])
def test_a_penalty_that_did_not_converge_in_a_fold_is_not_chosen(stress, monkeypatch, lost):
    X, y = stress[0].loc[:199, CLINICAL], stress[1][:200]
    settled = ElasticNetCox(lambdas=[0.1, 0.05, 0.02, 0.01], cv=4).fit(X, y).cv_["mean"]
    original = columns_module.cox_path

    def path(data, **options):
        found = original(data, **options)
        inside = np.isin(np.arange(found.lambdas.size), lost) & (data.event.size < 200)
        return replace(found, converged=found.converged & ~inside)

    monkeypatch.setattr(columns_module, "cox_path", path)
    model = ElasticNetCox(lambdas=[0.1, 0.05, 0.02, 0.01], cv=4)
    if len(lost) == 4:
        with pytest.raises(EstimationError, match="At no penalty did the path converge"):
            model.fit(X, y)
        return
    model.fit(X, y)
    np.testing.assert_array_equal(np.isnan(model.cv_["mean"]), [False, False, True, False])
    assert model.lambda_ == model.lambdas_[settled.drop(lost).idxmin()]


def test_frequency_weights_are_copies_for_blocks_that_rows_lack():
    data = syn(n=200)
    count = 1 + np.arange(200) % 3
    rows = np.repeat(np.arange(200), count)
    X = data[["c1", "c2", "m1", "m2"]].copy()
    X.loc[(X.index % 3 == 0) & (data["c1"] > 0), ["m1", "m2"]] = np.nan
    y = Surv.right(np.ceil(data.time), data.event)
    model = PriorityCox(
        {"clinical": ["c1", "c2"], "imaging": ["m1", "m2"]}, unpenalised=["clinical", "imaging"], cross_fit=0
    )
    weighted = model.fit(X, y, sample_weight=Weights(count, "frequency")).predict_risk(X, [6, 12])
    copied = model.fit(X.iloc[rows], y[rows]).predict_risk(X, [6, 12])
    np.testing.assert_allclose(weighted, copied, rtol=1e-9)
