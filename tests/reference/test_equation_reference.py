"""The equation and nomogram of R's rms for a Cox model of the German breast cancer study."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.deployment import Equation, LevelTerm, NumberTerm, equation, nomogram
from lbp_prognosis.fusion import OneHot, RestrictedCubicSpline, RiskPipeline

STORED = json.loads((Path(__file__).parent / "r" / "equation.json").read_text(encoding="utf-8"))
TABLES = Path(os.environ.get("LBP_REFERENCE_FOLDER", Path(__file__).resolve().parents[3] / "shared" / "reference"))
CASE, SCALE = STORED["equation"], STORED["nomogram"]
NEW = pd.DataFrame(CASE["new"]).rename(columns={"grade": "gr"})
AXES = {name: [float(v) for v in SCALE["points"][name]["value"]] for name in ("age", "nodes", "hormon")}


def restricted(name: str, knots: list[float], coef: list[float]) -> NumberTerm:
    """rms's coefficients of a spline, written with one cube a knot."""
    t = np.array(knots)
    cubes = np.zeros(t.size)
    for j, value in enumerate(coef[1:]):
        scaled = value / (t[-1] - t[0]) ** 2
        cubes[j] += scaled
        cubes[-2] -= scaled * (t[-1] - t[j]) / (t[-1] - t[-2])
        cubes[-1] += scaled * (t[-2] - t[j]) / (t[-1] - t[-2])
    return NumberTerm(name, coef[0], tuple(t), tuple(cubes))


@pytest.fixture(scope="module")
def printed() -> Equation:
    """The equation of rms's own coefficients."""
    b = CASE["coef"]
    return Equation(
        (
            restricted("age", CASE["knots"]["age"], [b["age"], b["age'"], b["age''"]]),
            LevelTerm("gr", (1, 2, 3), (0.0, b["gr=2"], b["gr=3"])),
            restricted("nodes", CASE["knots"]["nodes"], [b["nodes"], b["nodes'"]]),
            NumberTerm("hormon", b["hormon"]),
        ),
        "cloglog",
        CASE["center"],
        tuple(map(float, CASE["surv0_time"])),
        {"": tuple(-np.log(CASE["S0_at_center"]))},
    )


def test_risks_of_the_equation(printed):
    np.testing.assert_allclose(printed.linear_predictor(NEW), CASE["lp_centred"], atol=1e-8)
    np.testing.assert_allclose(1 - printed.predict_risk(NEW), CASE["survival"], atol=1e-8)
    np.testing.assert_allclose(printed.predict_risk(NEW, 3)[:, 0], CASE["risk3"], atol=1e-8)


def test_points_of_the_nomogram(printed):
    made = nomogram(printed, 3, axes=AXES)
    assert made.points_per_unit == pytest.approx(SCALE["info"]["sc"], abs=1e-8)
    assert made.intercept == pytest.approx(SCALE["info"]["Intercept"], abs=1e-8)
    assert 1 / made.points_per_unit == pytest.approx(SCALE["lp_per_point"], abs=1e-8)
    for name, stored in SCALE["points"].items():
        got = made.points.loc[made.points["column"] == name, "points"]
        np.testing.assert_allclose(got, stored["points"], atol=1e-8)
    # total points at values of the linear predictor
    at = (np.array(SCALE["lp"]["x.real"]) - made.intercept) * made.points_per_unit
    np.testing.assert_allclose(at, SCALE["lp"]["x"], atol=1e-8)
    np.testing.assert_allclose(made.totals["total"][:10], SCALE["total"]["x"], atol=1e-8)
    # rms inverts the risk by interpolation between grid points; ours is the closed form
    ours = made.risks.set_index("risk").loc[SCALE["risk3"]["x.real"], "total"]
    np.testing.assert_allclose(ours, SCALE["risk3"]["x"], atol=1e-4)
    inverse = printed.risk_of(made.intercept + ours / made.points_per_unit, printed.baseline[""][1])
    np.testing.assert_allclose(inverse, SCALE["risk3"]["x.real"], atol=1e-12)


def test_the_text_of_rms_function_holds_the_same_numbers(printed):
    stored = [float(n) for n in re.findall(r"(?<![\w.])\d+\.\d+(?:e-\d+)?", STORED["text"])]
    ours = [float(n) for n in re.findall(r"(?<![\w.])\d+\.\d+(?:e-\d+)?", printed.to_text().split("S0(")[0])]
    assert len(stored) == 13
    for value in stored:
        assert min(abs(value - own) for own in ours) < 1e-10, value


@pytest.mark.skipif(not (TABLES / "data" / "gbsg.csv").is_file(), reason="no table of the German breast cancer study")
def test_our_own_fit_of_the_table():
    table = pd.read_csv(TABLES / "data" / "gbsg.csv").rename(columns={"grade": "gr"})
    X, y = table[["age", "gr", "nodes", "hormon"]], Surv.right(table["rfs_days"] / 365.25, table["rfs"])
    knots = {name: CASE["knots"][name] for name in ("age", "nodes")}
    steps = [OneHot(["gr"]), RestrictedCubicSpline(["age", "nodes"], knots=knots)]
    made = equation(RiskPipeline(steps, CoxPH()).fit(X, y), horizons=CASE["surv0_time"])
    assert made.centre == pytest.approx(CASE["center"], abs=1e-8)
    np.testing.assert_allclose(made.linear_predictor(NEW), CASE["lp_centred"], atol=1e-8)
    np.testing.assert_allclose(1 - made.predict_risk(NEW), CASE["survival"], atol=1e-8)
    np.testing.assert_allclose(np.exp(-np.array(made.baseline[""])), CASE["S0_at_center"], atol=1e-8)
    scale = nomogram(made, 3, axes=AXES)
    for name, stored in SCALE["points"].items():
        got = scale.points.loc[scale.points["column"] == name, "points"]
        np.testing.assert_allclose(got, stored["points"], atol=1e-8)
