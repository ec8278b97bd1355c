"""Every picture of attributions shows the numbers it is made of, and none of them leaves with single patients."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from small_models import Hazard
from syn import syn

from lbp_prognosis._base import ArgumentError, FeatureMap, level_of_column
from lbp_prognosis.explain import ShapAverages, prediction_shapley, shap_stability, shap_values
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv

pytest.importorskip("matplotlib").use("Agg")

LEVELS = ("l3l4", "l4l5", "l5s1")
MEASURES = ("disc_height", "pfirrmann")
COLUMNS = ["age", "pain", *(f"{measure}__{level}" for measure in MEASURES for level in LEVELS)]
COEF = np.array([0.3, -0.5, 0.1, 0.4, 0.2, 0.0, 0.05, -0.2])
MODALITIES = {"clinical": ["age", "pain"], "imaging": COLUMNS[2:]}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(80, len(COLUMNS))), columns=COLUMNS)


@pytest.fixture(scope="module")
def result(table):
    return shap_values(Hazard(coef=COEF), table.iloc[:30], table)


@pytest.fixture(autouse=True)
def closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def labels(axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def test_rows_keep_their_values(result, table) -> None:
    pd.testing.assert_frame_equal(result.data, table.iloc[:30])
    grouped = prediction_shapley(Hazard(coef=COEF), table.iloc[:5], MODALITIES, table, horizons=6)
    assert grouped.data is None
    assert result.summed(MODALITIES).data is None


def test_a_beeswarm_has_a_dot_a_patient_at_the_attribution(result) -> None:
    axes = result.plot_beeswarm()
    order = np.argsort(-np.abs(result.values[:, :, 0]).mean(axis=0), kind="stable")
    assert labels(axes) == [COLUMNS[j] for j in order[::-1]]
    for line, j in enumerate(order[::-1]):
        places = np.asarray(axes.collections[line].get_offsets())
        np.testing.assert_allclose(places[:, 0], result.values[:, j, 0], atol=1e-15)
        assert np.abs(places[:, 1] - line).max() < 0.5


def test_what_does_not_fit_is_added_up(result) -> None:
    axes = result.plot_beeswarm(most=4)
    assert labels(axes)[0] == "5 others"
    order = np.argsort(-np.abs(result.values[:, :, 0]).mean(axis=0), kind="stable")
    rest = np.asarray(axes.collections[0].get_offsets())[:, 0]
    np.testing.assert_allclose(rest, result.values[:, order[3:], 0].sum(axis=1), atol=1e-14)
    with pytest.raises(ArgumentError, match="most"):
        result.plot_beeswarm(most=1)


def test_a_waterfall_goes_from_the_mean_to_the_patient(result) -> None:
    for most in (3, 10):
        axes = result.plot_waterfall(row=4, most=most)
        bars = axes.patches
        assert len(bars) == min(most, 8)
        assert bars[0].get_x() == pytest.approx(result.base[4, 0])
        for before, after in pairwise(bars):
            assert after.get_x() == pytest.approx(before.get_x() + before.get_width())
        assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(result.prediction[4, 0])
    with pytest.raises(ArgumentError, match="row"):
        result.plot_waterfall(row=30)


def test_a_row_with_missing_values_says_so() -> None:
    rows = pd.DataFrame({"age": [50.0, np.nan], "work": pd.Categorical(["desk", None]), "pain": [3.0, 4.0]})

    class Missing:
        def predict_risk(self, X, horizons, cause=1):
            heavy = X["work"].astype(object).eq("heavy").to_numpy()
            return (0.2 + 0.003 * X["age"].fillna(30.0) + 0.1 * heavy + 0.01 * X["pain"]).to_numpy()[:, None]

    background = pd.DataFrame(
        {"age": np.linspace(30, 70, 60), "work": pd.Categorical(["desk", "heavy"] * 30), "pain": np.arange(60.0) % 7}
    )
    found = shap_values(Missing(), rows, background, scale="risk", horizons=6)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.prediction, atol=1e-14)
    assert set(labels(found.plot_waterfall(row=1))) == {"age (missing)", "work (missing)", "pain = 4"}
    assert set(labels(found.plot_waterfall(row=0))) == {"age = 50", "work = desk", "pain = 3"}
    groups = {"lost": ["age", "work"], "kept": ["pain"]}
    shares = prediction_shapley(Missing(), rows, groups, background, horizons=6)
    assert set(labels(shares.plot_waterfall(row=1))) == {"lost (missing)", "kept"}
    assert set(labels(shares.plot_waterfall(row=0))) == {"lost", "kept"}
    axes = found.plot_scatter("work", color="age")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["desk"]
    axes = found.plot_scatter("age", color="work")
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"desk", "missing"}
    assert "missing" in {text.get_text() for text in axes.texts}


def test_a_scatter_shows_values_and_attributions(result, table) -> None:
    axes = result.plot_scatter("age", color="pain")
    dots = axes.collections[0]
    np.testing.assert_allclose(np.asarray(dots.get_offsets())[:, 0], table["age"][:30])
    np.testing.assert_allclose(np.asarray(dots.get_offsets())[:, 1], result.values[:, 0, 0])
    np.testing.assert_allclose(dots.get_array(), table["pain"][:30])
    assert axes.get_xlabel() == "age"
    for wrong in ({"feature": "weight"}, {"feature": "age", "color": "weight"}):
        with pytest.raises(ArgumentError, match=list(wrong)[-1]):
            result.plot_scatter(**wrong)


def test_a_heat_map_is_ordered_by_prediction(result) -> None:
    axes = result.plot_heatmap()
    shown = np.asarray(axes.images[0].get_array())
    order = np.argsort(result.prediction[:, 0])
    players = [COLUMNS.index(name) for name in labels(axes)]
    np.testing.assert_allclose(shown, result.values[order][:, players, 0].T)
    line = axes.child_axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(line, np.sort(result.prediction[:, 0]))


def test_a_spine_map_has_levels_from_top_to_bottom(result) -> None:
    axes = result.plot_spine_map(row=2)
    assert labels(axes) == ["L3–L4", "L4–L5", "L5–S1"]
    assert [text.get_text() for text in axes.get_xticklabels()] == list(MEASURES)
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown, result.values[2, 2:, 0].reshape(2, 3).T)
    means = result.plot_spine_map()
    np.testing.assert_allclose(
        np.asarray(means.images[0].get_array()), np.abs(result.values[:, 2:, 0]).mean(axis=0).reshape(2, 3).T
    )
    assert "no level" in means.get_title(loc="left")


def test_a_spine_map_reads_provenance_and_refuses_columns_without_levels(result, table) -> None:
    named = table.rename(columns={"age": "v1", "pain": "v2"})
    found = shap_values(Hazard(coef=COEF), named.iloc[:3], named)
    map_ = FeatureMap(
        {"imaging": ("v1", "v2", *COLUMNS[2:])},
        {"v1": {"measure": "modic", "level": "l5s1"}, "v2": {"measure": "modic", "level": "l3l4"}},
    )
    axes = found.plot_spine_map(row=0, modalities=map_)
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (3, 3)
    assert shown[2, 0] == pytest.approx(found.values[0, 0, 0])
    assert np.isnan(shown[1, 0])
    with pytest.raises(ArgumentError, match="levels"):
        shap_values(Hazard(coef=[0.1, 0.2]), table[["age", "pain"]][:3], table[["age", "pain"]]).plot_spine_map()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("disc_height__l4l5", ("l4l5", "disc_height")),
        ("multifidus__fat_fraction__l4__left", ("l4", "multifidus__fat_fraction__left")),
        ("modic__t12l1__max", ("t12l1", "modic__max")),
        ("pfirrmann__max", None),
        ("l4l5", None),
        ("l4l5__x", None),
        ("x__l7", None),
        ("x__l4l", None),
    ],
)
def test_levels_of_columns(column: str, expected: tuple[str, str] | None) -> None:
    assert level_of_column(column) == expected


def test_bars_are_coloured_by_modality(result) -> None:
    axes = result.plot_bar(modalities=MODALITIES)
    sizes = np.sort(np.abs(result.values[:, :, 0]).mean(axis=0))
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], sizes)
    colours = {name: bar.get_facecolor() for name, bar in zip(labels(axes), axes.patches)}
    assert colours["age"] == colours["pain"] != colours["disc_height__l4l5"]


def test_several_horizons_have_to_be_told_apart(table) -> None:
    found = shap_values(Hazard(coef=COEF), table.iloc[:4], table, scale="risk", horizons=[6, 12])
    for draw in (found.plot_beeswarm, found.plot_waterfall, found.plot_heatmap, found.plot_spine_map):
        with pytest.raises(ArgumentError, match="horizon"):
            draw()
        draw(horizon=12)
        with pytest.raises(ArgumentError, match="horizon"):
            draw(horizon=7)
    found.plot_scatter("age", horizon=6)
    assert found.plot_bar().has_data()


def test_bands_of_stability_over_time() -> None:
    d = syn(200)
    X, y = d[["c1", "m1", "g2"]], Surv.right(d["time"], d["event"])
    times = [3.0, 6.0, 12.0, 18.0]
    found = shap_stability(CoxPH(), X, y, X.iloc[:2], X.iloc[:60], scale="risk", horizons=times, n_bootstrap=8)
    frame = found.to_frame()
    np.testing.assert_allclose(frame["low"], np.quantile(found.replicates, 0.025, axis=0).ravel(), atol=1e-15)
    axes = found.plot(row=1)
    assert len(axes.collections) == 3
    assert len(axes.lines) >= 4


@pytest.mark.parametrize("horizons", [6.0, [6.0, 12.0]])
def test_shap_draws_our_explanations(table, horizons) -> None:
    shap = pytest.importorskip("shap")
    import matplotlib.pyplot as plt

    found = shap_values(Hazard(coef=COEF), table.iloc[:20], table, scale="risk", horizons=horizons)
    explanation = found.to_explanation(horizon=None if isinstance(horizons, float) else 12.0)
    assert isinstance(explanation, shap.Explanation)
    np.testing.assert_array_equal(explanation.values, found.values[:, :, -1])
    np.testing.assert_array_equal(explanation.data, table.iloc[:20].to_numpy())
    shap.plots.beeswarm(explanation, show=False)
    plt.close("all")
    shap.plots.waterfall(explanation[3], show=False)
    plt.close("all")
    shap.plots.bar(explanation, show=False)
    plt.close("all")
    shap.plots.scatter(explanation[:, "age"], color=explanation[:, "pain"], show=False)


def test_categories_of_an_explanation_are_codes_and_words() -> None:
    shap = pytest.importorskip("shap")

    class Work:
        def predict_risk(self, X, horizons, cause=1):
            return np.where(X["work"] == "heavy", 0.7, 0.2)[:, None] + 0.01 * X["age"].to_numpy()[:, None]

    X = pd.DataFrame({"work": pd.Categorical(["heavy", "desk"] * 30), "age": np.arange(60.0) % 5})
    explanation = shap_values(Work(), X.iloc[:4], X, scale="risk", horizons=3).to_explanation()
    assert explanation.data[:, 0].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert explanation.display_data[:, 0].tolist() == ["heavy", "desk", "heavy", "desk"]
    shap.plots.waterfall(explanation[0], show=False)


def test_averages_hold_no_patient(result) -> None:
    means = result.averages()
    assert isinstance(means, ShapAverages)
    n = len(result.rows)
    for entry in dataclasses.fields(means):
        assert n not in np.shape(getattr(means, entry.name)), entry.name
    pd.testing.assert_frame_equal(means.importance(), result.importance())
    few = means.without(["age"])
    assert "age" not in set(few.to_frame()["player"])
    assert len(few.players) == len(COLUMNS) - 1
    assert not [
        name for name in dir(means) if name in ("plot_beeswarm", "plot_waterfall", "plot_scatter", "plot_heatmap")
    ]
