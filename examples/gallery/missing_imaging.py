"""What if half the patients have no MRI?

A model per pattern of modalities: patients without imaging get the risk of a model that never asks for it.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.fusion import PatternSubmodels

rng, n = np.random.default_rng(22), 800
X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["pain", "disc"])
recovery, lost = rng.exponential(9 * np.exp(0.6 * X["pain"] + 0.6 * X["disc"])), rng.uniform(6, 24, n)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
imaged = rng.random(n) < 1 / (1 + np.exp(-X["pain"]))  # those in more pain are imaged more often
X.loc[~imaged, "disc"] = np.nan
new = np.arange(n) >= n // 2
model = PatternSubmodels(lbp.CoxPH(), {"clinical": ["pain"], "imaging": ["disc"]}, min_events=30)
risk = model.fit(X[~new], y[~new]).predict_risk(X[new], 12)[:, 0]
for name, rows in {"imaged": imaged[new], "not imaged": ~imaged[new]}.items():
    found = lbp.evaluate(y[new][rows], {"model": risk[rows]}, 12, n_resamples=50)
    for metric in ("auc", "observed_expected"):
        row = found.metric(metric, "model")
        print(f"{name}, {metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
ax = lbp.calibration(y[new], risk, 12, n_resamples=50).plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/missing_imaging.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
