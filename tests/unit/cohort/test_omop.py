"""OMOP tables to a cohort: a synthetic fixture whose counts are by hand."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import call

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.cohort import ConceptSet, omop_cohort

PAIN, RADICULAR, FUSION, OPIOID, BMI, DIABETES = 2000000001, 2000000002, 4001, 5001, 6001, 7001
INDEX, OUTCOME = ConceptSet.of("pain", [PAIN]), ConceptSet.of("fusion", [FUSION])
SETS: dict[str, Any] = {
    "index": INDEX,
    "outcome": OUTCOME,
    "records": {"diabetes": ConceptSet.of("diabetes", [DIABETES]), "opioid": ConceptSet.of("opioid", [OPIOID])},
    "measures": {"bmi": ConceptSet.of("bmi", [BMI])},
}

# person: first pain, observed from, to; what makes the person count is said beside
PERSONS = {
    1: ("2020-01-01", "2018-01-01", "2021-01-01"),  # fusion on 2020-04-10, 100 days later
    2: ("2020-01-01", "2019-01-01", "2020-12-31"),  # observed for exactly 365 days before; end of observation
    3: ("2020-01-01", "2019-01-02", "2021-01-01"),  # for 364: left out
    4: ("2020-01-01", "2018-01-01", "2021-01-01"),  # fusion on the index day: left out
    5: ("2020-01-01", "2018-01-01", "2021-01-01"),  # died on 2020-01-31
    6: ("2020-01-01", "2018-01-01", "2021-01-01"),  # fusion after the end of observation: not observed
    7: ("2017-06-01", "2018-01-01", "2021-01-01"),  # first pain outside any observation period: left out
    8: ("2020-01-01", "2018-01-01", "2020-01-01"),  # observation ends on the index day
    9: ("2020-01-01", "2018-01-01", "2021-01-01"),  # fusion on the day of death: the outcome
    10: (None, "2018-01-01", "2021-01-01"),  # no pain
}


def fill(folder: Path) -> Path:
    day = pd.Timestamp
    conditions = [(p, PAIN, day(first)) for p, (first, _, _) in PERSONS.items() if first]
    conditions += [(1, PAIN, day("2020-03-01")), (10, RADICULAR, day("2020-01-01"))]
    conditions += [(1, DIABETES, day("2019-12-31")), (2, DIABETES, day("2020-01-01")), (5, DIABETES, day("2019-01-01"))]
    conditions += [(6, DIABETES, day("2018-12-31"))]  # 366 days before: outside the window; that of 5 is 365 days
    procedures = [(1, day("2020-04-10")), (4, day("2020-01-01")), (6, day("2021-01-02")), (9, day("2020-02-01"))]
    drugs = [(1, day("2019-06-01")), (1, day("2019-06-02")), (8, day("2020-01-01"))]
    bmi = [(1, "2019-10-01", 30.0), (1, "2019-12-01", 31.0), (1, "2019-12-01", 33.0), (1, "2020-01-01", 50.0)]
    bmi += [(2, "2019-12-31", None), (2, "2019-12-30", 25.0)]
    frames = {
        "person": pd.DataFrame(
            {
                "person_id": list(PERSONS),
                "gender_concept_id": [8507, 8532] * 4 + [0, 8507],
                "year_of_birth": [1960 + p for p in PERSONS],
            }
        ),
        "observation_period": pd.DataFrame(
            [(p, day(start), day(end)) for p, (_, start, end) in PERSONS.items()],
            columns=["person_id", "observation_period_start_date", "observation_period_end_date"],
        ),
        "condition_occurrence": pd.DataFrame(
            conditions, columns=["person_id", "condition_concept_id", "condition_start_date"]
        ),
        "procedure_occurrence": pd.DataFrame(
            [(p, FUSION, date) for p, date in procedures],
            columns=["PERSON_ID", "PROCEDURE_CONCEPT_ID", "PROCEDURE_DATE"],
        ),
        "drug_exposure": pd.DataFrame(
            [(p, OPIOID, date) for p, date in drugs],
            columns=["person_id", "drug_concept_id", "drug_exposure_start_date"],
        ),
        "measurement": pd.DataFrame(
            [(p, BMI, day(date), value, 9531) for p, date, value in bmi],
            columns=["person_id", "measurement_concept_id", "measurement_date", "value_as_number", "unit_concept_id"],
        ),
        "death": pd.DataFrame({"person_id": [5, 9], "death_date": [day("2020-01-31"), day("2020-02-01")]}),
    }
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("omop"))


def test_counts_by_hand(tables: Path) -> None:
    found = omop_cohort(tables, **SETS)
    assert found.flow["persons"].tolist() == [9, 8, 7, 6, 6]
    table = found.table
    assert table.index.tolist() == [1, 2, 5, 6, 8, 9]
    assert table["days"].tolist() == [100, 365, 30, 366, 0, 31]
    assert table["event"].tolist() == [1, 0, 2, 0, 0, 1]
    assert table["age"].tolist() == [59, 58, 55, 54, 52, 51]
    assert table["sex"].tolist() == ["male", "female", "male", "female", "female", "unknown"]
    assert table["diabetes"].tolist() == [1, 0, 1, 0, 0, 0]
    assert table["opioid"].tolist() == [1, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(table["bmi"], [32.0, 25.0, np.nan, np.nan, np.nan, np.nan])
    assert list(found.X.columns) == ["age", "sex", "diabetes", "opioid", "bmi"]
    assert found.y["event"].tolist() == table["event"].tolist()


def test_the_index_day_is_never_before_it(tables: Path) -> None:
    """Person 2 has diabetes, 8 an opioid and 1 a weight on the index day; a longer window takes none of them."""
    table = omop_cohort(tables, **SETS, look_back=10_000).table
    assert table.loc[[2, 8], ["diabetes", "opioid"]].to_numpy().sum() == 0
    assert table.loc[1, "bmi"] == 32.0
    assert table.loc[6, "diabetes"] == 1


def test_atlas_sets_and_descendants(tables: Path, tmp_path: Path) -> None:
    item = {"concept": {"CONCEPT_ID": PAIN}, "isExcluded": False, "includeDescendants": True}
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps({"name": "pain", "expression": {"items": [item]}}), encoding="utf-8")
    atlas = ConceptSet.read(path)
    with pytest.raises(ArgumentError, match="concept_ancestor"):
        omop_cohort(tables, **{**SETS, "index": atlas})
    folder = fill(tmp_path)
    pairs = pd.DataFrame({"ancestor_concept_id": [PAIN, PAIN], "descendant_concept_id": [PAIN, RADICULAR]})
    (folder / "concept_ancestor").mkdir()
    pairs.to_parquet(folder / "concept_ancestor" / "part-0.parquet", index=False)
    assert omop_cohort(folder, **{**SETS, "index": atlas}).flow["persons"].tolist() == [10, 9, 8, 7, 7]
    pairs.astype(str).to_parquet(folder / "concept_ancestor" / "part-0.parquet", index=False)  # numbers as text
    assert omop_cohort(folder, **{**SETS, "index": atlas}).flow["persons"].tolist() == [10, 9, 8, 7, 7]
    for wrong in ("x", "1.5", None):
        table = pairs.assign(descendant_concept_id=[wrong, "2"])
        table.to_parquet(folder / "concept_ancestor" / "part-0.parquet", index=False)
        with pytest.raises(DataError, match="descendant_concept_id has text, fractions"):
            omop_cohort(folder, **{**SETS, "index": atlas})
    without = {"items": [item, {"concept": {"CONCEPT_ID": RADICULAR}, "isExcluded": True}]}
    path.write_text(json.dumps(without), encoding="utf-8")
    vocabulary = pairs["ancestor_concept_id"].to_numpy(), pairs["descendant_concept_id"].to_numpy()
    np.testing.assert_array_equal(ConceptSet.read(path).resolved(vocabulary), [PAIN])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '["a"]',
        "[1, 0]",
        "[-1]",
        '{"items": [{"concept": {"CONCEPT_ID": 0}}]}',
        "[1.5]",
        "[true]",
        "{}",
        '{"items": []}',
        '{"items": [{"concept": {}}]}',
        '{"items": [3]}',
        '{"items": [{"concept": {"CONCEPT_ID": 1}, "includeMapped": true}]}',
        '{"items": [{"concept": {"CONCEPT_ID": 1}, "isExcluded": true}]}',
        '{"expression": 5}',
    ],
)
def test_files_that_are_no_concept_sets(text: str, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArgumentError):
        ConceptSet.read(path)


@pytest.mark.parametrize("text", ["[1, 2]", '{"name": "x", "concept_ids": [2, 1]}'])
def test_resolved_lists(text: str, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(ConceptSet.read(path).resolved(None), [1, 2])


def test_what_is_refused(tables: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="folder"):
        omop_cohort(tmp_path / "absent", **SETS)
    with pytest.raises(ArgumentError, match="folder"):
        omop_cohort(tmp_path, **SETS)
    with pytest.raises(ArgumentError, match="records"):
        omop_cohort(tables, index=INDEX, outcome=OUTCOME, records={"age": INDEX})
    with pytest.raises(DataError, match="No person is left"):
        omop_cohort(tables, **SETS, observed_before=5_000)
    folder = fill(tmp_path)
    frame = pd.read_parquet(folder / "measurement.parquet")
    frame.loc[0, "unit_concept_id"] = 1
    frame.to_parquet(folder / "measurement.parquet", index=False)
    with pytest.raises(DataError, match="several units"):
        omop_cohort(folder, **SETS)
    frame.drop(columns="value_as_number").to_parquet(folder / "measurement.parquet", index=False)
    with pytest.raises(DataError, match="value_as_number"):
        omop_cohort(folder, **SETS)


def test_the_command(
    tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, ids in (("pain", [PAIN]), ("fusion", [FUSION]), ("diabetes", [DIABETES]), ("bmi", [BMI])):
        (tmp_path / f"{name}.json").write_text(json.dumps(ids), encoding="utf-8")
    files = {name: tmp_path / f"{name}.json" for name in ("pain", "fusion", "diabetes", "bmi")}
    command = ["omop", tables, "--index", files["pain"], "--outcome", files["fusion"]]
    command += ["--record", f"diabetes={files['diabetes']}", "--measure", f"bmi={files['bmi']}", "-o"]
    told = call(capsys, monkeypatch, *command, tmp_path / "cohort.csv")
    assert told.status == 0, told.err
    assert "2 with the outcome, 1 died before" in told.out
    written = pd.read_csv(tmp_path / "cohort.csv")
    assert written["diabetes"].sum() == 2
    assert call(capsys, monkeypatch, *command, tmp_path / "cohort.parquet").status == 0
    assert pd.read_parquet(tmp_path / "cohort.parquet").shape == written.shape
    assert call(capsys, monkeypatch, *command, tmp_path / "cohort.txt").status == 2
    without = call(capsys, monkeypatch, "omop", tables, "--outcome", files["fusion"], "-o", tmp_path / "x.csv")
    assert without.status == 2
    assert "--index" in without.err


def test_the_example_set_is_read():
    found = ConceptSet.read(Path(__file__).parents[3] / "examples" / "omop_index.json")
    assert found.resolved(None).tolist() == [PAIN]


def _changed(folder: Path, table: str, change: Any) -> Path:
    """Fill a folder, one table of which is changed."""
    path = fill(folder) / f"{table}.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    return folder


@pytest.mark.parametrize("form", ["parquet", "duckdb"])
@pytest.mark.parametrize("dates", ["absent", "missing"])
def test_a_record_without_a_date_has_that_of_its_time(dates: str, form: str, tmp_path: Path) -> None:
    """Columns ``…_datetime`` stand in where a source fills no others; the time of day is dropped."""

    def timed(frame: pd.DataFrame) -> pd.DataFrame:
        name = next(column for column in frame if column.endswith("_date"))
        moved = frame.assign(**{f"{name}time": frame[name] + pd.Timedelta(hours=23)})
        return moved.drop(columns=name) if dates == "absent" else moved.assign(**{name: pd.Series(pd.NaT, frame.index)})

    plain = omop_cohort(fill(tmp_path), **SETS).table
    for table in ("condition_occurrence", "death", "measurement"):
        path = tmp_path / f"{table}.parquet"
        timed(pd.read_parquet(path)).to_parquet(path, index=False)
    found = omop_cohort(tmp_path if form == "parquet" else _base(tmp_path), **SETS).table
    pd.testing.assert_frame_equal(found, plain)


def test_a_death_without_a_date_is_no_survival(tmp_path: Path) -> None:
    """Of a person who is not of the cohort it is of no account, nor beside a dated row."""
    folder = _changed(
        tmp_path, "death", lambda frame: frame.assign(death_date=frame["death_date"].where(frame.index == 1))
    )
    with pytest.raises(DataError, match="1 persons of the cohort without a date"):
        omop_cohort(folder, **SETS)
    days = pd.to_datetime(["2020-01-31", "2020-02-01", None, None])
    pd.DataFrame({"person_id": [5, 9, 5, 10], "death_date": days}).to_parquet(folder / "death.parquet", index=False)
    assert omop_cohort(folder, **SETS).table.loc[5, "event"] == 2


def test_observation_beyond_today_needs_a_last_day(tmp_path: Path) -> None:
    """9999-12-31 of persons who are still observed was a follow-up of 8,000 years; ``until`` is one end for all."""
    plain = omop_cohort(fill(tmp_path), **SETS).table
    path = tmp_path / "observation_period.parquet"
    frame = pd.read_parquet(path)
    name = "observation_period_end_date"
    ends = frame[name].dt.date.where(~frame["person_id"].isin([1, 2, 6]), dt.date(9999, 12, 31))
    frame.assign(**{name: ends}).to_parquet(path, index=False)
    with pytest.raises(DataError, match="3 persons ends after today, the last on 9999-12-31.*until"):
        omop_cohort(tmp_path, **SETS)
    found = omop_cohort(tmp_path, **SETS, until="2020-04-10").table
    assert found["days"].tolist() == [100, 100, 30, 100, 0, 31]  # 1 has its fusion on the last day
    assert found["event"].tolist() == plain["event"].tolist()
    found = omop_cohort(tmp_path, **SETS, until=dt.date(2020, 1, 30)).table
    assert found["days"].tolist() == [29, 29, 29, 29, 0, 29]  # 5 dies on the day after
    assert found["event"].sum() == 0
    with pytest.raises(DataError, match="No person is left"):
        omop_cohort(tmp_path, **SETS, until="2019-12-31")
    for wrong in ("9999-12-31", "31.12.2020", 20201231, dt.datetime.now() + dt.timedelta(days=1)):
        with pytest.raises(ArgumentError, match="until"):
            omop_cohort(tmp_path, **SETS, until=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP"])
def test_infinity_is_the_last_day_or_the_first(kind: str, tmp_path: Path) -> None:
    """The smallest time overflowed into the far future when its time of day was dropped."""
    duckdb = pytest.importorskip("duckdb")
    expected = omop_cohort(fill(tmp_path), **SETS, until="2020-06-01").table
    path = _base(tmp_path)
    with duckdb.connect(str(path)) as base:
        for column, value in (("end", "infinity"), ("start", "-infinity")):
            name = f"observation_period_{column}_date"
            base.execute(f"ALTER TABLE observation_period ALTER {name} TYPE {kind}")
            base.execute(f"UPDATE observation_period SET {name} = '{value}' WHERE person_id IN (1, 2)")
    with pytest.raises(DataError, match="2 persons ends after today, the last on 9999-12-31"):
        omop_cohort(path, **SETS)
    pd.testing.assert_frame_equal(omop_cohort(path, **SETS, until="2020-06-01").table, expected)


def test_rows_without_a_date_are_counted(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fusion without a date is no absence of fusion: the report says how many there are."""
    assert omop_cohort(fill(tmp_path), **SETS).unused.empty

    def undate(table: str, column: str, rows: list[int]) -> None:
        path = tmp_path / f"{table}.parquet"
        frame = pd.read_parquet(path)
        frame.assign(**{column: frame[column].mask(frame.index.isin(rows))}).to_parquet(path, index=False)

    undate("procedure_occurrence", "PROCEDURE_DATE", [0, 1])  # of 1, and of 4, who is then in the cohort
    undate("drug_exposure", "drug_exposure_start_date", [0, 1])  # two of 1
    undate("observation_period", "observation_period_end_date", [9])
    path = tmp_path / "observation_period.parquet"
    frame = pd.read_parquet(path)
    frame.loc[6, "observation_period_end_date"] = pd.Timestamp("2017-12-31")
    frame.to_parquet(path, index=False)
    found = omop_cohort(tmp_path, **SETS)
    assert found.unused.to_numpy().tolist() == [
        ["observation_period", "", "no date", 1, 1, 0],
        ["observation_period", "", "ends before it begins", 1, 1, 0],
        ["procedure_occurrence", "fusion", "no date", 2, 2, 2],
        ["drug_exposure", "opioid", "no date", 2, 1, 1],
    ]
    assert found.table.loc[[1, 4], "event"].tolist() == [0, 0]
    for name, ids in (("pain", [PAIN]), ("fusion", [FUSION])):
        (tmp_path / f"{name}.json").write_text(json.dumps(ids), encoding="utf-8")
    sets = ["--index", tmp_path / "pain.json", "--outcome", tmp_path / "fusion.json", "--until", "2020-12-31"]
    told = call(capsys, monkeypatch, "omop", tmp_path, *sets, "-o", tmp_path / "x.csv")
    assert told.status == 0, told.err
    assert "2  rows not used, no date: procedure_occurrence, fusion (2 persons, 2 of the cohort)" in told.out
    assert "1  rows not used, no date: observation_period (1 persons, 0 of the cohort)" in told.out


