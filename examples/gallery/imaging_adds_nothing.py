"""What does it look like when the MRI adds nothing?

In these patients nothing seen on imaging changes recovery: alone it predicts next to nothing, added it is noise.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.fusion import Standardise

registry = lbp.simulate_cohort(400, 5, sites=4, imaging="all", imaging_effect=0.0, surgery=0.0, missingness=0.0)
X, y, modalities = registry.wide()
y = lbp.Surv.right(y["time"], y["event"] == 1)  # 1 recovery; months
groups = {"history": [*modalities["clinical"], *modalities["patient_reported"]], "imaging": list(modalities["imaging"])}
model = lbp.RiskPipeline([Standardise()], lbp.CoxPH(penalty=1.0))
added = lbp.added_value(
    model, X, y, groups, 12, [0.3, 0.4, 0.5, 0.6], modality="imaging", target="no_event", n_repeats=1, random_state=1
)
shares = added.shares.query("metric == 'ipa' and modality == 'imaging'").set_index("share")
print(f"imaging alone, ipa: {shares.loc['first_in', 'value']:+.3f}")
for metric, threshold in (("auc", None), ("ipa", None), ("net_benefit", 0.4)):
    row = added.difference(metric, 12, threshold)
    print(f"added, {metric}: {row['value']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})")
ax = added.evaluation.decision.plot(horizon=12)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/imaging_adds_nothing.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
