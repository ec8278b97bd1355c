"""States that a prediction names: the one it starts from, and the one whose probability is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, check_number, describe

__all__ = ["place_of_state", "start_in"]


def start_in(state: Any, states: tuple[str, ...], n: int) -> np.ndarray:
    """Return state probabilities of shape (n, s) at the start: 1 in the named state of each row.

    Parameters
    ----------
    state : str or array-like of shape (n,)
        State of all rows, or of each row.
    states : tuple of str
        Known states.
    n : int
        Rows.
    """
    names = np.asarray([state] * n if isinstance(state, str) else state, dtype=object)
    if names.shape != (n,) or not set(map(str, names)) <= set(states):
        raise argument_error("from_state", f"one of {list(states)}, or {n} of them", describe(state))
    out = np.zeros((n, len(states)))
    out[np.arange(n), [states.index(str(name)) for name in names]] = 1.0
    return out


def place_of_state(state: Any, cause: Any, states: tuple[str, ...]) -> int:
    """Return the position of a state: by its name, or where none is given by ``cause``."""
    if state is None:
        return int(check_number("cause", cause, low=0, high=len(states) - 1, whole=True))
    if str(state) not in states:
        raise argument_error("state", f"one of {list(states)}", describe(state))
    return states.index(str(state))
