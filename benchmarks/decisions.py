"""Decision curves, calibration, and everything at once, against dcurves, lifelines and riskRegression.

python -m benchmarks.decisions
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort, frame
from lbp_prognosis.evaluation import calibration, decision_curve, evaluate
from lbp_prognosis.survival import Surv

THRESHOLDS = np.arange(1, 100) / 100


def _risk(X: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    return -np.expm1(-np.exp(X @ np.linspace(-0.3, 0.3, 20))[:, None] * (horizons / 4000) ** 1.2)


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds and ratios by task and contender."""
    contest = contest or Contest()
    n, year = 10_000, np.array([1095.0])
    X, time, event = cohort(n, 20)
    y, risk = Surv.right(time, event), _risk(X, year)[:, 0]
    data = contest.share(
        "decisions", {"X": X, "time": time, "event": event, "risk": risk, "horizons": year, "thresholds": THRESHOLDS}
    )
    rows = contest.race(
        "decision curve, 99 thresholds, 500 resamples",
        n,
        lambda: decision_curve(y, risk, year[0], THRESHOLDS, n_resamples=500),
        [("dcurves, a curve per resample", "python", "dcurves_curve")],
        data=data,
        target=0.3,
        scale={"dcurves_curve": 501.0},
    )
    rows += contest.race(
        "calibration curve, ICI and E50 with intervals",
        n,
        lambda: calibration(y, risk, year[0]).ici,
        [
            ("riskRegression::plotCalibration, no indices", "R", "plot_calibration"),
            ("lifelines (own model, no intervals)", "python", "lifelines_calibration"),
        ],
        data=data,
        target=0.02,
    )
    n, horizons = 5000, np.array([365.0, 730, 1095])
    X, time, event = cohort(n, 20)
    y, grid = Surv.right(time, event), np.linspace(0.05, 0.6, 40)
    risks = {"full": _risk(X, horizons), "half": _risk(np.where(np.arange(20) % 2, X, 0.0), horizons)}
    scores = {name: np.log(-np.log1p(-risk[:, 0])) for name, risk in risks.items()}
    rows += contest.race(
        "evaluate: 2 models, 3 horizons, 40 thresholds",
        n,
        lambda: evaluate(y, risks, horizons, grid, linear_predictors=scores),
        target=1.0,
    )
    return frame(rows)


if __name__ == "__main__":
    main()
