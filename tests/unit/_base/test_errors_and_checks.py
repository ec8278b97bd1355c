"""Every message says which argument, what is accepted, what arrived, and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import (
    ArgumentError,
    DataError,
    EstimationError,
    LBPError,
    LeakageError,
    MissingPackageError,
    OutcomeError,
    argument_error,
    check_choice,
    check_clusters,
    check_confidence,
    check_horizons,
    check_number,
    check_risk,
    check_risks,
    check_thresholds,
    check_vector,
    describe,
    inversion_objection,
    known_area,
    require,
)


def message(function, *args, **kwargs) -> str:
    with pytest.raises(ArgumentError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def test_the_sentence() -> None:
    error = argument_error("tau", "a positive number", -3, "Give it in days.")
    assert str(error) == "`tau` must be a positive number; got -3. Give it in days."
    assert isinstance(argument_error("y", "x", "y", kind=LeakageError), LeakageError)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ArgumentError, ValueError),
        (OutcomeError, ArgumentError),
        (LeakageError, ArgumentError),
        (DataError, ValueError),
        (EstimationError, ArithmeticError),
        (MissingPackageError, ImportError),
    ],
)
def test_the_tree(kind, builtin) -> None:
    assert issubclass(kind, LBPError)
    assert issubclass(kind, builtin)


def test_data_errors_carry_their_failures() -> None:
    failures = pd.DataFrame({"row": [3]})
    assert DataError("one bad row", failures).failures is failures


def test_describe() -> None:
    assert describe(np.zeros((2, 3))) == "ndarray of shape (2, 3)"
    assert describe("a") == "'a'"
    assert len(describe("a" * 500)) == 80
    assert describe(np.float64(2)) == repr(np.float64(2))


def test_vectors() -> None:
    assert check_vector("x", [[1], [2]]).tolist() == [1, 2]
    assert "`x` must be numbers" in message(check_vector, "x", ["a"])
    assert "one-dimensional" in message(check_vector, "x", np.ones((2, 2)))
    assert "length 2" in message(check_vector, "x", [1, 2, 3], n=2)
    assert "rows 1, 2" in message(check_vector, "x", [1, np.nan, np.inf])
    assert "… (7 in all)" in message(check_vector, "x", [np.nan] * 7)
    assert "at least 0" in message(check_vector, "x", [-1], low=0)
    assert "at most 1" in message(check_vector, "x", [2], high=1)


def test_numbers() -> None:
    assert check_number("k", np.int64(3), low=1, whole=True) == 3
    for wrong in (True, "3", None, np.nan, np.inf, 2.5, 0):
        assert message(check_number, "k", wrong, low=1, whole=True).startswith(
            "`k` must be a whole number of at least 1; got"
        )
    assert "above 0 and below 1" in message(check_number, "k", 1, low=0, high=1, open_low=True, open_high=True)


def test_choices_and_confidence() -> None:
    assert check_choice("side", "left", ("left", "right")) == "left"
    assert message(check_choice, "side", "up", ("left", "right")) == "`side` must be one of 'left', 'right'; got 'up'."
    assert check_confidence(0.9) == 0.9
    for wrong in (0, 1, 95, "0.95"):
        assert "`confidence` must be a number above 0 and below 1" in message(check_confidence, wrong)


def test_horizons() -> None:
    array, scalar = check_horizons(12)
    assert (array.tolist(), scalar) == ([12.0], True)
    assert check_horizons((6, 12))[1] is False
    for wrong in (0, [], [12, 6], [6, 6], [np.nan], "year", [[1, 2]]):
        assert message(check_horizons, wrong).startswith("`horizons` must be")


def test_thresholds() -> None:
    assert check_thresholds(0.2).tolist() == [0.2]
    for wrong in (0, 1, [0.2, 0.1], [], "low", [np.nan]):
        assert message(check_thresholds, wrong).startswith("`thresholds` must be")


def test_risks() -> None:
    assert check_risk("risk", [0.1, 0.2], n=2, n_horizons=1).shape == (2, 1)
    gone = check_risk("risk", [[0.1, np.nan], [0.2, np.nan]], n=2, n_horizons=2)
    assert np.isnan(gone[:, 1]).all()
    assert "rows 1" in message(check_risk, "risk", [0.1, np.nan], n=2, n_horizons=1)
    assert "linear predictor is not a risk" in message(check_risk, "risk", [0.1, 1.2], n=2, n_horizons=1)
    assert "(2, 3)" in message(check_risk, "risk", np.zeros((2, 2)), n=2, n_horizons=3)
    assert "`risk` must be numbers" in message(check_risk, "risk", ["a", "b"], n=2, n_horizons=1)
    assert list(check_risks({"a": [0.1], 2: [0.2]}, n=1, n_horizons=1)) == ["a", "2"]
    assert list(check_risks([0.1], n=1, n_horizons=1)) == ["model"]
    frame = pd.DataFrame({"a": [0.1], "b": [0.2]})
    assert {name: risk.shape for name, risk in check_risks(frame, n=1, n_horizons=1).items()} == dict.fromkeys(
        "ab", (1, 1)
    )
    assert check_risks(frame, n=1, n_horizons=2)["model"].tolist() == [[0.1, 0.2]]
    assert "risks['b']" in message(check_risks, {"a": [0.1], "b": [7]}, n=1, n_horizons=1)
    assert "at least one" in message(check_risks, {}, n=1, n_horizons=1)
    frame = pd.DataFrame({"small": [0.1, 0.2], "large": [0.3, 0.4]})
    assert {name: risk[:, 0].tolist() for name, risk in check_risks(frame, n=2, n_horizons=1).items()} == {
        "small": [0.1, 0.2],
        "large": [0.3, 0.4],
    }
    assert list(check_risks(frame, n=2, n_horizons=2)) == ["model"]  # its columns are then the horizons


def test_dates_are_not_nanoseconds() -> None:
    days = pd.Series(pd.to_timedelta([3, 4], unit="D"))
    assert "got durations" in message(check_vector, "time", days)
    assert "got dates" in message(check_vector, "time", pd.Timestamp("2020-01-01") + days)
    assert "got durations" in message(check_horizons, np.timedelta64(3, "D"))


def test_clusters() -> None:
    assert check_clusters("clusters", None, n=2) is None
    assert check_clusters("clusters", ["b", "a", "b"], n=3).tolist() == [1, 0, 1]
    assert "rows 1" in message(check_clusters, "clusters", ["a", None], n=2)
    assert "length 3" in message(check_clusters, "clusters", ["a"], n=3)


def test_survival_given_as_risk_is_said() -> None:
    assert inversion_objection(0.31, 0.3, "m", 12) is None
    found = inversion_objection(0.7, 0.3, "m", 12)
    assert found is not None
    assert found.code == "risk-looks-inverted"
    assert "'m'" in str(found)


def test_a_risk_that_ranks_rightly_is_not_inverted() -> None:
    for area, said in ((0.49, True), (0.5, True), (np.nan, True), (0.51, False)):
        assert (inversion_objection(0.35, 0.7, "m", 12, lambda area=area: area) is not None) is said
    inversion_objection(0.31, 0.3, "m", 12, lambda: 1 / 0)  # asked only of a suspicious mean


def test_area_of_known_states_by_hand() -> None:
    risk, case = np.array([0.1, 0.4, 0.4, 0.8, 0.9]), np.array([False, True, False, True, False])
    # cases .4 and .8 against .1, .4, .9: (1 + 1/2 + 0 + 1 + 1 + 0) / 6
    assert known_area(risk, case, np.ones(5)) == pytest.approx(3.5 / 6)
    assert known_area(risk, case, np.array([1.0, 1, 1, 1, 0])) == pytest.approx(3.5 / 4)
    assert known_area(risk, case, np.array([1.0, 2, 1, 1, 0])) == pytest.approx((2 * 1.5 + 2) / 6)
    assert np.isnan(known_area(risk, np.zeros(5, bool), np.ones(5)))


def test_an_absent_package_names_its_extra() -> None:
    assert require("json", caller="x", extra="y").__name__ == "json"
    with pytest.raises(MissingPackageError, match=r"`Deep` needs the package `absent_package`.*lbp-prognosis\[deep\]"):
        require("absent_package.part", caller="Deep", extra="deep")
