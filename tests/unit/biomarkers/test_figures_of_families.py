"""Each kind of line of a figure is drawn where its measure was read: lengths in the figure are the measured values."""

from __future__ import annotations

import numpy as np
import pytest
from facet_phantom import FacetPhantom
from scipy import ndimage
from spine_phantom import Phantom, labels_of

from lbp_prognosis._draw import LINE_NAMES, draw_overlay
from lbp_prognosis.biomarkers import Image, Mask, Recipe
from lbp_prognosis.biomarkers._overlay import overlay_panels
from lbp_prognosis.biomarkers._study import load_case
from lbp_prognosis.biomarkers.families._measure import measure_case

TABLE = """
title = "ligaments"
[labels]
7 = { structure = "ligamentum_flavum", level = "l4l5", side = "left" }
8 = { structure = "ligamentum_flavum", level = "l4l5", side = "right" }
"""


def drawn(study, families):
    case, _ = load_case({"patient_id": "p", **study}, Recipe(families=families), max_bytes=2**30)
    rows = measure_case(case)
    return case, rows, overlay_panels(case)


def value(rows, measure, level, **where):
    found = [r for r in rows if r.measure == measure and r.level == level]
    found = [r for r in found if all(getattr(r, name) == wanted for name, wanted in where.items())]
    assert len(found) == 1, (measure, level, where)
    return found[0].value


def lines(panel, kind):
    return [ends for k, ends in panel["lines"] if k == kind]


@pytest.fixture(scope="module")
def sagittal():
    """A slipped spine with a T2 image, a T2 map and femoral heads."""
    spine = Phantom(n=3, slip=(0.0, 6.0, 0.0, 0.0, 0.0), tilt=(0.0, 8.0, 0.0, 0.0, 0.0))
    data, affine = spine.draw(labels_of("totalspineseg", 3), spacing=(2.0, 1.2, 1.2))
    rng = np.random.default_rng(3)
    signal = np.where(data == 2, 900.0, np.where(data > 90, 400.0, 200.0)) * rng.normal(1, 0.02, data.shape)
    signal[(data == 2) & (rng.random(data.shape) < 0.3)] = 200.0  # roots
    heads = {f"femoral_head_{side}": [x, 25.0, -90.0] for side, x in (("left", -80), ("right", 80))}
    study = {
        "mask": Mask(data, affine),
        "convention": "totalspineseg",
        "image": Image(signal.astype(np.float32), affine),
        "image_t2_map": Image(np.full(data.shape, 90.0), affine),
        "sequence": "t2",
        "modality": "mri",
        "landmarks": heads,
    }
    return drawn(study, ("disc", "canal", "bone", "alignment"))


def test_heights_of_bodies_and_slips_have_the_measured_length(sagittal):
    _, rows, (side, front, *_) = sagittal
    assert {kind for kind, _ in side["lines"]} >= {*("endplate", "height", "body_height", "slip", "plane", "hips")}
    found = sorted(float(np.linalg.norm(ends[1] - ends[0])) for ends in lines(side, "body_height"))
    names = ("posterior", "middle", "anterior")
    expected = sorted(value(rows, f"body_height_{name}", level) for level in ("l3", "l4", "l5") for name in names)
    np.testing.assert_allclose(found, expected, atol=0.8)
    slips = [float(np.linalg.norm(path[1] - path[0])) for path in lines(side, "slip")]
    expected = [abs(value(rows, "slip", level)) for level in ("l3l4", "l4l5", "l5s1")]
    np.testing.assert_allclose(sorted(slips), sorted(expected), atol=0.2)
    assert max(slips) > 4
    tilts = [np.degrees(np.arctan2(*(ends[1] - ends[0])[::-1])) for ends in lines(front, "endplate")]
    assert np.ptp(tilts) == pytest.approx(value(rows, "cobb", ""), abs=0.5)


def test_parts_of_discs_lie_within_the_disc_and_fluid_in_the_canal(sagittal):
    _, rows, panels = sagittal
    assert {r.value for r in rows if r.measure == "t2"} == {90.0}
    own = [panel for panel in panels if panel["title"].startswith("signal of ")]
    assert [panel["title"].split()[2] for panel in own] == ["l3l4", "l4l5", "l5s1"]
    for panel in own:
        parts, fluids = lines(panel, "part"), lines(panel, "fluid")
        assert len(parts) == 3
        assert all(inside(panel, outline, "disc") for outline in parts)
        nucleus, front, back = (outline[:-1].mean(axis=0)[0] for outline in parts)
        assert back < nucleus < front
        assert inside(panel, fluids[0], "disc")
        assert inside(panel, fluids[1], "canal")
        assert farthest_outside(panel, fluids[1], "canal") < 2.5  # also where a slip bends the canal
        assert all(farthest_outside(panel, outline, "disc") < 2.0 for outline in (*parts, fluids[0]))


