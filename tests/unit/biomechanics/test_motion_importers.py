"""Importers of movement data: numbers done on paper, and a frame of faults for files that are none."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomechanics import (
    import_motion_wide,
    import_opensim,
    read_opensim,
    summarise_accelerometer,
    summarise_trials,
)
from lbp_prognosis.schema import FAILURE_COLUMNS, REASONS

WIDE = pd.DataFrame(
    {
        "id": ["a", "b", "c"],
        "seen": ["2020-03-01", "2020-03-02", "2020-03-03"],
        "bend 1": ["50", " 48 ", ""],
        "bend 2": ["54", "fast", "30"],
        "left (rad)": [math.pi / 9, math.pi / 12, None],
        "note": ["x", "y", "z"],
    }
)
PLAN = {
    "bend 1": "flexion_rom",
    "bend 2": "flexion_rom__trial_2",
    "left (rad)": {"measure": "lateral_rom", "side": "left", "unit": "rad", "method_id": "goniometer"},
}


def wide(table=WIDE, plan=PLAN, **keywords):
    return import_motion_wide(
        table, plan, **{"method_id": "lab", "patient_id": "id", "acquired_on": "seen", **keywords}
    )


def test_a_wide_table_by_a_mapping():
    found = wide(device="imu")
    rows = found.trials.set_index(["patient_id", "measure", "trial"])
    assert rows.loc[("a", "flexion_rom", 2), "value"] == 54.0
    assert rows.loc[("b", "flexion_rom", 1), "value"] == 48.0
    assert rows.loc[("a", "lateral_rom", 1), ["value", "unit", "side", "method_id"]].tolist() == [
        pytest.approx(20.0),
        "deg",
        "left",
        "goniometer",
    ]
    assert set(found.trials["device"]) == {"imu"}
    assert found.trials["session_id"].unique().tolist() == ["2020-03-01", "2020-03-02", "2020-03-03"]
    # the row and the column of the table, not of what was made of it
    assert found.failures[["row", "field", "reason", "value"]].values.tolist() == [[2, "bend 2", "type", "fast"]]
    assert sorted(found.left_out[["item", "reason"]].values.tolist()) == [
        ["bend 1", "1 empty cells"],
        ["left (rad)", "1 empty cells"],
        ["note", "not mapped"],
    ]


def test_a_wide_file_is_the_same(tmp_path):
    WIDE.to_csv(tmp_path / "lab.csv", index=False)
    pd.testing.assert_frame_equal(wide(tmp_path / "lab.csv").trials, wide().trials)


def test_columns_named_in_the_grammar_need_no_mapping():
    table = pd.DataFrame({"patient_id": ["a"], "s": ["1"], "gait_speed": [1.2], "lateral_rom__right": [17.0], "x": [1]})
    found = import_motion_wide(table, method_id="lab", session_id="s")
    assert found.trials[["measure", "side"]].values.tolist() == [["gait_speed", ""], ["lateral_rom", "right"]]


@pytest.mark.parametrize(
    ("plan", "keywords", "words"),
    [
        ({"absent": "flexion_rom"}, {}, "does not have"),
        ({"bend 1": "jump_height"}, {}, "name"),
        ({"bend 1": "flexion_rom__mean"}, {}, "trial_2"),
        ({"bend 1": "flexion_rom", "bend 2": "flexion_rom"}, {}, "trial of its own"),
        ({"bend 1": {"measure": "flexion_rom", "colour": "red"}}, {}, "mapping of"),
        ({"bend 1": {"measure": "flexion_rom", "trial": 0}}, {}, "trial of 1"),
        ({"bend 1": "flexion_rom"}, {"method_id": ""}, "method_id"),
        ({"bend 1": "flexion_rom"}, {"patient_id": "who"}, "patient_id"),
        ({"bend 1": "flexion_rom"}, {"acquired_on": ""}, "name the session"),
        ({}, {}, "mapping"),
    ],
)
def test_a_mapping_is_checked(plan, keywords, words):
    with pytest.raises(ArgumentError, match=words):
        wide(plan=plan, **keywords)


HEADER = "Coordinates\nversion=1\nnRows={rows}\nnColumns=3\ninDegrees={degrees}\n\nUnits are S.I. units.\n\nendheader\n"
ROWS = "time\tlumbar_extension\tpelvis_tx\n0.0\t0\t0.0\n1.0\t-40\t0.1\n3.0\t-20\t0.4\n"


def storage(folder, text=None, name="a.mot", degrees="yes", rows=3):
    path = folder / name
    path.write_text(HEADER.format(rows=rows, degrees=degrees) + ROWS if text is None else text, encoding="utf-8")
    return path


def test_a_storage_file_by_hand(tmp_path):
    """Areas −20 and −60 over 3 s: the mean over time is −80/3. At 2 s, between −40 and −20: −30."""
    found = read_opensim(storage(tmp_path))
    assert (found.name, found.version, found.in_degrees) == ("Coordinates", 1, True)
    table = found.summary("lumbar_extension", events={"heel strike": 2.0}).set_index("statistic")
    assert table.loc[["min", "max", "range"], "value"].tolist() == [-40.0, 0.0, 40.0]
    assert table.loc["mean", "value"] == pytest.approx(-80 / 3, abs=1e-12)
    assert table.loc["at heel strike", ["value", "unit"]].tolist() == [-30.0, "deg"]
    length = found.summary("pelvis_tx", quantity="length").set_index("statistic")
    assert length.loc["range", ["value", "unit"]].tolist() == [0.4, "m"]
    assert found.to_frame().shape == (3, 3)
    for time in (-0.001, 3.001):
        with pytest.raises(ArgumentError, match="within 0 to 3"):
            found.summary("pelvis_tx", quantity="length", events={"x": time})
    ends = found.summary("lumbar_extension", events={"first": 0.0, "last": 3.0})["value"].tolist()
    assert ends[-2:] == [0.0, -20.0]
    with pytest.raises(ArgumentError, match="lumbar_extension"):
        found.course("lumbar_extensio")


def test_radians_and_files_that_do_not_say(tmp_path):
    radians = read_opensim(storage(tmp_path, degrees="no"))
    assert radians.course("lumbar_extension").tolist() == pytest.approx(np.rad2deg([0.0, -40, -20]).tolist())
    old = storage(tmp_path, HEADER.format(rows=3, degrees="").replace("inDegrees=\n", "") + ROWS, "old.sto")
    assert read_opensim(old).in_degrees is None
    with pytest.raises(ArgumentError, match="in_degrees"):
        read_opensim(old).course("lumbar_extension")
    assert read_opensim(old).course("pelvis_tx", quantity="length").tolist() == [0.0, 0.1, 0.4]
    assert read_opensim(old, in_degrees=True).course("lumbar_extension").tolist() == [0.0, -40.0, -20.0]
    with pytest.raises(ArgumentError, match="as the header says"):
        read_opensim(storage(tmp_path), in_degrees=False)


def test_blanks_between_cells_and_windows_line_ends(tmp_path):
    text = (HEADER.format(rows=3, degrees="yes") + ROWS).replace("\t", "  ").replace("\n", "\r\n")
    path = tmp_path / "b.sto"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_opensim(path).to_frame().equals(read_opensim(storage(tmp_path)).to_frame())


WHOLE = HEADER.format(rows=3, degrees="yes") + ROWS
BROKEN = {
    "no endheader": (WHOLE.replace("endheader\n", ""), ["header"]),
    "no name": (WHOLE.replace("Coordinates\n", ""), ["header"]),
    "fewer rows": (WHOLE.replace("nRows=3", "nRows=4"), ["header"]),
    "more columns": (WHOLE.replace("nColumns=3", "nColumns=2"), ["header"]),
    "no nRows": (WHOLE.replace("nRows=3\n", ""), ["header"]),
    "a negative count": (WHOLE.replace("nRows=3", "nRows=-3"), ["header"]),
    "twice nRows": (WHOLE.replace("nRows=3\n", "nRows=3\nnRows=3\n"), ["header"]),
    "maybe degrees": (WHOLE.replace("=yes", "=maybe"), ["header"]),
    "a version of words": (WHOLE.replace("version=1", "version=one"), ["header"]),
    "another first column": (WHOLE.replace("time\t", "frame\t"), ["header"]),
    "a label twice": (WHOLE.replace("pelvis_tx", "lumbar_extension"), ["duplicate_column"]),
    "a word": (WHOLE.replace("-40", "import os"), ["not_a_number"]),
    "nan": (WHOLE.replace("-40", "nan"), ["not_a_number"]),
    "infinite": (WHOLE.replace("-40", "1e999"), ["not_a_number"]),
    "an underscore": (WHOLE.replace("-40", "4_0"), ["not_a_number"]),
    "a decimal comma": (WHOLE.replace("0.4", "0,4"), ["not_a_number"]),
    "a short row": (WHOLE.replace("-20\t0.4", "-20"), ["short_row"]),
    "time stands": (WHOLE.replace("3.0\t", "1.0\t"), ["time_order"]),
    "time runs back": (WHOLE.replace("3.0\t", "0.5\t"), ["time_order"]),
    "two faults": (WHOLE.replace("-40", "x").replace("-20\t0.4", "-20"), ["not_a_number", "short_row"]),
    "no rows": (HEADER.format(rows=0, degrees="yes") + ROWS.splitlines()[0] + "\n", ["header"]),
    "nothing after the header": (HEADER.format(rows=0, degrees="yes"), ["header"]),
    "empty": ("", ["header"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_storage_file_names_its_faults(case, tmp_path):
    text, reasons = BROKEN[case]
    with pytest.raises(DataError) as caught:
        read_opensim(storage(tmp_path, text))
    failures = caught.value.failures
    assert failures["reason"].tolist() == reasons
    assert set(failures["table"]) == {"a.mot"}
    assert list(failures.columns) == list(FAILURE_COLUMNS)
    assert set(reasons) <= set(REASONS)


def test_the_line_of_a_fault_is_that_of_the_file(tmp_path):
    with pytest.raises(DataError, match="line 12") as caught:
        read_opensim(storage(tmp_path, WHOLE.replace("-40", "x")))
    assert WHOLE.replace("-40", "x").splitlines()[caught.value.failures["row"].iloc[0] - 1].startswith("1.0\tx")


def test_files_that_are_no_text_or_too_large(tmp_path):
    (tmp_path / "x.sto").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        read_opensim(tmp_path / "x.sto")
    path = storage(tmp_path)
    size = path.stat().st_size
    assert read_opensim(path, max_bytes=size).times.size == 3
    with pytest.raises(DataError, match="at most"):
        read_opensim(path, max_bytes=size - 1)
    with pytest.raises(ArgumentError, match="path"):
        read_opensim(tmp_path / "absent.sto")


def test_trials_of_storage_files(tmp_path):
    storage(tmp_path)
    storage(tmp_path, WHOLE.replace("-40", "-50"), "b.mot")
    storage(tmp_path, "nothing", "bad.mot")
    files = pd.DataFrame(
        {
            "patient_id": ["p", "p", "q", "r", "s"],
            "session_id": "1",
            "trial": [1, 2, 1, 1, 1],
            "path": ["a.mot", "b.mot", "bad.mot", "../a.mot", "absent.mot"],
            "strike": [2.0, 9.0, 1.0, 1.0, 1.0],
        }
    )
    plan = {
        "lumbar_extension": [
            {"measure": "flexion_rom", "statistic": "max", "negate": True},
            {"measure": "trunk_flexion", "statistic": "at", "event": "strike", "negate": True},
        ],
        "knee": {"measure": "pelvic_flexion", "statistic": "range"},
    }
    found = import_opensim(files, plan, method_id="model_ik", folder=tmp_path)
    rows = found.trials.set_index(["measure", "trial"])["value"]
    assert rows.loc["flexion_rom"].tolist() == [40.0, 50.0]
    assert rows.loc["trunk_flexion"].tolist() == [30.0]  # the event of the second file lies behind its end
    assert found.failures[["row", "field", "reason"]].values.tolist() == [
        [1, "knee", "missing_field"],
        [2, "strike", "range"],
        [2, "knee", "missing_field"],
        [3, "path", "unreadable"],
        [4, "path", "unsafe_path"],
        [5, "path", "unreadable"],
    ]
    assert summarise_trials(found).table.set_index("measure").loc["flexion_rom", "value"] == 45.0
    with pytest.raises(DataError, match="No file") as caught:
        import_opensim(files.iloc[2:], plan, method_id="model_ik", folder=tmp_path)
    assert len(caught.value.failures) == 3


@pytest.mark.parametrize("statistic", ["min", "max", "range", "mean"])
def test_a_movement_that_the_model_counts_as_negative(statistic, tmp_path):
    storage(tmp_path, WHOLE.replace("\t0\t0.0", "\t-10\t0.0"))
    files = pd.DataFrame({"patient_id": ["p"], "session_id": "1", "trial": 1, "path": ["a.mot"]})
    rule = {"measure": "flexion_rom", "statistic": statistic, "negate": True}
    got = import_opensim(files, {"lumbar_extension": rule}, method_id="ik", folder=tmp_path).trials["value"].tolist()
    # the course is 10, 40, 20 at 0, 1, 3 s
    assert got == pytest.approx([{"min": 10.0, "max": 40.0, "range": 30.0, "mean": (25 + 60) / 3}[statistic]])


@pytest.mark.parametrize(
    "rule",
    [
        {"statistic": "max"},
        {"measure": "flexion_rom"},
        {"measure": "flexion_rom", "statistic": "median"},
        {"measure": "flexion_rom", "statistic": "at"},
        {"measure": "flexion_rom", "statistic": "max", "event": "strike"},
        {"measure": "flexion_rom", "statistic": "max", "quantity": "colour"},
        {"measure": "flexion_rom", "statistic": "max", "negate": "yes"},
        {"measure": "jump", "statistic": "max"},
        {"measure": ["flexion_rom"], "statistic": "max"},
        None,
        "flexion_rom",
        [3],
    ],
)
def test_a_plan_of_coordinates_is_checked(rule, tmp_path):
    storage(tmp_path)
    files = pd.DataFrame({"patient_id": ["p"], "session_id": "1", "trial": 1, "path": ["a.mot"]})
    with pytest.raises(ArgumentError):
        import_opensim(files, {"lumbar_extension": rule}, method_id="ik", folder=tmp_path)


def days(rows, **more):
    patient, date, worn, active = zip(*rows)
    return pd.DataFrame({"patient_id": patient, "date": date, "wear_minutes": worn, "active": active, **more})


RULE = {"min_wear": 600, "min_days": 2, "method_id": "hip"}


def activity(table, columns=None, **keywords):
    return summarise_accelerometer(table, columns or {"active": "activity_time"}, **{**RULE, **keywords})


def test_valid_days_by_hand():
    """On the bound a day is valid, below it not; means 40 and 25; s² = (100 + 100 + 25 + 25) / 2 = 125."""
    table = days(
        [
            ("a", "2020-03-01", 600, 30),
            ("a", "2020-03-02", 601, 50),
            ("a", "2020-03-03", 599.9, 400),
            ("b", "2020-03-02", 900, 20),
            ("b", "2020-03-01", 900, 30),
            ("c", "2020-03-01", 900, 70),
            ("d", "2020-03-01", 10, 5),
        ]
    )
    found = activity(table)
    rows = found.table.set_index("patient_id")
    assert rows["value"].tolist() == [40.0, 25.0]
    assert rows["n_trials"].tolist() == [2, 2]
    assert rows["sd_error"].tolist() == pytest.approx([math.sqrt(125 / 2)] * 2, abs=1e-12)
    assert rows["method_id"].unique().tolist() == ["hip_mean"]
    assert rows["acquired_on"].tolist() == [pd.Timestamp("2020-03-02")] * 2
    assert found.left_out.values.tolist() == [
        ["a", "2020-03-03", "worn for less than 600 minutes"],
        ["d", "2020-03-01", "worn for less than 600 minutes"],
        ["c", "activity_time, worn", "fewer than 2 valid days"],
        ["d", "activity_time, worn", "fewer than 2 valid days"],
    ]
    assert found.failures.empty


def test_days_that_are_none():
    table = days(
        [
            ("a", "2020-03-01", 700, 30),
            ("a", "2020-03-02", 700, 50),
            ("a", "2020-03-04", 1441, 50),
            ("a", "2020-03-05", -1, 50),
            ("a", "05.03.2020", 700, 50),
            ("a", "2020-03-06", "long", 50),
            (None, "2020-03-06", 700, 50),
            ("a", "2020-03-07", 700, 60),
            ("a", "2020-03-07", 700, 70),
            ("a", "2020-03-08", 700, "much"),
            ("a", "2020-03-09", 700, 701),
            ("a", "2020-03-10", 1440, 60),
        ]
    )
    found = activity(table)
    assert found.table["value"].tolist() == [pytest.approx((30 + 50 + 60) / 3)]
    assert found.failures[["row", "field", "reason"]].values.tolist() == [
        [3, "wear_minutes", "wear"],
        [4, "wear_minutes", "wear"],
        [5, "date", "type"],
        [6, "wear_minutes", "type"],
        [7, "patient_id", "required"],
        [8, "date", "duplicate_key"],
        [9, "date", "duplicate_key"],
        [10, "active", "type"],
        [11, "active", "wear"],
    ]


def test_a_day_outside_the_range_of_its_measure_is_not_valid():
    """With three days needed, patient a has two; patient b's -5 leaves three, whose mean is 40."""
    table = days(
        [("a", f"2020-03-0{k}", 700, value) for k, value in enumerate((-5, 30, 40), start=1)]
        + [("b", f"2020-03-0{k}", 700, value) for k, value in enumerate((30, 40, -5, 50), start=1)]
    )
    found = activity(table, min_days=3)
    assert found.table[["patient_id", "value", "n_trials"]].values.tolist() == [["b", 40.0, 3]]
    assert found.left_out.values.tolist() == [["a", "activity_time, worn", "fewer than 3 valid days"]]
    assert found.failures[["row", "field", "reason"]].values.tolist() == [
        [1, "active", "range"],
        [6, "active", "range"],
    ]


