"""Foramina of drawn spines with known pedicles, joints and discs; what does not enclose one gives none."""

from __future__ import annotations

import numpy as np
import pytest
from foramen_phantom import ForamenPhantom, Sacrum
from scipy import ndimage
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Mask, Recipe, extract
from lbp_prognosis.biomarkers.families._foramen import _closed, _enclosed, _height

RECIPE = Recipe(families=("canal",))
FLAT = dict(sacral_slope=0.0, disc_angle=(0.0,) * 5, body_angle=(0.0,) * 5)
LABELS = labels_of("totalspineseg", 2)


def foramina(data, affine, *, last=False, **more):
    result = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}, RECIPE, **more)
    assert result.failures.empty, result.failures["message"].tolist()
    table = result.table
    return table[(table["structure"] == "foramen") & ((table["level"] == "l5s1") == last)]


def test_the_truth_is_that_of_a_rectangle_where_nothing_is_wedged():
    spine = ForamenPhantom(n=2, **FLAT)
    height, area = spine.true_foramen("l4", "l5", 1.0)
    expected = spine.body_height[0] / 2 + spine.disc_height[1] + spine.body_height[1] / 2 - 2 * 7
    wall = spine.depth / 2 * np.sqrt(1 - (spine.pedicle / (spine.width / 2)) ** 2)
    assert height == pytest.approx(expected, abs=0.06)
    assert area == pytest.approx(expected * (-wall - spine.pillar[1]), rel=0.01)


@pytest.mark.parametrize(
    ("settings", "spacing", "degrees", "rel"),
    [
        ({}, (1.0, 1.0, 1.0), (4.0, -3.0, 6.0), 0.04),
        ({}, (4.0, 0.7, 0.7), (0.0, 0.0, 0.0), 0.20),  # two slices to a pedicle of 8 mm
    ],
)
def test_height_and_area_of_a_drawn_foramen(settings, spacing, degrees, rel):
    spine = ForamenPhantom(n=2, **settings)
    table = foramina(*spine.draw(LABELS, spacing=spacing, degrees=degrees))
    assert len(table) == 4  # two sides, height and area
    for _, row in table.iterrows():
        height, area = spine.true_foramen(row["level"][:2], row["level"][2:], 1.0 if row["side"] == "left" else -1.0)
        if row["measure"] == "foramen_height":
            assert abs(row["value"] - height) <= 0.75, row[["level", "side"]].tolist()
        else:
            assert abs(row["value"] / area - 1) <= rel, row[["level", "side"]].tolist()
            assert abs(row["value"] - area) <= 2.5 * row["sd_error"]
        assert ("area_low_confidence" in row["flags"]) == (spacing[0] > 3)


@pytest.mark.parametrize("spacing", [(1.5, 1.0, 1.0), pytest.param((4.0, 0.7, 0.7), marks=pytest.mark.slow)])
def test_the_last_foramen_of_a_drawn_spine(spacing):
    spine = ForamenPhantom(n=2)
    spine.blocks["s1"] = Sacrum(**vars(spine.blocks["s1"]))
    last = foramina(*spine.draw(LABELS, spacing=spacing), last=True)
    assert len(last) == 4
    assert last["flags"].str.contains("pedicle_of_sacrum").all()
    for _, row in last.iterrows():
        height, area = spine.true_foramen("l5", "s1", 1.0 if row["side"] == "left" else -1.0)
        if row["measure"] == "foramen_height":
            assert abs(row["value"] - height) <= (0.75 if spacing[0] < 3 else 1.0), row["side"]
        else:
            assert abs(row["value"] / area - 1) <= (0.07 if spacing[0] < 3 else 0.20), row["side"]
            assert abs(row["value"] - area) <= 2.5 * row["sd_error"]


def test_a_sacrum_without_pedicles_has_no_last_foramen():
    last = foramina(*ForamenPhantom(n=2).draw(LABELS, spacing=(2.0, 1.2, 1.2)), last=True)
    assert len(last) == 4
    assert last["value"].isna().all()
    assert last["reason"].str.contains("s1 has no pedicle on this side").all()


