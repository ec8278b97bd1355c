"""Files of SAS, SPSS, Stata and Excel: values, labels, dates and missing values, as other programs wrote them.

The files in ``written_by_r`` were not written by the library that reads them; their README says by what.
"""

import datetime
import os
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import read_table, validate_package
from lbp_prognosis.study import Study, read_study_data

pytest.importorskip("pyreadstat")
FILES = Path(__file__).parent / "written_by_r"
WORDS = {0: "censored", 1: "recovery", 2: "surgery"}
FORMATS = {"sas7bdat": "sas", "xpt": "sas", "sav": "spss", "zsav": "spss", "dta": "stata"}
EVERY = [f"recovery.{kind}" for kind in FORMATS]


@pytest.mark.parametrize("file", EVERY)
def test_values_labels_and_dates(file):
    reading = read_table(FILES / file)
    frame = reading.frame
    assert reading.format == FORMATS[file.split(".")[1]]
    assert frame["patient"].tolist() == ["a1", "b2", "c3", "d4", "e5"]
    np.testing.assert_array_equal(frame["months"], [3, 12.25, 0.5, np.nan, 7])
    assert frame["status"].tolist() == [1, 0, 2, 0, 1]
    assert frame["clinic"].tolist() == ["Zürich", "Łódź", None, "Montréal", None]
    assert frame["seen"].tolist() == [
        pd.Timestamp("2020-01-10"),
        pd.Timestamp("1899-12-31"),
        pd.NaT,
        pd.Timestamp("2024-02-29"),
        pd.Timestamp("2021-07-01"),
    ]
    assert frame["asked"].tolist() == [
        pd.Timestamp("2020-01-10 08:30"),
        pd.Timestamp("1999-12-31 23:59:59"),
        pd.NaT,
        pd.Timestamp("2024-02-29"),
        pd.Timestamp("2021-07-01 12:00"),
    ]
    assert reading.labels["seen"] == "First visit"
    assert reading.labels["nrs"] == ("Back pain, 0-10" if file.endswith("xpt") else "Back pain, 0–10")
    assert set(reading.labels) == set(frame.columns)
    echo = reading.to_frame().set_index("column")
    assert echo.loc[["seen", "months", "clinic"], "type"].tolist() == ["date", "number", "text"]
    assert echo.loc["clinic", "n_missing"] == 2


@pytest.mark.parametrize("file", ["recovery.sas7bdat", "recovery.sav", "recovery.zsav", "recovery.dta"])
def test_words_for_codes_stand_beside_the_codes(file):
    reading = read_table(FILES / file)
    assert reading.value_labels["status"] == WORDS
    assert reading.to_frame().set_index("column").loc["status", "coding"] == "0 = censored; 1 = recovery; 2 = surgery"


def test_sas_catalog_is_found_beside_the_file_or_said_to_be_damaged(tmp_path):
    reading = read_table(FILES / "recovery.sas7bdat")
    assert reading.dialect == {"catalog": "formats.sas7bcat"}
    assert "words for codes of status are from 'formats.sas7bcat'" in reading.notes
    alone = Path(shutil.copy(FILES / "recovery.sas7bdat", tmp_path))
    assert read_table(alone).value_labels == {}
    assert read_table(alone).dialect == {}
    (tmp_path / "formats.sas7bcat").write_bytes(b"no catalog")
    damaged = read_table(alone)
    assert damaged.value_labels == {}
    assert any("cannot be read" in note for note in damaged.notes)
    shutil.copy(FILES / "formats.sas7bcat", tmp_path / "RECOVERY.SAS7BCAT")  # the one of the same name comes first
    assert read_table(alone).dialect == {"catalog": "RECOVERY.SAS7BCAT"}


def test_missing_values_of_several_kinds_are_counted():
    sas, stata = read_table(FILES / "recovery.sas7bdat"), read_table(FILES / "recovery.dta")
    for reading in (sas, stata):
        assert reading.frame["nrs"].dtype == float
        np.testing.assert_array_equal(reading.frame["nrs"], [7, np.nan, 4, np.nan, np.nan])
    assert "nrs: missing values of several kinds became missing: 1 .a, 1 .z" in sas.notes
    assert "nrs: missing values of several kinds became missing: 1 .a (refused), 1 .b" in stata.notes


