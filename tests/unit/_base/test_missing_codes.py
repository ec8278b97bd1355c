"""``missing_codes``: -9, 99 and their kin are found apart from all other values, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._base import missing_codes

NRS = list(range(11)) * 3
GRADES = [1, 2, 3, 4, 5] * 4


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([*NRS, -9], {-9.0: 1}),
        ([*NRS, -9, -9, -8], {-9.0: 2, -8.0: 1}),
        ([*NRS, 99, 99, np.nan], {99.0: 2}),
        ([*NRS, 77, 77, 88, 88, 99, 99], {77.0: 2, 88.0: 2, 99.0: 2}),
        ([*NRS, -9, 99, 99], {-9.0: 1, 99.0: 2}),
        ([*GRADES, 9, 9], {9.0: 2}),
        ([0, 1, 0, 1, 9, 9], {9.0: 2}),
        ([*GRADES, -1], {-1.0: 1}),
        ([*GRADES, -9, -1], {-9.0: 1, -1.0: 1}),
        ([*NRS, -9, -1], {-9.0: 1}),  # a change of -1 possibly
        ([12.5, 40.0, 33.2, -9, -9], {-9.0: 2}),
        ([12.5, 40.0, 99.9, 999, 999], {999.0: 2}),
        ([0, 100, 150, 150], {}),
        ([0, 60, 99, 99], {99.0: 2}),  # the distance is more than half of the range
        ([0, 66, 99, 99], {99.0: 2}),  # on the bound
        ([0, 67, 99, 99], {}),  # below it
    ],
)
def test_missing_codes_finds_codes_apart_from_all_other_values(values: list[float], codes: dict[float, int]) -> None:
    assert missing_codes(values) == codes


@pytest.mark.parametrize(
    "values",
    [
        NRS,  # 7, 8 and 9 of a scale
        list(range(10)) * 2,  # a scale that ends at 9
        [-1, 0, 1, 1],  # worse, same, better
        [-1, 1, -1, 1],
        [-1, 0, 1, 2, 3, 3],  # change of a grade
        [-1, *NRS],  # change of a score, mostly worse
        [-9, 9, -9, 9],  # only codes
        [-9.0, -3.5, 0.0, 4.0],  # z-scores, angles
        [12.5, 40.0, 33.2, -9],  # one measured value
        [*NRS, 99],  # one value: possibly measured
        [0, 1, 2, 3, 4, 5, 6, 9, 9],  # counts
        [0, 1, 7, 7],  # 7 without 9
        [18.0, 80.0, 99.0, 99.0],  # ages
        [np.nan, np.nan],
        [],
        [5.0] * 9,
        [np.inf, 1, 2, 3],
    ],
)
def test_missing_codes_is_silent_about_measured_values(values: list[float]) -> None:
    assert missing_codes(values) == {}


def test_missing_codes_is_silent_on_skewed_counts_and_durations() -> None:
    rng = np.random.default_rng(4)
    counts = [missing_codes(rng.negative_binomial(1, 0.4, 400)) for _ in range(100)]
    weeks = [missing_codes(np.round(rng.lognormal(2, 1, 400))) for _ in range(100)]
    assert sum(bool(one) for one in [*counts, *weeks]) <= 4
