"""Scores at a visit carry their range and their cut wherever they go."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError, Measured
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.survival import ScoreForecast, from_frame, measured_spec, measured_to_status, outcome_kind, to_frame


@pytest.fixture
def y():
    return Measured.at(12, [0, 2, None, 3.0, 10], lower=0, upper=10, at_most=2)


def test_measured_declaration_survives_every_copy(y, tmp_path) -> None:
    spec = measured_spec(y)
    assert (spec.horizon, spec.lower, spec.upper, spec.kind, spec.at_most) == (12, 0, 10, "ordinal", 2)
    np.save(tmp_path / "y.npy", y)
    copies = [
        y[[0, 3]],
        y[y["value"] > 1],
        np.concatenate([y, y]),
        np.tile(y, 2),
        pickle.loads(pickle.dumps(y)),
        np.load(tmp_path / "y.npy"),
        from_frame(to_frame(y)),
    ]
    assert all(measured_spec(copy) == spec and outcome_kind(copy) == "measured" for copy in copies)
    to_frame(y).to_parquet(tmp_path / "y.parquet")
    assert measured_spec(from_frame(pd.read_parquet(tmp_path / "y.parquet"))) == spec


def test_measured_declarations_that_differ_are_not_concatenated(y) -> None:
    with pytest.raises(TypeError):
        np.concatenate([y, Measured.at(6, [1], lower=0, upper=10)])


def test_measured_spec_says_when_the_declaration_is_lost(y) -> None:
    with pytest.raises(OutcomeError, match="Measured"):
        measured_spec(np.array([(1.0,)], dtype=[("value", "f8")]))


@pytest.mark.parametrize("value", [[-0.001], [10.001], [99], [np.inf], ["much"], [[1, 2]], [1 + 2j], ["2020-01-01"]])
def test_measured_refuses_what_is_no_score(value) -> None:
    with pytest.raises(ArgumentError, match="value"):
        Measured.at(12, value, lower=0, upper=10)


def test_measured_takes_the_ends_of_its_range_and_every_missing_value() -> None:
    y = Measured.at(12, [0, 10, None, np.nan, pd.NA], lower=0, upper=10)
    np.testing.assert_array_equal(y["value"], [0, 10, np.nan, np.nan, np.nan])
    y = Measured.at(12, pd.array([1, None], dtype="Int64"), lower=0, upper=10)
    np.testing.assert_array_equal(y["value"], [1, np.nan])


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("upper", {"lower": 5, "upper": 5}),
        ("kind", {"lower": 0, "upper": 5, "kind": "nominal"}),
        ("at_most", {"lower": 0, "upper": 5, "at_most": 6}),
        ("at_most", {"lower": 0, "upper": 5, "at_most": 1, "at_least": 1}),
    ],
)
def test_measured_names_the_argument(name, keywords) -> None:
    with pytest.raises(ArgumentError, match=name):
        Measured.at(12, [1, 2], **keywords)


def test_measured_to_status_cuts_on_the_declared_side(y) -> None:
    np.testing.assert_array_equal(measured_to_status(y)["status"], [1, 1, -1, 0, 0])
    np.testing.assert_array_equal(measured_to_status(y, at_least=3)["status"], [0, 0, -1, 1, 1])
    with pytest.raises(OutcomeError, match="cut"):
        measured_to_status(Measured.at(12, [1, 2], lower=0, upper=10))


def test_measured_carries_labels_and_pairs_by_them():
    value = pd.Series([3.0, 0.0, None], index=["c", "a", "b"])
    y = Measured.at(12, value, lower=0, upper=10, at_most=2, index=["a", "b", "c"])
    np.testing.assert_array_equal(y["value"], [0.0, np.nan, 3.0])
    state = measured_to_status(y)
    assert state["status"].tolist() == [1, -1, 0]
    np.testing.assert_array_equal(state["label"], y["label"])
    assert state.dtype.metadata["horizon"] == 12
    with pytest.raises(ArgumentError, match="index"):
        Measured.at(12, [1, 2], lower=0, upper=10, index=["a", "b", "c"])


def test_a_cut_for_each_patient_is_a_response_against_the_baseline():
    baseline = np.array([8.0, 8.0, 5.0, 8.0])
    y = Measured.at(12, [6.0, 6.1, 3.0, None], lower=0, upper=10)
    state = measured_to_status(y, at_most=baseline - 2)  # on, above, on, not seen
    assert state["status"].tolist() == [1, 0, 1, -1]
    assert measured_to_status(y, at_least=baseline - 2)["status"].tolist() == [1, 1, 1, -1]
    tenth = Measured.at(12, [0.1 + 0.2], lower=0, upper=10)
    assert measured_to_status(tenth, at_most=0.3)["status"].tolist() == [1]
    for wrong in (baseline[:2], [np.nan] * 4, np.inf):
        with pytest.raises(ArgumentError, match="at_most"):
            measured_to_status(y, at_most=wrong)


def test_minus_zero_is_zero() -> None:
    assert not np.signbit(Measured.at(12, [-0.0, 3.0], lower=0, upper=10)["value"]).any()


@pytest.mark.parametrize(
    ("cut", "words"),
    [([3.0, np.nan], r"missing values at rows \[1\] \(1 in all\)"), ("3", "`at_most` must be numbers")],
)
def test_a_cut_that_is_not_known_or_text_is_refused_with_its_reason(cut, words) -> None:
    with pytest.raises(LBPError, match=words):
        ScoreForecast([0.0, 3.0], np.full((2, 2), 0.5)).at_most(cut)
