"""One call for everything: each number is the one its own function gives, for every kind of outcome."""

import numpy as np
import pytest

from lbp_prognosis import LBPError, evaluate
from lbp_prognosis._base import METRIC_COLUMNS
from lbp_prognosis.evaluation import (
    ThresholdRange,
    brier,
    calibration,
    concordance,
    decision_curve,
    time_dependent_auc,
)
from lbp_prognosis.survival import Status, Surv

GRID = np.round(np.arange(0.1, 0.5, 0.05), 12)


def cohort(n=400, seed=0, competing=False):
    rng = np.random.default_rng(seed)
    lp, noise = rng.normal(size=(2, n))
    t, c = rng.exponential(15 * np.exp(-lp)), rng.uniform(4, 40, n)
    event = (t <= c).astype(int)
    if competing:
        event[(event == 1) & (rng.random(n) < 0.35)] = 2

    def risks(score):
        return np.column_stack([-np.expm1(-h / 15 * np.exp(score)) for h in (4, 8)])

    y = Surv.right(np.ceil(np.minimum(t, c)), event, censored=0)
    return y, {"good": risks(lp), "noisy": risks(0.7 * lp + 0.7 * noise)}, {"good": lp, "noisy": 0.7 * lp + 0.7 * noise}


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("target", ["event", "no_event"])
def test_every_number_is_that_of_its_function(competing, target):
    y, risks, scores = cohort(competing=competing)
    found = evaluate(y, risks, [4, 8], GRID, linear_predictors=scores, target=target, n_resamples=20)
    frame = found.to_frame()
    assert list(frame.columns) == [*METRIC_COLUMNS, "threshold", "target", "reference"]

    def value(model, metric, horizon=None, threshold=None, reference="", column="value"):
        rows = frame[(frame["model"] == model) & (frame["metric"] == metric) & (frame["reference"] == reference)]
        if horizon is not None:
            rows = rows[rows["horizon"] == horizon]
        if threshold is not None:
            rows = rows[np.isclose(rows["threshold"], threshold)]
        assert len(rows) == 1, (model, metric, horizon)
        return rows[column].iloc[0]

    auc = {m: time_dependent_auc(y, risks[m], [4, 8], target=target) for m in risks}
    score = {m: brier(y, risks[m], [4, 8], target=target) for m in risks}
    c = {m: concordance(y, scores[m]) for m in risks}
    cal = {m: calibration(y, risks[m], [4, 8], target=target, linear_predictor=scores[m]) for m in risks}
    curve = decision_curve(y, risks, [4, 8], GRID, target=target, n_resamples=0)
    for m, name in enumerate(risks):
        assert value(name, "concordance") == c[name].value
        for h, tau in enumerate((4, 8)):
            assert value(name, "auc", tau) == auc[name].value[h]
            assert value(name, "brier", tau, column="se") == score[name].se[h]
            assert value(name, "ipa", tau) == score[name].ipa.value[h]
            assert value(name, "calibration_slope", tau) == cal[name].calibration_slope.value[h]
            assert value(name, "observed_expected", tau, column="low") == cal[name].observed_expected.low[h]
            assert value(name, "ici", tau) == cal[name].ici.value[h]
            assert value(name, "net_benefit", tau, 0.3) == curve.value[m, h, 4]
    difference = auc["noisy"].minus(auc["good"])
    assert value("noisy", "auc", 8, reference="good") == difference.value[1]
    assert value("noisy", "auc", 8, reference="good", column="se") == difference.se[1]
    against = curve.difference("good")
    assert value("good", "net_benefit", 8, 0.3, "treat all", "high") == against.high[1, 4]
    assert np.isfinite(value("noisy", "net_benefit", 4, 0.2, "good", "se"))
    assert found.difference("auc", "good", "noisy").value[0] == -difference.value[0]
    assert found.metric("ici", "good").value[1] == cal["good"].ici.value[1]


