"""Nomograms: the points of R's rms, turning scales, and totals that are computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import Equation, LevelTerm, NumberTerm, equation, nomogram
from lbp_prognosis.fusion import OneHot, RestrictedCubicSpline, RiskPipeline
from lbp_prognosis.models import CoxPH

D = syn(n=400)
X = pd.DataFrame({"age": 50 + 12 * D["c2"], "pain": np.clip(np.round(5 + 2 * D["p1"]), 0, 10), "site": D["site"] % 3})
Y = Surv.right(D.time, D.event)
MODEL = RiskPipeline([OneHot(["site"]), RestrictedCubicSpline(["age"])], CoxPH()).fit(X, Y)


def test_by_hand():
    made = Equation(
        (NumberTerm("a", 0.5, low=0, high=4), LevelTerm("b", ("no", "yes"), (0.0, -1.0))),
        "logit",
        1.0,
        (12.0,),
        {"": (0.5,)},
    )
    scale = nomogram(made)
    # the widest effect is 2 on the linear predictor: 50 points a unit; at no points lp = −1 + 0 − 1
    assert scale.points_per_unit == 50
    assert scale.intercept == -2
    points = scale.points.set_index(["column", "value"])["points"]
    assert points["a", 0.0] == 0
    assert points["a", 4.0] == 100
    assert points["b", "no"] == 50
    assert points["b", "yes"] == 0
    assert scale.totals["total"].iloc[0] == 0
    np.testing.assert_allclose(scale.totals["risk"], 1 / (1 + np.exp(-(0.5 - 2 + scale.totals["total"] / 50))))
    rows = pd.DataFrame({"a": [1.0, 3.0], "b": ["yes", "no"]})
    np.testing.assert_allclose(scale.total_points(rows), [25, 125])
    at = scale.risks.set_index("risk")["total"][0.5]
    assert at == pytest.approx((2 - 0.5) * 50)


def test_the_marks_of_a_spline_hold_its_knots_and_turns_and_fold_back():
    made = equation(MODEL, horizons=[6, 12])
    scale = nomogram(made, 12)
    age = scale.points[scale.points["column"] == "age"]
    term = next(term for term in made.terms if term.name == "age")
    assert {knot for knot in term.knots if term.low < knot < term.high} <= set(age["value"])
    assert age["points"].min() == 0
    for _, part in age.groupby("row"):
        steps = np.sign(np.diff(part["points"]))
        assert len(set(steps[steps != 0])) <= 1
    for column, part in scale.points.groupby("column"):
        if column != "site":
            whole = made.linear_predictor(X.iloc[[0] * len(part)].assign(**{column: part["value"].to_numpy()}))
            np.testing.assert_allclose(np.diff(whole) * scale.points_per_unit, np.diff(part["points"]), atol=1e-9)
    risk = made.risk_of(scale.intercept + scale.total_points(X) / scale.points_per_unit, made.baseline[""][1])
    np.testing.assert_allclose(risk, MODEL.predict_risk(X, 12)[:, 0], atol=1e-10)


def test_a_line_between_distant_marks_of_a_spline_is_wrong():
    made = equation(MODEL, horizons=12)
    age = next(term for term in made.terms if term.name == "age")
    ends = np.array([age.low, age.high])
    scale = nomogram(made, axes={"age": ends})
    middle = 0.5 * (age.values(ends)[0] + age.values(ends)[1])
    assert abs(middle - age.values(np.array([ends.mean()]))[0]) * scale.points_per_unit > 1


def test_what_cannot_be_drawn_says_so():
    unknown = Equation((NumberTerm("a", 0.5),), "logit", 0.0, (12.0,), {"": (0.0,)})
    with pytest.raises(ArgumentError, match="axes"):
        nomogram(unknown)
    assert nomogram(unknown, axes={"a": [0, 10]}).points_per_unit == 20
    with pytest.raises(ArgumentError, match="axes"):
        nomogram(unknown, axes={"a": [1]})
    with pytest.raises(ArgumentError, match="horizon"):
        nomogram(unknown, 13, axes={"a": [0, 1]})
    with pytest.raises(ArgumentError, match="horizon"):
        nomogram(equation(MODEL, horizons=[6, 12]))
    with pytest.raises(ArgumentError, match="stratum"):
        nomogram(unknown, axes={"a": [0, 1]}, stratum="x")
    flat = Equation((NumberTerm("a", 0.0, low=0, high=1),), "logit", 0.0, (12.0,), {"": (0.0,)})
    with pytest.raises(ArgumentError, match="effect"):
        nomogram(flat)


def test_the_picture_names_every_predictor():
    pytest.importorskip("matplotlib").use("Agg")
    ax = nomogram(equation(MODEL, horizons=12, time_unit="months")).plot()
    words = [label.get_text() for label in ax.get_yticklabels()]
    assert {"points", "age", "pain", "site", "total points", "risk by 12 months"} <= set(words)
    import matplotlib.pyplot as plt

    plt.close(ax.figure)
