"""Facet angles, lateral recesses and the ligamentum flavum of a drawn spine; SPINEPS processes kept by themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facet_phantom import FacetPhantom
from spine_phantom import rotation

from lbp_prognosis.biomarkers import LabelMap, Mask, Recipe, extract
from lbp_prognosis.biomarkers.anatomy._anatomy import build_anatomy
from lbp_prognosis.biomarkers.families._facet import PLANES_MM, Facet, _angle, _from_inside, _line, _sd
from lbp_prognosis.biomarkers.families._flavum import flavum_thickness
from lbp_prognosis.biomarkers.geometry._frame import make_frame
from lbp_prognosis.biomarkers.geometry._grid import Grid
from lbp_prognosis.biomarkers.geometry._region import Region

RECIPE = Recipe(families=("canal",))
FLAT = dict(sacral_slope=0.0, disc_angle=(0.0,) * 5, body_angle=(0.0,) * 5)
TABLE = """
title = "ligaments"
[labels]
7 = { structure = "ligamentum_flavum", level = "l4l5", side = "left" }
8 = { structure = "ligamentum_flavum", level = "l4l5", side = "right" }
"""


def measured(spine, tmp_path: Path | None = None, *, overlays=None, **drawn):
    whole, parts, yellow, affine = spine.volumes(**drawn)
    masks, names = [Mask(whole, affine), Mask(parts, affine)], ["spineps_instance", "spineps_subregion"]
    if tmp_path is not None:
        (tmp_path / "ligaments.toml").write_text(TABLE, encoding="utf-8")
        masks.append(Mask(yellow, affine))
        names.append(str(tmp_path / "ligaments.toml"))
    result = extract({"patient_id": "p", "mask": masks, "convention": names}, RECIPE, overlays=overlays)
    assert result.failures.empty, result.failures["message"].tolist()
    return result.table


def by_side(table, measure):
    rows = table[(table["measure"] == measure) & (table["level"] == "l4l5")]
    return rows.set_index("side")


@pytest.mark.parametrize(
    ("settings", "drawn", "facet", "recess", "roof", "flavum"),
    [
        ({}, {"spacing": (1.5, 1.5, 1.5)}, 3.0, 0.75, 6.0, 0.5),
        pytest.param(FLAT, {}, 2.0, 0.5, 3.0, 0.35, marks=pytest.mark.slow),
        pytest.param({}, {"degrees": (4.0, -3.0, 6.0)}, 2.0, 0.5, 3.0, 0.35, marks=pytest.mark.slow),
    ],
)
def test_angles_heights_and_thickness_of_a_drawn_segment(tmp_path, settings, drawn, facet, recess, roof, flavum):
    spine = FacetPhantom(**settings)
    table = measured(spine, tmp_path, **drawn)
    for measure, truth, tolerance in (
        ("facet_angle", spine.facet, facet),
        ("lateral_recess_height", spine.recess, recess),
        ("lateral_recess_angle", spine.roof, roof),
        ("ligament_thickness", spine.flavum, flavum),
    ):
        rows = by_side(table, measure)
        for side, expected in zip(("left", "right"), truth):
            row = rows.loc[side]
            assert abs(row["value"] - expected) <= tolerance + 1e-9, (measure, side, row["value"])
            assert abs(row["value"] - expected) <= 2.5 * row["sd_error"], (measure, side)
    tropism = by_side(table, "facet_tropism")["value"].item()
    angles = by_side(table, "facet_angle")["value"]
    assert tropism == pytest.approx(abs(angles["left"] - angles["right"]))
    assert abs(tropism - abs(np.diff(spine.facet))[0]) <= facet


@pytest.fixture(scope="module")
def coarse():
    return FacetPhantom().volumes(spacing=(2.0, 2.0, 2.0))


def test_articular_processes_are_structures_of_their_own_and_part_of_the_posterior_elements(coarse):
    whole, parts, _, affine = coarse
    conventions = [LabelMap("spineps_instance"), LabelMap("spineps_subregion")]
    anatomy = build_anatomy(list(zip((Mask(whole, affine), Mask(parts, affine)), conventions)))
    for structure, level, numbers in (
        ("superior_articular_process", "l5", {"left": 45, "right": 46}),
        ("inferior_articular_process", "l4", {"left": 47, "right": 48}),
    ):
        for side, value in numbers.items():
            assert anatomy.get(structure, level, side).n_voxels == (parts == value).sum()
    for level, number in (("l4", 23), ("l5", 24)):
        behind = (whole == number) & np.isin(parts, [41, 45, 46, 47, 48])
        assert anatomy.get("posterior_elements", level).n_voxels == behind.sum()
    assert {key[2] for key in anatomy.regions if key[0] == "posterior_elements"} == {""}


def test_what_is_not_labelled_or_too_small_has_no_angle(coarse):
    whole, parts, _, affine = coarse
    names = ["spineps_instance", "spineps_subregion"]
    small = parts.copy()
    where = np.argwhere(small == 45)
    small[tuple(where[5:].T)] = 41  # 40 mm³ are left
    small[small == 46] = 41
    result = extract(
        {"patient_id": "p", "mask": [Mask(whole, affine), Mask(small, affine)], "convention": names}, RECIPE
    )
    angles = by_side(result.table, "facet_angle")
    assert angles.index.tolist() == ["left"]
    assert "less than 50 mm³" in angles["reason"].item()
    assert not (result.table["measure"] == "facet_tropism").any()  # one side has no tropism
    assert by_side(result.table, "lateral_recess_height")["value"].isna().all()


@pytest.mark.slow
def test_how_the_volumes_are_stored_changes_nothing(coarse):
    whole, parts, _, affine = coarse
    turned = affine.copy()
    turned[:3, 3] += turned[:3, 0] * (whole.shape[0] - 1)
    turned[:3, 0] *= -1
    turned = turned[:, [2, 0, 1, 3]]
    names = ["spineps_instance", "spineps_subregion"]
    tables = []
    for volumes, matrix in (
        ((whole, parts), affine),
        (tuple(np.ascontiguousarray(v[::-1].transpose(2, 0, 1)) for v in (whole, parts)), turned),
    ):
        masks = [Mask(volume, matrix) for volume in volumes]
        tables.append(extract({"patient_id": "p", "mask": masks, "convention": names}, RECIPE).table)
    for measure in ("facet_angle", "lateral_recess_height", "lateral_recess_angle"):
        first, second = (by_side(table, measure)["value"] for table in tables)
        assert first.notna().all()
        np.testing.assert_allclose(first, second.reindex(first.index), atol=0.3)


@pytest.mark.parametrize(
    ("back", "sign", "expected"),
    [
        ((-10.0, 0.0), 1.0, 0.0),  # sagittal
        ((-10.0, 10.0), 1.0, 45.0),
        ((-10.0, 10.0), -1.0, 135.0),  # on the right, further in is more to the left
        ((-10.0, -10.0), -1.0, 45.0),
        ((0.0, 10.0), 1.0, 90.0),  # coronal
        ((0.0, -10.0), 1.0, 90.0),  # its ends exchanged
        ((-10.0, -9.0), 1.0, -np.degrees(np.arctan(0.9))),
    ],
)
def test_the_angle_of_a_line(back, sign, expected):
    assert _angle(np.zeros(2), np.array(back), sign) == pytest.approx(expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_planes_on_both_sides_of_the_coronal_plane_average_to_a_line_of_full_length(sign):
    inner, outer = np.array([0.0, sign * 8.0]), np.array([-1.0, sign * 20.0])  # back and left, mm
    near = _from_inside((inner, outer), sign)
    beyond = _from_inside((outer + np.array([2.0, 0.0]), inner), sign)  # its front end is the outer one
    assert [round(_angle(*line, sign)) for line in (near, beyond)] == [85, 95]
    front, back = (np.mean([line[end] for line in (near, beyond)], axis=0) for end in (0, 1))
    assert np.linalg.norm(back - front) == pytest.approx(12.0)


@pytest.mark.parametrize(
    ("length", "thick"), [(12.0, 3.0), (12.0, 6.0), (8.0, 2.0), (3.0, 2.0), (8.0, 6.0), (6.0, 6.0), (5.0, 6.0)]
)
def test_the_thickness_of_a_plate(length, thick):
    size = 0.5
    at = np.stack(np.meshgrid(*[np.arange(-50, 50) * size] * 3, indexing="ij"), axis=-1) + size / 2
    # RAS: a plate whose length runs along the left, 20 mm behind the origin and 10 mm to the left
    plate = (np.abs(at[..., 0] + 10) <= length / 2) & (np.abs(at[..., 1] + 20) <= thick / 2) & (np.abs(at[..., 2]) < 6)
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = -25 + size / 2
    region = Region("ligamentum_flavum", "l4l5", "", plate, np.zeros(3, dtype=int), Grid(plate.shape, affine))
    frame = make_frame(np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    found = flavum_thickness(region, frame, 1.0)
    if length < 4 or length < 1.5 * thick:
        assert np.isnan(found)  # too short, or as thick as long: neither direction is known to be its length
    else:
        assert found == pytest.approx(thick, abs=0.01)
    assert np.isnan(flavum_thickness(region, frame, -1.0))  # nothing on the right


@pytest.mark.parametrize("size", [4.5, 6.0])
def test_a_ligament_on_large_voxels_has_its_thickness_or_none_and_never_its_length(size):
    """A ligament of 14 mm by 4 mm: a voxel is as large as its thickness, so that a section may look square."""
    rng = np.random.default_rng(4)
    frame = make_frame(np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    n = int(np.ceil(60 / size))
    found = []
    for _ in range(25):
        affine = np.diag([size, size, size, 1.0])
        affine[:3, 3] = -size * (n - 1) / 2 + rng.uniform(-0.5, 0.5, 3) * size
        at = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
        plate = (np.abs(at[..., 0] + 12) <= 7) & (np.abs(at[..., 1] + 20) <= 2) & (np.abs(at[..., 2]) < 12)
        region = Region("ligamentum_flavum", "l4l5", "", plate, np.zeros(3, dtype=int), Grid(plate.shape, affine))
        found.append(flavum_thickness(region, frame, 1.0) if plate.any() else np.nan)
    given = np.array(found)[np.isfinite(found)]
    assert given.size
    assert np.all(np.abs(given - 4.0) <= 2.5 * size * np.sqrt(2 / 12))
    assert np.all(given < 14 / 1.5)


def plates(angle, reach, size, turn, rng):
    """Two plates with plane faces 2 mm apart, at an angle to the midsagittal plane, on a lattice of cubes."""
    n = int(np.ceil(44 / size))
    affine = np.eye(4)
    affine[:3, :3] = turn * size
    affine[:3, 3] = -affine[:3, :3] @ ((n - 1) / 2 + rng.uniform(-0.5, 0.5, 3))
    at = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    ap, left, up = at[..., 1], -at[..., 0], at[..., 2]
    along = -ap * np.cos(angle) + left * np.sin(angle)
    outwards = ap * np.sin(angle) + left * np.cos(angle)
    for side in (-1, 1):
        held = (side * outwards >= 1) & (side * outwards <= 7) & (np.abs(along) <= reach) & (np.abs(up) <= 9)
        yield Region("process", "l4", "left", held, np.zeros(3, dtype=int), Grid(held.shape, affine))


@pytest.mark.parametrize(
    "size", [1.0, pytest.param(2.0, marks=pytest.mark.slow), pytest.param(3.0, marks=pytest.mark.slow)]
)
def test_predicted_error_of_the_angle_is_that_of_drawn_joints(size):
    """RMS of error over predicted SD lies between one half and one on lattices in any position."""
    rng = np.random.default_rng(2)
    frame = make_frame(np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    ratios = []
    for _ in range(12 if size == 1.0 else 60):
        degrees, reach = rng.uniform(15, 75), rng.uniform(5, 9)
        turn = rotation(tuple(rng.uniform(-15, 15, 3)))
        regions = tuple(plates(np.radians(degrees), reach, size, turn, rng))
        planes = [frame.at(frame.origin + at * frame.cc) for at in PLANES_MM]
        lines = [_from_inside(line, 1.0) for plane in planes if (line := _line(plane, *regions))]
        front, back = (np.mean([line[end] for line in lines], axis=0) for end in (0, 1))
        angle = float(np.mean([_angle(*line, 1.0) for line in lines]))
        length = float(np.linalg.norm(back - front))
        ratios.append((angle - degrees) / _sd(Facet("l4l5", "left", regions, angle, np.empty((0, 3)), length)))
    assert 0.5 <= np.sqrt(np.mean(np.square(ratios))) <= 1.0


def test_predicted_error_of_the_angle_by_hand():
    """Ends known to 1 mm/√12 each, 10 mm apart, four independent planes: √(2/12)/10/2 rad."""

    def region(size):
        return Region(
            "p", "l4", "left", np.ones((2,) * 3, bool), np.zeros(3, int), Grid((2,) * 3, np.diag([size] * 3 + [1.0]))
        )

    def sd(size):
        return _sd(Facet("l4l5", "left", (region(size),), 40.0, np.empty((0, 3)), 10.0))

    assert sd(1.0) == pytest.approx(np.degrees(np.sqrt(2 / 12) / 20))
    assert sd(8.0) == pytest.approx(np.degrees(8 * np.sqrt(2 / 12) / 10))  # no plane more than one
    assert sd(4.0) == pytest.approx(np.degrees(4 * np.sqrt(2 / 12) / 10))
    assert sd(0.5) / sd(1.0) == pytest.approx(0.5 / np.sqrt(2))