def test_states_and_visits():
    y, risks, _ = cohort()
    state = Status.at(8, (y["time"] <= 8).astype(int))
    found = evaluate(state, {m: r[:, 1] for m, r in risks.items()}, thresholds=GRID, n_resamples=20)
    names = set(found.metrics["good"])
    assert {"auc", "brier", "ipa", "log_score", "nagelkerke_r2", "calibration_slope", "ici", "spiegelhalter_z"} <= names
    assert not names & {"uno_concordance", "royston_d", "ibs_step"}
    assert found.decision is not None
    visits = np.array([4.0, 8.0, 16.0, 32.0])
    after = np.array([min([*visits[visits >= t], np.inf]) for t in y["time"]])
    before = np.array([max([0.0, *visits[visits < t]]) for t in y["time"]])
    seen = (y["event"] == 1) & np.isfinite(after)
    interval = Surv.interval(before, np.where(seen, after, np.inf))
    at_visits = evaluate(interval, risks, [4, 8], GRID, n_resamples=20)
    assert at_visits.decision is None
    assert "no-decision-curve" in {o.code for o in at_visits.objections}
    assert np.isfinite(at_visits.metric("auc", "good").value).all()
    assert np.isfinite(at_visits.metric("observed_expected", "good").value).all()


def test_one_model_one_horizon_gives_floats():
    y, risks, scores = cohort()
    found = evaluate(y, risks["good"][:, 1], 8, linear_predictors=scores["good"], n_resamples=20)
    assert isinstance(found.metric("auc").value, float)
    assert found.models == ("model",)
    assert found.differences == ()
    assert found.decision is None
    assert "O/E" in found.table().columns
    with pytest.raises(LBPError, match="one of"):
        found.metric("accuracy")


def test_what_cannot_be_estimated_has_a_reason_and_hides_nothing():
    y, risks, _ = cohort()
    wide = {m: np.column_stack([r, np.full(400, np.nan)]) for m, r in risks.items()}
    found = evaluate(y, wide, [4, 8, 500], GRID, n_resamples=20)
    frame = found.to_frame()
    far = frame[frame["horizon"] == 500]
    assert far["value"].isna().all()
    assert (far["reason"] != "").all()
    near = frame[(frame["horizon"] == 8) & frame["metric"].isin(["auc", "brier", "ici", "net_benefit"])]
    assert near["value"].notna().all()
    upside = evaluate(y, {"survival": 1 - 0.8 * risks["good"]}, [4, 8], n_resamples=20)
    assert "risk-looks-inverted" in {o.code for o in upside.objections}
    constant = evaluate(y, np.full((400, 2), 0.3), [4, 8], GRID, n_resamples=20)
    assert (constant.metric("auc").value == 0.5).all()
    assert np.isnan(constant.metric("calibration_slope").value).all()


def test_weights_and_clusters_reach_every_metric():
    y, risks, _ = cohort()
    twice = np.repeat(np.arange(400), 2)
    copies = {m: r[twice] for m, r in risks.items()}
    plain = evaluate(y, risks, [4, 8], GRID, n_resamples=0)
    clustered = evaluate(y[twice], copies, [4, 8], GRID, clusters=twice, n_resamples=0)
    for name in ("auc", "brier", "observed_expected"):
        np.testing.assert_allclose(
            clustered.metric(name, "good").se, plain.metric(name, "good").se * np.sqrt(400 / 399), rtol=1e-8
        )
    np.testing.assert_allclose(clustered.decision.se, plain.decision.se * np.sqrt(400 / 399), rtol=1e-8)


