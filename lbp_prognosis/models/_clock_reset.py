"""Time since the entry into the present state, and the step that all durations of stays are multiples of."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import OutcomeError, argument_error
from lbp_prognosis.survival import MultiState

__all__ = ["common_step", "most_steps", "time_in_state"]

most_steps = 20_000
"""Steps of the convolution up to the end of follow-up, at most."""

_ROUNDING = 1e-9  # of the largest time: durations are differences, 6.3 − 2.1 is 4.2


def time_in_state(courses: MultiState) -> tuple[np.ndarray | None, np.ndarray]:
    """Return start and stop (n,) of each row on the clock that starts at the entry into its state.

    The start is None where each row begins its state.

    Raises
    ------
    OutcomeError
        If a course does not start at 0.
    """
    order = np.lexsort((courses.start, courses.patient))
    patient, origin, start = courses.patient[order], courses.origin[order], courses.start[order]
    other = np.append(True, patient[1:] != patient[:-1])
    late = int((start[other] > 0).sum())
    if late:
        raise argument_error(
            "y",
            'courses that start at 0, with clock="reset"',
            f"{late} of {courses.n_patients} patients who start later",
            "The time already spent in the first state is not known: count the times of each patient from the own "
            'start, or take clock="forward".',
            kind=OutcomeError,
        )
    entered = other | np.append(True, origin[1:] != origin[:-1])
    since = np.empty(order.size)
    since[order] = start[entered][np.cumsum(entered) - 1]
    edges = np.concatenate([courses.start - since, courses.stop - since])
    edges = _without_rounding(edges, _ROUNDING * float(courses.stop.max()))
    begun, ended = edges[: order.size], edges[order.size :]
    return (begun if begun.any() else None), ended


def _without_rounding(values: np.ndarray, slack: float) -> np.ndarray:
    """Set values that differ only by rounding error to the smallest of them."""
    found, place = np.unique(values, return_inverse=True)
    begins = np.append(True, np.diff(found) > slack)
    return found[begins][np.cumsum(begins) - 1][place.ravel()]


def common_step(durations: np.ndarray, longest: float) -> float | None:
    """Return the largest step that all durations are multiples of; None if ``longest`` would have too many of it.

    Parameters
    ----------
    durations : ndarray of shape (m,)
        Durations above 0.
    longest : float
        End of follow-up.
    """
    slack = longest / most_steps / 4
    step = 0.0
    for value in np.unique(durations):
        rest, other = float(value), step
        while other > slack:  # Euclid's algorithm; a remainder just below the divisor counts as zero
            rest, other = other, abs(rest - other * round(rest / other))
        step = rest
    if step * most_steps < longest * (1 - 1e-6):
        return None
    counts = np.round(durations / step)
    step = float(durations.sum() / counts.sum())
    return step if np.abs(durations / step - counts).max() < 1e-4 else None
