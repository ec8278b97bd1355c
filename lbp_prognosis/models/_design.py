"""Design of a ``fit``, and the columns that a constructor's option takes out of ``X``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, as_labels, constant_within, describe

__all__ = ["Design", "order_of_names", "strata_labels", "take_columns"]


@dataclass(frozen=True)
class Design:
    """Checked design of a ``fit``.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Finite predictors.
    y : ndarray of shape (n,)
        The structured outcome.
    kind : str
        ``"right"``, ``"interval"``, ``"status"`` or ``"reference"``.
    entry : ndarray of shape (n,) or None
        Delayed entry.
    weights : ndarray of shape (n,) or None
        Row weights.
    weight_kind : str or None
        ``"frequency"``, ``"sampling"`` or ``"attrition"``.
    strata : ndarray of int of shape (n,) or None
        Codes 0…S−1 into ``strata_levels``.
    strata_levels : list
        Label of each code.
    offset : ndarray of shape (n,) or None
        Fixed part of the linear predictor.
    clusters : ndarray of int of shape (n,) or None
        Codes of the variance unit.
    clusters_are_patients : bool
        Whether they are patients, of whom a frequency weight counts copies.
    """

    X: np.ndarray
    y: np.ndarray
    kind: str
    entry: np.ndarray | None
    weights: np.ndarray | None
    weight_kind: str | None
    strata: np.ndarray | None
    strata_levels: list
    offset: np.ndarray | None
    clusters: np.ndarray | None
    clusters_are_patients: bool = False

    @property
    def frequency(self) -> bool:
        """Whether a weight counts identical rows."""
        return self.weight_kind == "frequency"

    @property
    def counts(self) -> np.ndarray:
        """Number of patients that each row represents: its frequency, or one unless its weight is 0."""
        if self.weights is None:
            return np.ones(self.X.shape[0])
        return self.weights if self.frequency else (self.weights > 0).astype(float)

    @property
    def copies_apart(self) -> bool:
        """Whether each of the patients that a frequency weight counts is a variance unit of its own.

        So it is without clusters, and with the patients as clusters, where the rows of each have one weight.
        """
        if not self.frequency or self.clusters is None or self.weights is None:
            return self.frequency
        return self.clusters_are_patients and constant_within(self.clusters, self.weights)

    @property
    def taking_part(self) -> np.ndarray:
        """Numbers of the rows of positive weight, ``(m,)``."""
        return np.arange(self.X.shape[0]) if self.weights is None else np.flatnonzero(self.weights > 0)

    def robust(self, variance: str) -> bool:
        """Say whether standard errors are robust: ``"auto"`` is so with clusters and weights that are no counts."""
        weighted = self.weights is not None and not self.frequency
        return variance == "robust" or (variance == "auto" and (weighted or self.clusters is not None))

    def products(self, score: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return Σ U Uᵀ (p, p) over the units of variance, for unweighted scores (m, p) of some rows, by default all.

        A row (or course) of f identical patients adds f squares of its own; a cluster one square of its weighted sum.
        """
        if self.weights is not None:
            power = 0.5 if self.copies_apart else 1.0
            score = self.weights[rows][:, None] ** power * score
        if self.clusters is not None:
            sums = np.zeros((int(self.clusters.max()) + 1, score.shape[1]))
            np.add.at(sums, self.clusters[rows], score)
            score = sums
        return score.T @ score

    def part(self, rows: np.ndarray) -> Design:
        """Return the design of some rows, given by number or by flag; clusters are renumbered."""

        def cut(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[rows]

        clusters = None if self.clusters is None else np.unique(self.clusters[rows], return_inverse=True)[1]
        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows],
            entry=cut(self.entry),
            weights=cut(self.weights),
            strata=cut(self.strata),
            offset=cut(self.offset),
            clusters=clusters,
        )


def order_of_names(names: Sequence[Any]) -> list[int]:
    """Return places of names in their order, numbers in names by their size, so that no table's layout counts."""
    keys = [[int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(name))] for name in names]
    return sorted(range(len(names)), key=keys.__getitem__)


def take_columns(X: Any, wanted: Any, parameter: str) -> tuple[list[str], Any]:
    """Return the columns of the frame ``X`` named by a constructor option, and the frame without them."""
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not isinstance(X, pd.DataFrame):
        raise argument_error("X", f"a frame when {parameter}= names columns", X)
    missing = [name for name in names if name not in X.columns]
    if missing:
        raise argument_error(parameter, "columns of `X`", f"{missing}, which are not among them")
    return names, X.drop(columns=names)


def strata_labels(strata: Any, n: int) -> list:
    """Return one label per row: the value itself, or a tuple if several columns define the strata."""
    strata = as_labels("strata", strata)
    if isinstance(strata, pd.DataFrame):
        labels = [tuple(row) for row in strata.itertuples(index=False, name=None)]
        if strata.shape[1] == 1:
            labels = [label[0] for label in labels]
    else:
        if strata.ndim != 1:
            raise argument_error("strata", "one label per row", describe(strata))
        labels = strata.tolist()
    if len(labels) != n:
        raise argument_error("strata", f"of length {n}, one label per row of `X`", f"length {len(labels)}")
    flat = [part for label in labels for part in (label if isinstance(label, tuple) else (label,))]
    if any(part is None or part is pd.NA or part != part for part in flat):
        raise argument_error("strata", "free of missing labels", "missing labels")
    return [tuple(_plain(part) for part in label) if isinstance(label, tuple) else _plain(label) for label in labels]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
