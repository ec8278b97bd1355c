"""A REDCap project with events, a repeating form, checkboxes and missing codes."""

import numpy as np
import pandas as pd
import pytest
from exact_tables import cells_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import map_tables, read_redcap, validate_package

HEADER = (
    'Variable / Field Name,Form Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",'
    "Text Validation Min,Text Validation Max"
)
DICTIONARY = (
    HEADER
    + """
record_id,basics,text,Record,,,
age,basics,text,Age,,18,99
smoker,basics,radio,Smoking,"0, Never | 1, Former | 2, Now",,
sites,basics,checkbox,Painful sites,"1, Back | 2, Leg | -1, None",,
seen_on,visit_form,text,Date of visit,,,
odi,visit_form,text,ODI total,,0,100
drug,medication,text,Drug,,,
dose,medication,text,Dose,,,
intro,basics,descriptive,Welcome,,,
"""
)
COLUMNS = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,age,smoker,sites___1,"
    "sites___2,sites____1,basics_complete,seen_on,odi,drug,dose,extra"
)
EXPORT = (
    COLUMNS
    + """
1,baseline_arm_1,,,50,2,1,0,0,2,2020-01-10,40,,,
1,month_3_arm_1,,,,,0,0,0,,2020-04-12,-99,,,
1,baseline_arm_1,medication,1,,,,,,,,,ibuprofen,400,
1,baseline_arm_1,medication,2,,,,,,,,,opioid,10,
2,baseline_arm_1,,,61,9,0,1,0,2,2020-02-10,30,,,x
2,month_3_arm_1,,,,,0,0,0,0,,,,,
"""
)


def write(folder, export=EXPORT, dictionary=DICTIONARY):
    (folder / "export.csv").write_text(export, encoding="utf-8")
    (folder / "dictionary.csv").write_text(dictionary, encoding="utf-8")
    return folder / "export.csv", folder / "dictionary.csv"


def read(folder, **options):
    return read_redcap(*write(folder), missing_codes={"-99": "refused"}, **options)


def test_records_visits_and_repeats(tmp_path):
    project = read(tmp_path, visit_date="seen_on", event_days={"baseline_arm_1": 0, "month_3_arm_1": 91})
    assert project.records[["patient_id", "visit_id"]].values.tolist() == [
        ["1", "baseline_arm_1"],
        ["1", "month_3_arm_1"],
        ["2", "baseline_arm_1"],
        ["2", "month_3_arm_1"],
    ]
    assert project.visits["attended"].tolist() == [True, True, True, False]
    assert project.visits["planned_day"].tolist() == [0, 91, 0, 91]
    medication = project.repeats["medication"]
    assert medication[["patient_id", "instance", "drug", "dose"]].values.tolist() == [
        ["1", 1, "ibuprofen", "400"],
        ["1", 2, "opioid", "10"],
    ]
    assert "drug" not in project.records.columns


def test_checkboxes_and_missing_codes(tmp_path):
    project = read(tmp_path)
    assert project.records["sites__1"].tolist()[0] == "1"
    assert cells_of(project.records["odi"]) == ["40", None, "30", None]
    book = project.codebook.set_index("column")
    assert book.loc["odi", "n_coded_missing"] == 1
    assert book.loc["sites__2", "coding"] == "1 = Leg; 0 = not ticked"
    assert book.loc["sites___1", "coding"] == "1 = None; 0 = not ticked"  # REDCap writes the code -1 as _1
    assert book.loc["smoker", "coding"] == "0 = Never; 1 = Former; 2 = Now"
    assert (book.loc["age", "minimum"], book.loc["age", "maximum"]) == (18, 99)
    assert np.isnan(book.loc["drug", "minimum"])


def test_visits_without_a_date_field_count_as_attended_where_something_is_filled(tmp_path):
    # the second record's second visit has only unticked boxes, which REDCap writes whether or not the form was opened
    assert read(tmp_path).visits["attended"].tolist() == [True, True, True, False]


def test_what_does_not_meet_is_noted(tmp_path):
    notes = " ".join(read(tmp_path, show_values=True).notes)
    assert "codes outside the choices in 1 rows" in " ".join(read(tmp_path).notes)
    assert "not in the dictionary, kept as they are: extra" in notes
    assert "smoker: codes outside the choices: 9" in notes


def test_a_project_without_events_is_one_visit(tmp_path):
    export = "record_id,age\n1,50\n2,61\n"
    dictionary = HEADER + "\nrecord_id,basics,text,Record,,,\nage,basics,text,Age,,,\n"
    project = read_redcap(*write(tmp_path, export, dictionary))
    assert project.visits["visit_id"].tolist() == ["visit", "visit"]
    assert project.repeats == {}