def test_declared_missing_codes_and_ranges_of_spss():
    reading = read_table(FILES / "recovery.sav")
    np.testing.assert_array_equal(reading.frame["nrs"], [7, np.nan, 4, 6.5, np.nan])
    np.testing.assert_array_equal(reading.frame["odi"], [40, np.nan, 18, np.nan, 55])
    assert "declared missing codes became missing in: nrs, odi" in reading.notes
    assert reading.value_labels["nrs"] == {98: "refused", 99: "not asked"}


def test_transport_files_of_version_5():
    reading = read_table(FILES / "recovery_v5.xpt")
    assert reading.frame.columns.tolist() == ["patient", "months", "status"]
    np.testing.assert_array_equal(reading.frame["months"], [3, 12.25, 0.5, np.nan, 7])
    assert reading.labels["months"] == "Months to recovery or last contact"


def test_text_in_another_encoding_than_the_file_says():
    reading = read_table(FILES / "recovery_v13.dta")
    assert reading.frame["clinic"].tolist() == ["Zürich", "Łódź", None, "Montréal", None]
    assert any("read as utf-8" in note for note in reading.notes)
    assert read_table(FILES / "recovery_v13.dta", encoding="utf-8").frame["clinic"].tolist()[0] == "Zürich"
    with pytest.raises(DataError, match="encoding"):
        read_table(FILES / "recovery_v13.dta", encoding="ascii")


def test_the_file_sas_wrote():
    folder = Path(os.environ.get("LBP_HAVEN_EXAMPLES", "/usr/lib/R/site-library/haven/examples"))
    if not (folder / "iris.sas7bdat").is_file():
        pytest.skip("R's haven, which brings a file of SAS itself, is not installed here")
    frame = read_table(folder / "iris.sas7bdat").frame
    flowers = load_iris()
    np.testing.assert_array_equal(frame.iloc[:, :4].to_numpy(), flowers.data)
    assert frame["Species"].tolist() == [str(name)[:6] for name in flowers.target_names[flowers.target]]


@pytest.mark.parametrize("file", EVERY)
def test_truncated_files_are_refused(file, tmp_path):
    whole = (FILES / file).read_bytes()
    # half of a file: the header is whole for some, and no row may be made up
    for size in (20, len(whole) // 4, len(whole) // 2):
        path = tmp_path / file
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"not a readable (sas|spss|stata) file|no columns"):
            read_table(path)


