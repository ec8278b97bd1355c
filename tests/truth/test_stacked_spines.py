"""Spines drawn a second, independent way: the accuracy holds where the first drawing had no say, slips included."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from stacked_spine import random_spine

from lbp_prognosis.biomarkers import Mask, Recipe, extract

pytestmark = pytest.mark.slow
RECIPE = Recipe(families=("disc", "canal", "bone", "alignment"))
LEFT_OUT = ("min_near_disc", "min_over_levels", "l1_superior_to_l5_inferior")


def readings(first: int, count: int, *, cubes: bool) -> pd.DataFrame:
    rows = []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        spine = random_spine(rng, slipped=bool(seed % 2))
        side = rng.uniform(0.6, 1.2) if cubes else 0.6
        data, affine = spine.draw(
            (side,) * 3 if cubes else (4.0, 0.6, 0.6),
            Rotation.from_euler("xyz", rng.uniform(-12, 12, 3), degrees=True),
            tuple(rng.permutation(3)),
            tuple(rng.random(3) < 0.5),
            rng.uniform(0, 1, 3),
        )
        result = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}, RECIPE)
        assert result.failures.empty, result.failures["message"].tolist()
        truth = spine.truths()
        for row in result.table.to_dict("records"):
            key = (
                row["measure"],
                "" if row["measure"] in ("lumbar_lordosis", "sacral_slope", "cobb") else row["level"],
            )
            if key in truth and not row["method_id"].endswith(LEFT_OUT):
                doubt = "low_confidence" in row["flags"].replace("area_low_confidence", "")
                error, share = row["value"] - truth[key], row["value"] / truth[key] - 1
                rows.append({"measure": row["measure"], "error": error, "share": share, "side": side, "doubt": doubt})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("cubes", [True, False])
def test_heights_angles_and_areas_of_independently_drawn_spines(cubes):
    frame = readings(52_000 if cubes else 53_000, 10, cubes=cubes)
    assert frame["error"].notna().all()
    clear = frame[~frame["doubt"]]
    heights = clear[clear["measure"].str.contains("height")]
    assert (heights["error"].abs() <= heights["side"] / 2).all()
    angles = clear[
        clear["measure"].isin(["disc_wedge", "segmental_lordosis", "lumbar_lordosis", "sacral_slope", "cobb"])
    ]
    assert angles["error"].abs().max() <= 1.0
    cobb = frame.loc[frame["measure"] == "cobb", "error"]
    assert len(cobb) == 10
    assert cobb.abs().max() <= 1.0
    areas = frame[frame["measure"].isin(["canal_area", "disc_area"])]
    assert areas["share"].abs().max() <= (0.03 if cubes else 0.12)
    assert abs(areas.loc[areas["measure"] == "canal_area", "share"].mean()) <= (0.003 if cubes else 0.01)
