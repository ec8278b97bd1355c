"""Table 1: counts by hand, standardised differences by R, every way a column may be stored."""

from __future__ import annotations

import datetime
import io
import zipfile
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import standardised_difference
from lbp_prognosis.cohort import TableOne, table_one_of
from lbp_prognosis.cohort._shown_column import MOST_CATEGORIES, shown_column
from lbp_prognosis.disclosure import mask_table_one

NA = np.nan
# as in tests/reference/r/table_one.R
X = pd.DataFrame(
    {
        "age": [31, 45, 52, 60, NA, 38, 71, 29, 33, 47, NA, 55, 62, 40, 44],
        "days": [1.0, 2, 2, 3, 5, 8, 90, 1, 1, 2, 4, 4, 6, 7, 120],
        "sex": [1, 2, 2, 1, NA, 1, 1, 2, 2, 2, 1, NA, 2, 1, 2],
        "grade": ["a", "b", "b", "c", "c", None, "a", "b", "c", "c", "c", "a", None, "c", "b"],
    }
)
GROUP = [1] * 7 + [2] * 8
SEX = {"sex": {1: "male", 2: "female"}}


@pytest.fixture(scope="module")
def made() -> TableOne:
    return table_one_of(X, by=GROUP, value_labels=SEX)


def cell(table: TableOne, variable: str, value: str, column: str) -> str:
    frame = table.to_frame()
    rows = frame[frame["variable"].eq(variable) & frame["value"].eq(value)]
    assert len(rows) == 1, frame
    return str(rows[column].iloc[0])


def test_numbers_of_r(made) -> None:
    gaps = made.differences.set_index("variable")["difference"]
    expected = {
        "age": -0.393822855757305,
        "days": 0.0608972246146726,
        "sex": 0.825136997007035,
        "grade": 0.553974306889755,
    }
    for name, value in expected.items():
        assert gaps[name] == pytest.approx(value, abs=1e-12)
    assert cell(made, "age, mean (SD)", "", "overall") == "46.7 (12.8)"
    assert cell(made, "age, mean (SD)", "", "smd") == "-0.394"
    assert cell(made, "days, median [Q1,Q3]", "", "overall") == "4.0 [2.0,6.5]"


def test_counts_by_hand(made) -> None:
    assert list(made.to_frame().columns) == ["variable", "value", "missing", "1", "2", "overall", "smd"]
    assert made.groups == {"1": 7, "2": 8}
    assert cell(made, "n", "", "overall") == "15"
    # labels stand for codes, shares are of those known
    assert cell(made, "sex, n (%)", "male", "1") == "4 (66.7)"
    assert cell(made, "sex, n (%)", "female", "2") == "5 (71.4)"
    assert cell(made, "sex, n (%)", "missing", "2") == "1 (12.5)"
    assert cell(made, "age, missing, n (%)", "missing", "overall") == "2 (13.3)"
    assert cell(made, "grade, n (%)", "c", "1") == "2 (33.3)"
    assert made.kinds == {"age": "number", "days": "number", "sex": "category", "grade": "category"}


def test_missing_values_are_no_category_of_a_difference() -> None:
    """Three in four against one in four, of known values: −2/√3 whatever is missing."""
    by = ["a"] * 6 + ["b"] * 4
    sex = ["m", "m", "m", "f", None, None, "m", "f", "f", "f"]
    for values in (sex, pd.Series(sex, dtype="string"), pd.Categorical(sex)):
        gap = table_one_of(pd.DataFrame({"sex": values}), by=by).differences["difference"]
        assert gap.tolist() == pytest.approx([-2 / np.sqrt(3)])


def test_the_word_none_is_a_word() -> None:
    frame = pd.DataFrame({"surgery": ["None", "None", "fusion", None, "NA", "missing"]})
    table = table_one_of(frame)
    assert cell(table, "surgery, n (%)", "None", "overall") == "2 (40.0)"
    assert cell(table, "surgery, n (%)", "NA", "overall") == "1 (20.0)"
    assert cell(table, "surgery, n (%)", "missing", "overall") == "1 (20.0)"
    assert cell(table, "surgery, n (%)", "missing, no value", "overall") == "1 (16.7)"


