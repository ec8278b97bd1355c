"""``Patients``: the patients behind the numbers of a release, with the known outcome of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["Patients"]

_PARTS = (1, 0, -1)


@dataclass(frozen=True)
class Patients:
    """Patients of a release: states, risks and identifiers.

    Attributes
    ----------
    state : ndarray of int of shape (n_rows,)
        State at the main horizon: 1 with the target, 0 without it, −1 unknown.
    scores : mapping of str to ndarray of shape (n_rows,)
        Predicted risk of the target by each model whose thresholds are to be released.
    copies : ndarray of shape (n_rows,), optional
        Patients per row; 1 by default.
    clusters : ndarray of shape (n_rows,), optional
        Patient of each row, where a patient has several; cells then count patients.
    ids : tuple of str, optional
        Identifier of each row, for the ledger.
    layers : ndarray of int of shape (n_rows,), optional
        Set of earlier releases of each row; differences between two releases are numbers of a layer. One layer by
        default.
    """

    state: np.ndarray = field(repr=False)
    scores: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    copies: np.ndarray | None = field(default=None, repr=False)
    clusters: np.ndarray | None = field(default=None, repr=False)
    ids: Sequence[str] | None = field(default=None, repr=False)
    layers: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        size = self.state.shape[0]
        if not np.isin(self.state, _PARTS).all():
            raise argument_error("state", "of 1, 0 and −1", sorted(set(self.state.tolist()))[:5])
        beside: dict[str, Any] = {"copies": self.copies, "clusters": self.clusters, "ids": self.ids, **self.scores}
        beside["layers"] = self.layers
        for name, values in beside.items():
            if values is not None and len(values) != size:
                raise argument_error(name, f"of length {size}, one per row of `state`", f"length {len(values)}")

    @property
    def n(self) -> int:
        """Patients."""
        return self.count(np.ones(self.state.shape[0], dtype=bool))

    def count(self, rows: np.ndarray) -> int:
        """Return how many patients are in the rows, given as truth values of shape (n_rows,)."""
        if self.clusters is not None:
            return int(np.unique(self.clusters[rows]).size)
        return int(rows.sum()) if self.copies is None else round(float(self.copies[rows].sum()))

    def each_layer(self) -> list[np.ndarray]:
        """Return the rows of each layer as truth values of shape (n_rows,)."""
        if self.layers is None:
            return [np.ones(self.state.shape[0], dtype=bool)]
        return [self.layers == code for code in np.unique(self.layers)]

    def parts(self, rows: np.ndarray | None = None) -> tuple[int, int, int]:
        """Return the numbers of rows with the target, without it, and of unknown state."""
        inside = np.ones(self.state.shape[0], dtype=bool) if rows is None else rows
        with_it, without, unknown = (self.count(inside & (self.state == part)) for part in _PARTS)
        return with_it, without, unknown
