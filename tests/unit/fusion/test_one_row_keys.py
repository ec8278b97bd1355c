"""Keys of patients meet by a stated rule, and what does not meet is said."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import one_row_per_patient


def tables(first, second):
    clinical = pd.DataFrame({"patient_id": first, "age": np.arange(len(first)) + 40.0})
    return {"clinical": clinical, "imaging": pd.DataFrame({"patient_id": second, "fat": np.arange(len(second)) + 0.5})}


@pytest.mark.parametrize("other", [["1", "2", "3"], ["01", "02", "03"], [1.5, 2.5, 3.5], ["1", 2, 3]])
def test_keys_of_different_kinds_need_a_rule(other):
    with pytest.raises(ArgumentError, match="`tables`"):
        one_row_per_patient(tables([1, 2, 3], other))


def test_the_stated_rules():
    as_text = one_row_per_patient(tables([1, 2, 3], ["3", "1", "2"]), match="text")
    assert as_text.X.index.tolist() == ["1", "2", "3"]
    assert as_text.X["fat"].tolist() == [1.5, 2.5, 0.5]
    as_numbers = one_row_per_patient(tables([1.0, 2.0, 3.0], ["03", "1", " 2"]), match="number")
    assert as_numbers.X.index.tolist() == [1, 2, 3]
    assert as_numbers.X["fat"].tolist() == [1.5, 2.5, 0.5]
    assert as_numbers.joined["rule"].tolist() == ["number", "number"]
    asked = one_row_per_patient(tables([1, 2, 3], ["03", "1", "2"]), match="number", patients=["002", 1])
    assert asked.X["age"].tolist() == [41, 40]


def test_whole_numbers_meet_whatever_their_width():
    X, _ = one_row_per_patient(tables(np.array([1, 2], dtype="int32"), [2.0, 1.0]))
    assert X["fat"].tolist() == [1.5, 0.5]


def test_a_table_that_meets_nobody_is_refused():
    with pytest.raises(DataError, match="No key") as raised:
        one_row_per_patient(tables(["a", "b"], ["c", "d"]))
    assert raised.value.failures["reason"].tolist() == ["foreign_key"] * 2
    with pytest.raises(DataError, match="No key"):
        one_row_per_patient(tables([1, 2, 3], ["01", "02", "03"]), match="text")


@pytest.mark.parametrize("written", ["03", " 3", "3.0", "003"])
def test_one_key_written_in_two_ways_is_refused(written):
    with pytest.raises(DataError, match="1 keys of the table 'imaging'") as raised:
        one_row_per_patient(tables(["1", "2", "3"], ["1", "2", written]))
    assert raised.value.failures[["row", "field"]].to_numpy().tolist() == [[3, "patient_id"]]
    assert written not in str(raised.value).replace("'imaging'", "")


def test_capitals_too():
    with pytest.raises(DataError, match="capitals"):
        one_row_per_patient(tables(["p1", "p2"], ["p1", "P2"]))


def test_keys_that_are_both_patients_are_two_patients():
    wide = one_row_per_patient(tables(["3", "03"], ["3", "03"]))
    assert wide.X["fat"].tolist() == [0.5, 1.5]
    with pytest.raises(DataError, match="several rows"):
        one_row_per_patient(tables(["3", "03"], ["3"]), match="number")


def test_what_does_not_meet_is_counted_and_listed():
    wide = one_row_per_patient(tables(["a", "b", "c"], ["a", "x", "y"]))
    assert wide.unmatched.to_numpy().tolist() == [["imaging", "x"], ["imaging", "y"]]
    row = wide.joined.set_index("modality").loc["imaging"]
    assert row[["n_rows", "n_joined", "n_without_patient", "n_patients_absent"]].tolist() == [3, 1, 2, 2]
    assert wide.X["fat"].isna().tolist() == [False, True, True]


def test_rows_without_a_key_and_numbers_that_are_none():
    with pytest.raises(DataError, match="1 rows without"):
        one_row_per_patient(tables(["a", "b"], ["a", None]))
    with pytest.raises(ArgumentError, match="match"):
        one_row_per_patient(tables(["a", "b"], ["a", "b"]), match="number")
    with pytest.raises(ArgumentError, match="match"):
        one_row_per_patient(tables(["a", "b"], ["a", "b"]), match="fuzzy")
    long = "1234567890123456789"
    with pytest.raises(ArgumentError, match="match"):
        one_row_per_patient(tables([long, "1"], [long, "1"]), match="number")
