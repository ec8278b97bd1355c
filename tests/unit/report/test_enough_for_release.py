"""On each limit of a release, one below and one above it."""

from types import SimpleNamespace

import numpy as np
import pytest

from lbp_prognosis.report._released_scores import _between
from lbp_prognosis.report._released_treatment import _has_both, _too_few


def release(known, target):
    """A release of at least 10 patients, 3 of them with the outcome and 3 without."""

    def parts(rows):
        return [int((rows & target).sum()), int((rows & ~target).sum()), 0]

    patients = SimpleNamespace(count=lambda rows: int(rows.sum()), parts=parts)
    return SimpleNamespace(patients=patients, min_n=10, min_events=3, smallest_cell=3)


@pytest.mark.parametrize(
    ("known", "events", "few"),
    [(9, 4, True), (10, 4, False), (11, 3, False), (11, 2, True), (11, 8, False), (11, 9, True)],
)
def test_a_treatment_needs_ten_known_patients_and_three_of_each_outcome(known, events, few):
    rows, target = np.arange(20) < known, np.arange(20) < events
    assert _too_few(SimpleNamespace(known=rows), release(rows, target)) == few


@pytest.mark.parametrize(("with_it", "both"), [(0, False), (2, False), (3, True), (4, True), (5, False), (7, False)])
def test_a_band_needs_three_of_each_outcome_or_nobody(with_it, both):
    known, target = np.ones(7, dtype=bool), np.arange(7) < with_it
    assert _has_both(SimpleNamespace(known=known), release(known, target), np.zeros(7, dtype=int), 2) == both


def test_patients_between_limits_of_groups_and_thresholds_either_way_round():
    """Limits after 50 and 110 patients; a threshold with 80 below it, or with 100 if risks fall with the score."""
    between = _between(np.array([50, 60, 70]), np.array([80, 100]))
    np.testing.assert_array_equal(between, [[30, 50], [30, 10]])
    assert _between(np.array([50, 60, 70]), None).size == 0
