"""``rounded_numbers``: a note on numbers with more digits than workbooks and statistical programs store."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis._base import beyond_floats

__all__ = ["rounded_numbers"]


def rounded_numbers(frame: pd.DataFrame) -> list[str]:
    """Return a note that names the columns with numbers of 2**53 or more, whose last digits the file has lost."""
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    large = [str(one.name) for one in columns if pd.api.types.is_numeric_dtype(one) and beyond_floats(one)]
    if not large:
        return []
    return [
        f"numbers of 16 digits and more in: {', '.join(large)}; such a file keeps 15 of them, so that different "
        "identifiers may be equal: write them as text"
    ]
