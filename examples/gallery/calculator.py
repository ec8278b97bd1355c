"""How do I give the model to a clinician?

One file, readable offline, with purpose, interval and validation; here the figure shows risks over one predictor.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import lbp_prognosis as lbp
from lbp_prognosis.deployment import IntendedUse, calculator_page

table = lbp.schema.read_table("examples/registry.dta").frame.dropna()
X = table[["age", "nrs_back", "odi", "expectation"]]
model = lbp.CoxPH(penalty=2.0).fit(X, lbp.Surv.right(table["months"], table["status"] == 1))
use = IntendedUse("Talk about recovery", "Adults with low back pain, first visit", "recovered", "1.0, January 2026")
page = Path("out/gallery/calculator.html")
page.parent.mkdir(parents=True, exist_ok=True)
calculator_page(model, page, use=use, horizons=[12], time_unit="months", unvalidated_reason="No second registry yet.")
print(f"{page.name}: {page.stat().st_size / 1000:.0f} kB, no patient in it")
grid = X.median().to_frame().T.loc[[0] * 11].assign(expectation=np.arange(11.0))  # other values at their medians
risk, se = model.predict_risk(grid, 12)[:, 0], model.risk_se(grid, 12)[:, 0]
for k in (0, 5, 10):
    print(f"expectation {k}: {risk[k]:.3f} ({risk[k] - 1.96 * se[k]:.3f} to {risk[k] + 1.96 * se[k]:.3f})")
fig, ax = plt.subplots(figsize=(6.4, 4))
ax.plot(grid["expectation"], risk, color="#0072b2")
ax.fill_between(grid["expectation"], risk - 1.96 * se, risk + 1.96 * se, color="#0072b2", alpha=0.2)
ax.set(xlabel="expectation that pain will persist, 0–10", ylabel="risk of recovery by 12 months", ylim=(0, 1))

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/calculator.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
