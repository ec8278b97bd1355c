"""A package read in blocks of rows has the failures of the same package held whole, and pools to the same patients."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import pool_levels
from lbp_prognosis.schema import TableBlocks, validate_package
from lbp_prognosis.schema._arrow_source import ParquetTable
from lbp_prognosis.schema._table_blocks import scan_table


def _some(rng, values, n, missing=0.1):
    picked = np.array([*values, None], dtype=object)
    share = [(1 - missing) / len(values)] * len(values) + [missing]
    return picked[rng.choice(len(picked), n, p=share)]


def _package(seed):
    """Tables with every kind of fault: repeated and strange keys, words, ranges, units, methods, dates in disorder."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 18))
    ids = ["a", "b", "c", "d", "e", " a", "12"]
    days = [datetime.date(2020, 1, k) for k in (1, 2, 3)] + [datetime.date(1492, 10, 12)]
    biomarker = {
        "patient_id": _some(rng, [*ids, "zz"], n, 0.05),
        "study_id": _some(rng, ["s1", "s2", "NA", "None"] if seed % 2 else ["NA", "None"], n, 0.3),
        "structure": _some(rng, ["disc", "Disc", "multifidus"], n),
        "measure": _some(rng, ["disc_height", "pfirrmann", "unheard_of"], n),
        "level": _some(rng, ["l4l5", "l5s1", "neck"], n),
        "value": _some(rng, [-0.0, 0.0, 1.0, 3.5, 500.0, np.inf], n).astype(float),
        "unit": _some(rng, ["mm", "grade", "cm"], n),
        "method_id": _some(rng, ["auto", "reader", "Reader"], n, 0.2),
        "error": _some(rng, [Decimal("0.1"), Decimal("2.5"), Decimal("12345678901234567.25")][: 2 + seed % 2], n),
        "acquired_on": _some(rng, days, n),
        "grams": _some(rng, ["1", "2", "3,5", "n/a", "4", "NA"], n),
        "Odd name": np.arange(n),
    }
    event = {
        "patient_id": _some(rng, ids, n),
        "event_type": _some(rng, ["death", "surgery", "fall", "Total"], n),
        "event_date": _some(rng, days[:3], n, 0.4),
        "event_day": _some(rng, [-3, 0, 2**53 + 1, 14], n, 0.4),
        "end_date": _some(rng, days[:3], n, 0.4),
    }
    visit = {
        "patient_id": _some(rng, ids, n),
        "visit_id": _some(rng, [1, 2, 3], n),
        "attended": _some(rng, [True, False], n, 0.3),
        "visit_date": _some(rng, days, n, 0.4),
    }
    patient = {
        "patient_id": np.array([*ids, "a", None], dtype=object),
        "age": _some(rng, [50, 150, -1], len(ids) + 2),
        "index_date": _some(rng, days[1:3], len(ids) + 2),
        "site": _some(rng, ["NA", "north"], len(ids) + 2),
    }
    study = {"patient_id": _some(rng, ids, n), "study_id": _some(rng, ["s1", "s2", "s3"], n)}
    tables = {"biomarker": biomarker, "event": event, "visit": visit, "patient": patient, "imaging_study": study}
    if seed % 3 == 0:
        del tables["imaging_study"]
    if seed % 5 == 4:
        del tables["patient"]
    return tables


def _write(folder, tables, group):
    folder.mkdir()
    for name, columns in tables.items():
        made = {}
        for column, cells in columns.items():
            exact = column == "error"
            made[column] = pa.array(list(cells), pa.decimal128(22, 2) if exact else None, from_pandas=True)
        pq.write_table(pa.table(made), folder / f"{name}.parquet", row_group_size=group)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20) if seed != 2)])
def test_the_report_is_that_of_the_tables_held_whole(tmp_path, seed):
    tables = _package(seed)
    _write(tmp_path / "p", tables, 1 + seed % 7)
    whole = validate_package(tmp_path / "p")
    report = validate_package(tmp_path / "p", block_rows=1 + (3 * seed) % 7)
    pd.testing.assert_frame_equal(report.failures, whole.failures)
    pd.testing.assert_frame_equal(report.notes, whole.notes)
    assert not report.tables
    assert set(report.blocks) == set(whole.tables)
    for name, blocks in report.blocks.items():
        assert isinstance(blocks, TableBlocks)
        assert len(blocks) == len(whole.tables[name])
        declared = [column for column in whole.tables[name] if column not in ("grams", "Odd name")]
        pd.testing.assert_frame_equal(pd.concat(blocks.read(declared)), whole.tables[name][declared])
    pd.testing.assert_frame_equal(
        report.accept_methods(["pfirrmann"]).failures, whole.accept_methods(["pfirrmann"]).failures
    )


