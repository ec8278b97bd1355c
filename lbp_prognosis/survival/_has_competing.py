"""``has_competing``: whether competing events occur in an outcome."""

from __future__ import annotations

import numpy as np

__all__ = ["has_competing"]


def has_competing(y: np.ndarray, cause: int = 1) -> bool:
    """Return whether an outcome contains events of causes other than ``cause``; False for states and scores.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Structured outcome.
    cause : int, default 1
        Event code of interest.

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv, has_competing
    >>> y = Surv.right([1, 2, 3], [1, 0, 2])
    >>> has_competing(y), has_competing(y[:2])
    (True, False)
    """
    if "event" not in (y.dtype.names or ()):
        return False
    return bool(((y["event"] > 0) & (y["event"] != cause)).any())
