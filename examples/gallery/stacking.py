"""Which of several models should I trust?

A stack learns its weights from risks of the other folds; a learner that adds nothing gets weight zero.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.models import NullModel, StackedRisk

rng = np.random.default_rng(23)
X = pd.DataFrame(rng.normal(size=(400, 3)), columns=["pain", "disc", "noise"])
recovery, lost = rng.exponential(9 * np.exp(0.7 * X["pain"] + 0.5 * X["disc"])), rng.uniform(6, 24, 400)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
blocks = {"clinical": ["pain"], "imaging": ["disc"], "gait": ["noise"]}
learners = {"clinical": lbp.CoxPH(), "imaging": lbp.CoxPH(), "gait": lbp.CoxPH(), "null": NullModel()}
stack = StackedRisk(learners, modalities=blocks, horizons=[12], cv=5, always=(), random_state=1).fit(X, y)
weights = stack.weights_.set_index("learner")
print(weights[["weight", "low", "high"]].round(3).to_string())
print(stack.cross_validated_loss_[["learner", "loss", "se"]].round(4).to_string(index=False))
fig, ax = plt.subplots(figsize=(6.4, 3))
ax.barh(weights.index, weights["weight"], color="#0072b2")
ax.hlines(weights.index, weights["low"], weights["high"], color="0.2")
ax.set(xlabel="weight in the stack, 95% interval", xlim=(0, 1))

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/stacking.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
