"""Days against months: seen before any metric is printed."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Status, Surv, evaluate
from lbp_prognosis.survival import horizon_unit_doubt

RNG = np.random.default_rng(0)
DAYS = np.round(np.minimum(RNG.exponential(300, 400), RNG.uniform(90, 730, 400))) + 1
Y = Surv.right(DAYS, RNG.integers(0, 2, 400))


def test_days_against_months():
    assert "days against months" in horizon_unit_doubt(Y, np.array([6.0, 12.0]))


def test_the_same_unit_raises_no_doubt():
    assert horizon_unit_doubt(Y, np.array([180.0, 365.0])) == ""
    months = Surv.right(DAYS / 30.4, Y["event"])
    assert horizon_unit_doubt(months, np.array([3.0, 12.0])) == ""


def test_an_early_horizon_with_events_is_no_mistake():
    """A month after an operation in a registry of five years: most events come early."""
    time = np.r_[np.full(60, 0.5), np.linspace(20, 60, 340)]
    y = Surv.right(time, np.r_[np.ones(60, int), np.zeros(340, int)])
    assert horizon_unit_doubt(y, np.array([1.0])) == ""


def test_years_against_months():
    years = Surv.right(DAYS / 365.25, Y["event"])
    assert "years against months" in horizon_unit_doubt(years, np.array([60.0]))


def test_a_state_has_no_unit_to_mistake():
    assert horizon_unit_doubt(Status.at(12, [0, 1]), np.array([12.0])) == ""


def test_evaluate_carries_the_objection():
    found = evaluate(Y, np.full(400, 0.3), 12, min_at_risk=0, n_resamples=0)
    assert "unit-of-time" in [o.code for o in found.objections]


@pytest.mark.parametrize("horizon", [12.0])
def test_the_table_door_refuses(tmp_path, horizon):
    import pandas as pd

    from lbp_prognosis._base import DataError
    from lbp_prognosis.study import evaluate_table

    path = tmp_path / "predictions.csv"
    pd.DataFrame({"time": DAYS, "event": Y["event"], "risk": 0.3}).to_csv(path, index=False)
    with pytest.raises(DataError, match="one unit"):
        evaluate_table(path, risks=["risk"], horizon=horizon, time="time", event="event")
