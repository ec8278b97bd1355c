"""Would decisions be better with the model?

Net benefit over a range of thresholds, against treating all, treating none and a simpler model.
"""

import sys
from pathlib import Path

import numpy as np

import lbp_prognosis as lbp

rng = np.random.default_rng(4)
pain, image = rng.normal(size=(2, 900))
recovery, lost = rng.exponential(9 * np.exp(0.6 * pain + 0.5 * image)), rng.uniform(6, 24, 900)
y = lbp.Surv.right(np.minimum(recovery, lost), recovery <= lost)
X = np.column_stack([pain, image])
new = rng.permutation(900) < 600  # fitted on these, judged on the others
risks = {}
for name, columns in {"pain": [0], "pain and image": [0, 1]}.items():
    risks[name] = lbp.CoxPH().fit(X[new][:, columns], y[new]).predict_risk(X[~new][:, columns], 12)[:, 0]
curve = lbp.decision_curve(y[~new], risks, 12, np.arange(0.1, 0.61, 0.05), target="no_event")
gain = curve.difference("pain and image", "pain").to_frame().set_index("threshold")
print(gain.loc[[0.2, 0.3, 0.4], ["value", "low", "high"]].round(3).to_string())
ax = curve.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/decision_curve.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