@pytest.mark.parametrize(
    ("export", "dictionary", "word"),
    [
        (EXPORT.replace("record_id", "id"), DICTIONARY, "record identifier"),
        (EXPORT, "a,b\n1,2\n", "is it a REDCap dictionary"),
        (EXPORT, DICTIONARY + "age,basics,text,Age,,,\n", "once"),
        (EXPORT.replace("medication,1", "pills,1"), DICTIONARY, "not in the dictionary"),
        (EXPORT.replace("1,month_3", "1,baseline"), DICTIONARY, "without naming a repeating form"),
        (EXPORT.replace("\n2,base", "\n,base"), DICTIONARY, "have no 'record_id'"),
    ],
)
def test_faults(tmp_path, export, dictionary, word):
    with pytest.raises(DataError, match=word):
        read_redcap(*write(tmp_path, export, dictionary))


def test_arguments(tmp_path):
    with pytest.raises(ArgumentError, match="visit_date"):
        read(tmp_path, visit_date="nowhere")
    with pytest.raises(ArgumentError, match="event_days"):
        read(tmp_path, event_days={"baseline_arm_1": 0})


def test_table_of_columns(tmp_path):
    frame = read(tmp_path).to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["column"].tolist()[:3] == ["patient_id", "age", "smoker"]


def test_a_project_becomes_a_valid_package(tmp_path):
    project = read(tmp_path, visit_date="seen_on", event_days={"baseline_arm_1": 0, "month_3_arm_1": 91})
    ids = {"patient_id": "patient_id", "visit_id": "visit_id"}
    mapping = {
        "table": [
            {
                "name": "patient",
                "source": "records",
                "where": {"visit_id": "baseline_arm_1"},
                "columns": {"patient_id": "patient_id", "index_date": "seen_on", "age": "age", "leg_pain": "sites__2"},
            },
            {
                "name": "visit",
                "source": "visits",
                "columns": {**ids, "visit_date": "visit_date", "planned_day": "planned_day", "attended": "attended"},
            },
            {
                "name": "prom",
                "source": "records",
                "columns": {**ids, "item": {"value": "total"}},
                "melt": {"key": "instrument", "value": "value", "columns": {"odi": "odi"}},
            },
            {
                "name": "treatment",
                "source": "medication",
                "columns": {"patient_id": "patient_id", "treatment": "drug", "dose": "dose"},
            },
        ]
    }
    frames = {"records": project.records, "visits": project.visits, **project.repeats}
    mapped = map_tables(mapping, frames=frames)
    report = validate_package(mapped.tables)
    assert report.ok, report.failures.to_string()
    assert report.tables["patient"]["leg_pain"].tolist() == [False, True]
    assert report.tables["prom"]["value"].tolist() == [40, 30]
    assert set(mapped.unmapped["column"]) >= {"smoker", "instance"}
    with pytest.raises(ArgumentError, match="frames"):
        map_tables({**mapping, "source": {"records": {"file": "export.csv"}}}, tmp_path, frames=frames)

    # the same from the mapping alone, as a study file has it
    (tmp_path / "mapping.toml").write_text(
        """
[source.project]
redcap = "export.csv"
dictionary = "dictionary.csv"
visit_date = "seen_on"
event_days = { baseline_arm_1 = 0, month_3_arm_1 = 91 }
missing_codes = { "-99" = "refused" }

[[table]]
name = "patient"
source = "project"
where = { visit_id = "baseline_arm_1" }
columns = { patient_id = "patient_id", index_date = "seen_on", age = "age", leg_pain = "sites__2" }

[[table]]
name = "visit"
source = "project.visits"
[table.columns]
patient_id = "patient_id"
visit_id = "visit_id"
visit_date = "visit_date"
planned_day = "planned_day"
attended = "attended"

[[table]]
name = "treatment"
source = "project.medication"
columns = { patient_id = "patient_id", treatment = "drug", dose = "dose" }
""",
        encoding="utf-8",
    )
    alone = map_tables(tmp_path / "mapping.toml", tmp_path)
    for name in ("patient", "visit", "treatment"):
        pd.testing.assert_frame_equal(alone.tables[name], mapped.tables[name])
    assert set(alone.unmapped["source"]) == {"project", "project.medication"}
    for change, word in (
        ({"file": "export.csv"}, "file"),
        ({"dictionary": "../d.csv"}, "inside the folder"),
        ({"colour": 1}, "visit_date"),
    ):
        source = {"redcap": "export.csv", "dictionary": "dictionary.csv", **change}
        with pytest.raises(ArgumentError, match=word):
            map_tables({**mapping, "source": {"records": source}}, tmp_path)
