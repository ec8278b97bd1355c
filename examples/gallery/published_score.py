"""Is a published score any good in my data?

The equation is judged as printed; then the smallest update that the new patients do not contradict is chosen.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.deployment import published_model
from lbp_prognosis.validation import external_validate, update_model

score, rng = published_model("verwoerd_2024"), np.random.default_rng(1)  # chronic neck pain at 6 months
X = pd.DataFrame({name: rng.integers(0, 11, 500) for name in score.feature_names_in_})
X["female"], X["other_body_regions"] = rng.integers(0, 2, (2, 500))
X["headache"] = rng.choice(["none", "accompanying", "chronic"], 500)
X["posture_at_work"] = rng.choice(["good", "neutral or impossible", "not working"], 500)
truth = 1 / (1 + np.exp(1.4 - 0.6 * score.linear_predictor(X)))  # simulated: another level, weaker predictors
y = lbp.Status.at(6, rng.random(500) < truth)
found = external_validate({"as published": score}, X, y, kind="geographic", n_resamples=50).evaluation
for metric in ("auc", "observed_expected", "calibration_slope"):
    row = found.metric(metric, "as published")
    print(f"{metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
print("smallest update:", update_model(score, X, y).method)
ax = found.calibrations["as published"].plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/published_score.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
