"""Wrong numbers that other programs are known to give, as tests that we do not."""

import numpy as np
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis._kernels import pseudo_values
from lbp_prognosis.evaluation import calibration, decision_curve, evaluate
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv, kaplan_meier


def cohort(n=2000, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    t = rng.exponential(np.exp(-x @ [0.8, 0.4]) * 5) * 365.25
    c = rng.uniform(0.5, 10, n) * 365.25
    return x, np.ceil(np.minimum(t, c)), (t <= c).astype(int)


def test_a_model_turned_into_risk_is_the_right_way_up():
    """A converted marker once returned S(t): rising in the marker, mean equal to Kaplan–Meier, positive net benefit."""
    x, time, event = cohort()
    y = Surv.right(time, event)
    model = CoxPH().fit(x, y)
    tau = 3 * 365.25
    risk = model.predict_risk(x, [tau])[:, 0]
    assert np.corrcoef(np.argsort(np.argsort(risk)), np.argsort(np.argsort(model.linear_predictor(x))))[0, 1] > 0.999
    assert risk.mean() == pytest.approx(1 - float(kaplan_meier(y).at(tau).value), abs=0.02)
    curve = decision_curve(y, risk, tau, [0.3], n_resamples=0)
    assert curve.value[0, 0, 0] > max(0.0, curve.value[1, 0, 0])
    wrong = decision_curve(y, 1 - risk, tau, [0.3], n_resamples=0)
    assert wrong.value[0, 0, 0] < curve.value[0, 0, 0]


@pytest.mark.parametrize("smoother", ["rcs", "loess", "lowess"])
def test_the_integrated_calibration_index_knows_no_unit_of_time(smoother):
    """A silent optimiser once gave 0.325 in days, 0.247 in months and 0.0046 in years for one well specified model."""
    x, time, event = cohort()
    model = CoxPH().fit(x, Surv.right(time, event))
    risk = model.predict_risk(x, [1000.0])[:, 0]
    found = [
        calibration(Surv.right(time / unit, event), risk, 1000.0 / unit, smoother=smoother, n_resamples=0).ici.value
        for unit in (1.0, 30.4375, 365.25)
    ]
    np.testing.assert_allclose(found, found[0], rtol=1e-6)
    assert found[0] < 0.03


def test_survival_given_as_risk_is_said():
    x, time, event = cohort()
    y = Surv.right(time, event)
    tau = 200.0
    risk = CoxPH().fit(x, y).predict_risk(x, [tau])
    for objections in (
        calibration(y, 1 - risk, tau).objections,
        decision_curve(y, 1 - risk, tau, [0.2], n_resamples=0).objections,
        evaluate(y, 1 - risk, tau, [0.2], n_resamples=0).objections,
    ):
        assert "risk-looks-inverted" in {o.code for o in objections}
    assert "risk-looks-inverted" not in {o.code for o in evaluate(y, risk, tau, n_resamples=0).objections}


def test_a_missing_risk_is_not_an_untreated_patient():
    _x, time, event = cohort(300)
    risk = np.full(300, 0.4)
    risk[[4, 9]] = np.nan
    for call in (
        lambda y: decision_curve(y, risk, 300, [0.2]),
        lambda y: calibration(y, risk, 300),
        lambda y: evaluate(y, risk, 300, [0.2]),
    ):
        with pytest.raises(LBPError, match="rows 4, 9"):
            call(Surv.right(time, event))


def test_a_horizon_beyond_follow_up_is_not_available_with_a_reason():
    _x, time, event = cohort(300)
    y, risk = Surv.right(time, event), np.linspace(0.1, 0.9, 300)
    curve = decision_curve(y, risk, 1e6, [0.2, 0.4])
    assert np.isnan(curve.value).all()
    assert "at risk" in curve.reason[0]
    # too short a follow-up among the treated is carried forward and flagged, not silently missing
    short = Surv.right(np.where(risk > 0.7, np.minimum(time, 50), time), np.where((risk > 0.7) & (time > 50), 0, event))
    flagged = decision_curve(short, risk, 300, [0.2, 0.75], n_resamples=0)
    assert np.isfinite(flagged.value).all()
    assert flagged.carried_forward[0, 0].tolist() == [False, True]


def test_pseudo_values_take_censoring_for_censoring():
    """By brute force, where censoring was once coded as a competing event."""
    rng = np.random.default_rng(0)
    time, code = rng.exponential(5, 25), rng.integers(0, 3, 25)

    def incidence(rows):
        s = f = 0.0
        s = 1.0
        for u in np.unique(time[rows][(time[rows] <= 4) & (code[rows] > 0)]):
            y = (time[rows] >= u).sum()
            f += s * ((time[rows] == u) & (code[rows] == 1)).sum() / y
            s *= 1 - ((time[rows] == u) & (code[rows] > 0)).sum() / y
        return f

    every = np.arange(25)
    brute = [25 * incidence(every) - 24 * incidence(np.delete(every, i)) for i in every]
    np.testing.assert_allclose(pseudo_values(time, code, 4.0), brute, atol=1e-12)


@pytest.mark.parametrize("smoother", ["rcs", "loess", "loess_direct", "lowess"])
@pytest.mark.parametrize("seed", range(4))
def test_an_observed_risk_stays_a_probability(smoother, seed):
    """Extrapolating smoothers have reported a survival of −2.05."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(0.4, 2.0, 150)
    t = rng.exponential(np.clip(1 / (0.02 + risk), 0, 40))
    c = rng.uniform(0.5, 12, 150)
    found = calibration(
        Surv.right(np.minimum(t, c), (t <= c).astype(int)), risk, 3.0, smoother=smoother, min_at_risk=0, n_resamples=20
    )
    curve = found.curves[0]
    for values in (curve.observed, curve.low, curve.high):
        finite = values[np.isfinite(values)]
        assert ((finite >= 0) & (finite <= 1)).all()
    groups = found.groups(5)
    assert groups["observed"].between(0, 1).all()
