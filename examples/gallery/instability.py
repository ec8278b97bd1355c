"""Would another sample give this patient another risk?

Risks of the same patients from models of bootstrap samples: the spread that one model does not show.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.validation import bootstrap_validate

rng = np.random.default_rng(15)
X = pd.DataFrame(rng.normal(size=(150, 8))).add_prefix("x")
recovery, lost = rng.exponential(10 * np.exp(-0.6 * X["x0"])), rng.uniform(6, 24, 150)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
found = bootstrap_validate(lbp.CoxPH(), X, y, 12, n_resamples=50, keep_predictions=True, random_state=1)
spread = found.instability([0.5])
print(spread.to_frame()[["metric", "threshold", "value"]].round(3).to_string(index=False))
ax = spread.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/instability.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
