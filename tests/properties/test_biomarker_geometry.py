"""What must hold for any spine: turn the lattice, mirror the patient, change the unit of length."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract

RECIPE = Recipe(families=("disc", "canal", "endplate", "bone", "alignment"))
KEY = ["structure", "measure", "level", "side", "method_id"]
QUICK = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def spine():
    phantom = Phantom(n=3, tilt=(3.0, -2.0, 4.0, 0, 0), slip=(0.0, 3.0, 0, 0, 0), multifidus=(26.0, 18.0))
    data, affine = phantom.draw(labels_of("totalspineseg", 3), spacing=(4.0, 1.5, 1.2), degrees=(6.0, -4.0, 5.0))
    return data, affine


def measure(data, affine, recipe=RECIPE, **more) -> pd.Series:
    result = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg", **more}, recipe)
    assert result.failures.empty, result.failures["message"].tolist()
    return result.table.set_index(KEY)["value"]


@QUICK
@given(
    order=st.permutations([0, 1, 2]),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_the_order_and_sense_of_the_array_s_axes_change_nothing(spine, order, flips):
    data, affine = spine
    moved, matrix = data.transpose(order), affine[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            moved = np.flip(moved, axis)
            matrix[:3, 3] += matrix[:3, axis] * (moved.shape[axis] - 1)
            matrix[:3, axis] *= -1
    before, after = measure(data, affine), measure(moved, matrix)
    pd.testing.assert_index_equal(before.index, after.index)
    # grids are laid from the smallest coordinate, so only rounding of float32 sums differs
    np.testing.assert_allclose(after, before, rtol=2e-4, atol=2e-3, equal_nan=True)


@QUICK
@given(shift=st.tuples(*[st.floats(-500, 500)] * 3))
def test_where_the_patient_lies_changes_nothing(spine, shift):
    data, affine = spine
    moved = affine.copy()
    moved[:3, 3] += shift
    found, base = measure(data, moved), measure(data, affine)
    np.testing.assert_allclose(found, base, rtol=2e-4, atol=2e-3, equal_nan=True)


def test_mirroring_the_patient_swaps_the_sides_and_the_signs():
    phantom = Phantom(n=3, tilt=(0.0, 5.0, 0.0, 0, 0), multifidus=(26.0, 18.0))
    spines, muscles = labels_of("totalspineseg", 3), labels_of("musclemap")
    data, affine = phantom.draw({**spines, **muscles}, spacing=(2.0, 1.5, 3.0), degrees=(3.0, 2.0, -4.0))
    mirrored = np.diag([-1.0, 1, 1, 1]) @ affine
    relabelled = data.copy()
    for value in (5101, 5111, 5121):
        relabelled[data == value], relabelled[data == value + 1] = value + 1, value
    recipe = Recipe(families=("muscle", "alignment"))
    frames = []
    for volume, matrix in ((data, affine), (relabelled, mirrored)):
        masks = [Mask(np.where(volume < 1000, volume, 0), matrix), Mask(np.where(volume > 1000, volume, 0), matrix)]
        study = {"patient_id": "p", "mask": masks, "convention": ["totalspineseg", "musclemap"]}
        frames.append(extract(study, recipe).table.set_index(KEY)["value"])
    own, other = frames
    areas = [frame.xs("csa", level="measure").xs("multifidus", level="structure").dropna() for frame in frames]
    assert len(areas[0]) >= 4
    swapped = areas[1].rename({"left": "right", "right": "left"}, level="side")
    np.testing.assert_allclose(swapped.sort_index(), areas[0].sort_index(), rtol=1e-3)
    left = areas[0].xs("left", level="side").mean()
    assert left > 1.5 * areas[0].xs("right", level="side").mean()
    for measure_name, sign in (
        ("cobb", 1),
        ("lumbar_lordosis", 1),
        ("segmental_lordosis", 1),
        ("lateral_listhesis", -1),
    ):
        a = own.xs(measure_name, level="measure").dropna()
        b = other.xs(measure_name, level="measure").dropna()
        np.testing.assert_allclose(b, sign * a, atol=0.02)


@QUICK
@given(scale=st.floats(0.6, 1.6))
def test_lengths_areas_and_volumes_scale_with_the_unit_and_angles_do_not(scale):
    phantom = Phantom(n=3)
    data, affine = phantom.draw(labels_of("totalspineseg", 3), spacing=(2.0, 1.0, 1.0), degrees=(4.0, 3.0, -2.0))
    recipe = Recipe(families=("disc", "alignment"))
    one, many = measure(data, affine, recipe), measure(data, np.diag([scale, scale, scale, 1]) @ affine, recipe)
    for name, power, tolerance in (
        ("disc_height", 1, 0.02),
        ("disc_volume", 3, 1e-6),
        ("disc_area", 2, 0.02),
        ("disc_height_index", 0, 0.03),
    ):
        a, b = one.xs(name, level="measure").dropna(), many.xs(name, level="measure").dropna()
        shared = a.index.intersection(b.index)
        assert len(shared) >= 3
        # the measuring grid keeps its millimetre, so only volumes scale exactly
        np.testing.assert_allclose(b[shared], a[shared] * scale**power, rtol=tolerance)
    for name in ("disc_wedge", "segmental_lordosis"):
        a, b = one.xs(name, level="measure").dropna(), many.xs(name, level="measure").dropna()
        np.testing.assert_allclose(b, a, atol=0.6)


@QUICK
@given(slope=st.floats(0.2, 5), offset=st.floats(0, 50))
def test_a_signal_ratio_does_not_know_the_scanner_s_gain(slope, offset):
    phantom = Phantom(n=2, posterior=False)
    data, affine = phantom.draw(labels_of("totalspineseg", 2), spacing=(4.0, 1.5, 1.0))
    rng = np.random.default_rng(2)
    signal = np.where(np.isin(data, [95, 100]), 250.0, 80.0) + rng.normal(0, 4, data.shape)
    signal[data == 2] = np.where(rng.random(int((data == 2).sum())) < 0.4, 100.0, 500.0)
    more = {"modality": "mri", "sequence": "t2"}
    recipe = Recipe(families=("disc",))
    plain = measure(data, affine, recipe, image=Image(signal, affine), **more).xs("disc_csf_ratio", level="measure")
    gained = measure(data, affine, recipe, image=Image(signal * slope, affine), **more).xs(
        "disc_csf_ratio", level="measure"
    )
    np.testing.assert_allclose(gained, plain, rtol=1e-6)
    shifted = measure(data, affine, recipe, image=Image(signal + offset, affine), **more).xs(
        "disc_csf_ratio", level="measure"
    )
    assert (shifted.dropna() >= plain.dropna() - 1e-9).all()  # an offset is no gain: the ratio rises towards 1