POOLINGS = {
    "disc_height": ["mean", "sum", "each"],
    "pfirrmann": ["max", "count>=4", "worst"],
    "multifidus__fat_fraction": "min",
    "lordosis": "only",
}


def _readings(rng, patients):
    """Return a long table in random order, of which some readings and some missing values are absent."""
    rows = [
        (patient, "disc", measure, level, "", unit)
        for patient in patients
        for measure, unit in (("disc_height", "mm"), ("pfirrmann", "grade"))
        for level in ("l3l4", "l4l5", "l5s1")
    ]
    rows += [
        (patient, "multifidus", "fat_fraction", "l5", side, "%") for patient in patients for side in ("left", "right")
    ]
    rows += [(patient, "spine", "lordosis", "", "", "deg") for patient in patients[::2]]
    names = ["patient_id", "structure", "measure", "level", "side", "unit"]
    table = pd.DataFrame(rows, columns=names).sample(frac=0.8, random_state=int(rng.integers(1000)))
    table["value"] = np.where(rng.random(len(table)) < 0.1, np.nan, rng.normal(3, 2, len(table)))
    return table.assign(method_id="auto", study_id="s" + table["patient_id"]).reset_index(drop=True)


def _blocks(table, file, rows):
    table.to_parquet(file, row_group_size=3)
    return TableBlocks("biomarker", scan_table(ParquetTable(file), rows))


@pytest.mark.parametrize("rows", [pytest.param(1, marks=pytest.mark.slow), 7, 40])
def test_patients_are_pooled_as_from_the_whole_table(tmp_path, rows):
    rng = np.random.default_rng(rows)
    table = _readings(rng, [f"p{k}" for k in range(9)])
    for given in ({}, {"levels": ["l4l5", "l5"]}, {"patients": ["p3", "p0", "stranger"]}):
        poolings = {key: rule for key, rule in POOLINGS.items() if key != "lordosis" or "levels" not in given}
        typed = table.astype({name: "string" for name in table.columns if name != "value"})
        whole = pool_levels(typed, poolings, **given)
        found = pool_levels(_blocks(table, tmp_path / "biomarker.parquet", rows), poolings, **given)
        pd.testing.assert_frame_equal(found.frame, whole.frame, check_exact=True)
        assert found.modalities == whole.modalities
        assert found.modalities.provenance == whole.modalities.provenance


def test_what_cannot_be_pooled_is_found_across_blocks(tmp_path):
    table = _readings(np.random.default_rng(0), [f"p{k}" for k in range(9)])
    last = len(table) - 1
    cases = {
        "method_id": ("reader", "method_id"),
        "unit": ("cm", "unit"),
        "study_id": ("another", "one study per patient"),
    }
    for column, (value, words) in cases.items():
        spoiled = table.copy()
        spoiled.loc[last, [column, "value"]] = value, 1.0
        for given in (spoiled, _blocks(spoiled, tmp_path / "biomarker.parquet", 15)):
            with pytest.raises(DataError, match=words):
                pool_levels(given, {key: rule for key, rule in POOLINGS.items() if key != "lordosis"})
    twice = pd.concat([table, table.dropna().iloc[[0]]], ignore_index=True)
    missing = table.assign(method_id=table["method_id"].where(table.index != 7))
    for spoiled, words in ((twice, "twice"), (missing, "method_id")):
        with pytest.raises(DataError, match=words):
            pool_levels(_blocks(spoiled, tmp_path / "biomarker.parquet", 15), POOLINGS)
    with pytest.raises(ArgumentError, match="does not"):
        pool_levels(_blocks(table, tmp_path / "biomarker.parquet", 15), {"endplate": "max"})
    with pytest.raises(ArgumentError, match="method_id"):
        pool_levels(_blocks(table.drop(columns="method_id"), tmp_path / "biomarker.parquet", 15), POOLINGS)


class InMemory(TableBlocks):
    """Blocks of a table in memory."""

    def __init__(self, table, rows):
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "rows", rows)

    @property
    def columns(self):
        return tuple(self.table.columns)

    def read(self, columns=None):
        for start in range(0, len(self.table), self.rows):
            yield self.table.iloc[start : start + self.rows][list(columns)]


def _outcome(given, poolings, **keywords):
    """Return the pooled table, or the words of the refusal and the rows that it lists."""
    try:
        return pool_levels(given, poolings, **keywords)
    except DataError as error:
        return str(error), sorted(error.failures["row"])


