"""The data package: what its files say, what passes, what is noted and how fast."""

import json

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import (
    ColumnName,
    convert_unit,
    data_schemas_folder,
    days_per,
    enumerations,
    instrument_ranges,
    measures,
    table_schemas,
    validate_package,
)

TYPES = {"string", "number", "integer", "boolean", "date"}


def test_every_field_says_what_it_is():
    for table in table_schemas().values():
        assert table.missing_values[0] == ""
        for field in table.fields.values():
            assert field.type in TYPES
            assert field.timing in {"static", "baseline", "followup"}
            assert field.role
            assert field.description
        assert set(table.key) <= set(table.fields)
        for columns, target, target_columns, _ in table.foreign_keys:
            assert set(columns) <= set(table.fields)
            assert set(target_columns) <= set(table_schemas()[target].key)


def test_files_are_a_frictionless_package():
    folder = data_schemas_folder()
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert package["profile"] == "tabular-data-package"
    wanted = {
        "patient",
        "visit",
        "prom",
        "examination",
        "motion",
        "imaging_study",
        "biomarker",
        "event",
        "treatment",
        "reading",
        "prediction",
    }
    assert wanted <= {item["name"] for item in package["resources"]}
    for item in package["resources"]:
        schema = json.loads((folder / item["schema"]).read_text(encoding="utf-8"))
        required = {f["name"] for f in schema["fields"] if f.get("constraints", {}).get("required")}
        # Frictionless lets no part of a primary key be missing; keys with optional parts are unique keys
        assert set(schema.get("primaryKey", [])) <= required
        assert ("primaryKey" in schema) != ("uniqueKeys" in schema)
        for field in schema["fields"]:
            assert set(field.get("constraints", {})) <= {"required", "enum", "minimum", "maximum", "pattern"}


def test_lists():
    lists = enumerations()
    assert lists["vertebrae"] == [f"c{i}" for i in range(1, 8)] + [f"t{i}" for i in range(1, 14)] + [
        f"l{i}" for i in range(1, 7)
    ] + ["s1"]
    assert {"t12l1", "l1l2", "l4l5", "l5s1", "l5l6", "l6s1"} <= set(lists["discs"])
    assert lists["sides"] == ["left", "right", "midline"]
    assert all(entry["minimum"] < entry["maximum"] for entry in [*measures().values(), *instrument_ranges().values()])


def test_column_grammar_is_its_own_inverse():
    for name in (
        ColumnName("pfirrmann", pooling="max"),
        ColumnName("fat_fraction", "multifidus", "l4l5", "left"),
        ColumnName("csa", side="right", pooling="mean"),
        ColumnName("age"),
    ):
        assert ColumnName.parse(str(name)) == name
    for wrong in ("x__left__l4l5", "X", "x__max__mean", "x__", "1x"):
        with pytest.raises(ArgumentError):
            ColumnName.parse(wrong)
    with pytest.raises(ArgumentError, match="level"):
        ColumnName("csa", level="L4")


def test_units_convert_within_a_dimension_only():
    assert convert_unit([1.0], "in", "cm").tolist() == [2.54]
    assert convert_unit([180.0], "lb", "kg").round(4).tolist() == [81.6466]
    assert convert_unit([2.0], "years", "months").tolist() == [24.0]
    assert days_per("months") == 30.4375
    with pytest.raises(ArgumentError, match="length"):
        convert_unit([1.0], "mm", "mm2")
    with pytest.raises(ArgumentError, match="source"):
        convert_unit([1.0], "furlong", "mm")
    with pytest.raises(ArgumentError, match="unit"):
        days_per("mm")


def patients(**columns):
    return {"patient": pd.DataFrame({"patient_id": ["a", "b"], **columns})}


def test_types_are_taken_from_typed_frames_too():
    tables = patients(age=[50, 60.5], index_date=pd.to_datetime(["2020-01-01", None]), leg_pain=[True, False])
    report = validate_package(tables)
    assert report.ok
    typed = report.tables["patient"]
    assert typed["leg_pain"].dtype == "boolean"
    assert typed["index_date"].dtype == "datetime64[ns]"
    numbers = validate_package({"patient": pd.DataFrame({"patient_id": [12.0, 13.0]})})
    assert numbers.tables["patient"]["patient_id"].tolist() == ["12", "13"]


def test_undeclared_columns_are_kept_and_noted():
    report = validate_package(patients(shoe_size=[40, 44]))
    assert report.ok
    assert report.tables["patient"]["shoe_size"].tolist() == [40, 44]
    assert report.notes[["field", "note"]].values.tolist() == [["shoe_size", "not declared; kept as it is"]]


def test_codings_echo_units_and_values():
    echo = validate_package(patients(age=[50, 60], sex=["male", None])).codings(show_values=True).set_index("field")
    assert echo.loc["age", ["unit", "values", "n_missing"]].tolist() == ["years", "50 to 60", 0]
    assert echo.loc["sex", ["values", "n_missing"]].tolist() == ["male", 1]