def test_patients_without_a_group_are_counted_beside() -> None:
    by = [1.0] * 4 + [2.0] * 4 + [NA] * 4
    frame = pd.DataFrame({"age": np.arange(12.0) ** 2})
    table = table_one_of(frame, by=by)
    assert table.groups == {"1": 4, "2": 4, "not recorded": 4}
    assert table.n == 12
    assert cell(table, "n", "", "not recorded") == "4"
    assert table.differences[["first", "second"]].to_numpy().tolist() == [["1", "2"]]
    for missing in (None, pd.NA, NA):
        assert table_one_of(frame, by=["a"] * 6 + [missing] * 6).groups == {"a": 6, "not recorded": 6}


def test_names_of_groups_never_meet_those_of_the_table() -> None:
    frame = pd.DataFrame({"age": np.arange(6.0) ** 2})
    table = table_one_of(frame, by=["overall", "overall", "missing", "missing", "smd", "smd"])
    assert set(table.groups) == {"overall (group)", "missing (group)", "smd (group)"}
    assert len(set(table.to_frame().columns)) == table.to_frame().shape[1]
    assert [c for c in table.to_frame().columns if c.startswith("smd (")][-1] == "smd (overall (group),smd (group))"


def test_groups_come_in_their_order() -> None:
    frame = pd.DataFrame({"age": np.arange(12.0) ** 2})
    assert list(table_one_of(frame, by=[10, 2, 1] * 4).groups) == ["1", "2", "10"]
    by = pd.Categorical(["low", "high", "mid"] * 4, categories=["low", "mid", "high"])
    assert list(table_one_of(frame, by=by).groups) == ["low", "mid", "high"]


SEXES = ["f", "m", None, "m", "f", "m"] * 4
AGES = [50, 61, None, 72, 43, 39] * 4
DAYS = [datetime.date(2020, 1, 1 + k % 28) for k in range(24)]


@pytest.mark.parametrize(
    "values",
    [
        SEXES,
        pd.Series(SEXES, dtype="string"),
        pd.Series(SEXES, dtype="category"),
        pd.Series(SEXES, dtype="string[pyarrow]"),
        pd.Series(SEXES).convert_dtypes(),
        pd.Series(SEXES).convert_dtypes(dtype_backend="pyarrow"),
        pd.Series(SEXES, dtype="category").cat.as_ordered(),
    ],
    ids=str,
)
def test_words_however_they_are_stored(values) -> None:
    table = table_one_of(pd.DataFrame({"sex": values}), by=["a", "b"] * 12)
    assert cell(table, "sex, n (%)", "m", "overall") == "12 (60.0)"
    assert cell(table, "sex, n (%)", "missing", "overall") == "4 (16.7)"


@pytest.mark.parametrize(
    "values",
    [
        AGES,
        pd.Series(AGES, dtype="Int64"),
        pd.Series(AGES, dtype="Float32"),
        pd.Series(AGES, dtype="int64[pyarrow]"),
        pd.Series([None if a is None else Decimal(a) for a in AGES], dtype=object),
        pd.Series([None if a is None else Fraction(a) for a in AGES], dtype=object),
        pd.Series(AGES).convert_dtypes(),
        pd.Series(AGES).convert_dtypes(dtype_backend="pyarrow"),
        pd.to_timedelta(pd.Series(AGES, dtype=float), unit="D"),
    ],
    ids=str,
)
def test_numbers_however_they_are_stored(values) -> None:
    table = table_one_of(pd.DataFrame({"age": values}))
    known = np.array([a for a in AGES if a is not None], dtype=float)
    unit = "days" if getattr(values, "dtype", np.dtype(object)).kind == "m" else ""
    assert cell(table, "age, mean (SD)", unit, "overall") == f"{known.mean():.1f} ({known.std(ddof=1):.1f})"
    assert cell(table, "age, missing, n (%)", "missing", "overall") == "4 (16.7)"


