"""Mapping a user's tables: renaming, recoding, units, columns to rows, and nothing dropped in silence."""

import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import map_tables, validate_package

RAW = "id;wave;age;sex;stones;odi_t;pain;mood\n1;1;50;f;11;40;6;3\n1;2;50;f;11;20;2;4\n2;1;60;m;14;30;<undefined>;1\n"


def plan(**changes):
    base = {
        "source": {"raw": {"file": "raw.csv", "missing": ["<undefined>"]}},
        "table": [
            {
                "name": "patient",
                "source": "raw",
                "where": {"wave": 1},
                "columns": {
                    "patient_id": "id",
                    "age": "age",
                    "sex": {"from": "sex", "recode": {"f": "female", "m": "male"}},
                    "weight": {"from": "stones", "unit": "st", "to": "kg"},
                },
            },
            {
                "name": "visit",
                "source": "raw",
                "columns": {
                    "patient_id": "id",
                    "visit_id": "wave",
                    "visit_day": {"from": "wave", "recode": {1: 0, 2: 90}},
                    "attended": {"value": 1},
                },
            },
            {
                "name": "prom",
                "source": "raw",
                "columns": {"patient_id": "id", "visit_id": "wave", "item": {"value": "total"}},
                "melt": {"key": "instrument", "value": "value", "columns": {"odi": "odi_t", "nrs_back": "pain"}},
            },
        ],
        "ignore": {},
    }
    base.update(changes)
    return base


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "raw.csv").write_text(RAW, encoding="utf-8")
    return tmp_path


def test_tables_come_out_valid(folder):
    mapped = map_tables(plan(), folder)
    report = validate_package(mapped.tables)
    assert report.ok, report.failures.to_string()
    patient = report.tables["patient"].set_index("patient_id")
    assert patient["sex"].tolist() == ["female", "male"]
    assert patient["weight"].round(3).tolist() == [69.853, 88.904]
    prom = report.tables["prom"]
    assert len(prom) == 5  # six cells, one of them undefined
    assert prom.loc[prom["instrument"].eq("odi"), "value"].tolist() == [40, 20, 30]
    assert report.tables["visit"]["visit_day"].tolist() == [0, 90, 0]


def test_what_is_not_mapped_is_listed(folder):
    mapped = map_tables(plan(), folder)
    assert mapped.unmapped.values.tolist() == [["raw", "mood", False]]
    assert "1 source columns not mapped" in repr(mapped)
    said = map_tables(plan(ignore={"raw": ["mood"]}), folder)
    assert said.unmapped["ignored"].tolist() == [True]
    assert mapped.rows.set_index("table").loc["patient", ["n_source", "n_kept"]].tolist() == [3, 2]
    actions = mapped.actions.set_index("field")["action"]
    assert actions["weight"] == "renamed, st to kg"
    assert actions["sex"] == "recoded f = female, m = male"


def test_a_value_outside_the_recode_fails_with_its_row(folder):
    wrong = plan()
    wrong["table"][0]["columns"]["sex"]["recode"] = {"f": "female"}
    with pytest.raises(DataError, match="no recode lists") as raised:
        map_tables(wrong, folder)
    assert raised.value.failures[["table", "row", "field", "value"]].values.tolist() == [["patient", 2, "sex", "m"]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"source": {"raw": {"file": "../raw.csv"}}}, "inside the folder"),
        ({"source": {"raw": {}}}, "file"),
        ({"table": [{"name": "patients", "source": "raw"}]}, "table.name"),
        ({"table": [{"name": "patient", "source": "row"}]}, "table.source"),
        ({"table": [{"name": "patient", "source": "raw", "colums": {}}]}, "table"),
        ({"table": [{"name": "patient", "source": "raw", "columns": {"age": {"from": "age", "unit": "st"}}}]}, "to"),
        ({"table": [{"name": "patient", "source": "raw", "columns": {"age": {"form": "age"}}}]}, "from"),
        ({"tables": []}, "mapping"),
    ],
)
def test_a_wrong_mapping_says_what_is_accepted(folder, change, word):
    with pytest.raises(ArgumentError, match=word):
        map_tables(plan(**change), folder)


def test_missing_columns_files_and_bad_toml(folder):
    absent = plan()
    absent["table"][0]["columns"]["age"] = "Age"
    with pytest.raises(DataError, match="'Age'"):
        map_tables(absent, folder)
    with pytest.raises(DataError, match="not there"):
        map_tables(plan(source={"raw": {"file": "other.csv"}}), folder)
    (folder / "bad.toml").write_text("[[table", encoding="utf-8")
    with pytest.raises(DataError, match="TOML"):
        map_tables(folder / "bad.toml", folder)


def test_toml_and_mapping_are_the_same(folder):
    (folder / "m.toml").write_text(
        '[source.raw]\nfile = "raw.csv"\n[[table]]\nname = "patient"\nsource = "raw"\ndistinct = true\n'
        '[table.columns]\npatient_id = "id"\nage = "age"\n',
        encoding="utf-8",
    )
    tables = map_tables(folder / "m.toml", folder).tables
    expected = pd.DataFrame({"patient_id": ["1", "2"], "age": ["50", "60"]})
    pd.testing.assert_frame_equal(tables["patient"], expected)


