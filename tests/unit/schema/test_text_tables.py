"""Text tables as people and programs write them: identifiers, thousands, totals, cut files; what is never printed."""

import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.schema import map_tables, read_table, validate_package, without_values


def write(folder, text, name="t.csv"):
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["1234567890123456", "1234567890123457"], True),  # 16 digits: one more than a float keeps
        (["123456789012345", "123456789012346"], False),  # 15
        (["12E3", "13E5"], True),
        (["1E3", "2E4"], True),
        (["12e-3", "13e-3"], True),
        (["1e-05", "2e-05"], False),
        (["1.5E3", "2E+05"], False),
        (["0012", "13"], True),
        (["0", "13"], False),
        (["0.5", "00"], True),
    ],
)
def test_identifiers_stay_text(tmp_path, cells, kept):
    frame = read_table(write(tmp_path, "id,x\n" + "".join(f"{cell},1\n" for cell in cells))).frame
    assert frame["id"].nunique() == 2
    if kept:
        assert frame["id"].tolist() == cells
    else:
        np.testing.assert_array_equal(frame["id"], [float(cell) for cell in cells])


def test_long_identifiers_join_and_count_as_they_are(tmp_path):
    ids = ["90071992547409931", "90071992547409932"]
    write(tmp_path, "patient_id,age\n" + "".join(f"{name},50\n" for name in ids), "patient.csv")
    report = validate_package(tmp_path)
    assert report.ok
    assert report.tables["patient"]["patient_id"].tolist() == ids


def test_the_first_line_may_name_the_delimiter(tmp_path):
    reading = read_table(write(tmp_path, "sep=;\r\nid;x\r\na;1,5\r\nb;2,5\r\n"))
    assert reading.frame.columns.tolist() == ["id", "x"]
    assert reading.frame["x"].tolist() == [1.5, 2.5]
    assert any("names the delimiter" in note for note in reading.notes)
    assert read_table(write(tmp_path, "sep=\tx\n1\t2\n")).frame.columns.tolist() == ["sep=", "x"]
    for first in ('"sep=;"', "'sep=;' ", "SEP=;"):  # as a spreadsheet program saves the line again
        assert read_table(write(tmp_path, f"{first}\nid;x\na;1,5\n")).frame["x"].tolist() == [1.5]


def test_thousands_are_asked_about_and_taken_when_said(tmp_path):
    path = write(tmp_path, 'id,steps\na,"1,234"\nb,999\nc,"2,500"\n')
    reading = read_table(path)
    assert reading.frame["steps"].tolist() == ["1,234", "999", "2,500"]
    assert reading.failures[["row", "reason"]].to_numpy().tolist() == [[1, "number_format"], [3, "number_format"]]
    with pytest.raises(DataError, match="thousands=','"):
        reading.raise_if_failed()
    assert read_table(path, thousands=",").frame["steps"].tolist() == [1234, 999, 2500]
    assert read_table(path, decimal=",").frame["steps"].tolist() == [1.234, 999, 2.5]
    german = write(tmp_path, "id;a;b\nx;1.234,5;2,5\ny;12.345.678,0;3,5\n")
    assert read_table(german, thousands=".", decimal=",").frame["a"].tolist() == [1234.5, 12345678.0]


def test_points_in_a_table_of_decimal_commas(tmp_path):
    path = write(tmp_path, "id;a;b\nx;1.234;2,5\ny;2.500;3,5\n")
    with pytest.raises(DataError, match="'a'"):
        read_table(path)
    assert read_table(path, thousands=".", decimal=",").frame["a"].tolist() == [1234, 2500]
    assert read_table(write(tmp_path, "id;a;b\nx;1.2;2,5\ny;2.500;3,5\n")).frame["a"].tolist() == [1.2, 2.5]


