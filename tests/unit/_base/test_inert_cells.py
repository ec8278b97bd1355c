"""Cells of a CSV file: formulas become text, numbers and empty cells stay what they are."""

import io

import pandas as pd
import pytest

from lbp_prognosis._base import inert_cell, inert_cells, visible

FORMULAS = (
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "-2+3+cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-cmd|x",
    "+SUM(A1:A2)",
    "-2-3",
    "+1*2",
    "-1/2",
    "-2(-3)",
    "-2 (3)+cmd",
    "-2 (A1)",
    "-2 (" + "1," * 5000,
    " =1+1",
    "\t=1+1",
    "\r=1",
    "＝1+1",
    "－1+cmd",
    "-",
    "+",
    "=",
)
PLAIN = (
    "",
    " ",
    "0.7",
    "-2",
    "-2.5",
    "+3",
    "-1,234.5",
    "-.5",
    "-1e-05",
    "-12%",
    "-12 %",
    "-0.02 (-0.05 to 0.01)",
    "+0.012 (0.001 to 0.020)",
    "-0.5 to 0.3",
    "-3.1 [-4.0, -2.2]",
    "-0.1 (1.0)",
    "-0.5 [-1.0,0.2]",
    "+0.009 (−0.016 to +0.034)",
    "−0.2",
    "lower back",
    "a=b",
    "–",
    "(-3)",
)


@pytest.mark.parametrize("cell", FORMULAS)
def test_formulas_are_text(cell):
    assert inert_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [*PLAIN, None, 3, -2.5, float("nan"), pd.NaT, True])
def test_what_is_no_formula_stays(cell):
    assert inert_cell(cell) is cell


def test_headers_categories_and_numbers():
    frame = pd.DataFrame(
        {"-2+3+cmd|'/C calc'!A0": [-2.5, None], "x": pd.Categorical(["=1", ""]), "n": ["", "-3"], "t": ["=a", None]}
    )
    out = inert_cells(frame)
    assert out.columns.tolist() == ["'-2+3+cmd|'/C calc'!A0", "x", "n", "t"]
    assert out["x"].tolist() == ["'=1", ""]
    assert out.iloc[:, 0].tolist()[0] == -2.5
    text = out.to_csv(index=False)
    assert pd.read_csv(io.StringIO(text), keep_default_na=False)["n"].tolist() == ["", "-3"]
    assert text.splitlines()[1].split(",")[1:] == ["'=1", "", "'=a"]


def test_columns_of_one_name_and_no_columns():
    assert inert_cells(pd.DataFrame([["=a", "b"]], columns=["x", "x"])).to_numpy().tolist() == [["'=a", "b"]]
    assert inert_cells(pd.DataFrame(index=[0, 1])).shape == (2, 0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cod\u202etxt.exe", "cod‹U+202E›txt.exe"),
        ("a\u200bb", "a‹U+200B›b"),
        ("\ufeffid", "‹U+FEFF›id"),
        ("a\x00b\x1b[31m", "a‹U+0000›b‹U+001B›[31m"),
        ("\u2067x\u2069", "‹U+2067›x‹U+2069›"),
        ("soft\u00adhyphen", "soft‹U+00AD›hyphen"),
        ("\U000e0041", "‹U+E0041›"),
    ],
)
def test_hidden_characters_are_shown(text, shown):
    assert visible(text) == shown
    assert inert_cell(text) == shown


@pytest.mark.parametrize("text", ["Müller", "שלום", "مرحبا", "日本語", "a\tb\nc", "−0.2 (χ² ≥ 3)", "é", "👩"])
def test_letters_of_any_script_stay(text):
    assert visible(text) is text


def test_a_formula_behind_a_hidden_character():
    # the mark stands where the formula would have to begin
    assert inert_cell("\u200b=1+1") == "‹U+200B›=1+1"
    assert inert_cell("=1+1\u200b") == "'=1+1‹U+200B›"
