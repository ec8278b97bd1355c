"""Ratios, volumes, the dural sac, height loss and pits of one drawn spine, each against a hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import Phantom

from lbp_prognosis.biomarkers import Mask, Recipe, extract

TABLE = """
title = "drawn"
[labels]
1 = { structure = "vertebra", level = "l5" }
2 = { structure = "vertebra", level = "l4" }
3 = { structure = "vertebra", level = "l3" }
4 = { structure = "disc", level = "l4l5" }
5 = { structure = "disc", level = "l3l4" }
6 = { structure = "dural_sac" }
7 = { structure = "psoas", side = "left" }
"""
LABELS = {"l5": 1, "l4": 2, "l3": 3, "l4l5": 4, "l3l4": 5, "canal": 6, "psoas_left": 7}
WEDGE, HEIGHT, DISC, PIT = 12.0, 27.0, 11.0, 4.0


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The body of l4 is 12° lower in front; the upper endplate of l3 has a pit of 4 mm."""
    spine = Phantom(
        n=3,
        sacral_slope=0.0,
        disc_angle=(0.0, 6.0, 6.0, 0.0, 0.0),
        body_angle=(0.0, -WEDGE, 0.0, 0.0, 0.0),
        body_height=(HEIGHT,) * 5,
        disc_height=(DISC,) * 5,
    )
    data, affine = spine.draw(LABELS, spacing=(1.1, 1.0, 1.0), degrees=(4.0, -3.0, 6.0), margin=34.0)
    body = spine.blocks["l3"]
    where = np.argwhere(data == 3)
    d = where @ affine[:3, :3].T + affine[:3, 3] - body.high
    aside = np.hypot(d @ body.front, d @ body.left)
    pit = where[(aside <= 7.0) & (d @ body.high_normal >= -PIT)]
    data[tuple(pit.T)] = 0
    table = tmp_path_factory.mktemp("convention") / "drawn.toml"
    table.write_text(TABLE, encoding="utf-8")
    study = {"patient_id": "p", "mask": Mask(data, affine), "convention": str(table)}
    result = extract(study, Recipe(families=("disc", "canal", "endplate", "muscle", "bone")))
    assert result.failures.empty, result.failures["message"].tolist()
    return spine, result.table


def value(table, measure, method="", **where):
    rows = table[(table["measure"] == measure) & table["method_id"].str.startswith(method)]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    return rows["value"].item()


def test_volume_and_height_indices_of_a_disc(drawn):
    spine, table = drawn
    ellipse = np.pi / 4 * spine.depth * spine.width
    assert value(table, "disc_volume", level="l4l5") == pytest.approx(ellipse * DISC / 1000, rel=0.02)
    for method, truth in (
        ("dhi_mean_body", DISC / HEIGHT),
        ("dhi_front_back_depth", 2 * DISC / spine.depth),
        ("dhi_sum_of_three", DISC / HEIGHT),
    ):
        assert value(table, "disc_height_index", method, level="l4l5") == pytest.approx(truth, rel=0.03), method


def test_area_and_diameters_of_a_dural_sac(drawn):
    spine, table = drawn
    area = np.pi / 4 * spine.canal_ap * spine.canal_lr
    found = value(table, "dural_sac_area", "dural_sac_area_at_disc", level="l4l5")
    assert found == pytest.approx(area, rel=0.03)
    assert value(table, "dural_sac_ap", "dural_sac_chord_at_disc", level="l4l5") == pytest.approx(16.0, abs=0.5)
    assert value(table, "dural_sac_lr", level="l4l5") == pytest.approx(22.0, abs=0.5)
    assert not (table["measure"] == "canal_area").any()


def test_loss_of_height_is_the_least_of_three_ratios(drawn):
    spine, table = drawn
    rise = 2 * 0.4 * spine.depth * np.tan(np.radians(WEDGE / 2))  # from the middle to 10 and 90 % of the depth
    expected = 1 - (HEIGHT - rise) / (HEIGHT + rise)  # front over back; the middle and the neighbours lose less
    assert value(table, "height_loss", level="l4") == pytest.approx(expected, abs=0.015)
    shares = [value(table, f"genant_probability_{grade}", level="l4") for grade in range(4)]
    assert sum(shares) == pytest.approx(1.0)


def test_a_pit_is_as_deep_as_drawn(drawn):
    _, table = drawn
    for measure in ("endplate_concavity", "endplate_defect_depth"):
        found = value(table, measure, level="l3", structure="endplate_superior")
        assert found == pytest.approx(PIT, abs=0.5), measure
    assert value(table, "endplate_defect_depth", level="l3", structure="endplate_inferior") == 0


def test_volume_of_a_muscle(drawn):
    spine, table = drawn
    tube = spine.tubes["psoas_left"]
    path = tube.path[np.argsort(tube.path[:, 2])]
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    found = value(table, "muscle_volume", "volume_voxels")
    assert found == pytest.approx(np.pi / 4 * tube.ap * tube.lr * length / 1000, rel=0.03)
