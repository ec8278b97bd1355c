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
from lbp_prognosis.report._hover import Spot, calibration_spots, forest_spots, layer, threshold_spots

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


def test_a_layer_by_hand():
    """Lines of 13 points from 4 below the drawing, in a box 8 higher than they are; the artists leave the file."""
    curve = '  <g id="hover-1">\n<path d="M 1 2 L 3 4"/>\n</g>\n'
    svg = (
        f'<svg viewBox="0 0 300 200">\n<g id="hover-0"><path d="M 0 0\nL 9 9"/></g>\n{curve}<g id="hover-2"></g></svg>'
    )
    nothing = np.empty(0)
    spots = [Spot(nothing, nothing, ("a < b", "second")), Spot(nothing, nothing, ("curve",), "red")]
    left, drawn = layer(svg, [*spots, Spot(nothing, nothing, ("never",))])
    assert left == '<svg viewBox="0 0 300 200">\n</svg>'
    assert drawn == (
        '<svg class="hover" viewBox="0 0 300 200" aria-hidden="true">'
        '<g><path class="area" d="M 0 0 L 9 9"/><g class="told">'
        '<rect x="0" y="200.0" width="300.0" height="34.0" rx="3"/>'
        '<text x="6" y="214.4">a &lt; b</text><text x="6" y="227.4">second</text></g></g>'
        '<g><path class="curve" stroke="red" d="M 1 2 L 3 4"/><g class="told">'
        '<rect x="0" y="200.0" width="300.0" height="21.0" rx="3"/><text x="6" y="214.4">curve</text></g></g></svg>'
    )


def _edges(spots):
    """Left, right, low and high of areas, whose corners go around."""
    for spot in spots:
        np.testing.assert_array_equal(spot.x[[1, 2]], spot.x[1])
        np.testing.assert_array_equal(spot.y[[2, 3]], spot.y[2])
    return np.array([(spot.x[0], spot.x[1], spot.y[0], spot.y[2]) for spot in spots])


def test_a_curve_is_answered_between_the_middles_of_neighbours_and_a_group_near_its_dot():
    ax = calibration(None)
    strips, groups = np.split(_edges(calibration_spots(ax)), [40])
    assert (strips[0, 0], strips[-1, 1]) == ax.get_xlim()
    np.testing.assert_array_equal(strips[1:, 0], strips[:-1, 1])
    at = np.linspace(0.05, 0.5, 101)[[0, 3, 5]]  # the first of 40 places in 101
    np.testing.assert_allclose(strips[:2, 1], (at[:-1] + at[1:]) / 2)
    assert {tuple(up) for up in strips[:, 2:].tolist()} == {ax.get_ylim()}
    half = 0.02 * np.ptp(ax.get_xlim())
    np.testing.assert_allclose(groups - [-half, half, -half, half], [[0.1] * 2 + [0.25] * 2, [0.4] * 2 + [0.3] * 2])


def test_a_threshold_is_answered_over_its_strip_and_a_site_over_its_row():
    ax = decision(None)
    areas = _edges([spot for spot in decision_spots(ax) if not spot.color])
    np.testing.assert_allclose(areas[:, :2], [[ax.get_xlim()[0], 0.15], [0.15, 0.25], [0.25, ax.get_xlim()[1]]])
    ax = forest(None)
    rows = _edges(forest_spots(ax))
    places = [y for y, name in zip(ax.get_yticks(), ax.get_yticklabels()) if name.get_text() in ("A", "B")]
    np.testing.assert_allclose(sorted(rows[:, 2]), sorted(np.array(places) - 0.5))
    np.testing.assert_allclose(rows[:, 3] - rows[:, 2], 1.0)
    assert {tuple(across) for across in rows[:, :2].tolist()} == {ax.get_xlim()}


def test_the_part_of_a_curve_beyond_the_axes_is_not_answered():
    ax = decision(None)
    ax.set_ylim(0.12, 0.32)
    curve = next(spot for spot in decision_spots(ax) if spot.color)
    np.testing.assert_allclose(curve.y, [0.3, 0.2, np.nan])
    ax.set_ylim(0.2, 0.3)  # the limits belong to the axes
    np.testing.assert_allclose(next(spot for spot in decision_spots(ax) if spot.color).y, [0.3, 0.2, np.nan])