@pytest.mark.parametrize(
    ("cells", "doubted"),
    [
        (["1.234", "999", "2.100"], True),
        (["1.234", "999", "2.10"], False),  # a decimal
        (["1.234", "2.100"], False),  # three decimals everywhere
        (["1.234", "1000", "2.100"], False),  # a thousand without a mark
        (["0.234", "999", "2.100"], False),
        (["1.234", "999"], False),
    ],
)
def test_points_that_may_separate_thousands_are_said(tmp_path, cells, doubted):
    reading = read_table(write(tmp_path, "id;x\n" + "".join(f"r{k};{cell}\n" for k, cell in enumerate(cells))))
    assert reading.frame["x"].tolist() == [float(cell) for cell in cells]
    assert any("thousands='.'" in note for note in reading.notes) == doubted


@pytest.mark.parametrize(("name", "value"), [("thousands", ",,"), ("decimal", ""), ("delimiter", "ab")])
def test_marks_are_one_character(tmp_path, name, value):
    with pytest.raises(ArgumentError, match=name):
        read_table(write(tmp_path, "a,b\n1,2\n"), **{name: value})
    with pytest.raises(ArgumentError, match="thousands"):
        read_table(write(tmp_path, "a,b\n1,2\n"), thousands=",", decimal=",")


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (["12%", "9 %"], "per cent"),
        (["<5", "7", "8"], "limit"),
        (["1 234", "999", "7"], "thousands"),
        (["(2.5)", "3.5", "7"], "negative"),
        (["2.5-", "3", "7"], "negative"),
    ],
)
def test_numbers_written_in_a_way_that_needs_a_decision(tmp_path, cells, word):
    reading = read_table(write(tmp_path, "id,x\n" + "".join(f"r{k},{cell}\n" for k, cell in enumerate(cells))))
    assert reading.frame["x"].tolist() == cells
    assert set(reading.failures["reason"]) == {"number_format"}
    with pytest.raises(DataError, match=word):
        reading.raise_if_failed(["x"])


@pytest.mark.parametrize("word", ["Summe", "Total", "TOTAL:", "gesamt", "Somme", "Mittelwert"])
def test_a_row_of_totals_is_named_with_the_remedy(tmp_path, word):
    path = write(tmp_path, f"x,y\n1,5\n2,6\n{word},11\n")
    with pytest.raises(DataError) as raised:
        read_table(path).raise_if_failed(["y"])
    for part in (word, "row 3", "'x'", "take it out"):
        assert part in str(raised.value)


def test_totals_beside_words(tmp_path):
    reading = read_table(write(tmp_path, "id,y\np1,5\np2,6\nSumme,11\n"))
    assert reading.failures[["row", "field", "reason"]].to_numpy().tolist() == [[3, "id", "total_row"]]
    level = read_table(write(tmp_path, "op,y\ntotal,5\npartial,6\ntotal,11\n"))
    assert level.failures.empty  # twice: a level


def test_cut_text(tmp_path):
    with pytest.raises(DataError, match="cut"):
        read_table(write(tmp_path, "id,x,y\na,1,2\nb,3"))
    reading = read_table(write(tmp_path, "id,x,y\na,1,2\nb,3,4"))
    assert any("no end" in note for note in reading.notes)
    with pytest.raises(DataError, match="not a table"):
        read_table(write(tmp_path, 'id,x,y\na,1,2\nb,3,"4'))
    short = read_table(write(tmp_path, "id,x,y\na,1,2\nb,3\nc,5,6\n"))
    assert short.failures[["row", "reason"]].to_numpy().tolist() == [[2, "short_row"]]
    assert any("1 rows have fewer cells" in note for note in short.notes)


def test_decimals_dates_and_indexes_of_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "risk": [Decimal("0.35"), None, Decimal("1.50")],
            "long": [Decimal("1234567890123456.75"), Decimal("1"), None],
            "seen": [pd.Timestamp("2020-01-01").date(), None, pd.Timestamp("2021-02-03").date()],
        },
        index=pd.Index(["a", "b", "c"], name="patient"),
    )
    frame.to_parquet(tmp_path / "t.parquet")
    reading = read_table(tmp_path / "t.parquet")
    np.testing.assert_array_equal(reading.frame["risk"], [0.35, np.nan, 1.5])
    assert reading.frame["long"].tolist()[0] == "1234567890123456.75"
    assert reading.frame["seen"].tolist()[2] == pd.Timestamp("2021-02-03")
    assert reading.frame["patient"].tolist() == ["a", "b", "c"]