def _base(folder: Path) -> Path:
    """Put the tables of a folder into a DuckDB database, some in another schema and in capitals."""
    duckdb = pytest.importorskip("duckdb")
    path = folder / "registry.duckdb"
    with duckdb.connect(str(path)) as base:
        base.execute("CREATE SCHEMA cdm")
        for file in sorted(folder.glob("*.parquet")):
            name = f"cdm.{file.stem.upper()}" if file.stem in ("person", "death") else file.stem
            base.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{file}')")
    return path


def _with(column: str, make: Any) -> Any:
    return lambda frame: frame.assign(**{column: make(frame[column])})


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("procedure_occurrence", _with("PERSON_ID", lambda ids: ids.astype(str)), "procedure_occurrence has person_id"),
        ("death", _with("person_id", lambda ids: ids + 0.5), "death has person_id"),
        ("death", _with("death_date", lambda days: days.dt.strftime("%Y%m%d").astype(int)), "death_date has numbers"),
        ("death", _with("death_date", lambda days: days.dt.strftime("%d/%m/%Y")), "2020-01-31 is one"),
        ("measurement", _with("value_as_number", lambda values: values.astype(str) + " kg"), "no numbers"),
        ("measurement", _with("unit_concept_id", lambda units: units.where(units.index > 0)), "0 is none"),
        ("measurement", _with("unit_concept_id", lambda units: units.astype(str) + " kg"), "no numbers"),
        ("person", _with("year_of_birth", lambda years: years.astype(str) + " AD"), "year_of_birth are no numbers"),
        ("condition_occurrence", _with("condition_concept_id", lambda ids: ids.astype(str) + "x"), "whole numbers"),
        ("condition_occurrence", _with("condition_concept_id", lambda ids: ids + 0.5), "whole numbers"),
    ],
)
@pytest.mark.parametrize("base", [False, True])
def test_columns_that_would_lose_records_are_refused(
    table: str, change: Any, told: str, base: bool, tmp_path: Path
) -> None:
    """Text ids met no others and 20200131 was read as 1970, so that outcomes and deaths vanished without a word."""
    folder = _changed(tmp_path, table, change)
    with pytest.raises(DataError, match=told):
        omop_cohort(_base(folder) if base else folder, **SETS)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("death", _with("person_id", lambda ids: ids.astype(float))),
        ("condition_occurrence", _with("condition_start_date", lambda days: days.dt.date)),
        ("condition_occurrence", _with("condition_start_date", lambda days: days.dt.tz_localize("Europe/Berlin"))),
        ("condition_occurrence", _with("condition_start_date", lambda days: days.dt.strftime("%Y-%m-%d"))),
        ("condition_occurrence", _with("condition_start_date", lambda days: days.dt.strftime("%Y-%m-%d %H:%M:%S"))),
        ("observation_period", _with("observation_period_start_date", lambda days: days.dt.date)),
        ("procedure_occurrence", _with("PROCEDURE_CONCEPT_ID", lambda ids: ids.astype("int32"))),
        ("measurement", _with("value_as_number", lambda values: values.astype(str).replace("nan", None))),
        ("measurement", _with("unit_concept_id", lambda units: units.astype(str))),
        ("person", _with("year_of_birth", lambda years: years.astype(str))),
        ("person", _with("gender_concept_id", lambda ids: ids.astype(str))),
    ],
)
@pytest.mark.parametrize("base", [False, True])
def test_columns_of_other_types_are_read(table: str, change: Any, base: bool, tables: Path, tmp_path: Path) -> None:
    outcome = ConceptSet.of("fusion", np.array([FUSION, 3_000_000_000]))  # the second is beyond int32
    folder = _changed(tmp_path, table, change)
    if base and getattr(pd.read_parquet(folder / f"{table}.parquet").iloc[0, -1], "tzinfo", None) is not None:
        pytest.skip("a database keeps no time zone")
    found = omop_cohort(_base(folder) if base else folder, **{**SETS, "outcome": outcome})
    pd.testing.assert_frame_equal(found.table, omop_cohort(tables, **SETS).table, check_dtype=False)


