"""Rows of a curve: times, codes, delayed entry, weights of a declared kind and strata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, as_labels, check_clusters, describe, plain_label
from lbp_prognosis.survival._outcome import check_cause, check_outcome
from lbp_prognosis.survival._weights import Weights, check_weights

__all__ = ["CurveRows", "curve_rows", "label_codes"]


@dataclass(frozen=True)
class CurveRows:
    """Columns of a right-censored outcome.

    ``robust`` says that the weights are not frequencies; ``clusters`` contains cluster codes for the variance; None
    treats rows as independent.
    """

    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray | None
    weights: np.ndarray | None
    robust: bool
    clusters: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> CurveRows:
        """Return the chosen rows."""
        return CurveRows(
            self.time[rows],
            self.event[rows],
            None if self.entry is None else self.entry[rows],
            None if self.weights is None else self.weights[rows],
            self.robust,
            None if self.clusters is None else np.unique(self.clusters[rows], return_inverse=True)[1],
        )

    @property
    def counts(self) -> np.ndarray | None:
        """Frequency weights, or None if each row is one patient."""
        return None if self.robust else self.weights

    @property
    def full_weights(self) -> np.ndarray:
        """Weights of any kind; ones if no weights were given."""
        return np.ones(self.time.size) if self.weights is None else self.weights

    @property
    def size(self) -> int:
        """Number of patients."""
        return int(self.time.size if self.counts is None else self.counts.sum())

    def from_enough_at_risk(self, min_at_risk: float) -> tuple[CurveRows, float]:
        """Exclude times before the risk set first contained ``min_at_risk`` patients (delayed entry only).

        A factor from a risk set of one or two patients would determine the whole curve. The curve therefore starts
        later and is conditional on being event-free at that time. Returns the rows and the start time (0 if nothing is
        excluded).
        """
        if self.entry is None or min_at_risk <= 0:
            return self, 0.0
        size = np.ones(self.time.size) if self.counts is None else self.counts
        when = np.concatenate([self.entry, self.time])
        order = np.argsort(when, kind="stable")
        step = np.concatenate([size, -size])[order]
        # at risk just after each change; an entry at t counts for times after t, as does a departure at t
        last = np.append(np.diff(when[order]) > 0, True)
        enough = np.flatnonzero((np.cumsum(step) >= min_at_risk) & last)
        if enough.size == 0:
            raise argument_error(
                "min_at_risk",
                "a number at risk that is reached",
                f"{min_at_risk:g}, which no risk set reaches",
                "With delayed entry a curve needs a risk set to start from; min_at_risk=0 takes it as it is.",
            )
        start = float(when[order][enough[0]])
        if not ((self.event > 0) & (self.time <= start)).any():
            return self, 0.0
        return self.take(self.time > start), start


def curve_rows(y: Any, sample_weight: Any, *, caller: str, cause: int | None = None, clusters: Any = None) -> CurveRows:
    """Check a right-censored outcome and its weights, and exclude rows of weight zero."""
    check_outcome(
        y,
        ("right",),
        caller=caller,
        instead="Use turnbull for an outcome seen only at visits, or Surv.interval_to_right(y, at=...) to date the "
        "events.",
    )
    if cause is not None:
        check_cause(y, cause)
    weights: Weights | None = check_weights(sample_weight, y.shape[0])
    rows = CurveRows(
        np.ascontiguousarray(y["time"]),
        y["event"].astype(np.int64),
        np.ascontiguousarray(y["entry"]) if "entry" in (y.dtype.names or ()) else None,
        None if weights is None else weights.values,
        weights is not None and weights.kind != "frequency",
        check_clusters("clusters", clusters, n=y.shape[0]),
    )
    if weights is not None and (weights.values == 0).any():
        return rows.take(weights.values > 0)
    return rows


def label_codes(name: str, labels: Any, n: int) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Return codes 0…K−1 and the K labels, sorted (a pandas categorical keeps its own order)."""
    values = as_labels(name, labels)
    if getattr(values, "ndim", 1) != 1 or len(values) != n:
        raise argument_error(name, f"of length {n}, one label per row of `y`", describe(labels))
    missing = np.asarray(pd.isna(values))
    if missing.any():
        rows = np.flatnonzero(missing)[:5].tolist()
        raise argument_error(name, "free of missing labels", f"missing labels at rows {rows}")
    category = pd.Categorical(values).remove_unused_categories()
    return np.asarray(category.codes, dtype=np.int64), tuple(map(plain_label, category.categories.tolist()))