def test_nullable_cells_that_are_missing_are_missing():
    table = days([("a", f"2020-03-0{k}", wear, 30) for k, wear in enumerate((700, 710, None), start=1)])
    nullable = table.convert_dtypes()
    nullable["active"] = pd.array([30, None, 50], dtype="Int64")
    found = activity(nullable, min_days=1)
    assert found.table[["value", "n_trials"]].values.tolist() == [[30.0, 1]]
    assert found.failures[["row", "field", "reason"]].values.tolist() == [[3, "wear_minutes", "type"]]


def test_steps_are_no_minutes_and_periods_are_kept_apart():
    table = days(
        [("a", f"2020-03-0{k}", 700, 8000 + k) for k in (1, 2)] + [("a", f"2020-06-0{k}", 700, 5000) for k in (1, 2)],
        period=["first", "first", "second", "second"],
    )
    found = activity(table, {"active": "step_count"}, session_id="period")
    assert found.table[["session_id", "value", "unit"]].values.tolist() == [
        ["first", 8001.5, "1/day"],
        ["second", 5000.0, "1/day"],
    ]


def test_nothing_valid_and_what_must_be_declared():
    table = days([("a", "2020-03-01", 100, 30)])
    with pytest.raises(DataError, match="2 valid days"):
        activity(table)
    with pytest.raises(TypeError, match="min_wear"):
        summarise_accelerometer(table, {"active": "activity_time"}, min_days=2, method_id="hip")
    for keywords in (
        {"min_wear": 0},
        {"min_wear": 1441},
        {"min_days": 0},
        {"wear": "worn"},
        {"columns": {"x": "step_count"}},
        {"columns": {"active": "step_count", "wear_minutes": "step_count"}},
        {"columns": {"active": ["step_count"]}},
        {"method_id": ""},
    ):
        with pytest.raises(ArgumentError):
            activity(table, **keywords)
