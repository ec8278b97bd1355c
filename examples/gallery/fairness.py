"""Does the model serve all groups of patients?

Each group is compared with all patients. The gap that chance alone makes is taken off before it is judged.
"""

import sys
from pathlib import Path

import numpy as np

import lbp_prognosis as lbp
from lbp_prognosis.validation import fairness

rng = np.random.default_rng(17)
pain, insurance = rng.normal(size=900), rng.choice(["public", "private", "compensation"], 900)
true = 9 * np.exp(0.6 * pain + 0.5 * (insurance == "compensation"))  # mean time to recovery, months
recovery, lost = rng.exponential(true), rng.uniform(6, 24, 900)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
risk = 1 - np.exp(-12 / 10 * np.exp(-0.6 * pain))  # knows nothing of the insurance
found = fairness(y, risk, {"insurance": insurance}, 12, threshold=0.5, n_draws=500)
table = found.table.query("metric == 'observed_expected'")
for row in table.itertuples():
    ratio = f"ratio to all patients {row.value:.3f} ({row.low:.3f} to {row.high:.3f})"
    print(f"{row.group}: O/E {row.group_value:.3f}, {ratio}")
print(found.gaps[["metric", "gap_corrected", "p"]].round(3).to_string(index=False))
ax = found.plot(metric="observed_expected")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/fairness.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
