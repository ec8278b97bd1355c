"""How much of the apparent performance is optimism?

The whole pipeline is repeated in bootstrap samples; what it loses on the original patients is the optimism.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.validation import bootstrap_validate

rng = np.random.default_rng(14)
X = pd.DataFrame(rng.normal(size=(150, 12))).add_prefix("x")  # twelve predictors, one of which matters
recovery, lost = rng.exponential(10 * np.exp(-0.6 * X["x0"])), rng.uniform(6, 24, 150)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
found = bootstrap_validate(lbp.CoxPH(), X, y, 12, n_resamples=50, random_state=1)
for metric in ("concordance", "calibration_slope", "ipa"):
    row = found.at(metric)
    corrected = f"{row['corrected']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
    print(f"{metric}: apparent {row['apparent']:.3f}, optimism {row['optimism']:.3f}, corrected {corrected}")
ax = found.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/optimism.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
