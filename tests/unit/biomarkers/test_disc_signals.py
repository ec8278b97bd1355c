"""T2 of the parts of a disc, and the contrast of nucleus and annulus, on drawn discs of known values."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract
from lbp_prognosis.biomarkers.families._disc_signal import _no_time

NUCLEUS, FRONT, BACK = 128.0, 50.0, 54.0
METHODS = ["nucleus_middle_three_fifths", "annulus_front_fifth", "annulus_back_fifth"]


@pytest.fixture(scope="module")
def drawn():
    """Return labels, their matrix and an image of T2 with an even step at the fifths of the depth of the disc l4l5."""
    spine = Phantom(n=2)
    data, affine = spine.draw(labels_of("totalspineseg", 2), spacing=(3.0, 1.0, 1.0), degrees=(4.0, 0.0, 0.0))
    disc = spine.truth("l4l5")
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1)
    p = grid @ affine[:3, :3].T + affine[:3, 3]
    share = ((p - disc.centre) @ disc.front) / disc.depth + 0.5
    times = np.where(share > 0.8, FRONT, np.where(share < 0.2, BACK, NUCLEUS))
    return data, affine, times


def measured(drawn, times, **more):
    data, affine, _ = drawn
    study = {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg", **more}
    if times is not None:
        study["image_t2_map"] = Image(times, affine)
    result = extract(study, Recipe(families=("disc",)))
    assert result.failures.empty, result.failures["message"].tolist()
    table = result.table[(result.table["level"] == "l4l5")]
    return result, table.set_index("method_id")


def test_times_of_the_three_parts_are_those_drawn(drawn):
    rng = np.random.default_rng(1)
    result, table = measured(drawn, drawn[2] * rng.normal(1.0, 0.05, drawn[2].shape))
    rows = table.loc[METHODS]
    assert rows["measure"].unique().tolist() == ["t2"]
    for method, truth in zip(METHODS, (NUCLEUS, FRONT, BACK)):
        row = rows.loc[method]
        assert abs(row["value"] - truth) <= max(4 * row["sd_error"], 0.02 * truth)
        assert row["unit"] == "ms"
        assert row["n_voxels"] >= 10
    one = result.to_frame()
    kept = one[(one["measure"] == "t2") & (one["level"] == "l4l5")]
    assert kept["method_id"].tolist() == METHODS[:1]  # one method of a measure: the nucleus


def test_contrast_is_the_ratio_of_the_drawn_signals_and_no_bias_of_one_factor_changes_it(drawn):
    for factor in (1.0, 7.5):
        _, table = measured(drawn, None, image=Image(drawn[2] * factor, drawn[1]), sequence="t2")
        row = table[table["measure"] == "disc_nucleus_annulus_ratio"].iloc[0]
        assert row["value"] == pytest.approx(NUCLEUS / np.median([FRONT, BACK]), rel=0.05)
        assert "no_bias_correction" in row["flags"]
    _, table = measured(drawn, None)
    assert not (table["measure"] == "disc_nucleus_annulus_ratio").any()


def test_seconds_and_holes_are_no_times(drawn):
    _, table = measured(drawn, drawn[2] / 1000)
    assert table.loc[METHODS, "value"].isna().all()
    assert table.loc[METHODS, "reason"].str.contains("give the map in ms").all()
    _, table = measured(drawn, np.zeros_like(drawn[2]))
    assert table.loc[METHODS, "reason"].str.contains("has no value").all()


@pytest.mark.parametrize(
    ("size", "holes", "time", "says"),
    [
        (10, 0, 100.0, ""),
        (9, 0, 100.0, "fewer than 10"),
        (10, 2, 100.0, ""),
        (10, 3, 100.0, "no value in 3 of 10"),
        (10, 0, 5.0, ""),
        (10, 0, 4.99, "in milliseconds"),
        (10, 0, 1000.0, ""),
        (10, 0, 1000.5, "in milliseconds"),
    ],
)
def test_bounds_of_what_counts_as_a_time(size, holes, time, says):
    values = np.full(size, time)
    values[:holes] = np.nan
    found = _no_time(values, values[np.isfinite(values)])
    assert says in found
    assert bool(says) == bool(found)
