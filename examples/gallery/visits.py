"""What if recovery is known only at visits?

Recovery lies between two visits. Dating it at the visit that found it makes every recovery late.
"""

import sys
from pathlib import Path

import numpy as np

import lbp_prognosis as lbp
from lbp_prognosis.survival import kaplan_meier, turnbull

rng = np.random.default_rng(7)
truth = rng.exponential(10, 500)
visits = np.array([0.0, 3, 6, 12, 24])  # months; one visit in four is missed
attended = (rng.random((500, 5)) < 0.75) | (visits == 0)
lower = np.where(attended & (visits < truth[:, None]), visits, 0).max(axis=1)
upper = np.where(attended & (visits >= truth[:, None]), visits, np.inf).min(axis=1)
y = lbp.Surv.interval(lower, upper, np.isfinite(upper))
curve, late = turnbull(y), kaplan_meier(lbp.Surv.interval_to_right(y, at="visit"))
for month in (3, 6, 12):
    at = curve.at(month)
    found = f"Turnbull {1 - at.value:.3f} ({1 - at.high:.3f} to {1 - at.low:.3f})"
    dated = f"dated at the visit {1 - late.at(month).value:.3f}"
    print(f"by month {month}: true {1 - np.exp(-month / 10):.3f}, {found}, {dated}")
ax = curve.plot(unit="months")
late.plot(ax, risk_table=False, band=False, unit="months")
ax.text(13, late.at(13).value + 0.02, "dated at the visit")
ax.text(13, curve.at(12).value - 0.05, "Turnbull")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/visits.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