def test_databases(tables: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, duckdb = _base(fill(tmp_path)), pytest.importorskip("duckdb")
    found = omop_cohort(path, **SETS)
    pd.testing.assert_frame_equal(found.table, omop_cohort(tables, **SETS).table)
    pd.testing.assert_frame_equal(found.flow, omop_cohort(tables, **SETS).flow)
    for name, ids in (("pain", [PAIN]), ("fusion", [FUSION])):
        (tmp_path / f"{name}.json").write_text(json.dumps(ids), encoding="utf-8")
    sets = ["--index", tmp_path / "pain.json", "--outcome", tmp_path / "fusion.json"]
    assert call(capsys, monkeypatch, "omop", path, *sets, "-o", tmp_path / "x.csv").status == 0
    concept = "condition_concept_id"
    with duckdb.connect(str(path)) as base:  # NaN is a missing concept, as pandas writes it
        base.execute(f"ALTER TABLE condition_occurrence ALTER {concept} TYPE DOUBLE")
        copy = f"SELECT * REPLACE ('nan'::DOUBLE AS {concept}) FROM condition_occurrence"
        base.execute(f"INSERT INTO condition_occurrence {copy}")
    pd.testing.assert_frame_equal(omop_cohort(path, **SETS).table, found.table)
    with duckdb.connect(str(path)) as base:
        base.execute("ALTER TABLE cdm.death ALTER death_date TYPE TIMESTAMPTZ")
    with pytest.raises(DataError, match="death_date has instants with a time zone"):
        omop_cohort(path, **SETS)
    with duckdb.connect(str(path)) as base:
        base.execute("CREATE TABLE person AS SELECT * FROM cdm.person")
    with pytest.raises(ArgumentError, match="one table person"):
        omop_cohort(path, **SETS)
    (tmp_path / "text.duckdb").write_text("no database", encoding="utf-8")
    with pytest.raises(ArgumentError, match="can be opened"):
        omop_cohort(tmp_path / "text.duckdb", **SETS)
    with pytest.raises(ArgumentError, match="DuckDB"):
        omop_cohort(tmp_path / "pain.json", **SETS)


def test_parts_in_folders(tables: Path, tmp_path: Path) -> None:
    """Exports in parts, by year too."""
    whole = pd.read_parquet(fill(tmp_path) / "condition_occurrence.parquet")
    (tmp_path / "condition_occurrence.parquet").unlink()
    for year, part in whole.groupby(whole["condition_start_date"].dt.year):
        (tmp_path / "condition_occurrence" / f"year={year}").mkdir(parents=True)
        part.to_parquet(tmp_path / "condition_occurrence" / f"year={year}" / "part-0.parquet", index=False)
    pd.testing.assert_frame_equal(omop_cohort(tmp_path, **SETS).table, omop_cohort(tables, **SETS).table)


def test_cohort_definitions(tmp_path: Path) -> None:
    one = {"id": 0, "name": "pain", "expression": {"items": [{"concept": {"CONCEPT_ID": PAIN}}]}}
    path = tmp_path / "cohort.json"
    path.write_text(json.dumps({"ConceptSets": [one], "PrimaryCriteria": {}}), encoding="utf-8")
    assert ConceptSet.read(path) == ConceptSet.of("pain", [PAIN])
    path.write_text(json.dumps({"items": one["expression"]["items"]}), encoding="utf-8")
    assert ConceptSet.read(path) == ConceptSet.of("cohort", [PAIN])  # without a name, that of the file
    for sets in ([], [one, {**one, "name": "other"}]):
        path.write_text(json.dumps({"ConceptSets": sets}), encoding="utf-8")
        with pytest.raises(ArgumentError, match="one concept set"):
            ConceptSet.read(path)


def test_a_missing_table_is_not_an_absence_of_records(tmp_path: Path) -> None:
    for table, told in (("death", "death"), ("drug_exposure", "no record of opioid")):
        (fill(tmp_path) / f"{table}.parquet").unlink()
        with pytest.raises(ArgumentError, match=told):
            omop_cohort(tmp_path, **SETS)
    without = {**SETS, "records": {}}
    assert len(omop_cohort(fill(tmp_path), **without).table) == 6


def test_overlapping_observation_periods_are_joined(tmp_path: Path) -> None:
    """Person 3 has 364 days before in one period and more in an earlier one; that of 2 goes on in a second one."""
    extra = [(3, "2017-01-01", "2019-06-01"), (3, "2010-01-01", "2011-01-01"), (2, "2020-12-01", "2021-06-01")]

    def add(frame: pd.DataFrame) -> pd.DataFrame:
        more = pd.DataFrame([(p, pd.Timestamp(a), pd.Timestamp(b)) for p, a, b in extra], columns=frame.columns)
        return pd.concat([more, frame], ignore_index=True)

    found = omop_cohort(_changed(tmp_path, "observation_period", add), **SETS)
    assert found.flow["persons"].tolist() == [9, 8, 8, 7, 7]
    assert found.table.loc[[2, 3], "days"].tolist() == [517, 366]


def test_dates_that_contradict_the_index_date(tmp_path: Path) -> None:
    fill(tmp_path)
    death = pd.DataFrame({"person_id": [5, 9], "death_date": pd.to_datetime(["2020-01-01", "2019-12-31"])})
    death.to_parquet(tmp_path / "death.parquet", index=False)
    person = pd.read_parquet(tmp_path / "person.parquet")
    person.loc[person["person_id"] == 1, "year_of_birth"] = 2021
    person.to_parquet(tmp_path / "person.parquet", index=False)
    found = omop_cohort(tmp_path, **SETS)
    assert found.flow["persons"].tolist() == [9, 8, 7, 6, 4]
    assert found.table.index.tolist() == [2, 5, 6, 8]
    assert found.table.loc[5, ["days", "event"]].tolist() == [0, 2]  # death on the index day


def test_sets_that_are_none(tables: Path) -> None:
    with pytest.raises(ArgumentError, match="opioid.*ConceptSet"):
        omop_cohort(tables, index=INDEX, outcome=OUTCOME, records={"opioid": [OPIOID]})  # type: ignore[dict-item]
    for ids in (7, "12", [1.5]):
        with pytest.raises(ArgumentError, match="concept_ids"):
            ConceptSet.of("x", ids)
