"""``missing_codes``: -9, 99 and their kin are found apart from all other values, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._base import missing_codes

NRS = list(range(11)) * 3
GRADES = [1, 2, 3, 4, 5] * 4
CHANGES = list(range(-12, 8))
SCORES = [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([*NRS, -9], {-9.0: 1}),
        ([*NRS, -9, -9, -8], {-9.0: 2, -8.0: 1}),
        ([*NRS, 99, 99, np.nan], {99.0: 2}),
        ([*NRS, 77, 77, 88, 88, 99, 99], {77.0: 2, 88.0: 2, 99.0: 2}),
        ([*NRS, -9, 99, 99], {-9.0: 1, 99.0: 2}),
        ([*GRADES, *[9] * 4], {9.0: 4}),  # 4 places ** -4 rows = 0.004
        ([*[0, 1] * 9, 9, 9, 9], {9.0: 3}),  # 8 ** -3 = 0.002
        ([*[0, 1, 2] * 9, 9, 9, 9], {9.0: 3}),  # 7 ** -3 = 0.003
        ([*GRADES, *[8] * 4, *[9] * 4], {8.0: 4, 9.0: 4}),  # 2 of 4 places: 0.5 ** 8 = 0.004
        ([*GRADES, *[8] * 4, *[9] * 3], {}),  # 0.5 ** 7 = 0.008
        ([*GRADES, *[7] * 4, *[9] * 4], {}),  # a count, in which 6 and 8 are missing
        ([*GRADES, 6, *[8] * 8, *[9] * 8], {}),
        ([*[1, 2, 3, 4] * 4, *[8] * 3, *[9] * 3], {8.0: 3, 9.0: 3}),  # 2 of 5 places
        ([*NRS, 97, 98, 99, 97, 98, 99], {97.0: 2, 98.0: 2, 99.0: 2}),
        ([*GRADES, -1], {-1.0: 1}),
        ([*GRADES, -9, -1], {-9.0: 1, -1.0: 1}),
        ([*NRS, -9, -1], {-9.0: 1}),  # a change of -1 possibly
        ([12.5, 40.0, 33.2, -9, -9], {-9.0: 2}),
        ([12.5, 40.0, 99.9, 999, 999], {999.0: 2}),
        ([0, 100, 150, 150], {}),
        ([*range(0, 67, 3), 99, 99], {99.0: 2}),  # half of the range, on the bound
        ([*range(0, 70, 3), 99, 99], {}),  # below it
        ([0, 10, 24, 66, 99, 99], {}),  # as far apart as two of the others
        ([0, 22, 44, 66, 132, 132, 999, 999], {999.0: 2}),  # the distance is more than three of theirs
        ([10, 20, 30, 50, 110, 110], {}),  # no code
        ([10, 20, 39, 99, 99], {99.0: 2}),  # 60 is more than three times 19
        ([10, 19, 39, 99, 99], {99.0: 2}),  # three times 20, on the bound
        ([10, 18, 39, 99, 99], {}),  # below three times 21
        ([*CHANGES, -99, -99], {-99.0: 2}),
        ([*CHANGES, -999, -999, -99, -99], {-999.0: 2, -99.0: 2}),
        ([*CHANGES, -99, -99, 99, 99], {-99.0: 2, 99.0: 2}),
        ([-2.5, -1.0, 0.5, 2.0, 1.6, -9, -9], {-9.0: 2}),  # 16 places of 0.4
        ([-2.5, -1.0, 0.5, 2.0, 1.5, -9, -9], {}),  # 13 places of 0.5
        ([-2, -1, 0, 1, 2, 2, -9, -9], {}),  # 7 ** -2
        ([-2, -1, 0, 1, 2, 2, -9, -9, -9], {-9.0: 3}),
        ([*[-10, -8, -6] * 2, *[-9] * 10], {-9.0: 10}),  # between others: five times as many as its neighbours
        ([*[-10, -8, -6] * 2, *[-9] * 9], {}),
        ([*[-10, -8, -6] * 2, -10, *[-9] * 14], {}),
        ([*[-10, -8, -6] * 2, -10, *[-9] * 15], {-9.0: 15}),
        ([*[0] * 50, *SCORES, *[-1] * 20], {-1.0: 20}),  # 20 ** 2 / 50 = 8 expected at -2
        ([*[0] * 51, *SCORES, *[-1] * 20], {}),
        ([*[0] * 50, 1, 2, 3, 4, *[-1] * 20], {}),  # a change of a grade
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
        [0, 1, 7, 7, 7, 7],  # 7 without 9
        [*NRS, 98, 98],  # 98 without 99
        [*GRADES, 9, 9, 9],  # counts of a decreasing tail
        [*[0, 1, 2] * 9, 9, 9],
        [0, 30, 60, 99, 99],  # doses
        [*CHANGES, -9],  # a change
        [*CHANGES, -99],  # one value
        [*CHANGES, -97, -97],  # 97 without 99
        [*[9] * 60, *[8, 10] * 3],  # a single digit between others
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
