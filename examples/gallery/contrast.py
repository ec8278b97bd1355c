"""What is the effect of a predictor that is not linear?

Each term is tested with its curve and its interaction; contrasts say how large the effect is.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.fusion import from_formula
from lbp_prognosis.validation import anova, contrast

rng = np.random.default_rng(29)
table = pd.DataFrame({"odi": rng.uniform(0, 80, 400), "sex": rng.choice(["f", "m"], 400)})
recovery, lost = rng.exponential(6 * np.exp((table["odi"] / 50) ** 2)), rng.uniform(6, 24, 400)
table["months"], table["status"] = np.minimum(recovery, lost), (recovery <= lost).astype(int)
pipeline, X, y = from_formula(lbp.CoxPH(), "Surv(months, status) ~ rcs(odi, 3) * sex", table)
fitted = pipeline.fit(X, y)
tests = anova(fitted).to_frame().query("test in ['total', 'nonlinear', 'interaction']")
print(tests[["term", "test", "statistic", "df", "p"]].round(3).to_string(index=False))
found = contrast(fitted, X, {"odi": list(range(10, 80, 10))}, {"odi": 20})
print(found.to_frame()[["odi", "ratio", "ratio_low", "ratio_high"]].round(2).to_string(index=False))
ax = found.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/contrast.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