SECRETS = ("Zwetschgenbaum", "1873", "31.12.1999", "f.meier")
PRIVATE = (
    "id,age,seen,doctor\n" + "".join(f"p{k},{40 + k},{10 + k}.12.1999,d{k}\n" for k in range(15)) + f"p99,{SECRETS[0]},"
    f"{SECRETS[2]},{SECRETS[3]}\n"
)


def test_notes_and_errors_print_no_value_of_a_patient(tmp_path):
    reading = read_table(write(tmp_path, PRIVATE))
    with pytest.raises(DataError) as raised:
        reading.raise_if_failed()
    said = " ".join([*reading.notes, repr(reading), str(raised.value), reading.to_frame().to_string()])
    assert not [secret for secret in SECRETS if secret in said]
    shown = read_table(write(tmp_path, PRIVATE), show_values=True)
    assert SECRETS[0] in " ".join(shown.notes)


def test_a_report_prints_no_value_of_a_patient(tmp_path):
    rows = "".join(f"p{k},{40 + k},female\n" for k in range(15)) + f"{SECRETS[3]},{SECRETS[1]},{SECRETS[0]}\n"
    write(tmp_path, "patient_id,age,sex\n" + rows, "patient.csv")
    report = validate_package(tmp_path)
    assert set(report.failures["reason"]) == {"maximum", "enum"}
    assert SECRETS[1] in set(report.failures["value"])
    with pytest.raises(DataError) as raised:
        report.raise_if_failed()
    said = [str(raised.value), repr(report), report._repr_html_(), report.codings().to_string()]
    said += [without_values(report.failures).to_string(), " ".join(report.notes["note"])]
    assert not [secret for secret in SECRETS if secret in " ".join(said)]
    assert "p0" not in report.codings().to_string()
    source = pd.read_csv(io.StringIO("id,sex\na,Zwetschgenbaum\n"))
    plan = {"name": "patient", "source": "s", "columns": {"sex": {"from": "sex", "recode": {"f": "female"}}}}
    with pytest.raises(DataError) as mapped:
        map_tables({"table": [plan]}, frames={"s": source})
    assert SECRETS[0] not in str(mapped.value)


@pytest.mark.parametrize(("n", "shown"), [(4, "1 other values"), (5, "yes"), (6, "yes")])
def test_levels_that_fewer_than_five_have_are_counted(n, shown):
    frame = pd.DataFrame({"patient_id": [f"p{k}" for k in range(30)], "own": ["yes"] * n + ["no"] * (30 - n)})
    coding = validate_package({"patient": frame}).codings().set_index("field")
    assert shown in coding.loc["own", "values"]
    assert "no" in coding.loc["own", "values"]


@pytest.mark.parametrize(("n", "shown"), [(19, "19 different values"), (20, "(5 % to 95 %)"), (21, "(5 % to 95 %)")])
def test_ranges_from_twenty_values_on(n, shown):
    frame = pd.DataFrame({"patient_id": [f"p{k}" for k in range(n)], "age": np.arange(n) + 40.0})
    report = validate_package({"patient": frame})
    assert shown in report.codings().set_index("field").loc["age", "values"]
    assert report.codings(show_values=True).set_index("field").loc["age", "values"] == f"40 to {39 + n}"


def test_columns_of_ones_own_in_a_package_are_numbers(tmp_path):
    write(tmp_path, "patient_id,own,words\na,1.5,x\nb,,y\nc,2,x\n", "patient.csv")
    patient = validate_package(tmp_path).tables["patient"]
    np.testing.assert_array_equal(patient["own"], [1.5, np.nan, 2])
    assert patient["words"].tolist() == ["x", "y", "x"]
    write(tmp_path, "patient_id,own,site\na,None,NA\nb,k,x\n", "patient.csv")
    failures = validate_package(tmp_path).failures
    assert sorted(failures["field"][failures["reason"].eq("missing_word")]) == ["own", "site"]
