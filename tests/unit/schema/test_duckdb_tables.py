"""Data packages and tables in DuckDB: the report of the same tables in Parquet, whole and in blocks."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import pool_levels
from lbp_prognosis.schema import PackageReport, read_table, validate_package

duckdb = pytest.importorskip("duckdb")
pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")


def _tables() -> dict[str, pd.DataFrame]:
    """Return a package with faults of every kind: type, range, key, reference, date order, method."""
    rng = np.random.default_rng(1)
    ids = [f"p{k:03d}" for k in range(12)]
    patient = pd.DataFrame(
        {"patient_id": [*ids[:-1], "p000"], "age": [*range(30, 41), 300], "sex": ["female", "male"] * 6}
    )
    patient["index_date"] = [date(2020, 1, 1)] * 12
    rows = 3 * 12
    biomarker = pd.DataFrame(
        {
            "patient_id": np.repeat(ids, 3),
            "exam_id": np.repeat([f"e{k}" for k in range(12)], 3),
            "level": ["l3l4", "l4l5", "l9"] * 12,
            "measure": "disc_height_mean",
            "value": rng.normal(9, 1, rows).round(3),
            "unit": ["mm"] * (rows - 1) + ["inch"],
            "method_id": ["a", "b", "a"] * 12,
        }
    )
    biomarker.loc[5, "value"] = np.nan
    biomarker["count"] = pd.array([None, *range(1, rows)], dtype="Int64")
    return {"patient": patient, "biomarker": biomarker}


def _write(folder: Path, tables: dict[str, pd.DataFrame]) -> tuple[Path, Path]:
    """Write the tables as a folder of Parquet and as a database."""
    parquet, base = folder / "package", folder / "registry.duckdb"
    parquet.mkdir()
    with duckdb.connect(str(base)) as connection:
        for name, frame in tables.items():
            file = parquet / f"{name}.parquet"
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None), file)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{file}')")
    return parquet, base


def _same(one: PackageReport, other: PackageReport) -> None:
    pd.testing.assert_frame_equal(one.failures, other.failures)
    pd.testing.assert_frame_equal(one.notes, other.notes)
    assert list(one.tables) == list(other.tables)
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, other.tables[name])
    assert list(one.blocks) == list(other.blocks)
    for name, blocks in one.blocks.items():
        for mine, theirs in zip(blocks, other.blocks[name], strict=True):
            pd.testing.assert_frame_equal(mine, theirs)


def test_the_report_is_that_of_the_tables_in_parquet(tmp_path: Path) -> None:
    """Whole and in blocks of every size; failures name the same rows."""
    parquet, base = _write(tmp_path, _tables())
    reasons = set(validate_package(base).failures["reason"])
    assert {"maximum", "duplicate_key", "enum", "mixed_method"} <= reasons, reasons
    for rows in (None, 7, 35, 36):
        _same(validate_package(base, block_rows=rows), validate_package(parquet, block_rows=rows))
    with duckdb.connect(str(base)) as connection:  # a view reads the same, and so does another spelling of the name
        connection.execute("ALTER TABLE biomarker RENAME TO kept; CREATE SCHEMA lab")
        connection.execute("CREATE VIEW lab.Biomarker AS SELECT * FROM main.kept")
    seen = validate_package(base, block_rows=20)
    other = validate_package(parquet, block_rows=20)
    assert seen.notes["note"].tolist()[0] == "table 'kept' of the database is no table of the package and was not read"
    pd.testing.assert_frame_equal(seen.failures, other.failures)
    with duckdb.connect(str(base)) as connection:
        connection.execute("CREATE TABLE biomarker AS SELECT * FROM kept")
    twice = validate_package(base).failures
    assert twice["message"].tolist().count("the database has this table twice") == 1


def test_pooled_patients_are_those_of_the_whole_table(tmp_path: Path) -> None:
    """Blocks that end within a patient change nothing."""
    tables = _tables()
    tables["biomarker"]["level"] = ["l3l4", "l4l5", "l5s1"] * 12
    tables["biomarker"]["method_id"], tables["biomarker"]["unit"] = "a", "mm"
    base = _write(tmp_path, tables)[1]
    whole, parts = validate_package(base), validate_package(base, block_rows=10)
    assert len(parts.blocks["biomarker"]) == 36
    rules = {"disc_height_mean": ["mean", "min"]}
    pooled = pool_levels(whole.tables["biomarker"], rules).frame
    assert len(pooled) == 12
    pd.testing.assert_frame_equal(pool_levels(parts.blocks["biomarker"], rules).frame, pooled)


def test_a_folder_may_have_a_table_in_a_database(tmp_path: Path) -> None:
    """The only table of a database, or the one with the name of the file."""
    parquet, base = _write(tmp_path, _tables())
    expected = validate_package(parquet)
    (parquet / "biomarker.parquet").unlink()
    base.rename(parquet / "biomarker.duckdb")
    _same(validate_package(parquet), expected)
    with duckdb.connect(str(parquet / "biomarker.duckdb")) as connection:
        connection.execute("DROP TABLE patient; ALTER TABLE biomarker RENAME TO measured")
    other = tmp_path / "other"
    other.mkdir()
    _same(validate_package(parquet, block_rows=9), validate_package(_write(other, _tables())[0], block_rows=9))


def test_a_wide_table_is_read_by_its_name(tmp_path: Path) -> None:
    """Types of DuckDB become those of Parquet; a table is named where there are several."""
    base = tmp_path / "cohort.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute(
            "CREATE TABLE cohort AS SELECT * FROM (VALUES "
            "('007', 41, 1.5::DECIMAL(4, 1), DATE '2020-02-29', TRUE, 'low'::ENUM('low', 'high')), "
            "('008', NULL, 2.5, NULL, NULL, NULL)) AS t(id, age, score, seen, smoker, grade)"
        )
    frame = read_table(base).frame
    assert frame["id"].tolist() == ["007", "008"]
    assert frame["score"].tolist() == [1.5, 2.5]
    assert frame["age"].isna().tolist() == [False, True]
    assert frame["seen"][0] == pd.Timestamp(2020, 2, 29)
    assert str(frame["grade"][0]) == "low"
    with duckdb.connect(str(base)) as connection:
        connection.execute("CREATE SCHEMA old; CREATE TABLE old.cohort AS SELECT 1 AS id; CREATE TABLE lists(x INT[])")
    with pytest.raises(ArgumentError, match="the name of a table of 'cohort.duckdb': cohort, lists"):
        read_table(base)
    with pytest.raises(ArgumentError, match=r"main\.cohort, old\.cohort"):
        read_table(base, sheet="cohort")
    assert read_table(base, sheet="main.cohort").frame.equals(frame)
    assert read_table(base, sheet="old.cohort").dialect == {"table": "cohort"}
    with pytest.raises(ArgumentError, match="cohort, lists"):
        read_table(base, sheet="none")
    with pytest.raises(DataError, match="table 'lists' of 'cohort.duckdb' has cells of lists"):
        read_table(base, sheet="lists")


def test_the_command_checks_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a package, in blocks, or one of its tables; the failures are those of Parquet."""
    parquet, base = _write(tmp_path, _tables())
    for name in ("one", "two"):
        source, more = (parquet, ()) if name == "one" else (base, ("--block-rows", "7"))
        failed = call(capsys, monkeypatch, "validate", source, "--failures", tmp_path / f"{name}.csv", *more)
        assert failed.status == 1, failed.err
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    told = call(capsys, monkeypatch, "validate", base, "--sheet", "patient")
    assert told.status == 0, told.err
    assert "patient_id" in told.out
    refused = call(capsys, monkeypatch, "validate", base, "--sheet", "patient", "--block-rows", "7")
    assert refused.status == 2
    assert "--block-rows" in refused.err


