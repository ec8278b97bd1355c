"""Questions about predicted risks: on each limit, and one step on either side of it."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.evaluation._screen_predictions import _of_model, _swapped, _why
from lbp_prognosis.survival import Status, Surv

H = np.array([12.0])


class Number:
    """A metric's value and limits."""

    def __init__(self, value: float, low: float = np.nan, high: float = np.nan) -> None:
        self.value, self.low, self.high = value, low, high


def said(n: int = 100, target: str = "event", mean: float = 0.5, **metrics: Number) -> list[str]:
    y, risk = Status.at(12, np.arange(n) % 2), np.full((n, 1), mean)
    return [objection.code for objection in _of_model("full", y, risk, H, metrics, 1, target, False)]


@pytest.mark.parametrize(("n", "area", "found"), [(99, 0.99, 0), (100, 0.99, 1), (100, 0.97, 1), (100, 0.969, 0)])
def test_an_area_too_high_for_a_prognosis(n: int, area: float, found: int) -> None:
    assert said(n, auc=Number(area)) == ["discrimination-implausible"] * found
    assert said(n, auc=Number(np.nan)) == []


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(2.9, 5, 0), (3, 5, 0), (3.01, 5, 1), (0.1, 0.33, 1), (0.1, 1 / 3, 0), (0.1, 0.34, 0), (np.nan, np.nan, 0)],
)
def test_a_ratio_that_no_calibration_explains(low: float, high: float, found: int) -> None:
    codes = ["observed-expected-implausible"] * found
    assert said(observed_expected=Number((low + high) / 2, low, high)) == codes


@pytest.mark.parametrize(
    ("value", "low", "area", "found"),
    [
        (1.5, 1.40, 0.7, 0),  # 0.75 of 0.5: odds of 3 to 1, not above
        (1.52, 1.40, 0.7, 1),
        (1.52, 4 / 3, 0.7, 0),  # 0.667 of 0.5 at the limit: odds of 2 to 1
        (1.52, 1.34, 0.7, 1),
        (1.52, 1.40, 0.5, 0),  # no better than chance: that is said elsewhere
        (1.52, 1.40, 0.51, 1),
        (1.52, 1.40, np.nan, 0),
        (1.52, np.nan, 0.7, 0),
        (2.0, 1.9, 0.7, 1),  # all have the event
    ],
)
def test_odds_far_apart_where_the_ratio_has_no_room(value: float, low: float, area: float, found: int) -> None:
    metrics = {"observed_expected": Number(value, low, value + 0.2), "auc": Number(area)}
    assert said(**metrics) == ["observed-expected-implausible"] * found
    # of the others: 1 - value / 2 where 1 / 2 was expected
    metrics["observed_expected"] = Number(2 - value, 1.8 - value, 2 - low)
    assert said(**metrics) == ["observed-expected-implausible"] * found


def test_odds_are_not_asked_of_risks_that_lie_near_each_other() -> None:
    """0.02 and 0.21: a difference below 0.2, and a ratio whose interval includes 3; of 0.22 it is above."""
    metrics = {"auc": Number(0.7)}
    assert said(mean=0.02, observed_expected=Number(10.5, 2.5, 15), **metrics) == []
    assert said(mean=0.02, observed_expected=Number(11.5, 2.5, 15), **metrics) == ["observed-expected-implausible"]


def test_the_complement_is_judged_as_the_event() -> None:
    """Of 2 % expected, a ratio of 0.93 to 0.95 of the complement is 3.45 to 4.43 of the event."""
    more = {"target": "no_event", "mean": 0.02}
    assert said(observed_expected=Number(0.94, 0.93, 0.95), **more) == ["observed-expected-implausible"]
    # 1 - 0.96 * 0.98 = 0.0592, of 0.02: 2.96
    assert said(observed_expected=Number(0.95, 0.94, 0.96), **more) == []


@pytest.mark.parametrize(
    ("ratio", "found"),
    [
        (79, False),
        (80, True),
        (125, True),
        (126, False),
        (0.0079, False),
        (0.008, True),
        (0.0125, True),
        (0.013, False),
    ],
)
def test_per_cent_for_fractions(ratio: float, found: bool) -> None:
    assert ("factor of 100" in _why(Status.at(12, [0, 1]), 0.5, ratio, 12.0, 1)) is found


@pytest.mark.parametrize(("expected", "found"), [(0.39, False), (0.4, True), (0.5, True), (0.625, True), (0.64, False)])
def test_a_unit_explains_what_it_brings_within_a_quarter(expected: float, found: bool) -> None:
    """Half of ten patients have the event between 12 days and 12 months of 365.25 / 12 days."""
    y = Surv.right([100.0] * 5 + [400.0] * 5, [1] * 5 + [0] * 5)
    words = "days, and horizons in months" in _why(y, expected, 9.0, 12.0, 1)
    assert words is found


def competing(n_own: int, n_other: int, n: int = 100) -> np.ndarray:
    """Own events and others by month 6, the rest seen to month 24."""
    event = np.r_[np.ones(n_own, int), np.full(n_other, 2), np.zeros(n - n_own - n_other, int)]
    return Surv.right(np.where(event > 0, 6.0, 24.0), event)


@pytest.mark.parametrize(
    ("mean", "area", "found"),
    [
        (0.5, 0.4, True),
        (0.5, 0.499, True),
        (0.5, 0.5, False),  # ranks that say nothing are not the wrong way
        (0.5, np.nan, False),
        (0.426, 0.4, True),  # 0.074 from 0.5 and 0.226 from 0.2: within a third
        (0.424, 0.4, False),
    ],
)
def test_risks_of_another_cause(mean: float, area: float, found: bool) -> None:
    y = competing(20, 50)
    assert (_swapped("full", y, np.full((100, 1), mean), H, 1, area) is not None) is found


@pytest.mark.parametrize(("other", "found"), [(29, False), (32, True)])
def test_causes_of_like_frequency_are_not_told_apart(other: int, found: bool) -> None:
    """A mean that is right for the other cause is more than 0.1 off for the own."""
    y = competing(20, other)
    assert (_swapped("full", y, np.full((100, 1), other / 100), H, 1, 0.4) is not None) is found


def test_the_last_horizon_with_risks_counts() -> None:
    y, both = competing(20, 50), np.array([3.0, 12.0])
    risk = np.column_stack([np.full(100, 0.01), np.full(100, 0.5)])
    assert _swapped("full", y, risk, both, 1, 0.4) is not None
    risk[:, 1] = np.nan
    assert _swapped("full", y, risk, both, 1, 0.4) is None
    assert _swapped("full", Surv.right(y["time"], y["event"] == 1), np.full((100, 1), 0.5), H, 1, 0.4) is None
