"""Are the predicted risks right?

The observed risk is estimated at each predicted risk, with an interval; ICI summarises the distance from the diagonal.
"""

import sys
from pathlib import Path

import numpy as np

import lbp_prognosis as lbp

rng = np.random.default_rng(2)
pain = rng.normal(size=800)
recovery, lost = rng.exponential(9 * np.exp(0.6 * pain)), rng.uniform(6, 24, 800)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
risk = 1 - np.exp(-12 / 9 * np.exp(-1.1 * pain))  # too extreme: the true coefficient is 0.6
found = lbp.calibration(y, risk, 12)
for name in ("observed_expected", "calibration_slope", "ici"):
    row = getattr(found, name)
    print(f"{name}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
ax = found.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/calibration.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
