"""``aligned``: arguments of a constructor of outcomes, in one order by label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error, describe
from lbp_prognosis._base.intake._foreign import as_pandas
from lbp_prognosis._base.intake._labels import in_order_of, label_codes_of, labels_of

__all__ = ["aligned"]


def aligned(values: dict[str, Any], index: Any = None) -> tuple[dict[str, Any], np.ndarray | None]:
    """Bring values into the order of ``index``, or of the first labelled of them.

    Parameters
    ----------
    values : dict of str to array-like or None
        Row-wise arguments by name.
    index : Index, Series, DataFrame or array-like, optional
        Labels of the rows (those of a Series or frame are its index).

    Returns
    -------
    tuple
        The values, and the codes of the labels that ``index`` gave (None without it).
    """
    read = {name: as_pandas(value, name) for name, value in values.items()}
    wanted = _labels(index)
    base_name, base = ("index", wanted) if wanted is not None else ("", None)
    out: dict[str, Any] = {}
    for name, value in read.items():
        own = labels_of(value)
        if base is None and own is not None:
            base_name, base = name, own
        elif base is not None and own is not None:
            order = in_order_of(name, own, base_name, base)
            value = value if order is None else value.iloc[order]
        out[name] = value
    return out, None if wanted is None else label_codes_of(wanted)


def _labels(index: Any) -> pd.Index | None:
    if index is None or isinstance(index, pd.Index):
        return index
    own = labels_of(index)
    if own is not None:
        return own
    cells = as_pandas(index, "index")
    if isinstance(cells, list | tuple | np.ndarray | pd.Series) and getattr(cells, "ndim", 1) == 1:
        return pd.Index(cells)
    raise argument_error("index", "the labels of the rows: an index, a labelled frame or a sequence", describe(index))