def test_it_shows_itself():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risks, _ = cohort()
    span = ThresholdRange(0.2, 0.4, 0.3, "a test")
    found = evaluate(y, risks, [4, 8], span, n_resamples=20)
    html = found._repr_html_()
    assert "good" in html
    assert "noisy − good" in html
    assert "2 models, n = 400" in repr(found)
    assert len(found.figure().axes) >= 5
    found.plot(metric="ipa")
    plt.close("all")
    # no patient is followed to 400: the page is of the last horizon that has numbers
    wide = {name: np.column_stack([risk, risk[:, 1]]) for name, risk in risks.items()}
    page = evaluate(y, wide, [4, 8, 400], n_resamples=20).figure()
    assert page.axes[0].get_xlabel() == "predicted risk of event by 8"
    plt.close("all")


def test_differences_for_reading():
    y, risks, _ = cohort()
    found = evaluate(y, risks, [4, 8], n_resamples=20)
    table = found.difference_table()
    assert table[["difference", "horizon"]].values.tolist() == [["noisy − good", 4.0], ["noisy − good", 8.0]]
    one = found.difference("auc", "noisy", "good")
    assert table["AUC"].tolist() == [
        f"{v:.3f} ({low:.3f} to {high:.3f})" for v, low, high in zip(one.value, one.low, one.high)
    ]
    assert evaluate(y, risks["good"], [4, 8], n_resamples=20).difference_table().empty


def test_a_refused_argument_is_an_error():
    y, risks, _ = cohort(100)
    with pytest.raises(LBPError, match="censoring"):
        evaluate(y, risks, [4, 8], censoring="none")
    with pytest.raises(LBPError, match="linear_predictors"):
        evaluate(y, risks, [4, 8], linear_predictors=np.zeros(100))
    with pytest.raises(LBPError, match="named as the models"):
        evaluate(y, risks, [4, 8], linear_predictors={"other": np.zeros(100)})
    late = Surv.right(y["time"] + 1, y["event"], entry=np.ones(100), censored=0)
    with pytest.raises(LBPError, match="late entry"):
        evaluate(late, risks, [4, 8])


@pytest.mark.parametrize("gone", [0, 1])
def test_one_of_two_models_without_a_risk_at_one_horizon(gone):
    """Everything else is as it is without it; what is missing is NaN with a reason, without an error."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    t, c = rng.exponential(5 * np.exp(-x)), rng.uniform(1, 9, 200)
    y, horizons = Surv.right(np.minimum(t, c), (t <= c).astype(int)), [2.0, 4.0]
    risk = 1 - np.exp(-np.exp(x)[:, None] * np.array(horizons) / 5)
    lost = risk**1.2
    lost[:, gone] = np.nan
    found = evaluate(y, {"a": risk, "b": lost}, horizons, [0.2, 0.4], n_resamples=0)
    frame = found.to_frame()
    none = frame["value"].isna()
    said = frame["reason"].fillna("")
    assert (said[none] != "").all()
    bare = ~none & frame["low"].isna()
    assert said[bare].eq("no interval: it needs draws (`n_resamples`), and none were asked for").all()
    assert (said[~none & ~bare] == "").all()
    assert frame.loc[none, ["se", "low", "high"]].isna().all().all()
    assert none.any()
    alone = evaluate(y, {"a": risk}, horizons, [0.2, 0.4], n_resamples=0).to_frame()
    kept = frame[(frame["model"] == "a") & (frame["reference"] == "")]
    np.testing.assert_array_equal(
        kept["value"], alone.loc[(alone["model"] == "a") & (alone["reference"] == ""), "value"]
    )
    pairs = {d.metric for d in found.differences}
    assert ("uno_concordance" in pairs) == (gone == 0)
    assert ("difference-not-computed" in {o.code for o in found.objections}) == (gone == 1)


def test_what_is_asked_for_under_another_name_is_quoted():
    y, risks, _ = cohort(100)
    found = evaluate(y, risks, [4, 8], n_resamples=0)
    with pytest.raises(LBPError, match=r"`name` must be one of .*'auc'.*; got 'AUC'\."):
        found.metric("AUC", "good")
    with pytest.raises(LBPError, match=r"`model` must be one of 'good', 'noisy'; got 'bad'\."):
        found.metric("auc", "bad")
