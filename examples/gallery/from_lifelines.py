"""Can a lifelines model be judged?

Any lifelines model is wrapped, not refitted; its risks are evaluated like all others.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter

import lbp_prognosis as lbp
from lbp_prognosis.models import as_risk_model

rng = np.random.default_rng(30)
table = pd.DataFrame(rng.normal(size=(500, 2)), columns=["pain", "age"])
recovery, lost = rng.exponential(9 * np.exp(0.6 * table["pain"])), rng.uniform(6, 24, 500)
table["months"], table["recovered"] = np.minimum(recovery, lost), recovery <= lost
theirs = as_risk_model(CoxPHFitter().fit(table.head(250), "months", "recovered"))
new = table.tail(250)
risk = theirs.predict_risk(new[["pain", "age"]], 12)[:, 0]
found = lbp.evaluate(lbp.Surv.right(new["months"], new["recovered"]), {"lifelines": risk}, 12, n_resamples=50)
for metric in ("auc", "ipa", "observed_expected"):
    row = found.metric(metric, "lifelines")
    print(f"{metric}: {row.value:.3f} ({row.low:.3f} to {row.high:.3f})")
ax = found.calibrations["lifelines"].plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/from_lifelines.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