def test_no_truncation_makes_values_up(tmp_path):
    """Wherever a file is cut, what is still read is a part of what was there."""
    for file in EVERY:
        whole, table = (FILES / file).read_bytes(), read_table(FILES / file).frame
        for size in range(200, len(whole), max(1, len(whole) // 60)):
            path = tmp_path / file
            path.write_bytes(whole[:size])
            try:
                frame = read_table(path).frame
            except DataError:
                continue
            pd.testing.assert_frame_equal(frame, table.iloc[: len(frame)], check_dtype=False)


@pytest.mark.parametrize("kind", [*FORMATS, "xlsx", "parquet", "por"])
def test_a_text_table_under_another_ending(kind, tmp_path):
    (tmp_path / f"table.{kind}").write_text("patient,months\na1,3\n")
    with pytest.raises(DataError, match="not a readable"):
        read_table(tmp_path / f"table.{kind}")


@pytest.mark.parametrize("kind", list(FORMATS))
def test_each_file_under_the_ending_of_another_program(kind, tmp_path):
    for other in ("sas7bdat", "xpt", "sav", "dta", "csv"):
        if other == kind or {other, kind} == {"sav", "zsav"}:
            continue
        shutil.copy(FILES / f"recovery.{kind}", tmp_path / f"t.{other}")
        with pytest.raises(DataError):
            read_table(tmp_path / f"t.{other}")
    shutil.copy(FILES / f"recovery.{kind}", tmp_path / f"t.{kind}.bak")
    with pytest.raises(ArgumentError, match="known format"):
        read_table(tmp_path / f"t.{kind}.bak")


def test_endings_in_capitals(tmp_path):
    shutil.copy(FILES / "recovery.sas7bdat", tmp_path / "RECOVERY.SAS7BDAT")
    assert len(read_table(tmp_path / "RECOVERY.SAS7BDAT").frame) == 5


@pytest.mark.parametrize("file", EVERY)
def test_a_study_reads_them(file, tmp_path):
    table = {
        "title": "t",
        "table": {
            "wide": file,
            "id": "patient",
            "time": "months",
            "event": "status",
            "causes": {"recovery": 1, "surgery": 2},
        },
        "outcome": {
            "name": "recovery",
            "definition": "d",
            "polarity": "good",
            "time_zero": "z",
            "unit": "months",
            "horizons": [6],
            "primary_horizon": 6,
        },
        "modalities": {"clinical": ["nrs"]},
        "model": [{"name": "m", "kind": "null"}],
    }
    data = read_study_data(Study.from_dict(table, folder=FILES))
    assert data.y["time"].tolist() == [3, 12.25, 0.5, 7]  # one patient has no time
    assert data.y["event"].tolist() == [1, 0, 2, 1]
    assert data.flow.steps.query("kind == 'excluded'")["n"].tolist() == [1]
    catalog = {"formats.sas7bcat"} if file.endswith(("sas7bdat", "xpt")) else set()
    assert set(data.hashes) == {file, *catalog}
    assert any("How follow-up ended" in note for note in data.notes)


def test_a_package_may_be_of_such_files(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    day = datetime.date(2020, 1, 10)
    patients = pd.DataFrame({"patient_id": ["a", "b"], "age": [50.0, 61.5], "index_date": [day, day]})
    pyreadstat.write_sav(patients, tmp_path / "patient.sav")
    events = pd.DataFrame({"patient_id": ["a"], "event_type": ["surgery"], "event_date": [datetime.date(2020, 6, 1)]})
    pyreadstat.write_dta(events, tmp_path / "event.dta")
    report = validate_package(tmp_path)
    assert report.ok, report.failures.to_string()
    assert report.tables["event"]["event_date"].tolist() == [pd.Timestamp("2020-06-01")]


def test_dates_that_stand_for_never(tmp_path):
    import pyreadstat

    never = pd.DataFrame({"end": [datetime.date(9999, 12, 31), datetime.date(2020, 1, 1), None]})
    pyreadstat.write_sav(never, tmp_path / "t.sav")
    reading = read_table(tmp_path / "t.sav")
    assert reading.frame["end"].isna().tolist() == [True, False, True]
    assert "end: 1 dates outside 1677 to 2262 became missing" in reading.notes
    assert reading.failures[["row", "field", "reason"]].to_numpy().tolist() == [[1, "end", "bad_date"]]


def workbook(path, *rows, title="data"):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_cells_of_excel(tmp_path):
    reading = read_table(
        workbook(
            tmp_path / "t.xlsx",
            ["id", "seen", "fusion", "odi", "pain", "grade"],
            ["007", datetime.date(2020, 1, 10), True, 40, 3, "2"],
            [None] * 6,
            ["012", None, False, None, "4.5", 3],
            ["013", datetime.datetime(2024, 2, 29, 9), None, 18.5, None, "x"],
        )
    )
    frame = reading.frame
    assert frame["id"].tolist() == ["007", "012", "013"]  # a blank line is no patient
    assert frame["seen"].tolist() == [pd.Timestamp("2020-01-10"), pd.NaT, pd.Timestamp("2024-02-29 09:00")]
    assert frame["fusion"].tolist() == [True, False, pd.NA]
    np.testing.assert_array_equal(frame["odi"], [40, np.nan, 18.5])
    np.testing.assert_array_equal(frame["pain"], [3, 4.5, np.nan])
    assert "pain: numbers, some of them written as text" in reading.notes
    assert frame["grade"].tolist() == ["2", "3", "x"]
    kinds = reading.to_frame().set_index("column")["type"]
    assert kinds.tolist() == ["text", "date", "boolean", "number", "number", "text"]


def test_errors_and_formulas_of_excel_are_said(tmp_path):
    reading = read_table(
        workbook(
            tmp_path / "t.xlsx",
            ["id", "change", "bmi"],
            ["a", "=1+1", "#DIV/0!"],
            ["b", "=A2", 24],
            ["c", None, "#N/A"],
        )
    )
    assert reading.frame["change"].isna().all()
    np.testing.assert_array_equal(reading.frame["bmi"], [np.nan, 24, np.nan])
    assert "cells that contain an error became missing: 1 #DIV/0!, 1 #N/A" in reading.notes
    assert any(note.startswith("formulas whose values are not stored: change;") for note in reading.notes)


def test_a_cut_workbook_and_one_without_cells(tmp_path):
    path = workbook(tmp_path / "t.xlsx", ["id"], ["a"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a readable Excel"):
        read_table(path)
    with pytest.raises(DataError, match="is empty"):
        read_table(workbook(tmp_path / "blank.xlsx"))


def test_a_study_names_sheet_and_dialect(tmp_path):
    pytest.importorskip("openpyxl")
    rows = pd.DataFrame({"months": [3.5, 12, 7], "status": [1, 0, 1], "pain": [4.5, 6, 2]})
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        rows.assign(months=0.0).to_excel(book, sheet_name="notes", index=False)
        rows.to_excel(book, sheet_name="data", index=False)
    rows.to_csv(tmp_path / "t.csv", sep="|", decimal=",", encoding="utf-16", index=False)
    base = {
        "title": "t",
        "modalities": {"clinical": ["pain"]},
        "model": [{"name": "m", "kind": "null"}],
        "outcome": {
            "name": "o",
            "definition": "d",
            "polarity": "good",
            "time_zero": "z",
            "unit": "months",
            "horizons": [6],
        },
    }
    for where in (
        {"wide": "t.xlsx", "sheet": "data"},
        {"wide": "t.csv", "delimiter": "|", "decimal": ",", "encoding": "utf-16"},
    ):
        study = Study.from_dict({**base, "table": {**where, "time": "months", "event": "status"}}, folder=tmp_path)
        data = read_study_data(study)
        assert data.y["time"].tolist() == [3.5, 12, 7]
        assert data.X["pain"].tolist() == [4.5, 6, 2]


def test_merged_cells_and_hidden_rows_of_excel_are_said(tmp_path):
    book = openpyxl.Workbook()
    page = book.active
    for row in (["id", "site", "x"], [1, "a", 2], [2, None, 3], [3, "b", 4]):
        page.append(row)
    book.save(tmp_path / "plain.xlsx")
    assert read_table(tmp_path / "plain.xlsx").notes == ()
    page.merge_cells("B2:B3")
    page.row_dimensions[4].hidden = True
    page.column_dimensions["C"].hidden = True
    book.save(tmp_path / "t.xlsx")
    reading = read_table(tmp_path / "t.xlsx")
    assert reading.frame["site"].tolist() == ["a", None, "b"]
    assert reading.notes == (
        "merged cells: the value is in the first cell, the others are missing: B2:B3",
        "hidden rows were read as all others: 1",
        "hidden columns were read as all others: 1",
    )
    page.unmerge_cells("B2:B3")
    page.merge_cells("B9:C10")  # no value, and nothing beyond the table, is lost or hidden
    page.row_dimensions[4].hidden = False
    page.row_dimensions[9].hidden = True
    page.column_dimensions["C"].hidden = False
    page.column_dimensions.group("D", "XFD", hidden=True)
    book.save(tmp_path / "t.xlsx")
    assert read_table(tmp_path / "t.xlsx").notes == ()
