"""``plain_label``: a category as it is read, however its column is stored."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["plain_label"]


def plain_label(value: Any) -> Any:
    """Return a whole number that came as a float as an integer, so that grade 2 is not read as "2.0".

    One missing value makes a column of codes a column of floats.
    """
    return int(value) if isinstance(value, float | np.floating) and float(value).is_integer() else value
