"""A method says which label a body came from; values of several labels are not pooled as one variable."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import DataError
from lbp_prognosis.biomarkers import Mask, Recipe, extract
from lbp_prognosis.fusion import pool_levels

RECIPE = Recipe(families=("bone", "disc"))


def test_one_spine_under_two_kinds_of_label_is_two_variables():
    spine = Phantom(n=3)
    whole, affine = spine.draw(
        {k: v for k, v in labels_of("totalspineseg", 3).items() if k != "s1"}, spacing=(2.0, 1.2, 1.2)
    )
    without = np.where(whole == 2, 0, whole)
    names = {f"body_{level}": 24 - k for k, level in enumerate(("l5", "l4", "l3"))}
    bodies, own = spine.draw(names, spacing=(2.0, 1.2, 1.2))
    studies = [
        {"patient_id": "1", "mask": Mask(whole, affine), "convention": "totalspineseg"},
        {"patient_id": "2", "mask": Mask(without, affine), "convention": "totalspineseg"},
        {"patient_id": "3", "mask": Mask(bodies, own), "convention": "totalsegmentator_vertebrae_pp"},
    ]
    result = extract(studies, RECIPE)
    assert result.failures.empty
    table = result.to_frame()
    volumes = table[table["measure"] == "body_volume"]
    assert volumes.groupby("patient_id")["method_id"].unique().map(list).tolist() == [
        ["volume_voxels__totalspineseg_from_vertebra"],
        ["volume_voxels__totalspineseg_from_vertebra"],
        ["volume_voxels__totalsegmentator_vertebrae_pp_own_label"],
    ]
    assert set(table.loc[table["measure"] == "vertebra_volume", "method_id"]) == {"volume_voxels__totalspineseg"}
    assert set(table.loc[table["measure"] == "disc_height", "method_id"]) == {"disc_height_area"}
    pool_levels(volumes[volumes["patient_id"] != "3"], {"body_volume": "mean"})
    with pytest.raises(DataError, match="method"):
        pool_levels(volumes, {"body_volume": "mean"})
