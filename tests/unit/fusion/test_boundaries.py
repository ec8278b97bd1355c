"""Fusion on the boundary: levels and sides, and the smallest batch that may be calibrated."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import ComBat, pool_levels


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
