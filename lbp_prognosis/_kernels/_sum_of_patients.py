"""Number of patients behind rows of which a patient may have several."""

from __future__ import annotations

import numpy as np

__all__ = ["sum_of_patients"]


def sum_of_patients(count: np.ndarray, patient: np.ndarray) -> int:
    """Return the number of patients behind rows: of the rows of each patient the largest count.

    Parameters
    ----------
    count : ndarray of shape (n,)
        Identical patients that a row stands for.
    patient : ndarray of int of shape (n,)
        Patient of each row, from 0.
    """
    most = np.zeros(int(patient.max(initial=-1)) + 1)
    np.maximum.at(most, patient, count)
    return int(most.sum())
