"""``truth_words``: conversion of the words TRUE and FALSE in text files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lbp_prognosis._base import holds

__all__ = ["truth_words"]

_WORDS = {"true": True, "false": False}


def truth_words(raw: np.ndarray) -> np.ndarray:
    """Return truth values if all non-missing cells are TRUE or FALSE; return other input unchanged."""
    if holds(raw) not in ("text", "mixed"):
        return raw
    missing = np.asarray(pd.isna(raw))
    words = [str(cell).lower() if isinstance(cell, str) else "" for cell in raw[~missing].tolist()]
    if not words or any(word not in _WORDS for word in words):
        return raw
    out = np.full(raw.shape, None, dtype=object)
    out[~missing] = [_WORDS[word] for word in words]
    return out if missing.any() else out.astype(bool)
