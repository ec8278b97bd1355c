"""Is the model still right three years later?

A chart adds up the evidence that odds have changed; its limit keeps false alarms at the declared rate.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.deployment import monitor

rng, end = np.random.default_rng(27), pd.Timestamp("2024-01-01")


def half_year(start, ratio):
    """Patients of half a year whose hazard is ``ratio`` times the one at development."""
    X = pd.DataFrame({"pain": rng.normal(size=120)})
    entry = pd.Timestamp(start) + pd.to_timedelta(np.sort(rng.integers(0, 180, 120)), unit="D")
    time = rng.exponential(1 / (0.04 * ratio * np.exp(0.7 * X["pain"])))
    left = np.maximum((end - entry).days / 30.44, 0.01)
    return X, lbp.Surv.right(np.minimum(time, left), time <= left), entry


X, y, _ = half_year("2019-01-01", 1.0)
model = lbp.CoxPH().fit(X, y)
starts = {"2020-01": 1.0, "2020-07": 1.0, "2021-01": 1.0, "2021-07": 1.7, "2022-01": 1.7, "2022-07": 1.7}
report = monitor(model, [half_year(*item) for item in starts.items()], horizon=12, false_alarms_per_year=0.1, until=end)
print(report.windows[["batch", "observed_expected", "low", "high"]].round(2).to_string(index=False))
print(report.alarms[["date", "direction", "patient"]].head(2).to_string(index=False))
ax = report.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/drift.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
