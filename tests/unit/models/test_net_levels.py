"""`MultimodalNet(levels=)`: columns of single levels are read level by level, with a mask, and pooled."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError, EstimationError, FeatureMap
from lbp_prognosis.deployment import load_model, lock, save_model
from lbp_prognosis.explain import prediction_shapley, shap_values
from lbp_prognosis.fusion import LevelMap
from lbp_prognosis.models import MultimodalNet
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._net_shape import LevelShape, NetShape, first_weights, net_outputs, pooled_levels
from lbp_prognosis.survival import Surv

torch = pytest.importorskip("torch")

LEVELS = ["l2l3", "l3l4", "l4l5", "l5s1"]
CELLS = [f"{measure}__{level}" for measure in ("height", "signal") for level in LEVELS]
GROUPS = {"clinical": ["age", "pain"], "imaging": [*CELLS, "worst_grade"]}
SHORT = {"seeds": 2, "max_epochs": 15, "bins": 5, "levels": ["imaging"]}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(260, 2)), columns=["age", "pain"])
    state = rng.normal(size=(260, len(LEVELS)))
    for measure, unit in (("height", 2.0), ("signal", 30.0)):
        for k, level in enumerate(LEVELS):
            X[f"{measure}__{level}"] = unit * (state[:, k] + 0.3 * rng.normal(size=260))
    X["worst_grade"] = state.max(axis=1)
    X.loc[rng.random(260) < 0.2, GROUPS["imaging"]] = np.nan
    X.loc[rng.random(260) < 0.2, ["height__l2l3", "signal__l2l3"]] = np.nan  # a level that was not in the field of view
    X.loc[rng.random(260) < 0.1, "signal__l4l5"] = np.nan
    return X


@pytest.fixture(scope="module")
def y(table) -> np.ndarray:
    rng = np.random.default_rng(1)
    end = rng.exponential(10 * np.exp(-0.5 * table["pain"] - 0.4 * table["worst_grade"].fillna(1.0)))
    leave = rng.uniform(4, 30, 260)
    return Surv.right(np.minimum(end, leave), np.where(leave < end, 0, np.where(rng.random(260) < 0.8, 1, 2)))


@pytest.fixture(scope="module")
def net(table, y) -> MultimodalNet:
    return MultimodalNet(GROUPS, **SHORT).fit(table, y)


def test_the_pool_by_loops() -> None:
    rng = np.random.default_rng(3)
    shape = NetShape({"imaging": 1}, (4,), 3, 2, {"imaging": LevelShape(1, 3, 2)})
    weights = first_weights(shape, rng)
    weights["imaging.level.place"] = rng.normal(size=3)
    weights["imaging.level.bias"] = rng.normal(size=3)
    known = np.array([[[1, 1], [0, 1], [0, 0]], [[0, 0], [0, 0], [0, 0]]], dtype=float)
    cells = rng.normal(size=(2, 3, 2)) * known
    block = np.hstack([rng.normal(size=(2, 1)), cells.reshape(2, -1), known.reshape(2, -1)])
    inputs, shares = pooled_levels(shape, "imaging", weights, block)
    assert (shares[1] == 0).all()
    assert (inputs[1, 1:] == 0).all()
    np.testing.assert_array_equal(inputs[:, 0], block[:, 0])
    heights, scores = [], []
    for level in (0, 1):  # the third has no measure
        h = [
            max(
                sum(weights["imaging.level.weight"][k, j] * cells[0, level, j] for j in range(2))
                + sum(weights["imaging.level.weight"][k, 2 + j] * known[0, level, j] for j in range(2))
                + weights["imaging.level.bias"][k],
                0.0,
            )
            for k in range(3)
        ]
        heights.append(np.array(h))
        gate = [np.tanh(sum(weights["imaging.level.V"][k, j] * h[j] for j in range(3))) for k in range(3)]
        scores.append(weights["imaging.level.u"] @ np.array(gate) + weights["imaging.level.place"][level])
    share = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(shares[0], [*share, 0.0], rtol=1e-12)
    np.testing.assert_allclose(inputs[0, 1:], share[0] * heights[0] + share[1] * heights[1], rtol=1e-12)


def test_the_order_of_levels_is_of_no_account_where_places_are_equal() -> None:
    rng = np.random.default_rng(4)
    shape = NetShape({"imaging": 0}, (4,), 3, 2, {"imaging": LevelShape(0, 4, 2)})
    weights = first_weights(shape, rng)
    weights["head.weight"] = rng.normal(size=(2, 3))
    known = rng.random((50, 4, 2)) < 0.7
    cells = rng.normal(size=(50, 4, 2)) * known

    def outputs(order: list[int]) -> np.ndarray:
        block = np.hstack([cells[:, order].reshape(50, -1), known[:, order].reshape(50, -1)])
        return net_outputs(shape, weights, [block], known.any(axis=(1, 2))[:, None])[0]

    np.testing.assert_allclose(outputs([2, 0, 3, 1]), outputs([0, 1, 2, 3]), rtol=1e-10)
    weights["imaging.level.place"] = np.array([1.0, 0.0, 0.0, 0.0])
    assert np.abs(outputs([2, 0, 3, 1]) - outputs([0, 1, 2, 3])).max() > 1e-3


def test_torch_and_numpy_agree_and_every_weight_of_a_level_is_trained(net, table) -> None:
    from lbp_prognosis.models._torch_adapter import _Net

    blocks, present = net._blocks(table[[*net.feature_names_in_]].to_numpy())
    shape = net._net()
    twin = _Net(torch, shape, net.nets_[0], "cpu")
    with torch.no_grad():
        fused = twin.fused(twin.encodings([twin.tensor(block) for block in blocks], None), torch.tensor(present))
        told = twin.head(fused).numpy()
    np.testing.assert_allclose(net_outputs(shape, net.nets_[0], blocks, present)[0], told, atol=1e-12)
    for name, value in net.nets_[0].items():
        if ".level." in name:
            assert np.abs(value).max() > 1e-4, name


def test_measures_have_one_unit_at_all_levels(net, table) -> None:
    place = net.columns_["imaging"].index
    for measure in ("height", "signal"):
        columns = [f"{measure}__{level}" for level in LEVELS]
        values = table[columns].to_numpy()
        assert {net.centre_["imaging"][place(c)] for c in columns} == {net.centre_["imaging"][place(columns[0])]}
        assert net.centre_["imaging"][place(columns[0])] == pytest.approx(np.nanmean(values), rel=1e-12)
        assert net.spread_["imaging"][place(columns[0])] == pytest.approx(np.nanstd(values), rel=1e-12)
    assert LevelMap.of(net.columns_["imaging"]).levels == tuple(LEVELS)


def test_levels_and_cells_may_be_missing_and_the_risk_depends_on_which(net, table) -> None:
    assert np.isfinite(net.predict_risk(table, [3.0, 6.0])).all()
    whole = table.dropna()[:1]
    low = whole.assign(height__l5s1=whole["height__l5s1"] - 6.0)
    gone = whole.assign(height__l5s1=np.nan)
    risks = [float(net.predict_risk(row, 6.0)[0, 0]) for row in (whole, low, gone)]
    assert len(set(risks)) == 3
    only = whole.copy()
    only[CELLS] = np.nan  # the pooled column alone
    assert np.isfinite(net.predict_risk(only, 6.0)).all()
    assert (net.gates(only)["imaging"] > 0).all()
    absent = only.assign(worst_grade=np.nan)
    assert (net.gates(absent)["imaging"] == 0).all()


def test_layout_of_the_table_and_provenance_change_nothing(net, table, y) -> None:
    turned = {name: columns[::-1] for name, columns in reversed(GROUPS.items())}
    other = MultimodalNet(turned, **SHORT).fit(table[table.columns[::-1]], y)
    np.testing.assert_array_equal(other.predict_risk(table, [3.0, 6.0]), net.predict_risk(table, [3.0, 6.0]))
    renamed = {column: f"x{k}" for k, column in enumerate(CELLS)}
    cells = LevelMap.of(CELLS)
    told = FeatureMap(
        {"clinical": GROUPS["clinical"], "imaging": [*renamed.values(), "worst_grade"]},
        {renamed[column]: {"level": cells[column][0], "measure": cells[column][1]} for column in CELLS},
    )
    by_provenance = MultimodalNet(told, **SHORT).fit(table.rename(columns=renamed), y)
    assert by_provenance.level_cells_["imaging"]["x0"] == ["l2l3", "height"]
    assert by_provenance._level_shapes() == net._level_shapes()


def test_saved_locked_and_read(net, table, tmp_path) -> None:
    read = RiskEstimator.from_dict(json.loads(json.dumps(net.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(read.predict_risk(table, [3.0, 6.0], 2), net.predict_risk(table, [3.0, 6.0], 2))
    locked = lock(net)
    path = tmp_path / "net.lbpm"
    save_model(locked, path, reason="test")
    np.testing.assert_array_equal(load_model(path).predict_risk(table, 6.0), locked.predict_risk(table, 6.0))


def test_explanations_add_up_and_are_gathered_by_level(net, table) -> None:
    rows, background = table[1:3], table.dropna()[:4]
    found = prediction_shapley(net, rows, GROUPS, background, horizons=[6.0])
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction, atol=1e-12)
    np.testing.assert_allclose(found.prediction, net.predict_risk(rows, [6.0]), atol=1e-12)
    found = shap_values(net, rows, background, scale="risk", horizons=[6.0])
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction, atol=1e-12)
    numbers = dict(zip(found.players, found.values[0, :, 0]))
    by_level = LevelMap.of(found.players).gathered(numbers)
    assert set(by_level["level"]) == set(LEVELS)
    assert by_level["value"].sum() == pytest.approx(sum(numbers[column] for column in CELLS), abs=1e-12)


def test_one_level_one_measure_and_validation_without_the_modality(table, y) -> None:
    few = table[["age", "pain", "height__l4l5"]]
    groups = {"clinical": ["age", "pain"], "imaging": ["height__l4l5"]}
    one = MultimodalNet(groups, **{**SHORT, "max_epochs": 2}).fit(few, y)
    assert one._level_shapes()["imaging"] == LevelShape(0, 1, 1)
    without = MultimodalNet(groups, **{**SHORT, "max_epochs": 2}).fit(few[["age", "pain"]], y)
    assert without.level_cells_ == {}


def test_refusals(table, y) -> None:
    def fit(X: pd.DataFrame = table, groups: dict[str, list[str]] = GROUPS, **settings: object) -> MultimodalNet:
        return MultimodalNet(groups, **{**SHORT, "max_epochs": 1, **settings}).fit(X, y)

    with pytest.raises(ArgumentError, match="`levels`.*imagery"):
        fit(levels=["imagery"])
    with pytest.raises(ArgumentError, match=r"single levels.*'clinical'"):
        fit(levels=["clinical"])
    double = {**GROUPS, "imaging": [*GROUPS["imaging"], "l4l5"]}
    same = FeatureMap(double, {"l4l5": {"level": "l4l5", "measure": "height"}})
    with pytest.raises(ArgumentError, match="one column per level"):
        MultimodalNet(same, **SHORT).fit(table.assign(l4l5=0.0), y)
    half = table.copy()
    half.loc[half["worst_grade"].notna(), "worst_grade"] = np.where(
        np.arange(half["worst_grade"].notna().sum()) < 1, np.nan, 1
    )
    with pytest.raises(DataError, match="worst_grade"):
        fit(half)
    empty = table.copy()
    empty[GROUPS["imaging"]] = np.nan
    with pytest.raises(EstimationError, match="imaging"):
        fit(empty)
