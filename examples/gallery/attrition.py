"""What if those who did not come back are different?

Weights mend what the predictors explain. Delta says how different the others must be to change the conclusion.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.validation import attrition_weights, delta_sensitivity

rng = np.random.default_rng(11)
X = pd.DataFrame({"pain": rng.normal(size=600), "age": rng.normal(size=600)})
risk = 1 / (1 + np.exp(0.4 + 0.9 * X["pain"].to_numpy()))  # of recovery: the true one
recovered = rng.random(600) < risk
seen = rng.random(600) < 1 / (1 + np.exp(-1.0 - 0.8 * X["pain"] + 0.7 * recovered))  # the recovered stay away
y = lbp.Status.at(12, np.where(seen, recovered, -1))
for name, weights in {"those seen": None, "weighted": attrition_weights(y, X).weights}.items():
    found = lbp.calibration(y, risk, sample_weight=weights).observed_expected
    print(f"O/E, {name}: {found.value:.3f} ({found.low:.3f} to {found.high:.3f})")
delta = delta_sensitivity(y, X, risk, imputations=5)
table = delta.table.query("metric == 'observed_expected'")
print(table[["delta", "value", "low", "high"]].round(3).to_string(index=False))
ax = delta.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/attrition.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
