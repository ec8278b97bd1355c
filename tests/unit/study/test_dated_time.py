"""Time from two columns of dates: days, weeks, months and years, and everything that is not such a date."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.study import Study, read_study_data

N = 40
DAYS = np.arange(30, 30 + 10 * N, 10)
START = pd.Timestamp("2019-02-01") + pd.to_timedelta(np.arange(N) % 7, unit="D")


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "seen": START,
            "last": START + pd.to_timedelta(DAYS, unit="D"),
            "event": [1, 0] * (N // 2),
            "x": np.arange(N) % 5,
        }
    )


def read(folder, frame, *, unit="days", horizon=200, file="w.csv", **changes):
    if file.endswith("csv"):
        frame.to_csv(folder / file, index=False)
    elif file.endswith("xlsx"):
        frame.to_excel(folder / file, index=False)
    else:
        frame.to_parquet(folder / file)
    study = {
        "title": "t",
        "table": {"wide": file, "start": "seen", "end": "last", "event": "event", **changes},
        "outcome": {
            "name": "e",
            "definition": "d",
            "polarity": "bad",
            "time_zero": "z",
            "unit": unit,
            "horizons": [horizon],
        },
        "modalities": {"clinical": ["x"]},
        "model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}],
    }
    return read_study_data(Study.from_dict({k: v for k, v in study.items()}, folder=folder))


@pytest.mark.parametrize(("unit", "days"), [("days", 1.0), ("weeks", 7.0), ("months", 30.4375), ("years", 365.25)])
def test_times_are_in_the_unit_of_the_outcome(tmp_path, unit, days) -> None:
    data = read(tmp_path, table(), unit=unit, horizon=200 / days)
    np.testing.assert_allclose(data.y["time"], DAYS / days, rtol=1e-12)
    assert data.y["event"].tolist() == [1, 0] * (N // 2)
    assert not [note for note in data.notes if "not used" in note and "seen" in note]


def test_dates_of_files_with_types_and_of_a_stated_form(tmp_path) -> None:
    frame = table()
    np.testing.assert_array_equal(read(tmp_path, frame, file="w.parquet").y["time"], DAYS)
    written = frame.assign(**{name: frame[name].dt.strftime("%d.%m.%Y") for name in ("seen", "last")})
    np.testing.assert_array_equal(read(tmp_path, written, date_format="%d.%m.%Y").y["time"], DAYS)
    with pytest.raises(DataError, match="40 cells are not of the form YYYY-MM-DD. Give `date_format`"):
        read(tmp_path, written)
    impossible = written.assign(last=written["last"].where(np.arange(N) != 3, "31.02.2020"))
    with pytest.raises(DataError, match="1 cells are not of the form '%d.%m.%Y'"):
        read(tmp_path, impossible, date_format="%d.%m.%Y")


def test_rows_without_a_date_are_counted_in_the_flow(tmp_path) -> None:
    frame = table()
    frame.loc[[0, 1], "seen"] = pd.NaT
    frame.loc[[1, 2], "last"] = pd.NaT
    flow = read(tmp_path, frame).flow.to_frame()
    assert flow.loc[flow["step"] == "without seen or last or event", "n"].tolist() == [3]
    assert flow["n"].iloc[-1] == N - 3


@pytest.mark.parametrize(("shift", "refused"), [(0, False), (-1, True)])
def test_an_end_before_the_start_is_refused(tmp_path, shift, refused) -> None:
    frame = table()
    frame.loc[5, "last"] = frame.loc[5, "seen"] + pd.Timedelta(days=shift)
    if refused:
        with pytest.raises(DataError, match="In 1 rows of 'w.csv' 'last' is before 'seen'"):
            read(tmp_path, frame)
        return
    assert read(tmp_path, frame).y["time"][5] == 0.0


def test_rows_left_out_by_where_may_be_in_disorder(tmp_path) -> None:
    frame = table().assign(kept=np.arange(N) != 5)
    frame.loc[5, "last"] = pd.Timestamp("2000-01-01")
    assert len(read(tmp_path, frame.assign(kept=frame["kept"].astype(int)), where={"kept": 1}).y) == N - 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("file", ["w.csv", "w.xlsx", "w.parquet"])
def test_rows_are_chosen_by_date_too(tmp_path, file) -> None:
    frame = table().assign(other=START[::-1])
    n = int((frame["other"] == "2019-02-03").sum())
    for day in ("2019-02-03", datetime.date(2019, 2, 3)) if file != "w.csv" else ("2019-02-03",):
        assert len(read(tmp_path, frame, file=file, where={"other": day}).y) == n


def test_delayed_entry_is_a_date_too(tmp_path) -> None:
    frame = table().assign(entered=START + pd.Timedelta(days=7))
    assert read(tmp_path, frame, entry="entered").y["entry"].tolist() == [7.0] * N
    with pytest.raises(DataError, match="'entered' is before 'seen'"):
        read(tmp_path, frame.assign(entered=START - pd.Timedelta(days=1)), entry="entered")
    with pytest.raises(DataError, match="'entered' of 'w.csv' must contain dates; it contains numbers"):
        read(tmp_path, frame.assign(entered=7), entry="entered")


@pytest.mark.parametrize("file", ["w.csv", "w.parquet"])
def test_time_zones_are_refused(tmp_path, file) -> None:
    frame = table()
    frame["last"] = frame["last"].dt.tz_localize("Europe/Berlin")
    with pytest.raises(DataError, match="40 cells have a time zone"):
        read(tmp_path, frame, file=file)


def test_durations_and_numbers_are_refused(tmp_path) -> None:
    frame = table()
    with pytest.raises(DataError, match="durations"):
        read(tmp_path, frame.assign(last=frame["last"] - frame["seen"]), file="w.parquet")
    with pytest.raises(DataError, match="contains numbers"):
        read(tmp_path, frame.assign(last=DAYS))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"end": ""}, "table.end"),
        ({"start": ""}, "table.start"),
        ({"time": "x"}, "table.time"),
        ({"start": "", "end": "", "time": "x", "date_format": "%d.%m.%Y"}, "table.date_format"),
        ({"date_format": "%Y-%m-%d %z"}, "table.date_format"),
        ({"date_format": "%d.%m."}, "table.date_format"),
        ({"end": "seen"}, "table"),
        ({"event": ""}, "table"),
        ({"status": "event"}, "table"),
    ],
)
def test_plans_that_contradict_themselves_are_refused(tmp_path, changes, name) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}`"):
        read(tmp_path, table(), **changes)


def test_words_among_the_dates_of_a_workbook(tmp_path) -> None:
    frame = table()
    frame["last"] = frame["last"].astype(object)
    frame.loc[3, "last"] = "still ill"
    with pytest.raises(DataError, match="'last' of 'w.xlsx' must contain dates; 1 cells are not. Correct them, or"):
        read(tmp_path, frame, file="w.xlsx")
    data = read(tmp_path, frame, file="w.xlsx", missing={"last": "still ill"})
    assert data.y["time"].tolist() == np.delete(DAYS, 3).tolist()
    frame.loc[3, "last"] = "NA"  # among dates no level
    assert len(read(tmp_path, frame, file="w.xlsx").y) == N - 1


@pytest.mark.parametrize(("year", "far"), [("9999", True), ("2999", True), ("2263", True), ("2019", False)])
def test_a_date_that_stands_for_none_is_named_as_such(tmp_path, year, far) -> None:
    frame = table().assign(last=lambda t: t["last"].dt.strftime("%Y-%m-%d"))
    frame.loc[3, "last"] = f"{year}-12-31" if far else f"{year}-13-31"
    with pytest.raises(DataError, match="1 cells are not of the form YYYY-MM-DD") as caught:
        read(tmp_path, frame)
    assert ("1 of them have a year outside 1677 to 2262" in str(caught.value)) == far
    assert len(read(tmp_path, frame, missing={"last": frame.loc[3, "last"]}).y) == N - 1


def test_a_protocol_without_dates_keeps_its_registered_digest() -> None:
    told = {
        "title": "t",
        "table": {"wide": "w.csv", "time": "last", "event": "event"},
        "outcome": {
            "name": "e",
            "definition": "d",
            "polarity": "bad",
            "time_zero": "z",
            "unit": "days",
            "horizons": [200],
        },
        "modalities": {"clinical": ["x"]},
        "model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}],
    }
    # as computed before `start`, `end`, `date_format` and `values` were added to [table]
    assert Study.from_dict(told).spec_hash == "e4e6f61e96891dc73394cd6903775a62a18c5ea70b4b959930975c2efd75f119"
    with_values = Study.from_dict({**told, "table": {**told["table"], "values": ["x"]}})
    assert with_values.to_dict()["data"]["values"] == ["x"]
    assert with_values.spec_hash != Study.from_dict(told).spec_hash
