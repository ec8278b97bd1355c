"""Sensitivity, specificity and predictive values, with findings clustered in patients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_choice,
    check_confidence,
    check_number,
    interval,
    metric_frame,
    norm,
    takes_rows,
)
from lbp_prognosis.evaluation.diagnostic._reference_input import check_positive, check_reference, check_standard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Accuracy", "accuracy"]


@dataclass(frozen=True, repr=False)
class Accuracy(Result):
    """Accuracy of a test against a reference, at a declared unit of analysis.

    Attributes
    ----------
    table : DataFrame
        ``metric, group, value, se, low, high, n, n_events, reason``; ``group`` is the level if accuracy is estimated by
        level.
    counts : DataFrame
        ``group, tp, fp, fn, tn`` at the unit of analysis.
    unit : {"finding", "level", "patient"}
        Unit of analysis.
    """

    table: pd.DataFrame = field(repr=False)
    counts: pd.DataFrame
    unit: str
    confidence: float
    method: str
    model: str = ""
    objections: tuple[Objection, ...] = ()

    def _overall(self, name: str) -> float:
        overall = (self.table["metric"] == name) & (self.table["group"] == "")
        return float(self.table.loc[overall, "value"].iloc[0])

    @property
    def sensitivity(self) -> float:
        """Sensitivity: proportion of reference-positive findings with a positive test."""
        return self._overall("sensitivity")

    @property
    def specificity(self) -> float:
        """Specificity: proportion of reference-negative findings with a negative test."""
        return self._overall("specificity")

    @property
    def ppv(self) -> float:
        """Positive predictive value: proportion of test-positive findings that are reference-positive."""
        return self._overall("ppv")

    @property
    def npv(self) -> float:
        """Negative predictive value: proportion of test-negative findings that are reference-negative."""
        return self._overall("npv")

    def predictive_values(self, prevalence: float) -> pd.DataFrame:
        """Return the predictive values of the test at another prevalence.

        Parameters
        ----------
        prevalence : float
            Proportion of reference-positive findings in the tested population, in (0, 1), taken as known. Predictive
            values cannot be estimated from a sample enriched with positives.

        Returns
        -------
        DataFrame
            Rows ``ppv, npv`` with ``metric, prevalence, value, low, high, reason``.

        Notes
        -----
        Post-test odds are pre-test odds times the likelihood ratio. The interval is derived from that of the likelihood
        ratio, which is clustered if the accuracy is.

        References
        ----------
        Mercaldo, Lau, Zhou (2007), https://doi.org/10.1002/sim.2677.
        """
        share = check_number("prevalence", prevalence, low=0, high=1, open_low=True, open_high=True)
        sens, spec, odds, rows = self.sensitivity, self.specificity, share / (1 - share), []
        values = {
            "ppv": (share * sens, (1 - share) * (1 - spec)),
            "npv": ((1 - share) * spec, share * (1 - sens)),
        }
        for metric, ratio, power in (("ppv", "lr_positive", 1), ("npv", "lr_negative", -1)):
            row = self.table[(self.table["metric"] == ratio) & (self.table["group"] == "")].iloc[0]
            right, wrong = values[metric]
            limits = sorted(1 / (1 + (odds * float(row[end])) ** -power) for end in ("low", "high"))
            rows.append(
                {
                    "metric": metric,
                    "prevalence": share,
                    "value": right / (right + wrong) if right + wrong > 0 else np.nan,
                    "low": limits[0],
                    "high": limits[1],
                    "reason": row["reason"],
                }
            )
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per metric (and level), with the additional column ``unit``."""
        common = {
            "model": self.model,
            "tier": "diagnostic",
            "confidence": self.confidence,
            "method": self.method,
            "unit": self.unit,
        }
        records: list[dict[str, Any]] = [{**common, **dict(row)} for _, row in self.table.iterrows()]
        return metric_frame(records, extra=("unit",))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw all measures with intervals, one colour per level if accuracy is estimated by level.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table.assign(label=self.table["metric"], series=self.table["group"].replace("", "all"))
        axes = draw_estimates(rows, axis=f"per {self.unit}, {self.confidence:.0%} intervals", ax=ax)
        axes.set_xlim(min(0.0, axes.get_xlim()[0]), max(1.0, axes.get_xlim()[1]))
        return axes

    def _summary(self) -> str:
        return f"per {self.unit}: sensitivity {self.sensitivity:.3f}, specificity {self.specificity:.3f}"


