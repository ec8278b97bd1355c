"""Dates of SAS, Stata and SPSS by every format of theirs, and cells that hold none."""

import datetime

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import DataError
from lbp_prognosis.schema import read_table, validate_package
from lbp_prognosis.schema._format_dates import format_dates

pyreadstat = pytest.importorskip("pyreadstat")

DAY = (datetime.date(2020, 2, 29) - datetime.date(1960, 1, 1)).days  # 21974
SECOND = DAY * 86_400 + 8.5 * 3600
SPSS = (datetime.date(2020, 2, 29) - datetime.date(1582, 10, 14)).days * 86_400


def one(program, form, value):
    made = format_dates(pd.Series([value, np.nan]), program, form)
    assert not made.bad.any()
    assert pd.isna(made.values[1])
    return made.values[0], made.note


@pytest.mark.parametrize(
    "form",
    [
        "DATE9",
        "DATE",
        "E8601DA10",
        "B8601DA8",
        "IS8601DA",
        "MONYY7",
        "MONYY",
        "YYMMDD10",
        "YYMMDDN8",
        "DDMMYYP10",
        "MMDDYY10",
        "WORDDATE18",
        "WEEKDATE29",
        "JULIAN7",
        "YYQ6",
        "YYMM7",
        "YYMON7",
        "EURDFDD8",
        "DEUDFDD10",
        "NLDATE20",
    ],
)
def test_days_of_sas(form):
    assert one("sas", form, DAY)[0] == pd.Timestamp("2020-02-29")


@pytest.mark.parametrize("form", ["DATETIME20", "DATETIME18.2", "E8601DT19", "B8601DT15", "NLDATM30", "DATEAMPM22"])
def test_moments_of_sas(form):
    assert one("sas", form, SECOND)[0] == pd.Timestamp("2020-02-29 08:30")


@pytest.mark.parametrize("form", ["E8601DN10", "B8601DN8", "DTDATE9", "DTMONYY7"])
def test_days_of_moments_of_sas(form):
    assert one("sas", form, SECOND) == (pd.Timestamp("2020-02-29"), "")
    date, note = one("sas", form, DAY)  # days under a format of seconds: else all were in January 1960
    assert date == pd.Timestamp("2020-02-29")
    assert "days" in note


@pytest.mark.parametrize(
    ("form", "value", "date"),
    [
        ("%td", DAY, "2020-02-29"),
        ("%d", DAY, "2020-02-29"),
        ("%-tdD_m_Y", DAY, "2020-02-29"),
        ("%tc", SECOND * 1000, "2020-02-29 08:30"),
        ("%tm", 721, "2020-02-01"),
        ("%tmCCYY.NN", -1, "1959-12-01"),
        ("%tq", 240, "2020-01-01"),
        ("%tq", 243, "2020-10-01"),
        ("%th", 121, "2020-07-01"),
        ("%ty", 2020, "2020-01-01"),
        ("%tw", 60 * 52 + 8, "2020-02-26"),
        ("%tw", -1, "1959-12-24"),
    ],
)
def test_stata(form, value, date):
    assert one("stata", form, value)[0] == pd.Timestamp(date)


@pytest.mark.parametrize(
    ("form", "date"),
    [
        ("DATE11", "2020-02-29"),
        ("ADATE10", "2020-02-29"),
        ("EDATE8", "2020-02-29"),
        ("JDATE7", "2020-02-29"),
        ("QYR8", "2020-02-29"),
        ("MOYR6", "2020-02-29"),
        ("WKYR10", "2020-02-29"),
        ("SDATE10", "2020-02-29"),
        ("DATETIME20", "2020-02-29 00:00:30"),
        ("YMDHMS19.2", "2020-02-29 00:00:30"),
    ],
)
def test_spss(form, date):
    assert one("spss", form, SPSS + 30)[0] == pd.Timestamp(date)


@pytest.mark.parametrize(
    ("program", "form"),
    [("sas", "TIME8"), ("sas", "HHMM5"), ("spss", "DTIME10"), ("stata", "%tcHH:MM"), ("stata", "%tbx")],
)
def test_what_stays_a_number_is_told(program, form):
    made = format_dates(pd.Series([3600.0]), program, form)
    assert made.values.tolist() == [3600]
    assert form in made.note


@pytest.mark.parametrize(
    ("program", "form"),
    [
        ("sas", "BEST12"),
        ("sas", "ENDED"),
        ("sas", None),
        ("sas", "8.2"),
        ("spss", "F8.2"),
        ("spss", "MONTH9"),
        ("stata", "%9.0g"),
        ("stata", "%tg"),
        ("stata", "%-9s"),
        ("sas", "$10"),
    ],
)
def test_formats_of_numbers_are_none_of_dates(program, form):
    made = format_dates(pd.Series([3600.0]), program, form)
    assert (made.values.tolist(), made.note) == ([3600], "")


