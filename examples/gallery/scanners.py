"""Do scanners measure the same thing?

Values differ between scanners more than between patients; ComBat takes off the scanner and keeps age.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lbp_prognosis.evaluation.technical import scanner_effect
from lbp_prognosis.fusion import ComBat

rng = np.random.default_rng(18)
site, age = rng.choice(["A", "B", "C", "D"], 300), rng.normal(50, 12, 300)
offset = pd.Series({"A": 0.0, "B": 4.0, "C": -3.0, "D": 1.0})[site].to_numpy()
X = pd.DataFrame({"fat": 20 + 0.3 * (age - 50) + offset + rng.normal(0, 4, 300), "age": age, "site": site})
X["signal"] = 100 + 2 * offset + rng.normal(0, 10, 300)
even = ComBat("site", columns=["fat", "signal"], covariates=["age"]).fit_transform(X)
before = scanner_effect(X["fat"], site, covariates=X[["age"]])
after = scanner_effect(even["fat"], site, covariates=X[["age"]])
for name, found in {"measured": before, "after ComBat": after}.items():
    print(f"{name}: scanners explain {found.r2:.3f} of the variance")
    print(found.table.round(2).to_string(index=False))
ax = before.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/scanners.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
