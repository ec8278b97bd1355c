"""Visits taken for planned visits, and what is known of the state at one of them."""

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.survival import aalen_johansen, kaplan_meier, known_at, on_schedule

INF = np.inf


def test_each_end_goes_to_the_nearest_visit():
    y = Surv.interval([0, 2.7, 5.9, 11.4, 0.4], [3.2, 6.4, INF, INF, INF])
    made = on_schedule(y, [3, 6, 12])
    assert made.y.tolist() == [(0, 3, 1), (3, 6, 1), (6, INF, 0), (12, INF, 0), (0, INF, 0)]
    assert made.n_moved == 6  # 3.2, 2.7, 6.4, 5.9, 11.4 and 0.4
    assert made.largest_move == pytest.approx(0.6)
    assert made.to_frame().shape == (1, 4)
    assert "5 patients" in repr(made)


def test_two_ends_at_one_visit_begin_at_the_visit_before():
    made = on_schedule(Surv.interval([5.5], [6.5]), [3, 6, 12])
    assert made.y.tolist() == [(3, 6, 1)]
    assert made.n_same_visit == 1


def test_found_soon_after_the_start_is_found_at_the_first_visit():
    assert on_schedule(Surv.interval([0], [0.5]), [3, 6]).y.tolist() == [(0, 3, 1)]


def test_exact_events_go_into_their_period_and_late_ones_are_censored():
    y = Surv.interval([4, 6, 12.5], [4, 6, 12.5], [2, 2, 1])
    assert on_schedule(y, [3, 6, 12]).y.tolist() == [(3, 6, 2), (3, 6, 2), (12, INF, 0)]


def test_states_at_planned_visits_do_not_depend_on_exactness():
    rng = np.random.default_rng(0)
    time = rng.uniform(0.1, 11.9, 200)
    exact = Surv.interval(time, time, rng.integers(1, 3, 200))
    made = on_schedule(exact, [3, 6, 12]).y
    for tau in (3, 6, 12):
        assert np.array_equal(made["upper"] <= tau, exact["upper"] <= tau)


@pytest.mark.parametrize("visits", [[], [0, 3], [6, 3], [3, 3], ["a"]])
def test_schedules_that_are_none(visits):
    with pytest.raises(ArgumentError, match="visits"):
        on_schedule(Surv.interval([0], [3]), visits)


def test_other_outcomes_are_refused():
    for call in (lambda y: on_schedule(y, [3]), lambda y: known_at(y, 3)):
        with pytest.raises(OutcomeError):
            call(Surv.right([1, 2], [0, 1]))


def test_known_at_by_hand():
    # found by 6; found at 12 after missing 6; seen free at 6; lost at 3; free beyond; operated on by 3
    y = Surv.interval([0, 3, 6, 3, 12, 0], [6, 12, INF, INF, INF, 3], [1, 1, 0, 0, 0, 2])
    assert known_at(y, 6).tolist() == [(6, 1), (3, 0), (6, 0), (3, 0), (6, 0), (3, 2)]


def test_without_gaps_it_is_the_share_at_the_visit():
    y = Surv.interval([0, 0, 3, 6, 6, 6], [3, 3, 6, INF, INF, INF])
    assert kaplan_meier(known_at(y, 6)).at(6.0).value == pytest.approx(0.5)
    y = Surv.interval([0, 0, 3, 6, 6, 6], [3, 3, 6, INF, INF, INF], [1, 2, 1, 0, 0, 0])
    assert aalen_johansen(known_at(y, 6), cause=1).at(6.0).value == pytest.approx(2 / 6)


def test_a_missed_visit_is_no_absence_of_the_event():
    """Patients found after a missed visit are lost before it, not free at it."""
    y = Surv.interval([0] * 5 + [3] * 5 + [6] * 5, [3] * 5 + [12] * 5 + [INF] * 5)
    # 5 of 15 by month 3; of the 10 left 5 are of unknown state at 6, so nothing happened to those known
    assert 1 - kaplan_meier(known_at(y, 6)).at(6.0).value == pytest.approx(1 / 3)
    dated = Surv.interval_to_right(y, at="visit")
    assert 1 - kaplan_meier(dated).at(12.0).value > 1 / 3


@pytest.mark.parametrize("horizon", [0, -1, np.nan, "six"])
def test_horizons_that_are_none(horizon):
    with pytest.raises(ArgumentError, match="horizon"):
        known_at(Surv.interval([0], [3]), horizon)
