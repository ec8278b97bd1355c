"""Questions about an outcome and its horizons: on each limit, and one step on either side of it."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.survival import Measured, Surv, horizon_unit_doubt, outcome_screen


def codes(time: list[float], event: list[int], horizon: float | None = None) -> list[str]:
    found = outcome_screen(Surv.right(time, event), None if horizon is None else np.array([horizon]))
    return [objection.code for objection in found]


def spread(n: int, start: float = 100.0) -> list[float]:
    """Times of which no two are alike, and none is whole."""
    return [start + 0.5 + k for k in range(n)]


# ---- one time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("events", "said"), [(9, False), (10, True)])
def test_ten_events_are_the_fewest_that_share_a_time(events: int, said: bool) -> None:
    time, event = [6.0] * events + spread(50), [1] * events + [0] * 50
    assert ("events-at-one-time" in codes(time, event)) is said


@pytest.mark.parametrize(("alike", "said"), [(26, False), (27, True), (28, True)])
def test_nine_in_ten_events_share_a_time(alike: int, said: bool) -> None:
    time = [6.0] * alike + spread(30 - alike, 20.0) + spread(50)
    assert ("events-at-one-time" in codes(time, [1] * 30 + [0] * 50)) is said


def test_events_of_all_causes_share_it() -> None:
    time = [6.0] * 9 + spread(1, 20.0) + spread(50)
    assert "events-at-one-time" in codes(time, [1, 2] * 4 + [2, 2] + [0] * 50)


# ---- a pile -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "pile", "other", "said"),
    [
        (200, 19, 1, False),  # under a tenth of the rows, and under twenty
        (200, 20, 1, True),
        (200, 20, 4, True),  # five times the next
        (200, 20, 5, False),
        (150, 19, 1, False),  # above a tenth, but under twenty
        (150, 20, 1, True),
        (300, 29, 1, False),
        (300, 30, 1, True),
        (300, 30, 6, True),
        (300, 30, 7, False),
    ],
)
def test_a_pile_is_a_tenth_of_the_rows_and_stands_alone(n: int, pile: int, other: int, said: bool) -> None:
    time = [7.0] * pile + [8.0] * other + spread(n - pile - other)
    assert ("outcome-values-piled" in codes(time, [0] * n)) is said


@pytest.mark.parametrize("n", [210, 230, 410, 1230, 2990])
def test_a_tenth_is_a_tenth_of_any_number(n: int) -> None:
    pile = n // 10
    assert "outcome-values-piled" in codes([7.0] * pile + spread(n - pile), [0] * n)


def test_the_end_of_follow_up_is_no_pile() -> None:
    assert codes(spread(100) + [900.0] * 100, [0] * 200) == []
    assert codes([7.0] * 100 + [900.0] * 100, [0] * 200) == []  # one other time says nothing of visits


# ---- units --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("median", "said"), [(119.0, False), (120.0, False), (120.5, True)])
def test_half_are_followed_ten_horizons(median: float, said: bool) -> None:
    y = Surv.right([50.0, median, 300.0], [1, 0, 0])
    assert bool(horizon_unit_doubt(y, np.array([3.0, 12.0]))) is said


@pytest.mark.parametrize(("early", "said"), [(0, True), (1, False), (2, False)])
def test_one_event_in_twenty_by_the_horizon(early: int, said: bool) -> None:
    """Of 20 events, one is a twentieth."""
    time = [12.0] * early + [400.0] * (20 - early)
    assert bool(horizon_unit_doubt(Surv.right(time, [1] * 20), np.array([12.0]))) is said


def test_events_of_the_cause_count_by_the_horizon() -> None:
    y = Surv.right([12.0] * 5 + [400.0] * 20, [2] * 5 + [1] * 20, censored=0)
    assert horizon_unit_doubt(y, np.array([12.0])) != ""
    assert horizon_unit_doubt(y, np.array([12.0]), 2) == ""
    assert horizon_unit_doubt(Surv.right([400.0] * 5, [0] * 5), np.array([12.0])) != ""  # no event, none early


@pytest.mark.parametrize(("horizon", "said"), [(19.9, False), (20.0, False), (20.1, True)])
def test_a_horizon_beyond_ten_times_the_longest_time(horizon: float, said: bool) -> None:
    y = Surv.right([0.5, 1.0, 2.0], [1, 1, 0])
    assert ("years against months" in horizon_unit_doubt(y, np.array([horizon, 100.0]))) is said


def test_times_between_visits_end_at_the_last_one() -> None:
    """An interval counts by its upper end, and where it has none by the last visit."""
    y = Surv.interval([0.0, 1.0, 2.0], [1.0, 2.0, np.inf])
    assert horizon_unit_doubt(y, np.array([20.0])) == ""
    assert horizon_unit_doubt(y, np.array([20.1])) != ""
    late = Surv.interval([0.0, 100.0, 130.0], [100.0, 130.0, np.inf])
    assert horizon_unit_doubt(late, np.array([12.0])) != ""
    assert horizon_unit_doubt(late, np.array([13.0])) == ""


def acute(early: int, events: int = 40, longest: float = 481.0, late: float = 121.0) -> tuple[list[float], list[int]]:
    """Whole days of an acute course: some recover by day 12, a quarter and more are followed beyond 120 days."""
    time = [10.0] * early + [float(20 + k % 60) for k in range(events - early)] + [late + k % 3 for k in range(40)]
    return [*time, longest], [1] * events + [0] * 41


@pytest.mark.parametrize(("early", "said"), [(13, True), (14, False), (15, False)])
def test_a_third_of_the_events_may_come_by_day_twelve(early: int, said: bool) -> None:
    """Of 40 events 14 are 0.35."""
    assert ("unit-of-time" in codes(*acute(early), 12.0)) is said


@pytest.mark.parametrize(("longest", "said"), [(479.0, False), (480.0, False), (481.0, True)])
def test_the_longest_time_exceeds_forty_horizons(longest: float, said: bool) -> None:
    assert ("unit-of-time" in codes(*acute(5, longest=longest), 12.0)) is said


@pytest.mark.parametrize(("late", "said"), [(118.0, False), (121.0, True)])
def test_a_quarter_is_followed_beyond_ten_horizons(late: float, said: bool) -> None:
    """Times of 118 to 120 days do not exceed 120."""
    assert ("unit-of-time" in codes(*acute(5, late=late), 12.0)) is said


def test_days_are_whole_and_horizons_usual() -> None:
    time, event = acute(5)
    assert "unit-of-time" not in codes([*time[:-1], 481.5], event, 12.0)
    assert "unit-of-time" not in codes(time, event, 11.0)
    assert "unit-of-time" in codes(time, event, 10.0)


# ---- a pile of scores ---------------------------------------------------------------------------------------------


def scores(values: list[float], lower: float = 0, upper: float = 100) -> list[str]:
    return [objection.code for objection in outcome_screen(Measured.at(12, values, lower=lower, upper=upper))]


@pytest.mark.parametrize(
    ("n", "pile", "other", "said"),
    [
        (60, 19, 1, False),  # under twenty
        (60, 20, 1, True),
        (110, 21, 1, False),  # under a fifth
        (110, 22, 1, True),
        (60, 21, 7, True),  # three times the next
        (60, 21, 8, False),
    ],
)
def test_a_pile_of_scores_stands_alone(n: int, pile: int, other: int, said: bool) -> None:
    values = [40.0] * pile + [50.0] * other + [k / 2 + 0.25 for k in range(n - pile - other)]
    assert scores(values) == ["outcome-values-piled"] * said
    assert scores([*values, np.nan, np.nan]) == ["outcome-values-piled"] * said


def test_scores_that_are_often_alike_for_a_reason() -> None:
    rest = [float(k) for k in range(1, 31)]
    assert scores([40.0] * 30 + rest) == ["outcome-values-piled"]
    assert scores([0.0] * 30 + rest) == []  # no pain at all
    assert scores([40.0] * 30 + rest, upper=40) == []
    assert scores([0.0] * 30 + rest, lower=-50) == []  # a change: as before
    few = [1.0, 2.0, 4.0, 5.0]
    assert scores([3.0] * 30 + few, upper=8) == []  # five answers
    assert scores([3.0] * 30 + [*few, 6.0], upper=8) == ["outcome-values-piled"]


def test_a_mean_among_whole_scores_is_no_score() -> None:
    rest = [float(k) for k in range(1, 7)] * 10
    assert scores([4.3] * 20 + rest, upper=10) == ["outcome-values-piled"]
    assert scores([4.0] * 10 + rest, upper=10) == []
    assert scores([4.3] * 20 + [k + 0.5 for k in rest], upper=10) == []
