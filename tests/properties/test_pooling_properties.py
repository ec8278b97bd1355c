"""Pooling does not depend on the order of rows, and the rules keep their order among themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis.fusion import pool_levels

LEVELS = ["l1l2", "l2l3", "l3l4", "l4l5", "l5s1"]
RULES = ["max", "min", "mean", "sum", "worst", "count>=4", "any>=4", "count<=3"]


@st.composite
def spines(draw) -> pd.DataFrame:
    rows = []
    for patient in range(draw(st.integers(1, 5))):
        for level in draw(st.lists(st.sampled_from(LEVELS), unique=True, min_size=1)):
            rows.append((f"p{patient}", level, float(draw(st.integers(1, 5)))))
    table = pd.DataFrame(rows, columns=["patient_id", "level", "value"])
    return table.assign(measure="pfirrmann", method_id="reader")


@settings(deadline=None, max_examples=40)
@given(spines(), st.randoms())
def test_rules(table: pd.DataFrame, random) -> None:
    frame = pool_levels(table, {"pfirrmann": RULES}).frame
    order = list(range(len(table)))
    random.shuffle(order)
    shuffled = pool_levels(table.iloc[order], {"pfirrmann": RULES}, patients=frame.index).frame
    pd.testing.assert_frame_equal(frame, shuffled)
    high, low, mean = (frame[f"pfirrmann__{rule}"] for rule in ("max", "min", "mean"))
    assert ((low <= mean + 1e-12) & (mean <= high + 1e-12)).all()
    n = frame["pfirrmann__n_levels"]
    np.testing.assert_allclose(mean * n, frame["pfirrmann__sum"])
    np.testing.assert_array_equal(frame["pfirrmann__worst"], high)
    np.testing.assert_array_equal(frame["pfirrmann__count_ge_4"] + frame["pfirrmann__count_le_3"], n)
    np.testing.assert_array_equal(frame["pfirrmann__any_ge_4"], (frame["pfirrmann__count_ge_4"] > 0).astype(float))
