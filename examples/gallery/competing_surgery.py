"""What if patients are operated before they can recover?

Surgery competes with recovery. One minus Kaplan–Meier counts recoveries that surgery has made impossible.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.survival import aalen_johansen, kaplan_meier

y = lbp.simulate_cohort(500, 6, surgery=0.25).wide().y  # 1 recovery, 2 surgery; months
recovery, surgery = aalen_johansen(y, cause=1), aalen_johansen(y, cause=2)
for name, curve in {"recovery": recovery, "surgery": surgery}.items():
    at = curve.at(12)
    print(f"{name} by 12 months: {at.value:.3f} ({at.low:.3f} to {at.high:.3f})")
alone = lbp.Surv.right(y["time"], y["event"] == 1)  # as if surgery were the end of follow-up
wrong = 1 - kaplan_meier(alone).at(12).value
print(f"one minus Kaplan-Meier: {wrong:.3f}, too high by {wrong - recovery.at(12).value:.3f}")
ax = recovery.plot(risk_table=False, unit="months")
surgery.plot(ax, risk_table=False, unit="months")
for name, curve in {"recovery": recovery, "surgery": surgery}.items():
    ax.text(18, curve.at(18).value + 0.05, name)

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/competing_surgery.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
