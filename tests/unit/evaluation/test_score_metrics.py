"""Metrics of predicted scores: brute-force twins, errors by the jackknife, missing scores, weights as copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError, Measured, evaluate
from lbp_prognosis.evaluation import (
    crps,
    mean_absolute_error,
    mean_calibration,
    ordinal_concordance,
    pit,
    score_r2,
)
from lbp_prognosis.models import OrdinalRegression
from lbp_prognosis.survival import ScoreForecast, Weights
from lbp_prognosis.validation import attrition_weights

N = 120
RNG = np.random.default_rng(14)
X = RNG.normal(size=(N, 2)).round(2)
SCORE = np.clip(np.round(4 + 2 * X[:, 0] + RNG.logistic(size=N)), 0, 10)
LEVELS = np.array([0.0, 1.0, 2.5, 4.0, 7.0, 10.0])
PROBABILITY = RNG.dirichlet(np.ones(6), N)
FORECAST = ScoreForecast(LEVELS, PROBABILITY)
Y = Measured.at(12, SCORE, lower=0, upper=10, at_most=3)

METRICS = {
    "crps": lambda y, f, **k: crps(y, f, **k),
    "mae": lambda y, f, **k: mean_absolute_error(y, f, **k),
    "score_r2": lambda y, f, **k: score_r2(y, f, **k),
    "ordinal_concordance": lambda y, f, **k: ordinal_concordance(y, f, **k),
    "dxy": lambda y, f, **k: ordinal_concordance(y, f, **k).dxy,
    "mean_error": lambda y, f, **k: mean_calibration(y, f, **k).error,
    "mean_calibration_intercept": lambda y, f, **k: mean_calibration(y, f, **k).intercept,
    "mean_calibration_slope": lambda y, f, **k: mean_calibration(y, f, **k).slope,
    "pit_bias": lambda y, f, **k: pit(y, f, **k).bias,
    "pit_spread": lambda y, f, **k: pit(y, f, **k).spread,
}


def numeric_crps(levels, probability, value) -> float:
    grid = np.linspace(-2, 14, 160_001)
    middle = (grid[1:] + grid[:-1]) / 2
    below = (levels[None, :] <= middle[:, None]) @ probability
    return float(np.sum((below - (value <= middle)) ** 2) * (grid[1] - grid[0]))


@pytest.mark.parametrize("value", [0.0, 0.4, 2.5, 3.9, 10.0, 11.3, -0.5])
def test_crps_is_the_integral(value) -> None:
    y = Measured.at(12, [value], lower=-1, upper=12)
    found = crps(y, FORECAST.take(np.array([3])), min_at_risk=0).value
    assert found == pytest.approx(numeric_crps(LEVELS, PROBABILITY[3], value), abs=2e-4)


def test_crps_of_one_number_is_its_absolute_error() -> None:
    sure = ScoreForecast([4.0], np.ones((N, 1)))
    assert crps(Y, sure).value == pytest.approx(mean_absolute_error(Y, sure).value, rel=1e-12)


def test_rps_is_the_sum_of_brier_scores_of_the_cuts() -> None:
    probability = RNG.dirichlet(np.ones(11), N)
    forecast = ScoreForecast(np.arange(11.0), probability)
    below = np.cumsum(probability, axis=1)[:, :-1]
    twin = np.mean(np.sum((below - (SCORE[:, None] <= np.arange(10))) ** 2, axis=1))
    assert crps(Y, forecast, spacing="levels").value == pytest.approx(twin, rel=1e-12)
    with pytest.raises(LBPError, match="level"):
        crps(Y, FORECAST, spacing="levels")


def test_concordance_by_double_loop() -> None:
    ahead = FORECAST.mean().round(1)  # with ties
    good = tied = pairs = 0
    for i in range(N):
        for j in range(i):
            if SCORE[i] != SCORE[j]:
                pairs += 1
                good += (SCORE[i] - SCORE[j]) * (ahead[i] - ahead[j]) > 0
                tied += ahead[i] == ahead[j]
    found = ordinal_concordance(Y, ahead)
    assert (found.concordant, found.tied) == (good, tied)
    assert found.value == pytest.approx((good + tied / 2) / pairs, rel=1e-14)
    assert found.dxy is not None
    assert found.dxy.value == pytest.approx(2 * found.value - 1, rel=1e-14)


def test_lines_are_least_squares() -> None:
    found = mean_calibration(Y, FORECAST)
    slope, intercept = np.polyfit(FORECAST.mean(), SCORE, 1)
    assert [found.slope.value, found.intercept.value] == pytest.approx([slope, intercept], rel=1e-10)
    assert found.error.value == pytest.approx(np.mean(SCORE - FORECAST.mean()), rel=1e-12)
    assert found.groups["n"].sum() == N
    assert len(found.groups) == 10


def test_transform_of_right_forecasts_is_uniform() -> None:
    draws = np.array([RNG.choice(LEVELS, p=PROBABILITY[0]) for _ in range(20_000)])
    many = ScoreForecast(LEVELS, np.repeat(PROBABILITY[:1], draws.size, axis=0))
    found = pit(Measured.at(12, draws, lower=0, upper=10), many)
    assert abs(found.bias.value) < 4 * found.bias.se
    assert abs(found.spread.value - 1) < 4 * found.spread.se
    assert (np.abs(found.density - 1) < 4.5 * found.se).all()
    assert found.density.mean() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_errors_are_those_of_the_infinitesimal_jackknife(name) -> None:
    call = METRICS[name]
    found = call(Y, FORECAST)
    step, slopes = 1e-5, np.empty(N)
    for i in range(N):
        up, down = np.ones(N), np.ones(N)
        up[i], down[i] = 1 + step, 1 - step
        slopes[i] = (call(Y, FORECAST, sample_weight=up).value - call(Y, FORECAST, sample_weight=down).value) / 2 / step
    np.testing.assert_allclose(found.influence / N, slopes, atol=1e-8, rtol=1e-5)
    assert found.se == pytest.approx(np.sqrt(np.sum(slopes**2)), rel=1e-5)


@pytest.mark.parametrize("name", METRICS)
def test_frequency_weights_are_copies(name) -> None:
    call, copies = METRICS[name], RNG.integers(0, 4, N)
    rows = np.repeat(np.arange(N), copies)
    weighted = call(Y, FORECAST, sample_weight=Weights(copies.astype(float), "frequency"))
    copied = call(Y[rows], FORECAST.take(rows))
    assert [weighted.value, weighted.se, weighted.n] == pytest.approx([copied.value, copied.se, copied.n], rel=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_missing_scores_have_no_part_and_the_order_none(name) -> None:
    call, gone = METRICS[name], np.arange(N) % 5 == 0
    holes = Measured.at(12, np.where(gone, np.nan, SCORE), lower=0, upper=10)
    found, seen = call(holes, FORECAST), call(Y[~gone], FORECAST.take(np.flatnonzero(~gone)))
    assert [found.value, found.se, found.n] == pytest.approx([seen.value, seen.se, seen.n], rel=1e-10)
    order = RNG.permutation(N)
    assert call(holes[order], FORECAST.take(order)).value == pytest.approx(found.value, rel=1e-12)
    clustered = call(holes, FORECAST, clusters=np.arange(N) // 2)
    assert clustered.value == found.value
    assert clustered.se != found.se


@pytest.mark.parametrize("name", METRICS)
def test_too_few_scores_are_nan_with_a_reason(name) -> None:
    for count, told in ((9, True), (10, False), (11, False), (0, True)):
        y = Measured.at(12, np.where(np.arange(N) < count, SCORE, np.nan), lower=0, upper=10)
        found = METRICS[name](y, FORECAST)
        assert np.isnan(found.value) == told
        assert bool(found.reason) == told


def test_equal_scores_and_equal_predictions_are_told() -> None:
    same = Measured.at(12, np.full(N, 3.0), lower=0, upper=10)
    assert score_r2(same, FORECAST).reason == "all scores are equal"
    assert ordinal_concordance(same, FORECAST).reason == "all scores are equal"
    found = mean_calibration(Y, np.full(N, 3.0))
    assert found.slope.reason == "all predictions are equal"
    assert np.isfinite(found.error.value)


def test_attendance_weights_undo_selective_attrition() -> None:
    rng = np.random.default_rng(3)
    n = 4000
    x = pd.DataFrame({"x": rng.normal(size=n)})
    score = np.clip(np.round(5 + 2 * x["x"] + rng.normal(size=n)), 0, 10)
    lost = rng.uniform(size=n) < 1 / (1 + np.exp(-1.5 * x["x"]))
    y = Measured.at(12, np.where(lost, np.nan, score), lower=0, upper=10)
    whole = mean_calibration(Measured.at(12, score, lower=0, upper=10), np.full(n, 5.0)).error
    plain = mean_calibration(y, np.full(n, 5.0)).error
    weighted = mean_calibration(y, np.full(n, 5.0), sample_weight=attrition_weights(y, x).weights).error
    assert abs(plain.value - whole.value) > 0.5
    assert abs(weighted.value - whole.value) < 3 * weighted.se


def test_evaluate_takes_forecasts_with_and_without_a_cut() -> None:
    model = OrdinalRegression().fit(X, Y)
    good = model.predict_forecast(X)
    found = evaluate(Y, {"fit": good, "noise": FORECAST}, thresholds=[0.3, 0.5], n_resamples=0)
    assert {"crps", "ordinal_concordance", "pit_spread", "auc", "brier"} <= set(found.metrics["fit"])
    assert found.metric("brier", "fit").value == pytest.approx(
        evaluate(Y, good.at_most(3), n_resamples=0).metric("brier").value, rel=1e-12
    )
    difference = found.difference("crps", "fit", "noise")
    assert difference.value == pytest.approx(crps(Y, good).value - crps(Y, FORECAST).value, rel=1e-12)
    assert difference.se < found.metric("crps", "fit").se + found.metric("crps", "noise").se
    assert found.decision is not None
    assert set(found.mean_calibrations) == set(found.pits) == {"fit", "noise"}
    uncut = evaluate(Measured.at(12, SCORE, lower=0, upper=10), good)
    assert uncut.decision is None
    assert "auc" not in uncut.metrics["model"]
    assert "CRPS" in uncut.table().columns
    with pytest.raises(LBPError, match="cut"):
        evaluate(Measured.at(12, SCORE, lower=0, upper=10), good, thresholds=[0.3])
    with pytest.raises(LBPError, match="forecasts of all"):
        evaluate(Y, {"a": good, "b": good.at_most(3)})
    with pytest.raises(LBPError, match="rows"):
        evaluate(Y, good.take(np.arange(5)))


def test_forecasts_are_paired_by_label() -> None:
    index = pd.Index([f"p{k}" for k in range(N)])
    frame = pd.DataFrame(X, index=index, columns=["a", "b"])
    y = Measured.at(12, SCORE, lower=0, upper=10, index=index)
    model = OrdinalRegression().fit(frame, y)
    order = RNG.permutation(N)
    shuffled = model.predict_forecast(frame.iloc[order])
    assert crps(y, shuffled).value == pytest.approx(crps(y, model.predict_forecast(frame)).value, rel=1e-12)


@pytest.mark.parametrize(
    ("levels", "probability", "told"),
    [
        ([0, 0], [[0.5, 0.5]], "increasing"),
        ([0, np.inf], [[0.5, 0.5]], "finite"),
        ([0, 1], [[0.5, 0.4]], "sum to 1"),
        ([0, 1], [[1.1, -0.1]], "negative"),
        ([0, 1], [[0.5, np.nan]], "rows"),
        ([0, 1], [[1.0]], "column"),
    ],
)
def test_forecasts_that_are_none_are_refused(levels, probability, told) -> None:
    with pytest.raises(LBPError, match=told):
        ScoreForecast(levels, probability)