def test_a_disc_label_that_ends_early_does_not_add_to_the_foramen():
    spine = ForamenPhantom(n=2, **FLAT)
    _, area = spine.true_foramen("l4", "l5", 1.0)
    spine.blocks["l4l5"].depth, spine.blocks["l4l5"].width = spine.depth - 12, spine.width - 12
    table = foramina(*spine.draw(LABELS))
    found = table.loc[table["measure"] == "foramen_area", "value"]
    assert found.to_numpy() == pytest.approx(area, rel=0.05)


def test_a_narrowed_side_is_the_patient_s(tmp_path):
    spine = ForamenPhantom(n=2, **FLAT)
    data, affine = spine.draw(LABELS, spacing=(1.0, 1.0, 1.0), flips=(True, False, True))
    body = spine.blocks["l5"]
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    local = np.stack([(grid - body.centre) @ v for v in (body.front, body.left, body.axis)], axis=-1)
    spur = (local[..., 0] > -25) & (local[..., 0] < -20) & (local[..., 1] > 12) & (local[..., 1] < 20)
    spur &= (local[..., 2] > 0) & (local[..., 2] < 15)
    data[spur & (data == 0)] = LABELS["l5"]  # a spur of 5 × 8 mm on the left pedicle of l5
    table = foramina(data, affine, overlays=str(tmp_path))
    area = table[(table["measure"] == "foramen_area") & (table["level"] == "l4l5")].set_index("side")["value"]
    assert area["right"] - area["left"] == pytest.approx(5 * 8, abs=10)
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_vertebrae_without_a_joint_enclose_nothing():
    table = foramina(*Phantom(n=2).draw(LABELS, spacing=(2.0, 1.2, 1.2)))
    assert table["value"].isna().all()
    assert table["reason"].str.contains("do not enclose").all()


def test_without_a_label_of_the_disc_no_foramen_is_given():
    labels = {name: value for name, value in LABELS.items() if name != "l4l5"}
    table = foramina(*ForamenPhantom(n=2).draw(labels, spacing=(2.0, 1.2, 1.2)))
    assert table["reason"].str.contains("no disc mask").all()


def test_bodies_alone_have_no_foramina():
    spine = Phantom(n=2, posterior=False)
    assert foramina(*spine.draw(LABELS, spacing=(2.0, 1.2, 1.2))).empty


@pytest.mark.parametrize(("gap", "enclosed"), [(0, True), (11, True), (20, True), (46, True), (48, True), (52, False)])
def test_the_shortest_line_behind_closes_up_to_twelve_millimetres(gap, enclosed):
    above, below, disc = (np.zeros((200, 200), dtype=bool) for _ in range(3))
    above[60:190, 130:150], below[60:190, 40:60] = True, True  # cells of 0.25 mm; front at high numbers
    disc[150:190, 60:130] = True
    below[60:80, 60 : 131 - gap] = True  # a process of the lower vertebra
    space = _enclosed(above, below, disc, (110, 95))
    assert (space is not None) == enclosed
    if space is not None:
        # the rounded corners of the closing and the width of the line: 1.1 %
        assert space.sum() == pytest.approx(70 * 70, rel=0.02 if gap < 12 else 0.35)
    assert _enclosed(above, below, disc, (160, 95)) is None  # no space in front of the place
    assert _enclosed(above, below, np.zeros_like(disc), (110, 95)) is None  # open in front


def test_the_height_is_that_of_columns_between_the_two_vertebrae():
    space = np.zeros((12, 30), dtype=bool)
    space[1:11, 5:25] = True
    space[1, 2:25] = True  # one step of the lattice
    above, below = np.zeros_like(space), np.zeros_like(space)
    above[:, 25:], below[:, :5] = True, True
    below[1, 2:5] = False
    assert _height(space, above, below) == pytest.approx(20 * 0.25, abs=0.1)
    assert np.isnan(_height(space, np.zeros_like(above), below))


def test_the_closing_is_that_of_scipy():
    rng = np.random.default_rng(1)
    for radius in range(1, 8):
        offsets = np.arange(-radius, radius + 1)
        disk = offsets[:, None] ** 2 + offsets**2 <= radius**2
        for shape in ((1, 3), (4, 30), (40, 35)):
            bone = ndimage.gaussian_filter(rng.normal(size=shape), 1.5) > 0.05
            wanted = ndimage.binary_closing(np.pad(bone, radius), disk)[radius:-radius, radius:-radius]
            np.testing.assert_array_equal(_closed(bone, radius), wanted)
