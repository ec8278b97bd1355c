"""Comparison of the predictors of new patients with those of development."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import chi2, is_number, numbers_of
from lbp_prognosis._kernels import population_stability_index, standardised_difference

__all__ = ["input_drift", "membership"]

_PARTS = 10
_FLOOR = 0.001


def input_drift(reference: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return one row per column: ``column, missing_before, missing_now, psi, psi_by_chance, difference, outside,
    new_levels``.

    Parameters
    ----------
    reference, new : DataFrame
        Rows of development and new rows, with the same columns.

    Notes
    -----
    PSI is over tenths of the reference (categories of nominal columns), with missing values as a separate part and no
    part below 0.1 %; by chance it stays below ``psi_by_chance`` in 99 of 100 batches, since it is nearly χ² times 1/n +
    1/m. The standardised difference is that of Table 1; ``outside`` is the share of values beyond the smallest and
    largest of the reference.
    """
    rows = []
    for name in reference.columns:
        old, now = reference[name], new[name]
        numeric = is_number(old) and is_number(now)
        row: dict[str, Any] = {
            "column": str(name),
            "missing_before": float(old.isna().mean()),
            "missing_now": float(now.isna().mean()),
        }
        if numeric:
            a, b = (part[np.isfinite(part)] for part in (numbers_of(old), numbers_of(now)))
            cuts = np.unique(np.quantile(a, np.linspace(0, 1, _PARTS + 1)[1:-1])) if a.size else np.empty(0)
            parts = [np.bincount(np.searchsorted(cuts, part), minlength=cuts.size + 1) for part in (a, b)]
            difference = standardised_difference(a, b)
            outside = float(((b < a.min()) | (b > a.max())).mean()) if a.size and b.size else 0.0
            levels: list[str] = []
        else:
            a, b = old.dropna().astype(str).to_numpy(), now.dropna().astype(str).to_numpy()
            known = np.unique(np.concatenate([a, b]))
            codes = [np.searchsorted(known, part) for part in (a, b)]
            parts = [np.bincount(part, minlength=known.size) for part in codes]
            difference = standardised_difference(codes[0].astype(float), codes[1].astype(float), known.size)
            levels = sorted(set(b) - set(a))
            outside = float(np.isin(b, levels).mean()) if b.size else 0.0
        counts = [np.append(part, missing) for part, missing in zip(parts, (old.isna().sum(), now.isna().sum()))]
        row["psi"] = population_stability_index(counts[0], counts[1], floor=_FLOOR)
        sizes = [max(int(part.sum()), 1) for part in counts]
        free = max(int(((counts[0] + counts[1]) > 0).sum()) - 1, 1)
        row["psi_by_chance"] = float(chi2.ppf(0.99, free) * (1 / sizes[0] + 1 / sizes[1]))
        row["difference"], row["outside"], row["new_levels"] = difference, outside, ", ".join(levels)
        rows.append(row)
    columns = ["column", "missing_before", "missing_now", "psi", "psi_by_chance"]
    columns += ["difference", "outside", "new_levels"]
    return pd.DataFrame(rows, columns=columns)


def membership(reference: pd.DataFrame, new: pd.DataFrame) -> tuple[float, float]:
    """Return the AUC, and its standard error, for the prediction of a patient's batch from the predictors.

    Parameters
    ----------
    reference, new : DataFrame
        As for `input_drift`.

    Notes
    -----
    Out of sample: a ridge-penalised logistic regression in five folds; 0.5 means that batches cannot be distinguished.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    both = pd.concat([reference, new], ignore_index=True)
    design = pd.get_dummies(both, dummy_na=False, dtype=float).astype(float)
    gaps = design.isna().to_numpy()
    matrix = np.column_stack([design.fillna(design.median()).fillna(0.0).to_numpy(), gaps[:, gaps.any(axis=0)]])
    label = np.repeat([0, 1], [len(reference), len(new)])
    folds = min(5, int(np.bincount(label).min()))
    if folds < 2:
        return float("nan"), float("nan")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    score = cross_val_predict(
        model, matrix, label, cv=StratifiedKFold(folds, shuffle=True, random_state=0), method="decision_function"
    )
    return _auc(score[label == 1], score[label == 0])


def _auc(cases: np.ndarray, controls: np.ndarray) -> tuple[float, float]:
    ordered = np.sort(controls)
    own = (np.searchsorted(ordered, cases, "left") + np.searchsorted(ordered, cases, "right")) / (2 * controls.size)
    ranked = np.sort(cases)
    other = 1 - (np.searchsorted(ranked, controls, "left") + np.searchsorted(ranked, controls, "right")) / (
        2 * cases.size
    )
    variance = own.var() / cases.size + other.var() / controls.size
    return float(own.mean()), float(np.sqrt(variance))
