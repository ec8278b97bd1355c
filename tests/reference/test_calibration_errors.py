"""Robust errors of calibration in tied months, against R (values by r/calibration_errors.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.evaluation.prognostic import calibration
from lbp_prognosis.survival import Status, Surv

FOLDER = Path(__file__).parent / "r"
R = json.loads((FOLDER / "calibration_errors.json").read_text(encoding="utf-8"))
PATIENTS = json.loads((FOLDER / "further_cases.json").read_text(encoding="utf-8"))["exact"]
TABLE = pd.DataFrame({name: PATIENTS[name] for name in ("month", "status", "karno")})
ROW = np.arange(1, len(TABLE) + 1)
WEIGHT, CLUSTER = 1 + ROW % 5 / 2, ROW % 20
RISK = -np.expm1(-np.exp((60 - TABLE["karno"].to_numpy()) / 25 - 0.5))
Y = Surv.right(TABLE["month"], TABLE["status"])
STATE = Status.at(4, (TABLE["month"] <= 4).astype(int))
FEW = np.sqrt(20 / 19)  # our m/(m − 1), which coxph and geese leave out


def check(results, stored, factor=1.0, rtol=1e-7):
    np.testing.assert_allclose([one.value for one in results], np.ravel(stored["coef"]), rtol=rtol)
    np.testing.assert_allclose([one.se for one in results], np.ravel(stored["se"]) * factor, rtol=rtol)


@pytest.mark.parametrize(
    ("name", "weights", "clusters"),
    [
        ("slope_clusters", None, CLUSTER),
        ("slope_weights", WEIGHT, None),
        ("slope_both", WEIGHT, CLUSTER),
    ],
)
def test_slope_over_the_follow_up(name, weights, clusters):
    found = calibration(Y, RISK, 4, sample_weight=weights, clusters=clusters, n_resamples=0)
    check([found.calibration_slope], R[name], 1.0 if clusters is None else FEW)


def test_pseudo_values():
    plain = calibration(Y, RISK, 4, n_resamples=0)
    check([plain.calibration_intercept, plain.others["calibration_slope_pseudo"]], R["pseudo"])
    check([plain.citl], R["pseudo_large"])
    found = calibration(Y, RISK, 4, clusters=CLUSTER, n_resamples=0)
    check([found.calibration_intercept, found.others["calibration_slope_pseudo"]], R["pseudo_clusters"], FEW)


@pytest.mark.parametrize(
    ("name", "weights", "clusters"),
    [
        ("state_weights", WEIGHT, None),
        ("state_clusters", None, CLUSTER),
    ],
)
def test_a_state_at_a_visit(name, weights, clusters):
    found = calibration(STATE, RISK, sample_weight=weights, clusters=clusters, n_resamples=0)
    check([found.calibration_intercept, found.calibration_slope], R[name])


def test_loess_under_weights():
    found = calibration(STATE, RISK, sample_weight=WEIGHT, smoother="loess", n_resamples=0)
    assert found.ici.value == pytest.approx(R["loess"]["ici"], rel=1e-9)
    assert found.emax.value == pytest.approx(R["loess"]["emax"], rel=1e-9)
