"""Fusion on the boundary: levels and sides, and the smallest batch that may be calibrated."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import ComBat, Conversion, level_norms, norms_of, pool_levels


def test_left_and_right_are_two_readings_of_one_level():
    long = pd.DataFrame(
        {
            "patient_id": ["a", "a", "a", "b"],
            "measure": "foraminal_stenosis",
            "structure": "foramen",
            "level": ["l4l5", "l4l5", "l5s1", "l4l5"],
            "side": ["left", "right", "left", "right"],
            "value": [1.0, 3.0, 2.0, 0.0],
            "method_id": "reader",
        }
    )
    frame = pool_levels(long, {"foraminal_stenosis": ["max", "count>=2"]}).frame
    assert frame["foraminal_stenosis__n_levels"].tolist() == [2, 1]  # three readings, two levels
    assert frame["foraminal_stenosis__max"].tolist() == [3, 0]
    assert frame["foraminal_stenosis__count_ge_2"].tolist() == [2, 0]


def scans(site, n, seed, missing=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"site": site, "fat": rng.normal(20, 3, n), "area": rng.normal(9, 1, n)})
    frame.loc[frame.index[:missing], "fat"] = np.nan
    return frame


@pytest.mark.parametrize(
    ("rows", "missing", "accepted"), [(19, 0, False), (20, 0, True), (21, 0, True), (20, 1, False)]
)
def test_the_smallest_new_batch_that_may_be_calibrated(rows, missing, accepted):
    step = ComBat(unseen="calibrate").fit(pd.concat([scans("x", 40, 1), scans("y", 40, 2)], ignore_index=True))
    # a larger new batch beside it does not make up for the small one
    new = pd.concat([scans("z", 60, 3), scans("w", rows, 4, missing)], ignore_index=True)
    if not accepted:
        with pytest.raises(ArgumentError, match="'w'"):
            step.calibrate(new)
        return
    assert step.calibrate(new).calibrated_ == {"w": rows, "z": 60}


def by_two_methods(x, y):
    """One height per patient by each of two methods."""
    one, other = (
        pd.DataFrame({"patient_id": range(len(v)), "measure": "height", "value": v, "method_id": m, "level": "l4l5"})
        for v, m in ((x, "chord"), (y, "gap"))
    )
    return pd.concat([one, other], ignore_index=True)


def test_the_line_of_two_methods_by_hand():
    """Residuals of (0, 0), (1, 2), (2, 1) from 0.5 + 0.5 x are -0.5, 1 and -0.5: their squares sum to 1.5."""
    line = Conversion.from_paired(by_two_methods([0, 1, 2], [0, 2, 1]), "height", "chord", "gap", min_pairs=3)
    assert (line.intercept, line.slope) == pytest.approx((0.5, 0.5))
    assert line.sd == pytest.approx(1.5**0.5)


@pytest.mark.parametrize(
    ("x", "y", "least", "words"),
    [
        ([0, 1], [0, 2], 2, "`min_pairs` must be a whole number of at least 3"),
        ([0, 1, 2], [0, 2, 1], 4, "at least 4 places .*; got 3 of 'height'"),
        ([5, 5, 5], [0, 2, 1], 3, "by 'chord' differs between places; got 5 at all 3"),
        ([0, 1, 2], [2, 1, 0], 3, "rise together; got a slope of -1"),
        ([0, 1, 2], [1, 0, 1], 3, "rise together"),
    ],
)
def test_methods_without_a_line(x, y, least, words):
    with pytest.raises(ArgumentError, match=words):
        Conversion.from_paired(by_two_methods(x, y), "height", "chord", "gap", min_pairs=least)


def of_levels(n, same=()):
    rows = [(level, 10.0 if level in same else 10.0 + k) for level in ("l4l5", "l5s1") for k in range(n[level])]
    table = pd.DataFrame(rows, columns=["level", "value"])
    return table.assign(measure="height", structure="disc", method_id="gap", unit="mm", sd_error=0.5)


@pytest.mark.parametrize("few", [4, 5, 6])
def test_norms_of_a_level_with_the_fewest_values(few):
    table = of_levels({"l4l5": 9, "l5s1": few})
    if few < 5:
        with pytest.raises(DataError, match="1 levels have fewer than 5 values"):
            norms_of(table, ["height"], min_n=5)
    else:
        assert norms_of(table, ["height"], min_n=5)["n"].tolist() == [9, few]
    with pytest.raises(DataError, match="values that do not differ; the first: 'height' at 'l5s1', n = 9"):
        norms_of(of_levels({"l4l5": 9, "l5s1": 9}, same=("l5s1",)), ["height"], min_n=5)


def test_errors_are_divided_as_values_are():
    table = of_levels({"l4l5": 3, "l5s1": 3})
    norms = norms_of(table, ["height"], min_n=3)  # 10, 11, 12: mean 11, SD 1
    wide = norms.assign(sd=2.0)
    found = level_norms(table, wide)
    assert found["value"].tolist() == [-0.5, 0.0, 0.5] * 2
    assert found["sd_error"].tolist() == [0.25] * 6
    assert "sd_error" not in level_norms(table.drop(columns="sd_error"), wide)
