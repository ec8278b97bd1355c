"""What would happen without surgery?

Follow-up ends at surgery; patients like those operated who went without get more weight.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.validation import without_treatment

rng = np.random.default_rng(28)
pain = rng.normal(size=500)
event, surgery = rng.exponential(14 * np.exp(-0.5 * pain)), rng.exponential(25 * np.exp(-0.8 * pain))
lost = rng.uniform(5, 20, 500)
end = np.minimum(event, lost)
y = lbp.Surv.right(end, event <= lost)  # an event such as sick leave, followed through surgery
X = pd.DataFrame({"pain": pain})
history = X.assign(patient_id=np.arange(500), time=0.0)
found = without_treatment(y, np.where(surgery < end, surgery, np.nan), history)
model = found.fit(lbp.CoxPH(), X)
judged = found.evaluate(model.predict_risk(X, 12)[:, 0], 12, [0.3, 0.5])
for metric in ("auc", "ipa", "observed_expected"):
    row = judged.metric(metric, "model")
    print(f"{metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
left = found.positivity([6, 12])
print(left[["horizon", "treated", "known", "largest_weight", "effective_size"]].round(1).to_string(index=False))
ax = found.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/without_treatment.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
