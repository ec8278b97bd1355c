"""Attributions of many patients: log hazards and risks of a Cox model, and risks of boosted trees by modality.

python -m benchmarks.explain

The package shap runs beside, on a few of the patients: its seconds are those of all of them in proportion.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort
from lbp_prognosis.explain import prediction_shapley, shap_interactions, shap_values
from lbp_prognosis.models import BoostedCox, CoxPH
from lbp_prognosis.survival import Surv

COLUMNS, BACKGROUND, FEW = 50, 100, 4
HORIZON = 1095.0


def by_shap(model: Any, X: pd.DataFrame, background: pd.DataFrame) -> Any:
    """Sample orders of the columns, as shap does for more than a few."""
    import shap

    masker = shap.maskers.Independent(background.to_numpy(), max_samples=len(background))

    def risk(matrix: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_risk(pd.DataFrame(matrix, columns=X.columns), HORIZON)[:, 0])

    return lambda: shap.explainers.Permutation(risk, masker)(X[:FEW].to_numpy(), max_evals=10 * (2 * COLUMNS + 1))


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds by task and contender; bounds of errors are in the notes."""
    contest = contest or Contest(rounds=1)
    n = 10_000
    matrix, time, event = cohort(n, COLUMNS)
    X = pd.DataFrame(matrix, columns=[f"x{j}" for j in range(COLUMNS)])
    y = Surv.right(time, event)
    cox, background = CoxPH().fit(X, y), X[-BACKGROUND:]
    rows = contest.race(
        f"log hazard, {COLUMNS} columns", 500, lambda: shap_values(cox, X[:500], background), target=0.1
    )
    asked: dict[str, Any] = {"scale": "risk", "horizons": HORIZON}
    bounds: list[float] = []

    def risks() -> None:
        bounds.append(shap_values(cox, X, background, **asked).error_bound or 0.0)

    rows += contest.race(f"risk, {COLUMNS} columns", n, risks, target=60.0)
    rows[-1]["note"] = f"error at most {max(bounds):.1e}"
    print(rows[-1]["note"], flush=True)
    rows += in_proportion(contest, f"risk, {COLUMNS} columns, shap, 10 orders", n, by_shap(cox, X, background))
    groups = {f"modality {k}": [f"x{j}" for j in range(k, COLUMNS, 4)] for k in range(4)}
    trees = BoostedCox(rounds=500, select_rounds=False, folds=2).fit(X[:2000], y[:2000])
    rows += contest.race(
        "boosted, 500 trees, risk by 4 modalities",
        n,
        lambda: prediction_shapley(trees, X, groups, background, horizons=HORIZON),
        target=60.0,
    )
    few = {f"group {k}": [f"x{j}" for j in range(k, COLUMNS, 12)] for k in range(12)}
    rows += contest.race(
        "boosted, 500 trees, interactions of 12 groups",
        20,
        lambda: shap_interactions(trees, X[:20], background, groups=few, players="groups", **asked),
    )
    return pd.DataFrame(rows)


def in_proportion(contest: Contest, task: str, n: int, call: Any) -> list[dict[str, Any]]:
    """Time a few patients, and return the seconds of all."""
    rows = contest.race(task, n, call, note=f"{FEW} patients timed, times {n // FEW}")
    return [{**row, "contender": "shap", "seconds": row["seconds"] * n / FEW} for row in rows]


if __name__ == "__main__":
    main()