@takes_rows()
def accuracy(
    y: Any,
    positive: Any,
    *,
    clusters: Any = None,
    unit: str = "finding",
    levels: Any = None,
    confidence: float = 0.95,
    standard: str = "reference",
    model: str = "",
) -> Accuracy:
    """Sensitivity, specificity, predictive values and likelihood ratios.

    Parameters
    ----------
    y : ndarray
        Reference standard made by `Reference.now`; one row per finding.
    positive : array-like of shape (n,)
        Test result, 0 or 1.
    clusters : array-like of shape (n,), optional
        Patient of each finding.
    unit : {"finding", "level", "patient"}, default "finding"
        Unit of the analysis: each finding; each finding with results by level; or the patient, who is positive if any
        finding is. The patient as unit raises sensitivity and lowers specificity, so the unit must be declared.
    levels : array-like of shape (n,), optional
        Level of each finding, for ``unit="level"``.
    confidence : float, default 0.95
        Level of the intervals.
    standard : {"reference", "readers"}, default "reference"
        ``"readers"`` if the reference is readers' grades.
    model : str, default ""
        Name of the test.

    Returns
    -------
    Accuracy
        Metrics ``sensitivity, specificity, ppv, npv, prevalence, lr_positive, lr_negative``.

    Raises
    ------
    OutcomeError
        If ``y`` was not made by `Reference.now`.
    ArgumentError
        If the test result is not 0 or 1, the reference is all positive or all negative, or ``unit`` needs ``levels`` or
        ``clusters`` that are not given.

    See Also
    --------
    lbp_prognosis.survival.Reference : How is a reference standard of today entered?

    Notes
    -----
    Independent rows: Wilson intervals. Clusters: ratio estimator p̂ = Σa/Σb over patients with variance
    m/(m−1) Σ(a − p̂ b)² / (Σb)², m the patients with b > 0; intervals on the logit.

    References
    ----------
    Rao, Scott (1992), https://doi.org/10.2307/2532311.

    Examples
    --------
    >>> from lbp_prognosis import Reference
    >>> from lbp_prognosis.evaluation.diagnostic import accuracy
    >>> result = accuracy(Reference.now([1, 1, 1, 0, 0, 0]), [1, 1, 0, 0, 0, 1])
    >>> round(result.sensitivity, 3)
    0.667
    """
    truth, codes = check_reference(y, clusters, caller="accuracy")
    test = check_positive(positive, truth.size)
    check_choice("unit", unit, ("finding", "level", "patient"))
    confidence = check_confidence(confidence)
    if unit == "patient":
        if codes is None:
            raise argument_error("clusters", "given for unit='patient'", "None", "Pass the patient of each finding.")
        truth, test = (np.bincount(codes, weights=v) > 0 for v in (truth, test))
        codes = None
        if truth.all():
            raise argument_error("unit", "one at which negatives remain", "'patient', where every patient is positive")
    groups: list[tuple[str, np.ndarray]] = [("", np.ones(truth.size, dtype=bool))]
    if unit == "level":
        names = np.asarray(levels if levels is not None else [], dtype=object).astype(str)
        if names.size != truth.size:
            raise argument_error("levels", f"{truth.size} labels for unit='level'", f"{names.size} labels")
        groups += [(str(name), names == name) for name in pd.unique(names)]
    rows, counts = [], []
    for name, rows_in in groups:
        t, p = truth[rows_in], test[rows_in]
        c = None if codes is None else codes[rows_in]
        rows += [{"group": name, **row} for row in _metrics(t, p, c, confidence)]
        tp = int((t & p).sum())
        counts.append(
            {"group": name, "tp": tp, "fp": int(p.sum()) - tp, "fn": int(t.sum()) - tp, "tn": int((~t & ~p).sum())}
        )
    return Accuracy(
        table=pd.DataFrame(rows),
        counts=pd.DataFrame(counts),
        unit=unit,
        confidence=confidence,
        method="Wilson" if codes is None else "ratio estimator over patients, logit",
        model=model,
        objections=check_standard(standard),
    )