def test_dates_are_read_as_the_mapping_says(tmp_path):
    (tmp_path / "raw.csv").write_text("id;seen\n1;31.12.2020\n2;\n3;12.31.2020\n", encoding="utf-8")
    table = {
        "name": "patient",
        "source": "raw",
        "where": {"id": [1, 2]},
        "columns": {"patient_id": "id", "index_date": {"from": "seen", "date": "%d.%m.%Y"}},
    }
    mapped = map_tables({"source": {"raw": {"file": "raw.csv"}}, "table": [table]}, tmp_path)
    assert mapped.tables["patient"]["index_date"].tolist() == ["2020-12-31", None]
    assert validate_package(mapped.tables).ok
    with pytest.raises(DataError, match="not a date like"):
        map_tables({"source": {"raw": {"file": "raw.csv"}}, "table": [{**table, "where": {}}]}, tmp_path)


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ({"from": "seen", "date": "%d.%m.%Q"}, "date"),
        ({"from": "seen", "unit": "furlong", "to": "m"}, "unit"),
        ({"from": "seen", "unit": "lb", "to": "kilo"}, "to"),
        ({"from": "seen", "unit": "lb", "to": "mm"}, "to"),
    ],
)
def test_forms_of_dates_and_units_are_checked_before_a_file_is_opened(tmp_path, rule, key):
    table = {"name": "patient", "source": "raw", "columns": {"patient_id": "id", "weight": rule}}
    with pytest.raises(ArgumentError, match=f"weight.{key}`") as found:
        map_tables({"source": {"raw": {"file": "absent.csv"}}, "table": [table]}, tmp_path)
    assert found.value.failures["field"].tolist() == [f"table.1.columns.weight.{key}"]


FILE = {"file": "raw.csv"}
PROJECT = {"redcap": "a", "dictionary": "b"}
FAULTS = [
    ({"sorce": {}}, "mapping.sorce", "unknown_key", "'source'"),
    ({"source": {"raw": {**FILE, "delimeter": ";"}}}, "source.raw.delimeter", "unknown_key", "'delimiter'"),
    ({"source": {"raw": {**FILE, "sheet": 2}}}, "source.raw.sheet", "type", "text"),
    ({"source": {"raw": {**PROJECT, "event_days": {"v": "0"}}}}, "source.raw.event_days.v", "type", "a number"),
    ({"source": {"raw": {"redcap": "a"}}}, "source.raw.dictionary", "missing_key", "'dictionary'"),
    ({"source": {"raw": {"file": "a\x00"}}}, "source.raw.file", "range", "inside the folder"),
    ({"ignore": {"rew": ["x"]}}, "ignore.rew", "reference", "'raw'"),
    ({"ignore": {"raw": "x"}}, "ignore.raw", "type", "brackets"),
]
RULES = [
    ({"form": "age"}, "form", "unknown_key", "'from'"),
    ({"from": "age", "scale": "2"}, "scale", "type", "a number"),
    ({"from": "age", "scale": float("inf")}, "scale", "not_finite", "finite"),
    ({"from": "age", "scale": 0}, "scale", "range", "other than 0"),
    ({"from": "age", "unit": "ft"}, "", "conflict", "together"),
    ({"from": "age", "value": 1}, "", "conflict", "from"),
    ({"from": "age", "recode": {"1": ["a"]}}, "recode.1", "type", "text"),
    (7, "", "type", "column name"),
]


def faults_of(change, folder):
    with pytest.raises(ArgumentError) as told:
        map_tables(plan(**change), folder)
    return told.value.failures


@pytest.mark.parametrize(("change", "field", "reason", "word"), FAULTS, ids=[f[1] for f in FAULTS])
def test_a_key_a_type_or_a_name_that_is_wrong_is_told_before_any_file_is_opened(tmp_path, change, field, reason, word):
    found = faults_of(change, tmp_path / "no-such-folder")
    row = found[found["field"] == field].iloc[0]
    assert row["reason"] == reason
    assert word in row["message"]


@pytest.mark.parametrize(("rule", "key", "reason", "word"), RULES)
def test_rules_of_columns_are_read_strictly(tmp_path, rule, key, reason, word):
    table = {"name": "patient", "source": "raw", "columns": {"age": rule}}
    found = faults_of({"table": [table]}, tmp_path / "no-such-folder")
    row = found[found["field"] == ".".join(["table.1.columns.age", key]).rstrip(".")].iloc[0]
    assert row["reason"] == reason
    assert word in row["message"]


def test_all_faults_come_at_once(tmp_path):
    tables = [{"name": "patient", "source": "raw", "distinct": "false"}, {"name": "vist", "source": "raw"}]
    found = faults_of({"table": tables, "ignore": {"raw": "x"}}, tmp_path)
    assert found["field"].tolist() == ["table.1.distinct", "table.2.name", "ignore.raw"]
    assert found["row"].tolist()[:2] == [1, 2]
    assert "'visit'" in found["message"].iloc[1]
