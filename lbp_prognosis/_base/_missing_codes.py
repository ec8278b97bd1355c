"""``missing_codes``: numbers of a column that look like codes for a missing value."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["missing_codes"]

_LENGTHS = range(1, 7)
_NINES = frozenset(float("9" * length) for length in _LENGTHS)
_HIGH = _NINES | {float(digit * length) for digit in "78" for length in _LENGTHS}
_BESIDE = frozenset(nines - step for nines in _NINES if nines > 9 for step in (1.0, 2.0, 3.0))  # 96, 97, 98 before 99
_LOW = frozenset({-1.0, *(-code for code in _HIGH | _BESIDE)})
_LOW_RUN = frozenset(-code for code in _LOW)
_GRADES = 5  # a single digit stands for missing only beside grades up to this one: counts reach 9 by themselves
_CHANCE = 0.005  # that all values beyond the others are one value, if the tail decreases
_GAPS = 3.0  # the distance of a code, in largest distances between neighbours among the other values
_BELOW_ZERO = 8.0  # patients expected at -2 if those at -1 were values
_SPIKE = 10  # rows of a code between other values, and their multiple of the rows of any neighbour
_TIMES = 5


def missing_codes(values: Any) -> dict[float, int]:
    """Return the values that look like codes for missing (-9, 99, 999 …), with the number of rows of each.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        One column; NaN is missing.

    Returns
    -------
    dict of float to int
        Empty for most columns. Candidates are sevens, eights and nines of up to six digits, with 96 to 98 beside 99
        (996 to 998 beside 999 …), their negatives, and -1.

    Notes
    -----
    A candidate is a code

    * if it is negative, all other values are 0 or more, and it is in two rows or among whole numbers;
    * if it is in two rows at least and lies apart from all other values: by half of their range (a single digit: by all
      of it, beside grades up to 5), by three times the largest distance of two neighbours among them, and so far that
      a decreasing tail would have put all these rows there with a probability of at most 0.005. In a tail that
      decreases, k values beyond the others are all at the last of m places with a probability of at most
      ``m ** -k``: 9 next to 0, 1, 2 has to be in three rows (7 places), 99 next to a scale up to 10 in two. 8 and 9
      together are codes next to grades up to 5 if 6 and 7 are missing and they are in eight rows (2 of 4 places);
    * if it lies between other values (-9 among changes of a score) in ten rows at least, and in five times as many as
      either neighbour; two digits at least if it is positive;
    * -1, if all others are whole numbers from 1 on; from 0 on, if they reach 5 and the decrease from 0 to -1, once
      more, would have put eight patients at -2. -1 beside 0 and 1 means worse, same, better.
    """
    numbers = np.asarray(values, dtype=float)
    distinct, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    low, high = _ends(distinct, counts)
    chosen = {*range(low), *range(len(distinct) - high, len(distinct))}
    chosen |= _spikes(distinct[low : len(distinct) - high], counts[low : len(distinct) - high], low)
    return {float(distinct[k]): int(counts[k]) for k in sorted(chosen)}


def _ends(distinct: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """Return how many of the smallest and of the largest values are codes: the most that are apart from the rest."""
    lowest, highest = _run(-distinct, _LOW_RUN), _run(distinct[::-1], _HIGH | _BESIDE)
    pairs = [(low, high) for low in range(lowest + 1) for high in range(highest + 1)]
    for low, high in sorted(pairs, key=sum, reverse=True):
        stop = len(distinct) - high
        others = distinct[low:stop]
        if len(others) < 2:
            continue
        below = low == 0 or _negative(distinct[:low], counts[:low], others, counts[low:stop])
        if below and (high == 0 or _apart(distinct[stop:], counts[stop:], others)):
            return low, high
    return 0, 0


def _run(ordered: np.ndarray, codes: frozenset[float]) -> int:
    """Return how many values in turn, from the outermost on, are candidates."""
    size = 0
    while size < len(ordered) and ordered[size] in codes:
        size += 1
    return size


def _negative(codes: np.ndarray, counts: np.ndarray, others: np.ndarray, rows: np.ndarray) -> bool:
    """Say whether the smallest values are codes: negative beside values from 0 on, or apart from the rest."""
    if codes[-1] == -1.0 and not _minus_one(int(counts[-1]), others, rows):
        return False
    if others[0] == -1 and len(others) > 2:
        others = others[1:]  # a change by -1 possibly, beside a code
    if others[0] < 0:
        return codes[-1] < -1 and _apart(-codes[::-1], counts[::-1], -others[::-1])
    return bool(np.all(others == np.floor(others)) or np.all(counts >= 2))


def _minus_one(count: int, others: np.ndarray, rows: np.ndarray) -> bool:
    """Say whether -1 is a code: whole numbers from -1 on may be changes of a grade or score."""
    if others[0] < 0 or np.any(others != np.floor(others)):
        return False
    if others[0] >= 1:
        return bool(others[-1] > 2)
    return bool(others[-1] >= _GRADES and count**2 >= _BELOW_ZERO * rows[0])


def _apart(codes: np.ndarray, counts: np.ndarray, others: np.ndarray) -> bool:
    """Say whether the largest values lie apart from all others, each in two rows at least."""
    if np.any(counts < 2) or codes[-1] in (7.0, 8.0) or (codes[-1] not in _NINES and codes[-1] in _BESIDE):
        return False  # of single digits, 9 is the code; 7 and 8 only beside it
    spaces = np.diff(others)
    width, gap = others[-1] - others[0], codes[0] - others[-1]
    single = codes[0] < 10
    whole = bool(np.all(others == np.floor(others)))
    if single and others[0] >= 0 and (others[-1] > _GRADES or not whole):
        return False
    if single and whole and len(codes) == 2 and gap >= _GAPS * spaces.max():  # "do not know" and "no answer"
        return bool((2 / (gap + 1)) ** float(counts.sum()) <= _CHANCE)
    places = gap / (1.0 if whole else spaces.min())
    if gap < max(width if single else width / 2, _GAPS * spaces.max()):
        return False
    return bool(places ** -float(counts.sum()) <= _CHANCE)


def _spikes(distinct: np.ndarray, counts: np.ndarray, before: int) -> set[int]:
    """Return the positions of codes between other values, far more frequent than their neighbours."""
    found = set()
    for k in range(1, len(distinct) - 1):
        code = distinct[k]
        candidate = (code in _LOW and code != -1.0) or (code in _NINES and code > 9)
        if candidate and counts[k] >= max(_SPIKE, _TIMES * max(counts[k - 1], counts[k + 1])):
            found.add(before + k)
    return found
