"""Does the model hold at a new hospital?

Internal–external validation: each hospital is left out once. The prediction interval says what a seventh may expect.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.fusion import Standardise
from lbp_prognosis.validation import internal_external

registry = lbp.simulate_cohort(900, 12, sites=6, site_sd=0.35, imaging="all", surgery=0.0, missingness=0.0)
X, y, modalities = registry.wide()
y = lbp.Surv.right(y["time"], y["event"] == 1)  # 1 recovery; months
model = lbp.RiskPipeline([Standardise()], lbp.CoxPH(penalty=1.0))
sites = internal_external({"Cox": model}, X, y, registry.site, 12, n_resamples=0)
for metric in ("auc", "observed_expected", "calibration_slope"):
    pooled = sites.pooled(metric, model="Cox", horizon=12)
    low, high = pooled.prediction_profile
    print(f"{metric}: {pooled.value:.3f} ({pooled.low:.3f} to {pooled.high:.3f}), next {low:.3f} to {high:.3f}")
ax = sites.plot(metric="observed_expected", model="Cox", horizon=12)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/six_hospitals.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
