"""The layer under the pointer says what the drawing shows, leaves the printed figure alone, and is never released."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Status, Surv, evaluate
from lbp_prognosis._draw import draw_calibration, draw_decision_curve, draw_forest
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report import evaluation_page, render_page
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._hover import calibration_spots, forest_spots, threshold_spots

EVIL = "<img src=x onerror=alert(1)>"


def told(hover: str) -> list[list[str]]:
    """Lines of text of each place."""
    return [re.findall(r"<text [^>]*>([^<]*)</text>", place) for place in re.findall(r"<g><path.*?</g></g>", hover)]


def calibration(ax):
    x = np.linspace(0.05, 0.5, 101)
    curve = pd.DataFrame({"risk": x, "observed": 0.8 * x, "low": 0.7 * x, "high": 0.9 * x})
    groups = pd.DataFrame(
        {"mean_risk": [0.1, 0.4], "observed": [0.25, 0.3], "low": [0.125, 0.25], "high": [0.5, 0.375]}
    )
    return draw_calibration(curve, groups, None, ax=ax)


def test_calibration_spots_are_the_curve_and_the_groups():
    shown = told(figure(calibration, alt="", caption="", hover=calibration_spots).hover)
    assert shown[0] == ["Predicted 5%, observed 4% (smooth curve)"]
    assert shown[39] == ["Predicted 50%, observed 40% (smooth curve)"]
    assert shown[40:] == [
        ["Group of patients: predicted 10%, observed 25% (12% to 50%)"],
        ["Group of patients: predicted 40%, observed 30% (25% to 38%)"],
    ]


def decision(ax):
    at = np.array([0.1, 0.2, 0.3])
    rows = [
        {"model": model, "threshold": t, "value": v, "low": v - 0.01, "high": v + 0.01, "carried_forward": False}
        for model, values in ((EVIL, [0.3, 0.2, 0.1]), ("b", [0.35, 0.25, 0.15]), ("treat all", [0.3, 0.1, -0.2]))
        for t, v in zip(at, values)
    ]
    frame = pd.DataFrame(rows)
    frame[["band_low", "band_high"]] = np.nan
    return draw_decision_curve(frame, metric="net_benefit", ax=ax)


def decision_spots(ax):
    value = np.array([[0.3, 0.2, 0.1], [0.35, 0.25, 0.15], [0.3, 0.1, -0.2]])
    table = {"threshold": np.array([0.1, 0.2, 0.3]), "value": value, "low": value - 0.01, "high": value + 0.01}
    return threshold_spots(ax, [EVIL, "b", "treat all"], table)


def test_threshold_spots_have_all_curves_and_names_are_escaped():
    hover = figure(decision, alt="", caption="", hover=decision_spots).hover
    evil = "&lt;img src=x onerror=alert(1)&gt;"
    assert told(hover)[2] == [
        "Threshold 0.30",
        f"{evil}: 0.100 (0.090 to 0.110)",
        "b: 0.150 (0.140 to 0.160)",
        "treat all: −0.200 (−0.210 to −0.190)",
    ]
    assert told(hover)[3:] == [[evil], ["b"]]  # the curves themselves
    assert hover.count('class="curve"') == 2
    assert "<img" not in hover


def forest(ax):
    sites = pd.DataFrame(
        {"label": ["A", "B"], "value": [0.7, 0.8], "low": [0.6, 0.7], "high": [0.8, 0.9], "weight": 1.0}
    )
    return draw_forest(sites, {"value": 0.75, "low": 0.7, "high": 0.8}, metric="AUC", confidence=0.95, ax=ax)


def test_forest_spots_name_the_sites():
    shown = told(figure(forest, alt="", caption="", hover=forest_spots).hover)
    assert shown == [["A: 0.700 (0.600 to 0.800)"], ["B: 0.800 (0.700 to 0.900)"]]


def test_a_group_and_a_site_without_an_interval_are_shown_without_one():
    x = np.array([0.1, 0.4])
    curve = pd.DataFrame({"risk": x, "observed": x, "low": x, "high": x})
    groups = pd.DataFrame({"mean_risk": x, "observed": [0.0, 0.3], "low": [np.nan, 0.25], "high": [np.nan, 0.375]})
    sites = pd.DataFrame(
        {"label": ["A", "B", "C"], "value": [0.7, np.nan, 0.8], "low": [np.nan, np.nan, 0.7], "high": [np.nan, 1, 0.9]}
    ).assign(weight=1.0)
    pooled = {"value": 0.75, "low": 0.7, "high": 0.8}

    def curves(ax):
        draw_calibration(curve, groups, None, ax=ax)

    def forests(ax):
        draw_forest(sites, pooled, metric="AUC", confidence=0.95, ax=ax)

    assert told(figure(curves, alt="", caption="", hover=calibration_spots).hover)[2:] == [
        ["Group of patients: predicted 10%, observed 0%"],
        ["Group of patients: predicted 40%, observed 30% (25% to 38%)"],
    ]
    shown = told(figure(forests, alt="", caption="", hover=forest_spots).hover)
    assert shown == [["A: 0.700"], ["C: 0.800 (0.700 to 0.900)"]]


@pytest.mark.parametrize(
    ("draw", "spots"), [(calibration, calibration_spots), (decision, decision_spots), (forest, forest_spots)]
)
def test_figure_for_paper_is_the_same_with_and_without_hover(draw, spots):
    plain = figure(draw, alt="", caption="")
    assert plain.hover == ""
    assert figure(draw, alt="", caption="", hover=spots).source == plain.source


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    event, lost = rng.exponential(10 * np.exp(-x)), rng.uniform(5, 20, 400)
    y = Surv.right(np.minimum(event, lost), event <= lost)
    return evaluate(y, {"a": -np.expm1(-0.8 * np.exp(x))[:, None]}, [8], [0.3, 0.5], n_resamples=20)


def test_calibration_stays_on_the_page_if_a_group_has_no_event():
    risk = np.linspace(0.001, 0.9, 200)
    event = np.arange(200) % 3 < np.where(risk < 0.3, 0, 2)  # the three lowest tenths have none
    page = evaluation_page(evaluate(Status.at(12, event.astype(float)), {"a": risk}, 12, n_resamples=0))
    html = render_page(page)
    assert "No calibration curve" not in html
    assert "observed 0%</text>" in html


def test_hover_is_on_the_page_and_on_no_released_page(found):
    page = evaluation_page(found, unit="months")
    html = render_page(page)
    assert html.count('<svg class="hover"') == html.count('<div class="chart"><img') == 2  # calibration, decisions
    assert "<script" not in html
    assert len(html.encode()) < 1_500_000
    released = dataclasses.replace(page, gate=Gate(5))
    assert '<svg class="hover"' not in render_page(released)
