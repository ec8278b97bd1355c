"""``LevelMap``: a wide table as patient × level × measure."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, FeatureMap
from lbp_prognosis.fusion import LevelMap, pool_levels

X = pd.DataFrame(
    {
        "age": [50.0, 61.0],
        "pfirrmann__l5s1": [4, 2],
        "pfirrmann__l4l5": [3, 5],
        "disc_height__l4l5": [9.0, np.nan],
        "multifidus__fat_fraction__l4__left": [0.2, 0.3],
        "pfirrmann__max": [4, 5],
    },
    index=["a", "b"],
)


def test_columns_without_a_level_are_left_out():
    levels = LevelMap.of(X.columns)
    assert levels.levels == ("l4", "l4l5", "l5s1")
    assert levels.measures == ("pfirrmann", "disc_height", "multifidus__fat_fraction__left")
    assert "age" not in levels
    assert "pfirrmann__max" not in levels
    assert levels["pfirrmann__l5s1"] == ("l5s1", "pfirrmann")
    assert levels.columns_of(level="l4l5") == ("pfirrmann__l4l5", "disc_height__l4l5")
    assert levels.columns_of(measure="pfirrmann") == ("pfirrmann__l5s1", "pfirrmann__l4l5")
    assert len(LevelMap.of(["age"])) == 0


def test_the_cube_by_hand():
    nan = np.nan
    expected = [
        [[nan, nan, 0.2], [3, 9.0, nan], [4, nan, nan]],
        [[nan, nan, 0.3], [5, nan, nan], [2, nan, nan]],
    ]
    found = LevelMap.of(X.columns).cube(X)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(LevelMap.of(X.columns).cube(X[X.columns[::-1]]), expected)  # by name, not by place


def test_the_long_table_is_pooled_as_readings_are():
    long = LevelMap.of(X.columns).to_long(X)
    assert long.query("measure == 'disc_height'").values.tolist() == [["a", "l4l5", "disc_height", 9.0]]
    pooled = pool_levels(long.assign(method_id="reader"), {"pfirrmann": ["max", "each"]})
    assert pooled.frame["pfirrmann__max"].to_dict() == {"a": 4.0, "b": 5.0}
    assert pooled.levels == LevelMap.of(["pfirrmann__l4l5", "pfirrmann__l5s1"])
    np.testing.assert_array_equal(pooled.levels.cube(pooled.frame)[:, :, 0], [[3, 4], [5, 2]])


def test_provenance_wins_over_names():
    known = FeatureMap({"imaging": ("h",)}, {"h": {"level": "l1", "measure": "height", "structure": "disc"}})
    assert dict(LevelMap.of(["h"], known)) == {"h": ("l1", "disc__height")}


def test_values_of_one_cell_are_added_up():
    levels = LevelMap({"x": ("l4", "m"), "y": ("l4", "m"), "z": ("l5", "k")})
    found = levels.gathered({"x": 1.0, "y": 2.0, "z": 4.0, "other": 8.0})
    assert found.fillna(-1).values.tolist() == [["l4", "m", 3], ["l4", "k", -1], ["l5", "m", -1], ["l5", "k", 4]]


@pytest.mark.parametrize(
    ("levels", "table", "argument"),
    [
        (lambda: LevelMap({"x": ("l9", "m")}), None, "cells"),
        (lambda: LevelMap({"x": ("l4", "m"), "y": ("l4", "m")}), pd.DataFrame({"x": [1.0], "y": [2.0]}), "cells"),
        (lambda: LevelMap({"x": ("l4", "m")}), pd.DataFrame({"y": [2.0]}), "X"),
        (lambda: LevelMap({"x": ("l4", "m")}), pd.DataFrame({"x": ["a"]}), "X"),
    ],
)
def test_what_has_no_cube_is_refused(levels, table, argument):
    with pytest.raises(ArgumentError, match=f"^`{argument}`"):
        levels().cube(table)
