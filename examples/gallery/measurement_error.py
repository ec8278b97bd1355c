"""What does measurement error do to a biomarker?

Error pulls a coefficient towards zero. SIMEX adds more of it, and extrapolates back to none.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.models import simex

rng = np.random.default_rng(21)
fat = rng.normal(size=400)
recovery, lost = rng.exponential(10 * np.exp(0.7 * fat)), rng.uniform(6, 24, 400)  # the true log hazard ratio is -0.7
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
X = pd.DataFrame({"fat": fat + rng.normal(0, 0.6, 400)})  # reading error known from repeated readings
found = simex(lbp.CoxPH(), X, y, {"fat": 0.6}, replicates=20, random_state=1)
for row in found.to_frame().itertuples():
    print(f"{row.metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
fig, ax = plt.subplots(figsize=(6.4, 4))
ax.plot(found.multipliers, found.grid[:, 0], "o", label="coefficient with more error")
ax.plot(-1, found.corrected[0], "D", label="extrapolated to none")
ax.axhline(-0.7, color="0.5", linestyle=":", label="truth")
ax.set(xlabel="added error variance (multiples of the reading error)", ylabel="log hazard ratio of fat")
ax.legend()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/measurement_error.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
