"""Does the MRI add anything?

Models with and without imaging are fitted on the same folds, and their difference carries an interval.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.fusion import Standardise

registry = lbp.simulate_cohort(400, 3, sites=4, imaging="all", imaging_effect=5.0, surgery=0.0, missingness=0.0)
X, y, modalities = registry.wide()
y = lbp.Surv.right(y["time"], y["event"] == 1)  # 1 recovery; months
history = [column for name, part in modalities.items() if name != "imaging" for column in part]
groups = {"history": history, "imaging": list(modalities["imaging"])}
model = lbp.RiskPipeline([Standardise()], lbp.CoxPH(penalty=1.0))
added = lbp.added_value(
    model, X, y, groups, 12, [0.3, 0.45, 0.6], modality="imaging", target="no_event", n_repeats=1, random_state=1
)
for metric, threshold in (("auc", None), ("ipa", None), ("net_benefit", 0.45)):
    row = added.difference(metric, 12, threshold)
    print(f"added, {metric}: {row['value']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})")
ax = added.plot(metric="ipa")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/added_value.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