def test_what_is_no_database_says_so(tmp_path: Path) -> None:
    """A damaged file, an empty database, and decimals that no float keeps."""
    bad, empty = tmp_path / "bad.duckdb", tmp_path / "empty.duckdb"
    bad.write_bytes(b"not a database")
    with pytest.raises(DataError, match="is not a DuckDB database"):
        validate_package(bad)
    duckdb.connect(str(empty)).close()
    assert validate_package(empty).failures["reason"].tolist() == ["missing_table"]
    with pytest.raises(ArgumentError, match="a table of 'empty.duckdb': none"):
        read_table(empty)
    with pytest.raises(ArgumentError, match="DuckDB database"):
        validate_package(tmp_path / "absent.duckdb")
    with duckdb.connect(str(empty)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1234567890123456789.5::DECIMAL(20, 1) AS code")
        connection.execute("CREATE VIEW gone AS SELECT * FROM t")
    reading = read_table(empty, sheet="t", infer=False)
    assert reading.frame["code"].tolist() == [str(Decimal("1234567890123456789.5"))]
    assert "kept as text" in reading.notes[0]
    with duckdb.connect(str(empty)) as connection:
        connection.execute("ALTER TABLE t RENAME TO u")
    with pytest.raises(DataError, match="table 'gone' of 'empty.duckdb' cannot be read"):
        read_table(empty, sheet="gone")


def test_instants_do_not_depend_on_the_zone_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half past eleven in the evening at Greenwich is the next day in Berlin; Parquet says Greenwich everywhere."""
    base = tmp_path / "t.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute("CREATE TABLE t AS SELECT TIMESTAMPTZ '2020-01-01 23:30:00+00' AS seen")
    frames = []
    for zone in ("Europe/Berlin", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            frames.append(read_table(base).frame)
        finally:
            monkeypatch.undo()
            time.tzset()
    pd.testing.assert_frame_equal(*frames)
    assert str(frames[0]["seen"].dt.tz) == "UTC"


def test_dates_beyond_python_are_named(tmp_path: Path) -> None:
    base = tmp_path / "t.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'infinity'::DATE AS seen")
    with pytest.raises(DataError, match="outside the years 1 to 9999, such as infinity"):
        read_table(base)


def test_why_a_database_is_not_opened(tmp_path: Path) -> None:
    """One open elsewhere, one with a damaged header, one of another program."""
    base = tmp_path / "t.duckdb"
    with duckdb.connect(str(base)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        with pytest.raises(DataError, match="open elsewhere"):
            read_table(base)
    content = bytearray(base.read_bytes())
    content[12] ^= 0xFF  # within the block that names the version
    base.write_bytes(content)
    with pytest.raises(DataError, match="is damaged, or a file of another kind"):
        read_table(base)
    base.write_bytes(b"SQLite format 3\x00" + bytes(4080))
    with pytest.raises(DataError, match="is damaged, or a file of another kind"):
        read_table(base)
