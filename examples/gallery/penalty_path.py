"""Which predictors survive a penalty?

Coefficients of the lasso from a strong penalty to a weak one, and the penalty that cross-validation chooses.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.models import ElasticNetCox

rng = np.random.default_rng(24)
X = pd.DataFrame(rng.normal(size=(250, 10)), columns=["pain", "expectation", *(f"texture {k}" for k in range(1, 9))])
recovery, lost = rng.exponential(9 * np.exp(0.6 * X["pain"] - 0.3 * X["expectation"])), rng.uniform(6, 24, 250)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
model = ElasticNetCox(n_lambdas=40, cv=5, choose="1se", random_state=1).fit(X, y)
kept = X.columns[model.coef_ != 0]
print(f"penalty {model.lambda_:.3f} keeps {len(kept)} of {X.shape[1]}:", ", ".join(kept))
fig, ax = plt.subplots(figsize=(6.4, 4))
for name, course in zip(X, model.coef_path_.T, strict=True):
    ax.plot(model.lambdas_, course, label=name if name in kept else None, color=None if name in kept else "0.7")
ax.axvline(model.lambda_, color="0.3", linestyle=":")
ax.set(xscale="log", xlabel="penalty", ylabel="coefficient, log hazard")
ax.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/penalty_path.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
