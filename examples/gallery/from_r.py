"""I know R: how do the two compare?

R's ``survival`` on the leukaemia table ``aml``, side by side with the same numbers here.
"""

import sys
from pathlib import Path

import pandas as pd

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.survival import kaplan_meier, log_rank

times = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161, 5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45]
status = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
x = pd.DataFrame({"nonmaintained": [0] * 11 + [1] * 12})
y = Surv.right(times, status)
model = CoxPH().fit(x, y)
row = model.to_frame().iloc[0]
print("> coef(summary(coxph(Surv(time, status) ~ x, aml)))   # R: 0.9155 2.498 0.5119")
print(f"coef {row['coef']:.4f}, hazard ratio {row['hr']:.3f}, standard error {row['se']:.4f}")
print('> summary(survfit(Surv(time, status) ~ 1, aml, conf.type = "log-log"), 24)   # R: 0.5466 (0.3193 to 0.7264)')
at = kaplan_meier(y).at(24)
print(f"survival {at.value:.4f} ({at.low:.4f} to {at.high:.4f})")
print("> survdiff(Surv(time, status) ~ x, aml)   # R: Chisq = 3.4")
print(f"log-rank chi-squared {log_rank(y, x['nonmaintained']).statistic:.1f}")
ax = kaplan_meier(y, strata=x["nonmaintained"].map({0: "maintained", 1: "nonmaintained"})).plot(unit="weeks")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/from_r.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