def _metrics(truth: np.ndarray, test: np.ndarray, codes: np.ndarray | None, confidence: float) -> list[dict[str, Any]]:
    pairs = {
        "sensitivity": (truth & test, truth),
        "specificity": (~truth & ~test, ~truth),
        "ppv": (truth & test, test),
        "npv": (~truth & ~test, ~test),
        "prevalence": (truth, np.ones_like(truth)),
    }
    rows, seen = [], {}
    for name, (hit, base) in pairs.items():
        row = _proportion(hit, base, codes, confidence)
        seen[name] = row
        rows.append({"metric": name, **row, "n": int(base.sum()), "n_events": int(hit.sum())})
    rows += _likelihood_ratios(truth, test, codes, seen, confidence)
    return rows


def _proportion(hit: np.ndarray, base: np.ndarray, codes: np.ndarray | None, confidence: float) -> dict[str, Any]:
    total = int(base.sum())
    nan = float("nan")
    if total == 0:
        return {"value": nan, "se": nan, "low": nan, "high": nan, "reason": "no rows in the denominator"}
    p = float(hit.sum() / total)
    z = float(norm.ppf(0.5 + confidence / 2))
    if codes is None:
        centre = (p + z**2 / (2 * total)) / (1 + z**2 / total)
        half = z / (1 + z**2 / total) * np.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
        se = float(np.sqrt(p * (1 - p) / total))
        return {
            "value": p,
            "se": se,
            "low": max(0.0, float(centre - half)),
            "high": min(1.0, float(centre + half)),
            "reason": "",
        }
    a, b = np.bincount(codes, weights=hit), np.bincount(codes, weights=base)
    a, b = a[b > 0], b[b > 0]
    m = b.size
    if m < 2:
        return {"value": p, "se": nan, "low": nan, "high": nan, "reason": "one patient in the denominator"}
    se = float(np.sqrt(m / (m - 1) * np.sum((a - p * b) ** 2)) / total)
    if not 0 < p < 1 or se == 0:
        return {"value": p, "se": se, "low": nan, "high": nan, "reason": "no variation between patients"}
    low, high = interval(p, se, confidence, "logit")
    return {"value": p, "se": se, "low": float(low), "high": float(high), "reason": ""}


def _likelihood_ratios(
    truth: np.ndarray, test: np.ndarray, codes: np.ndarray | None, seen: dict[str, dict[str, Any]], confidence: float
) -> list[dict[str, Any]]:
    sens, spec = seen["sensitivity"]["value"], seen["specificity"]["value"]
    rows = []
    for name, top, bottom, hits in (
        ("lr_positive", sens, 1 - spec, test),
        ("lr_negative", 1 - sens, spec, ~test),
    ):
        row: dict[str, Any] = {
            "metric": name,
            "n": truth.size,
            "n_events": int(truth.sum()),
            "se": float("nan"),
            "low": float("nan"),
            "high": float("nan"),
            "reason": "",
        }
        if not (np.isfinite(top) and np.isfinite(bottom)) or top == 0 or bottom == 0:
            rows.append({**row, "value": float("nan"), "reason": "a cell of the two-by-two table is empty"})
            continue
        # influence values of ln(top) − ln(bottom): deviation of each proportion over its denominator and value
        psi = np.where(truth, (hits - top) / (truth.sum() * top), -(hits - bottom) / ((~truth).sum() * bottom))
        if codes is None:
            variance = float(np.sum(psi**2))
        else:
            sums = np.bincount(codes, weights=psi)
            m = np.unique(codes).size
            variance = float(m / (m - 1) * np.sum(sums**2)) if m > 1 else float("nan")
        value, se = float(top / bottom), float(np.sqrt(variance))
        half = float(norm.ppf(0.5 + confidence / 2)) * se
        rows.append(
            {**row, "value": value, "se": value * se, "low": value * np.exp(-half), "high": value * np.exp(half)}
        )
    return rows
