"""Can a scikit-learn or scikit-survival model be judged?

Estimators with ``predict_proba`` or ``predict_survival_function`` are wrapped, and judged by calibration too.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

import lbp_prognosis as lbp
from lbp_prognosis.models import LogisticRisk, as_risk_model

rng = np.random.default_rng(31)
X = pd.DataFrame(rng.normal(size=(600, 4)), columns=["pain", "age", "disc", "fat"])
y = lbp.Status.at(12, rng.random(600) < 1 / (1 + np.exp(X["pain"] + 0.4 * X["disc"])))
new = np.arange(600) >= 300
forest = as_risk_model(RandomForestClassifier(100, min_samples_leaf=3, random_state=1))
models = {"forest": forest, "logistic": LogisticRisk()}
risks = {name: model.fit(X[~new], y[~new]).predict_risk(X[new], 12)[:, 0] for name, model in models.items()}
found = lbp.evaluate(y[new], risks, n_resamples=50)
for name in models:
    for metric in ("auc", "ipa", "calibration_slope"):
        row = found.metric(metric, name)
        print(f"{name}, {metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
ax = found.calibrations["forest"].plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/from_scikit_learn.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
