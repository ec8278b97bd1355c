"""Paired differences know that the patients, and with them both models' predictions, are a sample."""

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import calibration, evaluate, royston_d
from lbp_prognosis.survival import Status, Surv, Weights

TAU = 6.0
KINDS = ("right", "competing", "status", "interval")


def cohort(kind, n, seed):
    """Outcome and the risks of a clinical and of a full model."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    lp = 0.7 * x + 0.6 * z
    if kind == "status":
        full = 1 / (1 + np.exp(0.4 - 1.2 * lp))
        state = np.where(rng.random(n) < 0.12, -1, rng.random(n) < full)
        return Status.at(TAU, state), {"part": 1 / (1 + np.exp(0.2 - 0.8 * x)), "full": full}
    part, full = -np.expm1(-0.5 * np.exp(0.5 * x)), -np.expm1(-0.54 * np.exp(lp))
    time = rng.exponential(1 / (0.09 * np.exp(lp)))
    if kind == "interval":
        visits = np.array([0.0, 2, 4, 6, 9, 12])
        last = np.minimum(1 + rng.binomial(6, 0.6, n), 5)
        found = np.searchsorted(visits, time)
        seen = found <= last
        lower = np.where(seen, visits[np.maximum(found - 1, 0)], visits[last])
        return Surv.interval(lower, np.where(seen, visits[np.minimum(found, 5)], np.inf)), {"part": part, "full": full}
    other = rng.exponential(20, n) if kind == "competing" else np.full(n, np.inf)
    leave, end = np.minimum(rng.exponential(16, n), 14), np.minimum(time, other)
    event = np.where(leave < end, 0, np.where(time <= other, 1, 2))
    return Surv.right(np.minimum(end, leave), event, censored=0), {"part": part, "full": full}


@pytest.mark.parametrize("kind", KINDS)
def test_influence_values_are_derivatives_by_the_weights_of_the_rows(kind):
    """The twin: weigh one patient a little more and a little less, and compute everything again."""
    n = 120
    y, risks = cohort(kind, n, 5)
    weight = np.random.default_rng(6).uniform(0.5, 2, n)

    def values(w):
        found = evaluate(y, risks["full"], None if kind == "status" else TAU, sample_weight=Weights(w), n_resamples=0)
        return found.metrics["model"] if "model" in found.metrics else next(iter(found.metrics.values()))

    here = values(weight)
    # Uno's G is documented as taken as known; DeLong's divisors are m − 1; Fine–Gray's G here keeps events at risk
    spared = {"uno_concordance"} | ({"auc"} if kind == "status" else set())
    rough = {"royston_d", "r2_d"} if kind == "competing" else set()
    checked = 0
    for i in (0, 17, 63, 110):
        step = np.zeros(n)
        step[i] = 1e-4
        up, down = values(weight + step), values(weight - step)
        for name, result in here.items():
            if result.influence is None or name in spared:
                continue
            numeric = (up[name].value - down[name].value) / 2e-4 * n * weight[i]
            # central differences of an iterated fit are good to a few digits
            allowed = 2e-2 if name in rough else 1e-4
            assert result.influence[i] == pytest.approx(numeric, rel=allowed, abs=allowed), (name, i)
            checked += 1
    assert checked >= 4 * 8


@pytest.mark.parametrize("kind", KINDS)
def test_models_that_differ_by_noise_have_the_same_ratio_of_observed_to_expected(kind):
    y, risks = cohort(kind, 400, 11)
    noisy = np.clip(risks["full"] + 1e-6 * np.random.default_rng(0).normal(size=400), 0, 1)
    found = evaluate(y, {"a": risks["full"], "b": noisy}, None if kind == "status" else TAU, n_resamples=0)
    difference = found.difference("observed_expected", "b", "a")
    assert abs(difference.value) < 1e-6
    assert abs(difference.value / difference.se) < 3.5
    assert difference.se > 1e-8


def test_the_error_of_a_difference_of_ratios_is_that_of_the_bootstrap():
    y, risks = cohort("right", 400, 3)

    def ratio(rows, name):
        found = calibration(y[rows], risks[name][rows], TAU, n_resamples=0)
        return found.observed_expected.value

    found = evaluate(y, risks, TAU, n_resamples=0).difference("observed_expected", "full", "part")
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(300):
        rows = rng.integers(0, 400, 400)
        drawn.append(ratio(rows, "full") - ratio(rows, "part"))
    assert found.se == pytest.approx(np.std(drawn), rel=0.12)  # Monte-Carlo error of 300 resamples: 4 %
    # taken as given, the two expectations would leave the error of O alone
    observed = calibration(y, risks["full"], TAU, n_resamples=0).observed_expected
    naive = observed.se / observed.value * abs(found.value)
    assert found.se > 2 * naive


def test_the_interval_of_a_single_ratio_takes_the_expectation_as_given():
    y, risks = cohort("status", 300, 4)
    known = y["status"] >= 0
    share, expected = np.mean(y["status"][known] == 1), risks["full"][known].mean()
    single = calibration(y, risks["full"], n_resamples=0).observed_expected
    assert single.se == pytest.approx(np.sqrt(share * (1 - share) / known.sum()) / expected, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_distances_are_compared_resample_by_resample(kind):
    y, risks = cohort(kind, 300, 8)
    at = None if kind == "status" else TAU
    found = evaluate(y, {**risks, "again": risks["full"]}, at)
    names = {d.metric for d in found.differences}
    assert {"ici", "e50", "e90", "emax"} <= names
    for name in ("ici", "e50", "e90", "emax"):
        same = found.difference(name, "again", "full")
        assert (same.value, same.se) == (0.0, 0.0)
        pair = found.difference(name, "full", "part")
        assert pair.se > 0
        assert pair.low < pair.value < pair.high


def test_draws_of_other_resamples_are_not_paired():
    y, risks = cohort("right", 200, 9)
    first = calibration(y, risks["full"], TAU, random_state=1)
    second = calibration(y, risks["part"], TAU, random_state=2)
    assert first.ici.minus(calibration(y, risks["part"], TAU, random_state=1).ici).draws is not None
    assert first.ici.minus(second.ici).draws is None  # by influence values then
    with pytest.raises(ArgumentError, match="other"):
        first.e50.minus(second.e50)


def test_tied_scores_move_with_their_ranks():
    y, risks = cohort("right", 400, 12)
    score = np.round(risks["full"], 1)
    found = royston_d(y, score)
    left_out = [royston_d(np.delete(y, i), np.delete(score, i)).value for i in range(400)]
    jackknife = 399 * (found.value - np.array(left_out))
    jackknife -= jackknife.mean()
    # leaving a patient out is a step, not a derivative
    assert np.corrcoef(jackknife, found.influence)[0, 1] > 0.999
    assert np.sqrt(np.sum(found.influence**2)) == pytest.approx(np.sqrt(np.sum(jackknife**2)), rel=0.02)
