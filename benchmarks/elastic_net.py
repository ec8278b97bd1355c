"""Elastic-net Cox paths against glmnet and scikit-survival: many patients, and more columns than patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort, frame
from lbp_prognosis._kernels import cox_data, cox_path

SHAPES = [(5000, 500, 2.0), (400, 2000, 1.0)]  # rows, columns, decades of penalties


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds and ratios by shape and contender, at the same 100 penalties and the same mixing of 0.5."""
    contest = contest or Contest(5)
    rows = []
    for n, p, decades in SHAPES:
        X, time, event = cohort(n, p)
        columns = (X - X.mean(axis=0)) / X.std(axis=0)
        first = cox_path(cox_data(columns, time, event), n_lambdas=1, alpha=0.5).lambdas[0]
        penalties = first * np.logspace(0, -decades, 100)
        data = contest.share(f"path_{n}_{p}", {"X": X, "time": time, "event": event, "penalties": penalties})

        def ours(columns=columns, time=time, event=event, penalties=penalties):
            return cox_path(cox_data(columns, time, event), lambdas=penalties, alpha=0.5)

        rows += contest.race(
            f"elastic-net path, 100 penalties, {p} columns",
            n,
            ours,
            [("scikit-survival Coxnet", "python", "coxnet"), ("glmnet", "R", "glmnet")],
            data=data,
        )
    return frame(rows)


if __name__ == "__main__":
    main()