@pytest.mark.parametrize(
    "values",
    [
        DAYS,
        pd.to_datetime(pd.Series(DAYS)),
        pd.to_datetime(pd.Series(DAYS)).dt.tz_localize("Europe/Zurich"),
        pd.to_datetime(pd.Series(DAYS)).dt.to_period("D"),
        pd.Series(DAYS, dtype="date32[pyarrow]"),
    ],
    ids=lambda values: str(getattr(values, "dtype", "list")),
)
def test_dates_are_dates(values) -> None:
    table = table_one_of(pd.DataFrame({"seen": values}))
    assert table.kinds == {"seen": "date"}
    assert cell(table, "seen, median [Q1,Q3]", "", "overall") == "2020-01-12 [2020-01-06,2020-01-18]"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2] * 10, "category"),
        ([1.0, 2.0, NA] * 10, "category"),
        ([0, 1] * 3, "category"),
        ([True, False, True], "category"),
        ([1, 2, 3, 4, 5] * 4, "category"),
        ([1, 2, 3, 4, 5] * 3 + [1, 2, 3, 4], "number"),  # nineteen rows of five values: one too few
        ([1, 2, 3, 4, 5, 6] * 10, "number"),  # six values: one too many
        ([0, 9] * 10, "category"),
        ([0, 10] * 10, "number"),  # a span of ten: one too wide
        ([1.5, 2.5] * 10, "number"),
        ([NA, NA], "number"),
        ([], "number"),
        ([str(k) for k in range(MOST_CATEGORIES)], "category"),
        ([str(k) for k in range(MOST_CATEGORIES + 1)], "text"),
    ],
)
def test_what_a_column_is(values, kind) -> None:
    assert shown_column("x", pd.Series(values), None, None).kind == kind


def test_labels_of_the_ends_leave_a_scale_a_scale() -> None:
    pain = pd.Series([0, 3, 10, 7, 5, 10])
    assert shown_column("pain", pain, None, {0: "none", 10: "worst"}).kind == "number"
    every = {k: f"level {k}" for k in range(11)}
    found = shown_column("pain", pain, None, every)
    assert (found.kind, found.categories) == ("category", ("level 0", "level 3", "level 5", "level 7", "level 10"))
    assert shown_column("pain", pain, "number", every).kind == "number"  # what is declared counts
    assert shown_column("sex", pd.Series([0.0, 1.0]), None, {0.0: "male", 1.0: "female"}).categories == (
        "male",
        "female",
    )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"kinds": {"age": "numbr"}}, "kinds"),
        ({"kinds": {"nobody": "number"}}, "kinds"),
        ({"kinds": {"grade": "number"}}, "kinds"),
        ({"kinds": {"grade": "date"}}, "kinds"),
        ({"skewed": ("nobody",)}, "skewed"),
        ({"skewed": "age"}, "skewed"),
        ({"columns": ("nobody",)}, "columns"),
    ],
)
def test_names_and_kinds_that_are_none(how, words) -> None:
    with pytest.raises(ArgumentError, match=f"`{words}`"):
        table_one_of(X, **how)


def test_all_missing_and_constant_columns_stay() -> None:
    table = table_one_of(pd.DataFrame({"a": [NA] * 4, "b": [7.0] * 4, "c": [None] * 4}), by=[1, 1, 2, 2])
    assert cell(table, "a, missing, n (%)", "missing", "overall") == "4 (100.0)"
    assert cell(table, "b, mean (SD)", "", "overall") == "7.0 (0.0)"
    assert table.differences.set_index("variable")["difference"]["b"] == 0


@pytest.mark.parametrize(
    ("first", "second", "k", "expected"),
    [
        ([1.0, 3.0], [2.0, 4.0], 0, 1 / np.sqrt(2)),
        ([1.0, 1.0], [2.0, 2.0], 0, np.inf),
        ([2.0, 2.0], [1.0, 1.0], 0, -np.inf),
        ([1.0], [2.0, 3.0], 0, NA),
        ([0.0, 0.0], [1.0, 1.0], 2, np.inf),
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], 2, 0.0),
        ([0.0], [0.0], 1, 0.0),
        ([], [0.0], 2, NA),
        # a category that neither group has changes nothing
        ([0.0, 0.0, 0.0, 2.0], [0.0, 2.0, 2.0, 2.0], 3, 2 / np.sqrt(3)),
        # a category that one group has alone: p = (.5, .5, 0), q = (.5, .25, .25); gap (−1, 1)/4, S = (7, −1; −1, 3)/32
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 2.0], 3, np.sqrt(4 / 5)),
        # no variance where they differ
        ([0.0, 0.0], [1.0, 2.0], 3, np.inf),
    ],
)
def test_differences_at_the_edges(first, second, k, expected) -> None:
    found = standardised_difference(np.array(first), np.array(second), k)
    assert found == pytest.approx(expected, nan_ok=True)


