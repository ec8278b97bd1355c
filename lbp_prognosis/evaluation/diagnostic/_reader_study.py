"""Multi-reader multi-case analysis of modalities, generalised to new readers and cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_confidence,
    check_vector,
    fisher,
    metric_frame,
    student,
    takes_rows,
)
from lbp_prognosis.evaluation.diagnostic._auc_covariance import auc_covariance
from lbp_prognosis.evaluation.diagnostic._reference_input import check_reference, check_standard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ReaderStudy", "reader_study"]


@dataclass(frozen=True, repr=False)
class ReaderStudy(Result):
    """Obuchowski–Rockette analysis of variance of AUCs with random readers and cases.

    Attributes
    ----------
    auc : DataFrame
        AUC of each reader (columns) with each modality (rows).
    f, df, p : float
        Test of equality of all modalities; ``df`` is Hillis' denominator degrees of freedom.
    differences : DataFrame
        ``first, second, difference, se, df, low, high, p`` for each pair of modalities (first − second).
    modalities : DataFrame
        ``modality, auc, se, df, low, high``.
    components : dict
        ``variance, cov1, cov2, cov3, ms_modality, ms_interaction``.
    """

    auc: pd.DataFrame
    f: float
    df: float
    p: float
    differences: pd.DataFrame
    modalities: pd.DataFrame
    components: dict[str, float]
    confidence: float
    n: int
    n_positive: int
    objections: tuple[Objection, ...] = ()
    method: str = field(default="Obuchowski–Rockette, Hillis degrees of freedom", repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``auc`` (one per modality) and ``auc_difference`` (one per pair, with ``reference``)."""
        common = {
            "tier": "diagnostic",
            "confidence": self.confidence,
            "method": self.method,
            "n": self.n,
            "n_events": self.n_positive,
        }
        rows: list[dict[str, Any]] = [
            {"model": r.modality, "metric": "auc", "value": r.auc, "se": r.se, "low": r.low, "high": r.high, **common}
            for r in self.modalities.itertuples()
        ]
        rows += [
            {
                "model": r.first,
                "reference": r.second,
                "metric": "auc_difference",
                "value": r.difference,
                "se": r.se,
                "low": r.low,
                "high": r.high,
                **common,
            }
            for r in self.differences.itertuples()
        ]
        return metric_frame(rows, extra=("reference",))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean AUC of each modality, with the individual readers as small grey marks.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        axes = draw_estimates(
            self.modalities.assign(label=self.modalities["modality"], value=self.modalities["auc"]),
            axis=f"AUC, readers and cases random, {self.confidence:.0%} intervals",
            ax=ax,
        )
        for row, modality in enumerate(self.modalities["modality"]):
            values = self.auc.loc[modality].to_numpy(dtype=float)
            axes.plot(values, [row - 0.22] * values.size, "|", ms=8, color="#7d8a96", zorder=2)
        return axes

    def _summary(self) -> str:
        return f"{self.auc.shape[0]} modalities × {self.auc.shape[1]} readers, F = {self.f:.3g}, p = {self.p:.3g}"