def inside(panel, outline, wanted):
    """Say whether the middle of an outline lies within a contour of a panel."""
    soft = next(soft for _, kind, soft in panel["contours"] if kind == wanted)
    left, right, bottom, top = panel["extent"]
    column, row = outline[:-1].mean(axis=0)
    at = (row - bottom) / (top - bottom) * (soft.shape[0] - 1), (column - left) / (right - left) * (soft.shape[1] - 1)
    return soft[round(at[0]), round(at[1])] >= 0.5


def farthest_outside(panel, outline, wanted):
    """Return by how many mm an outline leaves a contour of a panel, at its corners within the panel."""
    soft = next(soft for _, kind, soft in panel["contours"] if kind == wanted)
    left, right, bottom, top = panel["extent"]
    shape = np.array(soft.shape) - 1
    size = (top - bottom) / shape[0], (right - left) / shape[1]
    at = np.round((outline[:, ::-1] - [bottom, left]) / size).astype(int)
    at = at[((at >= 0) & (at <= shape)).all(axis=1)]
    return ndimage.distance_transform_edt(soft < 0.5, sampling=size)[tuple(at.T)].max()


def test_without_t2_no_part_of_a_disc_is_drawn():
    study = {"mask": Mask(*Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(2.5, 1.5, 1.5)))}
    _, _, panels = drawn({**study, "convention": "totalspineseg"}, ("disc",))
    assert {kind for kind, _ in panels[0]["lines"]} == {"endplate", "height", "slip", "plane"}
    assert not any(panel["title"].startswith("signal of ") for panel in panels)


@pytest.fixture(scope="module")
def joints(tmp_path_factory):
    table = tmp_path_factory.mktemp("flava") / "ligaments.toml"
    table.write_text(TABLE, encoding="utf-8")
    whole, parts, yellow, affine = FacetPhantom().volumes(spacing=(1.5, 1.5, 1.5))
    masks = [Mask(volume, affine) for volume in (whole, parts, yellow)]
    return drawn({"mask": masks, "convention": ["spineps_instance", "spineps_subregion", str(table)]}, ("canal",))


def test_the_chord_of_each_ligament_has_its_thickness_and_lies_in_its_contour(joints, tmp_path):
    _, rows, panels = joints
    own = [panel for panel in panels if panel["title"].startswith("ligamenta flava at l4l5")]
    assert len(own) == 1
    ends = lines(own[0], "flavum")
    expected = [value(rows, "ligament_thickness", "l4l5", side=side) for side in ("left", "right")]
    np.testing.assert_allclose([np.linalg.norm(e[1] - e[0]) for e in ends], expected, atol=0.6)
    assert ends[0].mean(axis=0)[0] > 0 > ends[1].mean(axis=0)[0]  # the patient's left is on the right
    assert sum(kind == "ligamentum_flavum" for _, kind, _ in own[0]["contours"]) == 2
    draw_overlay(panels, tmp_path / "joints.png", "joints")
    assert (tmp_path / "joints.png").stat().st_size > 10_000


def test_a_ligament_that_is_too_short_has_no_chord(tmp_path):
    table = tmp_path / "ligaments.toml"
    table.write_text(TABLE, encoding="utf-8")
    whole, parts, yellow, affine = FacetPhantom().volumes(spacing=(2.0, 2.0, 2.0))
    yellow[yellow == 8] = 0
    where = np.argwhere(yellow == 7)
    yellow[tuple(where[4:].T)] = 0
    masks = [Mask(volume, affine) for volume in (whole, parts, yellow)]
    study = {"mask": masks, "convention": ["spineps_instance", "spineps_subregion", str(table)]}
    _, rows, panels = drawn(study, ("canal",))
    assert np.isnan(value(rows, "ligament_thickness", "l4l5", side="left"))
    assert not any(lines(panel, "flavum") for panel in panels)


def test_no_kind_of_line_is_without_a_name_or_drawn_by_nobody(sagittal, joints):
    """Pits and Modic changes, plumb lines and lines of the user are drawn in the tests of their own files."""
    elsewhere = {"pit", "modic", "sample", "plumb", "own"}
    kinds = {kind for _, _, panels in (sagittal, joints) for panel in panels for kind, _ in panel["lines"]}
    assert kinds | elsewhere == set(LINE_NAMES)
    assert not kinds & elsewhere
