"""A trial that ends for all at its horizon: who is censored there is known to be free of the event."""

import sys

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.evaluation import brier, calibration, decision_curve, evaluate, ipa, log_score, time_dependent_auc
from lbp_prognosis.survival import CensoringKaplanMeier, Status, Surv


def trial(n=300, seed=1, end=12.0):
    rng = np.random.default_rng(seed)
    time, risk = rng.exponential(20, n), rng.uniform(0.1, 0.9, n)
    return np.minimum(time, end), (time <= end).astype(int), risk


@pytest.mark.parametrize("metric", [brier, ipa, log_score, time_dependent_auc])
@pytest.mark.parametrize("arguments", [{}, {"clusters": np.arange(300) // 3}])
def test_without_loss_every_state_is_known(metric, arguments):
    time, event, risk = trial()
    found = metric(Surv.right(time, event), risk, 12, **arguments)
    known = metric(Status.at(12, event), risk, **arguments)
    assert found.value == pytest.approx(known.value, abs=1e-12)
    # DeLong's divisors differ for a Status
    assert found.se == pytest.approx(known.se, rel=1e-2 if metric is time_dependent_auc else 1e-9)
    assert found.reason == ""
    assert "beyond 12" in found.method


def test_losses_before_the_end_are_weighed_as_just_before_it():
    time, event, risk = trial()
    lost = np.random.default_rng(2).uniform(0, 40, 300)
    y = Surv.right(np.minimum(time, lost), np.where(lost < time, 0, event))
    ends = np.sort(y["time"][y["time"] < 12])[-1]
    just = (ends + 12) / 2  # nothing happens between
    for metric in (brier, time_dependent_auc, log_score):
        at, before = metric(y, risk, 12), metric(y, risk, just)
        assert (at.value, at.se) == (pytest.approx(before.value, abs=1e-12), pytest.approx(before.se, abs=1e-12))
    stratified = CensoringKaplanMeier(strata=np.arange(300) % 2).fit(y)
    at, before = (brier(y, risk, tau, censoring=stratified) for tau in (12, just))
    assert (at.value, at.se) == (pytest.approx(before.value, abs=1e-12), pytest.approx(before.se, abs=1e-12))


def test_one_patient_seen_longer_makes_them_censored():
    time, event, risk = trial()
    y = Surv.right(np.r_[time, 12.5], np.r_[event, 0])
    assert "beyond" not in brier(y, np.r_[risk, 0.2], 12).method
    # and a horizon that is not the end is what it was
    assert "beyond" not in brier(Surv.right(time, event), risk, 11.9).method


def test_the_guard_counts_those_at_the_end():
    y = Surv.right(np.r_[np.arange(1.0, 21.0), np.full(10, 30.0)], np.r_[np.ones(20, int), np.zeros(10, int)])
    risk = np.linspace(0.9, 0.1, 30)
    assert np.isfinite(brier(y, risk, 30, min_at_risk=10).value)
    assert np.isnan(brier(y, risk, 30, min_at_risk=11).value)


def test_decision_curve_by_weights_agrees_with_the_known_states():
    time, event, risk = trial()
    found, known = (
        decision_curve(y, {"m": risk}, 12, [0.3, 0.5], estimator="ipcw", n_resamples=0)
        for y in (Surv.right(time, event), Status.at(12, event))
    )
    assert np.allclose(found.value, known.value, atol=1e-12)
    assert np.allclose(found.se, known.se, atol=1e-12)


def test_evaluate_has_numbers_at_the_end():
    time, event, risk = trial()
    found = evaluate(Surv.right(time, event), {"m": risk}, 12).metrics["m"]
    for metric in ("auc", "brier", "ipa", "observed_expected", "log_score"):
        assert np.isfinite(found[metric].value), metric
    ratio = calibration(Status.at(12, event), risk).observed_expected.value
    assert found["observed_expected"].value == pytest.approx(ratio, abs=1e-12)


def test_the_terminal_says_why_a_number_is_missing(tmp_path, capsys, monkeypatch):
    from lbp_prognosis.cli._main import main

    time = np.r_[np.arange(1.0, 31.0), np.full(5, 31.0)]  # 5 followed to the horizon, fewer than 10
    table = pd.DataFrame({"t": time, "e": (time < 31).astype(int), "m": np.linspace(0.95, 0.6, 35)})
    table.to_csv(tmp_path / "p.csv", index=False)
    arguments = ["--risk", "m", "--horizon", "31", "--time", "t", "--event", "e", "--quiet"]
    monkeypatch.setattr(
        sys, "argv", ["lbp-prognosis", "evaluate", str(tmp_path / "p.csv"), *arguments, "-o", str(tmp_path / "out")]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    told = capsys.readouterr().out
    rows = [line for line in told.splitlines() if line.count("│") == 2 and "–" in line]
    assert told.count("min_at_risk") == len(rows) > 0
