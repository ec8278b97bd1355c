"""What score will the patient have at twelve months?

An ordinal model predicts the distribution of the score. A cut is applied to the distribution, not to the data.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.models import OrdinalRegression

rng = np.random.default_rng(8)
X = pd.DataFrame({"nrs": rng.integers(3, 10, 700), "expectation": rng.normal(size=700)})
pain = np.clip(np.round(0.6 * X["nrs"] - 1.2 * X["expectation"] + rng.logistic(0, 1.2, 700)), 0, 10)
new = rng.random(700) < 0.5
y = lbp.Measured.at(12, pain, lower=0, upper=10)
forecast = OrdinalRegression().fit(X[~new], y[~new]).predict_forecast(X[new])
found = lbp.evaluate(y[new], {"ordinal": forecast}).to_frame().set_index("metric")
names = ["crps", "ordinal_concordance", "mae", "mean_calibration_slope"]
print(found.loc[names, ["value", "low", "high"]].round(3).to_string())
print("P(at most 2), first patient:", forecast.at_most(2)[0].round(3))
ax = lbp.evaluation.pit(y[new], forecast).plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/scores.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
