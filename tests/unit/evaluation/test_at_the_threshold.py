"""A risk at the threshold is at it however it is represented, and one clearly below is below, at every door."""

import numpy as np
import pytest

from lbp_prognosis._kernels import RESOLUTION, reaches, threshold_bins
from lbp_prognosis.evaluation import decision_curve, risk_groups
from lbp_prognosis.evaluation.utility import sequential_policy, value_of_information
from lbp_prognosis.evaluation.utility import test_tradeoff as tradeoff
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import reclassification
from lbp_prognosis.validation.resampling._instability import Instability

AT = {
    "as written": lambda t: t,
    "single precision": lambda t: float(np.float32(t)),
    "one minus one minus": lambda t: 1 - (1 - t),
    "complement as written": lambda t: 1 - round(1 - t, 6),
    "complement in single precision": lambda t: float(np.float32(1) - np.float32(1 - t)),
    "next number below": lambda t: float(np.nextafter(t, 0)),
    "next number above": lambda t: float(np.nextafter(t, 1)),
}
Y = Status.at(12, [1, 0, 1, 0, 1, 0, 0, 0])
OTHERS = np.array([0.9, 0.8, 0.7, 0.05, 0.06, 0.01, 0.02])


@pytest.mark.parametrize("t", [0.1, 0.35, 0.5, 0.7, 0.97])
@pytest.mark.parametrize("way", AT)
def test_on_the_threshold(t, way):
    risk = AT[way](t)
    assert bool(reaches(risk, t))
    assert not bool(reaches(risk, t, strict=True))
    assert threshold_bins(np.array([risk]), np.array([t / 2, t])).tolist() == [2]
    assert threshold_bins(np.array([risk]), np.array([t / 2, t]), strict=True).tolist() == [1]


@pytest.mark.parametrize("t", [0.1, 0.35, 0.97])
def test_just_below_and_above_the_threshold(t):
    below, above = t - 2 * RESOLUTION, t + 2 * RESOLUTION
    for strict in (False, True):
        assert reaches(np.array([below, above, np.nan]), t, strict).tolist() == [False, True, False]
        assert threshold_bins(np.array([below, above]), np.array([t]), strict).tolist() == [0, 1]


def test_bins_are_the_sum_of_what_is_reached():
    rng = np.random.default_rng(0)
    thresholds = np.array([0.1, 0.2, 0.35, 0.8])
    risk = np.concatenate([rng.random(50), thresholds, np.float32(thresholds).astype(float), thresholds - 1e-6])
    for strict in (False, True):
        one_by_one = sum(reaches(risk, t, strict).astype(int) for t in thresholds)
        assert threshold_bins(risk, thresholds, strict).tolist() == one_by_one.tolist()


@pytest.mark.parametrize("way", AT)
@pytest.mark.parametrize(("t", "place"), [(0.35, 3), (0.1, 3)])
def test_every_door_decides_alike(way, t, place):
    risk = np.insert(OTHERS, place, AT[way](t))
    clean = np.insert(OTHERS, place, t)
    treated, spared = clean >= t, clean > t
    gain = np.array([1.0, 0, 1, 0, 1, 0, 0, 0])
    worth = gain - t / (1 - t) * (1 - gain)

    def benefit(who):
        return float((who * worth).mean())

    curve = decision_curve(Y, risk, thresholds=[t], n_resamples=0)
    assert curve.value[0, 0, 0] == pytest.approx(benefit(treated), abs=1e-12)
    assert curve.at(float(np.float32(t))).value == curve.value[0, 0, 0]
    strict = decision_curve(Y, risk, thresholds=[t], n_resamples=0, at_threshold="spare")
    assert strict.value[0, 0, 0] == pytest.approx(benefit(spared), abs=1e-12)
    assert risk_groups(Y, risk, thresholds=[t], min_at_risk=0).groups.tolist() == treated.astype(int).tolist()
    other = decision_curve(Y, 1 - risk, thresholds=[t], n_resamples=0, target="no_event")
    flipped = 1 - gain
    worth_other = flipped - t / (1 - t) * (1 - flipped)
    assert other.value[0, 0, 0] == pytest.approx(float((treated * worth_other).mean()), abs=1e-12)
    never = np.full(8, 0.01)
    assert tradeoff(Y, never, risk, threshold=t).difference == pytest.approx(benefit(treated), abs=1e-12)
    policy = sequential_policy(Y, np.full(8, t - 0.01), risk, threshold=t, band=(0.02, t + 0.2))
    assert policy.row("band").gain == pytest.approx(benefit(treated), abs=1e-12)
    # the lower end of a band belongs to it, the upper end does not
    banded = sequential_policy(Y, risk, np.full(8, 0.99), threshold=t, band=(t, t + 0.01))
    assert banded.row("band").n_imaged == 1
    upper = sequential_policy(Y, risk, np.full(8, 0.99), threshold=t - 0.02, band=(t - 0.03, t))
    assert upper.row("band").n_imaged == 0
    moved = reclassification(Y, never, risk, thresholds=[t], held_out=True)
    assert moved.nri_events == pytest.approx(treated[gain == 1].mean(), abs=1e-12)
    information = value_of_information(Y, risk, thresholds=[t])
    assert information.table["net_benefit"].iloc[0] == pytest.approx(benefit(treated), abs=1e-12)


def test_a_flip_of_representation_is_no_instability():
    final = np.array([[0.35], [0.2]])
    drawn = np.stack([final.astype(np.float32).astype(float), 1 - (1 - final), final - 1e-5])
    flips = Instability.of(final, drawn, Y, np.array([12.0]), [0.35], "event", "").classification
    assert flips[0, 0, 0] == pytest.approx(1 / 3)


def test_single_precision_risks_of_censored_patients():
    rng = np.random.default_rng(2)
    n = 300
    risk = rng.choice([0.1, 0.2, 0.35, 0.5], n)
    time, leave = rng.exponential(8 / risk), rng.uniform(6, 30, n)
    y = Surv.right(np.minimum(time, leave), time <= leave)
    for estimator in ("km", "ipcw"):
        exact = decision_curve(y, risk, 6.0, [0.1, 0.2, 0.35, 0.5], estimator=estimator, n_resamples=0)
        for other in (risk.astype(np.float32), 1 - (1 - risk), np.float32(1) - (np.float32(1) - np.float32(risk))):
            again = decision_curve(y, other, 6.0, [0.1, 0.2, 0.35, 0.5], estimator=estimator, n_resamples=0)
            np.testing.assert_allclose(again.value, exact.value, rtol=0, atol=1e-15)
