"""Do folds by hospital tell another story than folds by patient?

Random folds mix the hospitals. Here, the risks of each hospital come from models fitted in the others alone.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.fusion import Standardise
from lbp_prognosis.validation import cross_validate_risk

registry = lbp.simulate_cohort(300, 13, sites=6, site_sd=0.6, imaging="all", surgery=0.0, missingness=0.0)
X, y, modalities = registry.wide()
y = lbp.Surv.right(y["time"], y["event"] == 1)  # 1 recovery; months
model = {"Cox": lbp.RiskPipeline([Standardise()], lbp.CoxPH(penalty=1.0))}
by_patient = cross_validate_risk(model, X, y, 12, n_splits=6, n_repeats=1, random_state=1)
by_hospital = cross_validate_risk(model, X, y, 12, groups=registry.site, n_splits=6, n_repeats=1)
for name, folds in {"patient": by_patient, "hospital": by_hospital}.items():
    found = folds.evaluate(n_resamples=50)
    for metric in ("auc", "ipa"):
        row = found.metric(metric, "Cox")
        print(f"folds by {name}, {metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
ax = found.calibrations["Cox"].plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/leave_one_site_out.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
