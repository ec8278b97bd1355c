"""Model files and formulas: what a program does with what it is given, whole, damaged or absurdly long.

python -m benchmarks.files
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, frame
from lbp_prognosis import LBPError
from lbp_prognosis.deployment import load_model, lock, save_model
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline, Standardise, from_formula
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv

LONG = ("age+" * 2499 + "age", "(" * 5000 + "age" + ")" * 4000, "log(" * 2400 + "age", "(a+b)*" * 1600 + "c")


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds by task."""
    contest = contest or Contest()
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 200)), columns=[f"f{k}" for k in range(200)])
    months, status = rng.exponential(10, 400), rng.random(400) < 0.7
    y = Surv.right(months, status)
    locked = lock(RiskPipeline([Standardise()], CoxPH(penalty=50.0)).fit(X, y))
    holes = X.mask(rng.random(X.shape) < 0.05)
    imputed = RiskPipeline([MultipleImputation(m=5, iterations=1)], CoxPH(penalty=5.0)).fit(holes, y)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        whole, torn = Path(folder) / "whole.lbpm", Path(folder) / "torn.lbpm"

        def there_and_back(model) -> None:
            save_model(model, whole, reason="a benchmark")
            load_model(whole)

        task = "pipeline of 200 columns and 5 completed tables locked, saved and read"
        rows += contest.race(task, 400, lambda: there_and_back(imputed), target=0.05)
        rows += contest.race("model of 200 columns saved and read", 400, lambda: there_and_back(locked), target=0.05)
        data = bytearray(whole.read_bytes())
        data[len(data) // 2] ^= 1
        torn.write_bytes(bytes(data))
        rows += contest.race("damaged model file refused", 400, lambda: _refused(lambda: load_model(torn)), target=1.0)
    table = pd.DataFrame({"months": months, "status": status.astype(int), "age": X["f0"]})
    for right in LONG:
        task = f"formula of {len(right)} characters: {right[:8]} …"
        rows += contest.race(
            task, 400, lambda r=right: _refused(lambda: _fitted(f"Surv(months, status) ~ {r}", table)), target=2.0
        )
    return frame(rows)


def _fitted(formula: str, table: pd.DataFrame) -> None:
    pipeline, X, y = from_formula(CoxPH(), formula, table)
    pipeline.fit(X, y)


def _refused(call) -> None:
    try:
        call()
    except LBPError:
        pass


if __name__ == "__main__":
    main()
