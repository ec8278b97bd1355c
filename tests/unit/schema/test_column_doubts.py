"""What is read as it stands and probably means something else is noted, column by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import one_row_per_patient
from lbp_prognosis.schema import declare_values, read_table
from lbp_prognosis.schema._column_doubts import column_doubts
from lbp_prognosis.validation import screen


def notes(**columns: list[object]) -> list[str]:
    return column_doubts(pd.DataFrame(columns))


def test_column_doubts_names_codes_for_missing_and_their_declaration() -> None:
    (note,) = notes(nrs=[0.0, 4.0, 10.0, -9.0, -9.0])
    assert note.startswith("nrs: -9 apart from all other values")
    assert "missing={'nrs': [-9]}" in note
    assert notes(nrs=[0.0, 4.0, 10.0, float("nan")]) == []


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["16.06.2019", "07.01.2019"], "%d.%m.%Y"),
        (["05/29/2020", "01/02/2020"], "%m/%d/%Y"),
        (["2020-05-29", "2020-01-02"], "%Y-%m-%d"),
    ],
)
def test_column_doubts_reads_the_order_of_day_and_month_where_it_is_certain(texts: list[str], form: str) -> None:
    (note,) = notes(seen=texts)
    assert f"written {form}: convert" in note
    assert pd.to_datetime(pd.Series(texts), format=form).notna().all()


def test_column_doubts_asks_where_no_day_is_above_twelve() -> None:
    (note,) = notes(seen=["05/12/2020", "01/02/2020"])
    assert "%d/%m/%Y, or %m/%d/%Y?" in note
    assert notes(seen=["13/13/2020", "14/14/2020"]) == []
    assert notes(seen=["05/12/2020", "soon"]) == []


def test_column_doubts_sees_one_word_in_two_spellings() -> None:
    (note,) = notes(sex=["w", "W ", "m", "m", "w", "w", "m"])
    assert "capitals or spaces" in note
    assert notes(sex=["w", "m", "m", "m", "w", "w", "m"]) == []


def test_column_doubts_shows_a_word_among_numbers_only_from_five_cells() -> None:
    numbers = [str(k) for k in range(30)]
    (note,) = notes(odi=[*numbers, *["k.A."] * 5])
    assert "missing={'odi': ['k.A.']}" in note
    assert notes(odi=[*numbers, *["k.A."] * 4]) == []


def test_validate_takes_words_for_missing_and_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.DataFrame({"nrs": [*range(11), -9, -9] * 2, "odi": [*map(str, range(21)), *["k.A."] * 5]})
    table.to_csv(tmp_path / "t.csv", index=False)
    asked = call(capsys, monkeypatch, "validate", str(tmp_path / "t.csv"))
    assert asked.status == 1
    assert "declare words that mean missing" in asked.err
    told = call(capsys, monkeypatch, "validate", str(tmp_path / "t.csv"), "--missing", "-9, k.A.")
    assert told.status == 0
    assert "read as missing: '-9'" in told.out
    refused = call(capsys, monkeypatch, "validate", str(tmp_path), "--missing", "-9")
    assert refused.status == 2
    assert "--missing" in refused.err
    with pytest.raises(DataError, match="declare words that mean missing"):
        read_table(tmp_path / "t.csv").raise_if_failed()


@pytest.mark.parametrize(("missing", "noted"), [(None, True), ([-1], True), ({"dose": []}, False), ([], False)])
def test_who_declares_that_nothing_is_missing_is_not_asked_again(tmp_path: Path, missing: object, noted: bool) -> None:
    """A dose of 99 is a value if its column is declared, for `read_table` and for `screen` of a part of the frame."""
    rng = np.random.default_rng(1)
    dose, pain = rng.choice([5, 10, 20, 99], 200), rng.integers(1, 6, 200)
    pd.DataFrame({"dose": dose, "pain": pain}).to_csv(tmp_path / "doses.csv", index=False)
    reading = read_table(tmp_path / "doses.csv", missing=missing)
    assert any(note.startswith("dose: 99 apart") for note in reading.notes) == noted
    time = rng.exponential(9, 200)
    found = screen(reading.frame[["pain", "dose"]], Surv.right(time, time < 15), 6).to_frame()
    assert ("missing-code-as-value" in found["code"].tolist()) == noted


def test_a_forgotten_code_is_noted_beside_a_declared_one(tmp_path: Path) -> None:
    """Its column is declared, so that no claim is blocked; the note stays."""
    pd.DataFrame({"nrs": [*range(11), -9, 99, 99]}).to_csv(tmp_path / "t.csv", index=False)
    reading = read_table(tmp_path / "t.csv", missing={"nrs": [-9]})
    assert any(note.startswith("nrs: 99 apart") for note in reading.notes)
    assert reading.frame.attrs["missing_declared"] == ["nrs"]


@pytest.mark.parametrize("missing", [[], {"seen": [], "sex": ["?"]}])
def test_dates_and_spellings_are_noted_in_declared_columns_too(tmp_path: Path, missing: object) -> None:
    """Only numbers apart from the others are settled by a declaration."""
    table = pd.DataFrame({"seen": ["16.06.2019", "07.01.2019"] * 4, "sex": ["w", "W", "m", "m"] * 2})
    table.to_csv(tmp_path / "t.csv", index=False)
    notes = read_table(tmp_path / "t.csv", missing=missing).notes
    assert any(note.startswith("seen: dates as text") for note in notes)
    assert any(note.startswith("sex: words that differ only") for note in notes)


def test_a_declaration_is_kept_where_types_are_not_inferred(tmp_path: Path) -> None:
    pd.DataFrame({"dose": [5, 99]}).to_csv(tmp_path / "t.csv", index=False)
    frame = read_table(tmp_path / "t.csv", missing={"dose": []}, infer=False).frame
    assert frame.attrs["missing_declared"] == ["dose"]


@pytest.mark.parametrize(("declared", "objected"), [("overdose", True), ("dose", False), (["dose"], False)])
def test_columns_are_declared_by_their_whole_names(declared: object, objected: bool) -> None:
    """A word in place of a list declared each column whose name is a part of it."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"dose": rng.choice([5, 10, 20, 99], 200)})
    X.attrs["missing_declared"] = declared
    time = rng.exponential(9, 200)
    found = screen(X, Surv.right(time, time < 15), 6).to_frame()
    assert ("missing-code-as-value" in found["code"].tolist()) == objected


def test_values_stay_declared_where_tables_are_joined() -> None:
    """`merge` and `concat` of pandas drop what was written on a table."""
    clinical = declare_values(pd.DataFrame({"id": [1, 2], "dose": [5, 99], "age": [40, 50]}), "dose")
    clinical = declare_values(clinical, ["age"])
    fat = pd.DataFrame({"id": [1, 2], "fat": [9.0, 12.0]})
    joined = one_row_per_patient({"clinical": clinical, "imaging": fat}, key="id").X
    assert joined.attrs["missing_declared"] == ["age", "dose"]
    assert "missing_declared" not in one_row_per_patient({"imaging": fat}, key="id").X.attrs
    with pytest.raises(ArgumentError, match="columns"):
        declare_values(clinical, ["doses"])
    with pytest.raises(ArgumentError, match="DataFrame"):
        declare_values({"dose": [1]}, ["dose"])
