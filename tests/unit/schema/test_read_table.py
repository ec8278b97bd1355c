"""Reading: what was understood is said, and nothing is guessed."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import read_table

FRAME = pd.DataFrame({"id": ["a", "b", "c"], "age": [50.0, 61.5, np.nan], "sex": [1.0, 2.0, 1.0]})


def write(folder, content, name="table.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_comma_semicolon_tab_and_bar(tmp_path):
    for mark in ",;\t|":
        reading = read_table(write(tmp_path, f"id{mark}age\na{mark}50\nb{mark}61.5\n"))
        assert reading.frame["age"].tolist() == [50, 61.5]
        assert reading.dialect["delimiter"] == mark


def test_decimal_comma_is_noticed_and_said(tmp_path):
    reading = read_table(write(tmp_path, "id;age;n\na;50,5;1\nb;61,25;2\n"))
    assert reading.frame["age"].tolist() == [50.5, 61.25]
    assert reading.dialect["decimal"] == ","
    assert "decimal comma in: age" in reading.notes
    quoted = read_table(write(tmp_path, 'id,age\na,"50,5"\nb,"61,25"\n'))
    assert quoted.frame["age"].tolist() == [50.5, 61.25]


def test_commas_that_may_be_thousands_stay_text(tmp_path):
    reading = read_table(write(tmp_path, 'id,steps\na,"1,200"\nb,"2,400"\n'))
    assert reading.frame["steps"].tolist() == ["1,200", "2,400"]
    said = read_table(write(tmp_path, 'id,steps\na,"1,200"\nb,"2,400"\n'), decimal=",")
    assert said.frame["steps"].tolist() == [1.2, 2.4]


def test_points_and_commas_in_one_column_stay_text(tmp_path):
    reading = read_table(write(tmp_path, "id;x\na;1,5\nb;1.5\nc;2.5\n"))
    assert reading.frame["x"].tolist() == ["1,5", "1.5", "2.5"]
    assert reading.failures[["row", "reason"]].to_numpy().tolist() == [[1, "number_format"]]
    assert any("decimal=','" in note for note in reading.notes)


def test_byte_order_marks_and_windows_encoding(tmp_path):
    text = "naïve,x\nß,1\n"
    for encoding, word in (("utf-8-sig", "byte-order"), ("utf-16", "byte-order"), ("cp1252", "Windows-1252")):
        reading = read_table(write(tmp_path, text.encode(encoding)))
        assert reading.frame.columns.tolist() == ["naïve", "x"]
        assert any(word in note for note in reading.notes)
    assert read_table(write(tmp_path, text)).notes == ()


def test_missing_words_are_echoed(tmp_path):
    reading = read_table(write(tmp_path, "id,x,y\na,1,<undefined>\nb,NA,3\nc,-9,4\n"), missing=("-9",))
    assert reading.frame["x"].tolist()[:1] == [1.0]
    assert reading.frame[["x", "y"]].isna().sum().tolist() == [2, 1]
    assert "x: read as missing: '-9'" in reading.notes
    assert "y: read as missing: '<undefined>'" in reading.notes


def test_identifiers_with_leading_zeros_stay_text(tmp_path):
    reading = read_table(write(tmp_path, "id,x\n007,1\n012,2\n"))
    assert reading.frame["id"].tolist() == ["007", "012"]
    assert "id: leading zeros: kept as text" in reading.notes


def test_every_cell_that_is_no_number_is_a_failure(tmp_path):
    """Their number is printed and every row is written by ``--failures``: 57 of them were counted as 20."""
    reading = read_table(write(tmp_path, "x\n" + "".join(f"{k}\n" for k in range(300)) + "k.A.\n" * 57))
    assert reading.failures["row"].tolist() == list(range(301, 358))
    with pytest.raises(DataError, match=r"57 cells are not .*missing=\[…\] \(`--missing WORD`\)"):
        reading.raise_if_failed()


def test_nearly_numbers_are_said(tmp_path):
    reading = read_table(write(tmp_path, "x,y\n1,a\n2,b\n3 cm,c\n"))
    assert reading.frame["x"].tolist() == ["1", "2", "3 cm"]
    said = "x: kept as text: most cells are numbers, but not 1 (row 3): "
    assert reading.notes == (f"{said}a cell written like '9 aa' is no number",)
    shown = read_table(write(tmp_path, "x,y\n1,a\n2,b\n3 cm,c\n"), show_values=True)
    assert shown.notes == (f"{said}'3 cm' is no number",)
    assert shown.failures.empty  # one of three: it may be a category
    reading = read_table(write(tmp_path, "x,y\n" + "".join(f"{k},a\n" for k in range(9)) + "3 cm,c\n"))
    assert reading.failures[["row", "field", "reason"]].to_numpy().tolist() == [[10, "x", "not_a_number"]]
    with pytest.raises(DataError, match="row 10, column 'x'") as raised:
        reading.raise_if_failed()
    assert "3 cm" not in str(raised.value)
    assert reading.raise_if_failed(["y"]) is reading


def test_short_rows_and_blank_lines(tmp_path):
    reading = read_table(write(tmp_path, "x,y,z\n1,2\n\n,,\n4,5,6\n"))
    assert len(reading.frame) == 2
    assert reading.frame["z"].isna().tolist() == [True, False]


def test_parquet_keeps_types(tmp_path):
    FRAME.to_parquet(tmp_path / "t.parquet")
    text_as_cells = FRAME.astype({"id": object})  # pandas 3 stores text in a type of its own
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet").frame, text_as_cells)


def test_excel_sheets(tmp_path):
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        FRAME.to_excel(book, sheet_name="data", index=False)
        FRAME.assign(age=1.0).to_excel(book, sheet_name="other", index=False)
    reading = read_table(tmp_path / "t.xlsx")
    assert reading.dialect == {"sheet": "data"}
    assert "'data', 'other'" in reading.notes[0]
    assert reading.frame["age"].tolist()[:2] == [50.0, 61.5]
    assert read_table(tmp_path / "t.xlsx", sheet="other").frame["age"].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ArgumentError, match="sheet"):
        read_table(tmp_path / "t.xlsx", sheet="third")


@pytest.mark.parametrize("kind", ["dta", "sav", "xpt"])
def test_labelled_files(tmp_path, kind):
    pyreadstat = pytest.importorskip("pyreadstat")
    path = tmp_path / f"t.{kind}"
    words = {"sex": {1.0: "female", 2.0: "male"}}
    names = ["Identifier", "Age at entry", "Sex"]
    if kind == "dta":
        pyreadstat.write_dta(FRAME, path, column_labels=names, variable_value_labels=words)
    elif kind == "sav":
        pyreadstat.write_sav(
            FRAME, path, column_labels=names, variable_value_labels=words, missing_ranges={"age": [61.5]}
        )
    else:
        pyreadstat.write_xport(FRAME, path, column_labels=names)
    reading = read_table(path)
    assert reading.format == {"dta": "stata", "sav": "spss", "xpt": "sas"}[kind]
    assert reading.labels["age"] == "Age at entry"
    assert reading.frame["sex"].tolist() == [1.0, 2.0, 1.0]  # codes stay codes
    assert reading.frame["age"].isna().sum() == (2 if kind == "sav" else 1)
    if kind != "xpt":
        coding = reading.to_frame().set_index("column").loc["sex", "coding"]
        assert coding == "1 = female; 2 = male"
    if kind == "sav":
        assert "declared missing codes became missing in: age" in reading.notes


def test_echo_has_one_row_a_column(tmp_path):
    frame = read_table(write(tmp_path, "id,age\na,50\nb,\n")).to_frame()
    assert frame["column"].tolist() == ["id", "age"]
    assert frame["type"].tolist() == ["text", "number"]
    assert frame["n_missing"].tolist() == [0, 1]


def test_row_numbers_without_a_name_are_left_out_and_said(tmp_path):
    reading = read_table(write(tmp_path, ",x\n1,5\n2,6\n"))
    assert reading.frame.columns.tolist() == ["x"]
    assert reading.notes == ("a first column without a name that counts the rows was left out",)
    with pytest.raises(DataError, match="without a name"):
        read_table(write(tmp_path, ",x\n7,5\n2,6\n"))


def test_faults_are_one_clear_error(tmp_path):
    for content, word in ((b"", "0 bytes"), (b"a,a\n1,2\n", "same name"), (b"a,b\n1,2,3,4\n", "not a table")):
        with pytest.raises(DataError, match=word):
            read_table(write(tmp_path, content))
    with pytest.raises(DataError, match="unknown"):
        read_table(write(tmp_path, "a,b\n1,2\n"), encoding="klingon")