@pytest.mark.parametrize("value", [1e7, -1e7, 1e300, -1e300, np.inf])
@pytest.mark.parametrize(("program", "form"), [("sas", "DATE9"), ("stata", "%td"), ("stata", "%tm"), ("stata", "%tw")])
def test_a_cell_out_of_range_is_missing_and_counted(program, form, value):
    made = format_dates(pd.Series([100.0, value, np.nan]), program, form)
    assert made.bad.tolist() == [False, True, False]
    assert made.values.isna().tolist() == [False, True, True]


def test_the_first_and_last_day():
    first = (datetime.date(1677, 9, 22) - datetime.date(1960, 1, 1)).days
    last = (datetime.date(2262, 4, 11) - datetime.date(1960, 1, 1)).days
    made = format_dates(pd.Series([first - 1.0, first, last, last + 1.0]), "sas", "DATE9")
    assert made.bad.tolist() == [True, False, False, True]
    assert made.values.dropna().dt.strftime("%Y-%m-%d").tolist() == ["1677-09-22", "2262-04-11"]


def test_whole_files(tmp_path):
    frame = pd.DataFrame({"m": [720.0, 721.0], "q": [240.0, 241.0], "w": [3120.0, 3121.0], "h": [120.0, 121.0]})
    pyreadstat.write_dta(frame, tmp_path / "t.dta", variable_format={name: f"%t{name}" for name in frame})
    reading = read_table(tmp_path / "t.dta")
    assert reading.frame["m"].dt.strftime("%Y-%m-%d").tolist() == ["2020-01-01", "2020-02-01"]
    assert reading.frame["q"].dt.strftime("%Y-%m-%d").tolist() == ["2020-01-01", "2020-04-01"]
    assert "m: dates of months: the first day of each was taken" in reading.notes
    sas = pd.DataFrame({"a": [float(DAY), 22000.0], "b": [SECOND, 1e9]})
    pyreadstat.write_xport(sas, tmp_path / "t.xpt", variable_format={"a": "MONYY7", "b": "E8601DN10"})
    frame = read_table(tmp_path / "t.xpt").frame
    assert frame["a"].tolist()[0] == pd.Timestamp("2020-02-29")
    assert frame["b"].tolist()[0] == pd.Timestamp("2020-02-29")


def test_one_corrupt_date_is_one_failure(tmp_path):
    sas = pd.DataFrame({"patient_id": ["a", "b", "c"], "index_date": [float(DAY), 3e8, np.nan], "age": [50.0, 60, 70]})
    pyreadstat.write_xport(sas, tmp_path / "patient.xpt", variable_format={"index_date": "DATE9"})
    reading = read_table(tmp_path / "patient.xpt")
    assert reading.frame["index_date"].isna().tolist() == [False, True, True]
    assert reading.failures[["table", "row", "field", "reason"]].to_numpy().tolist() == [
        ["patient", 2, "index_date", "bad_date"]
    ]
    report = validate_package(tmp_path)
    assert report.failures[["table", "row", "field", "reason"]].to_numpy().tolist() == [
        ["patient", 2, "index_date", "bad_date"]
    ]


@pytest.mark.parametrize("kind", ["v5", "v8"])
def test_a_cut_transport_file(tmp_path, kind):
    frame = pd.DataFrame({"id": [f"patient{k}" for k in range(40)], "x": np.arange(40.0), "y": np.arange(40.0) ** 2})
    path = tmp_path / "t.xpt"
    pyreadstat.write_xport(frame, path, file_format_version=5 if kind == "v5" else 8)
    whole = path.read_bytes()
    assert len(read_table(path).frame) == 40
    refused = said = 0
    for size in range(len(whole) - 1, len(whole) - 800, -1):
        path.write_bytes(whole[:size])
        try:
            reading = read_table(path)
        except DataError:
            refused += 1
            continue
        said += 1
        assert any("how many rows" in note for note in reading.notes)
    assert refused + said == 799
    assert said <= 10  # cut at the end of a record, and of a row or between blanks: nothing in the file tells


def test_a_transport_file_of_two_tables_says_so(tmp_path):
    frame = pd.DataFrame({"x": np.arange(10.0)})
    path = tmp_path / "t.xpt"
    pyreadstat.write_xport(frame, path, file_format_version=5)
    raw = path.read_bytes()
    start = raw.index(b"HEADER RECORD*******MEMBER")
    path.write_bytes(raw + raw[start:])
    with pytest.raises(DataError, match="2 tables"):
        read_table(path)
