"""A validation run that another process starts and kills."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.validation import bootstrap_validate, cross_validate_risk


def run(checkpoint: str | None) -> dict[str, np.ndarray]:
    """Return the numbers of a bootstrap and of a cross-validation."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 4))
    t, c = rng.exponential(10 * np.exp(-X[:, 0])), rng.uniform(5, 20, 400)
    y = Surv.right(np.ceil(np.minimum(t, c)), (t <= c).astype(int))
    where = [None, None] if checkpoint is None else [f"{checkpoint}/boot", f"{checkpoint}/folds"]
    boot = bootstrap_validate(
        CoxPH(), X, y, [6, 9], thresholds=[0.3], n_resamples=20, random_state=7, checkpoint=where[0]
    )
    folds = cross_validate_risk(CoxPH(), X, y, 6, n_splits=5, n_repeats=12, random_state=8, checkpoint=where[1])
    return {"corrected": boot.corrected, "low": boot.low, "resampled": boot.resampled, "risk": folds.risks["CoxPH"]}


def run_and_write(checkpoint: str, result: str) -> None:
    """Run, and write the numbers to a file when all is done."""
    numbers = run(checkpoint)
    unfinished = Path(result).with_suffix(".part.npz")
    np.savez(unfinished, allow_pickle=False, **numbers)
    unfinished.rename(result)
