"""Objections of fitted models, carried from a worker or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lbp_prognosis._base import Objection

__all__ = ["are_stated", "stated_once", "stated_rows"]


def stated_rows(doubts: Sequence[Objection]) -> np.ndarray:
    """Return objections as text (k, 3), as a checkpoint keeps them."""
    stated = [(doubt.code, doubt.sentence, doubt.source) for doubt in doubts]
    return np.array(stated, dtype=str).reshape(-1, 3)


def stated_once(results: Sequence[Mapping[str, np.ndarray]]) -> tuple[Objection, ...]:
    """Return what fitted models found doubtful, once a code: their numbers differ a little from fold to fold."""
    stated = {row[0]: Objection(*map(str, row)) for result in results[::-1] for row in result["objections"]}
    return tuple(stated.values())


def are_stated(rows: np.ndarray) -> bool:
    """Return whether an array of a checkpoint can be rows of objections."""
    return rows.dtype.kind in "UfS"
