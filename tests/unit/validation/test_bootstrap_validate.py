"""Optimism: worked values, rms's indexes, and what must not leak or vary."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from small_models import Logit
from syn import bootstrap_rows, syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, LeakageError
from lbp_prognosis.evaluation.prognostic import calibration
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import bootstrap_validate

COLUMNS = ["c1", "c2", "p1", "p2", "m1", "m2", "g1", "g2"]


@pytest.fixture(scope="module")
def worked():
    d = syn().head(200)
    return bootstrap_validate(
        LogisticRisk(),
        d[COLUMNS],
        Status.at(12, d["y"]),
        12,
        thresholds=[0.4],
        resamples=bootstrap_rows(777, 200, 200),
        keep_predictions=True,
    )


def test_resamples_of_the_worked_example():
    assert bootstrap_rows(777, 200, 1)[0, :5].tolist() == [1, 40, 21, 74, 192]


@pytest.mark.parametrize(
    ("metric", "key", "sign"),
    [("auc", "auc", 1), ("brier", "brier", 1), ("calibration_slope", "slope", 1), ("citl", "citl", 1)],
)
def test_worked_optimism(worked, golden, metric, key, sign):
    case, row = golden["optimism_boot"], worked.at(metric)
    assert row["optimism"] == pytest.approx(case["optimism"][key], abs=2e-8)
    assert row["corrected"] == pytest.approx(case["corrected"][key], abs=2e-8)
    assert row["out_of_bag"] == pytest.approx(case["oob"][key], abs=2e-7)
    names = [name for name, _, _ in worked.names]
    first = (worked.resampled - worked.tested)[0, names.index(metric)]
    assert first == pytest.approx(case["b1"][key], abs=2e-8)


def test_worked_632(worked, golden):
    case = golden["optimism_boot"]
    for metric in ("auc", "brier"):
        row = worked.at(metric)
        assert row["apparent"] == pytest.approx(case["apparent"][metric], abs=5e-9)
        assert row["p632"] == pytest.approx(case["p632"][metric], abs=5e-8)
        assert row["p632_plus"] == pytest.approx(case["p632plus"][metric], abs=5e-8)


def test_worked_interval_and_instability(worked, golden):
    case, row = golden["optimism_boot"], worked.at("auc")
    assert (row["low"], row["high"]) == pytest.approx(case["noma_ci_auc"], abs=5e-8)
    shaky = worked.instability([0.4])
    assert shaky.mape[0] == pytest.approx(case["mape"], abs=1e-7)  # risks are kept in single precision
    assert shaky.mape_patient.max() == pytest.approx(case["mape_max"], abs=1e-7)
    assert np.argmax(shaky.mape_patient[:, 0]) == 26
    assert shaky.classification[:, 0, 0].mean() == pytest.approx(case["cii_0.4"], abs=1e-9)
    assert (shaky.low[0, 0], shaky.high[0, 0]) == pytest.approx((0.19459208, 0.44521828), abs=1e-7)
    assert [o.code for o in shaky.objections] == ["unstable-risks"]


def test_worker_count_changes_no_bit():
    d = syn(150)
    arguments = {"n_resamples": 8, "random_state": 5}
    X, y = d[["c1", "p1"]], Surv.right(d["time"], d["event"])
    one = bootstrap_validate(CoxPH(), X, y, 12, n_jobs=1, **arguments)
    two = bootstrap_validate(CoxPH(), X, y, 12, n_jobs=2, **arguments)
    assert np.array_equal(one.resampled, two.resampled)
    assert np.array_equal(one.corrected, two.corrected, equal_nan=True)


def test_resumes_to_identical_results(tmp_path):
    d = syn(150)
    X, y = d[["c1", "p1"]], Surv.right(d["time"], d["event"])
    arguments = {"n_resamples": 6, "random_state": 5}
    whole = bootstrap_validate(CoxPH(), X, y, 12, **arguments)
    bootstrap_validate(CoxPH(), X, y, 12, checkpoint=tmp_path / "b", **arguments)
    for number in (0, 4):
        (tmp_path / "b" / f"task-{number}.npz").unlink()
    again = bootstrap_validate(CoxPH(), X, y, 12, checkpoint=tmp_path / "b", **arguments)
    assert np.array_equal(again.corrected, whole.corrected, equal_nan=True)


def test_clusters_are_drawn_whole_and_sites_keep_their_size():
    from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw

    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(30), 4)
    rows = Draw(120, units, None).rows(rng)
    drawn = np.bincount(units[rows], minlength=30)
    assert (drawn % 4 == 0).all()
    sites = np.repeat([0, 1, 2], [50, 40, 30])
    rows = Draw(120, None, sites).rows(rng)
    assert np.bincount(sites[rows]).tolist() == [50, 40, 30]


def test_one_unit_and_missing_sites_are_refused():
    d = syn(60)
    X, y = d[["c1", "p1"]], Surv.right(d["time"], d["event"])
    halves = np.repeat(["a", "b"], 30)
    for given in ({"groups": np.zeros(60)}, {"groups": halves, "within": halves}):
        with pytest.raises(ArgumentError, match="`groups` must be two or more units"):
            bootstrap_validate(CoxPH(), X, y, 12, n_resamples=2, **given)
    two = bootstrap_validate(CoxPH(), X, y, 12, n_resamples=2, groups=halves)
    assert np.isfinite(two.corrected[0])
    for missing in (None, np.nan, pd.NA):
        with pytest.raises(ArgumentError, match="`within`"):
            bootstrap_validate(CoxPH(), X, y, 12, n_resamples=2, within=[missing, *halves[1:]])


def test_a_resample_is_drawn_again_as_it_was_drawn():
    from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw

    rng = np.random.default_rng(1)
    units, sites = np.repeat(np.arange(30), 4), np.repeat([0, 1], [48, 72])
    draw = Draw(120, units, sites)
    rows = draw.rows(rng)
    again = draw.again(rows, rng)
    assert np.bincount(sites[again]).tolist() == [48, 72]
    assert (np.bincount(units[again], minlength=30) % 4 == 0).all()
    assert set(units[again]) <= set(units[rows])
    # each of the four rows of a unit comes as often as the others
    counts = np.bincount(again, minlength=120).reshape(30, 4)
    assert (counts == counts[:, :1]).all()
    plain = Draw(120, None, None)
    np.testing.assert_array_equal(
        plain.again(rows, np.random.default_rng(2)), rows[np.random.default_rng(2).integers(0, 120, 120)]
    )


class Moody:
    """A model that fails on a share of its fits."""

    share = 0.05

    def get_params(self, deep=True):
        return {}

    def __sklearn_clone__(self):
        return type(self)()

    def fit(self, X, y):
        if np.random.default_rng(int(1e6 * np.abs(np.asarray(X)).sum()) % 2**32).random() < self.share and len(X) > 1:
            raise EstimationError("no")
        self.level_ = float((y["status"] == 1).mean())
        return self

    def predict_risk(self, X, horizons, cause=1):
        return np.full((len(X), np.size(horizons)), self.level_)


class Hopeless(Moody):
    share = 0.5


def test_failed_fits_are_counted_drawn_again_and_bounded():
    d = syn(80)
    X, y = d[["c1", "c2"]].iloc[:79], Status.at(12, d["y"].iloc[:79])
    result = bootstrap_validate(Moody(), X, y, 12, n_resamples=60, random_state=3, indexes=False)
    assert 0 < result.n_failed <= 6
    assert "failed-fits" in [o.code for o in result.objections]
    # the fit on the data themselves must succeed for the resamples to be tried at all
    shift = next(shift for shift in range(50) if _fits(X + shift, y))
    with pytest.raises(EstimationError, match="more than a tenth"):
        bootstrap_validate(Hopeless(), X + shift, y, 12, n_resamples=40, random_state=3, indexes=False)


def _fits(X, y):
    try:
        Hopeless().fit(X, y)
    except EstimationError:
        return False
    return True


class Memory:
    """A model that knows its training rows by heart."""

    interpolates = True

    def get_params(self, deep=True):
        return {}

    def __sklearn_clone__(self):
        return Memory()

    def fit(self, X, y):
        self.known_ = {tuple(row): float(s) for row, s in zip(np.asarray(X), y["status"])}
        return self

    def predict_risk(self, X, horizons, cause=1):
        risk = np.array([self.known_.get(tuple(row), 0.5) for row in np.asarray(X)])
        return np.clip(risk, 0.01, 0.99)[:, None] * np.ones(np.size(horizons))


def test_models_that_interpolate_are_steered_to_632_plus():
    d = syn(120)
    rng = np.random.default_rng(1)
    X, y = d[["c1", "c2"]], Status.at(12, rng.integers(0, 2, 120))
    result = bootstrap_validate(Memory(), X, y, 12, n_resamples=40, random_state=1, indexes=False)
    assert result.method == ".632+"
    assert result.at("auc")["apparent"] == 1.0
    assert result.at("auc")["corrected"] == pytest.approx(0.5, abs=0.02)
    wished = bootstrap_validate(Memory(), X, y, 12, n_resamples=40, random_state=1, indexes=False, method="optimism")
    assert wished.at("auc")["corrected"] > 0.6
    assert "optimism-of-interpolating-model" in [o.code for o in wished.objections]


def test_two_stage_interval_is_wider_around_the_corrected_value():
    d = syn(120)
    X, y = d[COLUMNS], Status.at(12, d["y"])
    result = bootstrap_validate(
        LogisticRisk(), X, y, 12, n_resamples=30, interval="two-stage", n_inner=8, random_state=2, indexes=False
    )
    row = result.at("auc")
    assert row["low"] < row["corrected"] < row["high"]


def test_a_fitted_model_is_refused():
    d = syn(100)
    X, y = d[["c1"]], Status.at(12, d["y"])
    with pytest.raises(LeakageError):
        bootstrap_validate(LogisticRisk().fit(X, y), X, y, 12)


def test_frame_has_the_decision_curve():
    d = syn(120)
    result = bootstrap_validate(
        CoxPH(),
        d[["c1", "p1"]],
        Surv.right(d["time"], d["status"] == 1),
        [6, 12],
        thresholds=[0.2, 0.3],
        n_resamples=10,
        random_state=0,
    )
    frame = result.to_frame()
    assert set(frame.loc[frame["metric"] == "net_benefit", "threshold"]) == {0.2, 0.3}
    assert len(result.decision_curve(12)) == 2
    assert (frame["tier"] == "utility").sum() == 4


@pytest.mark.parametrize("kind", ["right", "status"])
def test_limits_of_calibration_are_not_those_of_what_the_fit_sets(kind):
    """The slope is one in every resample it was fitted to: its spread there is nothing; in new patients it is wide."""
    effect = np.array([0.6, -0.4, 0.3])
    rng = np.random.default_rng(2)

    def draw(n):
        X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
        lp = X.to_numpy() @ effect
        if kind == "status":
            return X, Status.at(5, (rng.random(n) < expit(lp)).astype(int)), Logit()
        t, c = rng.exponential(10 * np.exp(-lp)), rng.uniform(4, 16, n)
        return X, Surv.right(np.minimum(t, c), (t <= c).astype(int)), CoxPH()

    names = ("calibration_slope", "observed_expected", *(("citl",) if kind == "status" else ()))
    truth, width, spread = {n: [] for n in names}, {n: [] for n in names}, {n: [] for n in names}
    for _ in range(25):
        X, y, model = draw(200)
        found = bootstrap_validate(model, X, y, 5, n_resamples=12, random_state=rng, indexes=False)
        fitted = model.fit(X, y)
        new, later, _ = draw(200)  # of the same size: what an interval of 200 patients is about
        lp = {"linear_predictor": fitted.linear_predictor(new)} if kind == "right" else {}
        other = calibration(later, fitted.predict_risk(new, 5)[:, 0], 5.0, n_resamples=0, **lp)
        for name in names:
            at = found.at(name)
            width[name].append((at["high"] - at["low"]) / 3.92)
            truth[name].append(getattr(other, name).value)
            spread[name].append(np.ptp(found.resampled[:, [n for n, _, _ in found.names].index(name)]))
    for name in names:
        assert 0.6 < np.mean(width[name]) / np.std(truth[name]) < 1.4, name
    assert max(spread["calibration_slope"]) < 1e-6
    assert found.to_frame().set_index("metric").loc["calibration_slope", "method"].endswith("influence interval")


def test_calibration_instability_is_that_of_each_model():
    """Every curve, ratio, slope and net benefit is what the metrics say of that model's risks of the same patients."""
    from lbp_prognosis.evaluation import decision_curve

    d = syn().head(200)
    y = Surv.right(d["time"], d["event"])
    found = bootstrap_validate(
        CoxPH(), d[COLUMNS], y, [6.0, 12.0], n_resamples=6, random_state=0, indexes=False, keep_predictions=True
    )
    at = found.calibration_instability(12.0, thresholds=[0.3, 0.5])
    assert at.curves.shape == (6, at.grid.size)
    for b in range(6):
        risk = found.predictions[b, :, 1].astype(float)
        one = calibration(y, risk, 12.0, n_resamples=0)
        assert at.observed_expected[b] == pytest.approx(one.observed_expected.value)
        assert at.calibration_slope[b] == pytest.approx(one.calibration_slope.value)
        inside = np.isfinite(at.curves[b])
        want = np.interp(at.grid[inside], one.curves[0].risk, one.curves[0].observed)
        np.testing.assert_allclose(at.curves[b][inside], want)
        benefit = decision_curve(y, risk, 12.0, [0.3, 0.5], n_resamples=0).value[0, 0]
        np.testing.assert_allclose(at.net_benefit[b], benefit)
    assert np.nanstd(at.curves, axis=0).max() > 0.01
    options = {"n_resamples": 20, "random_state": 0, "indexes": False, "keep_predictions": True}
    whole = syn()
    few = bootstrap_validate(CoxPH(), d[COLUMNS].head(80), y[:80], 12, **options).calibration_instability()
    many = bootstrap_validate(CoxPH(), whole[COLUMNS], Surv.right(whole["time"], whole["event"]), 12, **options)
    assert abs(np.mean(few.calibration_slope) - 1) > 2 * abs(
        np.mean(many.calibration_instability().calibration_slope) - 1
    )
    with pytest.raises(ArgumentError, match="horizon"):
        found.calibration_instability(7.0)
    pytest.importorskip("matplotlib").use("Agg")
    assert len(at.plot_net_benefit().lines) > 6