def _random(seed):
    """A table of two to seven patients, every other time with one kind of fault in several of them."""
    rng = np.random.default_rng(seed)
    table = _readings(rng, [f"p{k}" for k in range(rng.integers(2, 8))])
    for name in ("patient_id", "structure", "measure", "level", "side", "unit", "study_id", "method_id"):
        table[name] = table[name].astype("string")
    spoiled = rng.integers(0, len(table), 4)
    kind = seed % 8
    if kind == 1:
        table.loc[spoiled, "study_id"] = "another"
    elif kind == 3:
        table.loc[spoiled[:3], "method_id"] = pd.NA
    elif kind == 5:
        table = pd.concat([table, table.loc[np.unique(spoiled)]], ignore_index=True)
    elif kind == 7:
        table.loc[spoiled[:1], "unit"] = "cm"
        table.loc[spoiled, "study_id"] = "another"
    return table, int(rng.integers(1, len(table)))


@pytest.mark.parametrize(
    "seeds", [range(8), *(pytest.param(range(k, k + 24), marks=pytest.mark.slow) for k in range(8, 200, 24))]
)
def test_random_tables_are_pooled_or_refused_as_the_whole_table(seeds):
    """Refusals named the patients of the first block with a fault alone."""
    for seed in seeds:
        table, rows = _random(seed)
        poolings = {
            key: rule
            for key, rule in POOLINGS.items()
            if key.split("__")[-1] in set(table["measure"][table["value"].notna()])
        }
        whole, found = (_outcome(given, poolings) for given in (table, InMemory(table, rows)))
        if isinstance(whole, tuple) or isinstance(found, tuple):
            if "several values of" in whole[0]:  # the survey sees one row of each kind
                whole, found = whole[0], found[0]
            assert found == whole, seed
        else:
            pd.testing.assert_frame_equal(found.frame, whole.frame, check_exact=True)
            assert found.modalities.provenance == whole.modalities.provenance


def test_block_rows_are_of_files(tmp_path):
    patient = pd.DataFrame({"patient_id": ["a", "b", "c"]})
    with pytest.raises(ArgumentError, match="block_rows"):
        validate_package({"patient": patient}, block_rows=2)
    patient.to_parquet(tmp_path / "patient.parquet")
    for wrong in (0, 1.5, True):
        with pytest.raises(ArgumentError, match="block_rows"):
            validate_package(tmp_path, block_rows=wrong)
    assert set(validate_package(tmp_path, block_rows=3).tables) == {"patient"}  # no more rows than a block
    assert set(validate_package(tmp_path, block_rows=2).blocks) == {"patient"}
    (tmp_path / "patient.parquet").write_bytes((tmp_path / "patient.parquet").read_bytes()[:-9])
    spoiled = validate_package(tmp_path, block_rows=2)
    pd.testing.assert_frame_equal(spoiled.failures, validate_package(tmp_path).failures)


def _same_in_blocks(folder, columns, rows):
    pq.write_table(pa.table(columns), folder / "patient.parquet", row_group_size=2)
    whole, report = validate_package(folder), validate_package(folder, block_rows=rows)
    pd.testing.assert_frame_equal(report.failures, whole.failures)
    pd.testing.assert_frame_equal(report.notes, whole.notes)
    pd.testing.assert_frame_equal(pd.concat(report.blocks["patient"]), whole.tables["patient"])
    return report.failures


@pytest.mark.parametrize("rows", [1, 3])
def test_kinds_of_columns_that_a_block_alone_does_not_tell(tmp_path, rows):
    """Words as often as one another, whole numbers that a float does not keep, and dates of databases without end."""
    ids = list("abcde")
    words = _same_in_blocks(tmp_path, {"patient_id": ids, "site": ["NA", "None", "None", "NA", "x"]}, rows)
    assert words["value"].tolist() == ["NA", "None"]
    big = pd.DataFrame({"patient_id": pd.array([2**53, 2**53 + 1, None, 1, 2], "Int64")})
    big.to_parquet(tmp_path / "patient.parquet")
    assert validate_package(tmp_path, block_rows=rows).failures["reason"].tolist() == ["required"]
    for unit in ("s", "ms", "us"):
        dates = [None, datetime.datetime(2020, 1, 1), None, datetime.datetime(1400, 1, 1), datetime.datetime.max]
        columns = {"patient_id": ids, "index_date": pa.array(dates, pa.timestamp("us")).cast(pa.timestamp(unit), False)}
        failures = _same_in_blocks(tmp_path, columns, rows)
        assert failures[["row", "reason"]].to_numpy().tolist() == [[4, "type"], [5, "type"]]
    pq.write_table(pa.table({"patient_id": ids, "own": [[1], [2], None, [3], []]}), tmp_path / "patient.parquet")
    for report in (validate_package(tmp_path), validate_package(tmp_path, block_rows=rows)):
        assert report.failures["reason"].tolist()[0] == "unreadable"
        assert "lists or records in 'own'" in report.failures["message"].iloc[0]
