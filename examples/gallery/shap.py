"""Why does this patient have this risk?

Each predictor's contribution in one patient, from the mean risk of the background to the patient's own.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.explain import shap_values

rng = np.random.default_rng(25)
X = pd.DataFrame(rng.normal(size=(400, 4)), columns=["pain", "expectation", "disc height", "fat fraction"])
recovery = rng.exponential(9 * np.exp(0.7 * X["pain"] - 0.5 * X["expectation"] + 0.3 * X["fat fraction"]))
lost = rng.uniform(6, 24, 400)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
model = lbp.CoxPH().fit(X, y)
found = shap_values(model, X.head(1), X.iloc[100:200], scale="risk", horizons=[12])
print(f"mean risk {found.base[0, 0]:.3f}, risk of the patient {found.prediction[0, 0]:.3f}")
for name, value in zip(found.players, found.values[0, :, 0], strict=True):
    print(f"  {name}: {value:+.3f}")
ax = found.plot_waterfall()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/shap.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
