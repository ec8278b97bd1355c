"""Boosted models and the net, on one thread, and xgboost by hand beside them.

python -m benchmarks.boosting
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort
from lbp_prognosis.models import BoostedAFT, BoostedCox, BoostedHazard, MultimodalNet
from lbp_prognosis.survival import Surv

ROUNDS = 100


def by_hand(X: np.ndarray, time: np.ndarray, event: np.ndarray, objective: str) -> Callable[[], Any]:
    """xgboost's own objective: as many trees once, without folds, baseline or scale; no risk comes out of it."""
    import xgboost

    def fit() -> Any:
        table = xgboost.DMatrix(X, nthread=1)
        if objective == "survival:aft":
            table.set_float_info("label_lower_bound", time)
            table.set_float_info("label_upper_bound", np.where(event == 1, time, np.inf))
        else:
            table.set_label(np.where(event == 1, time, -time))
        settings = {"objective": objective, "max_depth": 2, "learning_rate": 0.1, "nthread": 1, "tree_method": "hist"}
        return xgboost.train(settings, table, ROUNDS)

    return fit


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds by task and contender."""
    contest = contest or Contest()
    rows = []
    n = 5000
    X, time, event = cohort(n, 50)
    y = Surv.right(time, event)
    settings: dict[str, Any] = {"rounds": ROUNDS, "select_rounds": False}
    note = "five folds and all rows: six times the trees"
    for name, model, objective in (
        ("BoostedCox", BoostedCox(**settings), "survival:cox"),
        ("BoostedAFT", BoostedAFT(**settings), "survival:aft"),
    ):
        rows += contest.race(f"{name}, {ROUNDS} trees, 50 columns", n, lambda m=model: m.fit(X, y), note=note)
        rows += contest.race(f"xgboost {objective}, {ROUNDS} trees", n, by_hand(X, time, event, objective))
    visits = np.unique(np.quantile(time, [0.1, 0.2, 0.4, 0.6]))  # many are followed to the same day
    hazard = BoostedHazard(visits, **settings)
    rows += contest.race(f"BoostedHazard, {ROUNDS} trees, 4 visits", n, lambda: hazard.fit(X, y), note=note)
    n = 1000
    X, time, event = cohort(n, 150)
    names = [f"x{j}" for j in range(150)]
    table, y = pd.DataFrame(X, columns=names), Surv.right(time, event)
    groups = {"clinical": names[:50], "imaging": names[50:100], "gait": names[100:]}
    for loss in ("discrete", "efron"):
        net = MultimodalNet(groups, loss=loss)
        rows += contest.race(
            f"MultimodalNet, {loss}, 3 × 50 columns, 5 nets", n, lambda m=net: m.fit(table, y), target=60.0
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