def test_codebook_may_add_measures_with_unit_and_range():
    tables = patients()
    tables["codebook"] = pd.DataFrame(
        {
            "table": ["motion"],
            "name": ["jump_height"],
            "unit": ["cm"],
            "minimum": [0],
            "maximum": [100],
            "direction": ["higher_better"],
        }
    )
    tables["motion"] = pd.DataFrame(
        {"patient_id": ["a", "b"], "session_id": "s", "measure": "jump_height", "value": [30, 300], "unit": "cm"}
    )
    failures = validate_package(tables).failures
    assert failures[["row", "reason"]].values.tolist() == [[2, "range"]]


def test_radiomics_measures_are_open():
    tables = patients()
    tables["biomarker"] = pd.DataFrame(
        {
            "patient_id": ["a", "b"],
            "study_id": "s",
            "structure": "disc",
            "measure": ["radiomics_glcm_contrast", "xx"],
            "value": [1.0, 1.0],
            "unit": "intensity",
            "method_id": "m",
        }
    )
    failures = validate_package(tables).failures
    assert failures[["row", "field", "reason", "value"]].values.tolist() == [[2, "measure", "enum", "xx"]]


def test_a_fault_is_reported_once_and_counted():
    report = validate_package(
        {
            "patient": pd.DataFrame({"patient_id": ["a"]}),
            "visit": pd.DataFrame({"patient_id": ["a"], "visit_id": ["v"], "attended": ["maybe"]}),
        }
    )
    assert report.failures["reason"].tolist() == ["type"]  # not `required` as well
    assert report.counts().values.tolist() == [["visit", "attended", "type", 1]]
    with pytest.raises(DataError, match="attended"):
        report.raise_if_failed()


def test_mixed_methods_can_be_accepted():
    tables = patients()
    tables["biomarker"] = pd.DataFrame(
        {
            "patient_id": ["a", "b"],
            "study_id": "s",
            "structure": "disc",
            "measure": "disc_height",
            "value": [9.0, 8.0],
            "unit": "mm",
            "method_id": ["area", "three_point"],
        }
    )
    report = validate_package(tables)
    assert report.failures["reason"].tolist() == ["mixed_method"]
    assert validate_package(tables, mixed_methods=["disc_height"]).ok
    assert report.accept_methods(["disc_height"]).ok
    assert not report.accept_methods(["csa"]).ok


def test_wrong_tables_are_refused():
    with pytest.raises(ArgumentError, match="source"):
        validate_package({"patients": pd.DataFrame()})
    with pytest.raises(ArgumentError, match="DataFrame"):
        validate_package({"patient": [1]})


def test_a_million_rows_are_checked_at_once():
    n, levels = 1_000_000, ["l1l2", "l2l3", "l3l4", "l4l5", "l5s1"]
    names = [f"p{i}" for i in range(n // 50)]
    tried = [
        "disc_height",
        "disc_height_anterior",
        "disc_height_middle",
        "disc_height_posterior",
        "slip",
        "dural_sac_ap",
        "dural_sac_lr",
        "canal_ap",
        "canal_lr",
        "endplate_concavity",
    ]
    long = pd.DataFrame(
        {
            "patient_id": np.repeat(names, 50),
            "study_id": "s1",
            "structure": "disc",
            "measure": np.tile(np.repeat(tried, 5), len(names)),
            "level": np.tile(levels, n // 5),
            "value": np.linspace(0, 20, n).round(3).astype(str),
            "unit": "mm",
            "method_id": "m",
            "acquired_on": "2020-01-01",
        }
    )
    report = validate_package({"patient": pd.DataFrame({"patient_id": names}), "biomarker": long})
    assert report.ok


@pytest.mark.parametrize("block", [1, 3, 4, 500])
def test_references_are_looked_up_block_by_block(block, monkeypatch):
    monkeypatch.setattr("lbp_prognosis.schema._cross_checks._BLOCK", block)
    patients = pd.DataFrame({"patient_id": ["a", "b"]})
    visits = pd.DataFrame({"patient_id": ["a", "x", "b", "y", "b", "a", "z"], "visit_id": list("1234567")})
    found = validate_package({"patient": patients, "visit": visits}).failures
    found = found[found["reason"] == "foreign_key"]
    assert found[["row", "value"]].to_numpy().tolist() == [[2, "x"], [4, "y"], [7, "z"]]


@pytest.mark.parametrize("labels", [[3, 4, 5, 6], [2, 0, 3, 1], list("wxyz"), [7, 7, 7, 7]])
def test_rows_of_a_filtered_or_sorted_table_stay_together(labels, tmp_path):
    """Declared columns were put in the order of the labels, and the user's own were not."""
    table = pd.DataFrame(
        {"patient_id": list("abcd"), "age": [40, "old", 60, 70], "own": ["1", "2", "3,5", "4"]}, index=labels
    )
    table["age"] = table["age"].astype(str)
    plain = validate_package({"patient": table.reset_index(drop=True)})
    given = validate_package({"patient": table})
    table.to_parquet(tmp_path / "patient.parquet")
    for report in (given, validate_package(tmp_path)):
        pd.testing.assert_frame_equal(report.tables["patient"], plain.tables["patient"])
        pd.testing.assert_frame_equal(report.failures, plain.failures)
    assert plain.tables["patient"]["patient_id"].tolist() == list("abcd")
    assert plain.failures[["row", "reason"]].to_numpy().tolist() == [[2, "type"]]
