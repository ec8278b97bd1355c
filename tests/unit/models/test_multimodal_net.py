"""MultimodalNet: CoxPH as its simplest case, absent modalities, the gate, determinism, files that need no torch."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, DataError, EstimationError, MissingPackageError, OutcomeError
from lbp_prognosis.explain import prediction_shapley, shap_values
from lbp_prognosis.fusion import OneHot, RiskPipeline, Standardise
from lbp_prognosis.models import CoxPH, MultimodalNet, NullModel
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._net_losses import PeriodLoss
from lbp_prognosis.models._net_shape import NetShape, first_weights, net_outputs
from lbp_prognosis.models._person_periods import person_periods

COLUMNS = ["c1", "c2", "p1", "m1", "m2"]
MODALITIES = {"clinical": ["c1", "c2"], "prom": ["p1"], "imaging": ["m1", "m2"]}
SHORT = {"seeds": 2, "max_epochs": 25, "bins": 6}
LINEAR = {
    "loss": "efron",
    "hidden": (),
    "penalty": 0.0,
    "modality_dropout": 0.0,
    "dropout": 0.0,
    "patience": None,
    "seeds": 1,
    "max_epochs": 30,
}


def test_without_torch_training_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    cohort = syn(n=120)
    with pytest.raises(MissingPackageError, match="deep"):
        MultimodalNet(**SHORT).fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.event))


torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def cohort():
    return syn(n=300)


@pytest.fixture(scope="module")
def gappy(cohort):
    X = cohort[COLUMNS].copy()
    X.loc[np.arange(300) % 3 == 0, ["m1", "m2"]] = np.nan
    return X


@pytest.fixture(scope="module")
def net(cohort, gappy):
    return MultimodalNet(MODALITIES, **SHORT).fit(gappy, Surv.right(cohort.time, cohort.status))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_net_without_penalty_is_cox_regression(cohort, weighted) -> None:
    month = np.ceil(cohort.time)  # whole months: ties
    y = Surv.right(month, cohort.event, entry=np.where(month > 4, 2.0, 0.0) if weighted else None)
    weights = np.random.default_rng(0).uniform(0.5, 2, 300) if weighted else None
    net = MultimodalNet(**LINEAR).fit(cohort[COLUMNS], y, sample_weight=weights)
    cox = CoxPH().fit(cohort[COLUMNS], y, sample_weight=weights)
    np.testing.assert_allclose(
        net.predict_risk(cohort[COLUMNS], [6, 12]), cox.predict_risk(cohort[COLUMNS], [6, 12]), atol=1e-6
    )
    score = np.log(-np.log1p(-net.predict_risk(cohort[COLUMNS], 12.0)[:, 0]))
    design = np.column_stack([np.ones(300), cohort[COLUMNS]])
    np.testing.assert_allclose(np.linalg.lstsq(design, score, rcond=None)[0][1:], cox.coef_, atol=1e-4)


def test_what_torch_trains_is_what_numpy_predicts(cohort) -> None:
    """The held-out likelihood of the best step, told by torch, from the arrays that left it."""
    from lbp_prognosis.models._torch_adapter import Training, train_net

    rng = np.random.default_rng(0)
    rows = person_periods(
        Surv.right(cohort.time, cohort.status), "right", np.array([6.0, 12.0, 24.0]), 0.0, np.array([1, 2])
    )
    loss = PeriodLoss(rows, np.ones(rows.person.size), np.full((2, 3), -2.0), "logit", 300)
    shape = NetShape({"a": 2, "b": 3}, (5, 4), 3, loss.width)
    blocks = [cohort[COLUMNS[:2]].to_numpy(), cohort[COLUMNS[2:]].to_numpy()]
    present = np.column_stack([np.ones(300, bool), np.arange(300) % 4 > 0])
    settings = Training(12, 5, 0.05, 1e-3, 0.1, 0.1, (False, True), 0.3, "cpu")
    inside, outside = np.arange(200), np.arange(200, 300)
    weights, curve = train_net(
        shape,
        first_weights(shape, rng),
        [block[inside] for block in blocks],
        present[inside],
        loss.part(inside),
        ([block[outside] for block in blocks], present[outside], loss.part(outside)),
        settings,
        rng,
    )
    outputs, gates = net_outputs(shape, weights, [block[outside] for block in blocks], present[outside])
    assert loss.part(outside)(outputs)[0] == pytest.approx(curve.max(), abs=1e-9)
    assert curve.max() > curve[0]
    np.testing.assert_allclose(gates.sum(axis=1), 1, atol=1e-14)
    assert all(type(value) is np.ndarray for value in weights.values())


def test_gradients_of_the_period_likelihood_in_the_outputs(cohort) -> None:
    y = Surv.right(cohort.time[:40], cohort.status[:40])
    rows = person_periods(y, "right", np.array([6.0, 12.0, 24.0]), 0.0, np.array([1, 2]))
    weights = np.random.default_rng(1).uniform(0.5, 2, 40)[rows.person]
    loss = PeriodLoss(rows, weights, np.array([[-1.5, -1.0, -0.8], [-3.0, -2.5, -2.0]]), "logit", 40)
    outputs = np.random.default_rng(2).normal(size=(40, loss.width))
    value, gradient = loss(outputs)
    for place in ((0, 0), (3, 1), (7, 2), (11, 3)):
        step = np.zeros_like(outputs)
        step[place] = 1e-5
        assert gradient[place] == pytest.approx((loss(outputs + step)[0] - loss(outputs - step)[0]) / 2e-5, abs=1e-6)
    halves = [loss.part(np.arange(0, 40, 2)), loss.part(np.arange(1, 40, 2))]
    assert value == pytest.approx(halves[0](outputs[::2])[0] + halves[1](outputs[1::2])[0], rel=1e-12)


def test_absent_modalities_have_no_share_and_calibrated_risks() -> None:
    """Two fifths without imaging, completely at random: the mean risk of these is that of Kaplan-Meier among them."""
    train, fresh = syn(n=2000, seed=5), syn(n=4000, seed=9)
    X, new = train[COLUMNS].copy(), fresh[COLUMNS].copy()
    rng = np.random.default_rng(0)
    X.loc[rng.random(2000) < 0.4, ["m1", "m2"]] = np.nan
    lacking = rng.random(4000) < 0.4
    new.loc[lacking, ["m1", "m2"]] = np.nan
    y = Surv.right(train.time, train.event)
    net = MultimodalNet(MODALITIES, seeds=5, max_epochs=40, bins=8).fit(X, y)
    gates = net.gates(new)
    np.testing.assert_allclose(gates.sum(axis=1), 1, atol=1e-12)
    assert (gates.loc[lacking, "imaging"] == 0).all()
    assert (gates.loc[~lacking, "imaging"] > 0).all()
    assert list(net.gates_.columns) == ["modality", "gate", "n_present"]
    assert net.gates_.set_index("modality")["n_present"].to_dict() == {
        "clinical": 2000,
        "imaging": int(X["m1"].notna().sum()),
        "prom": 2000,
    }
    risk = net.predict_risk(new, 12.0)[:, 0]
    assert np.isfinite(risk).all()
    for rows in (lacking, ~lacking):
        observed = NullModel().fit(new[rows], Surv.right(fresh.time[rows], fresh.event[rows]))
        assert abs(observed.predict_risk(new[rows][:1], 12.0)[0, 0] - risk[rows].mean()) < 0.02


def test_competing_causes_intervals_and_states_are_right_on_average(cohort, net) -> None:
    horizons = [6.0, 9.0, 12.0]
    null = NullModel().fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.status))
    fresh = syn(n=2000, seed=7)[COLUMNS]
    both = 0.0
    for cause in (1, 2):
        risk = net.predict_risk(fresh, horizons, cause=cause)
        assert (np.diff(risk, axis=1) >= 0).all()
        both = both + risk
        np.testing.assert_allclose(risk.mean(axis=0), null.predict_risk(fresh[:1], horizons, cause=cause)[0], atol=0.04)
    assert (both <= 1 + 1e-12).all()
    grid = np.array([0.0, 6.0, 12.0, 24.0])
    place = np.searchsorted(grid[1:], cohort.time, side="left")
    found = ((cohort.event == 1) & (place < 3)).to_numpy()
    passed = np.searchsorted(grid[1:], cohort.time, side="right")
    lower = np.where(found, grid[place], np.where(cohort.event == 1, 24.0, grid[passed]))
    seen = Surv.interval(lower, np.where(found, np.append(grid[1:], np.inf)[place], np.inf))
    visits = MultimodalNet(MODALITIES, **{**SHORT, "seeds": 5, "between": "refuse"}).fit(cohort[COLUMNS], seen)
    assert visits.visits_.tolist() == [6.0, 12.0, 24.0]
    single = NullModel().fit(cohort[COLUMNS], seen)
    np.testing.assert_allclose(
        visits.predict_risk(cohort[COLUMNS], [6, 12]).mean(axis=0),
        single.predict_risk(fresh[:1], [6, 12])[0],
        atol=0.02,
    )
    with pytest.raises(ArgumentError, match="visits"):
        visits.predict_risk(fresh, 9.0)
    state = MultimodalNet(MODALITIES, **SHORT).fit(cohort[COLUMNS], Status.at(12, cohort.y))
    risk = state.predict_risk(fresh, [6.0, 12.0])
    assert np.isnan(risk[:, 0]).all()
    assert risk[:, 1].mean() == pytest.approx(cohort.y.mean(), abs=0.05)


def test_a_censoring_time_counts_by_its_share_of_the_period() -> None:
    """Constant hazard, two wide periods, heavy censoring within them: censoring back to visits would be far off."""
    rng = np.random.default_rng(0)
    end, leave = rng.exponential(10.0, 3000), rng.uniform(0, 10, 3000)
    X = pd.DataFrame({"a": rng.normal(size=3000)})
    y = Surv.right(np.minimum(end, leave), end <= leave)
    net = MultimodalNet(bins=[5.0, 10.0], seeds=1, max_epochs=2, patience=1).fit(X, y)
    assert net.predict_risk(X, [5.0]).mean() == pytest.approx(1 - np.exp(-0.5), abs=0.015)


def test_bits_torch_settings_and_layout(cohort, gappy, net) -> None:
    y = Surv.right(cohort.time, cohort.status)
    threads = torch.get_num_threads()
    state = torch.get_rng_state()
    again = MultimodalNet(MODALITIES, **SHORT).fit(gappy, y)
    np.testing.assert_array_equal(again.predict_risk(gappy, [6, 12]), net.predict_risk(gappy, [6, 12]))
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    turned = MultimodalNet({name: columns[::-1] for name, columns in reversed(MODALITIES.items())}, **SHORT).fit(
        gappy[COLUMNS[::-1]], y
    )
    np.testing.assert_array_equal(turned.predict_risk(gappy, [6, 12]), net.predict_risk(gappy, [6, 12]))
    other = MultimodalNet(MODALITIES, **SHORT, random_state=1).fit(gappy, y)
    assert np.abs(other.predict_risk(gappy, 12) - net.predict_risk(gappy, 12)).max() > 1e-4


def test_files_and_predictions_need_no_torch(gappy, net, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    read = RiskEstimator.from_dict(json.loads(json.dumps(net.to_dict(), allow_nan=False)))
    for cause in (1, 2):
        np.testing.assert_array_equal(
            read.predict_risk(gappy, [6, 12], cause=cause), net.predict_risk(gappy, [6, 12], cause=cause)
        )
    pd.testing.assert_frame_equal(read.gates(gappy), net.gates(gappy))
    assert read.objections_ == net.objections_


def test_seeds_are_averaged_on_the_scale_of_the_risk(gappy, net) -> None:
    from copy import copy

    parts = []
    for seed in range(2):
        one = copy(net)
        one.nets_, one.output_centre_ = [net.nets_[seed]], net.output_centre_[[seed]]
        parts.append(one.predict_risk(gappy, [6, 12]))
    np.testing.assert_allclose(net.predict_risk(gappy, [6, 12]), np.mean(parts, axis=0), rtol=1e-12)
    assert np.abs(parts[0] - parts[1]).max() > 1e-3


def test_weights(cohort) -> None:
    X, y = cohort[COLUMNS], Surv.right(cohort.time, cohort.event)
    for loss in ("discrete", "efron"):
        settings = {**SHORT, "loss": loss, "max_epochs": 8}
        plain = MultimodalNet(MODALITIES, **settings).fit(X, y)
        ones = MultimodalNet(MODALITIES, **settings).fit(X, y, sample_weight=np.ones(300))
        np.testing.assert_allclose(plain.predict_risk(X, 12), ones.predict_risk(X, 12), atol=1e-9)
        nobody = np.where(np.arange(300) < 60, 0.0, 1.0)
        zero = MultimodalNet(MODALITIES, **settings).fit(X, y, sample_weight=nobody)
        without = MultimodalNet(MODALITIES, **settings).fit(X[60:], y[60:])
        np.testing.assert_allclose(zero.predict_risk(X, 12), without.predict_risk(X, 12), atol=1e-9)
        heavy = MultimodalNet(MODALITIES, **settings).fit(X, y, sample_weight=np.where(cohort.c1 > 0, 3.0, 1.0))
        assert np.abs(heavy.predict_risk(X, 12) - plain.predict_risk(X, 12)).max() > 0.01


def test_clusters_stay_in_one_fold_and_training_stops(cohort) -> None:
    X, y = cohort[COLUMNS], Surv.right(cohort.time, cohort.event)
    twice = pd.concat([X, X + 1e-9], ignore_index=True)
    label = np.tile(np.arange(300), 2)
    settings = {"seeds": 2, "max_epochs": 120, "bins": 6, "penalty": 0.0, "hidden": (32,), "modality_dropout": 0.0}
    apart = MultimodalNet(MODALITIES, **settings, dropout=0.0).fit(twice, np.concatenate([y, y]))
    together = MultimodalNet(MODALITIES, **settings, dropout=0.0).fit(twice, np.concatenate([y, y]), clusters=label)
    assert sum(together.epochs_) < sum(apart.epochs_)
    impatient = MultimodalNet(MODALITIES, **settings, patience=1).fit(X, y)
    assert max(impatient.epochs_) < 120


def test_few_events_are_objected_to(cohort, net) -> None:
    assert net.n_events_ == int((cohort.status > 0).sum())
    assert [found.code for found in net.objections_] == ["deep-small-sample"]
    assert str(net.n_events_) in net.objections_[0].sentence
    for events, codes in ((499, ["deep-small-sample"]), (500, []), (501, [])):
        net.n_events_, kept = events, net.n_events_
        assert [found.code for found in net.objections_] == codes
        net.n_events_ = kept
    pipeline = RiskPipeline([Standardise()], MultimodalNet(**{**SHORT, "max_epochs": 2}), modalities=MODALITIES)
    fitted = pipeline.fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.event))
    assert "deep-small-sample" in [found.code for found in fitted.objections_]


def test_columns_that_steps_make_stay_in_their_modality(cohort) -> None:
    X = cohort[COLUMNS].assign(job=np.where(cohort.c3 > 0.4, "heavy", np.where(cohort.c3 < -0.4, "desk", "none")))
    groups = {**MODALITIES, "clinical": ["c1", "c2", "job"]}
    pipeline = RiskPipeline([OneHot()], MultimodalNet(groups, **{**SHORT, "max_epochs": 2}), modalities=groups)
    fitted = pipeline.fit(X, Surv.right(cohort.time, cohort.event))
    assert fitted.models_[0].columns_["clinical"] == ["c1", "c2", "job=heavy", "job=none"]


def test_explanations_of_rows_with_and_without_a_modality(gappy, net) -> None:
    rows, background = gappy[:4], gappy.dropna()[:50]
    assert rows.isna().any(axis=None)
    for found in (
        prediction_shapley(net, rows, MODALITIES, background, horizons=[6, 12]),
        shap_values(net, rows, background, scale="risk", horizons=[6, 12]),
    ):
        np.testing.assert_allclose(found.prediction, net.predict_risk(rows, [6, 12]), atol=1e-12)
        np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction, atol=1e-12)


def test_refusals(cohort, gappy) -> None:
    X, y = cohort[COLUMNS], Surv.right(cohort.time, cohort.event)

    def fit(X=X, y=y, modalities=MODALITIES, **settings):
        return MultimodalNet(modalities, **{**SHORT, "max_epochs": 1, **settings}).fit(X, y)

    for settings, told in (
        ({"loss": "cox"}, "loss"),
        ({"d": 17}, "`d`"),
        ({"hidden": (0,)}, "hidden"),
        ({"modality_dropout": 1.0}, "modality_dropout"),
        ({"seeds": 0}, "seeds"),
        ({"patience": 0}, "patience"),
        ({"bins": [3.0, 2.0]}, "visits|bins"),
        ({"modalities": {"clinical": ["c1", "c2"]}}, "every column"),
        ({"modalities": {**MODALITIES, "imaging": ["m1", "m9"]}}, "m2"),
    ):
        with pytest.raises(ArgumentError, match=told):
            fit(**settings)
    assert list(fit(modalities={**MODALITIES, "gait": ["g1", "g2"]}).columns_) == ["clinical", "imaging", "prom"]
    assert fit(X=X.drop(columns="m2")).columns_["imaging"] == ["m1"]
    scattered = gappy.copy()
    scattered.loc[1, "m1"] = np.nan
    with pytest.raises(DataError, match=r"imaging.*at rows 1\. Impute"):
        fit(X=scattered)
    no_clinical = X.copy()
    no_clinical.loc[7, ["c1", "c2"]] = np.nan
    with pytest.raises(DataError, match="clinical"):
        fit(X=no_clinical)
    net = fit(X=gappy)
    with pytest.raises(DataError, match="clinical"):
        net.predict_risk(no_clinical, 6.0)
    open_net = fit(X=gappy, modalities={"prom": ["c1", "c2", "p1"], "imaging": ["m1", "m2"]}, max_epochs=3)
    nobody = gappy[:2] * np.nan  # none of the modalities has to be there
    assert np.ptp(open_net.predict_risk(nobody, 6.0)) == 0
    assert (open_net.gates(nobody) == 0).all(axis=None)
    alone = fit(X=gappy[["m1", "m2"]], modalities={"imaging": ["m1", "m2"]}, max_epochs=3)
    assert np.isfinite(alone.predict_risk(gappy[["m1", "m2"]], 6.0)).all()
    one = gappy[:1].assign(m1=0.3, m2=np.nan)  # a cell of a present modality: its mean
    mean = float(net.centre_["imaging"][1])
    np.testing.assert_allclose(net.predict_risk(one, 6.0), net.predict_risk(one.assign(m2=mean), 6.0), atol=1e-12)
    with pytest.raises(EstimationError, match="at least 10 events"):
        fit(X=X[:40], y=Surv.right(cohort.time[:40], np.arange(40) < 9))
    with pytest.raises(EstimationError, match="at least 10 patients"):
        fit(y=Status.at(12, np.arange(300) < 9))
    with pytest.raises(OutcomeError, match="discrete"):
        fit(y=Status.at(12, cohort.y), loss="efron")
    with pytest.raises(OutcomeError, match="competing"):
        fit(y=Surv.right(cohort.time, cohort.status), loss="efron").predict_risk(X, 6.0)
    with pytest.raises(ArgumentError, match="strata"):
        MultimodalNet(**SHORT).fit(X, y, strata=cohort.site)


@pytest.mark.slow
def test_a_thousand_patients_and_three_times_fifty_columns_take_a_minute() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1000, 150)), columns=[f"m{j // 50}_{j % 50}" for j in range(150)])
    end, leave = rng.exponential(20 * np.exp(-X["m0_0"] - 0.5 * X["m1_0"])), rng.uniform(5, 40, 1000)
    y = Surv.right(np.minimum(end, leave), end <= leave)
    groups = {"clinical": list(X.columns[:50]), "imaging": list(X.columns[50:100]), "gait": list(X.columns[100:])}
    for loss in ("discrete", "efron"):
        start = time.process_time()
        MultimodalNet(groups, loss=loss, patience=500).fit(X, y)  # all 500 steps of five nets
        assert time.process_time() - start < 60


@pytest.mark.parametrize(("events", "rare"), [(9, True), (10, False)])
def test_a_rare_competing_cause_has_odds_that_are_the_same_for_all(cohort, events, rare) -> None:
    code = np.where(cohort.status == 2, 0, cohort.status)
    code[np.flatnonzero(code == 0)[:events]] = 2
    y = Surv.right(cohort.time, code)
    model = MultimodalNet(MODALITIES, **{**SHORT, "max_epochs": 5}).fit(cohort[COLUMNS], y)
    assert model.rare_causes_ == ({2: 9} if rare else {})
    assert [doubt.code for doubt in model.objections_ if doubt.code == "rare-cause"] == ["rare-cause"] * rare
    null = NullModel().fit(cohort[COLUMNS], y).predict_risk(cohort[COLUMNS][:1], 12.0, cause=2)
    assert abs(model.predict_risk(cohort[COLUMNS], 12.0, cause=2).mean() - null) < 0.02
    assert model.shape_["outputs"] == (2 if rare else 4)
    assert (model.slope_[1] == 0) or not rare
    back = MultimodalNet.from_dict(model.to_dict())
    ours = model.predict_risk(cohort[COLUMNS], [6.0, 12.0], cause=2)
    np.testing.assert_array_equal(back.predict_risk(cohort[COLUMNS], [6.0, 12.0], cause=2), ours)
    if rare:
        swapped = Surv.right(cohort.time, np.array([0, 2, 1])[code])
        with pytest.raises(EstimationError, match="cause 1 has 9"):
            MultimodalNet(MODALITIES, **SHORT).fit(cohort[COLUMNS], swapped)
    else:
        del back.rare_causes_  # a file of an earlier version, whose causes all have outputs
        np.testing.assert_array_equal(back.predict_risk(cohort[COLUMNS], [6.0, 12.0], cause=2), ours)
