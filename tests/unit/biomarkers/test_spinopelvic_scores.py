"""Angles of the pelvis: identities, plausibility, the proportion score, and landmarks on a drawn spine."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Block, Phantom, labels_of

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import Mask, Recipe, check_spinopelvic, extract, gap_score
from lbp_prognosis.biomarkers._overlay_lines import lines_from_side
from lbp_prognosis.biomarkers._study import load_case


@pytest.mark.parametrize(
    ("pi", "ss", "ll", "low", "gt", "age", "parts"),
    [
        (50, 38.5, 60, 38, 9, 45, (0, 0, 0, 0, 0)),  # every part at its ideal
        (50, 23.49, 60, 38, 9, 45, (3, 0, 0, 0, 0)),  # RPV −15.01
        (50, 23.51, 60, 38, 9, 45, (2, 0, 0, 0, 0)),  # −14.99
        (50, 31.51, 60, 38, 9, 45, (0, 0, 0, 0, 0)),  # −6.99
        (50, 43.51, 60, 38, 9, 45, (1, 0, 0, 0, 0)),  # 5.01
        (50, 38.5, 34.99, 21, 9, 45, (0, 3, 0, 0, 0)),  # RLL −25.01
        (50, 38.5, 35.01, 21, 9, 45, (0, 2, 0, 0, 0)),
        (50, 38.5, 46.01, 28, 9, 45, (0, 0, 0, 0, 0)),  # −13.99
        (50, 38.5, 71.01, 45, 9, 45, (0, 3, 0, 0, 0)),  # 11.01
        (50, 38.5, 60, 23.9, 9, 45, (0, 0, 2, 0, 0)),  # LDI 39.8
        (50, 38.5, 60, 27, 9, 45, (0, 0, 1, 0, 0)),  # 45
        (50, 38.5, 60, 48.1, 9, 45, (0, 0, 3, 0, 0)),  # 80.2
        (50, 38.5, 60, 38, 27.01, 45, (0, 0, 0, 3, 0)),  # RSA 18.01
        (50, 38.5, 60, 38, 19.01, 45, (0, 0, 0, 1, 0)),
        (50, 38.5, 60, 38, 1.99, 45, (0, 0, 0, 1, 0)),  # −7.01
        (50, 38.5, 60, 38, 9, 60, (0, 0, 0, 0, 1)),
        (50, 20, 30, 10, 30, 70, (3, 3, 2, 3, 1)),
    ],
)
def test_points_by_hand(pi, ss, ll, low, gt, age, parts):
    found = gap_score(pi, ss, ll, low, gt, age)
    assert (found.pelvic_version, found.lordosis, found.distribution, found.spinopelvic, found.age) == parts
    assert found.total == sum(parts)


def test_ideals_are_those_of_the_score_and_not_of_its_namesake():
    # 0.62 PI + 29 and not 0.54 PI + 27.6, which another author gave
    assert gap_score(50, 38.5, 60, 38, 9, 40).relative_lordosis == pytest.approx(0)
    assert gap_score(60, 44.4, 66.2, 40, 13.8, 40).relative_pelvic_version == pytest.approx(0)
    assert gap_score(60, 44.4, 66.2, 40, 13.8, 40).relative_spinopelvic == pytest.approx(0)
    with pytest.raises(ArgumentError, match="lordosis"):
        gap_score(50, 40, 0, 10, 10, 40)
    with pytest.raises(ArgumentError, match="age"):
        gap_score(50, 40, 50, 10, 10, float("nan"))


def test_the_identity_and_the_ranges():
    frame = pd.DataFrame(
        {
            "pelvic_incidence": [50.0, 50.0, 50.0, np.nan],
            "pelvic_tilt": [12.0, 12.0, 10.0, 5.0],
            "sacral_slope": [38.0, 33.0, 500.0, 40.0],
        },
        index=["a", "b", "c", "d"],
    )
    found = check_spinopelvic(frame)
    assert found[["row", "reason"]].to_numpy().tolist() == [["c", "range"], ["b", "identity"], ["c", "identity"]]
    assert check_spinopelvic(frame, tolerance=5.0)["row"].tolist() == ["c", "c"]
    assert check_spinopelvic(frame.iloc[:1]).empty
    with pytest.raises(ArgumentError, match="columns such as"):
        check_spinopelvic(pd.DataFrame({"age": [1]}))
    with pytest.raises(ArgumentError, match="text in column"):
        check_spinopelvic(pd.DataFrame({"pelvic_tilt": ["high"]}))


def test_public_table_keeps_the_identity_and_shows_its_outlier(shared):
    names = ["pelvic_incidence", "pelvic_tilt", "lumbar_lordosis", "sacral_slope", "radius", "slip_percent", "class"]
    frame = pd.read_csv(shared / "data" / "uci_vertebral_column" / "column_3C.dat", sep=" ", names=names)
    assert len(frame) == 310
    found = check_spinopelvic(frame, tolerance=0.05)
    assert (found["reason"] == "identity").sum() == 0
    assert found["value"].round(1).tolist() == [418.5]


def test_pelvis_from_landmarks_on_a_drawn_spine():
    spine = Phantom(n=5, sacral_slope=36.0)
    data, affine = spine.draw(labels_of("totalspineseg"), spacing=(3.0, 0.8, 0.8), degrees=(5.0, 3.0, -4.0))
    tilt = np.radians(14.0)  # the sacrum stands behind the heads by this angle
    heads = -90 * np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    aside = np.array([45.0, 0, 0])
    study = {
        "patient_id": "p",
        "mask": Mask(data, affine),
        "convention": "totalspineseg",
        "position": "standing",
        "landmarks": {"femoral_head_left": heads - aside, "femoral_head_right": heads + aside},
    }
    table = extract(study, Recipe(families=("alignment",))).table
    found = table[table["structure"].isin(["pelvis", "whole_spine"])].set_index("measure")["value"]
    assert found["pelvic_incidence"] == pytest.approx(found["pelvic_tilt"] + found["sacral_slope"], abs=1e-9)
    assert found["pelvic_tilt"] == pytest.approx(14.0, abs=1.0)
    assert found["sacral_slope"] == pytest.approx(36.0, abs=1.0)
    lordosis = table.loc[table["method_id"] == "l1_superior_to_s1_superior", "value"].item()
    assert found["pi_minus_ll"] == pytest.approx(found["pelvic_incidence"] - lordosis)
    mixed = data.copy()
    at = np.argwhere(data == labels_of("totalspineseg")["l2"])
    z = (at @ affine[:3, :3].T)[:, 2]
    mixed[tuple(at[z > np.quantile(z, 2 / 3)].T)] = labels_of("totalspineseg")["l1"]
    doubted = extract({**study, "mask": Mask(mixed, affine)}, Recipe(families=("alignment",))).table
    doubted = doubted[doubted["structure"].isin(["pelvis", "whole_spine"])].set_index("measure")["value"]
    assert np.isnan(doubted["pi_minus_ll"])  # l1 and l2 are withheld, and the pelvis needs neither
    assert doubted["pelvic_incidence"] == pytest.approx(found["pelvic_incidence"], abs=1.0)
    without = extract({**study, "landmarks": None}, Recipe(families=("alignment",))).table
    row = without[without["measure"] == "pelvic_incidence"]
    assert row["value"].isna().all()
    assert "femoral heads" in row["reason"].item()


@functools.cache
def whole_spine():
    """A lumbar spine with c7, t1 and the femoral heads at chosen places; returns study, points and the spine."""
    spine = Phantom(n=5, sacral_slope=38.0)
    up = np.array([0.0, 0.0, 1.0])
    points = {
        "t1": np.array([0.0, 22.0, 300.0]),
        "c7": np.array([0.0, 30.0, 325.0]),
        "heads": np.array([0.0, 25.0, -85.0]),
    }
    for level in ("t1", "c7"):
        spine.blocks[level] = Block(points[level] - 7 * up, up, points[level] + 7 * up, up, 18.0, 24.0)
    labels = {**labels_of("totalspineseg"), "t1": 21, "c7": 17}
    data, affine = spine.draw(
        labels, spacing=(3.0, 1.0, 1.0), degrees=(4.0, 2.0, -3.0), order=(2, 1, 0), flips=(False, True, False)
    )
    aside = np.array([45.0, 0.0, 0.0])
    study = {
        "patient_id": "p",
        "mask": Mask(data, affine),
        "convention": "totalspineseg",
        "position": "standing",
        "age": 66,
        "landmarks": {
            "femoral_head_left": points["heads"] - aside,
            "femoral_head_right": points["heads"] + aside,
        },
    }
    return study, points, spine


def test_global_alignment_of_a_drawn_spine_by_hand():
    study, points, spine = whole_spine()
    result = extract(study, Recipe(families=("alignment",)))
    assert result.failures.empty, result.failures["message"].tolist()
    table = result.table
    found = table[table["structure"].isin(["pelvis", "whole_spine"])].set_index("measure")["value"]
    lordosis = table.loc[table["method_id"] == "l1_superior_to_s1_superior", "value"].item()
    index = table.loc[table["measure"] == "lordosis_distribution", "value"].item()
    # the middle of the sacral endplate is the origin; angles of lines seen from the side, forwards of vertical
    lean = {name: np.degrees(np.arctan2(p[1], p[2])) for name, p in points.items()}
    tilt = np.degrees(np.arctan2(25.0, 85.0))  # the sacrum lies behind the heads by this
    to_t1 = points["t1"] - points["heads"]
    slope = np.radians(spine.sacral_slope)
    corner = -0.5 * spine.depth * np.array([0.0, np.cos(slope), -np.sin(slope)])
    expected = {
        "pelvic_tilt": tilt,
        "sacral_slope": 38.0,
        "pelvic_incidence": tilt + 38.0,
        "tpa": tilt + np.degrees(np.arctan2(to_t1[1], to_t1[2])),
        "global_tilt": tilt + lean["c7"],
    }
    for name, value in expected.items():
        assert abs(found[name] - value) <= 1.0, (name, found[name], value)
    assert abs(found["sva"] - (points["c7"][1] - corner[1])) <= 1.5
    case, _ = load_case(study, Recipe(families=("alignment",)), max_bytes=2**30)
    drawn = {kind: path for kind, path in lines_from_side(case) if kind in {"plumb", "hips"}}
    foot, corner_drawn = drawn["plumb"][1:]
    assert abs(np.linalg.norm(foot - corner_drawn) - found["sva"]) <= 1.0
    assert len(drawn["hips"]) == 3  # the sacrum, the heads and t1
    assert found["pi_minus_ll"] == pytest.approx(found["pelvic_incidence"] - lordosis)
    whole = sum(spine.disc_angle) + sum(spine.body_angle)
    low = sum(spine.disc_angle[:2]) + sum(spine.body_angle[:2])
    assert abs(lordosis - whole) <= 1.0
    assert abs(index - 100 * low / whole) <= 4.0
    # PI 54.4, SS 38: RPV −3.1 (0); LL 44, ideal 62.7: RLL −18.7 (2); LDI 61 (0); RSA 10.6 (1); age 66
    by_hand = gap_score(tilt + 38.0, 38.0, whole, low, tilt + lean["c7"], 66)
    assert (by_hand.pelvic_version, by_hand.lordosis, by_hand.distribution, by_hand.age) == (0, 2, 0, 1)
    again = gap_score(found["pelvic_incidence"], 38.0, lordosis, lordosis * index / 100, found["global_tilt"], 66)
    assert found["gap_score"] == again.total


def test_the_score_is_not_given_to_someone_lying_down():
    study, _, _ = whole_spine()
    table = extract({**study, "position": "supine"}, Recipe(families=("alignment",))).table
    row = table[table["measure"] == "gap_score"]
    assert row["value"].isna().all()
    assert row["reason"].item() == "the score is defined for the standing position only"
