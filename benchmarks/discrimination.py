"""Concordance, AUC(t) and prediction error with standard errors, against lifelines, scikit-survival and R.

python -m benchmarks.discrimination
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort, frame
from lbp_prognosis.evaluation import brier, concordance, integrated_brier, time_dependent_auc
from lbp_prognosis.survival import Surv

FIVE = np.array([200.0, 500, 800, 1100, 1400])
FIFTY = np.linspace(30, 1700, 50).round()


def _shared(contest: Contest, n: int, horizons: np.ndarray | None):
    X, time, event = cohort(n, 20)
    score = X @ np.linspace(-0.3, 0.3, 20)
    arrays = {"time": time, "event": event, "score": score}
    risk = np.empty((n, 0))
    if horizons is not None:
        risk = -np.expm1(-np.exp(score)[:, None] * (horizons / 4000) ** 1.2)
        arrays |= {"risk": risk, "horizons": horizons}
    name = f"discrimination-{n}-{0 if horizons is None else horizons.size}"
    return Surv.right(time, event), score, risk, contest.share(name, arrays)


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds and ratios by task and contender."""
    contest = contest or Contest()
    rows = []
    y, score, _, data = _shared(contest, 1_000_000, None)
    rows += contest.race(
        "Harrell's C with SE",
        1_000_000,
        lambda: concordance(y, score),
        [("R survival::concordance", "R", "concordance"), ("lifelines, no SE", "python", "lifelines_concordance")],
        data=data,
        target=0.8,
    )
    rows += contest.race(
        "Uno's C with SE",
        1_000_000,
        lambda: concordance(y, score, weighting="uno"),
        [("R survival::concordance, n/G2", "R", "uno")],
        data=data,
        target=0.8,
    )
    y, score, risk, data = _shared(contest, 10_000, FIVE)
    rows += contest.race(
        "Harrell's C with SE",
        10_000,
        lambda: concordance(y, score),
        [
            ("R survival::concordance", "R", "concordance"),
            ("lifelines, no SE", "python", "lifelines_concordance"),
            ("scikit-survival, no SE", "python", "sksurv_concordance"),
        ],
        data=data,
    )
    rows += contest.race(
        "Uno's C with SE",
        10_000,
        lambda: concordance(y, score, weighting="uno"),
        [("R survival::concordance, n/G2", "R", "uno"), ("scikit-survival, no SE", "python", "sksurv_uno")],
        data=data,
    )
    y, score, risk, data = _shared(contest, 100_000, FIVE)
    rows += contest.race(
        "AUC(t) at 5 times with intervals",
        100_000,
        lambda: time_dependent_auc(y, risk, FIVE),
        [("riskRegression::Score", "R", "score_auc"), ("scikit-survival, no SE", "python", "sksurv_auc")],
        data=data,
        target=0.1,
    )
    y, score, risk, data = _shared(contest, 100_000, FIFTY)
    rows += contest.race(
        "Brier and IPA at 50 times with intervals",
        100_000,
        lambda: brier(y, risk, FIFTY),
        [("riskRegression::Score", "R", "score_brier"), ("scikit-survival, no SE", "python", "sksurv_brier")],
        data=data,
        target=0.05,
    )
    rows += contest.race("integrated Brier over 50 times with SE", 100_000, lambda: integrated_brier(y, risk, FIFTY))
    return frame(rows)


if __name__ == "__main__":
    main()
