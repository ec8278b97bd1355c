"""How does the risk change when the patient comes back?

A landmark model predicts again at every visit, in those still at risk, with what is known by then.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.models import DynamicRisk
from lbp_prognosis.validation import dynamic_performance

rng, n, marks = np.random.default_rng(10), 600, [0.0, 3.0, 6.0]
pain = np.cumsum(rng.normal(0, [1.0, 0.7, 0.7], size=(n, 3)), axis=1)  # at months 0, 3 and 6
hazard, need = 0.09 * np.exp(-0.8 * pain), rng.exponential(size=(n, 3))  # of recovery, from each visit on
wait = need / hazard
time = np.where(wait[:, 0] < 3, wait[:, 0], np.where(wait[:, 1] < 3, 3 + wait[:, 1], 6 + wait[:, 2]))
lost = rng.uniform(8, 30, n)
y = lbp.Surv.right(np.minimum(time, lost), time <= lost)
known = {at: pd.DataFrame({"pain": pain[:, k]}) for k, at in enumerate(marks)}
new = np.arange(n) >= n // 2
model = DynamicRisk(marks, 6.0).fit({at: frame[~new] for at, frame in known.items()}, y[~new])
judged = dynamic_performance(model, {at: frame[new] for at, frame in known.items()}, y[new], n_resamples=0)
for row in judged.to_frame().query("metric == 'auc'").itertuples():
    print(f"month {row.group}, AUC: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
ax = model.updates({at: frame[new] for at, frame in known.items()}).plot(rows=[0, 1, 2, 3])
ax.set(xlabel="months", ylabel="risk of recovery within 6 months")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/updates.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
