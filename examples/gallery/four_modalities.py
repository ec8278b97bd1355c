"""Which of four modalities is worth having?

For each modality: its worth alone, its Shapley share, and what it adds to the three others.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.fusion import Standardise

registry = lbp.simulate_cohort(300, 16, sites=4, imaging="all", imaging_effect=3.0, surgery=0.0, missingness=0.0)
X, y, modalities = registry.wide()
y = lbp.Surv.right(y["time"], y["event"] == 1)  # 1 recovery; months
model = lbp.RiskPipeline([Standardise()], lbp.CoxPH(penalty=5.0))
added = lbp.added_value(
    model, X, y, modalities, 12, [0.45], modality="imaging", target="no_event", n_splits=3, n_repeats=1, random_state=1
)
shares = added.shares.query("metric == 'ipa'").pivot(index="modality", columns="share", values="value")
print(shares[["first_in", "shapley", "last_in"]].round(3).to_string())
row = added.difference("ipa", 12)
print(f"imaging, last in: {row['value']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})")
ax = added.plot(metric="ipa")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/four_modalities.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
