"""`time_words`: times with their unit."""

from __future__ import annotations

import pytest

from lbp_prognosis._base import time_words


@pytest.mark.parametrize(
    ("times", "unit", "words"),
    [
        (1, "years", "1 year"),
        (1.0, " months", "1 month"),
        ([1], "weeks", "1 week"),
        (1.5, "years", "1.5 years"),
        (0, "days", "0 days"),
        ([1, 5], "years", "1, 5 years"),
        ((3.0, 6.0, 12.0), "months", "3, 6, 12 months"),
        (1, "", "1"),
        (1, "courses", "1 courses"),
    ],
)
def test_time_words(times, unit, words) -> None:
    assert time_words(times, unit) == words