@takes_rows()
def reader_study(
    y: Any,
    scores: Mapping[str, Mapping[str, Any]],
    *,
    clusters: Any = None,
    confidence: float = 0.95,
    standard: str = "reference",
) -> ReaderStudy:
    """Compare modalities read by the same readers on the same cases.

    Parameters
    ----------
    y : ndarray
        Made by `Reference.now`.
    scores : mapping of str to mapping of str to array-like of shape (n,), or array of shape (modalities, readers, n)
        ``{modality: {reader: score of each case}}``; every reader reads every case with every modality. The modalities
        and readers of an array are named ``1``, ``2`` ….
    clusters : array-like of shape (n,), optional
        Patient of each case, if cases are findings.
    confidence : float, default 0.95
        Level of the intervals.
    standard : {"reference", "readers"}, default "reference"
        ``"readers"`` if the reference is (other) readers' grades.

    Returns
    -------
    ReaderStudy
        Test of equality, and differences with intervals that apply to new readers and new cases.

    Notes
    -----
    Covariances of all AUCs by DeLong (Obuchowski with clusters), averaged to Cov1 (same reader, other modality), Cov2
    (other reader, same modality) and Cov3 (both other). F = MS_modality / (MS_interaction + max(R (Cov2 − Cov3), 0)).

    References
    ----------
    Obuchowski, Rockette (1995), https://doi.org/10.1080/03610919508813243.
    Hillis (2007), https://doi.org/10.1002/sim.2532.
    """
    truth, codes = check_reference(y, clusters, caller="reader_study")
    confidence = check_confidence(confidence)
    if min(truth.sum(), (~truth).sum()) < 2:
        raise argument_error(
            "y", "at least two positives and two negatives", f"{int(truth.sum())} of {truth.size} positive"
        )
    names, readers, matrix = _table(scores, truth.size)
    i, r = len(names), len(readers)
    auc, covariance, _ = auc_covariance(truth, matrix, codes)
    if np.isnan(covariance).any():
        raise argument_error(
            "clusters",
            "such that positives, and negatives, come from two patients or more",
            "all of one state in one patient",
        )
    table = auc.reshape(i, r)
    of_modality, of_reader = np.repeat(np.arange(i), r), np.tile(np.arange(r), i)
    same_m, same_r = of_modality[:, None] == of_modality, of_reader[:, None] == of_reader
    parts = {
        "variance": float(np.diag(covariance).mean()),
        "cov1": float(covariance[same_r & ~same_m].mean()),
        "cov2": float(covariance[~same_r & same_m].mean()),
        "cov3": float(covariance[~same_r & ~same_m].mean()),
    }
    by_modality, by_reader, grand = table.mean(axis=1), table.mean(axis=0), table.mean()
    ms_modality = float(r * np.sum((by_modality - grand) ** 2) / (i - 1))
    residual = table - by_modality[:, None] - by_reader[None, :] + grand
    ms_interaction = float(np.sum(residual**2) / ((i - 1) * (r - 1)))
    noise = ms_interaction + max(r * (parts["cov2"] - parts["cov3"]), 0.0)
    if noise <= 0:
        raise argument_error("scores", "scores that vary between readers or cases", "no variation at all")
    df = _hillis(noise, ms_interaction, (i - 1) * (r - 1))
    f = ms_modality / noise
    se, t = float(np.sqrt(2 / r * noise)), float(student.ppf(0.5 + confidence / 2, df))
    differences = pd.DataFrame(
        [
            {
                "first": names[a],
                "second": names[b],
                "difference": d,
                "se": se,
                "df": df,
                "low": d - t * se,
                "high": d + t * se,
                "p": float(2 * student.sf(abs(d) / se, df)),
            }
            for a, b in combinations(range(i), 2)
            for d in (float(by_modality[a] - by_modality[b]),)
        ]
    )
    return ReaderStudy(
        auc=pd.DataFrame(table, index=names, columns=readers),
        f=float(f),
        df=df,
        p=float(fisher.sf(f, i - 1, df)),
        differences=differences,
        modalities=_single(table, covariance, names, r, confidence),
        components={**parts, "ms_modality": ms_modality, "ms_interaction": ms_interaction},
        confidence=confidence,
        n=truth.size,
        n_positive=int(truth.sum()),
        objections=check_standard(standard),
    )


def _hillis(noise: float, mean_square: float, df: int) -> float:
    return float(noise**2 / (mean_square**2 / df)) if mean_square > 0 else float("inf")


def _single(table: np.ndarray, covariance: np.ndarray, names: list[str], r: int, confidence: float) -> pd.DataFrame:
    """Variance of the mean AUC of one modality: (MS_reader + R Cov2)/R."""
    rows = []
    for k, name in enumerate(names):
        own = covariance[k * r : (k + 1) * r, k * r : (k + 1) * r]
        cov2 = float(own[~np.eye(r, dtype=bool)].mean())
        ms = float(np.var(table[k], ddof=1))
        noise = ms + max(r * cov2, 0.0)
        df = _hillis(noise, ms, r - 1)
        se, mean = float(np.sqrt(noise / r)), float(table[k].mean())
        half = float(student.ppf(0.5 + confidence / 2, df)) * se
        rows.append({"modality": name, "auc": mean, "se": se, "df": df, "low": mean - half, "high": mean + half})
    return pd.DataFrame(rows)


def _table(scores: Any, n: int) -> tuple[list[str], list[str], np.ndarray]:
    accepted = "a mapping {modality: {reader: scores}} of at least two modalities and two readers"
    if isinstance(scores, np.ndarray) and scores.ndim == 3:
        scores = {str(m): {str(r): reads for r, reads in enumerate(part, 1)} for m, part in enumerate(scores, 1)}
    if not isinstance(scores, Mapping) or len(scores) < 2 or not all(isinstance(s, Mapping) for s in scores.values()):
        raise argument_error("scores", accepted, scores)
    names = [str(name) for name in scores]
    readers = list(next(iter(scores.values())))
    if len(readers) < 2:
        raise argument_error("scores", accepted, f"{len(readers)} reader")
    columns = []
    for name, by_reader in scores.items():
        if set(by_reader) != set(readers):
            raise argument_error(
                "scores", "read by the same readers with every modality", f"{sorted(map(str, by_reader))} with {name!r}"
            )
        columns += [check_vector(f"scores[{name!r}][{reader!r}]", by_reader[reader], n=n) for reader in readers]
    return names, [str(reader) for reader in readers], np.column_stack(columns)
