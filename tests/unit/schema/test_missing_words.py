"""Words for missing values: declared, not assumed; what may be a level is asked about."""

import numpy as np
import pandas as pd
import pytest
from exact_tables import cells_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import map_tables, read_table, validate_package

SURGERY = "id,surgery_before,age\na,None,50\nb,Discectomy,61\nc,None,44\nd,Fusion,NA\n"


def write(folder, text, name="t.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("word", ["None", "NA", "N/A", "n/a"])
def test_a_word_that_may_be_a_level_is_asked_about(tmp_path, word):
    path = write(tmp_path, SURGERY.replace("None", word))
    with pytest.raises(DataError) as raised:
        read_table(path)
    asked = raised.value.failures
    assert asked[["field", "reason", "value"]].to_numpy().tolist() == [["surgery_before", "missing_word", word]]
    assert "2 cells" in asked["message"].iloc[0]
    for part in ("surgery_before", word, "2 cells", "missing="):
        assert part in str(raised.value)


def test_the_three_answers(tmp_path):
    path = write(tmp_path, SURGERY)
    level = read_table(path, missing={"surgery_before": []}).frame
    assert level["surgery_before"].tolist() == ["None", "Discectomy", "None", "Fusion"]
    assert level["age"].isna().tolist() == [False, False, False, True]  # among numbers NA is no level
    gone = read_table(path, missing=["None"]).frame
    assert cells_of(gone["surgery_before"]) == [None, "Discectomy", None, "Fusion"]
    off = read_table(path, missing=()).frame
    assert off["surgery_before"].tolist() == ["None", "Discectomy", "None", "Fusion"]
    assert off["age"].tolist() == ["50", "61", "44", "NA"]
    rest = read_table(path, missing={"surgery_before": ["Fusion"], "*": ["44"]}).frame
    assert cells_of(rest["surgery_before"]) == ["None", "Discectomy", "None", None]
    assert rest["age"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    "cells",
    [["1", "NA", "2"], ["2020-01-01", "None", ""], ["TRUE", "NA", "FALSE"], ["NA", "NA", ""], ["007", "NA", "1"]],
)
def test_among_numbers_dates_and_truth_values_no_word_is_a_level(tmp_path, cells):
    frame = read_table(write(tmp_path, "id,x\n" + "".join(f"r{k},{cell}\n" for k, cell in enumerate(cells)))).frame
    assert frame["x"].isna().tolist() == [cell in ("NA", "None", "") for cell in cells]


def test_an_empty_cell_is_missing_whatever_is_declared(tmp_path):
    frame = read_table(write(tmp_path, "id,x,y\na,,1\nb,k,\n"), missing=()).frame
    assert cells_of(frame["x"]) == [None, "k"]
    np.testing.assert_array_equal(frame["y"], [1, np.nan])


def test_r_says_by_quotes_which_is_which(tmp_path):
    text = '"id","surgery","n"\n"a","NA",1\n"b",NA,NA\n"c","Fusion",3\n'
    with pytest.raises(DataError, match="1 cells"):
        read_table(write(tmp_path, text))  # the quoted one may be a level
    frame = read_table(write(tmp_path, text.replace('"a","NA"', '"a","None?"'))).frame
    assert cells_of(frame["surgery"]) == ["None?", None, "Fusion"]
    with pytest.raises(DataError, match="surgery"):
        read_table(write(tmp_path, text.replace('"', "")))


@pytest.mark.parametrize("given", ["-9", -9, -9.0, ["-9"], [-9], (-9.0,), np.array([-9])])
def test_numbers_that_mean_missing_in_text(tmp_path, given):
    path = write(tmp_path, "id,x,y\na,-9,1\nb,-9.0,k\nc,\u22129.0,-9\nd,3,-9.0\n")
    frame = read_table(path, missing=given).frame
    np.testing.assert_array_equal(frame["x"], [np.nan, np.nan, np.nan, 3])
    assert cells_of(frame["y"]) == ["1", "k", None, None]


@pytest.mark.parametrize("kind", ["dta", "sav", "xlsx", "parquet"])
@pytest.mark.parametrize("given", ["-9", [-9], ["-9.0"]])
def test_numbers_that_mean_missing_in_typed_columns(tmp_path, kind, given):
    frame = pd.DataFrame({"x": [1.0, -9.0, 3.0], "n": np.array([4, 5, -9], dtype="int32"), "t": ["a", "-9", "b"]})
    path = tmp_path / f"t.{kind}"
    if kind in ("dta", "sav"):
        pyreadstat = pytest.importorskip("pyreadstat")
        getattr(pyreadstat, f"write_{kind}")(frame, path)
    elif kind == "xlsx":
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path)
    reading = read_table(path, missing=given)
    np.testing.assert_array_equal(reading.frame["x"], [1, np.nan, 3])
    np.testing.assert_array_equal(reading.frame["n"], [4, 5, np.nan])
    assert cells_of(reading.frame["t"]) == ["a", None, "b"]
    assert not [note for note in reading.notes if "matched no cell" in note]


