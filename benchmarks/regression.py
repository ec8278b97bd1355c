"""Cox regression: one large fit, a penalised path, and two hundred weighted fits, against Python's peers and R.

python -m benchmarks.regression
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort, frame
from lbp_prognosis._kernels import cox_data, cox_fit_prepared, cox_path
from lbp_prognosis.evaluation import concordance
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds and ratios by task and contender."""
    contest = contest or Contest()
    rows = []
    n = 1_000_000
    X, time, event = cohort(n, 20)
    y, data = Surv.right(time, event), contest.share("cox", {"X": X, "time": time, "event": event})
    rows += contest.race(
        "Cox, Efron, 20 columns, all of CoxPH",
        n,
        lambda: CoxPH().fit(X, y),
        [("R coxph", "R", "coxph"), ("lifelines", "python", "lifelines_cox")],
        data=data,
    )
    rows += contest.race(
        "Cox, Efron, 20 columns, the fit alone",
        n,
        lambda: cox_fit_prepared(cox_data(X, time, event)),
        [("R coxph.fit (its C core)", "R", "coxph_core")],
        data=data,
        target=1.0,
    )

    n = 5000
    X, time, event = cohort(n, 500)
    columns = X / X.std(axis=0)
    first = cox_path(cox_data(columns, time, event), n_lambdas=2, alpha=0.5).lambdas[0]
    penalties = first * np.logspace(0, -2, 100)
    data = contest.share("path", {"X": X, "time": time, "event": event, "penalties": penalties})
    rows += contest.race(
        "elastic-net path, 100 penalties, 500 columns",
        n,
        lambda: cox_path(cox_data(columns, time, event), lambdas=penalties, alpha=0.5),
        [("scikit-survival Coxnet", "python", "coxnet"), ("glmnet", "R", "glmnet")],
        data=data,
    )

    n = 2000
    X, time, event = cohort(n, 20)
    y, data = Surv.right(time, event), contest.share("bootstrap", {"X": X, "time": time, "event": event})

    def resamples() -> list[float]:
        rng, prepared = np.random.default_rng(0), cox_data(X, time, event)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=200).astype(float)
        return [concordance(y, X @ cox_fit_prepared(prepared, weights=w, frequency=True).coef).value for w in weights]

    rows += contest.race(
        "200 Cox fits on bootstrap weights, and their C",
        n,
        resamples,
        [("R coxph.fit and concordancefit", "R", "bootstrap"), ("lifelines", "python", "lifelines_bootstrap")],
        data=data,
        target=0.6,
        scale={"bootstrap": 10.0, "lifelines_bootstrap": 40.0},
    )
    return frame(rows)


if __name__ == "__main__":
    main()
