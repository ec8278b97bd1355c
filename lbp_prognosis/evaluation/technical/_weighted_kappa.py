"""Cohen's kappa, weighted or not: agreement of two readers on grades, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_choice,
    check_confidence,
    check_same_rows,
    metric_frame,
    norm,
    takes_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Kappa", "weighted_kappa"]

_WEIGHTS = ("none", "linear", "quadratic")


@dataclass(frozen=True, repr=False)
class Kappa(Result):
    """Chance-corrected agreement of two readers.

    Attributes
    ----------
    value, se, low, high : float
        Kappa, its standard error (Fleiss–Cohen–Everitt, not assuming independence) and interval, which ends at ±1.
    se_null, z : float
        Standard error under independence, and kappa over it (the test of no agreement).
    observed, expected : float
        Weighted agreement observed and expected by chance.
    percent_agreement : float
        Share of identical grades.
    pabak : float
        Prevalence- and bias-adjusted kappa: (K · agreement − 1)/(K − 1) for K grades.
    prevalence_index, bias_index : float
        For two grades, |p11 − p22| and |p12 − p21|; NaN otherwise.
    table : DataFrame
        Counts; rows are the first reader, columns the second. Always shown, because kappa depends on its margins.
    """

    value: float
    se: float
    low: float
    high: float
    confidence: float
    weights: str
    se_null: float
    z: float
    observed: float
    expected: float
    percent_agreement: float
    pabak: float
    prevalence_index: float
    bias_index: float
    n: int
    table: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``kappa`` (two variances, by ``method``), ``percent_agreement``, ``pabak`` and the indices."""
        name = "kappa" if self.weights == "none" else f"kappa_{self.weights}"
        common = {"tier": "technical", "n": self.n, "confidence": self.confidence}
        rows: list[dict[str, Any]] = [
            {
                "metric": name,
                "value": self.value,
                "se": self.se,
                "low": self.low,
                "high": self.high,
                "method": "Fleiss–Cohen–Everitt",
            },
            {"metric": name, "value": self.value, "se": self.se_null, "method": "under independence (test)"},
            {"metric": "percent_agreement", "value": self.percent_agreement},
            {"metric": "pabak", "value": self.pabak},
            {"metric": "prevalence_index", "value": self.prevalence_index},
            {"metric": "bias_index", "value": self.bias_index},
        ]
        two = len(self.table) == 2
        for row in rows[-2:]:
            row["reason"] = "" if two else "defined for two grades"
        return metric_frame({**row, **common} for row in rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the table of both readers' grades.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_counts

        return draw_counts(self.table, rows="first reader", columns="second reader", ax=ax)

    def _summary(self) -> str:
        return f"{self.weights} weights, {self.value:.3f} ({self.low:.3f} to {self.high:.3f}), n = {self.n}"


@takes_rows(first="labels", second="labels")
def weighted_kappa(
    first: Any = None,
    second: Any = None,
    *,
    table: Any = None,
    weights: str | None = "quadratic",
    categories: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> Kappa:
    """Cohen's kappa, weighted or not, from two readers' grades or their table.

    Parameters
    ----------
    first, second : array-like of shape (n,), optional
        Grades of the two readers.
    table : array-like of shape (K, K), optional
        Counts instead of grades; rows the first reader.
    weights : {"none", "linear", "quadratic"}, default "quadratic"
        Credit for near misses: 1 − |i−j|/(K−1), or its square version. Nominal grades (Modic types) take ``"none"``,
        for which None and ``"unweighted"`` are understood.
    categories : sequence, optional
        All grades in order, including unused ones; by default those seen, sorted.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    Kappa
        With both variances, PABAK and the raw table.

    References
    ----------
    Fleiss, Cohen, Everitt (1969), https://doi.org/10.1037/h0028106.
    Byrt, Bishop, Carlin (1993), https://doi.org/10.1016/0895-4356(93)90018-V.
    """
    if weights is None or weights == "unweighted":
        weights = "none"
    check_choice("weights", weights, _WEIGHTS)
    confidence = check_confidence(confidence)
    counts, names = _counts(first, second, table, categories)
    n = int(counts.sum())
    size = len(names)
    p = counts / n
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(size - 1, 1)
    w = {"none": np.eye(size), "linear": 1 - distance, "quadratic": 1 - distance**2}[weights]
    row, column = p.sum(axis=1), p.sum(axis=0)
    observed, expected = float(np.sum(w * p)), float(row @ w @ column)
    if expected >= 1 - 1e-12:
        raise argument_error(
            "first", "grades that vary", "one grade throughout", "Kappa is 0/0 there: report the table."
        )
    value = (observed - expected) / (1 - expected)
    margins = (w @ column)[:, None] + (row @ w)[None, :]
    variance = np.sum(p * (w - margins * (1 - value)) ** 2) - (value - expected * (1 - value)) ** 2
    null = np.sum(np.outer(row, column) * (w - margins) ** 2) - expected**2
    scale = n * (1 - expected) ** 2
    se, se_null = float(np.sqrt(max(variance, 0) / scale)), float(np.sqrt(max(null, 0) / scale))
    half = float(norm.ppf(0.5 + confidence / 2)) * se
    same = float(np.trace(p))
    two = size == 2
    return Kappa(
        value=float(value),
        se=se,
        low=max(float(value - half), -1.0),
        high=min(float(value + half), 1.0),
        confidence=confidence,
        weights=weights,
        se_null=se_null,
        z=float(value / se_null) if se_null > 0 else float("nan"),
        observed=observed,
        expected=expected,
        percent_agreement=same,
        pabak=float((size * same - 1) / (size - 1)),
        prevalence_index=float(abs(p[0, 0] - p[1, 1])) if two else float("nan"),
        bias_index=float(abs(p[0, 1] - p[1, 0])) if two else float("nan"),
        n=n,
        table=pd.DataFrame(counts.astype(int), index=names, columns=names),
    )


def _counts(first: Any, second: Any, table: Any, categories: Any) -> tuple[np.ndarray, list[Any]]:
    if (table is None) == (first is None or second is None):
        raise argument_error("table", "given, or both `first` and `second` instead", "both or neither")
    if table is not None:
        counts = np.asarray(table, dtype=float)
        square = counts.ndim == 2 and counts.shape[0] == counts.shape[1] and counts.shape[0] >= 2
        if not square or (counts < 0).any() or (counts != np.floor(counts)).any() or counts.sum() == 0:
            raise argument_error("table", "a square table of counts, at least 2 × 2", table)
        return counts, list(categories) if categories is not None else list(range(1, counts.shape[0] + 1))
    check_same_rows("second", second, "first", first)
    a, b = np.asarray(first), np.asarray(second)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise argument_error("second", f"of the length of `first` ({a.size})", f"shape {b.shape}")
    if pd.isna(a).any() or pd.isna(b).any():
        raise argument_error("first", "complete, as `second`", "missing grades", "Drop unread cases, and count them.")
    seen = set(a.tolist()) | set(b.tolist())
    if categories is None and len({isinstance(grade, str) for grade in seen}) > 1:
        raise argument_error(
            "second",
            "grades written as those of `first`",
            "numbers beside words",
            "Code both in the same way, or list `categories` in order.",
        )
    names = list(categories) if categories is not None else sorted(seen)
    unknown = seen - set(names)
    if unknown:
        raise argument_error("categories", "all grades that occur", f"{sorted(map(str, unknown))} missing from it")
    if len(names) < 2:
        raise argument_error("first", "grades that vary", "one grade throughout", "Kappa is 0/0 there.")
    place = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, ([place[v] for v in a.tolist()], [place[v] for v in b.tolist()]), 1)
    return counts, names