def test_small_numbers_keep_two_digits() -> None:
    table = table_one_of(pd.DataFrame({"share": np.linspace(0.01, 0.02, 9), "big": np.linspace(1000, 2000, 9)}))
    assert cell(table, "share, mean (SD)", "", "overall") == "0.0150 (0.0034)"
    assert cell(table, "big, mean (SD)", "", "overall") == "1500.0 (342.3)"


def test_missing_rows_are_masked_with_the_rest() -> None:
    frame = pd.DataFrame({"bmi": [NA] * 4 + list(np.linspace(20, 30, 96)), "sex": ["f", "m"] * 50})
    masked = mask_table_one(table_one_of(frame, by=["a", "b"] * 50).to_frame(), 5)
    shown = masked[masked["variable"].eq("bmi, missing, n (%)")].iloc[0]
    assert shown["overall"] in ("< 5", "masked")
    assert "2 (4.0)" not in shown.tolist()


def test_written_and_shown(made, tmp_path) -> None:
    pytest.importorskip("docx")
    hostile = table_one_of(pd.DataFrame({"<script>": ["<b>", "&"]}))
    assert "<script>" not in hostile.to_html() + hostile._repr_html_()
    html = made.to_html()
    assert html.count("sex, n (%)") == 1  # a variable is named once
    assert html.count("<tr>") == 1 + len(made.to_frame())
    assert made._repr_html_() == html
    first = made.to_word(tmp_path / "a.docx").read_bytes()
    assert made.to_word(tmp_path / "b.docx").read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        text = archive.read("word/document.xml").decode()
    assert "female" in text
    assert "46.7 (12.8)" in text
    assert repr(made) == "<TableOne: 4 variables, 15 patients (1 7, 2 8)>"


def test_simulated_data_say_so() -> None:
    frame = X.copy()
    frame.attrs["synthetic"] = True
    assert "Simulated" in table_one_of(frame).to_html()
    assert "Simulated" not in table_one_of(X).to_html()


def test_codes_in_quotes_are_those_of_numbers():
    """A file of settings has its codes in quotes."""
    table = table_one_of(pd.DataFrame({"sex": [1, 2, 2, 1]}), value_labels={"sex": {"1": "male", "2": "female"}})
    assert table.to_frame()["value"].tolist() == ["", "male", "female"]


def test_durations_have_their_unit_and_variables_their_labels() -> None:
    frame = pd.DataFrame(
        {"wait": pd.to_timedelta([1, 2, 3.5], unit="D"), "wait, again": [1.5, 2.5, 4.0], "age": [1, 2, 3]}
    )
    table = table_one_of(
        frame, labels={"wait": "Time to <referral>", "wait, again": "second", "other": "none", "age": ""}
    )
    assert table.to_frame()["value"].tolist() == ["", "days", "", ""]
    assert cell(table, "wait, mean (SD)", "days", "overall") == "2.2 (1.3)"
    assert table.labels == {"wait": "Time to <referral>", "wait, again": "second"}
    names = [row[0] for row in table._cells()[2:]]
    assert names == ["wait (Time to <referral>), mean (SD)", "wait, again (second), mean (SD)", "age, mean (SD)"]
    assert "wait (Time to &lt;referral&gt;), mean (SD)" in table.to_html()
    turned = table_one_of(frame, labels={"wait": "turned\u202eround", "age": np.nan})  # "wait, again" has no label
    assert [row[0] for row in turned._cells()[3:]] == ["wait, again, mean (SD)", "age, mean (SD)"]
    assert "wait (turned‹U+202E›round), mean (SD)" in turned.to_html()
    with pytest.raises(ArgumentError, match="`labels` must be a mapping"):
        table_one_of(frame, labels=["Age"])


def test_a_missing_word_is_minus_one() -> None:
    assert shown_column("g", pd.Series(["a", None, "b"]), None, None).values.tolist() == [0.0, -1.0, 1.0]