def test_one_word_is_one_word_and_unmatched_ones_are_said(tmp_path):
    path = write(tmp_path, "id,x\na,9\nb,99\nc,19\n")
    reading = read_table(path, missing="99")
    np.testing.assert_array_equal(reading.frame["x"], [9, np.nan, 19])
    said = read_table(path, missing=["98", "99", "refused"]).notes
    assert [note for note in said if "matched no cell" in note] == [
        "missing: '98' matched no cell",
        "missing: 'refused' matched no cell",
    ]
    said = read_table(path, missing={"x": [99, 7]}).notes
    assert "missing: '7' matched no cell in 'x'" in said
    raw = read_table(path, missing=["99", "5"], infer=False)
    assert cells_of(raw.frame["x"]) == ["9", None, "19"]
    assert raw.notes == ("missing: '5' matched no cell",)


@pytest.mark.parametrize("given", [True, {"x": None}, [None], [["a"]], {"y": ["1"]}])
def test_what_missing_may_be(tmp_path, given):
    with pytest.raises(ArgumentError, match="missing"):
        read_table(write(tmp_path, "id,x\na,9\n"), missing=given)


def mapping(**columns):
    return {
        "source": {"raw": {"file": "t.csv"}},
        "table": [{"name": "patient", "source": "raw", "columns": {"patient_id": "id", **columns}}],
    }


def test_recoding_comes_first(tmp_path):
    write(tmp_path, SURGERY)
    recode = {"None": "none before", "Discectomy": "disc", "Fusion": "fusion"}
    mapped = map_tables(mapping(before={"from": "surgery_before", "recode": recode}, age="age"), tmp_path)
    assert mapped.tables["patient"]["before"].tolist() == ["none before", "disc", "none before", "fusion"]
    assert cells_of(mapped.tables["patient"]["age"]) == ["50", "61", "44", None]
    assert validate_package(mapped.tables).ok
    # a word that may be a level is asked about where no recode names it
    with pytest.raises(DataError) as raised:
        map_tables(mapping(before="surgery_before"), tmp_path)
    assert raised.value.failures[["field", "reason", "value"]].to_numpy().tolist() == [
        ["before", "missing_word", "None"]
    ]
    for answer, cells in (([], ["None", "Discectomy"]), (["None"], [None, "Discectomy"])):
        plan = mapping(before="surgery_before")
        plan["source"]["raw"]["missing"] = answer
        found = map_tables(plan, tmp_path).tables["patient"]["before"].head(2)
        assert [None if pd.isna(cell) else cell for cell in found] == cells  # None or NaN, by the version of pandas


@pytest.mark.parametrize("written", ["1", "1.0", "1.00", " 1"])
@pytest.mark.parametrize("code", [1, "1", 1.0, "1.0"])
def test_a_code_is_found_as_it_is_written_or_as_a_number(tmp_path, written, code):
    write(tmp_path, f"id,sex\na,{written}\nb,2\n")
    mapped = map_tables(mapping(sex={"from": "sex", "recode": {code: "male", 2: "female"}}), tmp_path)
    assert mapped.tables["patient"]["sex"].tolist() == ["male", "female"]


def test_codes_of_digits_stay_apart(tmp_path):
    write(tmp_path, "id,grade\na,01\nb,1\n")
    mapped = map_tables(mapping(grade={"from": "grade", "recode": {"01": "x", "1": "y"}}), tmp_path)
    assert mapped.tables["patient"]["grade"].tolist() == ["x", "y"]
    with pytest.raises(DataError) as raised:
        map_tables(mapping(grade={"from": "grade", "recode": {"1": "y"}}), tmp_path)
    assert raised.value.failures["value"].tolist() == ["01"]
    assert "01" not in str(raised.value)
    with pytest.raises(DataError, match="'01'"):
        map_tables(mapping(grade={"from": "grade", "recode": {"1": "y"}}), tmp_path, show_values=True)


def test_unmatched_words_of_a_source_are_in_the_report(tmp_path):
    write(tmp_path, SURGERY)
    plan = mapping(age="age")
    plan["source"]["raw"]["missing"] = ["-99", "61"]
    mapped = map_tables(plan, tmp_path)
    assert cells_of(mapped.tables["patient"]["age"]) == ["50", None, "44", None]
    assert "source raw: missing: '-99' matched no cell" in mapped.notes
